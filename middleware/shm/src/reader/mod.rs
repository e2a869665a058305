//! The receiving side of a topic.

mod receive;
mod subscribe;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tidewire_idl::Guid;
use tidewire_transport::{Crowd, EndpointSpec, Prefix, SequenceGaps};

use crate::domain::Shared;
use crate::error::ShmError;
use crate::order::Order;
use crate::past::Past;
use crate::presence::{EndpointKind, Entry, Names, SlotGuard, Terms};
use crate::pulse::WriterWatch;
use crate::routes::{count_writers, find_writer, read_both};
use crate::sample::{ShmInlet, ShmSample};
use crate::service;
use subscribe::{queue, subscribe};

/// A reader's shared-memory side; see [`ShmWriter`](crate::ShmWriter) for both sides at work.
///
/// Take until there is nothing left, then [`wait`](crate::ShmDomain::wait):
///
/// ```
/// use std::time::Duration;
/// use tidewire_idl::Guid;
/// use tidewire_shm::{ShmDomain, ShmOptions};
/// use tidewire_transport::{EndpointSpec, SampleMeta};
///
/// # let root = tempfile::tempdir().unwrap();
/// # let options = ShmOptions { root: Some(root.path().join("shm")), ..ShmOptions::default() };
/// let domain = ShmDomain::join(7, [1; 12], "plant/recorder", &options)?;
/// let spec = EndpointSpec::new("plant/log", "tidewire::event::Log", true);
/// let mut reader = domain.reader(&spec, Guid([2; 16]))?;
/// # let mut writer = domain.writer(&spec, Guid([1; 16]))?;
/// # writer.send(&SampleMeta { sequence: 1, ..SampleMeta::default() }, b"\0\x01\0\0hello")?;
///
/// let mut payloads = Vec::new();
/// while payloads.is_empty() {
///     let seen = domain.epoch();
///     while let Some(sample) = reader.take()? {
///         payloads.push(sample.into_bytes());
///     }
///     if payloads.is_empty() {
///         domain.wait(seen, Duration::from_secs(1));
///     }
/// }
/// assert_eq!(&payloads[0][4..], b"hello");
/// # Ok::<(), tidewire_shm::ShmError>(())
/// ```
pub struct ShmReader {
    spec: EndpointSpec,
    topic: u128,
    gaps: SequenceGaps,
    order: Order,
    past: Past,
    lost: u64,
    /// Participants whose samples came.
    sources: HashSet<Prefix>,
    /// Writers whose samples came, and whether they match: writers that do not still send to the
    /// readers of a lane that do.
    judged: HashMap<Guid, bool>,
    /// When to forget those that are gone.
    crowd: Crowd,
    /// The generation in which writers can find it.
    joined: u64,
    /// The last generation of publishers we mapped.
    attached: u64,
    /// The generation in which there was nothing left to take, which we said.
    settled: u64,
    /// Whether something was taken since we last said so.
    took: bool,
    /// Looks in vain; wraps.
    idle: u32,
    /// Whose sample came last: they come in runs.
    last_source: Option<Prefix>,
    slot: Option<SlotGuard>,
    inlet: Arc<ShmInlet>,
}

impl ShmReader {
    pub(crate) fn new(
        shared: Arc<Shared>,
        spec: &EndpointSpec,
        guid: Guid,
    ) -> Result<Self, ShmError> {
        let topic = service::topic_hash(spec);
        let (reliable, buffer) = queue(spec);
        // Making the subscriber maps the publishers there are now.
        let attached = shared.control.generation();
        let (lane, factory, subscriber) = subscribe(&shared, spec, reliable, buffer)?;
        // The subscriber stands before writers hear of it, so what they send then arrives.
        let kind = EndpointKind::Reader(lane);
        let mut spec = spec.clone();
        read_both(&mut spec.qos);
        let terms = Terms::new(guid, &spec.qos);
        let names = Names { topic: spec.topic.clone(), type_name: spec.type_name.clone() };
        let entry = Entry { kind, topic, attached, buffer: buffer as u32, names, terms };
        let slot = shared.own.register(entry)?;
        let joined = shared.control.bump();
        let past = Past::new(&spec);
        Ok(Self {
            spec,
            topic,
            gaps: SequenceGaps::default(),
            order: Order::default(),
            past,
            lost: 0,
            sources: HashSet::new(),
            judged: HashMap::new(),
            crowd: Crowd::default(),
            joined,
            attached,
            settled: u64::MAX,
            took: false,
            idle: 0,
            last_source: None,
            slot: Some(slot),
            inlet: ShmInlet::new(subscriber, factory, shared),
        })
    }

    /// Gives the reader its DDS GUID, if that was not known when it was made (and was zero). Until then
    /// [`readers_of`](crate::ShmDomain::readers_of) does not list it.
    pub fn identify(&self, guid: Guid) {
        if let Some(slot) = &self.slot {
            slot.slot().identify(guid);
            self.inlet.shared().control.bump();
        }
    }

    /// Takes the next sample, in the order of each writer; `None` if there is none now.
    ///
    /// # Errors
    /// [`ShmError::TooManyBorrowed`] if this reader holds too many samples, [`ShmError::Backend`] if
    /// a writer's memory cannot be reached.
    pub fn take(&mut self) -> Result<Option<ShmSample>, ShmError> {
        match self.next() {
            Ok(taken) => Ok(taken.map(|taken| taken.through(self.inlet.clone()))),
            Err(error) => Err(*error),
        }
    }

    /// What the samples of this reader come through, for [`take_from`](Self::take_from).
    pub fn inlet(&self) -> Arc<ShmInlet> {
        self.inlet.clone()
    }

    /// As [`take`](Self::take), for callers that keep the [`inlet`](Self::inlet) of this reader: the
    /// sample refers to it instead of counting.
    ///
    /// # Panics
    /// If it is the inlet of another reader.
    ///
    /// # Errors
    /// As for [`take`](Self::take); boxed, so that samples are not moved about as large as errors.
    #[inline(always)]
    pub fn take_from<'inlet>(
        &mut self,
        inlet: &'inlet ShmInlet,
    ) -> Result<Option<ShmSample<&'inlet ShmInlet>>, Box<ShmError>> {
        assert!(std::ptr::eq(inlet, &*self.inlet), "not this reader's inlet");
        Ok(self.next()?.map(|taken| taken.through(inlet)))
    }

    /// Whether [`take`](Self::take) has something to look at: a sample, or one that it passes over.
    pub fn waits(&self) -> bool {
        !self.order.is_empty() || self.inlet.waits()
    }

    /// Samples that never came, by the gaps in their writers' sequence numbers: dropped because this
    /// reader was too slow.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// The generation of the domain since which writers find this reader. iceoryx2 knows it a moment
    /// earlier: until then they may send to it without a look for late joiners.
    pub fn joined(&self) -> u64 {
        self.joined
    }

    /// Changes whenever a participant or endpoint of the domain comes or goes on this host.
    pub fn generation(&self) -> u64 {
        self.inlet.shared().control.generation()
    }

    /// Whether this writer is on this host.
    pub fn is_there(&self, writer: Guid) -> bool {
        find_writer(&self.inlet.shared().peers, self.topic, writer).is_some()
    }

    /// The writers on this host that this reader matches, to look after their liveliness.
    pub fn watch(&self) -> WriterWatch {
        WriterWatch::new(self.inlet.shared(), self.topic, self.spec.qos.clone())
    }

    /// Writers on this host that this reader matches.
    pub fn matched(&self) -> usize {
        count_writers(&self.inlet.shared().peers, self.topic, &self.spec.qos)
    }
}

impl Drop for ShmReader {
    fn drop(&mut self) {
        for sample in self.order.clear() {
            drop(sample.through(&*self.inlet));
        }
        // Writers stop counting on us before the subscriber goes.
        self.slot = None;
        self.inlet.shared().control.bump();
    }
}

impl std::fmt::Debug for ShmReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShmReader")
            .field("topic", &self.spec.topic)
            .field("qos", &self.spec.qos)
            .field("lost", &self.lost)
            .finish_non_exhaustive()
    }
}

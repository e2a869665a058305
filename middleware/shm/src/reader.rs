//! The receiving side of a topic.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use iceoryx2::port::ReceiveError;
use tidewire_idl::Guid;
use tidewire_transport::{Crowd, EndpointSpec, Prefix, SequenceGaps};

use crate::domain::Shared;
use crate::error::ShmError;
use crate::order::{Order, is_early};
use crate::past::Past;
use crate::presence::{EndpointKind, Entry, Names, SlotGuard, Terms};
use crate::pulse::{self, WriterWatch, is_alive};
use crate::routes::{count_writers, find_writer, judge, read_both};
use crate::sample::{Pick, ShmInlet, ShmSample, Taken};
use crate::service::{self, MAX_BORROWED};
use crate::subscribe::{queue, subscribe};

/// Looks in vain after which a reader says once more that it has taken everything: the epoch it says
/// it with wraps.
const SAY_AGAIN: u32 = 1 << 20;

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
        shared.control.bump();
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

    #[inline(always)]
    fn next(&mut self) -> Result<Option<Taken>, Box<ShmError>> {
        let generation = self.inlet.shared().control.generation();
        // Something may have changed: a writer may have come with memory to map, or wait to hear that
        // we have taken all it sent.
        let mut news = (generation != self.settled).then(|| self.epoch());
        loop {
            let received = self.receive()?;
            if news.is_some() && generation != self.attached {
                self.attach(generation);
            }
            if received.is_some() {
                self.took = true;
                return Ok(received);
            }
            if let Some(epoch) = news {
                self.settle(generation, epoch);
                return Ok(None);
            }
            self.idle = self.idle.wrapping_add(1);
            if !self.took && !self.idle.is_multiple_of(SAY_AGAIN) {
                return Ok(None);
            }
            // Say that there is nothing left, which takes a second look.
            news = Some(self.epoch());
        }
    }

    /// Read before looking: a sample sent after this moves the epoch past it.
    fn epoch(&self) -> u32 {
        self.inlet.shared().own.wake().epoch()
    }

    /// The publishers of `generation` are mapped.
    #[cold]
    fn attach(&mut self, generation: u64) {
        self.attached = generation;
        if let Some(slot) = &self.slot {
            slot.slot().set_attached(generation);
        }
    }

    /// There was nothing left to take in `epoch`.
    #[cold]
    fn settle(&mut self, generation: u64, epoch: u32) {
        self.took = false;
        self.settled = generation;
        if let Some(slot) = &self.slot {
            slot.slot().set_drained(epoch);
        }
        if self.crowd.is(self.judged.len()) {
            self.forget();
        }
    }

    /// Everything has been taken: writers that are gone will not be heard of again.
    fn forget(&mut self) {
        let peers = &self.inlet.shared().peers;
        self.judged.retain(|writer, _| find_writer(peers, self.topic, *writer).is_some());
        self.gaps.retain(|writer| self.judged.contains_key(writer));
        self.past.retain(|writer| self.judged.contains_key(writer));
        self.sources.retain(|source| self.judged.keys().any(|writer| writer.prefix() == *source));
        self.crowd.left(self.judged.len());
    }

    /// Writers that are remembered.
    #[doc(hidden)]
    pub fn remembered(&self) -> usize {
        self.judged.len().max(self.gaps.writers()).max(self.sources.len())
    }

    #[inline(always)]
    fn receive(&mut self) -> Result<Option<Taken>, Box<ShmError>> {
        if self.order.is_empty() {
            let (received, early) = self.receive_any().map_err(|error| self.explain(error))?;
            match received {
                Some(sample) if early => self.order.put_aside(sample),
                received => return Ok(received),
            }
        }
        self.receive_in_order()
    }

    /// While samples wait for earlier ones of their writers.
    #[cold]
    fn receive_in_order(&mut self) -> Result<Option<Taken>, Box<ShmError>> {
        loop {
            if let Some(sample) = self.order.pop() {
                let meta = sample.meta();
                self.lost += self.past.live(&mut self.gaps, Guid(meta.writer), meta.sequence);
                return Ok(Some(sample));
            }
            match self.receive_any() {
                Ok((Some(sample), true)) => self.order.put_aside(sample),
                Ok((Some(sample), false)) => {
                    self.order.follow(Guid(sample.meta().writer), &self.gaps);
                    return Ok(Some(sample));
                }
                Ok((None, _)) if self.order.is_empty() => return Ok(None),
                // Nothing else can be taken, or nothing else can be held.
                Ok((None, _)) => self.order.release(),
                Err(ReceiveError::ExceedsMaxBorrows) if !self.order.is_empty() => {
                    self.order.release();
                }
                Err(error) => return Err(self.explain(error)),
            }
        }
    }

    /// The next sample of whichever publisher, and whether it is too early: then it is not counted yet.
    #[inline(always)]
    fn receive_any(&mut self) -> Result<(Option<Taken>, bool), ReceiveError> {
        let Self { spec, topic, inlet: own, gaps, lost, sources, judged, last_source, .. } = self;
        let mut early = false;
        let past = &mut self.past;
        let received = own.receive(|meta| {
            let Some(meta) = meta else {
                *lost += 1;
                return Pick::Drop;
            };
            // The usual case first: the next sample of the same writer.
            if meta.flags == 0 && gaps.follows(Guid(meta.writer), meta.sequence) {
                return Pick::Take;
            }
            let (meta, since) = (meta.read(), meta.since());
            let matches = *judged.entry(meta.writer).or_insert_with(|| {
                // One that is gone already has left nothing to judge it by.
                judge(&own.shared().peers, *topic, meta.writer, &spec.qos).unwrap_or(true)
            });
            if !matches {
                return Pick::Drop;
            }
            let source = meta.writer.prefix();
            if *last_source != Some(source) {
                *last_source = Some(source);
                if sources.insert(source) {
                    own.shared().peers.remember(&source);
                }
            }
            if meta.is_history() {
                *lost += past.history(gaps, &meta);
            } else {
                early = is_early(since, gaps.last(meta.writer));
                if !early {
                    *lost += past.live(gaps, meta.writer, meta.sequence);
                }
            }
            Pick::Take
        })?;
        Ok((received, early))
    }

    #[cold]
    fn explain(&self, error: ReceiveError) -> Box<ShmError> {
        Box::new(match error {
            ReceiveError::ExceedsMaxBorrows => {
                ShmError::TooManyBorrowed { topic: self.spec.topic.clone(), limit: MAX_BORROWED }
            }
            error => ShmError::Backend {
                action: format!("taking from `{}`", self.spec.topic),
                detail: format!("{error:?}"),
            },
        })
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

    /// OWNERSHIP_STRENGTH of a writer on this host; `None` if there is none of this GUID, or no more, or
    /// it has not said within its lease that it is alive.
    pub fn strength_of(&self, writer: Guid) -> Option<i32> {
        let (peer, index) = find_writer(&self.inlet.shared().peers, self.topic, writer)?;
        let offered = peer.slots().get(index)?.brief(EndpointKind::Writer, self.topic)?.qos;
        let mortal = !offered.liveliness.lease.is_infinite();
        let alive = !mortal || is_alive(&peer, index, offered.liveliness, pulse::now());
        alive.then_some(offered.ownership_strength)
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

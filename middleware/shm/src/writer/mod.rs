//! The sending side of a topic.

mod lanes;

use std::sync::Arc;
use std::time::Duration;

use tidewire_idl::Guid;
use tidewire_qos::Reliability;
use tidewire_transport::{EndpointSpec, Prefix, SampleMeta};

use crate::domain::Shared;
use crate::error::ShmError;
use crate::loan::{Heap, ShmLoan};
use crate::outlet::{Outlet, Sent};
use crate::presence::{EndpointKind, Entry, Lane, Names, SlotGuard, Terms};
use crate::pressure::Pressure;
use crate::routes::{ReaderId, Route, Routes};
use crate::service;
use crate::wire::PAD;

/// A writer's shared-memory side. It costs nothing but a look at one word while no reader is on this
/// host: memory and services are made when the first one comes.
///
/// ```
/// use tidewire_idl::Guid;
/// use tidewire_shm::{ShmDomain, ShmOptions};
/// use tidewire_transport::{EndpointSpec, SampleMeta};
///
/// # let root = tempfile::tempdir().unwrap();
/// # let options = ShmOptions { root: Some(root.path().join("shm")), ..ShmOptions::default() };
/// let domain = ShmDomain::join(7, [1; 12], "plant/pump1", &options)?;
/// let spec = EndpointSpec::new("plant/vibration", "tidewire::sensor::Vibration", true);
/// let mut writer = domain.writer(&spec, Guid([1; 16]))?;
/// let mut reader = domain.reader(&spec, Guid([2; 16]))?;
///
/// let meta = SampleMeta { writer: Guid([1; 16]), sequence: 1, ..SampleMeta::default() };
/// let mut loan = writer.loan(&meta, 8)?;
/// loan.copy_from_slice(&[0, 1, 0, 0, 42, 0, 0, 0]);
/// assert_eq!(loan.send()?.readers, 1);
///
/// let sample = reader.take()?.expect("just sent");
/// assert_eq!((sample.meta(), &sample[4..]), (meta, &[42, 0, 0, 0][..]));
/// # Ok::<(), tidewire_shm::ShmError>(())
/// ```
pub struct ShmWriter {
    spec: EndpointSpec,
    topic: u128,
    reliable: bool,
    pressure: Pressure,
    generation: u64,
    routes: Routes,
    outlets: [Option<Outlet>; Lane::COUNT],
    /// Where the sample being filled lies, and its length without pad.
    place: Place,
    len: usize,
    heap: Heap,
    slot: Option<SlotGuard>,
    pub(crate) shared: Arc<Shared>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Nowhere,
    Outlet(Lane),
    Heap,
}

/// What became of one sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Readers on this host that got it.
    pub readers: usize,
    /// Readers on this host that should have got it and did not: gone without notice, or all memory
    /// is held by stopped readers.
    pub missed: usize,
}

impl ShmWriter {
    pub(crate) fn new(
        shared: Arc<Shared>,
        spec: &EndpointSpec,
        guid: Guid,
    ) -> Result<Self, ShmError> {
        let (reliable, limit) = match spec.qos.reliability {
            Reliability::Reliable { max_blocking_time } => {
                (true, max_blocking_time.to_std().unwrap_or(Duration::MAX))
            }
            Reliability::BestEffort => (false, Duration::ZERO),
        };
        let topic = service::topic_hash(spec);
        let kind = EndpointKind::Writer;
        let terms = Terms::new(guid, &spec.qos);
        let names = Names { topic: spec.topic.clone(), type_name: spec.type_name.clone() };
        let entry = Entry { kind, topic, attached: 0, buffer: 0, names, terms };
        let slot = shared.own.register(entry)?;
        shared.control.bump();
        let mut writer = Self {
            spec: spec.clone(),
            topic,
            reliable,
            pressure: Pressure::new(limit, shared.bell()),
            generation: u64::MAX,
            routes: Routes::default(),
            outlets: Default::default(),
            place: Place::Nowhere,
            len: 0,
            heap: Heap::default(),
            slot: Some(slot),
            shared,
        };
        writer.refresh();
        writer.open_outlets()?;
        Ok(writer)
    }

    /// Copies `payload` into shared memory and sends it.
    ///
    /// # Errors
    /// [`ShmError::WriteTimeout`] on a RELIABLE writer if a reader did not make room within
    /// `max_blocking_time`; the other readers got the sample. [`ShmError::NoMemory`],
    /// [`ShmError::Limit`] or [`ShmError::Backend`] if it was not sent.
    pub fn send(&mut self, meta: &SampleMeta, payload: &[u8]) -> Result<Delivered, ShmError> {
        self.refresh();
        if self.routes.list.is_empty() {
            return Ok(Delivered::default());
        }
        self.reserve(payload.len())?;
        self.reserved_mut().copy_from_slice(payload);
        self.commit(meta)
    }

    /// Loans `len` bytes to be filled with a payload, encapsulation header included, and sent without
    /// a copy. The CDR body, at offset 4, is 16-byte aligned. What the bytes hold before is
    /// unspecified: fill all of them. Without a reader on this host they are ordinary memory.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub fn loan(&mut self, meta: &SampleMeta, len: usize) -> Result<ShmLoan<'_>, ShmError> {
        self.reserve(len)?;
        Ok(ShmLoan::new(self, *meta))
    }

    /// As [`loan`](Self::loan), for callers that keep the writer themselves: fill
    /// [`reserved_mut`](Self::reserved_mut), then [`commit`](Self::commit). The next `reserve` or
    /// `send` takes it back.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    #[inline]
    pub fn reserve(&mut self, len: usize) -> Result<(), ShmError> {
        self.len = len;
        // The usual case: nothing has changed, and the chunk was taken ahead.
        if self.generation == self.shared.control.generation()
            && let Some((lane, _)) = self.routes.lanes.first().copied()
            && let Some(outlet) = &self.outlets[lane.index()]
            && outlet.is_ready(len + PAD)
        {
            self.place = Place::Outlet(lane);
            return Ok(());
        }
        self.reserve_anew(len)
    }

    fn reserve_anew(&mut self, len: usize) -> Result<(), ShmError> {
        self.place = Place::Nowhere;
        self.refresh();
        let place = self.find_place(len);
        match place {
            // Filling it takes as long as it takes.
            Ok(_) => self.pressure.pause(),
            Err(_) => self.pressure.reset(),
        }
        self.place = place?;
        Ok(())
    }

    fn find_place(&mut self, len: usize) -> Result<Place, ShmError> {
        Ok(match self.routes.lanes.first().copied() {
            Some((lane, _)) if self.draft(lane)? => Place::Outlet(lane),
            _ => {
                self.heap.reserve(len + PAD);
                Place::Heap
            }
        })
    }

    /// The bytes last reserved; empty if there are none.
    pub fn reserved(&self) -> &[u8] {
        let bytes = match self.place {
            Place::Outlet(lane) => self.outlets[lane.index()].as_ref().map(Outlet::bytes),
            Place::Heap => Some(self.heap.bytes()),
            Place::Nowhere => None,
        };
        bytes.and_then(|bytes| bytes.get(PAD..PAD + self.len)).unwrap_or_default()
    }

    /// The bytes last reserved, to be filled; empty if there are none.
    #[inline]
    pub fn reserved_mut(&mut self) -> &mut [u8] {
        let bytes = match self.place {
            Place::Outlet(lane) => self.outlets[lane.index()].as_mut().map(Outlet::bytes_mut),
            Place::Heap => Some(self.heap.bytes_mut()),
            Place::Nowhere => None,
        };
        bytes.and_then(|bytes| bytes.get_mut(PAD..PAD + self.len)).unwrap_or_default()
    }

    pub(crate) fn take_back(&mut self) {
        self.place = Place::Nowhere;
        self.pressure.reset();
    }

    pub(crate) fn reserved_shared(&self) -> bool {
        matches!(self.place, Place::Outlet(_))
    }

    /// Sends what [`reserve`](Self::reserve) gave; nothing if it gave nothing since.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    #[inline]
    pub fn commit(&mut self, meta: &SampleMeta) -> Result<Delivered, ShmError> {
        let from = std::mem::take(&mut self.place);
        // The usual case: one lane, and its readers have mapped the publisher.
        if let (&[(lane, expected)], Place::Outlet(filled)) = (&*self.routes.lanes, from)
            && lane == filled
            && let Some(outlet) = &mut self.outlets[lane.index()]
            && (outlet.mapped || !lane.is_reliable())
        {
            let Sent { readers, timed_out, pressed } = outlet.send(meta)?;
            if pressed {
                self.pressure.reset();
            }
            self.routes.wake();
            outlet.prepare(self.len + PAD);
            return match timed_out {
                0 => Ok(Delivered { readers, missed: expected.saturating_sub(readers) }),
                _ => Err(self.timeout(timed_out)),
            };
        }
        self.commit_all(from, meta)
    }

    /// Says that this writer is alive at [`pulse_now`](crate::pulse_now): MANUAL_BY_TOPIC (DDS 1.4,
    /// 2.2.3.11).
    #[inline]
    pub fn assert_alive(&self, now: u64) {
        if let Some(slot) = &self.slot {
            slot.slot().assert(now);
        }
    }

    /// Changes whenever a participant or endpoint of the domain comes or goes on this host.
    pub fn generation(&self) -> u64 {
        self.shared.control.generation()
    }

    /// Readers on this host that a sample sent now would go to.
    pub fn matched(&self) -> usize {
        self.with_routes(Routes::readers)
    }

    /// Who they are.
    pub fn readers(&self) -> Vec<ReaderId> {
        self.with_routes(|routes| routes.list.iter().flat_map(Route::readers).collect())
    }

    /// The participants of those readers.
    pub fn reader_participants(&self) -> Vec<Prefix> {
        self.with_routes(|routes| routes.list.iter().map(|r| r.prefix()).collect())
    }

    fn with_routes<R>(&self, look: impl FnOnce(&Routes) -> R) -> R {
        if self.generation == self.shared.control.generation() {
            look(&self.routes)
        } else {
            look(&Routes::find(&self.shared.peers, self.topic, &self.spec.qos))
        }
    }
}

impl Drop for ShmWriter {
    fn drop(&mut self) {
        if !self.routes.is_drained() {
            self.ask();
        }
        for outlet in self.outlets.iter_mut().filter_map(Option::take) {
            self.shared.lingering.keep(outlet, self.routes.watch());
        }
        self.slot = None;
        self.shared.control.bump();
    }
}

impl std::fmt::Debug for ShmWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShmWriter")
            .field("topic", &self.spec.topic)
            .field("readers", &self.routes.readers())
            .finish_non_exhaustive()
    }
}

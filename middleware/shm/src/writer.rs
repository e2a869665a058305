//! The sending side of a topic.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidewire_idl::Guid;
use tidewire_qos::Reliability;
use tidewire_transport::{EndpointSpec, Prefix, SampleMeta};

use crate::domain::Shared;
use crate::error::ShmError;
use crate::loan::{Hold, ShmLoan};
use crate::outlet::{Chunk, Loaned, Outlet, first_len};
use crate::presence::{EndpointKind, Entry, Lane, SlotGuard};
use crate::pressure::Pressure;
use crate::routes::Routes;
use crate::service;
use crate::wire::{PAD, WireMeta};

/// How long samples of a smaller chunk size may take to be read before larger ones follow, on
/// writers that must not block. Keeps the order where it can be kept.
const GROW_PATIENCE: Duration = Duration::from_millis(20);

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
/// assert_eq!((sample.meta(), &sample[4..]), (&meta, &[42, 0, 0, 0][..]));
/// # Ok::<(), tidewire_shm::ShmError>(())
/// ```
pub struct ShmWriter {
    spec: EndpointSpec,
    topic: u128,
    reliable: bool,
    pressure: Pressure,
    generation: u64,
    routes: Routes,
    outlets: [Option<Outlet>; 2],
    slot: Option<SlotGuard>,
    pub(crate) shared: Arc<Shared>,
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
        _guid: Guid,
    ) -> Result<Self, ShmError> {
        let (reliable, limit) = match spec.qos.reliability {
            Reliability::Reliable { max_blocking_time } => {
                (true, max_blocking_time.to_std().unwrap_or(Duration::MAX))
            }
            Reliability::BestEffort => (false, Duration::ZERO),
        };
        let topic = service::topic_hash(spec);
        let lane = if reliable { Lane::Reliable } else { Lane::BestEffort };
        let kind = EndpointKind::Writer(lane);
        let slot = shared.own.register(Entry { kind, topic, attached: 0, buffer: 0 })?;
        shared.control.bump();
        let mut writer = Self {
            spec: spec.clone(),
            topic,
            reliable,
            pressure: Pressure::new(limit, shared.bell()),
            generation: u64::MAX,
            routes: Routes::default(),
            outlets: [None, None],
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
        let mut loan = self.loan(meta, payload.len())?;
        loan.copy_from_slice(payload);
        loan.send()
    }

    /// Loans `len` bytes to be filled with a payload, encapsulation header included, and sent without
    /// a copy. The CDR body, at offset 4, is 16-byte aligned. What the bytes hold before is
    /// unspecified: fill all of them. Without a reader on this host they are ordinary memory.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub fn loan(&mut self, meta: &SampleMeta, len: usize) -> Result<ShmLoan<'_>, ShmError> {
        self.refresh();
        let lane = match (self.routes.on(Lane::Reliable), self.routes.on(Lane::BestEffort)) {
            (0, 0) => return Ok(ShmLoan::new(self, *meta, Hold::heap(len), len)),
            (0, _) => Lane::BestEffort,
            (_, _) => Lane::Reliable,
        };
        let hold = match self.chunk(lane, meta, len)? {
            Some(chunk) => Hold::Chunk(lane, chunk),
            None => Hold::heap(len),
        };
        Ok(ShmLoan::new(self, *meta, hold, len))
    }

    /// Readers on this host that a sample sent now would go to.
    pub fn matched(&self) -> usize {
        self.with_routes(Routes::readers)
    }

    /// The participants of those readers.
    pub fn reader_participants(&self) -> Vec<Prefix> {
        self.with_routes(|routes| routes.list.iter().map(|r| r.prefix()).collect())
    }

    fn with_routes<R>(&self, look: impl FnOnce(&Routes) -> R) -> R {
        if self.generation == self.shared.control.generation() {
            look(&self.routes)
        } else {
            look(&Routes::find(&self.shared.peers, self.topic, self.reliable))
        }
    }

    /// Follows readers that came or went; one load if none did.
    fn refresh(&mut self) {
        let now = self.shared.control.generation();
        if self.generation == now {
            return;
        }
        self.generation = now;
        let mut routes = Routes::find(&self.shared.peers, self.topic, self.reliable);
        routes.inherit(&self.routes);
        self.routes = routes;
        if let Some(outlet) = &mut self.outlets[Lane::Reliable as usize] {
            outlet.mapped = false;
        }
        for lane in [Lane::Reliable, Lane::BestEffort] {
            if self.routes.on(lane) == 0
                && let Some(outlet) = self.outlets[lane as usize].take()
            {
                self.shared.lingering.keep(outlet, self.routes.watch());
            }
        }
    }

    fn open_outlets(&mut self) -> Result<(), ShmError> {
        for lane in [Lane::Reliable, Lane::BestEffort] {
            if self.routes.on(lane) > 0 {
                self.outlet(lane)?;
            }
        }
        Ok(())
    }

    fn outlet(&mut self, lane: Lane) -> Result<&mut Outlet, ShmError> {
        let place = &mut self.outlets[lane as usize];
        if place.is_none() {
            let factory = Arc::new(service::open(&self.shared.node, &self.spec, lane)?);
            let (len, budget) = (first_len(&self.spec), self.shared.options.segment_budget);
            let pressure = self.pressure.clone();
            let mut outlet = Outlet::open(factory, &self.spec, lane, len, budget, pressure)?;
            outlet.generation = self.shared.control.bump();
            *place = Some(outlet);
        }
        Ok(place.as_mut().expect("filled just above"))
    }

    /// A chunk with its header filled; `None` if all memory is held and the lane does not wait.
    fn chunk(
        &mut self,
        lane: Lane,
        meta: &SampleMeta,
        len: usize,
    ) -> Result<Option<Chunk>, ShmError> {
        let len = len + PAD;
        let budget = self.shared.options.segment_budget;
        if !self.outlet(lane)?.fits(len) {
            // Readers take from publishers in no particular order: let them finish with the old.
            self.wait_drained();
            #[expect(clippy::result_large_err, reason = "a failure hands the outlet back")]
            self.replace(lane, |outlet| outlet.larger(len, budget))?;
        }
        loop {
            match self.outlet(lane)?.loan(len)? {
                Loaned::Chunk(mut chunk) => {
                    *chunk.user_header_mut() = WireMeta::from(meta);
                    return Ok(Some(chunk));
                }
                Loaned::Full => match self.replace(lane, Outlet::deeper) {
                    Ok(()) => (),
                    Err(ShmError::NoMemory { .. }) => return Ok(None),
                    Err(error) => return Err(error),
                },
            }
        }
    }

    fn replace(
        &mut self,
        lane: Lane,
        make: impl FnOnce(Outlet) -> Result<(Outlet, Outlet), (Outlet, ShmError)>,
    ) -> Result<(), ShmError> {
        let Some(outlet) = self.outlets[lane as usize].take() else { return Ok(()) };
        let (next, result) = match make(outlet) {
            Ok((mut next, old)) => {
                next.generation = self.shared.control.bump();
                self.shared.lingering.keep(old, self.routes.watch());
                (next, Ok(()))
            }
            Err((old, error)) => (old, Err(error)),
        };
        self.outlets[lane as usize] = Some(next);
        result
    }

    fn wait_drained(&self) {
        let limit = if self.reliable { self.pressure.limit() } else { GROW_PATIENCE };
        let start = Instant::now();
        while !self.routes.is_drained() && start.elapsed() < limit {
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    /// A reader maps a new publisher when it next looks. Until then its queue fills without
    /// back-pressure, so a full one is waited for here; returns how many stay full.
    fn wait_attached(&mut self) -> usize {
        let start = Instant::now();
        loop {
            let Some(outlet) = &mut self.outlets[Lane::Reliable as usize] else { return 0 };
            if outlet.mapped || self.routes.all_attached(outlet.generation) {
                outlet.mapped = true;
                return 0;
            }
            let full = self.routes.unattached(outlet.generation, outlet.sent);
            if full == 0 || outlet.waited || start.elapsed() >= self.pressure.limit() {
                outlet.waited |= full > 0;
                return full;
            }
            self.routes.wake();
            self.pressure.ring();
            std::thread::sleep(Duration::from_micros(200));
            self.refresh();
        }
    }

    /// Sends what a loan holds, on the other lane too if that has readers.
    pub(crate) fn finish(
        &mut self,
        meta: &SampleMeta,
        hold: Hold,
        len: usize,
    ) -> Result<Delivered, ShmError> {
        let mut delivered = Delivered::default();
        let mut timed_out = 0;
        let mut failure = None;
        let first = match &hold {
            Hold::Chunk(lane, _) => Some(*lane),
            Hold::Heap(_) => None,
        };
        for lane in [Lane::Reliable, Lane::BestEffort] {
            let expected = self.routes.on(lane);
            if first == Some(lane) || expected == 0 {
                continue;
            }
            match self.copy(lane, meta, &hold, len) {
                Ok(Some(chunk)) => {
                    let posted = self.post(lane, chunk, &mut delivered, &mut timed_out);
                    failure = posted.err().or(failure);
                }
                Ok(None) => delivered.missed += expected,
                Err(error) => failure = Some(error),
            }
        }
        if let Hold::Chunk(lane, chunk) = hold {
            let posted = self.post(lane, chunk, &mut delivered, &mut timed_out);
            failure = posted.err().or(failure);
        }
        self.routes.wake();
        if timed_out > 0 {
            failure = Some(ShmError::WriteTimeout {
                topic: self.spec.topic.clone(),
                waited: self.pressure.limit(),
                readers: timed_out,
            });
        }
        match failure {
            Some(error) => Err(error),
            None => Ok(delivered),
        }
    }

    fn copy(
        &mut self,
        lane: Lane,
        meta: &SampleMeta,
        from: &Hold,
        len: usize,
    ) -> Result<Option<Chunk>, ShmError> {
        let chunk = self.chunk(lane, meta, len)?;
        Ok(chunk.map(|chunk| {
            let mut copy = Hold::Chunk(lane, chunk);
            copy.bytes_mut(len).copy_from_slice(from.bytes(len));
            match copy {
                Hold::Chunk(_, chunk) => chunk,
                Hold::Heap(_) => unreachable!("made from a chunk just above"),
            }
        }))
    }

    fn post(
        &mut self,
        lane: Lane,
        chunk: Chunk,
        delivered: &mut Delivered,
        timed_out: &mut usize,
    ) -> Result<(), ShmError> {
        if lane == Lane::Reliable {
            *timed_out += self.wait_attached();
        }
        let expected = self.routes.on(lane);
        let Some(outlet) = &mut self.outlets[lane as usize] else { return Ok(()) };
        let sent = outlet.send(chunk)?;
        *timed_out += sent.timed_out;
        // iceoryx2 does not count receivers when one of them failed.
        let readers =
            if sent.timed_out > 0 { expected.saturating_sub(sent.timed_out) } else { sent.readers };
        delivered.readers += readers;
        delivered.missed += expected.saturating_sub(readers);
        Ok(())
    }
}

impl Drop for ShmWriter {
    fn drop(&mut self) {
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

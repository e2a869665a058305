//! What typed and raw readers share: both transports, each sample once.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidewire_filter::Filter;
use tidewire_idl::{Guid, SampleInfo, TypeDescriptor};
use tidewire_qos::policy::Durability;
use tidewire_shm::{ShmError, ShmInlet, ShmReader, ShmSample};
use tidewire_transport::dds::{DdsError, DdsSample};
use tidewire_transport::{Counter, EndpointSpec, Latch, Prefix, SampleMeta, now_ns};

use super::content::Content;
use super::filter::{Change, Gates, Writers};
use super::incoming::{Arrived, Incoming};
use super::track::Tracks;
use crate::backend::DdsReader;
use crate::deadline::DeadlineMissed;
use crate::error::{BusError, ReadError};
use crate::keys::Keys;
use crate::participant::{Core, LastPoint, OwnEndpoint};
use crate::support::{self, Role};

/// A sample that is taken this soon after it was written, in ns, has not waited: to look for newer ones
/// that displace it would cost every reader that keeps up.
const PROMPT: i64 = 100_000;

pub(crate) struct ReaderCore {
    pub spec: EndpointSpec,
    guid: Guid,
    pub core: Arc<Core>,
    incoming: Arc<Incoming>,
    /// Of `state.shm`, for samples that live longer than the lock.
    inlet: Option<Arc<ShmInlet>>,
    state: Latch<State>,
    received: Counter,
    /// Whether history is for this reader too.
    durable: bool,
    /// Whether samples have a deadline.
    timed: bool,
    /// Whether only the last samples of an instance are kept.
    keeps_last: bool,
    /// Whether samples of shared memory wait in `incoming`.
    behind: AtomicBool,
    /// Takes in a row that found nothing: more than one, and somebody polls.
    idle: AtomicU32,
    /// Whether a writer elsewhere is matched.
    remote: AtomicBool,
    dds: Option<DdsReader>,
    content: Option<Arc<Content>>,
}

struct State {
    shm: Option<ShmReader>,
    tracks: Tracks,
    gates: Gates,
    point: LastPoint,
    /// Which transport to ask first next time, so that neither starves the other.
    dds_first: bool,
}

/// A sample on shared memory.
pub(super) type Shm<'reader> = ShmSample<&'reader ShmInlet>;

/// A payload where it lies.
pub(crate) enum Payload<'reader> {
    Shm(Shm<'reader>),
    Dds(Bytes),
}

impl Deref for Payload<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Shm(sample) => sample,
            Self::Dds(bytes) => bytes,
        }
    }
}

impl Payload<'_> {
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Shm(sample) => sample.into_bytes(),
            Self::Dds(bytes) => bytes,
        }
    }
}

impl ReaderCore {
    pub fn new(
        core: &Arc<Core>,
        spec: EndpointSpec,
        ty: Option<&TypeDescriptor>,
        content: Option<Filter>,
    ) -> Result<Arc<Self>, BusError> {
        support::check(&spec.topic, &spec.qos, Role::Reader)?;
        let keys = Keys::of(ty.filter(|_| spec.keyed));
        support::check_instances(&spec, keys.known())?;
        let content = content.map(|filter| Arc::new(Content::new(filter)));
        let incoming = Arc::new(Incoming::new(core, keys, spec.keyed, &spec.qos, content.clone()));
        // Shared memory first: a writer that then hears of the DDS reader finds it there already.
        let (shm, dds) = match (&core.shm, &core.dds) {
            (None, Some(dds)) => (None, Some(dds.reader(&spec, incoming.clone())?)),
            (Some(shm), None) => (Some(shm.reader(&spec, core.own_guid(&spec, false))?), None),
            (Some(shm), Some(dds)) => {
                let shared = shm.reader(&spec, core.own_guid(&spec, false))?;
                (Some(shared), Some(dds.reader(&spec, incoming.clone())?))
            }
            (None, None) => (None, None),
        };
        let guid = match &dds {
            Some(dds) => dds.guid(),
            None => core.own_guid(&spec, false),
        };
        let reader = Arc::new(Self {
            guid,
            core: core.clone(),
            incoming,
            inlet: shm.as_ref().map(ShmReader::inlet),
            state: Latch::new(State {
                shm,
                tracks: Tracks::default(),
                gates: Gates::new(&spec.qos, content.clone()),
                point: LastPoint::default(),
                dds_first: false,
            }),
            received: Counter::default(),
            durable: spec.qos.durability > Durability::Volatile,
            timed: !spec.qos.deadline.is_infinite(),
            keeps_last: spec.qos.history.depth().is_some(),
            behind: AtomicBool::new(false),
            idle: AtomicU32::new(0),
            remote: AtomicBool::new(false),
            dds,
            content,
            spec,
        });
        core.register(OwnEndpoint::Reader(Arc::downgrade(&reader)));
        if reader.timed {
            core.start_watch()?;
        }
        // A writer may have matched before the reader was registered.
        reader.rematch();
        Ok(reader)
    }

    /// Discovery has news.
    pub fn rematch(&self) {
        let Some(dds) = &self.dds else { return };
        let remote = dds.matched().iter().any(|writer| !self.core.is_local(&writer.prefix()));
        self.remote.store(remote, Ordering::Relaxed);
    }

    pub fn guid(&self) -> Guid {
        self.guid
    }

    /// Its policies and that writer's do not fit.
    pub fn block(&self, writer: Guid) {
        self.incoming.block(writer);
    }

    /// The next change, from either transport.
    pub fn take(&self) -> Result<Option<(SampleInfo, Payload<'_>)>, ReadError> {
        let taken = self.take_as(
            |sample, reception_time, last| {
                let meta = sample.meta();
                let point = self.point(last, &meta.writer.prefix());
                (info_of(&meta, reception_time, point), Payload::Shm(sample))
            },
            |arrived, last| {
                let point = self.point(last, &arrived.sample.writer.prefix());
                (arrived.info(point), Payload::Dds(arrived.sample.payload))
            },
        );
        taken.map_err(|error| *error)
    }

    /// The next change, as `shm` or `dds` make of it; whichever transport has one, in turns.
    #[inline(always)]
    pub fn take_as<'reader, R>(
        &'reader self,
        shm: impl FnOnce(Shm<'reader>, i64, &mut LastPoint) -> R,
        dds: impl FnOnce(Arrived, &mut LastPoint) -> R,
    ) -> Result<Option<R>, Fault> {
        let mut state = self.state.lock();
        if self.behind.load(Ordering::Relaxed) {
            return self.take_newest(&mut state, dds);
        }
        state.dds_first = !state.dds_first;
        if state.dds_first
            && self.incoming.waits()
            && let Some(arrived) = self.take_dds(&mut state)
        {
            return Ok(Some(self.arrived(arrived, &mut state, dds)));
        }
        if let Some((sample, time)) = self.take_shm(&mut state)? {
            if self.keeps_last && time.saturating_sub(sample.source_time()) > PROMPT {
                self.park(&sample, time);
                return self.take_newest(&mut state, dds);
            }
            // Under the lock of `state`.
            self.received.step();
            return Ok(Some(shm(sample, time, &mut state.point)));
        }
        if !self.incoming.waits() {
            if !self.remote.load(Ordering::Relaxed) {
                return self.nothing();
            }
            drop(state);
            self.poll_dds();
            state = self.state.lock();
        }
        match self.take_dds(&mut state) {
            Some(arrived) => Ok(Some(self.arrived(arrived, &mut state, dds))),
            None => self.nothing(),
        }
    }

    /// Under KEEP_LAST, when samples have waited: the newest of each instance displace older ones in
    /// the queue of what came over DDS, and all are taken from there.
    #[cold]
    fn take_newest<R>(
        &self,
        state: &mut State,
        dds: impl FnOnce(Arrived, &mut LastPoint) -> R,
    ) -> Result<Option<R>, Fault> {
        while let Some((sample, time)) = self.take_shm(state)? {
            self.park(&sample, time);
        }
        let taken = self.take_dds(state);
        self.behind.store(self.incoming.waits(), Ordering::Relaxed);
        match taken {
            Some(arrived) => Ok(Some(self.arrived(arrived, state, dds))),
            None => self.nothing(),
        }
    }

    fn park(&self, sample: &Shm<'_>, reception_time: i64) {
        let SampleMeta { writer, sequence, source_time, key, state, expires, .. } = sample.meta();
        let payload = Bytes::copy_from_slice(sample);
        let sample = DdsSample { writer, sequence, source_time, key, state, payload };
        self.incoming.park(Arrived { sample, reception_time, expires, passed: true });
    }

    /// Deadlines that passed without a sample.
    pub fn deadline_missed(&self) -> DeadlineMissed {
        self.incoming.deadlines().map_or_else(Default::default, |d| d.lock().missed())
    }

    /// Looks after the deadlines; says whether one was missed.
    pub fn watch(&self, now: i64) -> bool {
        let Some(deadlines) = self.incoming.deadlines() else { return false };
        if !deadlines.lock().is_in_doubt(now) {
            return false;
        }
        // What waits on shared memory may have come in time. Whoever takes just now will tell.
        let Some(mut state) = self.state.try_lock() else { return false };
        while let Ok(Some((sample, time))) = self.take_shm(&mut state) {
            self.park(&sample, time);
            self.behind.store(true, Ordering::Relaxed);
        }
        deadlines.lock().check(now)
    }

    /// There is no sample; or the DDS side has stopped.
    #[inline]
    fn nothing<R>(&self) -> Result<Option<R>, Fault> {
        match self.core.check() {
            Ok(()) => Ok(None),
            Err(error) => Err(Box::new(error.into())),
        }
    }

    #[cold]
    fn arrived<R>(
        &self,
        arrived: Arrived,
        state: &mut State,
        dds: impl FnOnce(Arrived, &mut LastPoint) -> R,
    ) -> R {
        self.idle.store(0, Ordering::Relaxed);
        self.received.step();
        dds(arrived, &mut state.point)
    }

    /// Looks for samples off the wire itself if somebody polls: the receive thread would have to be
    /// scheduled first. Whoever waits to be woken finds them in the queue.
    fn poll_dds(&self) {
        if self.idle.fetch_add(1, Ordering::Relaxed) > 0
            && let Some(dds) = &self.dds
        {
            dds.pump();
        }
    }

    /// The next sample on shared memory and when we saw it.
    #[inline(always)]
    fn take_shm(&self, state: &mut State) -> Result<Option<(Shm<'_>, i64)>, Fault> {
        let (Some(inlet), State { shm: Some(shm), tracks, gates, .. }) = (&self.inlet, state)
        else {
            return Ok(None);
        };
        let guarded = self.timed || self.durable || !gates.are_open() || self.incoming.blocks_any();
        while let Some(sample) = shm.take_from(inlet).map_err(|error| fault(*error))? {
            let now = now_ns();
            if (!guarded && sample.is_ordinary())
                || self.passes((shm, tracks, gates), &sample.meta(), &sample, now)
            {
                return Ok(Some((sample, now)));
            }
        }
        Ok(None)
    }

    /// Whether a sample on shared memory is delivered at `now`.
    fn passes(
        &self,
        (shm, tracks, gates): (&ShmReader, &mut Tracks, &mut Gates),
        meta: &SampleMeta,
        payload: &[u8],
        now: i64,
    ) -> bool {
        let new = if self.durable { tracks.is_new(meta) } else { !meta.is_history() };
        if !new
            || self.incoming.is_blocked(&meta.writer)
            || !gates.pass_content(meta.state, payload)
        {
            return false;
        }
        self.incoming.renew(meta.key, meta.state, meta.source_time, now);
        gates.pass(&Change::of(meta), now, &Known { shm: Some(shm), core: &self.core })
    }

    fn take_dds(&self, state: &mut State) -> Option<Arrived> {
        while let Some(arrived) = self.incoming.pop() {
            let now = now_ns();
            let writers = Known { shm: state.shm.as_ref(), core: &self.core };
            let passes = match arrived.passed {
                true => !tidewire_transport::is_over(arrived.expires, now),
                false => state.gates.pass(&arrived.change(), now, &writers),
            };
            if passes {
                return Some(arrived);
            }
        }
        None
    }

    /// What is told of a sample on shared memory.
    pub fn info_of(&self, meta: &SampleMeta, reception_time: i64) -> SampleInfo {
        info_of(meta, reception_time, self.core.point(&meta.writer.prefix()))
    }

    fn point(&self, last: &mut LastPoint, prefix: &Prefix) -> Arc<str> {
        last.of(&self.core.points, prefix, || self.core.point(prefix))
    }

    /// `attempt` until it gives something or `timeout` has passed.
    pub fn until<R>(
        &self,
        timeout: Duration,
        mut attempt: impl FnMut() -> Result<Option<R>, ReadError>,
    ) -> Result<Option<R>, ReadError> {
        let deadline = Instant::now() + timeout;
        loop {
            let epoch = self.core.wake.epoch();
            if let Some(found) = attempt()? {
                return Ok(Some(found));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.core.wake.wait_since(epoch, left);
        }
    }

    /// `attempt` until it gives something, without blocking the thread.
    pub async fn until_async<R>(
        &self,
        mut attempt: impl FnMut() -> Result<Option<R>, ReadError>,
    ) -> Result<R, ReadError> {
        let notify = self.core.notify().map_err(DdsError::Io)?;
        loop {
            let notified = notify.notified();
            tokio::pin!(notified);
            // Listening before looking: what comes in between is not missed.
            notified.as_mut().enable();
            if let Some(found) = attempt()? {
                return Ok(found);
            }
            notified.await;
        }
    }

    /// What it lets pass, if not everything.
    pub fn filter(&self) -> Option<Filter> {
        self.content.as_ref().map(|content| content.filter())
    }

    pub fn set_expression_parameters(&self, parameters: &[&str]) -> Result<(), BusError> {
        match &self.content {
            Some(content) => Ok(content.set_parameters(parameters)?),
            None => Err(BusError::NoFilter(self.spec.topic.clone())),
        }
    }

    pub fn filtered(&self) -> u64 {
        self.content.as_ref().map_or(0, |content| content.kept_back())
    }

    pub fn received(&self) -> u64 {
        self.received.get()
    }

    pub fn lost(&self) -> u64 {
        let shared = self.state.lock().shm.as_ref().map_or(0, ShmReader::lost);
        shared + self.incoming.lost()
    }

    pub fn matched_writers(&self) -> usize {
        let shared = self.state.lock().shm.as_ref().map_or(0, ShmReader::matched);
        let remote = self.dds.as_ref().map_or(0, |dds| {
            dds.matched().iter().filter(|writer| !self.core.is_local(&writer.prefix())).count()
        });
        shared + remote
    }

    /// Samples dropped because their writer uses another type on this topic.
    pub fn foreign(&self) -> u64 {
        self.dds.as_ref().map_or(0, DdsReader::foreign)
    }

    pub fn wait_for_writers(&self, count: usize, timeout: Duration) -> Result<(), BusError> {
        let deadline = Instant::now() + timeout;
        loop {
            let epoch = self.core.wake.epoch();
            if self.matched_writers() >= count {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(BusError::NobodyThere {
                    what: "writer",
                    topic: self.spec.topic.clone(),
                    waited: timeout,
                    domain: self.core.domain,
                });
            }
            self.core.wake.wait_since(epoch, left.min(Duration::from_millis(5)));
        }
    }
}

/// Writers by what discovery and shared memory say of them.
struct Known<'reader> {
    shm: Option<&'reader ShmReader>,
    core: &'reader Core,
}

impl Writers for Known<'_> {
    fn strength(&self, writer: Guid) -> Option<i32> {
        if let Some(strength) = self.shm.and_then(|shm| shm.strength_of(writer)) {
            return Some(strength);
        }
        let dds = self.core.dds.as_ref()?;
        if writer.prefix() == self.core.prefix {
            return self.core.own_strength(&writer);
        }
        dds.with_discovered(|known| known.writers.get(&writer).map(|w| w.qos.ownership_strength))
    }
}

/// An error that is moved as one word.
type Fault = Box<ReadError>;

#[cold]
fn fault(error: ShmError) -> Fault {
    Box::new(ReadError::Shm(error))
}

/// What a reader tells of a sample on shared memory.
fn info_of(meta: &SampleMeta, reception_time: i64, point: Arc<str>) -> SampleInfo {
    SampleInfo {
        source_time: meta.source_time,
        reception_time,
        writer: meta.writer,
        sequence: meta.sequence,
        key: meta.key,
        state: meta.state,
        point,
    }
}

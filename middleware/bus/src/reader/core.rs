//! What typed and raw readers share: both transports, each sample once.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidewire_idl::{Guid, SampleInfo, TypeDescriptor};
use tidewire_qos::policy::Durability;
use tidewire_shm::{ShmInlet, ShmReader, ShmSample};
use tidewire_transport::dds::DdsError;
use tidewire_transport::{Counter, EndpointSpec, Latch, Prefix, SampleMeta, now_ns};

use super::filter::{Change, Gates};
use super::incoming::{Arrived, Incoming};
use super::track::Tracks;
use crate::backend::DdsReader;
use crate::error::{BusError, ReadError};
use crate::keys::Keys;
use crate::participant::{Core, LastPoint, OwnEndpoint};
use crate::support::{self, Role};

pub(crate) struct ReaderCore {
    pub spec: EndpointSpec,
    guid: Guid,
    pub core: Arc<Core>,
    incoming: Arc<Incoming>,
    /// Of `state.shm`, for samples that live longer than the lock.
    inlet: Option<Arc<ShmInlet>>,
    state: Latch<State>,
    received: Counter,
    /// Takes in a row that found nothing: more than one, and somebody polls.
    idle: AtomicU32,
    /// Whether a writer elsewhere is matched.
    remote: AtomicBool,
    dds: Option<DdsReader>,
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
    ) -> Result<Arc<Self>, BusError> {
        support::check(&spec.topic, &spec.qos, Role::Reader)?;
        let keys = Keys::of(ty.filter(|_| spec.keyed));
        support::check_order(&spec, keys.known())?;
        let incoming = Arc::new(Incoming::new(core, keys, spec.keyed, &spec.qos));
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
                gates: Gates::new(&spec.qos),
                point: LastPoint::default(),
                dds_first: false,
            }),
            received: Counter::default(),
            idle: AtomicU32::new(0),
            remote: AtomicBool::new(false),
            dds,
            spec,
        });
        core.register(OwnEndpoint::Reader(Arc::downgrade(&reader)));
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
        self.take_as(
            |sample, reception_time, last| {
                let meta = sample.meta();
                let point = self.point(last, &meta.writer.prefix());
                (info_of(&meta, reception_time, point), Payload::Shm(sample))
            },
            |arrived, last| {
                let point = self.point(last, &arrived.sample.writer.prefix());
                (arrived.info(point), Payload::Dds(arrived.sample.payload))
            },
        )
    }

    /// The next change, as `shm` or `dds` make of it; whichever transport has one, in turns.
    #[inline]
    pub fn take_as<'reader, R>(
        &'reader self,
        shm: impl FnOnce(Shm<'reader>, i64, &mut LastPoint) -> R,
        dds: impl FnOnce(Arrived, &mut LastPoint) -> R,
    ) -> Result<Option<R>, ReadError> {
        let mut state = self.state.lock();
        state.dds_first = !state.dds_first;
        if state.dds_first
            && self.incoming.waits()
            && let Some(arrived) = self.take_dds(&mut state)
        {
            return Ok(Some(self.arrived(arrived, &mut state, dds)));
        }
        if let Some((sample, time)) = self.take_shm(&mut state)? {
            // Under the lock of `state`.
            self.received.step();
            return Ok(Some(shm(sample, time, &mut state.point)));
        }
        if !self.incoming.waits() {
            if !self.remote.load(Ordering::Relaxed) {
                self.core.check()?;
                return Ok(None);
            }
            drop(state);
            self.poll_dds();
            state = self.state.lock();
        }
        match self.take_dds(&mut state) {
            Some(arrived) => Ok(Some(self.arrived(arrived, &mut state, dds))),
            None => self.core.check().map(|()| None).map_err(ReadError::from),
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
    fn take_shm(&self, state: &mut State) -> Result<Option<(Shm<'_>, i64)>, ReadError> {
        let durable = self.spec.qos.durability > Durability::Volatile;
        let (Some(inlet), State { shm: Some(shm), tracks, gates, .. }) = (&self.inlet, state)
        else {
            return Ok(None);
        };
        while let Some(sample) = shm.take_from(inlet)? {
            let meta = sample.meta();
            if meta.is_history() && !durable {
                continue;
            }
            if (durable && !tracks.is_new(&meta)) || self.incoming.is_blocked(&meta.writer) {
                continue;
            }
            let now = now_ns();
            if gates.pass(&Change::of(&meta), now) {
                return Ok(Some((sample, now)));
            }
        }
        Ok(None)
    }

    fn take_dds(&self, state: &mut State) -> Option<Arrived> {
        while let Some(arrived) = self.incoming.pop() {
            if state.gates.pass(&arrived.change(), now_ns()) {
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

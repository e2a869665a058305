//! What typed and raw readers share: both transports, each sample once.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tidewire_filter::Filter;
use tidewire_idl::{Guid, TypeDescriptor};
use tidewire_qos::Qos;
use tidewire_qos::policy::Durability;
use tidewire_shm::{ShmInlet, ShmReader, pulse_now};
use tidewire_transport::dds::{DdsError, HEADER};
use tidewire_transport::{Counter, EndpointSpec, Latch};

use super::cache::Cache;
use super::content::Content;
use super::incoming::Incoming;
use super::track::Tracks;
use crate::backend::DdsReader;
use crate::durable;
use crate::error::{BusError, ReadError};
use crate::keys::Keys;
use crate::liveliness::LivelinessChanged;
use crate::participant::{Core, LastPoint, OwnEndpoint};
use crate::status::Statuses;
use crate::support::{self, Role};

/// How often a reader that waits for history looks whether it is to go on waiting.
const HOLDING: Duration = Duration::from_millis(100);

pub(crate) struct ReaderCore {
    pub spec: EndpointSpec,
    pub(super) guid: Guid,
    pub core: Arc<Core>,
    pub(super) incoming: Arc<Incoming>,
    /// Of `state.shm`, for samples that live longer than the lock.
    pub(super) inlet: Option<Arc<ShmInlet>>,
    pub(super) state: Latch<State>,
    pub(super) received: Counter,
    /// Whether history is for this reader too.
    pub(super) durable: bool,
    /// Whether it is looked after if samples come in time, or their writers are alive.
    pub(super) timed: bool,
    /// Whether their writers are.
    pub(super) mortal: bool,
    /// Whether only the last samples of an instance are kept.
    pub(super) keeps_last: bool,
    /// Whether samples of shared memory wait in `incoming`.
    pub(super) behind: AtomicBool,
    /// Takes in a row that found nothing: more than one, and somebody polls.
    pub(super) idle: AtomicU32,
    /// Whether who takes must fetch samples off the wire: a writer elsewhere is matched, and no other thread does.
    pub(super) fetches: AtomicBool,
    pub(super) dds: Option<DdsReader>,
    /// Held while it is found out who is matched: what was found earlier must not be noted later.
    matching: Mutex<()>,
    pub(super) content: Option<Arc<Content>>,
    pub statuses: Box<Statuses>,
    /// What a cached reader keeps.
    pub(super) cache: OnceLock<Box<Cache>>,
}

pub(super) struct State {
    pub(super) shm: Option<ShmReader>,
    pub(super) tracks: Tracks,
    pub(super) point: LastPoint,
    /// Which transport to ask first next time, so that neither starves the other.
    pub(super) dds_first: bool,
}

impl ReaderCore {
    pub fn new(
        core: &Arc<Core>,
        mut spec: EndpointSpec,
        ty: Option<&TypeDescriptor>,
        content: Option<Filter>,
        cached: bool,
    ) -> Result<Arc<Self>, BusError> {
        // RustDDS keeps what it received by number: of large samples fewer.
        spec.max_payload = ty.and_then(TypeDescriptor::usual_size).map(|size| size + HEADER);
        if cached {
            // The cache keeps READER_DATA_LIFECYCLE.
            let qos = Qos { reader_data_lifecycle: Default::default(), ..spec.qos.clone() };
            support::check(&spec.topic, &qos, Role::Reader, core.ways())?;
        } else {
            support::check(&spec.topic, &spec.qos, Role::Reader, core.ways())?;
            support::check_limits(&spec)?;
        }
        durable::check(core, &spec, "a reader")?;
        let keys = Keys::of(ty.filter(|_| spec.keyed));
        support::check_instances(&spec, keys.known())?;
        let content = content.map(|filter| Arc::new(Content::new(filter)));
        let incoming = Arc::new(Incoming::new(core, keys, &spec, content.clone(), cached));
        // Shared memory first: a writer that then hears of the DDS reader finds it there already. It
        // gets its name when DDS has given one.
        let unnamed =
            if core.dds.is_some() { Guid::default() } else { core.own_guid(&spec, false) };
        let shm = core.shm.as_ref().map(|shm| shm.reader(&spec, unnamed)).transpose()?;
        let dds = core.dds.as_ref().map(|dds| dds.reader(&spec, incoming.clone())).transpose()?;
        let guid = dds.as_ref().map_or(unnamed, DdsReader::guid);
        if let (Some(shm), Some(_)) = (&shm, &dds) {
            shm.identify(guid);
        }
        if let Some(shm) = &shm {
            incoming.vitals().lock().watch(shm.watch());
        }
        let joined = shm.as_ref().map_or(0, ShmReader::joined);
        let reader = Arc::new(Self {
            guid,
            core: core.clone(),
            incoming,
            inlet: shm.as_ref().map(ShmReader::inlet),
            state: Latch::new(State {
                shm,
                tracks: Tracks::new(spec.qos.reliability.is_reliable(), joined),
                point: LastPoint::default(),
                dds_first: false,
            }),
            received: Counter::default(),
            durable: spec.qos.durability > Durability::Volatile,
            timed: !(spec.qos.deadline.is_infinite() && spec.qos.liveliness.lease.is_infinite()),
            mortal: !spec.qos.liveliness.lease.is_infinite(),
            keeps_last: spec.qos.history.depth().is_some(),
            behind: AtomicBool::new(false),
            idle: AtomicU32::new(0),
            fetches: AtomicBool::new(false),
            dds,
            matching: Mutex::default(),
            content,
            statuses: Statuses::new(),
            cache: OnceLock::new(),
            spec,
        });
        core.register(OwnEndpoint::Reader(Arc::downgrade(&reader)));
        if reader.timed || reader.incoming.judge.holds() {
            core.start_watch()?;
        }
        // What comes in between is noted already: history does not bring it again.
        if let Some(ask) = &reader.incoming.ask {
            ask.begin(core, &reader.guid)?;
        }
        // A writer may have matched before the reader was registered.
        reader.rematch();
        reader.statuses.review(core, &reader.spec, false);
        if cached {
            reader.keep_cache()?;
        }
        Ok(reader)
    }

    /// Samples go into a cache from now on.
    pub fn keep_cache(&self) -> Result<(), BusError> {
        let keys = self.incoming.keys();
        if self.spec.keyed && keys.is_none() {
            return Err(BusError::UnknownKey(self.spec.topic.clone()));
        }
        self.cache.get_or_init(|| Box::new(Cache::new(&self.spec.qos, keys)));
        self.incoming.notes_all();
        self.core.start_watch()
    }

    /// Discovery has news.
    pub fn rematch(&self) {
        self.incoming.rematch();
        if self.incoming.awaits_history() && self.core.services.any() {
            self.behind.store(true, Ordering::Relaxed);
        }
        if let Some(dds) = &self.dds {
            let alone = self.matching.lock();
            let mut remotes = dds.matched();
            remotes.retain(|writer| !self.core.is_local(&writer.prefix()));
            self.fetches.store(dds.is_fetched() && !remotes.is_empty(), Ordering::Relaxed);
            self.incoming.vitals().lock().remotes(&remotes);
            drop(alone);
            self.statuses.tell();
        }
        self.look();
    }

    /// Brings the matching statuses up to date, and wakes whoever waits if they have changed.
    pub fn look(&self) {
        let over_dds = || self.dds.as_ref().map(DdsReader::matched).unwrap_or_default();
        if self.statuses.look(&self.core, &self.spec, false, over_dds) {
            self.core.wake.wake();
        }
    }

    /// DDS tells whether a writer is alive; those on this host tell so themselves.
    pub fn heard_of(&self, writer: Guid, is_alive: bool) {
        if !self.core.is_local(&writer.prefix()) {
            self.incoming.vitals().lock().judge(writer, is_alive, false);
        }
    }

    /// LIVELINESS_CHANGED as it is now.
    pub fn liveliness(&self) -> LivelinessChanged {
        let mut vitals = self.incoming.vitals().lock();
        vitals.look(pulse_now());
        vitals.changed()
    }

    pub fn guid(&self) -> Guid {
        self.guid
    }

    /// Its policies and that writer's do not fit.
    pub fn block(&self, writer: Guid, offered: &Qos, requested: &Qos) {
        self.incoming.block(writer);
        self.statuses.misfit(writer, offered, requested);
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
            // A durability service that says nothing wakes nobody.
            let left = if self.incoming.is_holding() { left.min(HOLDING) } else { left };
            self.core.wait_since(epoch, left);
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
        self.lost_of(&self.state.lock())
    }

    pub(super) fn lost_of(&self, state: &State) -> u64 {
        state.shm.as_ref().map_or(0, ShmReader::lost) + self.incoming.lost()
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
            self.core.wait_since(epoch, left.min(Duration::from_millis(5)));
        }
    }
}

impl Drop for ReaderCore {
    fn drop(&mut self) {
        // What the listener has captured goes here, not where the transport lets go of its sink.
        self.incoming.listener.set(None);
        // The reader of history goes before this one: DDS must not be asked to delete one while it
        // deletes the other, whose queue holds the first.
        if let Some(ask) = &self.incoming.ask {
            ask.end();
        }
    }
}

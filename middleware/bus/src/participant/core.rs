//! What a participant's endpoints share.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use parking_lot::{Condvar, Mutex};
use tidewire_idl::Guid;
use tidewire_shm::ShmDomain;
use tidewire_transport::dds::{DdsError, DdsEvent, DdsStatus};
use tidewire_transport::{EndpointSpec, Prefix, now_ns};
use tokio::sync::Notify;

use super::discovery::{Event, to_event};
use super::points::Points;
use super::pulse::Pulse;
use super::wake::Wake;
use crate::backend::DdsParticipant;
use crate::durable::Services;
use crate::error::BusError;
use crate::reader::ReaderCore;
use crate::support::Ways;
use crate::writer::WriterCore;

/// How often durable writers look for late joiners on shared memory.
const HISTORY_PERIOD: Duration = Duration::from_millis(20);

/// How often deadlines and the liveliness of others are looked after.
const WATCH_PERIOD: Duration = Duration::from_millis(5);

/// How long the threads that call listeners and tell async readers sleep at most: a participant that goes waits no
/// longer.
const LISTEN_PERIOD: Duration = Duration::from_millis(20);

/// Events a subscriber may fall behind by before it misses some.
const EVENT_BACKLOG: usize = 4096;

/// A reader or writer of ours, for discovery listings and match updates.
pub(crate) enum OwnEndpoint {
    Reader(Weak<ReaderCore>),
    Writer(Weak<WriterCore>),
}

impl OwnEndpoint {
    fn reader(&self) -> Option<Arc<ReaderCore>> {
        if let Self::Reader(reader) = self { reader.upgrade() } else { None }
    }

    fn writer(&self) -> Option<Arc<WriterCore>> {
        if let Self::Writer(writer) = self { writer.upgrade() } else { None }
    }
}

pub(crate) struct Core {
    pub name: Arc<str>,
    pub domain: u16,
    pub prefix: Prefix,
    pub wake: Arc<Wake>,
    pub points: Points,
    pub services: Services,
    pub dds: Option<DdsParticipant>,
    pub shm: Option<ShmDomain>,
    endpoints: Mutex<Vec<OwnEndpoint>>,
    subscribers: Mutex<Vec<Sender<Event>>>,
    next_entity: AtomicU32,
    history: OnceLock<()>,
    watch: OnceLock<()>,
    pub(super) pulse: Pulse,
    listening: OnceLock<()>,
    notify: OnceLock<Arc<Notify>>,
    pub busy: Arc<Busy>,
}

/// Threads of the bus that keep a participant alive just now.
///
/// Were one of them the last to let go, the participant would leave on that thread, and not at all in a
/// program that ends meanwhile: its files would stay until somebody else comes. So whoever drops a
/// participant waits for them.
#[derive(Default)]
pub(crate) struct Busy {
    threads: Mutex<usize>,
    changed: Condvar,
}

impl Busy {
    /// Longest wait: a thread of the bus has work for much less.
    const PATIENCE: Duration = Duration::from_secs(2);

    /// Runs `work` on the participant, if it is still there.
    fn with(self: &Arc<Self>, core: &Weak<Core>, work: impl FnOnce(&Core)) -> bool {
        let _hold = self.hold();
        core.upgrade().map(|core| work(&core)).is_some()
    }

    /// For a thread that has something of the participant, as long as it has it.
    pub fn hold(self: &Arc<Self>) -> Hold {
        *self.threads.lock() += 1;
        Hold(self.clone())
    }

    /// Waits until no thread keeps it, unless others than those do: then it does not leave. False if that
    /// took too long.
    pub fn wait(&self, core: &Weak<Core>) -> bool {
        let deadline = Instant::now() + Self::PATIENCE;
        let mut threads = self.threads.lock();
        while *threads > 0 && core.strong_count() <= *threads {
            if self.changed.wait_until(&mut threads, deadline).timed_out() {
                return false;
            }
        }
        true
    }
}

pub(crate) struct Hold(Arc<Busy>);

impl Drop for Hold {
    fn drop(&mut self) {
        *self.0.threads.lock() -= 1;
        self.0.changed.notify_all();
    }
}

impl Core {
    pub fn start(
        name: Arc<str>,
        domain: u16,
        prefix: Prefix,
        dds: Option<DdsParticipant>,
        shm: Option<ShmDomain>,
    ) -> Arc<Self> {
        let core = Arc::new(Self {
            wake: Arc::new(Wake::new(shm.as_ref())),
            points: Points::default(),
            services: Services::default(),
            endpoints: Mutex::default(),
            subscribers: Mutex::default(),
            next_entity: AtomicU32::new(1),
            history: OnceLock::new(),
            watch: OnceLock::new(),
            pulse: Pulse::default(),
            listening: OnceLock::new(),
            notify: OnceLock::new(),
            busy: Arc::default(),
            name: name.clone(),
            domain,
            prefix,
            dds,
            shm,
        });
        core.points.set(prefix, name);
        if let Some(dds) = &core.dds {
            let wake: Weak<Wake> = Arc::downgrade(&core.wake);
            dds.attend(wake);
            let (weak, busy) = (Arc::downgrade(&core), core.busy.clone());
            dds.observe(move |event| {
                busy.with(&weak, |core| core.discovered(event));
            });
        }
        core
    }

    /// On the DDS receive thread.
    fn discovered(&self, event: &DdsEvent) {
        if let DdsEvent::ParticipantFound(participant) = event
            && participant.prefix != self.prefix
        {
            self.points.forget(&participant.prefix);
        }
        self.services.note(event);
        for writer in self.writers() {
            writer.rematch();
            if let DdsEvent::Incompatible { local, remote, offered, requested } = event
                && writer.guid == *local
            {
                writer.statuses.misfit(*remote, offered, requested);
            }
        }
        for reader in self.readers() {
            reader.rematch();
            match event {
                DdsEvent::Incompatible { local, remote, offered, requested }
                    if reader.guid() == *local =>
                {
                    reader.block(*remote, offered, requested);
                }
                DdsEvent::Status {
                    local,
                    status:
                        DdsStatus::LivelinessChanged {
                            writer: Some(writer),
                            is_alive: Some(is_alive),
                            ..
                        },
                } if reader.guid() == *local => reader.heard_of(*writer, *is_alive),
                _ => {}
            }
        }
        if let Some(event) = to_event(self, event) {
            self.subscribers.lock().retain(|subscriber| {
                !matches!(
                    subscriber.try_send(event.clone()),
                    Err(crossbeam_channel::TrySendError::Disconnected(_))
                )
            });
        }
        self.wake.wake();
    }

    /// Blocks until the epoch is no longer `seen`, or `timeout` has passed (then false).
    pub fn wait_since(&self, seen: u32, timeout: Duration) -> bool {
        let Some(dds) = self.dds.as_ref().filter(|dds| dds.is_attended()) else {
            return self.wake.wait_since(seen, timeout);
        };
        let attending = self.wake.attend();
        dds.answer();
        let woken = self.wake.wait_since(seen, timeout);
        drop(attending);
        dds.collect();
        woken || self.wake.epoch() != seen
    }

    pub fn subscribe(&self) -> Receiver<Event> {
        let (sender, receiver) = crossbeam_channel::bounded(EVENT_BACKLOG);
        self.subscribers.lock().push(sender);
        receiver
    }

    /// Which ways the samples of our endpoints may take.
    pub fn ways(&self) -> Ways {
        Ways { dds: self.dds.as_ref().map(DdsParticipant::backend), shm: self.shm.is_some() }
    }

    pub fn check(&self) -> Result<(), DdsError> {
        self.dds.as_ref().map_or(Ok(()), DdsParticipant::check)
    }

    /// Whether samples of `prefix` come by shared memory.
    pub fn is_local(&self, prefix: &Prefix) -> bool {
        self.shm.as_ref().is_some_and(|shm| shm.is_local(prefix))
    }

    /// The collection point of what `prefix` writes.
    pub fn point(&self, prefix: &Prefix) -> Arc<str> {
        self.points.of(prefix, self.shm.as_ref(), self.dds.as_ref())
    }

    /// A GUID for an endpoint that DDS does not number.
    pub fn own_guid(&self, spec: &EndpointSpec, writer: bool) -> Guid {
        let kind = match (writer, spec.keyed) {
            (true, true) => 0x02,
            (true, false) => 0x03,
            (false, false) => 0x04,
            (false, true) => 0x07,
        };
        let number = self.next_entity.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut guid = [0; 16];
        guid[..12].copy_from_slice(&self.prefix);
        guid[12..15].copy_from_slice(&number[1..]);
        guid[15] = kind;
        Guid(guid)
    }

    pub fn register(&self, endpoint: OwnEndpoint) {
        let mut endpoints = self.endpoints.lock();
        endpoints.retain(|endpoint| match endpoint {
            OwnEndpoint::Reader(reader) => reader.strong_count() > 0,
            OwnEndpoint::Writer(writer) => writer.strong_count() > 0,
        });
        endpoints.push(endpoint);
    }

    /// How long the samples of one of our own writers live.
    pub fn own_lifespan(&self, writer: &Guid) -> Option<i64> {
        i64::try_from(self.own_writer(writer)?.spec.qos.lifespan.nanos()?).ok()
    }

    /// OWNERSHIP_STRENGTH of one of our own writers.
    pub fn own_strength(&self, writer: &Guid) -> Option<i32> {
        Some(self.own_writer(writer)?.spec.qos.ownership_strength)
    }

    fn own_writer(&self, writer: &Guid) -> Option<Arc<WriterCore>> {
        self.writers().into_iter().find(|own| own.guid == *writer)
    }

    /// Starts the thread that sends history to late joiners on shared memory; once.
    pub fn start_history(self: &Arc<Self>) -> Result<(), BusError> {
        self.every(HISTORY_PERIOD, "tidewire-late", &self.history, |core| {
            core.writers().iter().for_each(|writer| writer.serve_late_joiners());
        })
    }

    /// Starts the thread that looks after deadlines and the liveliness of others; once.
    pub fn start_watch(self: &Arc<Self>) -> Result<(), BusError> {
        self.every(WATCH_PERIOD, "tidewire-watch", &self.watch, |core| {
            let now = now_ns();
            let mut missed = false;
            for reader in core.readers() {
                missed |= reader.watch(now);
                missed |= reader.watch_liveliness();
            }
            core.writers().iter().for_each(|writer| missed |= writer.watch(now));
            if missed {
                core.wake.wake();
            }
        })
    }

    /// Starts a thread that runs `task` as long as the participant lives, unless `started` says that
    /// there is one.
    pub(super) fn every(
        self: &Arc<Self>,
        period: Duration,
        name: &str,
        started: &OnceLock<()>,
        task: fn(&Self),
    ) -> Result<(), BusError> {
        if started.set(()).is_err() {
            return Ok(());
        }
        let (weak, busy) = (Arc::downgrade(self), self.busy.clone());
        std::thread::Builder::new().name(name.into()).spawn(move || {
            loop {
                std::thread::sleep(period);
                if !busy.with(&weak, task) {
                    return;
                }
            }
        })?;
        Ok(())
    }

    /// Starts the thread that calls listeners for what comes over shared memory; once.
    pub fn start_listening(self: &Arc<Self>) -> Result<(), BusError> {
        if self.listening.set(()).is_err() {
            return Ok(());
        }
        let (weak, busy) = (Arc::downgrade(self), self.busy.clone());
        let mut seen = self.wake.epoch();
        let mut look = move |core: &Self| {
            core.wait_since(seen, LISTEN_PERIOD);
            // Read before they look: what comes from here on ends the next wait.
            seen = core.wake.epoch();
            core.readers().iter().for_each(|reader| reader.notice());
        };
        let run = move || while busy.with(&weak, |core| look(core)) {};
        std::thread::Builder::new().name("tidewire-listen".into()).spawn(run)?;
        Ok(())
    }

    /// Ours. Collected, so that what is done with them may take the list's lock, and none of them goes under
    /// it, which may have to wait for what is being delivered.
    pub fn readers(&self) -> Vec<Arc<ReaderCore>> {
        let endpoints = self.endpoints.lock();
        endpoints.iter().filter_map(OwnEndpoint::reader).collect()
    }

    pub fn writers(&self) -> Vec<Arc<WriterCore>> {
        let endpoints = self.endpoints.lock();
        endpoints.iter().filter_map(OwnEndpoint::writer).collect()
    }

    /// What async readers wait on: one thread per participant turns wake-ups into notifications.
    pub fn notify(self: &Arc<Self>) -> Result<Arc<Notify>, std::io::Error> {
        if let Some(notify) = self.notify.get() {
            return Ok(notify.clone());
        }
        let notify = Arc::new(Notify::new());
        if self.notify.set(notify.clone()).is_err() {
            return self.notify();
        }
        let (weak, busy, told) = (Arc::downgrade(self), self.busy.clone(), notify.clone());
        let mut seen = self.wake.epoch();
        let mut look = move |core: &Self| {
            core.wait_since(seen, LISTEN_PERIOD);
            seen = core.wake.epoch();
            told.notify_waiters();
        };
        let run = move || while busy.with(&weak, |core| look(core)) {};
        std::thread::Builder::new().name("tidewire-async".into()).spawn(run)?;
        Ok(notify)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Participant;

    #[test]
    fn whoever_drops_a_participant_waits_for_threads_that_keep_it() {
        let core = Core::start("p".into(), 1, [1; 12], None, None);
        let (weak, busy) = (Arc::downgrade(&core), core.busy.clone());
        let (here, there) = crossbeam_channel::bounded(1);
        let thread = std::thread::spawn(move || {
            busy.with(&weak, |_| {
                here.send(()).unwrap();
                std::thread::sleep(Duration::from_millis(50));
            })
        });
        there.recv().unwrap();
        let weak = Arc::downgrade(&core);
        drop(Participant::new(core));
        assert!(weak.upgrade().is_none(), "it has left");
        assert!(thread.join().unwrap());
    }

    #[test]
    fn whoever_is_not_the_last_to_drop_it_waits_for_nobody() {
        let core = Core::start("p".into(), 1, [1; 12], None, None);
        let (weak, busy) = (Arc::downgrade(&core), core.busy.clone());
        let (here, there) = crossbeam_channel::bounded(0);
        let (end, ended) = crossbeam_channel::bounded::<()>(0);
        let (kept, thread_busy) = (weak.clone(), busy.clone());
        let thread = std::thread::spawn(move || {
            thread_busy.with(&kept, |_| {
                here.send(()).unwrap();
                let _ = ended.recv();
            })
        });
        there.recv().unwrap();
        assert!(busy.wait(&weak), "we keep it");
        drop(core);
        assert!(!busy.wait(&weak), "the thread alone does");
        drop(end);
        assert!(thread.join().unwrap());
        assert!(busy.wait(&weak));
    }

    #[test]
    fn it_leaves_at_once_though_async_readers_have_waited() {
        for _ in 0..20 {
            let core = Core::start("p".into(), 1, [1; 12], None, None);
            let weak = Arc::downgrade(&core);
            core.notify().unwrap();
            drop(Participant::new(core));
            assert!(weak.upgrade().is_none(), "it has left");
        }
    }
}

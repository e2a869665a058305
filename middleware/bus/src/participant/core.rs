//! What a participant's endpoints share.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use parking_lot::Mutex;
use tidewire_idl::Guid;
use tidewire_shm::ShmDomain;
use tidewire_transport::dds::{DdsError, DdsEvent, DdsStatus};
use tidewire_transport::{EndpointSpec, Prefix, now_ns};
use tokio::sync::Notify;

use super::busy::{Busy, Kept};
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
    Writer(Weak<WriterCore>, OwnWriter),
}

/// What readers must know of a writer of ours, without keeping it: it might go where they ask.
#[derive(Clone, Copy)]
pub(crate) struct OwnWriter {
    pub guid: Guid,
    /// In ns; `None` for ever.
    pub lifespan: Option<i64>,
    pub strength: i32,
}

impl OwnEndpoint {
    fn reader(&self) -> Option<Weak<ReaderCore>> {
        if let Self::Reader(reader) = self { Some(reader.clone()) } else { None }
    }

    fn writer(&self) -> Option<Weak<WriterCore>> {
        if let Self::Writer(writer, _) = self { Some(writer.clone()) } else { None }
    }

    fn is_there(&self) -> bool {
        match self {
            Self::Reader(reader) => reader.strong_count() > 0,
            Self::Writer(writer, _) => writer.strong_count() > 0,
        }
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
        for writer in self.writers().iter() {
            writer.rematch();
            if let DdsEvent::Incompatible { local, remote, offered, requested } = event
                && writer.guid == *local
            {
                writer.statuses.misfit(*remote, offered, requested);
            }
        }
        for reader in self.readers().iter() {
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
        endpoints.retain(OwnEndpoint::is_there);
        endpoints.push(endpoint);
    }

    /// One of our own writers, if it is there.
    pub fn own_writer(&self, guid: &Guid) -> Option<OwnWriter> {
        self.endpoints.lock().iter().find_map(|endpoint| match endpoint {
            OwnEndpoint::Writer(writer, known) if known.guid == *guid => {
                (writer.strong_count() > 0).then_some(*known)
            }
            _ => None,
        })
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
            for reader in core.readers().iter() {
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
    pub fn readers(&self) -> Kept<ReaderCore> {
        let endpoints = self.endpoints.lock();
        self.busy.keep(endpoints.iter().filter_map(OwnEndpoint::reader))
    }

    pub fn writers(&self) -> Kept<WriterCore> {
        let endpoints = self.endpoints.lock();
        self.busy.keep(endpoints.iter().filter_map(OwnEndpoint::writer))
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

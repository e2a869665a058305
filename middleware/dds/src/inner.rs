//! What participant, endpoints and receive thread share.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock, Weak};

use crossbeam_channel::Sender;
use mio::Registry;
use parking_lot::{Mutex, RwLock};
use tidewire_transport::dds::{Attendance, DdsEvent, Discovered};

use crate::bell::Siblings;
use crate::inbox::Inbox;
use crate::poll::{Command, WAKE, WATCH};
use crate::watch::Watch;

type Observer = Box<dyn Fn(&DdsEvent) + Send + Sync>;

pub(crate) struct Inner {
    pub discovered: Mutex<Discovered>,
    pub observers: RwLock<Vec<Observer>>,
    pub failed: OnceLock<String>,
    /// How often one of our endpoints was matched.
    pub matches: AtomicU64,
    commands: Sender<Command>,
    waker: mio::Waker,
    pub watch: Watch,
    attendance: OnceLock<Weak<dyn Attendance>>,
    /// Whose samples those who wait are to take, and whose bells are to be hung up by who waits next.
    rung: Mutex<VecDeque<Weak<Inbox>>>,
    topics: Mutex<HashMap<String, Siblings>>,
    /// Topics that have had a reader.
    read: Mutex<HashSet<String>>,
}

impl Inner {
    /// With a receive thread that takes `commands`, and polls with `registry`.
    pub fn new(registry: &Registry, commands: Sender<Command>) -> io::Result<Self> {
        Ok(Self {
            discovered: Mutex::default(),
            observers: RwLock::default(),
            failed: OnceLock::new(),
            matches: AtomicU64::new(0),
            commands,
            waker: mio::Waker::new(registry, WAKE)?,
            watch: Watch::new(registry, WATCH)?,
            attendance: OnceLock::new(),
            rung: Mutex::default(),
            topics: Mutex::default(),
            read: Mutex::default(),
        })
    }

    pub fn command(&self, command: Command) {
        // After the thread has ended there is nobody left to tell, and nothing left to do.
        if self.commands.send(command).is_ok() {
            let _ = self.waker.wake();
        }
    }

    /// The first call holds.
    pub fn attend(&self, attendance: Weak<dyn Attendance>) {
        let _ = self.attendance.set(attendance);
    }

    /// Wakes those who wait; false if nobody does. On a thread of RustDDS, which must not be the last to let
    /// go of a reader.
    pub fn ring(&self) -> bool {
        let attendance = self.attendance.get().and_then(Weak::upgrade);
        attendance.is_some_and(|attendance| attendance.ring())
    }

    /// What those who wait are to take.
    pub fn queue(&self, inbox: &Weak<Inbox>) {
        self.rung.lock().push_back(inbox.clone());
    }

    /// What is queued now, which remains so.
    pub fn queued(&self) -> impl Iterator<Item = Arc<Inbox>> {
        let rung = self.rung.lock().clone();
        rung.into_iter().filter_map(|inbox| inbox.upgrade())
    }

    /// What is queued now, which is so no more; one by one, so that others who are woken meanwhile find the
    /// rest.
    pub fn answer(&self, answer: impl Fn(&Inbox)) {
        let count = self.rung.lock().len();
        for _ in 0..count {
            let Some(inbox) = self.rung.lock().pop_front() else { return };
            if let Some(inbox) = inbox.upgrade() {
                answer(&inbox);
            }
        }
    }

    /// Some reader is gone.
    pub fn forget_gone(&self) {
        self.rung.lock().retain(|inbox| inbox.strong_count() > 0);
    }

    /// Whether a reader of this topic is the first, for whom there is nothing old: RustDDS keeps what readers
    /// have received, for good.
    pub fn is_first(&self, topic: &str) -> bool {
        self.read.lock().insert(topic.to_owned())
    }

    /// The readers of a topic.
    pub fn siblings(&self, topic: &str) -> Siblings {
        let mut topics = self.topics.lock();
        topics.retain(|_, siblings| !siblings.is_empty());
        topics.entry(topic.to_owned()).or_default().clone()
    }
}

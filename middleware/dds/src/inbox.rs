//! A reader as the receive thread, those who wait and those who poll share it.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::task::Waker;

use parking_lot::{Mutex, MutexGuard};
use tidewire_idl::Guid;
use tidewire_transport::dds::{DdsSample, Discovered, Sink};
use tidewire_transport::{Counter, Prefix};

use crate::bell::{Bell, Siblings};
use crate::cache::Room;
use crate::inner::Inner;
use crate::payload::with_sink;
use crate::poll::Command;
use crate::reader::Port;

pub(crate) struct Inbox {
    entry: Mutex<Entry>,
    /// Whether somebody who must see to it that samples are taken found another at it, who looks again then.
    missed: AtomicBool,
    pub bell: Arc<Bell>,
    /// What RustDDS gets of the bell.
    waker: Waker,
}

impl Inbox {
    pub fn new(token: usize, inner: &Arc<Inner>, siblings: Siblings, entry: Entry) -> Arc<Self> {
        Arc::new_cyclic(|inbox| {
            let bell = Bell::new(token, inbox.clone(), inner.clone(), siblings.clone());
            let bell = Arc::new(bell);
            siblings.join(&bell);
            let waker = Waker::from(bell.clone());
            Self { entry: Mutex::new(entry), missed: AtomicBool::new(false), bell, waker }
        })
    }

    /// Before anybody else has it, or when the participant has failed.
    pub fn lock(&self) -> MutexGuard<'_, Entry> {
        self.entry.lock()
    }

    /// Something has arrived: the receive thread moves it to the sink now, or whoever is at it does.
    ///
    /// If the receive thread waited for the lock instead, pollers would have to hand it over, and could do
    /// nothing until that thread has a processor: milliseconds, where pollers keep all of them busy.
    pub fn arrived(&self, discovered: &Mutex<Discovered>) {
        self.miss();
        while let Some(mut entry) = self.entry.try_lock() {
            self.drain(&mut entry, discovered, None, Look::HangUp);
            drop(entry);
            if !self.was_missed() {
                return;
            }
        }
    }

    /// The receive thread looks after a reader whose bell may not ring.
    pub fn watch(&self, discovered: &Mutex<Discovered>) {
        if self.bell.has_rung() {
            self.arrived(discovered);
        }
    }

    /// What others have left is for the receive thread alone.
    pub fn take_left(&self, discovered: &Mutex<Discovered>) {
        self.drain(&mut self.entry.lock(), discovered, None, Look::HangUp);
        if self.was_missed() {
            self.arrived(discovered);
        }
    }

    /// Somebody who polls moves what has arrived, if nobody is at it; says whether all of it went that is
    /// known to have come.
    pub fn poll(&self, inner: &Inner, own: Prefix) -> bool {
        self.bell.poll();
        self.take(inner, own, Look::Lazily)
    }

    /// Somebody who begins to wait moves what has arrived, or whoever is at it does.
    pub fn answer(&self, inner: &Inner, own: Prefix) {
        self.bell.heard();
        self.take_all(inner, own, Look::HangUp);
    }

    /// Somebody who was woken for it moves what has arrived, or whoever is at it does.
    pub fn collect(&self, inner: &Inner, own: Prefix) {
        self.take_all(inner, own, Look::Lazily);
    }

    /// A listener wants to be called by the receive thread, which is told.
    fn take_all(&self, inner: &Inner, own: Prefix, look: Look) {
        if !self.bell.is_called() {
            self.miss();
            self.take(inner, own, look);
        }
    }

    /// On any thread of the user's: what only the receive thread can judge is left to it.
    fn take(&self, inner: &Inner, own: Prefix, mut look: Look) -> bool {
        loop {
            let Some(mut entry) = self.entry.try_lock() else { return false };
            let waited = !entry.parked.is_empty();
            if !waited {
                let run = || self.drain(&mut entry, &inner.discovered, Some(own), look);
                if catch_unwind(AssertUnwindSafe(run)).is_err() {
                    let _ = inner.failed.set("a reader panicked inside RustDDS".to_owned());
                    return false;
                }
            }
            let parked = !entry.parked.is_empty();
            drop(entry);
            let missed = self.was_missed();
            if parked && (missed || !waited) {
                inner.command(Command::Drain(self.bell.token()));
            }
            if parked || !missed {
                return !parked;
            }
            // Whoever found us at it may be about to wait.
            look = Look::HangUp;
        }
    }

    /// Forgets what is known of writers.
    pub fn forget(&self, discovered: &Mutex<Discovered>, stale: impl Fn(&Guid, bool) -> bool) {
        self.entry.lock().same_type.retain(|writer, same| !stale(writer, *same));
        if self.was_missed() {
            self.arrived(discovered);
        }
    }

    fn drain(
        &self,
        entry: &mut Entry,
        discovered: &Mutex<Discovered>,
        poller: Option<Prefix>,
        look: Look,
    ) {
        // Before the look, and not lost to who misses one from here on.
        if self.missed.load(Ordering::SeqCst) {
            self.missed.store(false, Ordering::SeqCst);
        }
        let (rung, waker) = match look {
            Look::Lazily if !self.bell.was_seen() => (self.bell.see(), None),
            _ => (self.bell.answer(), Some(&self.waker)),
        };
        if !rung && entry.parked.is_empty() {
            return;
        }
        let Drained { found, hung_up } = entry.drain(discovered, poller, waker);
        if waker.is_some() && !hung_up {
            self.bell.leave();
        }
        if rung && found {
            self.bell.pass_on();
        }
    }

    fn miss(&self) {
        self.missed.store(true, Ordering::SeqCst);
    }

    /// To be asked by whoever has given the lock back. Only who holds it says no again, before it looks:
    /// who finds it taken leaves the answer to that one.
    fn was_missed(&self) -> bool {
        fence(Ordering::SeqCst);
        self.missed.load(Ordering::SeqCst)
    }
}

/// When a bell that has rung is hung up, to ring again.
#[derive(Clone, Copy)]
enum Look {
    HangUp,
    /// At the second look. RustDDS has the lock of a bell as long as it rings, and who is woken by it or sees
    /// it ring may be ahead of that.
    Lazily,
}

/// What became of a look.
struct Drained {
    found: bool,
    hung_up: bool,
}

/// What they share.
pub(crate) struct Entry {
    pub port: Port,
    pub sink: Arc<dyn Sink>,
    pub topic: String,
    pub type_name: String,
    /// Samples the receive cache holds now, and how to make it hold more.
    pub room: Room,
    pub grow: Box<dyn Fn(i32) + Send>,
    pub foreign: Arc<Counter>,
    /// Whether a writer's type is ours: RustDDS matches by topic name alone.
    pub same_type: HashMap<Guid, bool>,
    /// Samples a poller found of a writer that the receive thread has not heard of yet, and all after
    /// them. The receive thread hears of writers first.
    pub parked: Vec<DdsSample>,
}

impl Entry {
    /// Moves everything that has arrived to the sink, and hangs up the bell, if given. A poller of
    /// participant `poller` leaves what only the receive thread can judge.
    fn drain(
        &mut self,
        discovered: &Mutex<Discovered>,
        poller: Option<Prefix>,
        bell: Option<&Waker>,
    ) -> Drained {
        let mut batch = std::mem::take(&mut self.parked);
        let parked = batch.len();
        let Self { port, sink, topic, .. } = self;
        let hung_up = with_sink(sink, || port.take(&mut batch, topic, bell));
        let waited = batch.len() - parked;
        if batch.is_empty() {
            return Drained { found: false, hung_up };
        }
        let largest = batch.iter().map(|sample| sample.payload.len()).max().unwrap_or(0);
        if let Some(room) = self.room.grown(waited, largest) {
            (self.grow)(room);
        }
        for sample in batch {
            if !self.parked.is_empty()
                || poller.is_some_and(|own| !self.is_known(&sample.writer, own, discovered))
            {
                self.parked.push(sample);
                continue;
            }
            if self.is_ours(&sample.writer, discovered) {
                self.sink.deliver(sample);
            } else {
                self.foreign.add(1);
            }
        }
        self.sink.flush();
        Drained { found: waited > 0, hung_up }
    }

    fn is_known(&self, writer: &Guid, own: Prefix, discovered: &Mutex<Discovered>) -> bool {
        self.same_type.contains_key(writer)
            || writer.prefix() == own
            || discovered.lock().writer_type(writer).is_some()
    }

    fn is_ours(&mut self, writer: &Guid, discovered: &Mutex<Discovered>) -> bool {
        if let Some(same) = self.same_type.get(writer) {
            return *same;
        }
        let discovered = discovered.lock();
        // A writer of this very participant is not in the table; the bus has made it with a type.
        let Some(theirs) = discovered.writer_type(writer) else {
            return true;
        };
        let same = theirs == self.type_name;
        if !same {
            tracing::warn!(
                topic = self.topic, ours = self.type_name, theirs, %writer,
                "a writer uses another type on this topic: its samples are dropped"
            );
        }
        self.same_type.insert(*writer, same);
        same
    }
}

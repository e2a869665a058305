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
use crate::participant::Inner;
use crate::payload::with_sink;
use crate::poll::Command;
use crate::reader::Port;

pub(crate) struct Inbox {
    entry: Mutex<Entry>,
    /// Whether somebody who must see to it that samples are taken found another at it, who looks again then.
    missed: AtomicBool,
    pub bell: Arc<Bell>,
    /// What RustDDS gets of the bell; keyed readers have a place in the receive thread's poll instead.
    waker: Option<Waker>,
}

impl Inbox {
    pub fn new(token: usize, inner: &Arc<Inner>, siblings: Siblings, entry: Entry) -> Arc<Self> {
        Arc::new_cyclic(|inbox| {
            let bell = Bell::new(token, inbox.clone(), inner.clone(), siblings.clone());
            let bell = Arc::new(bell);
            siblings.join(&bell);
            let waker = entry.port.has_bell().then(|| Waker::from(bell.clone()));
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
            self.drain(&mut entry, discovered, None);
            drop(entry);
            if !self.was_missed() {
                return;
            }
        }
    }

    /// What others have left is for the receive thread alone.
    pub fn take_left(&self, discovered: &Mutex<Discovered>) {
        self.drain(&mut self.entry.lock(), discovered, None);
        if self.was_missed() {
            self.arrived(discovered);
        }
    }

    /// Somebody who polls moves what has arrived, if nobody is at it; says whether all of it went that is
    /// known to have come.
    pub fn poll(&self, inner: &Inner, own: Prefix) -> bool {
        self.bell.poll();
        self.take(inner, own)
    }

    /// Somebody who was woken for it moves what has arrived, or whoever is at it does.
    pub fn answer(&self, inner: &Inner, own: Prefix) {
        self.bell.heard();
        self.miss();
        self.take(inner, own);
    }

    /// On any thread of the user's: what only the receive thread can judge is left to it.
    fn take(&self, inner: &Inner, own: Prefix) -> bool {
        loop {
            let Some(mut entry) = self.entry.try_lock() else { return false };
            let waited = !entry.parked.is_empty();
            if !waited {
                let run = || self.drain(&mut entry, &inner.discovered, Some(own));
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
        }
    }

    /// Forgets what is known of writers.
    pub fn forget(&self, discovered: &Mutex<Discovered>, stale: impl Fn(&Guid, bool) -> bool) {
        self.entry.lock().same_type.retain(|writer, same| !stale(writer, *same));
        if self.was_missed() {
            self.arrived(discovered);
        }
    }

    fn drain(&self, entry: &mut Entry, discovered: &Mutex<Discovered>, poller: Option<Prefix>) {
        self.missed.store(false, Ordering::Relaxed);
        let rung = self.waker.is_none() || self.bell.answer();
        if rung || !entry.parked.is_empty() {
            entry.drain(discovered, poller, self.waker.as_ref());
        }
    }

    fn miss(&self) {
        self.missed.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// To be asked by whoever has given the lock back. Only who holds it says no again, before it looks:
    /// who finds it taken leaves the answer to that one.
    fn was_missed(&self) -> bool {
        fence(Ordering::SeqCst);
        self.missed.load(Ordering::Relaxed)
    }
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
    /// Moves everything that has arrived to the sink, and hangs up the bell. A poller of participant `poller`
    /// leaves what only the receive thread can judge.
    pub fn drain(
        &mut self,
        discovered: &Mutex<Discovered>,
        poller: Option<Prefix>,
        bell: Option<&Waker>,
    ) {
        let mut batch = std::mem::take(&mut self.parked);
        let parked = batch.len();
        let Self { port, sink, topic, .. } = self;
        with_sink(sink, || port.take(&mut batch, topic, bell));
        if batch.is_empty() {
            return;
        }
        let waited = batch.len() - parked;
        let largest = batch.iter().map(|sample| sample.payload.len()).max().unwrap_or(0);
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
        if let Some(room) = self.room.grown(waited, largest) {
            (self.grow)(room);
        }
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

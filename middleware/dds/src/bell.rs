//! The bell of a reader: what RustDDS calls when a sample has arrived, on its own thread.
//!
//! To wake the receive thread, which wakes whoever waits, costs a wake-up more than RustDDS itself does.
//! So those who wait are woken at once and take the samples off the wire themselves, those who poll find
//! the bell rung, and the receive thread is told where there is neither.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use std::task::Wake;
use std::time::Duration;

use parking_lot::Mutex;
use tidewire_transport::now_ns;

use crate::inbox::Inbox;
use crate::inner::Inner;
use crate::poll::Command;

/// Who has polled within this time is expected to poll again.
const POLLED: Duration = Duration::from_millis(1);

/// Who polls looks at least so often though nothing has rung: RustDDS tells nobody of samples for which it
/// waits no longer for earlier ones.
const LOOK: Duration = Duration::from_millis(1);

pub(crate) struct Bell {
    token: usize,
    inbox: Weak<Inbox>,
    inner: Arc<Inner>,
    siblings: Siblings,
    /// Since the last [`answer`](Self::answer): RustDDS rings it once.
    rung: AtomicBool,
    /// Whether somebody has looked since then, and left it as it was.
    seen: AtomicBool,
    /// Whether those who wait know of it.
    queued: AtomicBool,
    /// Whether a listener is called with the samples, on the receive thread.
    called: AtomicBool,
    /// When somebody looked last, and when somebody polled last, ns since the Unix epoch.
    looked: AtomicI64,
    polled: AtomicI64,
}

/// The readers of a topic in a participant. They share what RustDDS keeps of it and which of that may be
/// taken; if an earlier sample holds others back, RustDDS tells only one of them when that has come.
#[derive(Clone, Default)]
pub(crate) struct Siblings(Arc<Mutex<Vec<Weak<Bell>>>>);

impl Siblings {
    pub fn join(&self, bell: &Arc<Bell>) {
        let mut bells = self.0.lock();
        bells.retain(|other| other.strong_count() > 0);
        bells.push(Arc::downgrade(bell));
    }

    /// Whether all of them are gone.
    pub fn is_empty(&self) -> bool {
        self.0.lock().iter().all(|bell| bell.strong_count() == 0)
    }

    fn is_single(&self) -> bool {
        self.0.lock().len() < 2
    }

    fn all(&self) -> Vec<Arc<Bell>> {
        self.0.lock().iter().filter_map(Weak::upgrade).collect()
    }
}

impl Bell {
    /// Rung, so that the first who comes hangs it up.
    pub fn new(token: usize, inbox: Weak<Inbox>, inner: Arc<Inner>, siblings: Siblings) -> Self {
        Self {
            token,
            inbox,
            inner,
            siblings,
            rung: AtomicBool::new(true),
            seen: AtomicBool::new(false),
            queued: AtomicBool::new(false),
            called: AtomicBool::new(false),
            looked: AtomicI64::new(0),
            polled: AtomicI64::new(0),
        }
    }

    pub fn token(&self) -> usize {
        self.token
    }

    /// Whether it has rung and was not hung up since.
    pub fn has_rung(&self) -> bool {
        self.rung.load(Ordering::SeqCst)
    }

    /// Whether it has rung; whoever asks hangs it up again, and looks after that.
    pub fn answer(&self) -> bool {
        let rung = self.has_rung() && self.rung.swap(false, Ordering::SeqCst);
        if rung {
            self.seen.store(false, Ordering::Relaxed);
            self.looked.store(now_ns(), Ordering::Relaxed);
        }
        rung
    }

    /// As [`answer`](Self::answer), but it is left as it is: if nobody looks again, the receive thread does.
    pub fn see(&self) -> bool {
        let rung = self.has_rung();
        if rung {
            self.seen.store(true, Ordering::Relaxed);
            self.inner.watch.arm();
        }
        rung
    }

    /// It could not be hung up, as samples arrive without end: it is as if it had rung, and was seen.
    pub fn leave(&self) {
        self.suspect();
        self.inner.watch.arm();
    }

    /// To be asked with the inbox locked.
    pub fn was_seen(&self) -> bool {
        self.seen.load(Ordering::Relaxed)
    }

    /// Has the next one look, whether or not anything came, and hang it up at once: if nothing rings, there
    /// is nobody to be ahead of.
    pub fn suspect(&self) {
        self.seen.store(true, Ordering::Relaxed);
        self.rung.store(true, Ordering::SeqCst);
    }

    pub fn set_called(&self, called: bool) {
        self.called.store(called, Ordering::SeqCst);
    }

    pub fn is_called(&self) -> bool {
        self.called.load(Ordering::SeqCst)
    }

    /// Those who wait have heard of it.
    pub fn heard(&self) {
        self.queued.store(false, Ordering::SeqCst);
    }

    /// Somebody polls.
    pub fn poll(&self) {
        let now = now_ns();
        self.polled.store(now, Ordering::Relaxed);
        if !is_within(now, self.looked.load(Ordering::Relaxed), LOOK) {
            self.suspect();
        }
    }

    /// Whether somebody polls, who will find what arrives by polling on or when it begins to wait. It may be
    /// without a processor just now: other threads want one, RustDDS's among them.
    fn is_polled(&self) -> bool {
        is_within(now_ns(), self.polled.load(Ordering::Relaxed), POLLED)
    }

    /// RustDDS has the lock of its waker meanwhile: nothing here may look at a reader.
    fn ring(&self) {
        self.tell(&self.siblings.all());
    }

    /// Samples were found: of those that it had held back RustDDS may have told this bell's reader alone, and
    /// that one while the bell was not hung up.
    pub fn pass_on(&self) {
        if self.siblings.is_single() {
            return;
        }
        let mut silent = self.siblings.all();
        silent.retain(|bell| !std::ptr::eq(&raw const **bell, self) && !bell.has_rung());
        if !silent.is_empty() {
            self.tell(&silent);
        }
    }

    fn tell(&self, bells: &[Arc<Self>]) {
        for bell in bells {
            bell.rung.store(true, Ordering::SeqCst);
            if !bell.is_called() && !bell.queued.swap(true, Ordering::SeqCst) {
                self.inner.queue(&bell.inbox);
            }
        }
        let attended = self.inner.ring();
        for bell in bells {
            if bell.is_called() || !(attended || bell.is_polled()) {
                self.inner.command(Command::Arrived(bell.token));
            } else if !attended {
                // In case it does not poll again.
                self.inner.watch.arm();
            }
        }
    }
}

fn is_within(now: i64, time: i64, within: Duration) -> bool {
    u128::from(now.saturating_sub(time).unsigned_abs()) < within.as_nanos()
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::Receiver;

    use super::*;

    /// Two readers of a topic, hung up, and what the receive thread is told. Nobody waits or polls.
    fn two() -> (mio::Poll, [Arc<Bell>; 2], Receiver<Command>) {
        let poll = mio::Poll::new().unwrap();
        let (commands, told) = crossbeam_channel::unbounded();
        let inner = Arc::new(Inner::new(poll.registry(), commands).unwrap());
        let siblings = Siblings::default();
        let bells = [7, 8].map(|token| {
            let bell = Arc::new(Bell::new(token, Weak::new(), inner.clone(), siblings.clone()));
            siblings.join(&bell);
            assert!(bell.answer(), "whoever comes first looks");
            bell
        });
        (poll, bells, told)
    }

    fn told(told: &Receiver<Command>) -> Vec<usize> {
        let tokens = told.try_iter().map(|command| match command {
            Command::Arrived(token) => token,
            _ => panic!("something else than an arrival"),
        });
        tokens.collect()
    }

    #[test]
    fn the_readers_of_a_topic_ring_together() {
        let (_poll, [a, b], commands) = two();
        a.wake_by_ref();
        assert_eq!(told(&commands), [7, 8]);
        assert!(a.has_rung() && b.has_rung());
    }

    #[test]
    fn who_finds_samples_tells_those_that_have_not_rung() {
        let (_poll, [a, b], commands) = two();
        a.pass_on();
        assert_eq!(told(&commands), [8]);
        // Each looks; nobody is told of what all know.
        assert!(b.has_rung());
        a.wake_by_ref();
        told(&commands);
        a.pass_on();
        assert!(told(&commands).is_empty());
    }

    #[test]
    fn a_bell_that_was_seen_is_hung_up_at_the_next_look() {
        let (_poll, [a, _b], _commands) = two();
        assert!(!a.see() && !a.was_seen());
        a.wake_by_ref();
        assert!(a.see() && a.was_seen() && a.has_rung());
        assert!(a.answer() && !a.was_seen() && !a.has_rung());
    }
}

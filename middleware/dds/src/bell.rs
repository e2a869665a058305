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
use crate::participant::Inner;
use crate::poll::Command;

/// How often the receive thread looks at readers that somebody polls. What nobody takes any more may wait
/// twice as long.
pub(crate) const PATROL_PERIOD: Duration = Duration::from_millis(1);

/// Who polls looks at least so often though nothing has rung: RustDDS tells nobody of samples for which it
/// waits no longer for earlier ones.
const LOOK: Duration = Duration::from_millis(1);

pub(crate) struct Bell {
    token: usize,
    inbox: Weak<Inbox>,
    inner: Arc<Inner>,
    siblings: Siblings,
    /// Since the last [`answer`](Self::answer).
    rung: AtomicBool,
    /// Whether those who wait know of it.
    queued: AtomicBool,
    /// Whether a listener is called with the samples, on the receive thread.
    called: AtomicBool,
    /// When somebody looked last, and when somebody polled last, ns since the Unix epoch.
    looked: AtomicI64,
    polled: AtomicI64,
    /// Whether the receive thread comes by itself, in case nobody polls any more.
    patrolled: AtomicBool,
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

    fn all(&self) -> Vec<Arc<Bell>> {
        self.0.lock().iter().filter_map(Weak::upgrade).collect()
    }

    /// On the receive thread.
    pub fn inboxes(&self) -> impl Iterator<Item = Arc<Inbox>> {
        self.all().into_iter().filter_map(|bell| bell.inbox.upgrade())
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
            queued: AtomicBool::new(false),
            called: AtomicBool::new(false),
            looked: AtomicI64::new(0),
            polled: AtomicI64::new(0),
            patrolled: AtomicBool::new(false),
        }
    }

    pub fn token(&self) -> usize {
        self.token
    }

    pub fn siblings(&self) -> &Siblings {
        &self.siblings
    }

    /// Whether it has rung; whoever asks hangs it up again, and looks after that.
    pub fn answer(&self) -> bool {
        let rung = self.rung.load(Ordering::SeqCst) && self.rung.swap(false, Ordering::SeqCst);
        if rung {
            self.looked.store(now_ns(), Ordering::Relaxed);
        }
        rung
    }

    /// Has the next one look, whether or not anything came.
    pub fn suspect(&self) {
        self.rung.store(true, Ordering::SeqCst);
    }

    pub fn set_called(&self, called: bool) {
        self.called.store(called, Ordering::SeqCst);
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

    /// To be asked by the receive thread at each round: whether somebody polls, so that it need not be
    /// told of what arrives. What arrived before a no may have been told to nobody.
    pub fn patrol(&self) -> bool {
        let polled = self.is_polled();
        self.patrolled.store(polled, Ordering::SeqCst);
        polled
    }

    /// Whether somebody polls, who will find what arrives by polling on or when it begins to wait. It may be
    /// without a processor just now: other threads want one, RustDDS's among them.
    fn is_polled(&self) -> bool {
        is_within(now_ns(), self.polled.load(Ordering::Relaxed), PATROL_PERIOD)
    }

    /// Whether the receive thread comes by if that ends.
    fn is_watched(&self) -> bool {
        self.patrolled.load(Ordering::SeqCst) && self.is_polled()
    }

    /// RustDDS has the lock of its waker meanwhile: nothing here may look at a reader.
    fn ring(&self) {
        let bells = self.siblings.all();
        for bell in &bells {
            bell.rung.store(true, Ordering::SeqCst);
            if !bell.called.load(Ordering::SeqCst) && !bell.queued.swap(true, Ordering::SeqCst) {
                self.inner.queue(&bell.inbox);
            }
        }
        let attended = self.inner.ring();
        for bell in &bells {
            if bell.called.load(Ordering::SeqCst) || !(attended || bell.is_watched()) {
                self.inner.command(Command::Arrived(bell.token));
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

//! The bell of a reader: what RustDDS calls when a sample has arrived, on its own thread.
//!
//! To wake the receive thread, which wakes whoever waits, costs a wake-up more than RustDDS itself does.
//! So those who wait are woken at once and take the samples off the wire themselves, those who poll find
//! the bell rung, and the receive thread is told where there is neither.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use std::task::Wake;
use std::time::Duration;

use tidewire_transport::now_ns;

use crate::inbox::Inbox;
use crate::participant::Inner;
use crate::poll::Command;

/// How often the receive thread looks at readers that somebody polls: that long what nobody takes any more
/// may wait.
pub(crate) const PATROL_PERIOD: Duration = Duration::from_millis(1);

/// Who polled so shortly before an arrival will find it before the receive thread could.
const BUSY: Duration = Duration::from_micros(20);

pub(crate) struct Bell {
    token: usize,
    inbox: Weak<Inbox>,
    inner: Arc<Inner>,
    /// Since the last [`answer`](Self::answer).
    rung: AtomicBool,
    /// Whether a listener is called with the samples, on the receive thread.
    called: AtomicBool,
    /// When somebody polled last, ns since the Unix epoch.
    polled: AtomicI64,
    /// Whether the receive thread comes by itself, in case nobody polls any more.
    patrolled: AtomicBool,
}

impl Bell {
    /// Rung, so that the first who comes hangs it up.
    pub fn new(token: usize, inbox: Weak<Inbox>, inner: Arc<Inner>) -> Self {
        Self {
            token,
            inbox,
            inner,
            rung: AtomicBool::new(true),
            called: AtomicBool::new(false),
            polled: AtomicI64::new(0),
            patrolled: AtomicBool::new(false),
        }
    }

    pub fn token(&self) -> usize {
        self.token
    }

    /// Whether it has rung; whoever asks hangs it up again, and looks after that.
    pub fn answer(&self) -> bool {
        self.rung.load(Ordering::SeqCst) && self.rung.swap(false, Ordering::SeqCst)
    }

    pub fn set_called(&self, called: bool) {
        self.called.store(called, Ordering::SeqCst);
    }

    /// Somebody polls.
    pub fn poll(&self) {
        self.polled.store(now_ns(), Ordering::Relaxed);
    }

    /// To be asked by the receive thread at each round: whether somebody polls, so that it need not be
    /// told of what arrives. What arrived before a no may have been told to nobody.
    pub fn patrol(&self) -> bool {
        let polled = self.has_polled(PATROL_PERIOD);
        self.patrolled.store(polled, Ordering::SeqCst);
        polled
    }

    fn has_polled(&self, within: Duration) -> bool {
        let age = now_ns().saturating_sub(self.polled.load(Ordering::Relaxed));
        u128::from(age.unsigned_abs()) < within.as_nanos()
    }

    /// Whether somebody does nothing but poll, and the receive thread comes by if that ends.
    fn is_watched(&self) -> bool {
        self.patrolled.load(Ordering::SeqCst) && self.has_polled(BUSY)
    }

    /// RustDDS has the lock of its waker meanwhile: nothing here may look at the reader.
    fn ring(&self) {
        self.rung.store(true, Ordering::SeqCst);
        if !self.called.load(Ordering::SeqCst)
            && (self.inner.ring(&self.inbox) || self.is_watched())
        {
            return;
        }
        self.inner.command(Command::Arrived(self.token));
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

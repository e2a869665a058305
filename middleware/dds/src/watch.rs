//! Has the receive thread look at the readers soon, without waking it now.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// How soon, at the latest, in ns.
pub(crate) const PERIOD: i64 = 1_000_000;

/// A timer in the receive thread's poll: to arm it costs the others a system call, and that at most once per
/// [`PERIOD`].
pub(crate) struct Watch {
    timer: OwnedFd,
    armed: AtomicBool,
}

impl Watch {
    pub fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self { timer, armed: AtomicBool::new(false) })
    }

    /// To be called after that which is to be seen.
    pub fn arm(&self) {
        if self.armed.swap(true, Ordering::SeqCst) {
            return;
        }
        let once = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec { tv_sec: 0, tv_nsec: PERIOD },
        };
        // Of a timer that we have made it cannot fail.
        let _ = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once);
    }

    /// The receive thread has seen the timer end, and looks now. What comes from here on arms it again.
    pub fn ended(&self) {
        let _ = rustix::io::read(&self.timer, &mut [0; 8]);
        self.armed.store(false, Ordering::SeqCst);
    }
}

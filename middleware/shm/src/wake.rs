//! Waking a participant that waits for data: an epoch word, and a futex on it.
//!
//! iceoryx2's own event path costs more than a raw futex, so a writer bumps the reader's epoch after
//! each send and enters the kernel only if somebody sleeps. Who waits looks at the epoch for a moment
//! before it sleeps: longer while samples come quickly, which saves both sides the kernel.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::thread::futex;

use crate::patience::Patience;

/// Looks at the epoch between two looks at the clock.
const LOOKS: u32 = 16;

/// The words of one participant, in its presence file, on a cache line of their own.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub(crate) struct WakeWords {
    epoch: AtomicU32,
    waiters: AtomicU32,
    /// [`Patience`], only hints: what threads that wait at once lose to each other does no harm.
    patience: AtomicU32,
}

impl WakeWords {
    /// Counts wake-ups; wraps.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// Says that there is something to take and returns the new epoch.
    pub(crate) fn wake(&self) -> u32 {
        // SeqCst on both sides: either this sees the waiter or the waiter sees the new epoch.
        let epoch = self.epoch.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
        if self.waiters.load(Ordering::SeqCst) > 0 {
            // Fails only for an invalid address, which a mapped word is not.
            let _ = futex::wake(&self.epoch, futex::Flags::empty(), i32::MAX as u32);
        }
        epoch
    }

    /// Waits until the epoch is no longer `seen`; false when `timeout` passed first.
    pub(crate) fn wait(&self, seen: u32, timeout: Duration) -> bool {
        let start = Instant::now();
        let patience = Patience::unpack(self.patience.load(Ordering::Relaxed));
        let seen_awake = self.look(seen, start, patience.look().min(timeout));
        let woken = seen_awake || self.sleep(seen, start.checked_add(timeout));
        if woken {
            let next = if seen_awake { patience.seen() } else { patience.slept(start.elapsed()) };
            if next != patience {
                self.patience.store(next.pack(), Ordering::Relaxed);
            }
        }
        woken
    }

    /// Whether the epoch ceases to be `seen` within `patience` of `start`.
    fn look(&self, seen: u32, start: Instant, patience: Duration) -> bool {
        loop {
            for _ in 0..LOOKS {
                if self.epoch() != seen {
                    return true;
                }
                std::hint::spin_loop();
            }
            if start.elapsed() >= patience {
                return false;
            }
        }
    }

    /// Sleeps until the epoch is no longer `seen`; false when it is `deadline` first.
    fn sleep(&self, seen: u32, deadline: Option<Instant>) -> bool {
        self.waiters.fetch_add(1, Ordering::SeqCst);
        let woken = loop {
            if self.epoch() != seen {
                break true;
            }
            let left = match deadline {
                Some(deadline) => deadline.saturating_duration_since(Instant::now()),
                None => Duration::from_secs(3600),
            };
            if left.is_zero() {
                break false;
            }
            let left = futex::Timespec {
                tv_sec: left.as_secs().min(3600) as i64,
                tv_nsec: i64::from(left.subsec_nanos()),
            };
            // Every outcome (woken, changed already, interrupted, timed out) leads to a new look.
            let _ = futex::wait(&self.epoch, futex::Flags::empty(), seen, Some(&left));
        };
        self.waiters.fetch_sub(1, Ordering::SeqCst);
        woken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_wake_between_look_and_wait_is_not_lost() {
        let words = WakeWords::default();
        let seen = words.epoch();
        words.wake();
        assert!(words.wait(seen, Duration::ZERO));
        assert!(!words.wait(words.epoch(), Duration::from_millis(1)));
    }

    #[test]
    fn every_sleeping_thread_is_woken() {
        let words = Arc::new(WakeWords::default());
        let seen = words.epoch();
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let words = words.clone();
                std::thread::spawn(move || words.wait(seen, Duration::from_secs(30)))
            })
            .collect();
        while words.waiters.load(Ordering::SeqCst) < 3 {
            std::thread::yield_now();
        }
        words.wake();
        assert!(threads.into_iter().all(|t| t.join().unwrap()));
    }
}

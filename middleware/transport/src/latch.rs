//! A lock for sections of some dozen instructions.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::lock_api;

/// A mutex whose release is a plain store.
///
/// A sample's way ends with stores to cache lines that another processor holds. The locked
/// instruction with which other mutexes are released waits for all of them to arrive; a plain store
/// queues up behind them, and the thread goes on. In exchange nobody is woken: a thread that finds
/// it taken spins, yields and at last naps, so it is for short sections that hardly ever meet.
///
/// ```
/// let latch = tidewire_transport::Latch::new(1);
/// *latch.lock() += 1;
/// assert_eq!(latch.into_inner(), 2);
/// ```
pub type Latch<T> = lock_api::Mutex<RawLatch, T>;

/// The lock of a [`Latch`].
#[derive(Debug)]
pub struct RawLatch(AtomicBool);

const SPINS: u32 = 64;
const YIELDS: u32 = 64;
/// The holder may have been preempted, by us if we have the higher priority: let it run.
const NAP: Duration = Duration::from_micros(50);

// SAFETY: `lock` and `try_lock` return having changed `false` to `true`, which one thread at a time
// can do until `unlock`; acquire and release order what happens in between.
unsafe impl lock_api::RawMutex for RawLatch {
    const INIT: Self = Self(AtomicBool::new(false));
    type GuardMarker = lock_api::GuardSend;

    #[inline]
    fn lock(&self) {
        if !self.try_lock() {
            self.wait();
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        !self.0.swap(true, Ordering::Acquire)
    }

    #[inline]
    unsafe fn unlock(&self) {
        self.0.store(false, Ordering::Release);
    }
}

impl RawLatch {
    #[cold]
    fn wait(&self) {
        let mut round = 0;
        while self.0.load(Ordering::Relaxed) || self.0.swap(true, Ordering::Acquire) {
            round += 1;
            if round < SPINS {
                std::hint::spin_loop();
            } else if round < SPINS + YIELDS {
                std::thread::yield_now();
            } else {
                std::thread::sleep(NAP);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_at_a_time() {
        let latch = Latch::new((0_u64, 0_u64));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        let mut pair = latch.lock();
                        pair.0 += 1;
                        pair.1 += 1;
                        assert_eq!(pair.0, pair.1);
                    }
                });
            }
        });
        assert_eq!(latch.into_inner(), (80_000, 80_000));
    }

    #[test]
    fn a_waiting_thread_gets_it_after_a_long_hold() {
        let latch = Latch::new(0);
        std::thread::scope(|scope| {
            let mut held = latch.lock();
            let other = scope.spawn(|| *latch.lock());
            std::thread::sleep(Duration::from_millis(20));
            *held = 7;
            drop(held);
            assert_eq!(other.join().unwrap(), 7);
        });
    }
}

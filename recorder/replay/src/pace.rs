//! The replay's clock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Gaps below this are not slept: the kernel's timer is no finer, and a burst stays a burst.
const TINY: Duration = Duration::from_micros(100);

/// Longest sleep before looking at the stop flag again.
const NAP: Duration = Duration::from_millis(20);

/// Maps recorded time to the wall clock.
pub(crate) struct Pace<'a> {
    rate: f64,
    /// Recorded time that belongs to `zero`.
    origin: i64,
    zero: Instant,
    stop: &'a AtomicBool,
    paused: Option<&'a AtomicBool>,
    /// Longest a sample was written after its time.
    late: Duration,
}

impl<'a> Pace<'a> {
    pub(crate) fn new(
        rate: f64,
        origin: i64,
        stop: &'a AtomicBool,
        paused: Option<&'a AtomicBool>,
    ) -> Self {
        Self { rate, origin, zero: Instant::now(), stop, paused, late: Duration::ZERO }
    }

    /// Starts over at `origin`, now.
    pub(crate) fn rewind(&mut self, origin: i64) {
        self.origin = origin;
        self.zero = Instant::now();
    }

    /// Something else took `time`: what follows comes later by that.
    pub(crate) fn shift(&mut self, time: Duration) {
        self.zero += time;
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(crate) fn late(&self) -> Duration {
        self.late
    }

    /// Waits until it is `time`'s turn; `idle` is called between naps. False when stopped.
    pub(crate) fn wait_for(&mut self, time: i64, idle: &mut dyn FnMut()) -> bool {
        loop {
            if self.stopped() {
                return false;
            }
            if self.is_paused() {
                let since = Instant::now();
                while self.is_paused() && !self.stopped() {
                    std::thread::sleep(NAP);
                    idle();
                }
                self.shift(since.elapsed());
                continue;
            }
            let now = Instant::now();
            let due = self.due(time);
            if due <= now + TINY {
                if self.rate.is_finite() {
                    self.late = self.late.max(now.saturating_duration_since(due));
                }
                return true;
            }
            std::thread::sleep((due - now).min(NAP));
            idle();
        }
    }

    fn is_paused(&self) -> bool {
        self.paused.is_some_and(|paused| paused.load(Ordering::Relaxed))
    }

    fn due(&self, time: i64) -> Instant {
        let recorded = time.saturating_sub(self.origin).max(0);
        let played = Duration::from_nanos(recorded as u64).as_secs_f64() / self.rate;
        match Duration::try_from_secs_f64(played) {
            Ok(played) => self.zero.checked_add(played),
            Err(_) => None,
        }
        // Beyond what an Instant holds is as good as never: look again at the next nap.
        .unwrap_or_else(|| Instant::now() + NAP * 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_scaled_from_the_origin() {
        let stop = AtomicBool::new(false);
        let pace = Pace::new(4.0, 1_000_000_000, &stop, None);
        assert_eq!(pace.due(1_000_000_000), pace.zero);
        assert_eq!(pace.due(3_000_000_000) - pace.zero, Duration::from_millis(500));
        assert_eq!(pace.due(0), pace.zero);
        let flood = Pace::new(f64::INFINITY, 0, &stop, None);
        assert_eq!(flood.due(i64::MAX), flood.zero);
    }

    #[test]
    fn a_stopped_clock_lets_nothing_through() {
        let stop = AtomicBool::new(true);
        let mut pace = Pace::new(1.0, 0, &stop, None);
        assert!(!pace.wait_for(0, &mut || ()));
    }

    #[test]
    fn a_pause_shifts_what_follows() {
        let (stop, paused) = (AtomicBool::new(false), AtomicBool::new(true));
        let mut pace = Pace::new(1.0, 0, &stop, Some(&paused));
        let before = pace.zero;
        assert!(pace.wait_for(0, &mut || paused.store(false, Ordering::Relaxed)));
        assert!(pace.zero >= before + NAP);
    }
}

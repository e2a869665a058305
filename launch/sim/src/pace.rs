//! Fixed-rate ticks on absolute deadlines: no drift, and a late wake-up makes a batch.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use tidewire_sim::pace::Pacer;
//!
//! let stop = AtomicBool::new(false);
//! let mut pacer = Pacer::new(1000.0);
//! let mut ticks = 0;
//! while ticks < 20 {
//!     ticks += pacer.wait(&stop);
//! }
//! assert!(pacer.elapsed().as_millis() >= 19);
//! ```

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Longest time slept in one go, so that a stop is seen soon at low rates.
const NAP: Duration = Duration::from_millis(50);

/// When this far behind (a stopped process, a laptop lid) the missed ticks are skipped, not made up.
const GIVE_UP: Duration = Duration::from_secs(1);

/// Counts the ticks of a fixed rate as they fall due.
#[derive(Debug)]
pub struct Pacer {
    start: Instant,
    period: f64,
    done: u64,
    skipped: u64,
}

impl Pacer {
    /// Ticks `rate` times a second from now on; the first one falls due at once.
    pub fn new(rate: f64) -> Self {
        Self { start: Instant::now(), period: 1.0 / rate, done: 0, skipped: 0 }
    }

    /// Sleeps until at least one tick is due and returns how many are; 0 once `stop` is set.
    pub fn wait(&mut self, stop: &AtomicBool) -> u64 {
        loop {
            if stop.load(Ordering::Relaxed) {
                return 0;
            }
            let now = self.start.elapsed();
            let due = (now.as_secs_f64() / self.period) as u64 + 1;
            let next = Duration::from_secs_f64(self.done as f64 * self.period);
            if due > self.done {
                let mut ticks = due - self.done;
                let most = ((GIVE_UP.as_secs_f64() / self.period) as u64).max(1);
                if ticks > most {
                    self.skipped += ticks - most;
                    ticks = most;
                }
                self.done = due;
                return ticks;
            }
            std::thread::sleep(next.saturating_sub(now).min(NAP));
        }
    }

    /// Time since the first tick.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Ticks given up because the process fell more than a second behind.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_wake_ups_make_up_the_missed_ticks() {
        let stop = AtomicBool::new(false);
        let mut pacer = Pacer::new(1000.0);
        let mut ticks = pacer.wait(&stop);
        std::thread::sleep(Duration::from_millis(30));
        ticks += pacer.wait(&stop);
        assert!(ticks >= 30, "{ticks}");
        assert_eq!(pacer.skipped(), 0);
    }

    #[test]
    fn a_stop_ends_the_wait() {
        let stop = AtomicBool::new(true);
        assert_eq!(Pacer::new(0.01).wait(&stop), 0);
    }
}

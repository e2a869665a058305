//! How long this process did not run: stopped by a signal, or starved by the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Between two looks at the clock.
const TICK: Duration = Duration::from_millis(10);
/// What a tick may be late on a machine with other work.
const SLACK: Duration = Duration::from_millis(30);

/// A thread that does nothing but look at the clock: what it misses, nobody of this process ran.
pub struct Freeze {
    words: Arc<Words>,
}

#[derive(Default)]
struct Words {
    /// All time missed, in ns.
    total: AtomicU64,
    /// The longest time at once since it was last asked for, in ns.
    longest: AtomicU64,
}

impl Freeze {
    pub fn start() -> std::io::Result<Self> {
        let words = Arc::<Words>::default();
        let weak = Arc::downgrade(&words);
        std::thread::Builder::new().name("soak-freeze".into()).spawn(move || {
            let mut last = Instant::now();
            loop {
                std::thread::sleep(TICK);
                let Some(words) = weak.upgrade() else { return };
                let late = last.elapsed().saturating_sub(TICK);
                last = Instant::now();
                if late > SLACK {
                    let late = late.as_nanos() as u64;
                    words.total.fetch_add(late, Ordering::AcqRel);
                    words.longest.fetch_max(late, Ordering::AcqRel);
                }
            }
        })?;
        Ok(Self { words })
    }

    /// All time this process did not run.
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.words.total.load(Ordering::Acquire))
    }

    /// The longest time it did not run since the last call.
    pub fn take_longest(&self) -> Duration {
        Duration::from_nanos(self.words.longest.swap(0, Ordering::AcqRel))
    }

    /// The longest time it did not run since it was last taken.
    pub fn longest(&self) -> Duration {
        Duration::from_nanos(self.words.longest.load(Ordering::Acquire))
    }

    /// How long `work` took without the time the process did not run.
    pub fn time<R>(&self, work: impl FnOnce() -> R) -> (R, Duration) {
        let (frozen, start) = (self.total(), Instant::now());
        let done = work();
        let took = start.elapsed();
        if took < 5 * TICK {
            return (done, took);
        }
        // The other thread may not have had its turn since the process goes on.
        std::thread::sleep(3 * TICK);
        (done, took.saturating_sub(self.total().saturating_sub(frozen)))
    }
}

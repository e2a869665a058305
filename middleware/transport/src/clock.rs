//! The wall clock, asked twice for every sample.

use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock: ns since the Unix epoch, UTC.
///
/// Where the kernel itself keeps time by the processor's counter (TSC), this reads that counter and
/// asks the kernel only once a millisecond, which takes a third of the time; it stays within a
/// microsecond of the kernel's answer and follows its steps within that millisecond. It does not run
/// backwards on one thread unless the kernel's clock is set back.
///
/// ```
/// assert!(tidewire_transport::now_ns() > 1_700_000_000_000_000_000);
/// ```
#[inline]
pub fn now_ns() -> i64 {
    #[cfg(target_arch = "x86_64")]
    if let Some(now) = tsc::now() {
        return now;
    }
    system()
}

fn system() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_nanos() as i64,
        Err(before) => -(before.duration().as_nanos() as i64),
    }
}

#[cfg(target_arch = "x86_64")]
mod tsc {
    use std::cell::Cell;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Instant;

    use super::system;

    /// How long the counter is believed, and the least span its rate is measured over, in ns.
    const HORIZON: u128 = 1_000_000;
    const BASELINE: u128 = 20_000_000;
    /// A step back by less than this is our own inaccuracy and is not shown.
    const JITTER: i64 = 10_000;

    /// What this thread last heard from the kernel.
    #[derive(Clone, Copy)]
    struct Anchor {
        ticks: u64,
        nanos: i64,
        /// Ticks after which to ask again; 0 while the rate is unknown.
        horizon: u64,
        /// ns per tick, in 2^-32.
        rate: u64,
        /// The last answer before the kernel was asked.
        floor: i64,
    }

    thread_local! {
        static ANCHOR: Cell<Anchor> =
            const { Cell::new(Anchor { ticks: 0, nanos: 0, horizon: 0, rate: 0, floor: i64::MIN }) };
    }

    #[inline]
    pub(super) fn now() -> Option<i64> {
        let anchor = ANCHOR.get();
        let passed = ticks().wrapping_sub(anchor.ticks);
        if passed < anchor.horizon {
            let now = anchor.nanos + scale(passed, anchor.rate);
            return Some(now.max(anchor.floor));
        }
        ask(anchor, passed)
    }

    #[inline]
    fn ticks() -> u64 {
        // SAFETY: every x86-64 processor has the instruction.
        unsafe { core::arch::x86_64::_rdtsc() }
    }

    #[inline]
    fn scale(ticks: u64, rate: u64) -> i64 {
        ((u128::from(ticks) * u128::from(rate)) >> 32) as i64
    }

    #[cold]
    fn ask(old: Anchor, passed: u64) -> Option<i64> {
        if !trusted() {
            return None;
        }
        let (ticks, nanos) = undisturbed(system)?;
        let Some(rate) = rate() else { return Some(nanos) };
        let horizon = (HORIZON << 32) / u128::from(rate.max(1));
        let last = if old.rate == 0 {
            i64::MIN
        } else {
            old.nanos.saturating_add(scale(passed.min(old.horizon), old.rate))
        };
        let floor = if last > nanos && last - nanos < JITTER { last } else { i64::MIN };
        ANCHOR.set(Anchor { ticks, nanos, horizon: horizon as u64, rate, floor });
        Some(nanos.max(floor))
    }

    /// Whether the kernel has found the counters of all processors steady and in step.
    fn trusted() -> bool {
        static TRUSTED: OnceLock<bool> = OnceLock::new();
        *TRUSTED.get_or_init(|| {
            let source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
            std::fs::read_to_string(source).is_ok_and(|name| name.trim() == "tsc")
        })
    }

    /// Counter and a clock of the same moment; `None` if this thread is interrupted again and again.
    fn undisturbed<T>(read: impl Fn() -> T) -> Option<(u64, T)> {
        for _ in 0..4 {
            let before = ticks();
            let value = read();
            let took = ticks().wrapping_sub(before);
            if took < 2_000 {
                return Some((before.wrapping_add(took / 2), value));
            }
        }
        None
    }

    /// The counter's rate in 2^-32 ns per tick, measured since the first call of this process against
    /// the clock that knows no steps.
    fn rate() -> Option<u64> {
        static FIRST: OnceLock<(u64, Instant)> = OnceLock::new();
        static RATE: AtomicU64 = AtomicU64::new(0);
        let known = RATE.load(Ordering::Relaxed);
        if known != 0 {
            return Some(known);
        }
        let Some(from) = FIRST.get() else {
            let _ = FIRST.set(undisturbed(Instant::now)?);
            return None;
        };
        let (now, nanos) = undisturbed(|| from.1.elapsed().as_nanos())?;
        let ticks = now.wrapping_sub(from.0);
        if nanos < BASELINE || ticks == 0 {
            return None;
        }
        let rate = (nanos << 32) / u128::from(ticks);
        let rate = u64::try_from(rate).ok().filter(|rate| (1 << 28..1 << 36).contains(rate))?;
        RATE.store(rate, Ordering::Relaxed);
        Some(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn it_agrees_with_the_kernel_and_does_not_run_back() {
        let mut last = now_ns();
        let mut compared = 0;
        for round in 0..60 {
            std::thread::sleep(Duration::from_millis(1 + round % 3));
            for _ in 0..200 {
                let (before, now, after) = (system(), now_ns(), system());
                assert!(now >= last, "{now} after {last}");
                last = now;
                // A pause between the three readings widens the bounds; the slack is for the rate.
                assert!(before - 20_000 <= now && now <= after + 20_000, "{before} {now} {after}");
                compared += 1;
            }
        }
        assert_eq!(compared, 12_000);
    }

    #[test]
    fn every_thread_sees_the_same_time() {
        let times: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(|| {
                    std::thread::sleep(Duration::from_millis(30));
                    (system(), now_ns(), system())
                })
            })
            .collect();
        for thread in times {
            let (before, now, after) = thread.join().unwrap();
            assert!(before - 20_000 <= now && now <= after + 20_000);
        }
    }
}

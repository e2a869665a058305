//! What is counted of a topic's samples: how many, how large, how late, how regular.

use std::collections::VecDeque;

use tidewire_capture::latency::Histogram;
use tidewire_idl::Sample;

/// What is kept of one sample.
#[derive(Clone, Copy, Debug)]
struct Seen {
    received: i64,
    delay: i64,
    bytes: u64,
}

/// Figures of all samples since the first, or of the last so many.
#[derive(Debug, Default)]
pub struct Figures {
    window: Option<usize>,
    last: VecDeque<Seen>,
    all: Count,
}

impl Figures {
    /// Of the last `window` samples; `None`: of all.
    pub fn new(window: Option<usize>) -> Self {
        Self { window, ..Self::default() }
    }

    /// Counts a sample.
    pub fn add(&mut self, sample: &Sample) {
        let seen = Seen {
            received: sample.info.reception_time,
            delay: sample.info.reception_time.saturating_sub(sample.info.source_time),
            bytes: sample.payload.len() as u64,
        };
        self.all.add(seen);
        if let Some(window) = self.window {
            if self.last.len() == window {
                self.last.pop_front();
            }
            self.last.push_back(seen);
        }
    }

    /// Samples so far, also those before the window.
    pub fn total(&self) -> u64 {
        self.all.samples
    }

    /// The figures now.
    pub fn count(&self) -> Count {
        match self.window {
            None => self.all.clone(),
            Some(_) => {
                let mut count = Count::default();
                self.last.iter().for_each(|seen| count.add(*seen));
                count
            }
        }
    }
}

/// Samples counted together.
#[derive(Clone, Debug, Default)]
pub struct Count {
    pub samples: u64,
    pub bytes: u64,
    /// Payload sizes, encapsulation header included.
    pub size: Histogram,
    pub smallest: u64,
    /// From source time to reception, ns.
    pub delay: Signed,
    /// Between neighbours, ns.
    pub gap: Histogram,
    first: i64,
    first_bytes: u64,
    last: i64,
}

impl Count {
    fn add(&mut self, seen: Seen) {
        if self.samples == 0 {
            (self.first, self.first_bytes, self.smallest) = (seen.received, seen.bytes, seen.bytes);
        } else {
            self.gap.record(seen.received.saturating_sub(self.last));
        }
        self.last = seen.received;
        self.samples += 1;
        self.bytes += seen.bytes;
        self.smallest = self.smallest.min(seen.bytes);
        self.size.record(seen.bytes as i64);
        self.delay.record(seen.delay);
    }

    /// Samples and bytes per second until `now` (ns): the first sample only starts the clock.
    pub fn rates(&self, now: i64) -> (f64, f64) {
        if self.samples < 2 {
            return (0.0, 0.0);
        }
        let seconds = now.saturating_sub(self.first).max(1) as f64 / 1e9;
        let bytes = (self.bytes - self.first_bytes) as f64;
        ((self.samples - 1) as f64 / seconds, bytes / seconds)
    }

    /// Mean payload size in bytes.
    pub fn mean_size(&self) -> f64 {
        self.bytes as f64 / self.samples.max(1) as f64
    }
}

/// Durations that may be negative: times of two clocks.
#[derive(Clone, Debug, Default)]
pub struct Signed {
    above: Histogram,
    below: Histogram,
    sum: i128,
    least: i64,
    most: i64,
}

impl Signed {
    /// Counts one, in ns.
    pub fn record(&mut self, ns: i64) {
        let first = self.count() == 0;
        self.least = if first { ns } else { self.least.min(ns) };
        self.most = if first { ns } else { self.most.max(ns) };
        self.sum += i128::from(ns);
        match ns < 0 {
            true => self.below.record(ns.saturating_neg()),
            false => self.above.record(ns),
        }
    }

    /// All that were counted.
    pub fn count(&self) -> u64 {
        self.above.count() + self.below.count()
    }

    /// How many were negative.
    pub fn negative(&self) -> u64 {
        self.below.count()
    }

    /// The least, in ns.
    pub fn least(&self) -> Option<i64> {
        (self.count() > 0).then_some(self.least)
    }

    /// The mean, in ns.
    pub fn mean(&self) -> Option<i64> {
        let mean = self.sum.checked_div(i128::from(self.count()))?;
        i64::try_from(mean).ok()
    }

    /// The most, in ns.
    pub fn most(&self) -> Option<i64> {
        (self.count() > 0).then_some(self.most)
    }

    /// The duration in ns that the share `q` (0 to 1) does not exceed, within 1/32.
    pub fn quantile(&self, q: f64) -> Option<i64> {
        let (below, count) = (self.below.count(), self.count());
        let rank = ((q.clamp(0.0, 1.0) * count as f64).ceil() as u64).max(1);
        if count == 0 {
            None
        } else if rank > below {
            let q = (rank - below) as f64 / self.above.count() as f64;
            Some(self.above.quantile(q)?.clamp(self.least, self.most))
        } else {
            // The most negative come first.
            let q = (below - rank + 1) as f64 / below as f64;
            Some((-self.below.quantile(q)?).clamp(self.least, self.most))
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tidewire_idl::{Guid, InstanceState, KeyHash, SampleInfo};

    use super::*;

    fn sample(at: i64, delay: i64, bytes: usize) -> Sample {
        let info = SampleInfo {
            source_time: at - delay,
            reception_time: at,
            writer: Guid::default(),
            sequence: 1,
            key: KeyHash::default(),
            state: InstanceState::Alive,
            point: "p".into(),
        };
        Sample { info, payload: Bytes::from(vec![0; bytes]) }
    }

    #[test]
    fn rates_are_over_the_time_since_the_first_sample() {
        let mut figures = Figures::new(None);
        (0..=10).for_each(|i| figures.add(&sample(i * 100_000_000, 5_000, 100)));
        let count = figures.count();
        assert_eq!(count.rates(1_000_000_000), (10.0, 1000.0));
        assert_eq!(count.rates(2_000_000_000), (5.0, 500.0), "nobody writes any more");
        assert_eq!((count.samples, count.smallest, count.mean_size()), (11, 100, 100.0));
        assert_eq!(Figures::new(None).count().rates(5), (0.0, 0.0));
    }

    #[test]
    fn a_window_forgets_what_was_before() {
        let mut figures = Figures::new(Some(3));
        (0..10).for_each(|i| figures.add(&sample(i * 1_000_000_000, 0, 10)));
        (10..13).for_each(|i| figures.add(&sample(10_000_000_000 + i * 100_000_000, 0, 50)));
        let count = figures.count();
        assert_eq!((figures.total(), count.samples, count.bytes), (13, 3, 150));
        assert_eq!(count.rates(11_200_000_000), (10.0, 500.0));
        assert_eq!(count.size.max(), Some(50));
    }

    #[test]
    fn negative_delays_are_in_order() {
        let mut delays = Signed::default();
        (-50..50).for_each(|ms| delays.record(ms * 1_000_000));
        let near = |q, ms: i64| {
            let got = delays.quantile(q).unwrap();
            assert!((got - ms * 1_000_000).abs() <= 2_000_000, "{q}: {got}");
        };
        near(0.01, -50);
        near(0.25, -26);
        near(0.75, 24);
        near(1.0, 49);
        assert_eq!(delays.negative(), 50);
        assert_eq!((delays.least(), delays.most()), (Some(-50_000_000), Some(49_000_000)));
        assert_eq!((delays.mean(), Signed::default().mean()), (Some(-500_000), None));
        assert_eq!(Signed::default().quantile(0.5), None);
    }
}

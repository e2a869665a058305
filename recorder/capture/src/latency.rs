//! How long samples were under way.
//!
//! ```
//! use tidewire_capture::latency::Histogram;
//!
//! let mut latency = Histogram::default();
//! for us in 1..=1000 {
//!     latency.record(us * 1_000);
//! }
//! let p50 = latency.quantile(0.50).unwrap();
//! assert!((p50 - 500_000).abs() < 500_000 / 16, "{p50} ns");
//! assert_eq!(latency.max(), Some(1_000_000));
//! ```

use serde::Serialize;

/// Each power of two is divided into this many buckets, so a quantile is off by at most 1/32.
const SUB_BITS: u32 = 4;
const SUB: usize = 1 << SUB_BITS;
const BUCKETS: usize = SUB + (64 - SUB_BITS as usize) * SUB;

/// Counts durations in logarithmic buckets: constant memory, any range, mergeable.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Box<[u64; BUCKETS]>,
    count: u64,
    max: i64,
    negative: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: Box::new([0; BUCKETS]), count: 0, max: 0, negative: 0 }
    }
}

impl Histogram {
    /// Counts one duration in ns. A negative one, of a sender whose clock is ahead, counts as zero.
    pub fn record(&mut self, ns: i64) {
        self.negative += u64::from(ns < 0);
        let ns = ns.max(0);
        self.counts[bucket(ns as u64)] += 1;
        self.count += 1;
        self.max = self.max.max(ns);
    }

    /// Durations counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest, in ns, exactly.
    pub fn max(&self) -> Option<i64> {
        (self.count > 0).then_some(self.max)
    }

    /// How many were negative: the two clocks disagree by more than the latency.
    pub fn negative(&self) -> u64 {
        self.negative
    }

    /// The duration in ns that the share `q` (0 to 1) does not exceed, within 1/32.
    pub fn quantile(&self, q: f64) -> Option<i64> {
        if self.count == 0 {
            return None;
        }
        let rank = ((q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let index = self.counts.iter().position(|n| {
            seen += n;
            seen >= rank
        })?;
        Some(middle(index).min(self.max))
    }

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts.iter()) {
            *mine += theirs;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
        self.negative += other.negative;
    }

    /// The figures people look at.
    pub fn summary(&self) -> Latency {
        Latency {
            count: self.count,
            p50_ns: self.quantile(0.50),
            p99_ns: self.quantile(0.99),
            max_ns: self.max(),
        }
    }
}

/// Quantiles of a [`Histogram`], in ns; `None` before the first sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Samples counted.
    pub count: u64,
    /// Median.
    pub p50_ns: Option<i64>,
    /// 99th percentile.
    pub p99_ns: Option<i64>,
    /// Longest.
    pub max_ns: Option<i64>,
}

fn bucket(ns: u64) -> usize {
    if ns < SUB as u64 {
        return ns as usize;
    }
    let exponent = 63 - ns.leading_zeros();
    let within = (ns >> (exponent - SUB_BITS)) as usize & (SUB - 1);
    SUB + (exponent - SUB_BITS) as usize * SUB + within
}

/// The middle of a bucket.
fn middle(index: usize) -> i64 {
    if index < SUB {
        return index as i64;
    }
    let shift = (index - SUB) / SUB;
    let low = ((SUB + (index - SUB) % SUB) as u128) << shift;
    let width = 1u128 << shift;
    i64::try_from(low + width / 2).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_cover_everything_in_order() {
        let mut last = 0;
        for value in (0..64).map(|e| 1u64 << e).chain([0, 15, 16, 17, u64::MAX]) {
            assert!(bucket(value) < BUCKETS);
        }
        for value in 0..100_000u64 {
            assert!(bucket(value) >= last);
            last = bucket(value);
            let error = (middle(last) - value as i64).unsigned_abs();
            assert!(error <= value / 16 + 1, "{value} is read as {}", middle(last));
        }
    }

    #[test]
    fn merging_is_counting_together() {
        let (mut a, mut b, mut both) =
            (Histogram::default(), Histogram::default(), Histogram::default());
        for ns in 0..1000 {
            if ns % 3 == 0 { &mut a } else { &mut b }.record(ns * ns);
            both.record(ns * ns);
        }
        a.merge(&b);
        assert_eq!(a.summary(), both.summary());
    }

    #[test]
    fn a_clock_ahead_is_told() {
        let mut latency = Histogram::default();
        latency.record(-5);
        assert_eq!((latency.negative(), latency.max()), (1, Some(0)));
        assert_eq!(Histogram::default().quantile(0.5), None);
    }
}

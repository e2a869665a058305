//! Counters a live table can read while the node runs.
//!
//! ```
//! use tidewire_detect::DetectStats;
//!
//! let stats = DetectStats::default();
//! for us in [90, 110, 100, 5_000] {
//!     stats.latency(us * 1_000);
//! }
//! let p50 = stats.snapshot().latency_p50_ns;
//! assert!((80_000..150_000).contains(&p50), "{p50}");
//! ```

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

/// Shared counters of a node.
#[derive(Debug)]
pub struct DetectStats {
    pub(crate) samples: AtomicU64,
    pub(crate) undecodable: AtomicU64,
    pub(crate) invalid: AtomicU64,
    pub(crate) late: AtomicU64,
    pub(crate) windows: AtomicU64,
    pub(crate) opened: AtomicU64,
    pub(crate) closed: AtomicU64,
    pub(crate) unpublished: AtomicU64,
    pub(crate) lost: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

/// Latency buckets: four to the octave, from 1 us up.
const BUCKETS: usize = 128;

impl Default for DetectStats {
    fn default() -> Self {
        let zero = AtomicU64::default;
        Self {
            samples: zero(),
            undecodable: zero(),
            invalid: zero(),
            late: zero(),
            windows: zero(),
            opened: zero(),
            closed: zero(),
            unpublished: zero(),
            lost: zero(),
            buckets: std::array::from_fn(|_| zero()),
        }
    }
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StatsSnapshot {
    /// Samples taken.
    pub samples: u64,
    /// Samples whose payload is not of the model's type.
    pub undecodable: u64,
    /// Rows with absent, NaN or infinite values.
    pub invalid: u64,
    /// Rows that came after their watermark.
    pub late: u64,
    /// Windows scored.
    pub windows: u64,
    /// Events opened: anomalies found.
    pub opened: u64,
    /// Events closed.
    pub closed: u64,
    /// Anomaly samples the bus did not take.
    pub unpublished: u64,
    /// Samples the readers lost.
    pub lost: u64,
    /// Median time from a window's last sample to its score, ns; 0 before the first.
    pub latency_p50_ns: u64,
    /// The 99th percentile of it.
    pub latency_p99_ns: u64,
}

impl DetectStats {
    /// Counts one latency in ns; below zero (a source's clock ahead of ours) counts as zero.
    pub fn latency(&self, ns: i64) {
        let us = (ns.max(0) as f64 / 1e3).max(1.0);
        let bucket = (us.log2() * 4.0) as usize;
        self.buckets[bucket.min(BUCKETS - 1)].fetch_add(1, Relaxed);
    }

    /// Reads all counters.
    pub fn snapshot(&self) -> StatsSnapshot {
        StatsSnapshot {
            samples: self.samples.load(Relaxed),
            undecodable: self.undecodable.load(Relaxed),
            invalid: self.invalid.load(Relaxed),
            late: self.late.load(Relaxed),
            windows: self.windows.load(Relaxed),
            opened: self.opened.load(Relaxed),
            closed: self.closed.load(Relaxed),
            unpublished: self.unpublished.load(Relaxed),
            lost: self.lost.load(Relaxed),
            latency_p50_ns: self.quantile(0.5),
            latency_p99_ns: self.quantile(0.99),
        }
    }

    fn quantile(&self, q: f64) -> u64 {
        let counts: Vec<u64> = self.buckets.iter().map(|b| b.load(Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let mut left = (total as f64 * q).ceil() as u64;
        for (i, count) in counts.iter().enumerate() {
            if left > 0 && left <= *count {
                // The middle of the bucket.
                return (2f64.powf((i as f64 + 0.5) / 4.0) * 1e3) as u64;
            }
            left = left.saturating_sub(*count);
        }
        0
    }
}

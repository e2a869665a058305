//! What is typical of a series: its period, its longest silence, how long a value stands still.
//!
//! ```
//! use tidewire_stream::{Row, SeriesProfile};
//!
//! let mut profile = SeriesProfile::default();
//! for i in 0..100_i64 {
//!     let value = (i / 2) as f64; // every value comes twice
//!     profile.observe(&Row { time: i * 1_000, sequence: i as u64, values: vec![value] });
//! }
//! assert_eq!(profile.period(), Some(1_000));
//! assert_eq!(profile.longest_run(), [2]);
//! ```

use crate::Row;

/// Running statistics of one series' rows, in time order.
#[derive(Clone, Debug, Default)]
pub struct SeriesProfile {
    rows: u64,
    first: Option<i64>,
    last: Option<Row>,
    longest_gap: i64,
    intervals: Vec<i64>,
    stride: u64,
    run: Vec<u32>,
    longest_run: Vec<u32>,
    repeats: Vec<u64>,
    row_run: u32,
    longest_row_run: u32,
    row_repeats: u64,
    positive: Vec<bool>,
}

/// Intervals kept for the median; beyond it every second one is dropped and the stride doubled.
const KEEP: usize = 4096;

impl SeriesProfile {
    /// Takes the next row in time order.
    pub fn observe(&mut self, row: &Row) {
        self.rows += 1;
        match &self.last {
            None => {
                self.first = Some(row.time);
                self.stride = 1;
                self.run = vec![1; row.values.len()];
                self.longest_run = vec![1; row.values.len()];
                self.repeats = vec![0; row.values.len()];
                (self.row_run, self.longest_row_run) = (1, 1);
                self.positive = row.values.iter().map(|v| *v > 0.0).collect();
            }
            Some(last) => {
                // Times are whatever writers say.
                let interval = row.time.saturating_sub(last.time);
                self.longest_gap = self.longest_gap.max(interval);
                if self.rows.is_multiple_of(self.stride) {
                    self.intervals.push(interval);
                    if self.intervals.len() > KEEP {
                        let mut i = 0;
                        self.intervals.retain(|_| {
                            i += 1;
                            i % 2 == 0
                        });
                        self.stride *= 2;
                    }
                }
                for (i, (old, new)) in last.values.iter().zip(&row.values).enumerate() {
                    self.run[i] = if old == new { self.run[i].saturating_add(1) } else { 1 };
                    self.longest_run[i] = self.longest_run[i].max(self.run[i]);
                    self.repeats[i] += u64::from(old == new);
                    self.positive[i] &= *new > 0.0;
                }
                let same = last.values == row.values;
                self.row_run = if same { self.row_run.saturating_add(1) } else { 1 };
                self.longest_row_run = self.longest_row_run.max(self.row_run);
                self.row_repeats += u64::from(same);
            }
        }
        self.last = Some(row.clone());
    }

    /// Rows seen.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Times of the first and the last row, ns.
    pub fn range(&self) -> Option<(i64, i64)> {
        Some((self.first?, self.last.as_ref()?.time))
    }

    /// Median interval between rows, ns; `None` below two rows.
    pub fn period(&self) -> Option<i64> {
        self.interval(0.5)
    }

    /// The q-quantile of the intervals between rows, ns; `None` below two rows.
    pub fn interval(&self, q: f64) -> Option<i64> {
        let mut sorted = self.intervals.clone();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        sorted.get((q.clamp(0.0, 1.0) * last as f64).round() as usize).copied()
    }

    /// Longest interval between two rows, ns.
    pub fn longest_gap(&self) -> i64 {
        self.longest_gap
    }

    /// For each field, the most consecutive rows with one and the same value.
    pub fn longest_run(&self) -> &[u32] {
        &self.longest_run
    }

    /// Most consecutive rows that were equal in all fields.
    pub fn longest_row_run(&self) -> u32 {
        self.longest_row_run
    }

    /// For each field, the share of rows that repeat the value before.
    pub fn repeat_shares(&self) -> Vec<f64> {
        self.repeats.iter().map(|n| *n as f64 / self.rows.max(1) as f64).collect()
    }

    /// Share of rows that repeat the row before in all fields.
    pub fn row_repeat_share(&self) -> f64 {
        self.row_repeats as f64 / self.rows.max(1) as f64
    }

    /// For each field, whether every value was above zero.
    pub fn positive(&self) -> &[bool] {
        &self.positive
    }
}

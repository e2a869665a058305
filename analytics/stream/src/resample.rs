//! Fewer, or evenly spaced, rows.
//!
//! ```
//! use tidewire_stream::{Resample, Resampler, Row};
//!
//! let mut by_two = Resampler::new(Resample::Decimate(2));
//! let mut out = Vec::new();
//! for i in 0..4 {
//!     by_two.push(Row { time: i, sequence: 0, values: vec![i as f64] }, &mut out);
//! }
//! assert_eq!(out.iter().map(|r| r.values[0]).collect::<Vec<_>>(), [0.5, 2.5]);
//! ```

use serde::{Deserialize, Serialize};

use crate::Row;

/// How rows are thinned out before they are windowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resample {
    /// Every row as it is.
    #[default]
    None,
    /// The mean of every n rows.
    Decimate(usize),
    /// The mean of the rows in each bucket of this many ns of event time, aligned to the epoch; a
    /// bucket without rows repeats the one before it. For irregular sources.
    Every(i64),
}

/// Applies a [`Resample`] to the ordered rows of one series.
#[derive(Debug)]
pub struct Resampler {
    how: Resample,
    sum: Vec<f64>,
    count: usize,
    bucket: i64,
    sequence: u64,
}

/// A silence longer than this many buckets is a gap for the windower, not a value to repeat.
const HOLD_BUCKETS: i64 = 8;

impl Resampler {
    /// A resampler without rows.
    pub fn new(how: Resample) -> Self {
        Self { how, sum: Vec::new(), count: 0, bucket: 0, sequence: 0 }
    }

    /// Takes the next row and appends what it completes to `out`.
    pub fn push(&mut self, row: Row, out: &mut Vec<Row>) {
        match self.how {
            Resample::None | Resample::Decimate(0 | 1) => out.push(row),
            Resample::Decimate(n) => {
                self.add(&row);
                if self.count >= n {
                    out.push(self.take(row.time));
                }
            }
            Resample::Every(period) => {
                let period = period.max(1);
                let bucket = row.time.div_euclid(period);
                if self.count > 0 && bucket != self.bucket {
                    let done = self.take((self.bucket + 1) * period);
                    let silent = bucket.saturating_sub(self.bucket).saturating_sub(1);
                    let held = done.values.clone();
                    out.push(done);
                    if silent <= HOLD_BUCKETS {
                        out.extend((1..=silent).map(|i| Row {
                            time: (self.bucket + 1 + i) * period,
                            sequence: row.sequence,
                            values: held.clone(),
                        }));
                    }
                }
                self.bucket = bucket;
                self.add(&row);
            }
        }
    }

    /// Forgets a half-filled mean: what comes next does not belong to it.
    pub fn reset(&mut self) {
        self.count = 0;
        self.sum.clear();
    }

    fn add(&mut self, row: &Row) {
        if self.count == 0 {
            self.sum.clear();
            self.sum.resize(row.values.len(), 0.0);
        }
        for (sum, v) in self.sum.iter_mut().zip(&row.values) {
            *sum += v;
        }
        self.count += 1;
        self.sequence = row.sequence;
    }

    fn take(&mut self, time: i64) -> Row {
        let n = self.count.max(1) as f64;
        let values = self.sum.iter().map(|s| s / n).collect();
        self.reset();
        Row { time, sequence: self.sequence, values }
    }
}

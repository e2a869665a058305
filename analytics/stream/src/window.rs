//! Sliding windows over the ordered rows of one series.
//!
//! ```
//! use tidewire_stream::{Row, SeriesKey, WindowSpec, Windower};
//!
//! let spec = WindowSpec { length: 4, hop: 2, ..WindowSpec::default() };
//! let mut windower = Windower::new(SeriesKey::new("level", "tank1", ""), &spec);
//! let mut windows = Vec::new();
//! for i in 0..8 {
//!     let row = Row { time: i * 10, sequence: i as u64, values: vec![i as f64] };
//!     windower.push(row, &mut windows);
//! }
//! let starts: Vec<i64> = windows.iter().map(|w| w.start).collect();
//! assert_eq!(starts, [0, 20, 40]);
//! assert_eq!(windows[1].values, [2.0, 3.0, 4.0, 5.0]);
//! ```

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{Resample, Resampler, Row, SeriesKey, StreamError};

/// The shape of windows and how forgiving they are about time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WindowSpec {
    /// Rows per window.
    pub length: usize,
    /// Rows from one window's start to the next one's.
    pub hop: usize,
    /// Thinning before windowing.
    pub resample: Resample,
    /// How late a row may be, in ns of event time, before it is refused.
    pub lateness: i64,
    /// A silence of more than this many typical periods starts a new window.
    pub gap_factor: f64,
    /// The typical period in ns; `None` takes the running median of the last intervals.
    pub period: Option<i64>,
}

impl Default for WindowSpec {
    fn default() -> Self {
        Self {
            length: 64,
            hop: 16,
            resample: Resample::None,
            lateness: 10_000_000,
            gap_factor: 20.0,
            period: None,
        }
    }
}

impl WindowSpec {
    /// Refuses lengths and hops of zero.
    ///
    /// # Errors
    /// [`StreamError::BadWindow`].
    pub fn check(&self) -> Result<(), StreamError> {
        if self.length == 0 || self.hop == 0 {
            return Err(StreamError::BadWindow { length: self.length, hop: self.hop });
        }
        Ok(())
    }
}

/// A stretch of consecutive rows of one series, without a gap.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Whose rows they are.
    pub series: SeriesKey,
    /// Time of the first row, ns.
    pub start: i64,
    /// Time of the last row, ns.
    pub end: i64,
    /// Values per row.
    pub fields: usize,
    /// `length x fields` values, row by row.
    pub values: Vec<f64>,
    /// For each field: rows since its value last changed, counted before thinning and across
    /// windows.
    pub unchanged: Vec<u32>,
}

impl Window {
    /// Rows in the window.
    pub fn length(&self) -> usize {
        self.values.len().checked_div(self.fields).unwrap_or(0)
    }

    /// The values of one field in time order.
    pub fn field(&self, field: usize) -> impl Iterator<Item = f64> + Clone + '_ {
        self.values.iter().skip(field).step_by(self.fields.max(1)).copied()
    }
}

/// Cuts one series into windows.
#[derive(Debug)]
pub struct Windower {
    series: SeriesKey,
    length: usize,
    hop: usize,
    gap_factor: f64,
    fixed_period: Option<i64>,
    intervals: VecDeque<i64>,
    median: Option<i64>,
    resampler: Resampler,
    thinned: Vec<Row>,
    last: Option<Row>,
    unchanged: Vec<u32>,
    rows: VecDeque<Row>,
    skip: usize,
    gaps: u64,
}

/// Intervals the running median looks at.
const INTERVALS: usize = 31;

impl Windower {
    /// A windower that has seen nothing. A zero length or hop counts as one row.
    pub fn new(series: SeriesKey, spec: &WindowSpec) -> Self {
        Self {
            series,
            length: spec.length.max(1),
            hop: spec.hop.max(1),
            gap_factor: spec.gap_factor,
            fixed_period: spec.period,
            intervals: VecDeque::with_capacity(INTERVALS + 1),
            median: None,
            resampler: Resampler::new(spec.resample),
            thinned: Vec::new(),
            last: None,
            unchanged: Vec::new(),
            rows: VecDeque::new(),
            skip: 0,
            gaps: 0,
        }
    }

    /// Takes the next row in time order and appends the windows it completes.
    pub fn push(&mut self, row: Row, out: &mut Vec<Window>) {
        self.watch(&row);
        let mut thinned = std::mem::take(&mut self.thinned);
        self.resampler.push(row.clone(), &mut thinned);
        self.last = Some(row);
        for row in thinned.drain(..) {
            self.slide(row, out);
        }
        self.thinned = thinned;
    }

    /// Median interval between rows, ns: the given one, else the running one.
    pub fn period(&self) -> Option<i64> {
        self.fixed_period.or(self.median)
    }

    /// Times a silence broke a window.
    pub fn gaps(&self) -> u64 {
        self.gaps
    }

    /// Time of the last row.
    pub fn last_time(&self) -> Option<i64> {
        self.last.as_ref().map(|r| r.time)
    }

    fn watch(&mut self, row: &Row) {
        let Some(last) = &self.last else {
            self.unchanged = vec![1; row.values.len()];
            return;
        };
        for ((run, old), new) in self.unchanged.iter_mut().zip(&last.values).zip(&row.values) {
            *run = if old == new { run.saturating_add(1) } else { 1 };
        }
        // Times are whatever writers say.
        let interval = row.time.saturating_sub(last.time);
        let limit = self.period().map(|p| p as f64 * self.gap_factor);
        if limit.is_some_and(|limit| interval as f64 > limit) {
            self.gaps += 1;
            self.rows.clear();
            self.skip = 0;
            self.resampler.reset();
        } else if interval > 0 && self.fixed_period.is_none() {
            self.intervals.push_back(interval);
            if self.intervals.len() > INTERVALS {
                self.intervals.pop_front();
            }
            // The median moves slowly: refreshing it now and then keeps the per-row cost flat.
            if self.intervals.len() >= 3
                && (row.sequence.is_multiple_of(8) || self.median.is_none())
            {
                let mut sorted: Vec<i64> = self.intervals.iter().copied().collect();
                sorted.sort_unstable();
                self.median = Some(sorted[sorted.len() / 2]);
            }
        }
    }

    fn slide(&mut self, row: Row, out: &mut Vec<Window>) {
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        self.rows.push_back(row);
        if self.rows.len() < self.length {
            return;
        }
        let fields = self.rows[0].values.len();
        let mut values = Vec::with_capacity(self.length * fields);
        for row in &self.rows {
            values.extend_from_slice(&row.values);
        }
        out.push(Window {
            series: self.series.clone(),
            start: self.rows[0].time,
            end: self.rows[self.length - 1].time,
            fields,
            values,
            unchanged: self.unchanged.clone(),
        });
        self.rows.drain(..self.hop.min(self.length));
        self.skip = self.hop.saturating_sub(self.length);
    }
}

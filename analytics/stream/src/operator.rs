//! The windowing operator: rows of many series in, windows out, late rows aside.
//!
//! A live subscription and a recording feed it alike: an iterator of rows is all it asks for.
//!
//! ```
//! use tidewire_stream::{Row, SeriesKey, WindowSpec, Windows};
//!
//! let spec = WindowSpec { length: 2, hop: 2, lateness: 0, ..WindowSpec::default() };
//! let mut windows = Windows::new(spec)?;
//! let series = SeriesKey::new("temperature", "pump1", "");
//! let mut out = Vec::new();
//! for i in 0..4_i64 {
//!     let row = Row { time: i * 100, sequence: i as u64, values: vec![20.0 + i as f64] };
//!     windows.push(&series, row, i * 100, &mut out);
//! }
//! assert_eq!(out.len(), 2);
//! let (_, newest, idle) = windows.idle(1_000).next().ok_or("one series")?;
//! assert_eq!((newest, idle), (300, 700));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::HashMap;

use crate::{Reorder, Row, SeriesKey, StreamError, Window, WindowSpec, Windower};

/// A row that came after its watermark.
#[derive(Clone, Debug, PartialEq)]
pub struct LateRow {
    /// Whose row it is.
    pub series: SeriesKey,
    /// The row.
    pub row: Row,
    /// How far below the watermark it was, ns.
    pub late_by: i64,
}

/// Counts since the operator was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamStats {
    /// Rows taken, late and invalid ones included.
    pub rows: u64,
    /// Rows refused for being late.
    pub late: u64,
    /// Rows refused for an absent, NaN or infinite value.
    pub invalid: u64,
    /// Windows broken by a silence.
    pub gaps: u64,
    /// Windows made.
    pub windows: u64,
}

/// Reorders, thins and windows the rows of any number of series.
#[derive(Debug)]
pub struct Windows {
    spec: WindowSpec,
    series: HashMap<SeriesKey, Series>,
    ordered: Vec<Row>,
    late: Vec<LateRow>,
    stats: StreamStats,
}

#[derive(Debug)]
struct Series {
    reorder: Reorder,
    windower: Windower,
    newest: i64,
    arrival: i64,
}

/// Late rows kept for whoever asks; beyond it they are only counted.
const LATE_KEPT: usize = 1024;

impl Windows {
    /// An operator without rows.
    ///
    /// # Errors
    /// When the window's length or hop is zero.
    pub fn new(spec: WindowSpec) -> Result<Self, StreamError> {
        spec.check()?;
        Ok(Self {
            spec,
            series: HashMap::new(),
            ordered: Vec::new(),
            late: Vec::new(),
            stats: StreamStats::default(),
        })
    }

    /// The shape of the windows.
    pub fn spec(&self) -> &WindowSpec {
        &self.spec
    }

    /// Takes a row that arrived at `arrival` and appends the windows it completes to `out`.
    ///
    /// The arrival clock (ns) is the host's for a live subscription and the row's own time for a
    /// recording: only [`advance`](Self::advance) and [`idle`](Self::idle) look at it.
    pub fn push(&mut self, key: &SeriesKey, row: Row, arrival: i64, out: &mut Vec<Window>) {
        self.stats.rows += 1;
        if !row.is_finite() {
            self.stats.invalid += 1;
            return;
        }
        if !self.series.contains_key(key) {
            let series = Series {
                reorder: Reorder::new(self.spec.lateness),
                windower: Windower::new(key.clone(), &self.spec),
                newest: row.time,
                arrival,
            };
            self.series.insert(key.clone(), series);
        }
        let Some(series) = self.series.get_mut(key) else { return };
        series.newest = series.newest.max(row.time);
        series.arrival = series.arrival.max(arrival);
        if let Err(row) = series.reorder.push(row, &mut self.ordered) {
            self.stats.late += 1;
            if self.late.len() < LATE_KEPT {
                let late_by = series.reorder.watermark().saturating_sub(row.time);
                self.late.push(LateRow { series: key.clone(), row, late_by });
            }
        }
        Self::cut(series, &mut self.ordered, &mut self.stats, out);
    }

    /// Says that the arrival clock has come to `now`: event time of an idle series goes on at the
    /// clock's pace, so that it gives up waiting for late rows.
    pub fn advance(&mut self, now: i64, out: &mut Vec<Window>) {
        for series in self.series.values_mut() {
            if series.reorder.pending() > 0 {
                let idle = now.saturating_sub(series.arrival).max(0);
                series.reorder.advance(series.newest.saturating_add(idle), &mut self.ordered);
                Self::cut(series, &mut self.ordered, &mut self.stats, out);
            }
        }
    }

    /// The stream has ended: everything that waits is windowed, series by series in key order.
    pub fn flush(&mut self, out: &mut Vec<Window>) {
        let mut keys: Vec<SeriesKey> = self.series.keys().cloned().collect();
        keys.sort();
        for key in keys {
            if let Some(series) = self.series.get_mut(&key) {
                series.reorder.flush(&mut self.ordered);
                Self::cut(series, &mut self.ordered, &mut self.stats, out);
            }
        }
    }

    /// For every series the event time of its newest row and how long ago, on the arrival clock at
    /// `now`, its last row came (ns): what a stale feed is told by.
    pub fn idle(&self, now: i64) -> impl Iterator<Item = (&SeriesKey, i64, i64)> {
        self.series
            .iter()
            .map(move |(key, s)| (key, s.newest, now.saturating_sub(s.arrival).max(0)))
    }

    /// Forgets a series, e.g. when its instance was disposed.
    pub fn remove(&mut self, key: &SeriesKey) {
        self.series.remove(key);
    }

    /// Series known now.
    pub fn series(&self) -> impl Iterator<Item = &SeriesKey> {
        self.series.keys()
    }

    /// The late rows since the last call (at most 1,024; the counter has them all).
    pub fn take_late(&mut self) -> Vec<LateRow> {
        std::mem::take(&mut self.late)
    }

    /// Counts so far.
    pub fn stats(&self) -> StreamStats {
        self.stats
    }

    fn cut(
        series: &mut Series,
        rows: &mut Vec<Row>,
        stats: &mut StreamStats,
        out: &mut Vec<Window>,
    ) {
        let (windows, gaps) = (out.len(), series.windower.gaps());
        for row in rows.drain(..) {
            series.windower.push(row, out);
        }
        stats.windows += (out.len() - windows) as u64;
        stats.gaps += series.windower.gaps() - gaps;
    }
}

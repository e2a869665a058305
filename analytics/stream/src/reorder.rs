//! Event-time order by watermark: rows wait for their elders, but not for ever.
//!
//! ```
//! use tidewire_stream::{Reorder, Row};
//!
//! let row = |time| Row { time, sequence: time as u64, values: vec![] };
//! let mut reorder = Reorder::new(20);
//! let mut out = Vec::new();
//! for time in [100, 130, 115, 150, 90] {
//!     if let Err(late) = reorder.push(row(time), &mut out) {
//!         assert_eq!(late.time, 90); // older than 150 - 20
//!     }
//! }
//! assert_eq!(out.iter().map(|r| r.time).collect::<Vec<_>>(), [100, 115, 130]);
//! ```

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::Row;

/// Puts the rows of one series into event-time order.
///
/// The watermark is the highest time seen minus the allowed lateness. Rows up to it are released in
/// order of (time, sequence); a row below it is late and handed back. As long as no row is late by
/// more than the allowance, the output does not depend on the order of arrival.
#[derive(Debug)]
pub struct Reorder {
    lateness: i64,
    watermark: i64,
    heap: BinaryHeap<Reverse<Ordered>>,
}

#[derive(Debug)]
struct Ordered(Row);

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0.time, self.0.sequence).cmp(&(other.0.time, other.0.sequence))
    }
}

impl Reorder {
    /// Waits up to `lateness` ns of event time for a row's elders; 0 passes rows straight through.
    pub fn new(lateness: i64) -> Self {
        Self { lateness: lateness.max(0), watermark: i64::MIN, heap: BinaryHeap::new() }
    }

    /// Takes a row and appends what its time releases to `out`.
    ///
    /// # Errors
    /// Hands the row back when it is older than the watermark.
    pub fn push(&mut self, row: Row, out: &mut Vec<Row>) -> Result<(), Row> {
        if row.time < self.watermark {
            return Err(row);
        }
        let seen = row.time;
        self.heap.push(Reverse(Ordered(row)));
        self.advance(seen, out);
        Ok(())
    }

    /// Says that the source has come to `seen` without a row of this series: an idle series must
    /// not hold back what it has.
    pub fn advance(&mut self, seen: i64, out: &mut Vec<Row>) {
        self.watermark = self.watermark.max(seen.saturating_sub(self.lateness));
        while self.heap.peek().is_some_and(|r| r.0.0.time <= self.watermark) {
            out.extend(self.heap.pop().map(|r| r.0.0));
        }
    }

    /// Releases everything: the stream has ended.
    pub fn flush(&mut self, out: &mut Vec<Row>) {
        while let Some(Reverse(Ordered(row))) = self.heap.pop() {
            self.watermark = self.watermark.max(row.time);
            out.push(row);
        }
    }

    /// The time below which a row counts as late.
    pub fn watermark(&self) -> i64 {
        self.watermark
    }

    /// Rows that wait.
    pub fn pending(&self) -> usize {
        self.heap.len()
    }
}

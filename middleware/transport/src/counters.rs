//! Counting what was carried and what was lost.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use tidewire_idl::Guid;

/// A relaxed event counter that any thread may read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts `n` more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Finds samples that never came by the gaps in each writer's sequence numbers, and samples that
/// came twice.
///
/// ```
/// use tidewire_transport::{Arrival, SequenceGaps};
/// use tidewire_idl::Guid;
///
/// let mut gaps = SequenceGaps::default();
/// assert_eq!(gaps.observe(Guid::default(), 7), Arrival::New { missed: 0 });
/// assert_eq!(gaps.observe(Guid::default(), 9), Arrival::New { missed: 1 });
/// assert_eq!(gaps.observe(Guid::default(), 9), Arrival::Seen);
/// ```
#[derive(Debug, Default)]
pub struct SequenceGaps {
    last: HashMap<Guid, u64>,
}

/// What [`SequenceGaps::observe`] makes of one sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Later than everything seen of this writer, `missed` numbers were skipped.
    New {
        /// How many sequence numbers lie between this one and the last.
        missed: u64,
    },
    /// Not later than what was already seen: a repetition, or history.
    Seen,
}

impl SequenceGaps {
    /// Notes `sequence` of `writer`. The first number of a writer never counts as a gap: what came
    /// before it was written before this reader was matched.
    pub fn observe(&mut self, writer: Guid, sequence: u64) -> Arrival {
        match self.last.get_mut(&writer) {
            None => {
                self.last.insert(writer, sequence);
                Arrival::New { missed: 0 }
            }
            Some(last) if sequence > *last => {
                let missed = sequence - *last - 1;
                *last = sequence;
                Arrival::New { missed }
            }
            Some(_) => Arrival::Seen,
        }
    }

    /// Forgets a writer that is gone.
    pub fn forget(&mut self, writer: &Guid) {
        self.last.remove(writer);
    }
}

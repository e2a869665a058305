//! Counting what was carried and what was lost.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use tidewire_idl::Guid;

/// A relaxed event counter that any thread may read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts `n` more.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Counts one more, where only one thread at a time counts: cheaper than [`add`](Self::add).
    #[inline]
    pub fn step(&self) {
        self.0.store(self.0.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
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
    /// The writer seen last and its number, not yet in `others`: samples come in runs.
    current: Option<(Guid, u64)>,
    others: HashMap<Guid, u64>,
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
    #[inline]
    pub fn observe(&mut self, writer: Guid, sequence: u64) -> Arrival {
        let last = match &mut self.current {
            Some((current, last)) if *current == writer => last,
            _ => {
                if let Some((old, number)) = self.current.take() {
                    self.others.insert(old, number);
                }
                let Some(last) = self.others.get(&writer) else {
                    self.current = Some((writer, sequence));
                    return Arrival::New { missed: 0 };
                };
                &mut self.current.insert((writer, *last)).1
            }
        };
        if sequence <= *last {
            return Arrival::Seen;
        }
        let missed = sequence - *last - 1;
        *last = sequence;
        Arrival::New { missed }
    }

    /// Notes `sequence` of `writer` if it is the very next of the writer seen last, as nearly all are;
    /// says whether it is.
    #[inline]
    pub fn follows(&mut self, writer: Guid, sequence: u64) -> bool {
        match &mut self.current {
            Some((current, last)) if last.wrapping_add(1) == sequence && *current == writer => {
                *last = sequence;
                true
            }
            _ => false,
        }
    }

    /// The last number seen of `writer`; 0 if there is none.
    pub fn last(&self, writer: Guid) -> u64 {
        match self.current {
            Some((current, last)) if current == writer => last,
            _ => self.others.get(&writer).copied().unwrap_or_default(),
        }
    }

    /// How many writers it remembers.
    pub fn writers(&self) -> usize {
        self.others.len() + usize::from(self.current.is_some())
    }

    /// Forgets all writers but these.
    pub fn retain(&mut self, mut keep: impl FnMut(&Guid) -> bool) {
        self.others.retain(|writer, _| keep(writer));
        self.current = self.current.filter(|(writer, _)| keep(writer));
    }

    /// Forgets a writer that is gone.
    pub fn forget(&mut self, writer: &Guid) {
        self.others.remove(writer);
        if self.current.is_some_and(|(current, _)| current == *writer) {
            self.current = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_that_take_turns_are_counted_apart() {
        let (a, b) = (Guid([1; 16]), Guid([2; 16]));
        let mut gaps = SequenceGaps::default();
        let mut see = |writer, sequence| gaps.observe(writer, sequence);
        assert_eq!(see(a, 5), Arrival::New { missed: 0 });
        assert_eq!(see(b, 1), Arrival::New { missed: 0 });
        assert_eq!(see(a, 8), Arrival::New { missed: 2 });
        assert_eq!(see(b, 1), Arrival::Seen);
        let follows =
            [(a, 9), (b, 3), (b, 1), (b, 2), (b, 2), (b, 3)].map(|(w, n)| gaps.follows(w, n));
        assert_eq!(follows, [false, false, false, true, false, true], "only b's next");
        let mut see = |writer, sequence| gaps.observe(writer, sequence);
        assert_eq!(see(a, 8), Arrival::Seen);
        assert_eq!(see(b, 4), Arrival::New { missed: 0 });
        assert_eq!((gaps.last(a), gaps.last(b), gaps.last(Guid([3; 16]))), (8, 4, 0));
        gaps.forget(&b);
        assert_eq!(gaps.observe(b, 2), Arrival::New { missed: 0 });
        gaps.forget(&a);
        assert_eq!(gaps.observe(a, 1), Arrival::New { missed: 0 });
        gaps.retain(|writer| *writer == b);
        assert_eq!((gaps.last(a), gaps.last(b), gaps.writers()), (0, 2, 1));
        gaps.retain(|_| false);
        assert_eq!(gaps.last(b), 0);
    }
}

//! The samples of a writer in their order, though they come through several of its publishers.
//!
//! A writer that moves to larger chunks, or to more, sends through a new publisher, and iceoryx2 takes from
//! publishers in no particular order. Writers wait a while until the old one is empty; a reader that was
//! stopped finds samples in both. So a sample tells where its publisher began, and waits here while earlier
//! ones may be in another. History does not wait: a late joiner that is stopped while samples of several sizes
//! are repeated for it may miss some of them.

use std::collections::VecDeque;

use tidewire_idl::Guid;
use tidewire_transport::SequenceGaps;

use crate::sample::Taken;
use crate::service::{MAX_BUFFER, MAX_PUBLISHERS};

/// Samples that are taken while others wait here. More than are in all publishers when the first of them
/// comes: beyond that, whoever is in the way just goes on writing.
const PATIENCE: usize = MAX_BUFFER * MAX_PUBLISHERS;

/// Samples taken too early.
pub(crate) struct Order<S = Taken> {
    aside: Vec<S>,
    ready: VecDeque<S>,
    /// Samples taken since the first of `aside` came.
    passed: usize,
}

// Derived, it would ask for samples with a default.
impl<S> Default for Order<S> {
    fn default() -> Self {
        Self { aside: Vec::new(), ready: VecDeque::new(), passed: 0 }
    }
}

/// What is asked of a sample here.
pub(crate) trait Numbered {
    fn writer(&self) -> Guid;
    fn sequence(&self) -> u64;
    /// As [`WireMeta::since`](crate::wire::WireMeta::since).
    fn since(&self) -> Option<u64>;
}

impl Numbered for Taken {
    fn writer(&self) -> Guid {
        Guid(self.meta().writer)
    }

    fn sequence(&self) -> u64 {
        self.meta().sequence
    }

    fn since(&self) -> Option<u64> {
        self.meta().since()
    }
}

/// Whether earlier samples may wait in another publisher than this one's, which began with `since`.
#[inline]
pub(crate) fn is_early(since: Option<u64>, last: u64) -> bool {
    since.is_some_and(|first| first > last + 1)
}

impl<S: Numbered> Order<S> {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.aside.is_empty() && self.ready.is_empty()
    }

    /// The next sample whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<S> {
        self.ready.pop_front()
    }

    /// Keeps a sample that came too early.
    pub(crate) fn put_aside(&mut self, sample: S) {
        self.aside.push(sample);
    }

    /// A sample of `writer` was taken: what waited for it alone is next.
    pub(crate) fn follow(&mut self, writer: Guid, gaps: &SequenceGaps) {
        self.passed += 1;
        if self.passed > PATIENCE {
            self.release();
            return;
        }
        self.sort();
        let mut last = gaps.last(writer);
        let due = |sample: &mut S| {
            let due = sample.writer() == writer && !is_early(sample.since(), last);
            if due {
                last = sample.sequence();
            }
            due
        };
        self.ready.extend(self.aside.extract_if(.., due));
        self.rest();
    }

    /// There is nothing else to take: nothing earlier will come.
    pub(crate) fn release(&mut self) {
        self.sort();
        self.ready.extend(self.aside.drain(..));
        self.rest();
    }

    /// Everything there is, for a reader that goes.
    pub(crate) fn clear(&mut self) -> impl Iterator<Item = S> + '_ {
        self.ready.drain(..).chain(self.aside.drain(..))
    }

    /// Each writer's in its order; who of the writers comes first does not matter.
    fn sort(&mut self) {
        self.aside.sort_by_key(|sample| (sample.writer().0, sample.sequence()));
    }

    fn rest(&mut self) {
        if self.aside.is_empty() {
            self.passed = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Guid = Guid([1; 16]);
    const B: Guid = Guid([2; 16]);

    /// Writer, number, and the first number of its publisher.
    type Sample = (Guid, u64, Option<u64>);

    impl Numbered for Sample {
        fn writer(&self) -> Guid {
            self.0
        }

        fn sequence(&self) -> u64 {
            self.1
        }

        fn since(&self) -> Option<u64> {
            self.2
        }
    }

    /// What a reader gets when iceoryx2 gives `samples`.
    fn taken(samples: &[Sample]) -> Vec<(Guid, u64)> {
        let (mut order, mut gaps, mut seen) = (Order::default(), SequenceGaps::default(), vec![]);
        let mut samples = samples.iter().copied();
        loop {
            let next = order.pop();
            let sample = match next.or_else(|| samples.next()) {
                Some(sample) => sample,
                None if order.is_empty() => return seen,
                None => {
                    order.release();
                    continue;
                }
            };
            if next.is_none() && is_early(sample.since(), gaps.last(sample.writer())) {
                order.put_aside(sample);
                continue;
            }
            gaps.observe(sample.writer(), sample.sequence());
            if !order.is_empty() {
                order.follow(sample.writer(), &gaps);
            }
            seen.push((sample.writer(), sample.sequence()));
        }
    }

    #[test]
    fn later_publishers_wait_for_earlier_ones() {
        let given = [
            (A, 1, None),
            (A, 9, Some(9)),
            (B, 5, None),
            (A, 10, Some(9)),
            (A, 4, Some(4)),
            (A, 2, None),
            (A, 3, None),
            (A, 6, Some(4)),
            (A, 8, Some(4)),
        ];
        let expected = [(A, 1), (B, 5), (A, 2), (A, 3), (A, 4), (A, 6), (A, 8), (A, 9), (A, 10)];
        assert_eq!(taken(&given), expected);
    }

    #[test]
    fn what_never_came_is_waited_for_until_there_is_nothing_else() {
        let given =
            [(A, 1, None), (A, 9, Some(9)), (B, 7, Some(7)), (B, 2, None), (A, 11, Some(9))];
        assert_eq!(taken(&given), [(A, 1), (B, 2), (A, 9), (A, 11), (B, 7)]);
    }

    #[test]
    fn a_writer_that_never_rests_holds_nobody_back_for_good() {
        let mut given = vec![(A, 1, None), (A, 9, Some(9))];
        given.extend((1..=PATIENCE as u64 + 2).map(|n| (B, n, None)));
        let seen = taken(&given);
        let place = seen.iter().position(|sample| *sample == (A, 9)).unwrap();
        assert_eq!(place, PATIENCE + 2);
    }
}

//! Which samples of other sites were already written here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tidewire_idl::InstanceState;

use crate::wire::Header;

/// How many gaps in a writer's count are remembered, and how many of its ends without a number.
const WINDOW: usize = 16 * 1024;

/// A writer is remembered until so many others were heard since, and twice as many are at most: 65,536,
/// more than joined sites have at a time. At some 300 bytes each, without gaps, that is 20 MB. One
/// that is forgotten too early costs no more than history that comes twice.
const WRITERS: usize = 32 * 1024;

/// Remembers which samples of which writers were already written here, so that what a site gets
/// live and again as history is written once, in whichever order the two arrive.
#[derive(Default)]
pub struct Seen {
    /// Those last heard.
    recent: HashMap<[u8; 16], Window>,
    /// Those heard before `recent` was last full, and not since.
    older: HashMap<[u8; 16], Window>,
}

impl Seen {
    /// Whether this sample is new; notes it.
    pub fn is_new(&mut self, header: &Header) -> bool {
        let window = self.window(header.writer);
        match (header.sequence, header.state()) {
            (0, InstanceState::Alive) => true,
            (0, _) => window.note_end(header),
            (number, _) => window.note(number),
        }
    }

    fn window(&mut self, writer: [u8; 16]) -> &mut Window {
        if !self.recent.contains_key(&writer) {
            let known = self.older.remove(&writer).unwrap_or_default();
            if self.recent.len() >= WRITERS {
                self.older = std::mem::take(&mut self.recent);
            }
            self.recent.insert(writer, known);
        }
        self.recent.entry(writer).or_default()
    }
}

/// What was seen of one writer. A count without gaps is no more than `floor`, or one run where its
/// first numbers were never seen.
#[derive(Default)]
struct Window {
    /// Everything up to here counts as seen.
    floor: u64,
    /// Numbers above it that were seen: the first and the last of each run without gaps.
    runs: BTreeMap<u64, u64>,
    /// Ends that have no number, as those of `dds_writedispose`: time, instance and state tell them
    /// apart. Written twice, one would also end what was written to its instance since.
    ends: BTreeSet<(i64, [u8; 16], u8)>,
}

impl Window {
    fn note(&mut self, number: u64) -> bool {
        if number <= self.floor {
            return false;
        }
        let before = self.runs.range(..=number).next_back().map(|(&first, &last)| (first, last));
        let first = match before {
            Some((_, last)) if number <= last => return false,
            Some((first, last)) if last + 1 == number => first,
            _ => number,
        };
        let next = number.checked_add(1);
        let last = next.and_then(|next| self.runs.remove(&next)).unwrap_or(number);
        if first == self.floor + 1 {
            self.floor = last;
            return true;
        }
        self.runs.insert(first, last);
        if self.runs.len() > WINDOW
            && let Some((_, last)) = self.runs.pop_first()
        {
            self.floor = last;
        }
        true
    }

    fn note_end(&mut self, header: &Header) -> bool {
        let new = self.ends.insert((header.source_time, header.key, header.state));
        if self.ends.len() > WINDOW {
            self.ends.pop_first();
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::header;

    fn sample(sequence: u64) -> Header {
        Header { sequence, source_time: sequence as i64, ..header() }
    }

    fn of_writer(writer: u32) -> Header {
        let mut guid = [0; 16];
        guid[..4].copy_from_slice(&writer.to_be_bytes());
        Header { writer: guid, ..sample(1) }
    }

    #[test]
    fn a_sample_is_new_once() {
        let mut seen = Seen::default();
        assert!(seen.is_new(&sample(1)));
        assert!(seen.is_new(&sample(2)));
        assert!(!seen.is_new(&sample(2)));
        assert!(seen.is_new(&sample(9)), "live");
        assert!(seen.is_new(&sample(5)), "history that arrives after it");
        assert!(!seen.is_new(&sample(5)));
        assert!(seen.is_new(&sample(u64::MAX)), "the last number there is");
        assert!(!seen.is_new(&sample(u64::MAX)));
    }

    #[test]
    fn numbers_in_any_order_are_told_apart() {
        let mut seen = Seen::default();
        // 7 has no divisor in common with 1,000: every number comes once.
        let numbers = || (0..1000).map(|i| i * 7 % 1000 + 1);
        assert!(numbers().all(|number| seen.is_new(&sample(number))));
        assert!(!numbers().any(|number| seen.is_new(&sample(number))));
        let window = &seen.recent[&header().writer];
        assert_eq!((window.floor, window.runs.len()), (1000, 0));
    }

    #[test]
    fn a_count_without_gaps_costs_nothing() {
        for first in [1, 500] {
            let mut seen = Seen::default();
            assert!((first..100_000).all(|number| seen.is_new(&sample(number))));
            let runs = &seen.recent[&header().writer].runs;
            assert!(runs.len() <= 1, "{} runs after {first}..", runs.len());
        }
    }

    #[test]
    fn gaps_are_remembered_as_far_as_the_window() {
        let mut seen = Seen::default();
        for number in 1..=2 * WINDOW as u64 {
            assert!(seen.is_new(&sample(2 * number)));
        }
        let window = &seen.recent[&header().writer];
        assert_eq!(window.runs.len(), WINDOW);
        let floor = window.floor;
        assert!(!seen.is_new(&sample(floor - 1)), "too old to tell");
        assert!(seen.is_new(&sample(floor + 1)), "a gap");
    }

    #[test]
    fn writers_least_recently_heard_are_forgotten() {
        let mut seen = Seen::default();
        let constant = of_writer(u32::MAX);
        assert!(seen.is_new(&constant));
        for writer in 0..5 * WRITERS as u32 {
            assert!(seen.is_new(&of_writer(writer)));
            assert!(!seen.is_new(&constant), "heard all the time");
        }
        assert!(seen.recent.len() + seen.older.len() <= 2 * WRITERS);
        assert!(!seen.is_new(&of_writer(4 * WRITERS as u32 + 1)), "one of the last");
    }

    #[test]
    fn what_has_no_number_is_new_but_an_end_that_comes_again() {
        let mut seen = Seen::default();
        let value = Header { source_time: 7, ..sample(1) };
        let end = Header { sequence: 0, state: 1, ..value.clone() };
        assert!(seen.is_new(&value));
        assert!(seen.is_new(&end), "`dds_writedispose`: the end of the instance just written");
        assert!(!seen.is_new(&end), "as history");
        assert!(seen.is_new(&Header { source_time: 8, ..end.clone() }), "another end");
        assert!(seen.is_new(&Header { key: [9; 16], ..end }), "of another instance");
        let unnumbered = sample(0);
        assert!(seen.is_new(&unnumbered) && seen.is_new(&unnumbered));
    }
}

//! The samples of one writer, as one reader saw them.

use serde::{Deserialize, Serialize};

/// Numbers seen, in runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// The first number seen.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// First and last number of each gap.
    pub gaps: Vec<(u64, u64)>,
    /// Numbers that came twice or late.
    pub repeats: u64,
}

impl Track {
    /// Notes a number; says how many were passed over.
    pub fn see(&mut self, counter: u64) -> u64 {
        if self.last == 0 {
            (self.first, self.last) = (counter, counter);
            return 0;
        }
        if counter <= self.last {
            self.repeats += 1;
            return 0;
        }
        let missing = counter - self.last - 1;
        if missing > 0 {
            self.gaps.push((self.last + 1, counter - 1));
        }
        self.last = counter;
        missing
    }

    /// The numbers that are missing.
    pub fn missing(&self) -> impl Iterator<Item = u64> + '_ {
        self.gaps.iter().flat_map(|&(from, to)| from..=to)
    }

    /// Goes on from here with books that are closed.
    pub fn close(&mut self) {
        self.gaps.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_repeats_are_told_apart() {
        let mut track = Track::default();
        let missing: Vec<u64> = [5, 6, 9, 9, 8, 10, 12].map(|n| track.see(n)).into();
        assert_eq!(missing, [0, 0, 2, 0, 0, 0, 1]);
        assert_eq!((track.first, track.last, track.repeats), (5, 12, 2));
        assert_eq!(track.missing().collect::<Vec<_>>(), [7, 8, 11]);
        track.close();
        assert_eq!(track.see(13), 0);
        assert_eq!(track.missing().count(), 0);
    }
}

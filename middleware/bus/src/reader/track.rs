//! Each sample once: live samples and repeated history of the same writer told apart by number.

use std::collections::HashMap;

use tidewire_idl::Guid;
use tidewire_transport::{Crowd, SampleMeta};

/// Generations after which every writer has long looked for a reader, and numbers in samples may have turned.
const FAR: u64 = 1 << 20;

/// What has been seen of each durable writer on shared memory.
pub(crate) struct Tracks {
    tracks: HashMap<Guid, Track>,
    /// Whether the beginning of a history surely comes, if it does: BEST_EFFORT readers lose the oldest.
    reliable: bool,
    /// See [`ShmReader::joined`](tidewire_shm::ShmReader::joined).
    joined: u64,
    crowd: Crowd,
}

#[derive(Default)]
struct Track {
    /// The first live sample; history lies before it.
    first_live: Option<u64>,
    last_live: u64,
    /// A live sample came from a writer that had looked for us: our history came before it.
    served: bool,
    /// A history came from its beginning: others, for those who came before us, end in the middle.
    begun: bool,
    /// History comes in order, so what is not after this was seen.
    last_history: u64,
    /// What comes of history is for others: one began after live samples.
    over: bool,
}

impl Tracks {
    pub fn new(reliable: bool, joined: u64) -> Self {
        Self { tracks: HashMap::new(), reliable, joined, crowd: Crowd::default() }
    }

    /// Whether this sample is seen for the first time, in this generation of the domain.
    pub fn is_new(&mut self, meta: &SampleMeta, generation: impl FnOnce() -> u64) -> bool {
        let track = self.tracks.entry(meta.writer).or_default();
        let sequence = meta.sequence;
        if meta.is_history() {
            // Ours has come before them: what we missed of it is lost, and must not come late.
            let had_ours = track.served || track.begun || track.last_history > 0;
            track.over |= meta.starts_history() && track.first_live.is_some() && had_ours;
            track.begun |= meta.starts_history();
            if track.over || (self.reliable && !track.begun) {
                return false;
            }
            let before_live = track.first_live.is_none_or(|first| sequence < first);
            let new = before_live && sequence > track.last_history;
            if new {
                track.last_history = sequence;
            }
            return new;
        }
        let first = !track.begun && track.first_live.is_none();
        track.served = track.served
            || meta.looked_since(self.joined)
            || generation().wrapping_sub(self.joined) >= FAR;
        if self.reliable && first && !track.served {
            // Sent before its writer knew of us: it comes again, in its place in the history.
            return false;
        }
        let new = sequence > track.last_live && sequence > track.last_history;
        if new {
            track.first_live.get_or_insert(sequence);
            track.last_live = sequence;
        }
        new
    }

    /// Whether there are so many writers that those who are gone should be forgotten.
    #[inline]
    pub fn are_crowded(&self) -> bool {
        self.crowd.is(self.tracks.len())
    }

    /// Forgets all writers but those that are there: of the others everything has been taken.
    #[cold]
    pub fn forget(&mut self, mut is_there: impl FnMut(Guid) -> bool) {
        self.tracks.retain(|writer, _| is_there(*writer));
        self.crowd.left(self.tracks.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidewire_transport::{HISTORY, HISTORY_START};

    #[test]
    fn history_and_live_samples_come_once_in_any_interleaving() {
        let mut tracks = Tracks::new(true, 0);
        let mut see = |sequence, flags| {
            tracks.is_new(&SampleMeta { sequence, flags, ..SampleMeta::default() }, || 9)
        };
        assert!(!see(7, HISTORY), "of a history that began before we came");
        assert!(see(3, HISTORY | HISTORY_START));
        assert!(see(10, 0), "a live sample slipped in between");
        assert!(see(7, HISTORY), "the rest of the history");
        assert!(!see(10, HISTORY), "repeated, but seen live");
        assert!(see(11, 0));
        for sequence in [3, 7, 10, 11] {
            assert!(!see(sequence, HISTORY), "sent again for another late joiner");
        }
        assert!(!see(11, 0));
    }

    #[test]
    fn what_was_missed_of_a_history_does_not_come_late_with_that_of_another() {
        for reliable in [true, false] {
            let mut tracks = Tracks::new(reliable, 0);
            let mut see = |sequence, flags| {
                tracks.is_new(&SampleMeta { sequence, flags, ..SampleMeta::default() }, || 9)
            };
            assert!(see(3, HISTORY | HISTORY_START) && see(4, HISTORY));
            // Stopped, it missed 5 to 9.
            assert!(see(10, 0));
            let again = [(3, HISTORY | HISTORY_START), (4, HISTORY), (5, HISTORY), (9, HISTORY)];
            for (sequence, flags) in again {
                assert!(!see(sequence, flags), "{sequence}");
            }
            assert!(see(11, 0));
        }
    }

    #[test]
    fn what_is_sent_before_the_writer_knows_of_us_comes_with_the_history() {
        let mut tracks = Tracks::new(true, 8);
        let mut see = |sequence, flags| {
            tracks.is_new(&SampleMeta { sequence, flags, ..SampleMeta::default() }, || 9)
        };
        assert!(!see(6, SampleMeta::looked(7)));
        assert!(see(5, HISTORY | HISTORY_START) && see(6, HISTORY) && !see(6, HISTORY));
        assert!(see(7, SampleMeta::looked(7)), "the history came all the same");
        // Without a history there is nothing to wait for.
        let mut tracks = Tracks::new(true, 8);
        let mut see = |generation| {
            let flags = SampleMeta::looked(generation);
            tracks
                .is_new(&SampleMeta { sequence: generation, flags, ..SampleMeta::default() }, || 9)
        };
        assert!(!see(7) && see(8) && see(9));
        // Of a reader that has been there for as long as numbers take to turn.
        let mut tracks = Tracks::new(true, 8);
        let new = SampleMeta {
            sequence: 1,
            flags: SampleMeta::looked((1 << 23) + 9),
            ..SampleMeta::default()
        };
        assert!(!new.looked_since(8) && tracks.is_new(&new, || (1 << 23) + 9));
    }

    #[test]
    fn best_effort_readers_take_what_is_left_of_a_history() {
        let mut tracks = Tracks::new(false, 0);
        let mut see = |sequence| {
            tracks.is_new(&SampleMeta { sequence, flags: HISTORY, ..SampleMeta::default() }, || 9)
        };
        assert!(see(7) && see(9) && !see(7));
    }

    #[test]
    fn best_effort_readers_take_their_history_after_a_sample_sent_before_the_writer_knew_of_them() {
        let mut tracks = Tracks::new(false, 8);
        let mut see = |sequence, flags| {
            tracks.is_new(&SampleMeta { sequence, flags, ..SampleMeta::default() }, || 9)
        };
        assert!(see(6, SampleMeta::looked(7)), "they do not wait for it to come again");
        assert!(see(4, HISTORY | HISTORY_START) && see(5, HISTORY) && !see(6, HISTORY));
        assert!(see(7, SampleMeta::looked(8)));
        assert!(!see(3, HISTORY | HISTORY_START) && !see(5, HISTORY), "another's");
    }

    #[test]
    fn writers_that_are_gone_are_forgotten_when_there_are_many() {
        let mut tracks = Tracks::new(true, 0);
        let guid = |n: u16| {
            let mut guid = [0; 16];
            guid[..2].copy_from_slice(&n.to_be_bytes());
            Guid(guid)
        };
        for n in 0..10_000 {
            tracks.is_new(&SampleMeta { writer: guid(n), sequence: 1, ..Default::default() }, || 9);
            if tracks.are_crowded() {
                tracks.forget(|writer| writer == guid(0));
            }
            assert!(tracks.tracks.len() <= 257, "{}", tracks.tracks.len());
        }
        let again = SampleMeta { writer: guid(0), sequence: 1, ..Default::default() };
        assert!(!tracks.is_new(&again, || 9), "it is there still");
    }
}

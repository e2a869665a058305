//! How many samples RustDDS keeps of a topic.
//!
//! It keeps received samples for good, whether or not they were taken, and drops the oldest for each that
//! comes once there are too many. So its cache is memory that is never given back, and room for what comes
//! before the receive thread has its turn: what is dropped before that is lost, acknowledged or not. There
//! is one cache per topic and participant; it can grow and never shrinks.

/// Bytes and samples a cache has room for, but for bursts.
const BYTES: usize = 16 << 20;
const SAMPLES: usize = 8192;

/// Room for samples of any size.
const LEAST: usize = 64;

/// Room while the size of samples is unknown: four times what a writer of ours has under way.
const UNKNOWN: i32 = 1024;

/// For each sample that came there is room for so many of at most twice the size of the largest.
const TELLING: usize = 32;

/// What a cache may grow to where the receive thread has been that far behind.
const BURST_BYTES: usize = 128 << 20;
const BURST_SAMPLES: usize = 1 << 16;

/// What a sample takes beside its payload.
const OVERHEAD: usize = 256;

/// The room in the cache of a topic, in samples, and what is known of them.
#[derive(Debug)]
pub(crate) struct Room {
    samples: i32,
    seen: usize,
    /// Bytes of the largest payload that came.
    largest: usize,
}

impl Room {
    /// For payloads of `payload` bytes, if that is known.
    pub fn new(payload: Option<usize>) -> Self {
        Self { samples: payload.map_or(UNKNOWN, ordinary), seen: 0, largest: 0 }
    }

    pub fn samples(&self) -> i32 {
        self.samples
    }

    /// So many samples waited at once, the largest of so many bytes. The new room, if there must be more.
    pub fn grown(&mut self, waited: usize, largest: usize) -> Option<i32> {
        self.seen = self.seen.saturating_add(waited);
        self.largest = self.largest.max(largest);
        // In few steps: each takes a lock of the whole participant's.
        let told = self.seen.min(SAMPLES).checked_ilog2().map_or(0, |log| TELLING << log);
        let usual = ordinary(2 * self.largest).min(told as i32);
        // Next time there may be four times as many.
        let most = (BURST_BYTES / (self.largest + OVERHEAD)).clamp(LEAST, BURST_SAMPLES);
        let wanted = usual.max((4 * waited).min(most) as i32);
        if wanted <= self.samples {
            return None;
        }
        self.samples = wanted;
        Some(wanted)
    }
}

fn ordinary(payload: usize) -> i32 {
    (BYTES / (payload + OVERHEAD)).clamp(LEAST, SAMPLES) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_samples_get_a_smaller_cache() {
        let room = |payload| Room::new(Some(payload)).samples();
        assert_eq!([room(16), room(4096), room(1 << 20), room(1 << 30)], [8192, 3855, 64, 64]);
    }

    #[test]
    fn a_small_first_sample_says_nothing_of_the_next() {
        let mut room = Room::new(None);
        assert_eq!(room.grown(1, 4), None);
        assert_eq!(room.grown(31, 4), None);
        assert_eq!(room.grown(200, 1 << 20), None);
        assert_eq!(room.grown(200, 4), None, "there are large ones");
        assert_eq!(room.samples(), UNKNOWN);
    }

    #[test]
    fn many_small_samples_get_a_larger_one() {
        let mut room = Room::new(None);
        assert_eq!(room.grown(63, 64), None);
        assert_eq!(room.grown(1, 64), Some(2048));
        assert_eq!(room.grown(63, 64), None);
        assert_eq!(room.grown(129, 64), Some(8192));
        assert_eq!(room.grown(1, 64), None);
        assert_eq!(room.grown(1, 12_000), None, "it does not shrink");
    }

    #[test]
    fn a_cache_grows_with_what_waits_in_it_up_to_a_limit() {
        let mut room = Room::new(Some(64));
        assert_eq!(room.grown(2000, 64), None);
        assert_eq!(room.grown(4000, 64), Some(16_000));
        assert_eq!(room.grown(100_000, 64), Some(1 << 16));
        let mut room = Room::new(Some(1 << 20));
        assert_eq!(room.grown(16, 1 << 20), None);
        assert_eq!(room.grown(20, 1 << 20), Some(80));
        assert_eq!(room.grown(1000, 1 << 20), Some(127));
    }
}

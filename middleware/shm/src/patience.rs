//! How long to look for news before sleeping, learnt from what looking was good for.
//!
//! As a hypervisor polls before it halts a processor: longer after a sleep so short that looking would
//! have spared it, the least after a long one. Where writer and reader share a processor, looking only
//! keeps the writer from writing; so after looking in vain for as long as is allowed, many waits go
//! without.

use std::time::Duration;

/// Microseconds; less than a futex call.
const SHORTEST: u32 = 1;

/// Microseconds; about what falling asleep and being woken costs, so that looking in vain at most
/// doubles the cost of a wait (Karlin et al., Competitive Randomized Algorithms for Non-Uniform
/// Problems, 1990).
const LONGEST: u32 = 16;

/// Waits without looking after the first time in vain; twice as many after each further time.
const FEWEST: u32 = 16;
const MOST: u32 = 4096;

/// What one participant's waiters have learnt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Patience {
    /// The binary logarithm of the microseconds to look.
    look: u32,
    /// Waits left before looking is tried again.
    rest: u32,
    /// How many it were the last time; 0 when looking has been good since.
    rests: u32,
}

impl Patience {
    /// How long to look.
    pub(crate) fn look(self) -> Duration {
        let micros = if self.rest > 0 { SHORTEST } else { 1 << self.look };
        Duration::from_micros(micros.into())
    }

    /// Looking was enough.
    pub(crate) fn seen(self) -> Self {
        if self.rest > 0 { self } else { Self { rests: 0, ..self } }
    }

    /// It was not; the wait took `waited` in all.
    pub(crate) fn slept(self, waited: Duration) -> Self {
        // A sleeper's wait includes being woken.
        let quick = waited < Duration::from_micros((2 * LONGEST).into());
        if self.rest > 0 {
            Self { rest: self.rest - 1, ..self }
        } else if 1 << self.look >= LONGEST {
            let rests = (2 * self.rests).clamp(FEWEST, MOST);
            Self { look: 0, rest: rests, rests }
        } else if quick {
            Self { look: self.look + 1, ..self }
        } else {
            Self { look: 0, ..self }
        }
    }

    /// In a word of shared memory.
    pub(crate) fn pack(self) -> u32 {
        self.look | self.rest << 3 | self.rests << 16
    }

    /// Any word is some patience.
    pub(crate) fn unpack(word: u32) -> Self {
        let (look, rest, rests) = (word & 7, (word >> 3) & 0x1fff, word >> 16);
        Self { look: look.min(LONGEST.ilog2()), rest: rest.min(MOST), rests: rests.min(MOST) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_micros(30);
    const SLOW: Duration = Duration::from_millis(1);

    fn grown() -> Patience {
        let mut patience = Patience::default();
        while patience.look() < Duration::from_micros(LONGEST.into()) {
            let next = patience.slept(QUICK);
            assert!(next.look() > patience.look());
            patience = next;
        }
        patience
    }

    #[test]
    fn it_grows_while_samples_come_quickly_and_falls_after_a_long_sleep() {
        assert_eq!(grown().seen(), grown());
        let half = Patience { look: 3, ..Patience::default() };
        assert_eq!(half.slept(SLOW), Patience::default());
    }

    #[test]
    fn looking_in_vain_is_tried_more_and_more_rarely() {
        let mut patience = grown();
        let mut rests = Vec::new();
        for _ in 0..12 {
            patience = patience.slept(QUICK);
            let mut rest = 0;
            while patience.rest > 0 {
                assert_eq!(patience.look(), Duration::from_micros(SHORTEST.into()));
                patience = patience.slept(QUICK);
                rest += 1;
            }
            rests.push(rest);
            while patience.look() < grown().look() {
                patience = patience.slept(QUICK);
            }
        }
        assert_eq!(rests[..3], [FEWEST, 2 * FEWEST, 4 * FEWEST]);
        assert_eq!(rests[11], MOST);
        assert_eq!(patience.seen().rests, 0, "once good, it is given a chance soon");
    }

    #[test]
    fn it_survives_shared_memory_and_so_does_anything_there() {
        for patience in [grown(), Patience { look: 2, rest: MOST, rests: MOST }] {
            assert_eq!(Patience::unpack(patience.pack()), patience);
        }
        assert!(Patience::unpack(u32::MAX).look() <= grown().look());
    }
}

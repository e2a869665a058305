//! What a RELIABLE writer does while a reader's buffer is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use iceoryx2::port::{BackpressureAction, BackpressureInfo};
use parking_lot::Mutex;

use crate::janitor::Bell;

/// Retries without sleeping; iceoryx2 yields the processor between them.
const YIELDS: u64 = 32;
/// Retries between two rings of the janitor's bell, about 50 ms.
const RING_EVERY: u64 = 512;
const NAP: Duration = Duration::from_micros(100);

/// Waits for slow readers up to a limit, which all waits of one write share, and once: a reader that let the limit pass misses samples
/// without further waiting until it takes some again, so a stopped process does not hold up the
/// others for every single sample.
#[derive(Clone)]
pub(crate) struct Pressure {
    limit: Duration,
    bell: Bell,
    books: Arc<Books>,
    clock: Arc<Clock>,
}

/// How long the write that goes on has waited: for each reader in turn, on each lane, for memory.
#[derive(Default)]
struct Clock {
    waits: Mutex<Waits>,
    /// It has waited at all: seldom, so that the usual case takes no lock.
    ticks: AtomicBool,
}

#[derive(Default)]
struct Waits {
    spent: Duration,
    since: Option<Instant>,
}

#[derive(Default)]
struct Books {
    readers: Mutex<Readers>,
    /// Somebody is lagging or missed a sample: seldom, so that the usual case takes no lock. One
    /// thread at a time sends on a writer, and it alone reads and writes this.
    uneasy: AtomicBool,
}

#[derive(Default)]
struct Readers {
    /// Let the limit pass at the last sample.
    lagging: Vec<u128>,
    /// Did not get the sample being sent.
    missed: Vec<u128>,
}

impl Pressure {
    pub(crate) fn new(limit: Duration, bell: Bell) -> Self {
        Self { limit, bell, books: Arc::default(), clock: Arc::default() }
    }

    /// The same limit and clock, for another publisher and its readers.
    pub(crate) fn apart(&self) -> Self {
        Self { books: Arc::default(), ..self.clone() }
    }

    /// Whether this write has waited for as long as it may; from here on it waits.
    pub(crate) fn is_over(&self) -> bool {
        let mut waits = self.clock.waits.lock();
        self.clock.ticks.store(true, Ordering::Relaxed);
        let since = *waits.since.get_or_insert_with(Instant::now);
        waits.spent + since.elapsed() >= self.limit
    }

    /// The write goes on to something else than waiting.
    pub(crate) fn pause(&self) {
        if self.clock.ticks.load(Ordering::Relaxed) {
            let mut waits = self.clock.waits.lock();
            let now = waits.since.take().map_or(Duration::ZERO, |since| since.elapsed());
            waits.spent += now;
        }
    }

    /// The write is over: the next one may wait as long again.
    pub(crate) fn reset(&self) {
        if self.clock.ticks.swap(false, Ordering::Relaxed) {
            *self.clock.waits.lock() = Waits::default();
        }
    }

    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    pub(crate) fn ring(&self) {
        self.bell.ring();
    }

    /// iceoryx2 asks this for as long as one reader's buffer stays full.
    pub(crate) fn decide(&self, info: &BackpressureInfo) -> BackpressureAction {
        let reader = info.receiver_port_id;
        // A reader that is just taking costs a few yields and no look at the clock.
        let over = info.retries >= YIELDS && self.is_over();
        {
            let mut readers = self.books.readers.lock();
            self.books.uneasy.store(true, Ordering::Relaxed);
            if over || readers.lagging.contains(&reader) {
                readers.missed.push(reader);
                return BackpressureAction::DiscardDataAndFail;
            }
        }
        if info.retries % RING_EVERY == YIELDS {
            // It may have been killed: then the janitor frees its place and the wait ends.
            self.bell.ring();
        }
        if info.retries > YIELDS {
            std::thread::sleep(NAP);
        }
        BackpressureAction::Retry
    }

    /// Closes the books on one sample: how many readers missed it, and whether any was full.
    pub(crate) fn settle(&self) -> (usize, bool) {
        if !self.books.uneasy.load(Ordering::Relaxed) {
            return (0, false);
        }
        let mut readers = self.books.readers.lock();
        readers.lagging = std::mem::take(&mut readers.missed);
        self.books.uneasy.store(!readers.lagging.is_empty(), Ordering::Relaxed);
        (readers.lagging.len(), true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: u128 = 1;
    const B: u128 = 2;

    fn full(reader: u128, retries: u64) -> BackpressureInfo {
        BackpressureInfo {
            service_id: 0,
            sender_port_id: 0,
            receiver_port_id: reader,
            retries,
            elapsed_time: Duration::ZERO,
        }
    }

    fn waits(pressure: &Pressure, reader: u128) -> bool {
        pressure.decide(&full(reader, YIELDS)) == BackpressureAction::Retry
    }

    #[test]
    fn all_readers_of_all_lanes_share_one_limit() {
        let limit = Duration::from_millis(20);
        let pressure = Pressure::new(limit, Bell::silent());
        let lane = pressure.apart();
        while waits(&pressure, A) {}
        assert!(!waits(&pressure, B), "the first has used up the time");
        assert_eq!(pressure.settle(), (2, true));
        assert!(!waits(&lane, A), "so it has for another lane");
        assert_eq!(lane.settle(), (1, true));
        pressure.reset();
        assert!(pressure.decide(&full(A, 0)) == BackpressureAction::DiscardDataAndFail, "lagging");
        assert_eq!(pressure.settle(), (1, true));
        assert_eq!(pressure.settle(), (0, true), "it took this one");
        assert_eq!(pressure.settle(), (0, false));
        assert!(waits(&pressure, A), "the next write may wait again");
    }

    #[test]
    fn filling_a_loan_is_not_waiting() {
        let pressure = Pressure::new(Duration::from_millis(200), Bell::silent());
        assert!(!pressure.is_over());
        pressure.pause();
        std::thread::sleep(Duration::from_millis(300));
        assert!(!pressure.is_over(), "of this time nothing was waited");
        while !pressure.is_over() {}
        pressure.pause();
        assert!(pressure.is_over(), "what was waited before counts");
    }
}

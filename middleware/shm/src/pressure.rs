//! What a RELIABLE writer does while a reader's buffer is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use iceoryx2::port::{BackpressureAction, BackpressureInfo};
use parking_lot::Mutex;

use crate::janitor::Bell;

/// Retries without sleeping; iceoryx2 yields the processor between them.
const YIELDS: u64 = 32;
/// Retries between two rings of the janitor's bell, about 50 ms.
const RING_EVERY: u64 = 512;
const NAP: Duration = Duration::from_micros(100);

/// Waits for slow readers up to a limit, once: a reader that let the limit pass misses samples
/// without further waiting until it takes some again, so a stopped process does not hold up the
/// others for every single sample.
#[derive(Clone)]
pub(crate) struct Pressure {
    limit: Duration,
    bell: Bell,
    books: Arc<Books>,
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
        Self { limit, bell, books: Arc::default() }
    }

    /// The same limit, for another publisher and its readers.
    pub(crate) fn apart(&self) -> Self {
        Self::new(self.limit, self.bell.clone())
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
        {
            let mut readers = self.books.readers.lock();
            if info.elapsed_time >= self.limit || readers.lagging.contains(&reader) {
                readers.missed.push(reader);
                self.books.uneasy.store(true, Ordering::Relaxed);
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

    /// Closes the books on one sample: how many readers missed it.
    pub(crate) fn settle(&self) -> usize {
        if !self.books.uneasy.load(Ordering::Relaxed) {
            return 0;
        }
        let mut readers = self.books.readers.lock();
        readers.lagging = std::mem::take(&mut readers.missed);
        self.books.uneasy.store(!readers.lagging.is_empty(), Ordering::Relaxed);
        readers.lagging.len()
    }
}

//! What listeners write while a writer has no room.
//!
//! A listener runs on the thread that takes acknowledgments off the wire. If it waited for room there, none
//! would come. So its samples wait instead, in order, for a thread of their own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tidewire_idl::KeyHash;

/// Bytes a writer may have on the way before Cyclone makes it wait; less than
/// [`WINDOW`](crate::domain::WINDOW), as its count is not ours.
const ROOM: usize = crate::domain::WINDOW * 3 / 4;

/// What Cyclone counts for a sample beside its payload, or a little more.
const OVERHEAD: usize = 128;

/// Bytes that may wait in memory before a listener's write fails as others do when there is no room.
const MAX_LATE: usize = 16 << 20;

/// Bytes of a RELIABLE writer that Cyclone keeps: not acknowledged, or history.
#[derive(Default)]
pub(crate) struct Window(AtomicUsize);

/// A sample's part of the window, for as long as Cyclone keeps it.
pub(crate) struct Share {
    window: Arc<Window>,
    bytes: usize,
}

impl Share {
    pub fn new(window: &Arc<Window>, payload: usize) -> Self {
        let bytes = payload + OVERHEAD;
        window.0.fetch_add(bytes, Ordering::Relaxed);
        Self { window: window.clone(), bytes }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.window.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Window {
    /// Whether one more surely finds room; the first always does.
    pub fn has_room(&self, payload: usize) -> bool {
        let kept = self.0.load(Ordering::Relaxed);
        kept == 0 || kept + payload + OVERHEAD <= ROOM
    }
}

/// A change that waits to be written.
#[derive(Clone)]
pub(super) struct Late {
    pub payload: Bytes,
    pub key: KeyHash,
    pub status: u32,
    pub time: i64,
}

/// Changes that wait, oldest first. Whoever holds the writer's sequence takes them out, once written.
#[derive(Default)]
pub(super) struct Backlog {
    queue: Mutex<Queue>,
    /// How many wait: hardly ever any.
    waiting: AtomicUsize,
}

#[derive(Default)]
struct Queue {
    late: VecDeque<Late>,
    bytes: usize,
    /// Whether a thread is at them.
    drained: bool,
}

impl Backlog {
    pub fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }

    /// Adds one; `None` if there is no room, else whether a thread must be started.
    pub fn push(&self, late: Late) -> Option<bool> {
        let mut queue = self.queue.lock();
        if queue.bytes > 0 && queue.bytes + late.payload.len() > MAX_LATE {
            return None;
        }
        queue.bytes += late.payload.len();
        queue.late.push_back(late);
        self.waiting.store(queue.late.len(), Ordering::Release);
        Some(!std::mem::replace(&mut queue.drained, true))
    }

    /// The oldest, which stays until [`written`](Self::written).
    pub fn oldest(&self) -> Option<Late> {
        if self.is_empty() {
            return None;
        }
        self.queue.lock().late.front().cloned()
    }

    /// The oldest has been written, or never will be.
    pub fn written(&self) {
        let mut queue = self.queue.lock();
        if let Some(late) = queue.late.pop_front() {
            queue.bytes -= late.payload.len();
            self.waiting.store(queue.late.len(), Ordering::Release);
        }
    }

    /// Whether the thread may end: nothing waits. What is added later starts another.
    pub fn is_done(&self) -> bool {
        let mut queue = self.queue.lock();
        queue.drained = !queue.late.is_empty();
        !queue.drained
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn late(length: usize) -> Late {
        Late { payload: vec![0; length].into(), key: KeyHash::default(), status: 0, time: 0 }
    }

    #[test]
    fn a_window_counts_what_is_kept() {
        let window = Arc::new(Window::default());
        assert!(window.has_room(10 << 20), "the first always has room");
        let first = Share::new(&window, ROOM - 2 * OVERHEAD);
        assert!(window.has_room(0) && !window.has_room(1));
        drop(first);
        assert!(window.has_room(1));
    }

    #[test]
    fn one_thread_at_a_time_is_asked_for_and_none_is_missed() {
        let backlog = Backlog::default();
        assert_eq!(backlog.push(late(1)), Some(true));
        assert_eq!(backlog.push(late(2)), Some(false));
        assert!(!backlog.is_done());
        for length in [1, 2] {
            assert_eq!(backlog.oldest().unwrap().payload.len(), length);
            backlog.written();
        }
        assert!(backlog.is_done() && backlog.is_empty());
        assert_eq!(backlog.push(late(MAX_LATE + 1)), Some(true), "one always has room");
        assert_eq!(backlog.push(late(1)), None);
    }
}

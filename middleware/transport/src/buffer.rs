//! Buffers of large payloads, used again and again.
//!
//! What an allocator gets back in pieces of this size it hands on to the system, and whoever asks for it anew
//! pays a page fault for every 4 KiB: more than the copy itself.

use bytes::Bytes;
use parking_lot::Mutex;

/// Smaller buffers are the allocator's.
const LEAST: usize = 64 << 10;
/// Larger ones are too much to keep.
const MOST: usize = 8 << 20;
/// What is kept in a process, in buffers and in bytes.
const BUFFERS: usize = 8;
const BYTES: usize = 16 << 20;

static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// An empty buffer with room for `length` bytes.
pub fn with_room(length: usize) -> Vec<u8> {
    if (LEAST..=MOST).contains(&length)
        && let Some(mut spare) = SPARE.try_lock()
        // One much larger would be missed elsewhere, and nobody counts what is too much.
        && let Some(at) =
            spare.iter().position(|b| (length..=length + length / 2).contains(&b.capacity()))
    {
        return spare.swap_remove(at);
    }
    Vec::with_capacity(length)
}

/// The buffer as a payload; with the last one who holds it, it becomes spare.
pub fn freeze(buffer: Vec<u8>) -> Bytes {
    if (LEAST..=MOST).contains(&buffer.capacity()) {
        Bytes::from_owner(Lent(buffer))
    } else {
        buffer.into()
    }
}

/// A payload with these bytes.
pub fn copied(bytes: &[u8]) -> Bytes {
    if bytes.len() < LEAST {
        return Bytes::copy_from_slice(bytes);
    }
    let mut buffer = with_room(bytes.len());
    buffer.extend_from_slice(bytes);
    freeze(buffer)
}

struct Lent(Vec<u8>);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.0);
        buffer.clear();
        if let Some(mut spare) = SPARE.try_lock() {
            let kept: usize = spare.iter().map(Vec::capacity).sum();
            if spare.len() < BUFFERS && kept + buffer.capacity() <= BYTES {
                spare.push(buffer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, as what is spare is the process's.
    #[test]
    fn buffers_come_back_and_not_too_many_are_kept() {
        let filled = |length: usize| {
            let mut buffer = with_room(length);
            buffer.resize(length, 7);
            freeze(buffer)
        };
        let payload = filled(LEAST);
        let (part, at) = (payload.slice(10..20), payload.as_ptr());
        drop(payload);
        let other = with_room(LEAST);
        assert_ne!(other.as_ptr(), at, "a part of it is still held");
        assert_eq!(part[..], [7; 10]);
        drop(part);
        let again = with_room(LEAST);
        assert_eq!((again.as_ptr(), again.len()), (at, 0));
        assert_eq!(copied(&[9; LEAST])[..], [9; LEAST]);

        let many: Vec<Bytes> = (0..2 * BUFFERS).map(|_| filled(MOST / 2)).collect();
        drop(many);
        let spare = SPARE.lock();
        assert!(spare.len() <= BUFFERS);
        assert!(spare.iter().map(Vec::capacity).sum::<usize>() <= BYTES);
        drop(spare);
        // Small and huge ones never are.
        for length in [LEAST - 1, MOST + 1] {
            let kept = SPARE.lock().len();
            drop(filled(length));
            assert_eq!(SPARE.lock().len(), kept);
        }
    }
}

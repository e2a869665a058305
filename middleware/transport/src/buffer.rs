//! Buffers of payloads. Large ones are used again and again.
//!
//! In a buffer, [`LEAD`] bytes come before the payload, so that its body is aligned for every plain type
//! and can be filled and read in place.
//!
//! What an allocator gets back in pieces of this size it hands on to the system, and whoever asks for it anew
//! pays a page fault for every 4 KiB: more than the copy itself.

use bytes::{Buf, Bytes};
use parking_lot::Mutex;

/// Bytes before a payload in its buffer: its body follows four bytes of header and is aligned to 8, the
/// most that XCDR asks for (DDS-XTypes 1.3, 7.4.1.1.1).
pub const LEAD: usize = 4;

/// Smaller buffers are the allocator's.
const LEAST: usize = 64 << 10;
/// Larger ones are too much to keep.
const MOST: usize = 8 << 20;
/// What is kept in a process, in buffers and in bytes.
const BUFFERS: usize = 8;
const BYTES: usize = 16 << 20;

static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// A buffer for a payload of `length` bytes, which is to be added: there is the lead alone.
pub fn with_room(length: usize) -> Vec<u8> {
    let mut buffer = spare(LEAD + length).unwrap_or_else(|| Vec::with_capacity(LEAD + length));
    buffer.clear();
    buffer.resize(LEAD, 0);
    buffer
}

/// A buffer with a payload of `length` bytes, whatever they are.
pub fn filled(length: usize) -> Vec<u8> {
    let mut buffer = spare(LEAD + length).unwrap_or_default();
    // What is there already need not be written.
    buffer.resize(LEAD + length, 0);
    buffer
}

fn spare(capacity: usize) -> Option<Vec<u8>> {
    if !(LEAST..=MOST).contains(&capacity) {
        return None;
    }
    let mut spare = SPARE.try_lock()?;
    // One much larger would be missed elsewhere, and nobody counts what is too much.
    let at = |buffer: &Vec<u8>| (capacity..=capacity + capacity / 2).contains(&buffer.capacity());
    spare.iter().position(at).map(|at| spare.swap_remove(at))
}

/// The payload in the buffer; with the last one who holds it, the buffer becomes spare.
pub fn freeze(buffer: Vec<u8>) -> Bytes {
    let mut payload = if (LEAST..=MOST).contains(&buffer.capacity()) {
        Bytes::from_owner(Lent(buffer))
    } else {
        buffer.into()
    };
    payload.advance(LEAD);
    payload
}

/// A payload with these bytes.
pub fn copied(bytes: &[u8]) -> Bytes {
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
        let buffer = std::mem::take(&mut self.0);
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
    fn buffers_are_aligned_and_come_back_and_not_too_many_are_kept() {
        let payload = freeze(filled(LEAST));
        let (part, at) = (payload.slice(10..20), payload.as_ptr());
        drop(payload);
        let other = with_room(LEAST);
        assert_ne!(other.as_ptr(), at, "a part of it is still held");
        assert_eq!(part[..], [0; 10]);
        drop(part);
        let again = filled(LEAST);
        assert_eq!((again[LEAD..].as_ptr(), again.len()), (at, LEAD + LEAST));
        drop(freeze(again));
        let empty = with_room(LEAST);
        assert_eq!((empty[LEAD..].as_ptr(), empty.len()), (at, LEAD));
        for length in [5, 100, 4096, LEAST, 3 * LEAST] {
            let payload = copied(&vec![9; length]);
            assert_eq!(payload[..], vec![9; length]);
            assert_eq!(payload[4..].as_ptr().align_offset(8), 0, "{length} bytes");
        }

        let many: Vec<Bytes> = (0..2 * BUFFERS).map(|_| freeze(filled(MOST / 2))).collect();
        drop(many);
        let spare = SPARE.lock();
        assert!(spare.len() <= BUFFERS);
        assert!(spare.iter().map(Vec::capacity).sum::<usize>() <= BYTES);
        drop(spare);
        // Small and huge ones never are.
        for length in [LEAST / 2, MOST + 1] {
            let kept = SPARE.lock().len();
            drop(freeze(filled(length)));
            assert_eq!(SPARE.lock().len(), kept);
        }
    }
}

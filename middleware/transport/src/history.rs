//! What a durability service sends: some samples as they were, and whether they are the last.
//!
//! ```
//! use tidewire_transport::history::{Message, read};
//!
//! let (last, samples) = read(&Message::new().finish(true).into()).expect("our own");
//! assert!(last && samples.is_empty());
//! ```
//!
//! After the encapsulation header all numbers are little-endian: version (1 byte), whether it is the
//! last message (1), reserved (2), number of samples (4). Each sample: writer (16), key hash (16),
//! sequence number (8), source time (8), expiry (8), state (1), reserved (3), length (4), payload,
//! zeros up to a multiple of four.

use bytes::Bytes;
use tidewire_idl::{Guid, InstanceState, KeyHash, Sample};

use crate::dds::DdsSample;

const ENCAPSULATION: [u8; 4] = [0, 1, 0, 0];
const VERSION: u8 = 1;
const HEAD: usize = 12;
const SAMPLE_HEAD: usize = 64;

/// Bytes after which a message is full. RustDDS keeps 8,192 messages for a reader that has not come
/// yet: many samples share one.
const FULL: usize = 60_000;

/// A sample of history, and when it is no longer to be delivered (0: never).
pub type Kept = (DdsSample, i64);

/// A message under construction.
pub struct Message {
    bytes: Vec<u8>,
    count: u32,
}

impl Default for Message {
    fn default() -> Self {
        Self::new()
    }
}

impl Message {
    /// Without samples.
    pub fn new() -> Self {
        let mut bytes = ENCAPSULATION.to_vec();
        bytes.extend_from_slice(&[VERSION, 0, 0, 0, 0, 0, 0, 0]);
        Self { bytes, count: 0 }
    }

    /// Adds a sample, and when it is no longer to be delivered (ns since the Unix epoch, 0: never).
    pub fn push(&mut self, sample: &Sample, expires: i64) {
        let (info, bytes) = (&sample.info, &mut self.bytes);
        bytes.extend_from_slice(&info.writer.0);
        bytes.extend_from_slice(&info.key.0);
        bytes.extend_from_slice(&info.sequence.to_le_bytes());
        bytes.extend_from_slice(&info.source_time.to_le_bytes());
        bytes.extend_from_slice(&expires.to_le_bytes());
        bytes.extend_from_slice(&[info.state as u8, 0, 0, 0]);
        // Nothing longer comes from the bus.
        bytes.extend_from_slice(&(sample.payload.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&sample.payload);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        self.count += 1;
    }

    /// Whether the next sample is to go into another message.
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= FULL
    }

    /// The message, encapsulation header included; `last` if no more follow.
    pub fn finish(mut self, last: bool) -> Vec<u8> {
        self.bytes[5] = u8::from(last);
        self.bytes[8..12].copy_from_slice(&self.count.to_le_bytes());
        self.bytes
    }
}

/// Whether the message is the last, and its samples; `None` if it is no message of ours.
pub fn read(message: &Bytes) -> Option<(bool, Vec<Kept>)> {
    let head = message.get(..HEAD)?;
    if head[4] != VERSION {
        return None;
    }
    let count = u32::from_le_bytes(head[8..12].try_into().ok()?) as usize;
    let mut at = HEAD;
    // What the message claims is no reason to reserve memory.
    let mut samples = Vec::with_capacity(count.min(message.len() / SAMPLE_HEAD));
    for _ in 0..count {
        let head = message.get(at..at.checked_add(SAMPLE_HEAD)?)?;
        let number = |from: usize| Some(i64::from_le_bytes(head[from..from + 8].try_into().ok()?));
        let length = u32::from_le_bytes(head[60..64].try_into().ok()?) as usize;
        let start = at + SAMPLE_HEAD;
        let end = start.checked_add(length).filter(|end| *end <= message.len())?;
        let sample = DdsSample {
            writer: Guid(head[..16].try_into().ok()?),
            key: KeyHash(head[16..32].try_into().ok()?),
            sequence: number(32)? as u64,
            source_time: number(40)?,
            state: InstanceState::from_u8(head[56])?,
            payload: message.slice(start..end),
        };
        samples.push((sample, number(48)?));
        at = end.next_multiple_of(4);
    }
    Some((head[5] != 0, samples))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidewire_idl::SampleInfo;

    fn sample(number: u8, length: usize) -> Sample {
        let info = SampleInfo {
            source_time: -i64::from(number),
            reception_time: 0,
            writer: Guid([number; 16]),
            sequence: u64::from(number),
            key: KeyHash([number + 1; 16]),
            state: InstanceState::Disposed,
            point: "p".into(),
        };
        Sample { info, payload: vec![number; length].into() }
    }

    fn message() -> Bytes {
        let mut message = Message::new();
        for (number, length) in [(1, 4), (2, 0), (3, 13)] {
            message.push(&sample(number, length), 70 + i64::from(number));
        }
        message.finish(true).into()
    }

    #[test]
    fn a_message_comes_back() {
        let (last, samples) = read(&message()).unwrap();
        assert!(last);
        let lengths: Vec<usize> = samples.iter().map(|(s, _)| s.payload.len()).collect();
        assert_eq!(lengths, [4, 0, 13]);
        let (found, expires) = &samples[2];
        let expected = sample(3, 13);
        assert_eq!((found.writer, found.key), (expected.info.writer, expected.info.key));
        assert_eq!((found.sequence, found.source_time, *expires), (3, -3, 73));
        assert_eq!((found.state, &found.payload), (InstanceState::Disposed, &expected.payload));
        assert_eq!(read(&Message::new().finish(false).into()).unwrap().1.len(), 0);
    }

    #[test]
    fn broken_messages_are_none() {
        let whole = message();
        // The padding at the end carries nothing.
        for length in 0..whole.len() - 3 {
            assert!(read(&whole.slice(..length)).is_none(), "cut to {length}");
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = whole.to_vec();
                bytes[at] = value;
                if let Some((_, samples)) = read(&bytes.into()) {
                    assert!(samples.len() <= 3);
                }
            }
        }
    }
}

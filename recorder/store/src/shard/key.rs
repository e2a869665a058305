//! Keys inside a shard's one database, in the order LMDB keeps them, and the watermark's value.
//!
//! | key | value |
//! |---|---|
//! | `B` series start seq | a block's encoded bytes |
//! | `I` series start seq | the block's header |
//! | `S` series | topic id u32, topic name, NUL, point |
//! | `W` series | the series' watermark in this shard |
//!
//! Numbers are big-endian so that bytes sort as numbers; `start` has its sign bit flipped.

use crate::journal::record::{array_at, u64_at};

/// Tag of a block's data.
pub const BLOCK: u8 = b'B';
/// Tag of a block's header.
pub const INDEX: u8 = b'I';
/// Tag of a series' name.
pub const SERIES: u8 = b'S';
/// Tag of a series' watermark.
pub const WATERMARK: u8 = b'W';

/// Bytes of a block key.
pub const BLOCK_KEY: usize = 21;

/// Place of a block in its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockKey {
    pub series: u32,
    /// Smallest source time in the block.
    pub start: i64,
    /// Journal seq of its first sample: tells blocks of equal start apart.
    pub seq: u64,
}

impl BlockKey {
    /// The key under `INDEX` or `BLOCK`.
    pub fn bytes(&self, tag: u8) -> [u8; BLOCK_KEY] {
        let mut out = [0; BLOCK_KEY];
        out[0] = tag;
        out[1..5].copy_from_slice(&self.series.to_be_bytes());
        out[5..13].copy_from_slice(&(self.start as u64 ^ (1 << 63)).to_be_bytes());
        out[13..].copy_from_slice(&self.seq.to_be_bytes());
        out
    }

    /// Reads a key back.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != BLOCK_KEY {
            return None;
        }
        Some(Self {
            series: u32::from_be_bytes(array_at(bytes, 1)),
            start: (u64::from_be_bytes(array_at(bytes, 5)) ^ (1 << 63)) as i64,
            seq: u64::from_be_bytes(array_at(bytes, 13)),
        })
    }
}

/// Key of a series' name or watermark.
pub fn series_key(tag: u8, series: u32) -> [u8; 5] {
    let mut out = [tag; 5];
    out[1..].copy_from_slice(&series.to_be_bytes());
    out
}

/// The series in any key.
pub fn series_of(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(key.get(1..5)?.try_into().ok()?))
}

/// How far a series is sealed into a shard, and what the shard holds of it. Changes in the same
/// transaction as the blocks it speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// Every sample of the series and period with a journal seq up to this one is in a block.
    pub seq: u64,
    pub samples: u64,
    pub alive: u64,
    pub blocks: u64,
    pub payload_bytes: u64,
    pub min_time: i64,
    pub max_time: i64,
}

impl Default for Watermark {
    fn default() -> Self {
        Self {
            seq: 0,
            samples: 0,
            alive: 0,
            blocks: 0,
            payload_bytes: 0,
            min_time: i64::MAX,
            max_time: i64::MIN,
        }
    }
}

const WATERMARK_LEN: usize = 60;

impl Watermark {
    pub fn write(&self) -> [u8; WATERMARK_LEN] {
        let mut out = [0; WATERMARK_LEN];
        let fields = [
            self.seq,
            self.samples,
            self.alive,
            self.blocks,
            self.payload_bytes,
            self.min_time as u64,
            self.max_time as u64,
        ];
        for (i, field) in fields.iter().enumerate() {
            out[i * 8..i * 8 + 8].copy_from_slice(&field.to_le_bytes());
        }
        let crc = crc32fast::hash(&out[..56]);
        out[56..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() != WATERMARK_LEN {
            return Err(format!("a watermark of {} bytes", bytes.len()));
        }
        if bytes[56..] != crc32fast::hash(&bytes[..56]).to_le_bytes() {
            return Err("a watermark's checksum is wrong".into());
        }
        Ok(Self {
            seq: u64_at(bytes, 0),
            samples: u64_at(bytes, 8),
            alive: u64_at(bytes, 16),
            blocks: u64_at(bytes, 24),
            payload_bytes: u64_at(bytes, 32),
            min_time: u64_at(bytes, 40) as i64,
            max_time: u64_at(bytes, 48) as i64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_keys_sort_by_series_time_and_seq() {
        let key = |series, start, seq| BlockKey { series, start, seq };
        let keys = [
            key(0, i64::MIN, 9),
            key(0, -1, 1),
            key(0, 0, 0),
            key(0, 0, 1),
            key(0, i64::MAX, 0),
            key(1, i64::MIN, 0),
        ];
        let bytes: Vec<_> = keys.iter().map(|k| k.bytes(INDEX)).collect();
        assert!(bytes.is_sorted());
        assert!(keys.iter().zip(&bytes).all(|(k, b)| BlockKey::read(b) == Some(*k)));
    }

    #[test]
    fn watermarks_round_trip_and_refuse_flips() {
        let mark = Watermark { seq: 7, samples: 6, min_time: -4, ..Watermark::default() };
        let bytes = mark.write();
        assert_eq!(Watermark::read(&bytes), Ok(mark));
        for i in 0..bytes.len() {
            let mut bad = bytes;
            bad[i] ^= 1;
            assert!(Watermark::read(&bad).is_err());
        }
    }
}

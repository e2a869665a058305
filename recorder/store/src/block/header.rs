//! A block's index entry: what can be told of it without decoding it.

use crate::journal::record::{array_at, u32_at, u64_at};

const VERSION: u8 = 1;
const FIXED: usize = 64;
const STAT: usize = 28;

/// How a block's payloads are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Payload bytes, compressed.
    Raw,
    /// One column per leaf field of the type.
    Columnar,
}

/// Statistics of one numeric column of a block.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Stats {
    /// Values: one per data sample.
    pub count: u32,
    /// Smallest value; rounded down where a 64-bit integer has no exact `f64`. `-inf` where the
    /// block holds a NaN, so that it is never pruned.
    pub min: f64,
    /// Largest value; rounded up, `inf` likewise.
    pub max: f64,
    /// Sum of the values; NaN where the block holds one.
    pub sum: f64,
}

/// What a block's index entry says.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockHeader {
    /// Samples in the block.
    pub count: u32,
    /// Data samples among them; the rest are disposes and unregisters.
    pub alive: u32,
    /// Journal seq of the first sample that arrived.
    pub first_seq: u64,
    /// Journal seq of the last sample that arrived.
    pub last_seq: u64,
    /// Smallest source time: ns since the Unix epoch.
    pub min_time: i64,
    /// Largest source time, inclusive.
    pub max_time: i64,
    /// Sum of the payload sizes.
    pub payload_bytes: u64,
    /// Size of the encoded block.
    pub data_len: u32,
    /// CRC-32 of the encoded block.
    pub data_crc: u32,
    /// How the payloads are kept.
    pub encoding: Encoding,
    /// Statistics, in the order of the type's numeric columns; empty where they do not cover every
    /// data sample of the block.
    pub stats: Vec<Stats>,
}

impl BlockHeader {
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FIXED + self.stats.len() * STAT + 4);
        out.push(VERSION);
        out.push(self.encoding as u8);
        out.extend_from_slice(&(self.stats.len() as u16).to_le_bytes());
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.alive.to_le_bytes());
        out.extend_from_slice(&0u32.to_le_bytes());
        out.extend_from_slice(&self.first_seq.to_le_bytes());
        out.extend_from_slice(&self.last_seq.to_le_bytes());
        out.extend_from_slice(&self.min_time.to_le_bytes());
        out.extend_from_slice(&self.max_time.to_le_bytes());
        out.extend_from_slice(&self.payload_bytes.to_le_bytes());
        out.extend_from_slice(&self.data_len.to_le_bytes());
        out.extend_from_slice(&self.data_crc.to_le_bytes());
        for stat in &self.stats {
            out.extend_from_slice(&stat.count.to_le_bytes());
            out.extend_from_slice(&stat.min.to_le_bytes());
            out.extend_from_slice(&stat.max.to_le_bytes());
            out.extend_from_slice(&stat.sum.to_le_bytes());
        }
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() < FIXED + 4 {
            return Err(format!("a block header of {} bytes is too short", bytes.len()));
        }
        let (body, crc) = bytes.split_at(bytes.len() - 4);
        if crc32fast::hash(body) != u32_at(crc, 0) {
            return Err("the block header's checksum is wrong".into());
        }
        if body[0] != VERSION {
            return Err(format!("block version {} is not known", body[0]));
        }
        let encoding = match body[1] {
            0 => Encoding::Raw,
            1 => Encoding::Columnar,
            other => return Err(format!("block encoding {other} is not known")),
        };
        let n = u16::from_le_bytes([body[2], body[3]]) as usize;
        if body.len() != FIXED + n * STAT {
            return Err("the block header's length does not fit its statistics".into());
        }
        let f64_at = |at| f64::from_le_bytes(array_at(body, at));
        let stats = (0..n).map(|i| FIXED + i * STAT).map(|at| Stats {
            count: u32_at(body, at),
            min: f64_at(at + 4),
            max: f64_at(at + 12),
            sum: f64_at(at + 20),
        });
        Ok(Self {
            count: u32_at(body, 4),
            alive: u32_at(body, 8),
            first_seq: u64_at(body, 16),
            last_seq: u64_at(body, 24),
            min_time: u64_at(body, 32) as i64,
            max_time: u64_at(body, 40) as i64,
            payload_bytes: u64_at(body, 48),
            data_len: u32_at(body, 56),
            data_crc: u32_at(body, 60),
            encoding,
            stats: stats.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_refuses_flips() {
        let header = BlockHeader {
            count: 3,
            alive: 2,
            first_seq: 10,
            last_seq: 14,
            min_time: -5,
            max_time: 99,
            payload_bytes: 192,
            data_len: 77,
            data_crc: 0xdead_beef,
            encoding: Encoding::Columnar,
            stats: vec![Stats { count: 2, min: -1.5, max: 2.5, sum: 1.0 }; 2],
        };
        let bytes = header.write();
        assert_eq!(BlockHeader::read(&bytes), Ok(header));
        for i in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[i] ^= 4;
            assert!(BlockHeader::read(&bad).is_err(), "byte {i}");
            assert!(BlockHeader::read(&bytes[..i]).is_err(), "cut at {i}");
        }
    }
}

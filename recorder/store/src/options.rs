//! How a recording is written, each setting documented where it is read.
//!
//! ```
//! use std::time::Duration;
//! use tidewire_store::{PartitionBy, StoreOptions};
//!
//! let options = StoreOptions {
//!     commit_interval: Duration::from_millis(5),
//!     partition: PartitionBy::FirstSegment,
//!     ..StoreOptions::default()
//! };
//! assert_eq!(options.partition.name("plant/pump1"), "plant");
//! ```

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::files::{Files, OsFiles};

/// Which collection points share a shard. Fixed when the recording is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum PartitionBy {
    /// One shard per collection point.
    #[default]
    Point,
    /// Points with the same first `/` segment share one: `plant/pump1` and `plant/pump2`.
    FirstSegment,
    /// This many shards, by CRC-32 of the point: for thousands of points.
    Hash(u32),
}

impl PartitionBy {
    /// The shard's folder name for a point: every byte outside `[A-Za-z0-9._-]` percent-encoded.
    pub fn name(&self, point: &str) -> String {
        match self {
            Self::Point => escape(point),
            Self::FirstSegment => escape(point.split('/').next().unwrap_or_default()),
            Self::Hash(n) => format!("{:04}", crc32fast::hash(point.as_bytes()) % (*n).max(1)),
        }
    }
}

/// File systems take 255 bytes a name; a longer one keeps its head and ends in its checksum.
const MAX_NAME: usize = 200;

fn escape(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for (i, byte) in text.bytes().enumerate() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => name.push(byte as char),
            b'.' if i > 0 => name.push('.'),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    if name.is_empty() {
        name.push('%');
    }
    if name.len() > MAX_NAME {
        name.truncate(MAX_NAME);
        name.push_str(&format!("%%{:08x}", crc32fast::hash(text.as_bytes())));
    }
    name
}

/// Settings of [`crate::Store::open`]. `period`, `partition` and `block_bytes` shape the files;
/// `period` and `partition` are taken from the manifest when the recording already exists.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Longest time a sample waits in memory before its group commit starts.
    pub commit_interval: Duration,
    /// A group commit starts early once this many journal bytes wait.
    pub commit_bytes: usize,
    /// `append` waits while more journal bytes than this are not yet on disk.
    pub max_backlog_bytes: usize,
    /// `append` waits while more payload bytes than this are not yet sealed into shards.
    pub max_unsealed_bytes: usize,
    /// A journal segment is closed at this size.
    pub segment_bytes: u64,
    /// Length of a shard's period, aligned to the Unix epoch; whole seconds.
    pub period: Duration,
    /// Which points share a shard.
    pub partition: PartitionBy,
    /// A block is sealed at this many payload bytes.
    pub block_bytes: usize,
    /// A block is sealed at this age, full or not; bounds the journal and a reader's tail.
    pub block_age: Duration,
    /// Sealed blocks of one shard are committed together at least this often.
    pub shard_interval: Duration,
    /// Initial LMDB map of a shard (address space, not disk); doubled when it fills up.
    pub map_bytes: usize,
    /// LMDB environments kept open between commits.
    pub max_open_shards: usize,
    /// Appends are refused while the file system has less than this free.
    pub min_free_bytes: u64,
    /// `false` skips the journal's fdatasync: acknowledged then means written to the page cache,
    /// which survives the death of the process but not of the machine.
    pub fsync: bool,
    /// The journal's view of the file system; tests put a failing one here.
    pub files: Arc<dyn Files>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            commit_interval: Duration::from_millis(10),
            commit_bytes: 4 << 20,
            max_backlog_bytes: 64 << 20,
            max_unsealed_bytes: 256 << 20,
            segment_bytes: 32 << 20,
            period: Duration::from_secs(3600),
            partition: PartitionBy::Point,
            block_bytes: 64 << 10,
            block_age: Duration::from_secs(10),
            shard_interval: Duration::from_secs(5),
            map_bytes: 16 << 30,
            max_open_shards: 128,
            min_free_bytes: 64 << 20,
            fsync: true,
            files: Arc::new(OsFiles),
        }
    }
}

impl StoreOptions {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let bad = |option, what: &str| Err(StoreError::Option { option, what: what.to_owned() });
        if self.period.as_secs() == 0 || self.period.subsec_nanos() != 0 {
            return bad("period", "must be a whole number of seconds, 1 or more");
        }
        if self.period.as_secs() > 366 * 86400 {
            return bad("period", "may be at most a year, 31622400 seconds");
        }
        if self.block_bytes == 0 || self.block_bytes > 256 << 20 {
            return bad("block_bytes", "must be between 1 and 268435456");
        }
        if matches!(self.partition, PartitionBy::Hash(0)) {
            return bad("partition", "hash needs at least 1 shard");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_names_are_safe_and_distinct() {
        let by = PartitionBy::Point;
        assert_eq!(by.name("plant/pump1"), "plant%2Fpump1");
        assert_eq!(by.name(".."), "%2E.");
        assert_eq!(by.name(""), "%");
        assert_ne!(by.name("a%2F"), by.name("a/"));
        let (a, b) = (format!("{}a", "x".repeat(300)), format!("{}b", "x".repeat(300)));
        assert_ne!(by.name(&a), by.name(&b));
        assert!(by.name(&a).len() < 255);
    }
}

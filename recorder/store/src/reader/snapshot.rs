//! One consistent view of a recording: exactly the samples up to one journal seq.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use tidewire_idl::Sample;

use crate::block::plan::Plan;
use crate::catalog::{SeriesMeta, TopicMeta};
use crate::shard::env::{Missing, ShardEnv};
use crate::shard::key::Watermark;
use crate::shard::path::{DATA, ShardKey};
use crate::{PartitionBy, StoreError};

/// A sample that no shard has yet.
#[derive(Clone, Debug)]
pub struct TailSample {
    pub seq: u64,
    pub sample: Sample,
}

/// What was read of a shard.
#[derive(Debug)]
pub struct ShardState {
    /// LMDB commit it was read at.
    pub txn: u64,
    pub marks: HashMap<u32, Watermark>,
    /// Why it could not be read: file offset and reason.
    pub broken: Option<(u64, String)>,
}

/// A topic as readers know it.
#[derive(Clone, Debug)]
pub struct Topic {
    pub meta: Arc<TopicMeta>,
    pub plan: Option<Arc<Plan>>,
}

/// Samples in the journal only, by (series, period).
pub type Tail = BTreeMap<(u32, i64), Arc<Vec<TailSample>>>;

/// Immutable; iterators keep it while the reader moves on.
///
/// A block belongs to it when its last seq is at or below the series' watermark here: blocks never
/// change and watermarks only grow, so no LMDB transaction has to stay open for it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub dir: PathBuf,
    pub period_ns: i64,
    pub partition: PartitionBy,
    pub map_bytes: usize,
    pub topics: Vec<Topic>,
    pub series: Vec<SeriesMeta>,
    pub shards: BTreeMap<ShardKey, Arc<ShardState>>,
    pub tail: Tail,
    /// Journal seq of the last sample in it.
    pub through: u64,
}

impl Snapshot {
    /// The shard of a series in a period.
    pub fn shard_of(&self, series: u32, period: i64) -> Option<ShardKey> {
        let point = &self.series.get(series as usize)?.point;
        Some(ShardKey { period, partition: self.partition.name(point).into() })
    }

    /// Up to where a series is sealed into its shard of a period.
    pub fn sealed(&self, series: u32, period: i64) -> u64 {
        let state = self.shard_of(series, period).and_then(|key| self.shards.get(&key));
        state.and_then(|s| s.marks.get(&series)).map_or(0, |mark| mark.seq)
    }

    /// Series of the topics with this name, at these points.
    pub fn series_of(&self, topic: &str, points: Option<&[String]>) -> Vec<u32> {
        let wanted = |series: &SeriesMeta| {
            let named = self.topics.get(series.topic.0 as usize);
            named.is_some_and(|t| t.meta.name == topic)
                && points.is_none_or(|points| points.iter().any(|p| **p == *series.point))
        };
        let series = self.series.iter().enumerate().filter(|(_, series)| wanted(series));
        series.map(|(id, _)| id as u32).collect()
    }

    pub fn open_shard(&self, key: &ShardKey) -> Result<Arc<ShardEnv>, StoreError> {
        let dir = key.dir(&self.dir, self.period_ns);
        if let Some((offset, what)) = self.shards.get(key).and_then(|s| s.broken.clone()) {
            return Err(StoreError::damaged(&dir.join(DATA), offset, what));
        }
        ShardEnv::open(&dir, self.map_bytes, Missing::Fail)
    }
}

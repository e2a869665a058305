//! What a store has done since it was opened.

use std::path::Path;
use std::sync::atomic::Ordering;

use super::state::Shared;

/// Counts of an open [`crate::Store`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Samples appended since the store was opened.
    pub samples: u64,
    /// Their payload bytes.
    pub bytes_in: u64,
    /// Size of the whole recording on disk, journal included.
    pub bytes_on_disk: u64,
    /// Samples appended but not yet acknowledged.
    pub lag: u64,
    /// Bytes held in memory until they are in a shard.
    pub unsealed_bytes: u64,
    /// Why appends are refused right now, if they are.
    pub refusal: Option<String>,
    /// The same per topic, in order of registration.
    pub topics: Vec<TopicStats>,
}

/// Counts of one topic of an open [`crate::Store`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicStats {
    /// The topic's name.
    pub name: String,
    /// Samples appended since the store was opened.
    pub samples: u64,
    /// Their payload bytes.
    pub bytes_in: u64,
    /// Collection points it has come from, earlier sessions included.
    pub points: usize,
}

impl Shared {
    pub fn stats(&self) -> StoreStats {
        let state = self.state.lock();
        let reserve = self.options.min_free_bytes;
        let refusals = [&state.journal_refusal, &state.space_refusal, &state.shard_refusal];
        let refusal = refusals.into_iter().flatten().next();
        let topics = state.topics.iter().map(|topic| TopicStats {
            name: topic.meta.name.clone(),
            samples: topic.samples,
            bytes_in: topic.payload_bytes,
            points: topic.series.len(),
        });
        let acknowledged = self.acknowledged.load(Ordering::Acquire);
        let mut stats = StoreStats {
            samples: state.samples,
            bytes_in: state.payload_bytes,
            bytes_on_disk: 0,
            lag: (state.next_seq - 1).saturating_sub(acknowledged),
            unsealed_bytes: state.unsealed as u64,
            refusal: refusal.map(|r| r.error(reserve).to_string()),
            topics: topics.collect(),
        };
        drop(state);
        stats.bytes_on_disk = disk_bytes(&self.dir);
        stats
    }
}

/// Bytes of all files under a folder; files that vanish meanwhile count nothing.
pub fn disk_bytes(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => disk_bytes(&entry.path()),
        // A lock file's pages are memory that happens to have a name.
        Ok(_) if entry.file_name() == "lock.mdb" => 0,
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

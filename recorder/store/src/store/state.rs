//! What appending, committing and sealing share.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::block::plan::Plan;
use crate::block::rows::{MAX_ROWS, Rows};
use crate::catalog::{Catalog, TopicMeta};
use crate::journal::record::{self, MARK_BODY, PREFIX};
use crate::shard::path::ShardKey;
use crate::{StoreError, StoreOptions};

/// Room for the mark at the head of every group commit.
pub const MARK: usize = PREFIX + MARK_BODY;

/// Seqs are reserved in the catalog in steps of this many, one fdatasync each.
const RESERVE: u64 = 1 << 24;

/// Everything the threads of a store share.
#[derive(Debug)]
pub struct Shared {
    pub dir: PathBuf,
    pub options: StoreOptions,
    pub period_ns: i64,
    pub state: Mutex<State>,
    /// Wakes the committing thread.
    pub commit: Condvar,
    /// Wakes the sealing thread.
    pub seal: Condvar,
    /// Wakes whoever waits for a commit, for room, or for a seal.
    pub progress: Condvar,
    pub acknowledged: AtomicU64,
    /// Every seq below this one is in a shard.
    pub sealed_below: AtomicU64,
    /// Set when the process is to look dead: threads stop without finishing anything.
    pub abandoned: AtomicBool,
}

/// A topic while it is recorded.
#[derive(Debug)]
pub struct Topic {
    pub meta: Arc<TopicMeta>,
    pub plan: Option<Arc<Plan>>,
    pub series: HashMap<Arc<str>, u32>,
    pub samples: u64,
    pub payload_bytes: u64,
}

/// A series while it is recorded.
#[derive(Debug)]
pub struct Series {
    pub topic: u32,
    pub partition: Arc<str>,
    /// Open blocks, one per period: nearly always one.
    pub open: Vec<Rows>,
}

/// A group commit that has not begun.
#[derive(Debug, Default)]
pub struct Batch {
    /// Journal records behind room for a mark; empty when there is nothing to commit.
    pub bytes: Vec<u8>,
    pub first_seq: u64,
    pub since: Option<Instant>,
}

/// Why appends are refused.
#[derive(Debug, Clone)]
pub enum Refusal {
    Full { path: PathBuf, free: u64 },
    Failing { path: PathBuf, what: String },
}

impl Refusal {
    pub fn error(&self, reserve: u64) -> StoreError {
        match self.clone() {
            Self::Full { path, free } => StoreError::DiskFull { path, free, reserve },
            Self::Failing { path, what } => StoreError::Refusing { path, what },
        }
    }
}

/// The part behind the lock.
#[derive(Debug)]
pub struct State {
    pub topics: Vec<Topic>,
    pub series: Vec<Series>,
    pub catalog: Catalog,
    /// Catalog records that are not yet written.
    pub catalog_pending: Vec<u8>,
    /// Registrations made, and how many of them are on disk.
    pub catalog_wanted: u64,
    pub catalog_done: u64,
    pub next_seq: u64,
    pub batch: Batch,
    /// Journal bytes handed out but not yet on disk, the batch being written included.
    pub backlog: usize,
    /// Somebody waits in `sync`: commit at once.
    pub hurry: bool,
    /// Full blocks on their way to the sealing thread.
    pub full: VecDeque<Rows>,
    /// Buffers of sealed blocks, for the next ones.
    pub spare: Vec<Rows>,
    /// Bytes in open, full and encoded blocks.
    pub unsealed: usize,
    /// Smallest seq the sealing thread works on.
    pub sealing_from: Option<u64>,
    /// Requests to seal everything, and how many were fulfilled.
    pub seal_wanted: u64,
    pub seal_done: u64,
    /// The journal could not be written.
    pub journal_refusal: Option<Refusal>,
    /// The disk is down to its reserve.
    pub space_refusal: Option<Refusal>,
    /// A shard could not be written.
    pub shard_refusal: Option<Refusal>,
    pub closing: bool,
    pub committer_done: bool,
    pub sealer_done: bool,
    pub samples: u64,
    pub payload_bytes: u64,
}

impl State {
    /// Opens series `id` of a topic at a point.
    pub fn add_series(&mut self, options: &StoreOptions, topic: u32, point: &Arc<str>) -> u32 {
        let id = self.series.len() as u32;
        let partition = options.partition.name(point).into();
        self.series.push(Series { topic, partition, open: Vec::new() });
        if let Some(topic) = self.topics.get_mut(topic as usize) {
            topic.series.insert(point.clone(), id);
        }
        id
    }

    /// The next journal seq; reserves more of them when they run out.
    pub fn take_seq(&mut self) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        if seq > self.catalog.reserved {
            self.catalog.reserved = seq + RESERVE;
            record::put_reserve(&mut self.catalog_pending, self.catalog.reserved);
        }
        seq
    }

    /// Puts a journalled sample into its open block.
    pub fn place(
        &mut self,
        options: &StoreOptions,
        period: i64,
        head: &record::SampleHead,
        payload: &[u8],
    ) {
        let series = &mut self.series[head.series as usize];
        let at = match series.open.iter().position(|rows| rows.period == period) {
            Some(at) => at,
            None => {
                series.open.push(match self.spare.pop() {
                    Some(mut rows) => {
                        rows.reset(head.series, period);
                        rows
                    }
                    None => Rows::new(head.series, period),
                });
                series.open.len() - 1
            }
        };
        let rows = &mut series.open[at];
        rows.push(head, payload);
        self.unsealed += row_cost(payload.len());
        if rows.payload.len() >= options.block_bytes || rows.len() >= MAX_ROWS {
            let rows = series.open.swap_remove(at);
            self.full.push_back(rows);
        }
    }

    /// The smallest seq that is not in a shard.
    pub fn first_unsealed(&self) -> u64 {
        let open = self.series.iter().flat_map(|s| &s.open).chain(&self.full);
        let open = open.map(|rows| rows.first_seq).chain(self.sealing_from);
        open.min().unwrap_or(self.next_seq)
    }

    /// The shard of an open block.
    pub fn shard_of(&self, rows: &Rows) -> ShardKey {
        let partition = self.series[rows.series as usize].partition.clone();
        ShardKey { period: rows.period, partition }
    }
}

/// Memory a sample takes in an open block.
pub fn row_cost(payload: usize) -> usize {
    payload + 61
}

/// The same for a whole block.
pub fn rows_cost(rows: &Rows) -> usize {
    rows.payload.len() + 61 * rows.len()
}

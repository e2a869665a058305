//! The sealing thread: encodes full and aged blocks and commits them to their shards, a shard's
//! blocks together with the watermarks that speak of them.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::MutexGuard;

use super::state::{Refusal, Shared, State, rows_cost};
use crate::StoreError;
use crate::block::encode::{Sealed, encode};
use crate::block::plan::Plan;
use crate::block::rows::Rows;
use crate::shard::env::{Missing, ShardEnv};
use crate::shard::key::{BLOCK, BlockKey, INDEX, SERIES, WATERMARK, Watermark, series_key};
use crate::shard::path::ShardKey;

/// A shard is committed early once this many encoded bytes wait for it.
const COMMIT_BYTES: usize = 1 << 20;
/// Pause between attempts while a shard refuses.
const RETRY: Duration = Duration::from_millis(200);
/// Empty buffers kept for new blocks.
const SPARE: usize = 256;

struct Waiting {
    key: BlockKey,
    sealed: Sealed,
}

/// Encoded blocks on their way into one shard, in the order they were filled.
struct Pending {
    blocks: Vec<Waiting>,
    bytes: usize,
    since: Instant,
}

pub struct Sealer {
    shared: Arc<Shared>,
    pending: HashMap<ShardKey, Pending>,
    /// Open environments with the round they were last used in.
    open: HashMap<ShardKey, (Arc<ShardEnv>, u64)>,
    round: u64,
    retry_at: Option<Instant>,
}

/// One round's input.
struct Round {
    rows: Vec<(Rows, ShardKey, Option<Arc<Plan>>)>,
    /// Commit everything, for the requests up to this number.
    all: Option<u64>,
    closing: bool,
}

impl Sealer {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, pending: HashMap::new(), open: HashMap::new(), round: 0, retry_at: None }
    }

    pub fn run(mut self) {
        loop {
            let round = self.next_round();
            if self.shared.abandoned.load(Ordering::Acquire) {
                break;
            }
            self.round += 1;
            for (rows, shard, plan) in round.rows {
                self.encode(rows, shard, plan.as_deref());
            }
            let done = self.commit_due(round.all.is_some());
            self.report(round.all.filter(|_| done));
            if round.closing && (done || self.stuck()) {
                break;
            }
        }
        self.shared.state.lock().sealer_done = true;
        self.shared.progress.notify_all();
        self.shared.commit.notify_one();
    }

    /// While closing: whether waiting longer is of no use. The journal keeps what is left.
    fn stuck(&self) -> bool {
        let state = self.shared.state.lock();
        state.shard_refusal.is_some() || state.committer_done
    }

    /// Sleeps until there is a full block, an aged one, a shard that is due, or a request.
    fn next_round(&mut self) -> Round {
        let shared = self.shared.clone();
        let options = &shared.options;
        let tick = (options.block_age.min(options.shard_interval) / 4)
            .clamp(Duration::from_millis(5), Duration::from_millis(250));
        let mut state = shared.state.lock();
        let requested = |state: &State| state.closing || state.seal_wanted > state.seal_done;
        if state.full.is_empty() && !requested(&state) {
            shared.seal.wait_for(&mut state, tick);
        } else if self.retry_at.is_some() {
            shared.seal.wait_for(&mut state, RETRY.min(tick));
        }
        let all = requested(&state).then_some(state.seal_wanted);
        let rows = take_rows(&mut state, options.block_age, all.is_some());
        // Until it is in a shard, the journal must keep what this thread holds.
        let first = rows.iter().map(|(rows, ..)| rows.first_seq).min();
        state.sealing_from = state.sealing_from.into_iter().chain(first).min();
        Round { rows, all, closing: state.closing }
    }

    fn encode(&mut self, rows: Rows, shard: ShardKey, plan: Option<&Plan>) {
        let sealed = encode(&rows, plan);
        let bytes = sealed.data.len();
        let key =
            BlockKey { series: rows.series, start: sealed.header.min_time, seq: rows.first_seq };
        let pending = self.pending.entry(shard).or_insert_with(|| Pending {
            blocks: Vec::new(),
            bytes: 0,
            since: Instant::now(),
        });
        pending.blocks.push(Waiting { key, sealed });
        pending.bytes += bytes;
        let mut state = self.shared.state.lock();
        state.unsealed = state.unsealed.saturating_sub(rows_cost(&rows)) + bytes;
        if state.spare.len() < SPARE && rows.payload.capacity() < 1 << 20 {
            state.spare.push(rows);
        }
        drop(state);
        self.shared.progress.notify_all();
    }

    /// Commits the shards that are due, or all; `true` where nothing is left.
    fn commit_due(&mut self, all: bool) -> bool {
        if self.retry_at.is_some_and(|at| at > Instant::now()) {
            return false;
        }
        self.retry_at = None;
        let interval = self.shared.options.shard_interval;
        let due = |pending: &Pending| {
            all || pending.bytes >= COMMIT_BYTES || pending.since.elapsed() >= interval
        };
        let mut shards: Vec<ShardKey> =
            self.pending.iter().filter(|(_, p)| due(p)).map(|(key, _)| key.clone()).collect();
        shards.sort();
        for shard in shards {
            if self.shared.abandoned.load(Ordering::Acquire) {
                return false;
            }
            match self.commit_shard(&shard) {
                Ok(true) => {}
                // The journal is not that far yet: the next round will find it there.
                Ok(false) => return false,
                Err(error) => {
                    self.refuse(&shard, &error);
                    return false;
                }
            }
        }
        self.close_idle();
        self.pending.is_empty()
    }

    /// Puts a shard's waiting blocks and their watermarks into one transaction.
    fn commit_shard(&mut self, shard: &ShardKey) -> Result<bool, StoreError> {
        let Some(pending) = self.pending.get(shard) else { return Ok(true) };
        let last = pending.blocks.iter().map(|b| b.sealed.header.last_seq).max().unwrap_or(0);
        // IMPORTANT: never ahead of the journal. A watermark for a seq that a crash then takes
        // back would hide whatever is recorded under it.
        if !self.await_journal(last) {
            return Ok(false);
        }
        let names: Vec<(u32, Vec<u8>)> = {
            let state = self.shared.state.lock();
            let mut series: Vec<u32> = pending.blocks.iter().map(|b| b.key.series).collect();
            series.sort_unstable();
            series.dedup();
            series.into_iter().map(|id| (id, series_value(&state, id))).collect()
        };
        let env = self.env(shard)?;
        let pending = &self.pending[shard];
        env.write(|txn, db| {
            for (id, name) in &names {
                let key = series_key(SERIES, *id);
                if db.get(txn, &key)?.is_none() {
                    db.put(txn, &key, name)?;
                }
            }
            let mut marks: HashMap<u32, Watermark> = HashMap::new();
            for Waiting { key, sealed } in &pending.blocks {
                let mark = match marks.entry(key.series) {
                    std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                    std::collections::hash_map::Entry::Vacant(entry) => {
                        let old = db.get(txn, &series_key(WATERMARK, key.series))?;
                        let old = old.map(Watermark::read).transpose();
                        let old = old.map_err(|e| heed::Error::Decoding(e.into()))?;
                        entry.insert(old.unwrap_or_default())
                    }
                };
                db.put(txn, &key.bytes(INDEX), &sealed.header.write())?;
                db.put(txn, &key.bytes(BLOCK), &sealed.data)?;
                advance(mark, sealed);
            }
            for (series, mark) in marks {
                db.put(txn, &series_key(WATERMARK, series), &mark.write())?;
            }
            Ok(())
        })?;
        let pending = self.pending.remove(shard);
        let mut state = self.shared.state.lock();
        state.shard_refusal = None;
        state.unsealed = state.unsealed.saturating_sub(pending.map_or(0, |p| p.bytes));
        Ok(true)
    }

    /// Waits a little for the journal to be on disk up to `seq`.
    fn await_journal(&self, seq: u64) -> bool {
        let reached = || self.shared.acknowledged.load(Ordering::Acquire) >= seq;
        if reached() {
            return true;
        }
        let mut state = self.shared.state.lock();
        let until = Instant::now() + RETRY;
        while !reached() {
            state.hurry = true;
            self.shared.commit.notify_one();
            let timed_out = self.shared.progress.wait_until(&mut state, until).timed_out();
            if timed_out || state.committer_done {
                return reached();
            }
        }
        true
    }

    fn env(&mut self, shard: &ShardKey) -> Result<Arc<ShardEnv>, StoreError> {
        if let Some((env, used)) = self.open.get_mut(shard) {
            *used = self.round;
            return Ok(env.clone());
        }
        let dir = shard.dir(&self.shared.dir, self.shared.period_ns);
        let env = ShardEnv::open(&dir, self.shared.options.map_bytes, Missing::Create)?;
        self.open.insert(shard.clone(), (env.clone(), self.round));
        self.close_idle();
        Ok(env)
    }

    /// Closes the environments unused for longest, down to the limit.
    fn close_idle(&mut self) {
        while self.open.len() > self.shared.options.max_open_shards.max(1) {
            let oldest = self.open.iter().min_by_key(|(_, (_, used))| *used);
            let Some(key) = oldest.map(|(key, _)| key.clone()) else { return };
            self.open.remove(&key);
        }
    }

    fn refuse(&mut self, shard: &ShardKey, error: &StoreError) {
        let dir = shard.dir(&self.shared.dir, self.shared.period_ns);
        // LMDB may have given the environment up; the next attempt opens it afresh.
        self.open.remove(shard);
        self.retry_at = Some(Instant::now() + RETRY);
        let full = match error {
            StoreError::Shard { source: heed::Error::Io(e), .. } => {
                e.kind() == io::ErrorKind::StorageFull
            }
            StoreError::Io { source, .. } => source.kind() == io::ErrorKind::StorageFull,
            _ => false,
        };
        let refusal = if full {
            let free = self.shared.options.files.free_bytes(&dir).unwrap_or(0);
            Refusal::Full { path: dir, free }
        } else {
            Refusal::Failing { path: dir, what: error.to_string() }
        };
        let mut state = self.shared.state.lock();
        if state.shard_refusal.replace(refusal).is_none() {
            tracing::error!(%error, "a shard cannot be written; its samples stay in the journal");
        }
        drop(state);
        self.shared.progress.notify_all();
    }

    /// Tells the other threads how far sealing has come.
    fn report(&mut self, done: Option<u64>) {
        let mut state = self.shared.state.lock();
        let waiting = self.pending.values().flat_map(|p| &p.blocks);
        state.sealing_from = waiting.map(|b| b.sealed.header.first_seq).min();
        let below = state.first_unsealed();
        if let Some(done) = done {
            state.seal_done = state.seal_done.max(done);
        }
        drop(state);
        if self.shared.sealed_below.swap(below, Ordering::AcqRel) != below {
            self.shared.commit.notify_one();
        }
        self.shared.progress.notify_all();
    }
}

/// Takes the full blocks, the aged ones, or all.
fn take_rows(
    state: &mut MutexGuard<'_, State>,
    age: Duration,
    all: bool,
) -> Vec<(Rows, ShardKey, Option<Arc<Plan>>)> {
    let state = &mut **state;
    let mut rows: Vec<Rows> = state.full.drain(..).collect();
    let now = Instant::now();
    for series in &mut state.series {
        let mut i = 0;
        while i < series.open.len() {
            if all || now.duration_since(series.open[i].opened) >= age {
                rows.push(series.open.swap_remove(i));
            } else {
                i += 1;
            }
        }
    }
    rows.into_iter()
        .map(|rows| {
            let shard = state.shard_of(&rows);
            let topic = state.series[rows.series as usize].topic;
            (rows, shard, state.topics[topic as usize].plan.clone())
        })
        .collect()
}

/// Blocks of a series reach its shard in the order of their seqs, so the last one's is the mark.
fn advance(mark: &mut Watermark, sealed: &Sealed) {
    let header = &sealed.header;
    mark.seq = mark.seq.max(header.last_seq);
    mark.samples += u64::from(header.count);
    mark.alive += u64::from(header.alive);
    mark.blocks += 1;
    mark.payload_bytes += header.payload_bytes;
    mark.min_time = mark.min_time.min(header.min_time);
    mark.max_time = mark.max_time.max(header.max_time);
}

fn series_value(state: &State, id: u32) -> Vec<u8> {
    let meta = &state.catalog.series[id as usize];
    let name = state.topics.get(meta.topic.0 as usize).map_or("", |t| t.meta.name.as_str());
    let mut value = meta.topic.0.to_le_bytes().to_vec();
    value.extend_from_slice(name.as_bytes());
    value.push(0);
    value.extend_from_slice(meta.point.as_bytes());
    value
}

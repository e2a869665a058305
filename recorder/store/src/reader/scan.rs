//! Blocks of a topic in a time range, found by their index entries.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tidewire_idl::{InstanceState, Sample};

use super::snapshot::{Snapshot, TailSample};
use crate::StoreError;
use crate::block::decode;
use crate::block::header::{BlockHeader, Encoding, Stats};
use crate::catalog::TopicMeta;
use crate::shard::key::{BLOCK, BlockKey, INDEX};
use crate::shard::path::{DATA, ShardKey, period_of};

/// What to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Topic name.
    pub topic: String,
    /// Smallest source time wanted: ns since the Unix epoch.
    pub start: Option<i64>,
    /// First source time no longer wanted.
    pub end: Option<i64>,
    /// Only these collection points.
    pub points: Option<Vec<String>>,
}

impl Scan {
    /// Everything of a topic.
    pub fn topic(name: impl Into<String>) -> Self {
        Self { topic: name.into(), ..Self::default() }
    }
}

/// A half-open range of source times, as inclusive bounds.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    low: i64,
    high: i64,
    empty: bool,
}

impl Range {
    pub fn new(start: Option<i64>, end: Option<i64>) -> Self {
        let low = start.unwrap_or(i64::MIN);
        match end {
            Some(i64::MIN) => Self { low, high: low, empty: true },
            Some(end) => Self { low, high: end - 1, empty: end <= low },
            None => Self { low, high: i64::MAX, empty: false },
        }
    }

    fn overlaps(&self, min: i64, max: i64) -> bool {
        !self.empty && min <= self.high && max >= self.low
    }

    fn covers(&self, min: i64, max: i64) -> bool {
        !self.empty && self.low <= min && max <= self.high
    }

    fn contains(&self, time: i64) -> bool {
        self.covers(time, time)
    }

    fn period(&self, period: i64, period_ns: i64) -> bool {
        !self.empty
            && period >= period_of(self.low, period_ns)
            && period <= period_of(self.high, period_ns)
    }
}

/// Samples of one series that were sealed together, or the series' tail in the journal.
#[derive(Clone, Debug)]
pub struct Chunk {
    topic: Arc<TopicMeta>,
    point: Arc<str>,
    header: BlockHeader,
    range: Range,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Block { snapshot: Arc<Snapshot>, shard: ShardKey, key: BlockKey },
    Tail(Arc<Vec<TailSample>>),
}

impl Chunk {
    /// Topic, type and descriptor of its samples.
    pub fn topic(&self) -> &Arc<TopicMeta> {
        &self.topic
    }

    /// Their collection point.
    pub fn point(&self) -> &Arc<str> {
        &self.point
    }

    /// Count, time range and statistics, without decoding. They speak of the whole chunk, also of
    /// samples outside the scan's time range: see [`Self::is_whole`].
    pub fn header(&self) -> &BlockHeader {
        &self.header
    }

    /// Whether the scan's time range takes in all of the chunk, so that the header's counts and
    /// statistics are those of [`Self::samples`].
    pub fn is_whole(&self) -> bool {
        self.range.covers(self.header.min_time, self.header.max_time)
    }

    /// Statistics by column, nested members as `a.b` and array elements as `a[0]`; empty for the
    /// journal's tail and for raw blocks.
    pub fn stats(&self) -> Vec<(String, Stats)> {
        let Source::Block { snapshot, key, .. } = &self.source else { return Vec::new() };
        let Some(plan) = plan(snapshot, key.series) else { return Vec::new() };
        plan.stat_names().map(str::to_owned).zip(self.header.stats.iter().copied()).collect()
    }

    /// The samples inside the scan's time range, by (source time, arrival).
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with file and offset where the block's checksum or content is wrong.
    pub fn samples(&self) -> Result<Vec<Sample>, StoreError> {
        let mut samples = match &self.source {
            Source::Tail(tail) => {
                let mut samples: Vec<Sample> = tail.iter().map(|t| t.sample.clone()).collect();
                samples.sort_by_key(|s| s.info.source_time);
                samples
            }
            Source::Block { snapshot, shard, key } => {
                read_block(snapshot, shard, key, &self.header)?.into_samples(&self.point)
            }
        };
        if !self.is_whole() {
            samples.retain(|s| self.range.contains(s.info.source_time));
        }
        Ok(samples)
    }
}

fn plan(snapshot: &Snapshot, series: u32) -> Option<&crate::block::plan::Plan> {
    let topic = snapshot.series.get(series as usize)?.topic;
    snapshot.topics.get(topic.0 as usize)?.plan.as_deref()
}

fn read_block(
    snapshot: &Snapshot,
    shard: &ShardKey,
    key: &BlockKey,
    header: &BlockHeader,
) -> Result<decode::Decoded, StoreError> {
    let file = shard.dir(&snapshot.dir, snapshot.period_ns).join(DATA);
    let damaged = |what: String| {
        let place = format!("block of series {} at {} ns: {what}", key.series, key.start);
        StoreError::damaged(&file, 0, place)
    };
    // Decoded inside the transaction: the map is read in place, and one block is soon done.
    snapshot.open_shard(shard)?.read(|view| {
        let data = view.get(&key.bytes(BLOCK))?;
        let data = data.ok_or_else(|| damaged("it has an index entry but no data".into()))?;
        decode::rows(header, data, plan(snapshot, key.series)).map_err(|e| damaged(e.into()))
    })
}

/// Chunks of a topic; see [`crate::StoreReader::scan`].
#[derive(Debug)]
pub struct Chunks {
    snapshot: Arc<Snapshot>,
    series: Vec<u32>,
    range: Range,
    shards: VecDeque<ShardKey>,
    ready: VecDeque<Chunk>,
    tail_done: bool,
}

impl Chunks {
    pub(super) fn new(snapshot: Arc<Snapshot>, scan: &Scan) -> Self {
        let series = snapshot.series_of(&scan.topic, scan.points.as_deref());
        let range = Range::new(scan.start, scan.end);
        let shards = shards_in(&snapshot, &series, range).collect();
        Self { snapshot, series, range, shards, ready: VecDeque::new(), tail_done: false }
    }
}

impl Iterator for Chunks {
    type Item = Result<Chunk, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                return Some(Ok(chunk));
            }
            if let Some(shard) = self.shards.pop_front() {
                match sealed_chunks(&self.snapshot, &shard, &self.series, self.range) {
                    Ok(chunks) => self.ready = chunks.into(),
                    Err(error) => return Some(Err(error)),
                }
            } else if self.tail_done {
                return None;
            } else {
                self.tail_done = true;
                self.ready = tail_chunks(&self.snapshot, &self.series, self.range, None).into();
            }
        }
    }
}

/// Shards that may hold something of these series in this range.
pub fn shards_in<'a>(
    snapshot: &'a Snapshot,
    series: &'a [u32],
    range: Range,
) -> impl Iterator<Item = ShardKey> + 'a {
    let shards = snapshot.shards.iter().filter(move |(key, state)| {
        range.period(key.period, snapshot.period_ns)
            && (state.broken.is_some() || series.iter().any(|s| state.marks.contains_key(s)))
    });
    shards.map(|(key, _)| key.clone())
}

/// The blocks of a shard that belong to the snapshot.
pub fn sealed_chunks(
    snapshot: &Arc<Snapshot>,
    shard: &ShardKey,
    series: &[u32],
    range: Range,
) -> Result<Vec<Chunk>, StoreError> {
    let Some(state) = snapshot.shards.get(shard) else { return Ok(Vec::new()) };
    let file = shard.dir(&snapshot.dir, snapshot.period_ns).join(DATA);
    let env = snapshot.open_shard(shard)?;
    let mut chunks = Vec::new();
    env.read(|view| {
        for &series in series {
            let Some(mark) = state.marks.get(&series) else { continue };
            if !range.overlaps(mark.min_time, mark.max_time) {
                continue;
            }
            // A block that starts before the range may reach into it, so the scan begins at the
            // series' first; index entries are small.
            let from = BlockKey { series, start: i64::MIN, seq: 0 }.bytes(INDEX);
            let to = BlockKey { series, start: range.high, seq: u64::MAX }.bytes(INDEX);
            view.range(&from, &to, |key, value| {
                let key = BlockKey::read(key)
                    .ok_or_else(|| StoreError::damaged(&file, 0, "an index key has no sense"))?;
                let header =
                    BlockHeader::read(value).map_err(|e| StoreError::damaged(&file, 0, e))?;
                if header.last_seq <= mark.seq && range.overlaps(header.min_time, header.max_time) {
                    let source =
                        Source::Block { snapshot: snapshot.clone(), shard: shard.clone(), key };
                    chunks.extend(chunk(snapshot, series, header, range, source));
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    Ok(chunks)
}

/// What only the journal has, of one period or of all.
pub fn tail_chunks(
    snapshot: &Snapshot,
    series: &[u32],
    range: Range,
    period: Option<i64>,
) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    for &series in series {
        let all = (series, i64::MIN)..=(series, i64::MAX);
        let keys = match period {
            Some(period) => (series, period)..=(series, period),
            None => all,
        };
        for (_, samples) in snapshot.tail.range(keys) {
            let header = tail_header(samples);
            if range.overlaps(header.min_time, header.max_time) {
                let source = Source::Tail(samples.clone());
                chunks.extend(chunk(snapshot, series, header, range, source));
            }
        }
    }
    chunks
}

fn chunk(
    snapshot: &Snapshot,
    series: u32,
    header: BlockHeader,
    range: Range,
    source: Source,
) -> Option<Chunk> {
    let series = snapshot.series.get(series as usize)?;
    let topic = snapshot.topics.get(series.topic.0 as usize)?.meta.clone();
    Some(Chunk { topic, point: series.point.clone(), header, range, source })
}

fn tail_header(samples: &[TailSample]) -> BlockHeader {
    let times = || samples.iter().map(|t| t.sample.info.source_time);
    let alive = samples.iter().filter(|t| t.sample.info.state == InstanceState::Alive).count();
    BlockHeader {
        count: samples.len() as u32,
        alive: alive as u32,
        first_seq: samples.first().map_or(0, |t| t.seq),
        last_seq: samples.last().map_or(0, |t| t.seq),
        min_time: times().min().unwrap_or(0),
        max_time: times().max().unwrap_or(0),
        payload_bytes: samples.iter().map(|t| t.sample.payload.len() as u64).sum(),
        data_len: 0,
        data_crc: 0,
        encoding: Encoding::Raw,
        stats: Vec::new(),
    }
}

/// Periods in order that hold something of these series: sealed shards and whether there is a tail.
pub fn periods(snapshot: &Snapshot, series: &[u32], range: Range) -> BTreeMap<i64, Vec<ShardKey>> {
    let mut periods: BTreeMap<i64, Vec<ShardKey>> = BTreeMap::new();
    for shard in shards_in(snapshot, series, range) {
        periods.entry(shard.period).or_default().push(shard);
    }
    for &(of, period) in snapshot.tail.keys() {
        if series.contains(&of) && range.period(period, snapshot.period_ns) {
            periods.entry(period).or_default();
        }
    }
    periods
}

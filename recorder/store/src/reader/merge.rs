//! All topics as one stream in source-time order: what replay plays.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::vec;

use tidewire_idl::{Guid, Sample};

use super::scan::{Chunk, Range, periods, sealed_chunks, tail_chunks};
use super::snapshot::Snapshot;
use crate::StoreError;
use crate::shard::path::ShardKey;

/// Samples in source-time order; see [`crate::StoreReader::merged`].
///
/// A period's blocks lie inside the period, so periods follow one another; inside one, a block is
/// decoded when the stream reaches its first sample. An error leaves out the block or shard that it
/// names and the stream goes on.
#[derive(Debug)]
pub struct Merged {
    snapshot: Arc<Snapshot>,
    /// Series wanted with the index of their topic.
    series: Vec<(u32, usize)>,
    range: Range,
    periods: VecDeque<(i64, Vec<ShardKey>)>,
    /// Chunks of the current period that have not begun, by start.
    waiting: VecDeque<(usize, Chunk)>,
    heads: BinaryHeap<Reverse<Head>>,
    running: Vec<vec::IntoIter<Sample>>,
    free: Vec<usize>,
    errors: VecDeque<StoreError>,
}

/// The next sample of a running chunk.
#[derive(Debug)]
struct Head {
    place: (i64, Guid, u64, usize),
    topic: usize,
    slot: usize,
    sample: Sample,
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place.cmp(&other.place)
    }
}

impl Merged {
    pub(super) fn new(
        snapshot: Arc<Snapshot>,
        topics: &[String],
        start: Option<i64>,
        end: Option<i64>,
    ) -> Self {
        let range = Range::new(start, end);
        let mut series = Vec::new();
        for (index, topic) in topics.iter().enumerate() {
            series.extend(snapshot.series_of(topic, None).into_iter().map(|s| (s, index)));
        }
        let ids: Vec<u32> = series.iter().map(|(id, _)| *id).collect();
        let periods = periods(&snapshot, &ids, range).into_iter().collect();
        Self {
            snapshot,
            series,
            range,
            periods,
            waiting: VecDeque::new(),
            heads: BinaryHeap::new(),
            running: Vec::new(),
            free: Vec::new(),
            errors: VecDeque::new(),
        }
    }

    /// Lists the next period's chunks.
    fn begin(&mut self, period: i64, shards: &[ShardKey]) {
        let ids: Vec<u32> = self.series.iter().map(|(id, _)| *id).collect();
        let mut chunks = tail_chunks(&self.snapshot, &ids, self.range, Some(period));
        for shard in shards {
            match sealed_chunks(&self.snapshot, shard, &ids, self.range) {
                Ok(sealed) => chunks.extend(sealed),
                Err(error) => self.errors.push_back(error),
            }
        }
        let mut chunks: Vec<(usize, Chunk)> =
            chunks.into_iter().map(|chunk| (self.topic_of(&chunk), chunk)).collect();
        chunks.sort_by_key(|(_, chunk)| (chunk.header().min_time, chunk.header().first_seq));
        self.waiting = chunks.into();
    }

    fn topic_of(&self, chunk: &Chunk) -> usize {
        let named = |&&(id, _): &&(u32, usize)| {
            let topic = self.snapshot.series[id as usize].topic;
            self.snapshot.topics[topic.0 as usize].meta.name == chunk.topic().name
        };
        self.series.iter().find(named).map_or(0, |(_, index)| *index)
    }

    /// Decodes every chunk that may hold a sample before the next head.
    fn start_due(&mut self) {
        while let Some((_, chunk)) = self.waiting.front() {
            let next = self.heads.peek().map(|Reverse(head)| head.place.0);
            if next.is_some_and(|next| chunk.header().min_time > next) {
                return;
            }
            let Some((topic, chunk)) = self.waiting.pop_front() else { return };
            match chunk.samples() {
                Ok(samples) => {
                    let samples = samples.into_iter();
                    let slot = match self.free.pop() {
                        Some(slot) => {
                            self.running[slot] = samples;
                            slot
                        }
                        None => {
                            self.running.push(samples);
                            self.running.len() - 1
                        }
                    };
                    self.advance(slot, topic);
                }
                Err(error) => self.errors.push_back(error),
            }
        }
    }

    fn advance(&mut self, slot: usize, topic: usize) {
        match self.running[slot].next() {
            Some(sample) => {
                let info = &sample.info;
                // What came without a number is the end of what came with it, and of the same time.
                let number = if info.sequence == 0 { u64::MAX } else { info.sequence };
                let place = (info.source_time, info.writer, number, slot);
                self.heads.push(Reverse(Head { place, topic, slot, sample }));
            }
            None => {
                // Its payload buffer goes with the last sample that shares it.
                self.running[slot] = Vec::new().into_iter();
                self.free.push(slot);
            }
        }
    }
}

impl Iterator for Merged {
    type Item = Result<(usize, Sample), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.start_due();
            if let Some(error) = self.errors.pop_front() {
                return Some(Err(error));
            }
            if let Some(Reverse(head)) = self.heads.pop() {
                self.advance(head.slot, head.topic);
                return Some(Ok((head.topic, head.sample)));
            }
            let (period, shards) = self.periods.pop_front()?;
            self.begin(period, &shards);
        }
    }
}

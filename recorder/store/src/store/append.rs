//! Taking samples in: one lock, one checksum, two copies.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use parking_lot::MutexGuard;
use tidewire_idl::Sample;

use super::state::{MARK, Shared, State, Topic};
use crate::StoreError;
use crate::block::plan::Plan;
use crate::catalog::{Catalog, SeriesMeta, TopicId, TopicMeta, put_topic};
use crate::journal::record::{self, MAX_BODY, SAMPLE_FIXED, SampleHead, sample_len};
use crate::shard::path::period_of;

impl Shared {
    pub fn register(&self, meta: &TopicMeta) -> Result<TopicId, StoreError> {
        let mut state = self.state.lock();
        if state.closing {
            return Err(StoreError::Closed);
        }
        let known = state.topics.iter().position(|t| t.meta.same_type(meta));
        let id = known.unwrap_or(state.topics.len());
        if known.is_none() || state.topics[id].meta.qos != meta.qos {
            let meta = Arc::new(meta.clone());
            put_topic(&mut state.catalog_pending, id as u32, &meta);
            match known {
                Some(_) => {
                    state.topics[id].meta = meta.clone();
                    state.catalog.topics[id] = meta;
                }
                None => {
                    state.catalog.topics.push(meta.clone());
                    state.topics.push(Topic::new(meta));
                }
            }
            state.catalog_wanted += 1;
            self.commit.notify_one();
        }
        // Rare enough to wait for the disk: readers then know the topic before its first sample.
        let wanted = state.catalog_wanted;
        while state.catalog_done < wanted {
            if let Some(refusal) = &state.journal_refusal {
                return Err(refusal.error(self.options.min_free_bytes));
            }
            if state.committer_done {
                return Err(StoreError::Closed);
            }
            self.progress.wait(&mut state);
        }
        Ok(TopicId(id as u32))
    }

    pub fn append(&self, topic: TopicId, sample: &Sample) -> Result<u64, StoreError> {
        let size = sample.payload.len();
        if size > MAX_BODY - SAMPLE_FIXED {
            return Err(StoreError::TooLarge { bytes: size, max: MAX_BODY - SAMPLE_FIXED });
        }
        let mut state = self.room(sample_len(size))?;
        let state = &mut *state;
        let Some(registered) = state.topics.get(topic.0 as usize) else {
            return Err(StoreError::UnknownTopicId(topic.0));
        };
        let info = &sample.info;
        let series = match registered.series.get(&info.point) {
            Some(&id) => id,
            None => {
                let id = state.add_series(&self.options, topic.0, &info.point);
                record::put_series(&mut state.catalog_pending, id, topic.0, &info.point);
                let meta = SeriesMeta { topic, point: info.point.clone() };
                state.catalog.series.push(meta);
                id
            }
        };
        let head = SampleHead {
            seq: state.take_seq(),
            series,
            source_time: info.source_time,
            reception_time: info.reception_time,
            sequence: info.sequence,
            writer: info.writer,
            key: info.key,
            state: info.state,
        };
        let batch = &mut state.batch;
        let idle = batch.bytes.is_empty();
        if idle {
            batch.bytes.resize(MARK, 0);
            batch.first_seq = head.seq;
            batch.since = Some(Instant::now());
        }
        record::put_sample(&mut batch.bytes, &head, &sample.payload);
        let waiting = batch.bytes.len();
        let record = sample_len(size);
        state.backlog += record;
        state.samples += 1;
        state.payload_bytes += size as u64;
        let topic = &mut state.topics[topic.0 as usize];
        topic.samples += 1;
        topic.payload_bytes += size as u64;
        let blocks = state.full.len();
        let period = period_of(info.source_time, self.period_ns);
        state.place(&self.options, period, &head, &sample.payload);
        if state.full.len() > blocks {
            self.seal.notify_one();
        }
        // The committing thread sleeps through the interval; a full batch wakes it once.
        let full = self.options.commit_bytes;
        if idle || (waiting >= full && waiting - record < full) {
            self.commit.notify_one();
        }
        Ok(head.seq)
    }

    /// Waits until a record of `bytes` may be taken in.
    fn room(&self, bytes: usize) -> Result<MutexGuard<'_, State>, StoreError> {
        let options = &self.options;
        let mut state = self.state.lock();
        loop {
            if state.closing {
                return Err(StoreError::Closed);
            }
            if let Some(refusal) = state.journal_refusal.as_ref().or(state.space_refusal.as_ref()) {
                return Err(refusal.error(options.min_free_bytes));
            }
            // An empty backlog takes any record, however large.
            let behind = state.backlog > 0 && state.backlog + bytes > options.max_backlog_bytes;
            let full = state.unsealed > options.max_unsealed_bytes;
            if !behind && !full {
                return Ok(state);
            }
            if full {
                if let Some(refusal) = &state.shard_refusal {
                    return Err(refusal.error(options.min_free_bytes));
                }
                if state.full.is_empty() && state.seal_wanted == state.seal_done {
                    // Everything is in blocks that are not yet full.
                    state.seal_wanted += 1;
                }
                self.seal.notify_one();
            }
            state.hurry |= behind;
            self.commit.notify_one();
            self.progress.wait(&mut state);
        }
    }

    pub fn sync(&self) -> Result<u64, StoreError> {
        let mut state = self.state.lock();
        let target = state.next_seq - 1;
        loop {
            let acknowledged = self.acknowledged.load(Ordering::Acquire);
            if acknowledged >= target {
                return Ok(acknowledged);
            }
            if let Some(refusal) = &state.journal_refusal {
                return Err(refusal.error(self.options.min_free_bytes));
            }
            if state.committer_done {
                return Err(StoreError::Closed);
            }
            state.hurry = true;
            self.commit.notify_one();
            self.progress.wait(&mut state);
        }
    }

    pub fn seal_all(&self) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        state.seal_wanted += 1;
        let wanted = state.seal_wanted;
        self.seal.notify_one();
        loop {
            if state.seal_done >= wanted {
                return Ok(());
            }
            let refusal = state.shard_refusal.as_ref().or(state.journal_refusal.as_ref());
            if let Some(refusal) = refusal {
                return Err(refusal.error(self.options.min_free_bytes));
            }
            if state.sealer_done {
                return Err(StoreError::Closed);
            }
            self.progress.wait(&mut state);
        }
    }
}

/// The topics a recording has already.
pub fn topics_of(catalog: &Catalog) -> Vec<Topic> {
    catalog.topics.iter().map(|meta| Topic::new(meta.clone())).collect()
}

impl Topic {
    pub fn new(meta: Arc<TopicMeta>) -> Self {
        let plan = meta.descriptor.as_ref().and_then(Plan::new).map(Arc::new);
        Self { meta, plan, series: Default::default(), samples: 0, payload_bytes: 0 }
    }
}

//! One topic under record: its readers, its place in the store, its books.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tidewire_bus::{EndpointInfo, Filter, Participant, RawReader, RawTopic, TopicInfo, now_ns};
use tidewire_idl::{Guid, InstanceState, KeyHash, KeyReader, Sample, TypeHandle};
use tidewire_qos::{Durability, Profile};
use tidewire_store::{Store, TopicId, TopicMeta};

use crate::classes::Class;
use crate::durable::{Durable, DurableTopic, Fed};
use crate::error::CaptureError;
use crate::history::Recorded;
use crate::latency::Histogram;
use crate::stats::TopicStats;

/// Samples taken from one reader before the next one gets its turn.
const TURN: usize = 512;

/// Instances whose point is remembered; past it the table starts anew.
const MAX_INSTANCES: usize = 1 << 16;

/// A reader and the writers it stands for.
struct Slot {
    class: Class,
    reader: RawReader,
}

/// Takes a topic's samples from the bus and hands them to the store.
pub(crate) struct TopicRecorder {
    pub(crate) stats: TopicStats,
    raw: RawTopic,
    id: TopicId,
    ty: Option<TypeHandle>,
    /// Which samples are taken, if not all.
    filter: Option<String>,
    key: Option<KeyReader>,
    slots: Vec<Slot>,
    /// Class of each writer discovered so far.
    writers: HashMap<Guid, Class>,
    points: HashMap<KeyHash, Arc<str>>,
    latency: Histogram,
    /// Journal number after each batch, with the count of samples up to it.
    unacknowledged: VecDeque<(u64, u64)>,
    batch: Vec<Sample>,
    before: Recorded,
    /// Where a writer offers TRANSIENT or PERSISTENT.
    durable: Option<Arc<DurableTopic>>,
}

impl TopicRecorder {
    /// Registers the topic, of this type if it is known, with the store; the readers come with [`TopicRecorder::follow`].
    pub(crate) fn new(
        info: &TopicInfo,
        known: Option<TypeHandle>,
        filter: Option<&str>,
        store: &Store,
    ) -> Result<Self, CaptureError> {
        if let Some(expression) = filter {
            check(info, known.as_ref(), expression)?;
        }
        let key = if info.keyed { known.as_ref().and_then(|ty| KeyReader::new(ty)) } else { None };
        let qos = info.writers.first().map(|w| &w.qos);
        let id = store.register_topic(&TopicMeta {
            name: info.name.clone(),
            type_name: info.type_name.clone(),
            keyed: info.keyed,
            descriptor: known.as_deref().cloned(),
            qos: qos.and_then(|q| serde_json::to_value(q).ok()).unwrap_or_default(),
        })?;
        Ok(Self {
            stats: TopicStats {
                topic: info.name.clone(),
                type_name: info.type_name.clone(),
                known_type: known.is_some(),
                ..TopicStats::default()
            },
            raw: RawTopic {
                name: info.name.clone(),
                type_name: info.type_name.clone(),
                keyed: info.keyed,
            },
            id,
            ty: known,
            filter: filter.map(str::to_owned),
            key,
            slots: Vec::new(),
            writers: HashMap::new(),
            points: HashMap::new(),
            latency: Histogram::default(),
            unacknowledged: VecDeque::new(),
            batch: Vec::new(),
            before: Recorded::of(info, store)?,
            durable: None,
        })
    }

    /// The first writer that uses the topic's name for another type.
    pub(crate) fn stranger<'a>(&self, writers: &'a [EndpointInfo]) -> Option<&'a EndpointInfo> {
        writers.iter().find(|writer| !self.has_type_of(writer))
    }

    fn has_type_of(&self, writer: &EndpointInfo) -> bool {
        writer.type_name == self.raw.type_name && writer.guid.is_keyed() == self.raw.keyed
    }

    /// Makes a reader for every class of writers that has none yet.
    pub(crate) fn follow(
        &mut self,
        writers: &[EndpointInfo],
        participant: &Participant,
        profile: Option<&Profile>,
    ) -> Result<(), CaptureError> {
        let wanted = profile.map(|profile| profile.reader_qos(&self.raw.name));
        self.stats.writers = writers.len();
        for writer in writers {
            if !self.has_type_of(writer) {
                continue;
            }
            if self.durable.is_none() && writer.qos.durability > Durability::TransientLocal {
                self.durable = Some(Arc::new(DurableTopic {
                    name: self.raw.name.clone(),
                    type_name: self.raw.type_name.clone(),
                    told_apart: !self.raw.keyed || self.key.is_some(),
                    offered: Arc::new(writer.qos.clone()),
                }));
            }
            let class = Class::of(wanted.as_ref().unwrap_or(&writer.qos));
            if !self.slots.iter().any(|slot| slot.class == class) {
                let qos = wanted.clone().unwrap_or_else(|| class.request());
                let reader = match (&self.ty, &self.filter) {
                    (Some(ty), Some(expression)) => {
                        participant.raw_reader_filtered(&self.raw, ty, &qos, expression, &[])
                    }
                    (Some(ty), None) => participant.raw_reader_of(&self.raw, ty, &qos),
                    (None, _) => participant.raw_reader(&self.raw, &qos),
                };
                let reader = reader.map_err(|source| CaptureError::Reader {
                    topic: self.raw.name.clone(),
                    source,
                })?;
                self.slots.push(Slot { class: class.clone(), reader });
            }
            self.writers.insert(writer.guid, class);
        }
        Ok(())
    }

    /// Takes what has arrived, up to a turn's worth per reader, and hands each sample received by
    /// `cutoff_ns` to `append`, and what others are to get of it to `durable`. Returns how many were
    /// taken, without those that came later.
    pub(crate) fn drain(
        &mut self,
        cutoff_ns: i64,
        durable: Option<&Durable>,
        append: &mut dyn FnMut(TopicId, &Sample) -> Result<Appended, CaptureError>,
    ) -> Result<usize, CaptureError> {
        let mut taken = 0;
        let mut batch = std::mem::take(&mut self.batch);
        let mut last = None;
        let durable = durable.zip(self.durable.clone());
        for index in 0..self.slots.len() {
            taken += self.slots[index].reader.take_into(&mut batch, TURN);
            for mut sample in batch.drain(..) {
                if sample.info.reception_time > cutoff_ns {
                    taken -= 1;
                    continue;
                }
                if !self.is_mine(&sample.info.writer, index) {
                    continue;
                }
                if self.before.holds(&sample) {
                    self.stats.repeated += 1;
                    if let Some((durable, topic)) = &durable {
                        self.identify(&mut sample);
                        durable.feed(Fed { topic: topic.clone(), sample, again: true });
                    }
                    continue;
                }
                self.identify(&mut sample);
                self.stats.received += 1;
                self.stats.disposes += u64::from(sample.info.state != InstanceState::Alive);
                // The source time is whatever the writer says.
                let info = &sample.info;
                self.latency.record(info.reception_time.saturating_sub(info.source_time));
                let bytes = sample.payload.len() as u64;
                match append(self.id, &sample)? {
                    Appended::At(seq) => {
                        self.stats.recorded += 1;
                        self.stats.bytes += bytes;
                        last = Some((seq, sample.info.reception_time));
                        if let Some((durable, topic)) = &durable {
                            durable.feed(Fed { topic: topic.clone(), sample, again: false });
                        }
                    }
                    Appended::Rejected => self.stats.rejected += 1,
                }
            }
        }
        self.batch = batch;
        if let Some((seq, reception_time)) = last {
            self.unacknowledged.push_back((seq, self.stats.recorded));
            self.stats.lag_ns = now_ns() - reception_time;
        }
        Ok(taken)
    }

    /// Where a topic has writers of several classes, the more modest reader also gets what the
    /// other one records; each writer's samples are taken from the reader of its own class.
    fn is_mine(&self, writer: &Guid, slot: usize) -> bool {
        if self.slots.len() == 1 {
            return true;
        }
        match self.writers.get(writer) {
            Some(class) => self.slots[slot].class == *class,
            // Not discovered yet: every reader it serves may have the sample; the first one that
            // all the others' writers serve too has it for sure.
            None => {
                let modest = |s: &Slot| self.slots.iter().all(|o| o.class.serves(&s.class));
                self.slots.iter().position(modest).unwrap_or(0) == slot
            }
        }
    }

    /// Fills in instance and collection point from the payload, where the type is known.
    fn identify(&mut self, sample: &mut Sample) {
        let info = &mut sample.info;
        let Some(key) = &self.key else {
            return;
        };
        if info.state != InstanceState::Alive {
            if info.key == KeyHash::default() {
                info.key = key.key_hash_of_key(&sample.payload).unwrap_or_default();
            }
            if let Some(point) = self.points.get(&info.key) {
                info.point = point.clone();
            } else if let Ok(Some(point)) = key.point_of_key(&sample.payload) {
                info.point = point.into();
            }
            return;
        }
        if info.key == KeyHash::default() {
            match key.key_hash(&sample.payload) {
                Ok(hash) => info.key = hash,
                Err(_) => {
                    self.stats.malformed += 1;
                    return;
                }
            }
        }
        if let Some(point) = self.points.get(&info.key) {
            info.point = point.clone();
            return;
        }
        match key.point(&sample.payload) {
            Ok(point) => {
                if let Some(point) = point {
                    info.point = point.into();
                }
                if self.points.len() >= MAX_INSTANCES {
                    self.points.clear();
                }
                self.points.insert(info.key, info.point.clone());
            }
            Err(_) => self.stats.malformed += 1,
        }
    }

    /// Brings the books up to date; `acknowledged` is the store's.
    pub(crate) fn balance(&mut self, acknowledged: u64) {
        while let Some((seq, count)) = self.unacknowledged.front().copied() {
            if seq > acknowledged {
                break;
            }
            self.stats.acknowledged = count;
            self.unacknowledged.pop_front();
        }
        self.stats.filtered = self.slots.iter().map(|slot| slot.reader.filtered()).sum();
        self.stats.lost = self.slots.iter().map(|slot| slot.reader.lost()).sum();
        self.stats.latency = self.latency.summary();
    }
}

/// Whether a filter can be used on a topic.
fn check(info: &TopicInfo, ty: Option<&TypeHandle>, expression: &str) -> Result<(), CaptureError> {
    let topic = info.name.clone();
    let Some(ty) = ty else {
        return Err(CaptureError::FilterType { topic, type_name: info.type_name.clone() });
    };
    match Filter::new(ty, expression, &[]) {
        Ok(_) => Ok(()),
        Err(source) => Err(CaptureError::Filter { topic, source }),
    }
}

/// What became of a sample.
pub(crate) enum Appended {
    /// It has this journal number.
    At(u64),
    /// The store will never take it.
    Rejected,
}

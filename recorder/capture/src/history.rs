//! What a recording already holds of durable topics.
//!
//! A recorder that comes back joins as a late reader: TRANSIENT_LOCAL writers send their history
//! again. Those samples are on disk already, under the same writer and sequence number.

use std::collections::HashSet;

use tidewire_bus::TopicInfo;
use tidewire_idl::{Guid, Sample};
use tidewire_qos::Durability;
use tidewire_store::{Scan, Store, StoreReader};

use crate::error::CaptureError;

/// Names of samples by writer and sequence number.
#[derive(Default)]
pub(crate) struct Recorded(HashSet<(Guid, u64)>);

impl Recorded {
    /// Reads what the store's recording holds of `topic`, if a writer of it offers history. Durable
    /// topics carry states and events, so the whole of it fits in memory.
    pub(crate) fn of(topic: &TopicInfo, store: &Store) -> Result<Self, CaptureError> {
        let durable = topic.writers.iter().any(|w| w.qos.durability > Durability::Volatile);
        if !durable {
            return Ok(Self::default());
        }
        let reader = StoreReader::open(store.dir())?;
        if !reader.topics().iter().any(|known| known.meta.name == topic.name) {
            return Ok(Self::default());
        }
        let mut names = HashSet::new();
        for chunk in reader.scan(&Scan::topic(&topic.name))? {
            let samples = chunk?.samples()?;
            names.extend(samples.iter().map(|sample| (sample.info.writer, sample.info.sequence)));
        }
        Ok(Self(names))
    }

    /// Whether the recording held `sample` when the recorder came to the topic.
    pub(crate) fn holds(&self, sample: &Sample) -> bool {
        !self.0.is_empty() && self.0.contains(&(sample.info.writer, sample.info.sequence))
    }
}

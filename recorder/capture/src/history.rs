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

/// Names of samples.
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
            names.extend(samples.iter().filter_map(name));
        }
        Ok(Self(names))
    }

    /// Whether the recording held `sample` when the recorder came to the topic.
    pub(crate) fn holds(&self, sample: &Sample) -> bool {
        !self.0.is_empty() && name(sample).is_some_and(|name| self.0.contains(&name))
    }
}

/// Its writer and sequence number. An end that came in one message with a value (`dds_writedispose`)
/// has no number, and so no name: all such ends of a writer would be one.
fn name(sample: &Sample) -> Option<(Guid, u64)> {
    let info = &sample.info;
    (info.sequence != 0).then_some((info.writer, info.sequence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidewire_bus::EndpointInfo;
    use tidewire_idl::{InstanceState, SampleInfo};
    use tidewire_qos::Qos;
    use tidewire_store::TopicMeta;

    const WRITER: Guid = Guid([3; 16]);

    fn sample(sequence: u64, source_time: i64, state: InstanceState) -> Sample {
        let info = SampleInfo {
            source_time,
            reception_time: source_time,
            writer: WRITER,
            sequence,
            key: Default::default(),
            state,
            point: "p".into(),
        };
        Sample { info, payload: vec![0, 1, 0, 0].into() }
    }

    fn topic() -> TopicInfo {
        let writer = EndpointInfo {
            guid: WRITER,
            type_name: "State".into(),
            type_hash: None,
            participant_name: "p".into(),
            local: false,
            own: false,
            qos: Qos { durability: Durability::TransientLocal, ..Qos::reliable() },
        };
        TopicInfo {
            name: "states".into(),
            type_name: "State".into(),
            keyed: true,
            writers: vec![writer],
            readers: vec![],
        }
    }

    /// A value and its end in one message, twice: the value alone has a number.
    #[test]
    fn what_came_without_a_number_is_no_repetition_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Default::default()).unwrap();
        let id = store.register_topic(&TopicMeta::raw("states", "State")).unwrap();
        store.append(id, &sample(1, 10, InstanceState::Alive)).unwrap();
        store.append(id, &sample(0, 10, InstanceState::Disposed)).unwrap();
        store.sync().unwrap();
        let recorded = Recorded::of(&topic(), &store).unwrap();
        assert!(recorded.holds(&sample(1, 10, InstanceState::Alive)));
        assert!(!recorded.holds(&sample(2, 20, InstanceState::Alive)));
        assert!(!recorded.holds(&sample(0, 20, InstanceState::Disposed)));
    }
}

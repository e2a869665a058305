//! The policies that decide whether two endpoints match, as they lie in a presence file.

use std::sync::atomic::{AtomicU64, Ordering};

use tidewire_idl::Guid;
use tidewire_qos::policy::{
    AccessScope, DataRepresentation, DestinationOrder, Durability, LivelinessKind, Ownership,
    Reliability,
};
use tidewire_qos::{Duration, Qos};
use tidewire_transport::Prefix;

use super::annex;

/// Words of [`TermsWords`].
const WORDS: usize = 6;

/// What an endpoint offers or requests (DDS 1.4, 2.2.3, the policies with RxO = yes), what it announces
/// besides, and which of its participant's endpoints it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Terms {
    /// The last four bytes of its GUID.
    pub(crate) entity: [u8; 4],
    /// With the other policies at their defaults.
    pub(crate) qos: Qos,
}

impl Terms {
    /// Of an endpoint; of a writer only the representation it uses counts.
    pub(crate) fn new(guid: Guid, qos: &Qos) -> Self {
        let [.., a, b, c, d] = guid.0;
        let Qos { reliability, durability, deadline, latency_budget, liveliness, .. } = qos.clone();
        let Qos { ownership, ownership_strength, destination_order, presentation, .. } =
            qos.clone();
        let Qos { partition, user_data, topic_data, group_data, .. } = qos.clone();
        let data_representation = qos.representations().to_vec();
        let qos = Qos {
            partition,
            user_data,
            topic_data,
            group_data,
            reliability,
            durability,
            deadline,
            latency_budget,
            liveliness,
            ownership,
            ownership_strength,
            destination_order,
            presentation,
            data_representation,
            ..Qos::default()
        };
        Self { entity: [a, b, c, d], qos }
    }

    /// Of the endpoint, whose participant is `prefix`.
    pub(crate) fn guid(&self, prefix: Prefix) -> Guid {
        let mut guid = [0; 16];
        guid[..12].copy_from_slice(&prefix);
        guid[12..].copy_from_slice(&self.entity);
        Guid(guid)
    }

    fn encode(&self) -> [u64; WORDS] {
        let qos = &self.qos;
        let mut bits = Bits(0, 0);
        bits.put(1, u64::from(qos.reliability.is_reliable()));
        bits.put(2, qos.durability as u64);
        bits.put(1, u64::from(qos.destination_order == DestinationOrder::BySourceTimestamp));
        bits.put(2, qos.presentation.access_scope as u64);
        bits.put(1, u64::from(qos.presentation.coherent_access));
        bits.put(1, u64::from(qos.presentation.ordered_access));
        bits.put(1, u64::from(qos.ownership == Ownership::Exclusive));
        bits.put(2, qos.liveliness.kind as u64);
        // In order of preference, each one more than its number.
        for at in 0..3 {
            let representation = qos.data_representation.get(at);
            bits.put(2, representation.map_or(0, |representation| *representation as u64 + 1));
        }
        bits.put(1, u64::from(annex::is_needed(qos)));
        let nanos = |duration: Duration| duration.nanos().unwrap_or(u64::MAX);
        let identity = u64::from(u32::from_le_bytes(self.entity)) << 32;
        let blocking = match qos.reliability {
            Reliability::Reliable { max_blocking_time } => max_blocking_time,
            Reliability::BestEffort => Duration::ZERO,
        };
        [
            bits.0,
            nanos(qos.deadline),
            nanos(qos.latency_budget),
            nanos(qos.liveliness.lease),
            nanos(blocking),
            identity | u64::from(qos.ownership_strength as u32),
        ]
    }

    /// Whether the policies are not complete without the annex.
    fn decode(words: [u64; WORDS]) -> (Self, bool) {
        let [bits, deadline, latency_budget, lease, blocking, identity] = words;
        let mut bits = Bits(bits, 0);
        let span = |nanos| match nanos {
            u64::MAX => Duration::INFINITE,
            nanos => Duration::from_nanos(nanos),
        };
        let mut qos = Qos::default();
        if bits.take(1) == 1 {
            qos.reliability = Reliability::Reliable { max_blocking_time: span(blocking) };
        }
        qos.durability = match bits.take(2) {
            0 => Durability::Volatile,
            1 => Durability::TransientLocal,
            2 => Durability::Transient,
            _ => Durability::Persistent,
        };
        if bits.take(1) == 1 {
            qos.destination_order = DestinationOrder::BySourceTimestamp;
        }
        qos.presentation.access_scope = match bits.take(2) {
            0 => AccessScope::Instance,
            1 => AccessScope::Topic,
            _ => AccessScope::Group,
        };
        qos.presentation.coherent_access = bits.take(1) == 1;
        qos.presentation.ordered_access = bits.take(1) == 1;
        if bits.take(1) == 1 {
            qos.ownership = Ownership::Exclusive;
        }
        qos.liveliness.kind = match bits.take(2) {
            0 => LivelinessKind::Automatic,
            1 => LivelinessKind::ManualByParticipant,
            _ => LivelinessKind::ManualByTopic,
        };
        qos.data_representation = (0..3)
            .filter_map(|_| match bits.take(2) {
                1 => Some(DataRepresentation::Xcdr1),
                2 => Some(DataRepresentation::Xml),
                3 => Some(DataRepresentation::Xcdr2),
                _ => None,
            })
            .collect();
        let annexed = bits.take(1) == 1;
        qos.deadline = span(deadline);
        qos.latency_budget = span(latency_budget);
        qos.liveliness.lease = span(lease);
        qos.ownership_strength = identity as u32 as i32;
        (Self { entity: ((identity >> 32) as u32).to_le_bytes(), qos }, annexed)
    }
}

/// Small numbers packed into a word, and how many bits are gone already.
struct Bits(u64, u32);

impl Bits {
    fn put(&mut self, width: u32, value: u64) {
        self.0 |= (value & ((1 << width) - 1)) << self.1;
        self.1 += width;
    }

    fn take(&mut self, width: u32) -> u64 {
        let value = (self.0 >> self.1) & ((1 << width) - 1);
        self.1 += width;
        value
    }
}

/// [`Terms`] in shared memory.
#[repr(C)]
#[derive(Default)]
pub(super) struct TermsWords([AtomicU64; WORDS]);

impl TermsWords {
    pub(super) fn store(&self, terms: &Terms) {
        for (word, value) in self.0.iter().zip(terms.encode()) {
            word.store(value, Ordering::Relaxed);
        }
    }

    /// Gives the endpoint its GUID, where that comes after the endpoint.
    pub(super) fn identify(&self, guid: Guid) {
        let [.., a, b, c, d] = guid.0;
        let [.., identity] = &self.0;
        let strength = identity.load(Ordering::Relaxed) & u64::from(u32::MAX);
        let entity = u64::from(u32::from_le_bytes([a, b, c, d])) << 32;
        identity.store(entity | strength, Ordering::Relaxed);
    }

    /// All but what lies in the annex, and whether something does.
    pub(super) fn load(&self) -> (Terms, bool) {
        Terms::decode(self.0.each_ref().map(|word| word.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_survive_shared_memory() {
        let mut unusual = Qos::reliable();
        unusual.durability = Durability::Persistent;
        unusual.deadline = Duration::from_millis(3);
        unusual.latency_budget = Duration::from_secs(5);
        unusual.liveliness.kind = LivelinessKind::ManualByTopic;
        unusual.liveliness.lease = Duration::from_millis(7);
        unusual.ownership = Ownership::Exclusive;
        unusual.ownership_strength = -9;
        unusual.destination_order = DestinationOrder::BySourceTimestamp;
        unusual.presentation.access_scope = AccessScope::Topic;
        unusual.presentation.ordered_access = true;
        unusual.data_representation = vec![DataRepresentation::Xcdr2, DataRepresentation::Xcdr1];
        for qos in [Qos::sensor_data(), Qos::event(), unusual] {
            let terms = Terms::new(Guid([7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 1, 2, 3, 4]), &qos);
            let words = TermsWords::default();
            words.store(&terms);
            let (found, annexed) = words.load();
            assert!(!annexed);
            assert_eq!((found.entity, found.encode()), ([1, 2, 3, 4], terms.encode()));
            assert!(tidewire_qos::check(&found.qos, &terms.qos).is_empty());
            assert!(tidewire_qos::check(&terms.qos, &found.qos).is_empty());
            assert_eq!(found.qos.ownership_strength, qos.ownership_strength);
            assert_eq!(found.qos.reliability, qos.reliability);
            words.identify(Guid([9; 16]));
            let (found, _) = words.load();
            assert_eq!(
                (found.entity, found.qos.ownership_strength),
                ([9; 4], qos.ownership_strength)
            );
        }
    }
}

//! Zenoh → bus.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tidewire_bus::{RawTopic, RawWriter};
use tidewire_idl::InstanceState;
use tidewire_qos::policy::DataRepresentation;
use tidewire_qos::{Durability, History, Qos};

use crate::cache::Seen;
use crate::filter::Filter;
use crate::run::{BridgeStats, Bus};
use crate::wire::{Header, topic_of};

/// A sample as zenoh delivered it.
pub struct Arrival {
    pub key: String,
    pub attachment: Option<Vec<u8>>,
    pub payload: Bytes,
}

/// Writes what other sites put onto this site's bus.
pub struct Inbound<'a> {
    site: String,
    bus: &'a Bus<'a>,
    filter: Filter,
    writers: HashMap<String, Option<RawWriter>>,
    seen: Seen,
}

impl<'a> Inbound<'a> {
    pub fn new(site: &str, bus: &'a Bus<'a>, filter: Filter) -> Self {
        Self { site: site.to_owned(), bus, filter, writers: HashMap::new(), seen: Seen::default() }
    }

    /// Writes one arrival. Bad ones are counted and logged; nothing else is lost for them.
    pub fn write(&mut self, arrival: &Arrival, stats: &BridgeStats) {
        let Some((site, topic)) = topic_of(&arrival.key) else { return };
        if site == self.site || !self.filter.passes(&topic) {
            return;
        }
        let header = match Header::parse(arrival.attachment.as_deref().unwrap_or_default()) {
            Ok(header) => header,
            Err(error) => {
                stats.refused.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(key = %arrival.key, %error, "sample from another site refused");
                return;
            }
        };
        if !self.seen.is_new(&header) {
            return;
        }
        if !self.writers.contains_key(&topic) {
            let writer = open(self.bus, &topic, &header, &arrival.payload);
            self.writers.insert(topic.clone(), writer);
        }
        let Some(Some(writer)) = self.writers.get(&topic) else {
            stats.refused.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let key = header.keyed.then(|| header.key());
        let written = match header.state() {
            InstanceState::Alive => writer.write(&arrival.payload, header.source_time, key),
            InstanceState::Disposed => writer.dispose(&arrival.payload, key, header.source_time),
            InstanceState::Unregistered => {
                writer.unregister(&arrival.payload, key, header.source_time)
            }
        };
        match written {
            Ok(()) => {
                stats.received.fetch_add(1, Ordering::Relaxed);
                *stats.written.lock().entry(topic).or_default() += 1;
            }
            Err(error) => {
                stats.refused.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%topic, %error, "sample from another site not written");
            }
        }
    }
}

fn open(bus: &Bus<'_>, topic: &str, header: &Header, payload: &[u8]) -> Option<RawWriter> {
    let mut qos = if header.reliable { Qos::reliable() } else { Qos::sensor_data() };
    if header.late > 0 {
        qos.durability = Durability::TransientLocal;
        qos.history = History::KeepLast(header.late);
    }
    if let Some(profile) = &bus.profile {
        qos = profile.writer_qos(topic);
    }
    qos.data_representation = vec![representation(payload)];
    let raw = RawTopic::new(topic, &header.type_name, header.keyed);
    let writer = match bus.types.get(&header.type_name) {
        Some(ty) => bus.participant.raw_writer_of(&raw, &ty, &qos),
        None => bus.participant.raw_writer(&raw, &qos),
    };
    match writer {
        Ok(writer) => Some(writer),
        Err(error) => {
            tracing::warn!(%topic, %error, "topic of another site cannot be written here");
            None
        }
    }
}

/// Readers elsewhere must know what they get: the encapsulation tells (RTPS 2.5, table 10.3).
fn representation(payload: &[u8]) -> DataRepresentation {
    match payload {
        [0, 6..=0xff, ..] => DataRepresentation::Xcdr2,
        _ => DataRepresentation::Xcdr1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_representation_is_read_from_the_encapsulation() {
        assert_eq!(representation(&[0, 1, 0, 0]), DataRepresentation::Xcdr1);
        assert_eq!(representation(&[0, 3, 0, 0]), DataRepresentation::Xcdr1);
        assert_eq!(representation(&[0, 7, 0, 0]), DataRepresentation::Xcdr2);
        assert_eq!(representation(&[0, 9, 0, 0]), DataRepresentation::Xcdr2);
    }
}

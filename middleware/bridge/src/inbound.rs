//! Zenoh → bus.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use tidewire_bus::{RawWriter, WriteError};
use tidewire_idl::InstanceState;

use crate::filter::Filter;
use crate::outlet::Outlet;
use crate::run::{BridgeStats, Bus};
use crate::seen::Seen;
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
    outlets: HashMap<String, Outlet>,
    seen: Seen,
}

impl<'a> Inbound<'a> {
    pub fn new(site: &str, bus: &'a Bus<'a>, filter: Filter) -> Self {
        Self { site: site.to_owned(), bus, filter, outlets: HashMap::new(), seen: Seen::default() }
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
        if header.state() != InstanceState::Alive && arrival.payload.is_empty() {
            tracing::debug!(%topic, site, "an instance has ended there whose key is not known");
            return;
        }
        if !self.seen.is_new(&header) {
            return;
        }
        let outlet = self.outlets.entry(topic.clone());
        let outlet = outlet.or_insert_with(|| Outlet::new(&topic, site, &header));
        if !outlet.takes(site, &header, Instant::now()) {
            stats.refused.fetch_add(1, Ordering::Relaxed);
            stats.other_type.fetch_add(1, Ordering::Relaxed);
            outlet.warn_of(site, &header);
            return;
        }
        let Some(writer) = outlet.writer(self.bus, &header, &arrival.payload) else {
            stats.refused.fetch_add(1, Ordering::Relaxed);
            return;
        };
        match put(writer, &header, &arrival.payload) {
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

fn put(writer: &RawWriter, header: &Header, payload: &[u8]) -> Result<(), WriteError> {
    let key = header.keyed.then(|| header.key());
    match header.state() {
        InstanceState::Alive => writer.write(payload, header.source_time, key),
        InstanceState::Disposed => writer.dispose(payload, key, header.source_time),
        InstanceState::Unregistered => writer.unregister(payload, key, header.source_time),
    }
}

#[cfg(test)]
mod tests {
    use tidewire_idl::TypeRegistry;

    use super::*;
    use crate::testing::{arrival, bus, header, warnings};

    const XCDR1: &[u8] = &[0, 1, 0, 0, 1, 2, 3, 4];
    const XCDR2: &[u8] = &[0, 7, 0, 0, 1, 2, 3, 4];

    /// Writes the samples, and gives the bridge's counts and what it warned of.
    fn write(bus: &Bus<'_>, arrivals: &[Arrival]) -> (BridgeStats, Vec<String>) {
        let stats = BridgeStats::default();
        let mut inbound = Inbound::new("here", bus, Filter::new(&["*".into()], &[]).unwrap());
        let warned = warnings(|| arrivals.iter().for_each(|one| inbound.write(one, &stats)));
        (stats, warned)
    }

    fn counts(stats: &BridgeStats) -> [u64; 3] {
        [&stats.received, &stats.refused, &stats.other_type].map(|n| n.load(Ordering::Relaxed))
    }

    #[test]
    fn a_site_of_another_type_is_refused_counted_and_named_once() {
        let types = TypeRegistry::default();
        let bus = bus(&types);
        let unkeyed = |sequence| Header { sequence, writer: [3; 16], keyed: false, ..header() };
        let other =
            |sequence| Header { sequence, writer: [2; 16], type_name: "Other".into(), ..header() };
        let (stats, warned) = write(
            &bus,
            &[
                arrival("a", &header(), XCDR1),
                arrival("b", &other(1), XCDR1),
                arrival("b", &other(2), XCDR1),
                arrival("c", &unkeyed(1), XCDR1),
                arrival("a", &Header { sequence: 2, ..header() }, XCDR1),
            ],
        );
        assert_eq!(counts(&stats), [2, 3, 3]);
        assert_eq!(warned.len(), 2, "{warned:?}");
        let says = |text: &str, words: &[&str]| words.iter().all(|word| text.contains(word));
        let b = ["\"topic\"", "\"T\" with a key", "\"a\"", "\"Other\" with a key", "\"b\""];
        assert!(says(&warned[0], &b), "{}", warned[0]);
        assert!(says(&warned[1], &["\"T\" without a key", "\"c\""]), "{}", warned[1]);
    }

    #[test]
    fn samples_of_both_representations_are_written() {
        let types = TypeRegistry::default();
        let bus = bus(&types);
        // With history: it goes onto the wire in any case, which takes what was announced alone.
        let of = |writer| Header { writer: [writer; 16], key: [writer; 16], late: 1, ..header() };
        let (stats, warned) =
            write(&bus, &[arrival("a", &of(1), XCDR1), arrival("a", &of(2), XCDR2)]);
        assert_eq!(counts(&stats), [2, 0, 0], "{warned:?}");
    }

    #[test]
    fn an_end_without_a_number_is_written_and_one_without_a_key_is_no_error() {
        let types = TypeRegistry::default();
        let bus = bus(&types);
        let end = Header { sequence: 0, state: 1, ..header() };
        let unknown = Header { sequence: 0, state: 1, source_time: 2, ..header() };
        let (stats, warned) = write(
            &bus,
            &[
                arrival("a", &unknown, &[]),
                arrival("a", &header(), XCDR1),
                arrival("a", &end, XCDR1),
            ],
        );
        assert_eq!(counts(&stats), [2, 0, 0]);
        assert!(warned.is_empty(), "{warned:?}");
    }
}

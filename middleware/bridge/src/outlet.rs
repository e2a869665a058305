//! A topic of other sites as it is written here: of one type, with a writer per representation.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::time::{Duration, Instant};

use tidewire_bus::{RawTopic, RawWriter, representation_of};
use tidewire_qos::policy::DataRepresentation;
use tidewire_qos::{Durability, History, Qos};

use crate::run::Bus;
use crate::wire::Header;

/// So many sites are warned of per topic; whoever is on zenoh makes up names of sites.
const WARNED: usize = 64;

/// A topic of whose type nothing has come for so long takes another: its writers may have been started
/// anew with that.
const LEFT: Duration = Duration::from_secs(10);

/// One topic. The first sample decides its type: a topic has one in a domain.
pub struct Outlet {
    raw: RawTopic,
    /// Who sent the first sample.
    site: String,
    /// By representation: readers are told which one they get. `None` where none could be made.
    writers: [OnceCell<Option<RawWriter>>; 2],
    /// Sites whose samples are of another type.
    warned: HashSet<String>,
    /// When the last sample of its type came.
    last: Instant,
}

impl Outlet {
    pub fn new(topic: &str, site: &str, header: &Header) -> Self {
        Self {
            raw: RawTopic::new(topic, &header.type_name, header.keyed),
            site: site.to_owned(),
            writers: Default::default(),
            warned: HashSet::new(),
            last: Instant::now(),
        }
    }

    /// Whether a sample that comes `now` is of the topic's type, which it may change.
    pub fn takes(&mut self, site: &str, header: &Header, now: Instant) -> bool {
        if self.raw.type_name == header.type_name && self.raw.keyed == header.keyed {
            self.last = now;
        } else if now.saturating_duration_since(self.last) > LEFT {
            *self = Self { last: now, ..Self::new(&self.raw.name, site, header) };
        }
        self.last == now
    }

    /// Warns of a site whose samples are of another type: once, it may send many.
    pub fn warn_of(&mut self, site: &str, header: &Header) {
        if self.warned.len() >= WARNED || !self.warned.insert(site.to_owned()) {
            return;
        }
        let here = kind(&self.raw.type_name, self.raw.keyed);
        let there = kind(&header.type_name, header.keyed);
        tracing::warn!(
            "topic {:?} is written here as {here} of site {:?}; site {site:?} sends {there}: its \
             samples are refused until nobody has sent the other for ten seconds; let them agree, \
             or deny the topic at one of them",
            self.raw.name,
            self.site,
        );
    }

    /// The writer for a payload like this one, made when first needed.
    pub fn writer(&self, bus: &Bus<'_>, header: &Header, payload: &[u8]) -> Option<&RawWriter> {
        // Readers elsewhere must know what they get.
        let representation = representation_of(payload).unwrap_or(DataRepresentation::Xcdr1);
        let at = usize::from(representation == DataRepresentation::Xcdr2);
        self.writers[at].get_or_init(|| self.open(bus, header, representation)).as_ref()
    }

    fn open(
        &self,
        bus: &Bus<'_>,
        header: &Header,
        representation: DataRepresentation,
    ) -> Option<RawWriter> {
        let topic = &self.raw.name;
        let mut qos = if header.reliable { Qos::reliable() } else { Qos::sensor_data() };
        if header.late > 0 {
            qos.durability = Durability::TransientLocal;
            qos.history = History::KeepLast(header.late);
        }
        if let Some(profile) = &bus.profile {
            qos = profile.writer_qos(topic);
        }
        qos.data_representation = vec![representation];
        let writer = match bus.types.get(&self.raw.type_name) {
            Some(ty) => bus.participant.raw_writer_of(&self.raw, &ty, &qos),
            None => bus.participant.raw_writer(&self.raw, &qos),
        };
        let warn = |error| {
            tracing::warn!(%topic, %error, "topic of another site cannot be written here");
        };
        writer.map_err(warn).ok()
    }
}

fn kind(type_name: &str, keyed: bool) -> String {
    format!("{type_name:?} {} a key", if keyed { "with" } else { "without" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::header;

    #[test]
    fn a_type_that_nobody_sends_any_more_gives_way() {
        let first = header();
        let second = Header { type_name: "Second".into(), ..header() };
        let mut outlet = Outlet::new("t", "a", &first);
        let begun = outlet.last;
        let after = |seconds| begun + Duration::from_secs(seconds);
        assert!(outlet.takes("a", &first, after(5)));
        assert!(!outlet.takes("b", &second, after(15)), "not yet");
        assert!(outlet.takes("b", &second, after(16)));
        assert!(!outlet.takes("a", &first, after(17)) && outlet.takes("b", &second, after(17)));
    }
}

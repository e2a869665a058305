//! What discovery has told so far: participants, endpoints, and which of ours match which of theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tidewire_idl::Guid;
use tidewire_idl::xtypes::TypeHash;
use tidewire_qos::Qos;

use crate::Prefix;

/// A participant of the domain other than ours.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteParticipant {
    /// Its GUID prefix.
    pub prefix: Prefix,
    /// `entity_name` of its SPDP announcement, where its vendor sends one.
    pub name: Option<Arc<str>>,
    /// Vendor id (RTPS 2.5, 8.3.3.1): `[1, 0x10]` is Cyclone DDS, `[1, 0x12]` RustDDS.
    pub vendor: [u8; 2],
}

/// A discovered reader or writer.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteEndpoint {
    /// Its GUID, whose entity kind tells keyed from unkeyed.
    pub guid: Guid,
    /// Topic name.
    pub topic: String,
    /// Type name.
    pub type_name: String,
    /// The hash of its minimal TypeObject, where it announces one that we read.
    pub type_hash: Option<TypeHash>,
    /// The policies it announced; history and resource limits are not announced by anyone.
    pub qos: Qos,
}

/// One change of what is known of the domain.
#[derive(Clone, Debug)]
pub enum DdsEvent {
    /// A participant appeared or renewed itself.
    ParticipantFound(RemoteParticipant),
    /// A participant left or its lease ran out; its endpoints are gone too.
    ParticipantLost(Prefix),
    /// A writer appeared.
    WriterFound(RemoteEndpoint),
    /// A reader appeared.
    ReaderFound(RemoteEndpoint),
    /// A reader or writer is gone.
    EndpointLost(Guid),
    /// An endpoint of ours and one of theirs exchange samples from now on.
    Matched {
        /// Ours.
        local: Guid,
        /// Theirs.
        remote: Guid,
    },
    /// An endpoint of ours and one of theirs no longer exchange samples, though both may be there
    /// still: a partition has changed. RustDDS does not tell.
    Unmatched {
        /// Ours.
        local: Guid,
        /// Theirs.
        remote: Guid,
    },
    /// Same topic, but the policies do not fit.
    Incompatible {
        /// Ours.
        local: Guid,
        /// Theirs.
        remote: Guid,
        /// What the writer offers.
        offered: Box<Qos>,
        /// What the reader requests.
        requested: Box<Qos>,
    },
    /// A communication status of one of our endpoints has changed (DDS 1.4, 2.2.4.1). Cyclone only.
    Status {
        /// Ours.
        local: Guid,
        /// What has changed.
        status: DdsStatus,
    },
}

/// A communication status (DDS 1.4, 2.2.4.1) that the backend itself has noticed; counts are totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DdsStatus {
    /// A reader's writers that are alive, and those that no longer assert it.
    LivelinessChanged {
        /// The writer whose state has changed, if it is matched still.
        writer: Option<Guid>,
        /// Whether that writer is alive; `None` if it has left.
        is_alive: Option<bool>,
        /// Alive now.
        alive: u32,
        /// Not alive now.
        not_alive: u32,
    },
    /// A writer did not assert its liveliness within its lease.
    LivelinessLost {
        /// How often so far.
        total: u32,
    },
    /// A writer did not write an instance within its deadline.
    OfferedDeadlineMissed {
        /// How often so far.
        total: u32,
    },
}

/// A snapshot of everything known of the domain.
#[derive(Clone, Debug, Default)]
pub struct Discovered {
    /// Other participants by prefix.
    pub participants: BTreeMap<Prefix, RemoteParticipant>,
    /// Writers of other participants.
    pub writers: BTreeMap<Guid, RemoteEndpoint>,
    /// Readers of other participants.
    pub readers: BTreeMap<Guid, RemoteEndpoint>,
    /// Our endpoints' matches.
    pub matches: BTreeMap<Guid, BTreeSet<Guid>>,
}

impl Discovered {
    /// Notes `event`; false if it changes nothing: backends may repeat themselves.
    pub fn apply(&mut self, event: &DdsEvent) -> bool {
        match event {
            DdsEvent::ParticipantFound(participant) => {
                self.participants.insert(participant.prefix, participant.clone()).as_ref()
                    != Some(participant)
            }
            DdsEvent::ParticipantLost(prefix) => {
                let of = |guid: &Guid| guid.prefix() == *prefix;
                self.writers.retain(|guid, _| !of(guid));
                self.readers.retain(|guid, _| !of(guid));
                for remotes in self.matches.values_mut() {
                    remotes.retain(|guid| !of(guid));
                }
                self.participants.remove(prefix).is_some()
            }
            DdsEvent::WriterFound(endpoint) => {
                self.writers.insert(endpoint.guid, endpoint.clone()).as_ref() != Some(endpoint)
            }
            DdsEvent::ReaderFound(endpoint) => {
                self.readers.insert(endpoint.guid, endpoint.clone()).as_ref() != Some(endpoint)
            }
            DdsEvent::EndpointLost(guid) => {
                let mut known = self.writers.remove(guid).is_some();
                known |= self.readers.remove(guid).is_some();
                for remotes in self.matches.values_mut() {
                    known |= remotes.remove(guid);
                }
                known
            }
            DdsEvent::Matched { local, remote } => {
                // RustDDS matches keyed with unkeyed endpoints, but no sample goes between them.
                local.is_keyed() == remote.is_keyed()
                    && self.matches.entry(*local).or_default().insert(*remote)
            }
            DdsEvent::Unmatched { local, remote } => {
                self.matches.get_mut(local).is_some_and(|remotes| remotes.remove(remote))
            }
            DdsEvent::Incompatible { .. } | DdsEvent::Status { .. } => true,
        }
    }

    /// Remote endpoints matched with our endpoint `local`.
    pub fn matched(&self, local: &Guid) -> Vec<Guid> {
        self.matches.get(local).map(|set| set.iter().copied().collect()).unwrap_or_default()
    }

    /// The type name writer `guid` announced.
    pub fn writer_type(&self, guid: &Guid) -> Option<&str> {
        self.writers.get(guid).map(|writer| writer.type_name.as_str())
    }

    /// Whether `topic` has instances, by the entity kinds seen on it; `None` before anyone was seen.
    pub fn keyed(&self, topic: &str) -> Option<bool> {
        let on_topic = |e: &&RemoteEndpoint| e.topic == topic;
        let writer = self.writers.values().find(on_topic);
        writer.or_else(|| self.readers.values().find(on_topic)).map(|e| e.guid.is_keyed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guid(prefix: u8, kind: u8) -> Guid {
        let mut bytes = [prefix; 16];
        bytes[15] = kind;
        Guid(bytes)
    }

    #[test]
    fn a_lost_participant_takes_its_endpoints_and_matches_along() {
        let mut known = Discovered::default();
        let writer = RemoteEndpoint {
            guid: guid(7, 0x02),
            topic: "t".into(),
            type_name: "T".into(),
            type_hash: None,
            qos: Qos::default_writer(),
        };
        let local = guid(1, 0x07);
        assert!(known.apply(&DdsEvent::WriterFound(writer.clone())));
        assert!(!known.apply(&DdsEvent::WriterFound(writer.clone())));
        assert!(known.apply(&DdsEvent::Matched { local, remote: writer.guid }));
        assert_eq!(known.keyed("t"), Some(true));
        assert_eq!(known.matched(&local), [writer.guid]);
        known.apply(&DdsEvent::ParticipantLost([7; 12]));
        assert!(known.writers.is_empty() && known.matched(&local).is_empty());
    }

    #[test]
    fn keyed_and_unkeyed_do_not_match() {
        let mut known = Discovered::default();
        let (local, remote) = (guid(1, 0x04), guid(2, 0x02));
        assert!(!known.apply(&DdsEvent::Matched { local, remote }));
        assert!(known.matched(&local).is_empty());
    }
}

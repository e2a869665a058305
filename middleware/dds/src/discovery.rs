//! What discovery has told so far: participants, endpoints, and which of ours match which of theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustdds::{DomainParticipantStatusEvent as Status, EndpointDescription, GUID};
use tidewire_idl::Guid;
use tidewire_qos::Qos;
use tidewire_transport::Prefix;

use crate::qos::from_policies;

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

pub(crate) fn guid(guid: GUID) -> Guid {
    Guid(guid.to_bytes())
}

fn endpoint(description: EndpointDescription, writer: bool) -> RemoteEndpoint {
    RemoteEndpoint {
        guid: guid(description.guid),
        topic: description.topic_name,
        type_name: description.type_name,
        qos: from_policies(&description.qos, writer),
    }
}

/// Discovery's own endpoints (RTPS 2.5, 9.3.1.2) are nobody's business.
fn builtin(guid: &Guid) -> bool {
    guid.0[15] & 0xc0 != 0
}

/// Our view of a RustDDS status event; `None` for those of no interest outside RustDDS.
pub(crate) fn translate(status: Status) -> Option<DdsEvent> {
    let event = convert(status)?;
    let of_builtin = match &event {
        DdsEvent::ReaderFound(endpoint) | DdsEvent::WriterFound(endpoint) => {
            builtin(&endpoint.guid)
        }
        DdsEvent::EndpointLost(guid) => builtin(guid),
        DdsEvent::Matched { local, .. } | DdsEvent::Incompatible { local, .. } => builtin(local),
        DdsEvent::ParticipantFound(_) | DdsEvent::ParticipantLost(_) => false,
    };
    (!of_builtin).then_some(event)
}

fn convert(status: Status) -> Option<DdsEvent> {
    Some(match status {
        Status::ParticipantDiscovered { dpd } => DdsEvent::ParticipantFound(RemoteParticipant {
            prefix: guid(dpd.guid).prefix(),
            name: dpd.entity_name.filter(|name| !name.is_empty()).map(Arc::from),
            vendor: dpd.vendor_id.vendor_id,
        }),
        Status::ParticipantLost { id, .. } => {
            let of = GUID { prefix: id, ..GUID::GUID_UNKNOWN };
            DdsEvent::ParticipantLost(guid(of).prefix())
        }
        Status::ReaderDetected { reader } => DdsEvent::ReaderFound(endpoint(reader, false)),
        Status::WriterDetected { writer } => DdsEvent::WriterFound(endpoint(writer, true)),
        Status::ReaderLost { guid: id, .. } | Status::WriterLost { guid: id, .. } => {
            DdsEvent::EndpointLost(guid(id))
        }
        Status::RemoteReaderMatched { local_writer, remote_reader } => {
            DdsEvent::Matched { local: guid(local_writer), remote: guid(remote_reader) }
        }
        Status::RemoteWriterMatched { local_reader, remote_writer } => {
            DdsEvent::Matched { local: guid(local_reader), remote: guid(remote_writer) }
        }
        Status::RemoteReaderQosIncompatible {
            local_writer,
            remote_reader,
            requested_qos,
            offered_qos,
        } => DdsEvent::Incompatible {
            local: guid(local_writer),
            remote: guid(remote_reader),
            offered: Box::new(from_policies(&offered_qos, true)),
            requested: Box::new(from_policies(&requested_qos, false)),
        },
        Status::RemoteWriterQosIncompatible {
            local_reader,
            remote_writer,
            requested_qos,
            offered_qos,
        } => DdsEvent::Incompatible {
            local: guid(local_reader),
            remote: guid(remote_writer),
            offered: Box::new(from_policies(&offered_qos, true)),
            requested: Box::new(from_policies(&requested_qos, false)),
        },
        _ => return None,
    })
}

impl Discovered {
    /// Notes `event`; false if it changes nothing, as RustDDS repeats itself on every renewal.
    pub(crate) fn apply(&mut self, event: &DdsEvent) -> bool {
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
            DdsEvent::Incompatible { .. } => true,
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

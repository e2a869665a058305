//! Who is in the domain: participants, topics, endpoints, and why some do not match.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidewire_idl::xtypes::TypeHash;
use tidewire_idl::{Guid, TypeHandle};
use tidewire_qos::Qos;
use tidewire_shm::LocalEndpoint;
use tidewire_transport::dds::{DdsEvent, RemoteEndpoint};
use tidewire_transport::{EndpointSpec, Prefix};

use super::core::Core;
use crate::durable;
use crate::error::BusError;

/// A reader or writer of a topic.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointInfo {
    /// Its GUID.
    pub guid: Guid,
    /// Its type name.
    pub type_name: String,
    /// What stands for its type (its minimal TypeObject, DDS-XTypes 1.3, 7.3.4.2): of endpoints
    /// elsewhere that announce it, on the Cyclone backend.
    pub type_hash: Option<TypeHash>,
    /// Name of its participant, or eight hex digits where it has none.
    pub participant_name: Arc<str>,
    /// Whether samples go by shared memory.
    pub local: bool,
    /// Whether it is one of this participant's own.
    pub own: bool,
    /// Its policies. Of others' endpoints history and resource limits are unknown: DDS does not
    /// announce them, and the standard's defaults stand there.
    pub qos: Qos,
}

/// A topic and who is on it.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicInfo {
    /// Topic name.
    pub name: String,
    /// Type name, of a writer if there is one.
    pub type_name: String,
    /// Whether it has instances, of a writer if there is one.
    pub keyed: bool,
    /// Writers by GUID.
    pub writers: Vec<EndpointInfo>,
    /// Readers by GUID.
    pub readers: Vec<EndpointInfo>,
}

/// A member of the domain.
#[derive(Clone, Debug, PartialEq)]
pub struct ParticipantInfo {
    /// What its GUIDs begin with.
    pub prefix: Prefix,
    /// Its name, or eight hex digits where it has none.
    pub name: Arc<str>,
    /// Whether it shares memory with us.
    pub local: bool,
    /// Whether it is this participant.
    pub own: bool,
    /// RTPS vendor id; `None` if only shared memory knows it.
    pub vendor: Option<[u8; 2]>,
}

/// What discovery has just learned.
#[derive(Clone, Debug)]
pub enum Event {
    /// A participant came.
    ParticipantFound(ParticipantInfo),
    /// A participant left, or was not heard of for its lease.
    ParticipantLost(Prefix),
    /// A writer came to a topic.
    WriterFound {
        /// The topic.
        topic: String,
        /// The writer.
        writer: EndpointInfo,
    },
    /// A reader came to a topic.
    ReaderFound {
        /// The topic.
        topic: String,
        /// The reader.
        reader: EndpointInfo,
    },
    /// A reader or writer is gone.
    EndpointLost(Guid),
    /// One of ours and one of theirs exchange samples.
    Matched {
        /// Ours.
        local: Guid,
        /// Theirs.
        remote: Guid,
    },
    /// One of ours and one of theirs are on the same topic, but their policies do not fit:
    /// `tidewire_qos::check(offered, requested)` names them all.
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

fn remote(core: &Core, endpoint: &RemoteEndpoint) -> EndpointInfo {
    let prefix = endpoint.guid.prefix();
    EndpointInfo {
        guid: endpoint.guid,
        type_name: endpoint.type_name.clone(),
        type_hash: endpoint.type_hash,
        participant_name: core.point(&prefix),
        local: core.is_local(&prefix),
        own: false,
        qos: endpoint.qos.clone(),
    }
}

/// One that shared memory tells of.
fn local(core: &Core, endpoint: &LocalEndpoint) -> EndpointInfo {
    EndpointInfo {
        guid: endpoint.guid,
        type_name: endpoint.type_name.clone(),
        type_hash: None,
        participant_name: core.point(&endpoint.guid.prefix()),
        local: true,
        own: false,
        qos: endpoint.qos.clone(),
    }
}

fn own(core: &Core, spec: &EndpointSpec, guid: Guid) -> EndpointInfo {
    EndpointInfo {
        guid,
        type_name: spec.type_name.clone(),
        type_hash: None,
        participant_name: core.name.clone(),
        local: core.shm.is_some(),
        own: true,
        qos: spec.qos.clone(),
    }
}

pub(crate) fn topics(core: &Core) -> Vec<TopicInfo> {
    let mut topics: BTreeMap<String, TopicInfo> = BTreeMap::new();
    let mut put = |name: &str, endpoint: EndpointInfo, writer: bool| {
        if durable::is_service_topic(name) {
            return;
        }
        let topic = topics.entry(name.to_owned()).or_insert_with(|| TopicInfo {
            name: name.to_owned(),
            type_name: endpoint.type_name.clone(),
            keyed: endpoint.guid.is_keyed(),
            writers: Vec::new(),
            readers: Vec::new(),
        });
        if writer && topic.writers.is_empty() {
            topic.type_name.clone_from(&endpoint.type_name);
            topic.keyed = endpoint.guid.is_keyed();
        }
        let list = if writer { &mut topic.writers } else { &mut topic.readers };
        list.push(endpoint);
    };
    for writer in core.writers().iter() {
        put(&writer.spec.topic, own(core, &writer.spec, writer.guid), true);
    }
    for reader in core.readers().iter() {
        put(&reader.spec.topic, own(core, &reader.spec, reader.guid()), false);
    }
    // Of participants that DDS knows it tells more; shared memory tells of those that have no DDS.
    let mut told: BTreeSet<Prefix> = BTreeSet::from([core.prefix]);
    if let Some(dds) = &core.dds {
        let known = dds.discovered();
        let others = |endpoint: &&RemoteEndpoint| endpoint.guid.prefix() != core.prefix;
        told.extend(known.participants.keys());
        for writer in known.writers.values().filter(others) {
            put(&writer.topic, remote(core, writer), true);
        }
        for reader in known.readers.values().filter(others) {
            put(&reader.topic, remote(core, reader), false);
        }
    }
    if let Some(shm) = &core.shm {
        for endpoint in shm.endpoints().iter().filter(|e| !told.contains(&e.guid.prefix())) {
            put(&endpoint.topic, local(core, endpoint), endpoint.writer);
        }
    }
    let mut topics: Vec<TopicInfo> = topics.into_values().collect();
    for topic in &mut topics {
        topic.writers.sort_by_key(|endpoint| endpoint.guid);
        topic.readers.sort_by_key(|endpoint| endpoint.guid);
    }
    topics
}

/// The type of `topic` as others have announced it, writers asked first.
pub(crate) fn type_of(core: &Core, topic: &str, timeout: Duration) -> Result<TypeHandle, BusError> {
    let deadline = Instant::now() + timeout;
    let nobody = BusError::NobodyThere {
        what: "other writer or reader",
        topic: topic.to_owned(),
        waited: timeout,
        domain: core.domain,
    };
    let Some(dds) = &core.dds else { return Err(nobody) };
    let others: Vec<Guid> = dds.with_discovered(|known| {
        let all = known.writers.values().chain(known.readers.values());
        all.filter(|endpoint| endpoint.topic == topic).map(|endpoint| endpoint.guid).collect()
    });
    let mut failed = nobody;
    for endpoint in others {
        match dds.type_of(&endpoint, deadline.saturating_duration_since(Instant::now())) {
            Ok(descriptor) => return Ok(Arc::new(descriptor)),
            Err(error) => failed = error.into(),
        }
    }
    Err(failed)
}

pub(crate) fn participants(core: &Core) -> Vec<ParticipantInfo> {
    let vendors: BTreeMap<Prefix, [u8; 2]> = core
        .dds
        .as_ref()
        .map(|dds| {
            dds.with_discovered(|k| k.participants.values().map(|p| (p.prefix, p.vendor)).collect())
        })
        .unwrap_or_default();
    let mut prefixes: BTreeSet<Prefix> = vendors.keys().copied().collect();
    prefixes.insert(core.prefix);
    if let Some(shm) = &core.shm {
        prefixes.extend(shm.locals().into_iter().map(|local| local.prefix));
    }
    prefixes
        .into_iter()
        .map(|prefix| participant(core, prefix, vendors.get(&prefix).copied()))
        .collect()
}

fn participant(core: &Core, prefix: Prefix, vendor: Option<[u8; 2]>) -> ParticipantInfo {
    ParticipantInfo {
        prefix,
        name: core.point(&prefix),
        local: core.is_local(&prefix),
        own: prefix == core.prefix,
        vendor,
    }
}

/// The event as the bus's users see it; `None` for what a participant discovers of itself.
pub(crate) fn to_event(core: &Core, event: &DdsEvent) -> Option<Event> {
    let ours = |prefix: Prefix| prefix == core.prefix;
    Some(match event {
        DdsEvent::ParticipantFound(p) if ours(p.prefix) => return None,
        DdsEvent::WriterFound(e) | DdsEvent::ReaderFound(e) if ours(e.guid.prefix()) => {
            return None;
        }
        DdsEvent::WriterFound(e) | DdsEvent::ReaderFound(e)
            if durable::is_service_topic(&e.topic) =>
        {
            return None;
        }
        DdsEvent::ParticipantFound(p) => {
            Event::ParticipantFound(participant(core, p.prefix, Some(p.vendor)))
        }
        DdsEvent::ParticipantLost(prefix) => Event::ParticipantLost(*prefix),
        DdsEvent::WriterFound(endpoint) => {
            Event::WriterFound { topic: endpoint.topic.clone(), writer: remote(core, endpoint) }
        }
        DdsEvent::ReaderFound(endpoint) => {
            Event::ReaderFound { topic: endpoint.topic.clone(), reader: remote(core, endpoint) }
        }
        DdsEvent::EndpointLost(guid) => Event::EndpointLost(*guid),
        DdsEvent::Unmatched { .. } | DdsEvent::Status { .. } => return None,
        DdsEvent::Matched { local, remote } => Event::Matched { local: *local, remote: *remote },
        DdsEvent::Incompatible { local, remote, offered, requested } => Event::Incompatible {
            local: *local,
            remote: *remote,
            offered: offered.clone(),
            requested: requested.clone(),
        },
    })
}

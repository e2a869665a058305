//! Which ROS 2 node an endpoint belongs to. A ROS 2 process is one DDS participant for all its nodes; it
//! tells on `ros_discovery_info` which endpoints are whose.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tidewire_bus::{Guid, Participant, RawReader, TopicInfo};
use tidewire_idl::{InstanceState, TypeHandle, TypeRegistry, Value};

use crate::cli::output;
use crate::cli::topic::watch;
use crate::node::Stop;

const TOPIC: &str = "ros_discovery_info";
const TYPE: &str = "rmw_dds_common::msg::dds_::ParticipantEntitiesInfo_";
/// How long a participant gets to tell. What is TRANSIENT_LOCAL comes at once, or with the writer's next
/// HEARTBEAT: after 3 s from Fast DDS.
const PATIENCE: Duration = Duration::from_secs(5);

/// The ROS 2 nodes of a domain.
#[derive(Default)]
pub struct Graph {
    /// There once somebody writes the topic, and as long.
    reader: Option<RawReader>,
    forms: Vec<TypeHandle>,
    /// What each writer said last.
    told: BTreeMap<Guid, Vec<Node>>,
}

#[derive(Debug, PartialEq)]
struct Node {
    /// With its namespace: `/arm/driver`.
    name: String,
    participant: Guid,
    endpoints: Vec<Guid>,
}

impl Graph {
    /// Asks everyone on `ros_discovery_info`, and waits for them; nobody there is no error.
    pub fn read(
        participant: &Participant,
        topics: &[TopicInfo],
        stop: &Stop,
    ) -> anyhow::Result<Self> {
        let mut graph = Self::default();
        graph.wait(participant, topics, stop)?;
        Ok(graph)
    }

    /// Waits until everyone on the topic has told.
    pub fn wait(
        &mut self,
        participant: &Participant,
        topics: &[TopicInfo],
        stop: &Stop,
    ) -> anyhow::Result<()> {
        let writers = writers(topics);
        let mut outcome = self.take(participant, topics);
        let begun = Instant::now();
        stop.wait_or(|| {
            let missing = writers.iter().any(|writer| !self.told.contains_key(writer));
            if outcome.is_err() || !missing || begun.elapsed() >= PATIENCE {
                return true;
            }
            outcome = self.take(participant, topics);
            false
        });
        outcome
    }

    /// Takes what they have told by now.
    pub fn take(&mut self, participant: &Participant, topics: &[TopicInfo]) -> anyhow::Result<()> {
        let writers = writers(topics);
        self.told.retain(|writer, _| writers.contains(writer));
        let Some(info) = topics.iter().find(|topic| topic.name == TOPIC) else { return Ok(()) };
        if writers.is_empty() {
            self.reader = None;
            return Ok(());
        }
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => {
                self.forms = forms();
                none.insert(watch::reader(participant, info, None)?)
            }
        };
        while let Some(sample) = reader.take()? {
            if sample.info.state != InstanceState::Alive {
                continue;
            }
            let nodes = decode(&self.forms, &sample.payload);
            if nodes.is_none() {
                let writer = sample.info.writer;
                output::note(&format!("note: what {writer} says on `{TOPIC}` cannot be read"));
            }
            self.told.insert(sample.info.writer, nodes.unwrap_or_default());
        }
        Ok(())
    }

    fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.told.values().flatten()
    }

    /// The node that has this endpoint.
    pub fn node_of(&self, endpoint: &Guid) -> Option<&str> {
        let has = |node: &&Node| node.endpoints.contains(endpoint);
        self.nodes().find(has).map(|node| node.name.as_str())
    }

    /// The nodes of a participant, by what its GUIDs begin with.
    pub fn nodes_in(&self, prefix: &[u8; 12]) -> Vec<&str> {
        let inside = self.nodes().filter(|node| node.participant.prefix() == *prefix);
        inside.map(|node| node.name.as_str()).collect()
    }
}

/// Who writes the topic.
fn writers(topics: &[TopicInfo]) -> Vec<Guid> {
    let info = topics.iter().filter(|topic| topic.name == TOPIC);
    info.flat_map(|topic| &topic.writers).map(|writer| writer.guid).collect()
}

/// The message of today, and of ROS 2 Humble and before, whose GUIDs have eight bytes more.
fn forms() -> Vec<TypeHandle> {
    let text = tidewire_types::ROS2_IDL.iter().find(|(name, _)| *name == "rmw_dds_common.idl");
    let text = text.map_or("", |(_, text)| text);
    let of = |length: &str| {
        let mut types = TypeRegistry::new();
        types.add_str("rmw_dds_common.idl", &text.replace("data[16]", length)).ok()?;
        types.get(TYPE)
    };
    ["data[16]", "data[24]"].into_iter().filter_map(of).collect()
}

/// The nodes a participant tells of; the wrong form never fits to the end.
fn decode(forms: &[TypeHandle], payload: &[u8]) -> Option<Vec<Node>> {
    let value = forms.iter().find_map(|form| tidewire_idl::decode(form, payload).ok())?;
    let participant = gid(value.get("gid")?)?;
    let Value::Sequence(nodes) = value.get("node_entities_info_seq")? else { return None };
    nodes.iter().map(|entry| node(participant, entry)).collect()
}

fn node(participant: Guid, entry: &Value) -> Option<Node> {
    let space = entry.get("node_namespace")?.as_str()?.trim_end_matches('/');
    let name = format!("{space}/{}", entry.get("node_name")?.as_str()?);
    let gids = |member: &str| match entry.get(member)? {
        Value::Sequence(gids) => gids.iter().map(gid).collect::<Option<Vec<_>>>(),
        _ => None,
    };
    let endpoints = [gids("writer_gid_seq")?, gids("reader_gid_seq")?].concat();
    Some(Node { name, participant, endpoints })
}

fn gid(value: &Value) -> Option<Guid> {
    let Value::Bytes(bytes) = value.get("data")? else { return None };
    Some(Guid(bytes.get(..16)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidewire_bus::RawTopic;
    use tidewire_idl::Encoding;
    use tidewire_qos::{Durability, Qos};

    use super::*;

    fn told(form: &TypeHandle, length: usize) -> Vec<u8> {
        let gid = |n: u8| json!({ "data": vec![n; 16].into_iter().chain(vec![0; length - 16]).collect::<Vec<u8>>() });
        let json = json!({ "gid": gid(1), "node_entities_info_seq": [
            { "node_namespace": "/", "node_name": "talker", "reader_gid_seq": [], "writer_gid_seq": [gid(2)] },
            { "node_namespace": "/arm", "node_name": "driver", "reader_gid_seq": [gid(3)], "writer_gid_seq": [] },
        ]});
        let value = Value::from_json(form, &json).unwrap();
        tidewire_idl::encode(form, &value, Encoding::XCDR1).unwrap()
    }

    #[test]
    fn both_lengths_of_a_gid_are_understood() {
        let forms = forms();
        assert_eq!(forms.len(), 2);
        for (form, length) in forms.iter().zip([16, 24]) {
            let nodes = decode(&forms, &told(form, length)).unwrap();
            let graph = Graph { told: [(Guid([1; 16]), nodes)].into(), ..Graph::default() };
            assert_eq!(graph.nodes_in(&[1; 12]), ["/talker", "/arm/driver"]);
            assert_eq!(graph.node_of(&Guid([2; 16])), Some("/talker"));
            assert_eq!(graph.node_of(&Guid([3; 16])), Some("/arm/driver"));
            assert_eq!(graph.node_of(&Guid([4; 16])), None);
        }
    }

    #[test]
    fn one_reader_serves_as_long_as_somebody_writes_and_waits_for_nobody() {
        let domain = tidewire_bus::testing::free_domain();
        let join = |name: &str| Participant::builder().domain(domain).name(name).build().unwrap();
        let (here, there) = (join("here"), join("there"));
        let qos = Qos { durability: Durability::TransientLocal, ..Qos::reliable() };
        let topic = RawTopic::new(TOPIC, TYPE, false);
        // One that says nothing, as one that hangs.
        let _silent = there.raw_writer(&topic, &qos).unwrap();
        let writer = there.raw_writer(&topic, &qos).unwrap();
        let mut graph = Graph::default();
        let mut readers = Vec::new();
        for form in forms() {
            graph.told.clear();
            let length = if readers.is_empty() { 16 } else { 24 };
            writer.write(&told(&form, length), 0, None).unwrap();
            let deadline = Instant::now() + PATIENCE * 4;
            while graph.node_of(&Guid([2; 16])) != Some("/talker") {
                assert!(Instant::now() < deadline, "the graph is not told");
                graph.take(&here, &here.topics()).unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
            readers.push(graph.reader.as_ref().unwrap().guid());
        }
        assert_eq!(readers[0], readers[1], "each look makes a reader");
        graph.take(&here, &[]).unwrap();
        assert!(graph.nodes_in(&[1; 12]).is_empty(), "who is gone has no nodes");
    }

    #[test]
    fn a_participant_without_nodes_is_no_error() {
        let forms = forms();
        for length in [16, 24] {
            let empty = [&[0, 1, 0, 0][..], &[7; 16], &vec![0; length - 12]].concat();
            assert_eq!(decode(&forms, &empty), Some(Vec::new()));
        }
        assert_eq!(decode(&forms, b"\0\x01\0\0short"), None);
    }
}

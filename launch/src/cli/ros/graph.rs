//! Which ROS 2 node an endpoint belongs to. A ROS 2 process is one DDS participant for all its nodes; it
//! tells on `ros_discovery_info` which endpoints are whose.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tidewire_bus::{Guid, Participant, TopicInfo};
use tidewire_idl::{TypeHandle, TypeRegistry, Value};

use crate::cli::topic::watch;

const TOPIC: &str = "ros_discovery_info";
const TYPE: &str = "rmw_dds_common::msg::dds_::ParticipantEntitiesInfo_";
/// How long a participant gets to tell. What is TRANSIENT_LOCAL comes at once, or with the writer's next
/// HEARTBEAT: after 3 s from Fast DDS.
const PATIENCE: Duration = Duration::from_secs(5);

/// The ROS 2 nodes of a domain.
#[derive(Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
}

#[derive(Debug, PartialEq)]
struct Node {
    /// With its namespace: `/arm/driver`.
    name: String,
    participant: Guid,
    endpoints: Vec<Guid>,
}

impl Graph {
    /// Asks everyone on `ros_discovery_info`; nobody there is no error.
    pub fn read(participant: &Participant, topics: &[TopicInfo]) -> anyhow::Result<Self> {
        let Some(info) = topics.iter().find(|t| t.name == TOPIC && !t.writers.is_empty()) else {
            return Ok(Self::default());
        };
        let reader = watch::reader(participant, info, None)?;
        let forms = forms();
        let mut latest: BTreeMap<Guid, Vec<Node>> = BTreeMap::new();
        let deadline = Instant::now() + PATIENCE;
        while info.writers.iter().any(|writer| !latest.contains_key(&writer.guid)) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let Some(sample) = reader.recv_timeout(left)? else { continue };
            let nodes = decode(&forms, &sample.payload);
            if nodes.is_none() {
                eprintln!("note: what {} says on `{TOPIC}` cannot be read", sample.info.writer);
            }
            latest.insert(sample.info.writer, nodes.unwrap_or_default());
        }
        Ok(Self { nodes: latest.into_values().flatten().collect() })
    }

    /// The node that has this endpoint.
    pub fn node_of(&self, endpoint: &Guid) -> Option<&str> {
        let has = |node: &&Node| node.endpoints.contains(endpoint);
        self.nodes.iter().find(has).map(|node| node.name.as_str())
    }

    /// The nodes of a participant, by what its GUIDs begin with.
    pub fn nodes_in(&self, prefix: &[u8; 12]) -> Vec<&str> {
        let inside = self.nodes.iter().filter(|node| node.participant.prefix() == *prefix);
        inside.map(|node| node.name.as_str()).collect()
    }
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
    use tidewire_idl::Encoding;

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
            let graph = Graph { nodes };
            assert_eq!(graph.nodes_in(&[1; 12]), ["/talker", "/arm/driver"]);
            assert_eq!(graph.node_of(&Guid([2; 16])), Some("/talker"));
            assert_eq!(graph.node_of(&Guid([3; 16])), Some("/arm/driver"));
            assert_eq!(graph.node_of(&Guid([4; 16])), None);
        }
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

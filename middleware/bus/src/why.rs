//! Why a writer and a reader of a topic do, or do not, exchange samples.
//!
//! ```
//! use tidewire_bus::{Participant, RawTopic, why};
//! use tidewire_qos::Qos;
//!
//! let bus = Participant::builder().domain(tidewire_bus::testing::free_domain()).build()?;
//! let topic = RawTopic::new("log", "Line", false);
//! let _writer = bus.raw_writer(&topic, &Qos::sensor_data())?;
//! let _reader = bus.raw_reader(&topic, &Qos::reliable())?;
//! let topics = bus.topics();
//! let pairs = why::pairs(&topics[0]);
//! assert_eq!(pairs.len(), 1);
//! assert!(pairs[0].reasons[0].to_string().starts_with("RELIABILITY: offered BEST_EFFORT"));
//! # Ok::<(), tidewire_bus::BusError>(())
//! ```

use std::fmt;

use tidewire_qos::policy::Durability;
use tidewire_qos::{Mismatch, matching};

use crate::participant::{EndpointInfo, Participant, TopicInfo};

/// A writer and a reader of one topic.
#[derive(Clone, Debug)]
pub struct Pair<'topic> {
    /// Who writes.
    pub writer: &'topic EndpointInfo,
    /// Who reads.
    pub reader: &'topic EndpointInfo,
    /// What keeps them apart; they match if there is nothing.
    pub reasons: Vec<Reason>,
    /// What may keep them apart all the same, though discovery does not show it.
    pub hints: Vec<String>,
}

impl Pair<'_> {
    /// Whether samples go from one to the other, as far as discovery shows.
    pub fn matches(&self) -> bool {
        self.reasons.is_empty()
    }

    /// The policies among the reasons.
    pub fn policies(&self) -> impl Iterator<Item = &Mismatch> {
        self.reasons.iter().filter_map(|reason| match reason {
            Reason::Policy(mismatch) => Some(mismatch),
            Reason::Type { .. } | Reason::Key { .. } => None,
        })
    }

    /// Whether the samples go by shared memory: both share this host's with us.
    pub fn shares_memory(&self) -> bool {
        self.writer.local && self.reader.local
    }
}

/// One thing that keeps a writer and a reader apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// They announce different types (DDS 1.4, 2.2.2.2.1.5: a topic has one).
    Type {
        /// Type name of the writer.
        writer: String,
        /// Type name of the reader.
        reader: String,
    },
    /// One has instances, the other has not (RTPS 2.5, 8.2.5).
    Key {
        /// Whether the writer is the one that has.
        writer: bool,
    },
    /// A policy offered does not fit the one requested.
    Policy(Mismatch),
}

impl Reason {
    /// What to change.
    pub fn remedy(&self) -> String {
        match self {
            Self::Type { writer, reader } => {
                let plain =
                    |name: &str| name.replace("dds_::", "").trim_end_matches('_').to_owned();
                if plain(writer) == plain(reader) {
                    "one side mangles its type name as ROS 2 does (`pkg::msg::dds_::Name_`): \
                     give the other side that name, too"
                        .to_owned()
                } else {
                    "use one type on both sides, or two topics".to_owned()
                }
            }
            Self::Key { .. } => {
                "give both sides the same IDL: `@key` on the same members".to_owned()
            }
            Self::Policy(mismatch) => mismatch.remedy.clone(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type { writer, reader } => write!(f, "type: writes {writer}, reads {reader}"),
            Self::Key { writer } => {
                let side = |has| if has { "with a key" } else { "without" };
                write!(f, "key: writes {}, reads {}", side(*writer), side(!writer))
            }
            Self::Policy(m) => {
                write!(f, "{}: offered {}, requested {}", m.policy, m.offered, m.requested)
            }
        }
    }
}

/// Every writer of the topic with every reader.
pub fn pairs(topic: &TopicInfo) -> Vec<Pair<'_>> {
    let of = |writer| topic.readers.iter().map(move |reader| pair(writer, reader));
    topic.writers.iter().flat_map(of).collect()
}

fn pair<'topic>(writer: &'topic EndpointInfo, reader: &'topic EndpointInfo) -> Pair<'topic> {
    let mut reasons = Vec::new();
    if writer.type_name != reader.type_name {
        reasons.push(Reason::Type {
            writer: writer.type_name.clone(),
            reader: reader.type_name.clone(),
        });
    }
    if writer.guid.is_keyed() != reader.guid.is_keyed() {
        reasons.push(Reason::Key { writer: writer.guid.is_keyed() });
    }
    let policies = tidewire_qos::check(&writer.qos, &reader.qos);
    reasons.extend(policies.into_iter().map(Reason::Policy));
    let mut hints = Vec::new();
    if reasons.is_empty() {
        hints = matching::type_hints(&reader.qos);
        if let (Some(writes), Some(reads)) = (writer.type_hash, reader.type_hash)
            && writes != reads
        {
            hints.push(format!(
                "both call their type {}, but announce different ones (minimal hashes {writes} and \
                 {reads}): they match only if what one writes the other can read; compare the IDL \
                 of both",
                reader.type_name
            ));
        }
    }
    Pair { writer, reader, reasons, hints }
}

/// A word on TRANSIENT and PERSISTENT endpoints that no durability service serves (DDS 1.4, 2.2.3.4).
pub fn unserved(participant: &Participant, topic: &TopicInfo) -> Option<String> {
    let most = topic.writers.iter().chain(&topic.readers).map(|e| e.qos.durability).max()?;
    if most <= Durability::TransientLocal || !participant.durability_services().is_empty() {
        return None;
    }
    Some(format!(
        "DURABILITY {most}: no durability service is in the domain, so late readers get at most what \
         writers that live still have; run `tidewire record --durable`"
    ))
}

/// Topics that are likely meant by `name`, though they are called otherwise: only the case differs,
/// or a leading slash, or ROS 2's `rt/` before topics.
pub fn lookalikes<'topics>(name: &str, topics: &'topics [TopicInfo]) -> Vec<&'topics TopicInfo> {
    let bare = |name: &str| {
        let name = name.trim_start_matches('/');
        name.strip_prefix("rt/").unwrap_or(name).to_lowercase()
    };
    topics.iter().filter(|t| t.name != name && bare(&t.name) == bare(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidewire_idl::Guid;
    use tidewire_idl::xtypes::TypeHash;
    use tidewire_qos::Qos;

    fn endpoint(type_name: &str, keyed: bool, writer: bool, qos: Qos) -> EndpointInfo {
        let mut guid = [1; 16];
        // Kinds of RTPS 2.5, table 9.1.
        guid[15] = match (writer, keyed) {
            (true, true) => 0x02,
            (true, false) => 0x03,
            (false, false) => 0x04,
            (false, true) => 0x07,
        };
        EndpointInfo {
            guid: Guid(guid),
            type_name: type_name.into(),
            type_hash: None,
            participant_name: "p".into(),
            local: true,
            own: false,
            qos,
        }
    }

    fn topic(name: &str) -> TopicInfo {
        TopicInfo {
            name: name.into(),
            type_name: "T".into(),
            keyed: true,
            writers: vec![endpoint("T", true, true, Qos::sensor_data())],
            readers: vec![
                endpoint("T", true, false, Qos::sensor_data()),
                endpoint("U", false, false, Qos::event()),
            ],
        }
    }

    #[test]
    fn types_that_differ_under_one_name_are_hinted_at() {
        let mut topic = topic("t");
        let hints = |topic: &TopicInfo| pairs(topic)[0].hints.clone();
        topic.writers[0].type_hash = Some(TypeHash([0xab; 14]));
        assert!(hints(&topic).is_empty(), "the reader announces none");
        topic.readers[0].type_hash = Some(TypeHash([0xab; 14]));
        assert!(hints(&topic).is_empty());
        topic.readers[0].type_hash = Some(TypeHash([0xcd; 14]));
        assert!(hints(&topic)[0].contains("cdcdcd"), "{:?}", hints(&topic));
    }

    #[test]
    fn each_pair_says_everything_that_keeps_it_apart() {
        let topic = topic("t");
        let pairs = pairs(&topic);
        assert!(pairs[0].matches() && pairs[0].shares_memory());
        let said: Vec<String> = pairs[1].reasons.iter().map(Reason::to_string).collect();
        assert_eq!(
            said,
            [
                "type: writes T, reads U",
                "key: writes with a key, reads without",
                "RELIABILITY: offered BEST_EFFORT, requested RELIABLE",
                "DURABILITY: offered VOLATILE, requested TRANSIENT_LOCAL",
            ]
        );
        assert!(pairs[1].reasons.iter().all(|reason| !reason.remedy().is_empty()));
    }

    #[test]
    fn a_partition_that_differs_is_named_with_both_values() {
        let mut topic = topic("t");
        topic.writers[0].qos.partition = vec!["plant/east".into(), "plant/north".into()];
        topic.readers[0].qos.partition = vec!["plant/w*".into()];
        let [reason] = &pairs(&topic)[0].reasons[..] else { panic!("one reason") };
        assert_eq!(
            reason.to_string(),
            "PARTITION: offered `plant/east`, `plant/north`, requested `plant/w*`"
        );
        assert!(reason.remedy().contains("in common"));
        topic.readers[0].qos.partition = vec!["plant/*".into()];
        assert!(pairs(&topic)[0].matches());
    }

    #[test]
    fn a_mangled_type_name_is_told_from_another_type() {
        let reason = |reader: &str| Reason::Type {
            writer: "std_msgs::msg::dds_::String_".into(),
            reader: reader.into(),
        };
        assert!(reason("std_msgs::msg::String").remedy().contains("ROS 2"));
        assert!(!reason("std_msgs::msg::Bool").remedy().contains("ROS 2"));
    }

    #[test]
    fn names_that_differ_in_dress_are_found() {
        let topics = ["rt/chatter", "Chatter", "chat", "chatter"].map(topic);
        let names = |name| -> Vec<&str> {
            lookalikes(name, &topics).into_iter().map(|t| t.name.as_str()).collect()
        };
        assert_eq!(names("chatter"), ["rt/chatter", "Chatter"]);
        assert_eq!(names("/chatter"), ["rt/chatter", "Chatter", "chatter"]);
        assert!(names("chats").is_empty());
    }
}

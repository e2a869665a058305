//! Who reads a topic that is to be written, and what they ask for.

use std::time::{Duration, Instant};

use anyhow::bail;
use tidewire_bus::{Participant, RawWriter, TopicInfo};
use tidewire_idl::{Encoding, Endian, Representation};
use tidewire_qos::{DataRepresentation, Qos};

use super::publish::Args;
use super::watch;
use crate::cli::output;
use crate::node::Stop;

/// As the policies announce.
pub fn encoding(qos: &Qos) -> Encoding {
    let representation = match qos.representations().first() {
        Some(DataRepresentation::Xcdr2) => Representation::Xcdr2,
        _ => Representation::Xcdr1,
    };
    Encoding { representation, endian: Endian::Little }
}

/// What is known of the topic, if somebody reads it already. Who waits for a writer before it reads, as
/// `topic echo` does, comes later and asks for what is offered.
pub fn look(args: &Args, participant: &Participant, stop: &Stop) -> Option<TopicInfo> {
    let (begun, name, mut found) = (Instant::now(), args.on_bus(), None);
    stop.wait_or(|| {
        found = participant.topics().into_iter().find(|topic| topic.name == name);
        let read = found.as_ref().is_some_and(|topic| !topic.readers.is_empty());
        read || begun.elapsed() >= Duration::from_millis(500)
    });
    found
}

/// Waits until so many readers match.
pub fn wait(
    args: &Args,
    participant: &Participant,
    writer: &RawWriter,
    wanted: usize,
    stop: &Stop,
) -> anyhow::Result<()> {
    let (begun, name, mut told) = (Instant::now(), args.on_bus(), false);
    loop {
        let there = writer.matched_readers();
        if there >= wanted || stop.is_set() {
            return Ok(());
        }
        let few = || {
            let topic = participant.topics().into_iter().find(|topic| topic.name == name);
            let readers = topic.map_or(0, |topic| topic.readers.len());
            let domain = args.bus.domain;
            match readers {
                0 => format!(
                    "nobody reads topic `{name}` in domain {domain}; {}",
                    watch::readable(participant, &name)
                ),
                _ => format!(
                    "{there} of {wanted} readers of topic `{name}` match in domain {domain}, {readers} are \
                     there; `tidewire why {name}` tells why"
                ),
            }
        };
        if args.timeout.is_some_and(|timeout| begun.elapsed() >= timeout) {
            bail!("{}", few());
        }
        if !told && begun.elapsed() >= Duration::from_secs(2) {
            told = true;
            output::note(&format!("waiting: {}", few()));
        }
        participant.wait(Duration::from_millis(20));
    }
}

/// Tells what keeps readers that are there from matching.
pub fn tell_types(args: &Args, type_name: &str, found: &TopicInfo) {
    let other = found.readers.iter().chain(&found.writers).find(|end| end.type_name != type_name);
    if let Some(other) = other {
        output::note(&format!(
            "note: `{}` on topic `{}` has type `{}`, not `{type_name}`: they do not match",
            other.participant_name, args.topic, other.type_name
        ));
    }
}

/// Offers what the readers that are there ask for.
pub fn suit(qos: &mut Qos, found: &TopicInfo) {
    let asked = found.readers.iter().map(|reader| reader.qos.durability).max();
    qos.durability = qos.durability.max(asked.unwrap_or_default());
    let reads = |r| found.readers.iter().any(|end| end.qos.representations().contains(&r));
    if reads(DataRepresentation::Xcdr2) && !reads(DataRepresentation::Xcdr1) {
        qos.data_representation = vec![DataRepresentation::Xcdr2];
    }
}

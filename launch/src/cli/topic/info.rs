use std::time::Duration;

use anyhow::bail;
use serde_json::json;
use tidewire_bus::{EndpointInfo, Participant, RawTopic, TopicInfo, why};
use tidewire_idl::TypeHandle;
use tidewire_idl::xtypes::{Relation, TypeObjects};

use super::{TYPE_PATIENCE, budget, watch};
use crate::cli::bus::Bus;
use crate::cli::idl::describe;
use crate::cli::output::{self, paint, plain, plain_lines};
use crate::cli::ros::{Graph, Names};
use crate::cli::time;
use crate::node::Stop;

/// `tidewire topic info`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Topic name
    pub topic: String,
    /// How long to look for it at most
    #[arg(long, value_name = "TIME", value_parser = time::duration, default_value = "3s")]
    pub timeout: Duration,
    #[command(flatten)]
    pub names: Names,
    #[command(flatten)]
    pub bus: Bus,
}

/// Prints the topic's type and endpoints, and who does not match whom, and why.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    let participant = args.bus.participant("topic-info")?;
    let registry = args.bus.registry()?;
    let stop = Stop::at_keyboard()?;
    let name = args.names.on_bus(&args.topic);
    let is_there = |topics: &[TopicInfo]| topics.iter().any(|t| t.name == name);
    let topics = watch::found(&participant, args.timeout, &stop, is_there);
    let found: Vec<_> = topics.iter().filter(|t| t.name == name).collect();
    if found.is_empty() {
        let others = watch::others(&topics, &name);
        bail!("no topic `{name}` in domain {}; {others}", args.bus.domain);
    }
    let graph = Graph::read(&participant, &topics, &stop)?;
    let alone = found.len() == 1;
    let mut values = Vec::new();
    for topic in found {
        let known = registry.get(&topic.type_name);
        let announced = match &known {
            Some(_) => None,
            None => announced(&participant, topic).filter(|ty| alone || ty.name == topic.type_name),
        };
        let objects = known.as_ref().or(announced.as_ref()).map(|ty| TypeObjects::of(ty));
        let hash = objects.and_then(Result::ok).map(|it| it.hash(Relation::Complete).to_string());
        let pairs = why::pairs(topic);
        let raw = RawTopic::new(&topic.name, &topic.type_name, topic.keyed);
        let segments = participant.segments(&raw)?;
        let conflicts: Vec<_> = pairs
            .iter()
            .flat_map(|pair| pair.policies().map(|m| (pair.writer, pair.reader, m)))
            .collect();
        let unserved = why::unserved(&participant, topic);
        if json {
            let endpoint = |e: &EndpointInfo| json!({ "guid": e.guid.to_string(), "participant": e.participant_name, "ros_node": graph.node_of(&e.guid), "local": e.local, "qos": e.qos });
            values.push(json!({
                "topic": args.names.topic(&topic.name),
                "type": args.names.ty(&topic.type_name),
                "keyed": topic.keyed,
                "type_known": known.is_some(),
                "type_announced": announced,
                "type_hash": hash,
                "writers": topic.writers.iter().map(endpoint).collect::<Vec<_>>(),
                "readers": topic.readers.iter().map(endpoint).collect::<Vec<_>>(),
                "shared_memory": budget::json(&segments),
                "unserved": unserved,
                "mismatches": conflicts.iter().map(|(w, r, m)| json!({
                    "writer": w.guid.to_string(),
                    "reader": r.guid.to_string(),
                    "policy": m.policy.to_string(),
                    "offered": m.offered,
                    "requested": m.requested,
                    "remedy": m.remedy,
                })).collect::<Vec<_>>(),
            }));
            continue;
        }
        output::say(&format!("topic: {}", plain(&args.names.topic(&topic.name))));
        let note = match (&known, &announced) {
            (Some(_), _) => "",
            (None, Some(_)) => "  (as it is announced)",
            (None, None) => "  (unknown here: give its IDL with --types DIR)",
        };
        output::say(&format!("type: {}{note}", plain(&args.names.ty(&topic.type_name))));
        if let Some(hash) = &hash {
            let of = if known.is_some() { ", as known here" } else { "" };
            output::say(&format!("type hash{of}: {hash}"));
        }
        if let Some(ty) = &announced {
            describe(ty).lines().for_each(|line| output::say(&format!("  {}", plain(line))));
        }
        output::say(&format!("keyed: {}", if topic.keyed { "yes" } else { "no" }));
        for (title, endpoints) in [("writers", &topic.writers), ("readers", &topic.readers)] {
            output::say(&format!("{title}: {}", endpoints.len()));
            for e in endpoints {
                let place = if e.local { "this host" } else { "remote" };
                let name = graph.node_of(&e.guid).unwrap_or(&e.participant_name);
                let name = if name.is_empty() { "?".into() } else { plain(name) };
                let policies = output::policies(&e.qos);
                output::say(&format!("  {name}  {}  {place}  {policies}", e.guid));
            }
        }
        budget::say(&segments);
        if let Some(unserved) = unserved {
            output::say(&format!("{} {}", paint("33", "unserved"), plain(&unserved)));
        }
        for (writer, reader, m) in &conflicts {
            output::say(&paint(
                "31",
                &plain_lines(&format!(
                    "{} does not serve {}: {m}",
                    writer.participant_name, reader.participant_name
                )),
            ));
        }
    }
    if json { output::json_lines(&values) } else { Ok(()) }
}

/// The type somebody on the topic announces, where that can be read.
fn announced(participant: &Participant, topic: &TopicInfo) -> Option<TypeHandle> {
    if !participant.reads_types() {
        return None;
    }
    participant.discovered_type(&topic.name, TYPE_PATIENCE).ok()
}

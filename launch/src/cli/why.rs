//! `tidewire why`: who exchanges samples on a topic with whom, and why the others do not.

use std::time::Duration;

use anyhow::bail;
use serde_json::{Value, json};
use tidewire_bus::why::{self, Pair, Reason};
use tidewire_bus::{EndpointInfo, Participant, TopicInfo};

use super::bus::Bus;
use super::failure::Told;
use super::output::{self, paint, plain, plain_lines};
use super::ros::Names;
use super::time;
use super::topic::watch;
use crate::node::Stop;

/// `tidewire why`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tidewire why vibration --domain 42\n  tidewire why rt/chatter --json\n\n\
                  Exit code 1 if a writer and a reader do not match, or one side is missing."
)]
pub struct Args {
    /// Topic name
    pub topic: String,
    /// How long to look for its endpoints at most
    #[arg(long, value_name = "TIME", value_parser = time::duration, default_value = "5s")]
    pub timeout: Duration,
    #[command(flatten)]
    pub names: Names,
    #[command(flatten)]
    pub bus: Bus,
}

/// Prints every writer-reader pair of the topic with what keeps it apart and how to mend it.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    let participant = args.bus.participant("why")?;
    let name = args.names.on_bus(&args.topic);
    let both = |t: &TopicInfo| t.name == name && !t.writers.is_empty() && !t.readers.is_empty();
    let is_there = |topics: &[TopicInfo]| topics.iter().any(both);
    let topics = watch::found(&participant, args.timeout, &Stop::at_keyboard()?, is_there);
    let lookalikes = why::lookalikes(&name, &topics);
    let Some(topic) = topics.iter().find(|t| t.name == name) else {
        let mut advice = watch::others(&topics, &name);
        if let Some(other) = lookalikes.first() {
            advice = format!("but there is `{}`: names must be equal to the letter", other.name);
        }
        bail!(
            "nobody writes or reads topic `{name}` in domain {}; {advice}{}",
            args.bus.domain,
            silent(&participant, &topics)
        );
    };
    let pairs = why::pairs(topic);
    let missing = missing(topic, &lookalikes);
    let fine = missing.is_none() && pairs.iter().all(Pair::matches);
    if json {
        output::json(&json!({
            "topic": topic.name,
            "domain": args.bus.domain,
            "writers": topic.writers.len(),
            "readers": topic.readers.len(),
            "pairs": pairs.iter().map(pair_json).collect::<Vec<_>>(),
            "missing": missing,
            "other_users": tidewire_bus::other_users(),
            "unserved": why::unserved(&participant, topic),
            "lookalikes": lookalikes.iter().map(|t| &t.name).collect::<Vec<_>>(),
        }))?;
    } else {
        tell(topic, &pairs, missing.as_deref(), args.bus.domain, &participant, &topics);
    }
    if fine { Ok(()) } else { Err(Told.into()) }
}

/// Which side is not there, and who may be meant instead.
fn missing(topic: &TopicInfo, lookalikes: &[&TopicInfo]) -> Option<String> {
    let (side, other) = match (topic.writers.is_empty(), topic.readers.is_empty()) {
        (false, false) => return None,
        (true, _) => ("nobody writes it", lookalikes.iter().find(|t| !t.writers.is_empty())),
        (_, true) => ("nobody reads it", lookalikes.iter().find(|t| !t.readers.is_empty())),
    };
    Some(match other {
        Some(other) => format!(
            "{side}, but there is `{}`: names must be equal to the letter, and ROS 2 puts `rt/` \
             before its topics",
            other.name
        ),
        None => side.to_owned(),
    })
}

/// A word on participants that say nothing of their endpoints: often they do not hear us.
fn silent(participant: &Participant, topics: &[TopicInfo]) -> String {
    let speaks = |prefix: &[u8; 12]| {
        let endpoints = topics.iter().flat_map(|t| t.writers.iter().chain(&t.readers));
        endpoints.into_iter().any(|e| e.guid.prefix() == *prefix)
    };
    let silent: Vec<String> = participant
        .participants()
        .into_iter()
        .filter(|p| !p.own && !p.local && !speaks(&p.prefix))
        .map(|p| p.name.to_string())
        .collect();
    if silent.is_empty() {
        return String::new();
    }
    format!(
        "\nparticipants that are heard but have told of no reader or writer: {}. They have none, or \
         do not hear us: look at firewalls (UDP 7400 and up) and `--interface`. Or DDS Security keeps \
         them and us apart: look at the certificates of both",
        silent.join(", ")
    )
}

fn name(endpoint: &EndpointInfo) -> String {
    match &*endpoint.participant_name {
        "" => endpoint.guid.to_string(),
        name => name.to_owned(),
    }
}

fn tell(
    topic: &TopicInfo,
    pairs: &[Pair<'_>],
    missing: Option<&str>,
    domain: u16,
    participant: &Participant,
    topics: &[TopicInfo],
) {
    output::say(&format!(
        "{} in domain {domain}: {}, {}",
        plain(&topic.name),
        count(topic.writers.len(), "writer"),
        count(topic.readers.len(), "reader")
    ));
    for pair in pairs {
        let way = format!("{} -> {}", name(pair.writer), name(pair.reader));
        let way = plain(&way);
        if pair.matches() {
            let by = if pair.shares_memory() { "shared memory" } else { "DDS" };
            output::say(&format!("{} {way}, by {by}", paint("32", "match   ")));
        } else {
            output::say(&format!("{} {way}", paint("31", "no match")));
        }
        for reason in &pair.reasons {
            let reason = format!("    {reason}\n      {}", reason.remedy());
            output::say(&plain_lines(&reason));
        }
        for hint in &pair.hints {
            output::say(&plain_lines(&format!("    {hint}")));
        }
    }
    if pairs.iter().any(|pair| pair.matches() && !pair.shares_memory())
        && let Some(users) = users()
    {
        output::say(&users);
    }
    if let Some(unserved) = why::unserved(participant, topic) {
        output::say(&format!("{} {}", paint("33", "unserved"), plain(&unserved)));
    }
    if let Some(missing) = missing {
        let missing = format!("{missing}{}", silent(participant, topics));
        output::say(&format!("{} {}", paint("31", "no match"), plain_lines(&missing)));
    }
}

/// A word on users who share the host, but no memory.
fn users() -> Option<String> {
    let others: Vec<String> = tidewire_bus::other_users().iter().map(u32::to_string).collect();
    (!others.is_empty()).then(|| {
        format!(
            "user ids {} run Tidewire on this host, too: memory is shared by processes of one user, with \
             others DDS carries samples. Run all as one user for shared memory",
            others.join(", ")
        )
    })
}

fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn pair_json(pair: &Pair<'_>) -> Value {
    let end = |e: &EndpointInfo| json!({ "guid": e.guid.to_string(), "participant": name(e), "type": e.type_name, "local": e.local });
    let reasons: Vec<Value> = pair
        .reasons
        .iter()
        .map(|reason| {
            let (what, offered, requested) = match reason {
                Reason::Type { writer, reader } => ("type".into(), json!(writer), json!(reader)),
                Reason::Key { writer } => ("key".into(), json!(writer), json!(!writer)),
                Reason::Policy(m) => (m.policy.to_string(), json!(m.offered), json!(m.requested)),
            };
            json!({ "what": what, "offered": offered, "requested": requested, "remedy": reason.remedy() })
        })
        .collect();
    json!({
        "writer": end(pair.writer),
        "reader": end(pair.reader),
        "match": pair.matches(),
        "way": if pair.shares_memory() { "shm" } else { "dds" },
        "reasons": reasons,
        "hints": pair.hints,
    })
}

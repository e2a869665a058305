//! Whether the topics of a domain get what they ask for.

use std::time::Duration;

use tidewire_bus::{TopicInfo, why};
use tidewire_qos::Durability;

use super::{Check, Verdict};
use crate::cli::bus::Bus;
use crate::cli::topic::watch;
use crate::node::Stop;

/// How long to look for topics.
const LOOK: Duration = Duration::from_secs(3);
/// Topics named.
const NAMED: usize = 5;

/// The most durable that is offered or requested.
fn asked(topic: &TopicInfo) -> Durability {
    let endpoints = topic.writers.iter().chain(&topic.readers);
    endpoints.map(|endpoint| endpoint.qos.durability).max().unwrap_or_default()
}

/// TRANSIENT and PERSISTENT topics need a durability service (DDS 1.4, 2.2.3.4).
pub fn durability(bus: &Bus) -> anyhow::Result<Check> {
    let name = "durability";
    let stop = Stop::at_keyboard()?;
    let participant = match bus.participant("doctor") {
        Ok(participant) => participant,
        Err(error) => {
            let found = format!("not looked at: {error:#}");
            let remedy =
                "see the reason above; `--domain`, `--interface` and `--qos` say what to join";
            return Ok(Check::new(name, Verdict::Warn, found, remedy));
        }
    };
    let topics = watch::looked(&participant, LOOK, &stop);
    let domain = bus.domain;
    let durable: Vec<_> =
        topics.iter().filter(|topic| asked(topic) > Durability::TransientLocal).collect();
    if durable.is_empty() {
        let found = format!("no topic of domain {domain} is TRANSIENT or PERSISTENT");
        return Ok(Check::new(name, Verdict::Ok, found, ""));
    }
    let mut names: Vec<_> = durable
        .iter()
        .take(NAMED)
        .map(|topic| format!("`{}` ({})", topic.name, asked(topic)))
        .collect();
    if durable.len() > NAMED {
        names.push(format!("{} more", durable.len() - NAMED));
    }
    let names = names.join(", ");
    let unserved = durable.iter().any(|topic| why::unserved(&participant, topic).is_some());
    Ok(if unserved {
        let found = format!("domain {domain} has no durability service, which {names} need");
        Check::new(
            name,
            Verdict::Warn,
            found,
            "late readers get at most what writers that live still have: run `tidewire record --durable`",
        )
    } else {
        let found = format!("domain {domain} has a durability service for {names}");
        Check::new(name, Verdict::Ok, found, "")
    })
}

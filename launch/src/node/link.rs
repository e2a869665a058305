//! The zenoh bridge as a node.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tidewire_bridge::{BridgeOptions, BridgeStats};

use super::{Counts, Stop, kinds};
use crate::cli::bus;
use crate::up::control::{Report, TopicReport};
use crate::up::plan::NodeSpec;

/// Parameters of a `bridge` node; `site` comes from the node itself when left out, and always the domain
/// and how others are found in it.
pub type Params = BridgeOptions;

/// Bridges until stopped.
pub fn run(spec: &NodeSpec, stop: &Stop, counts: &Counts) -> anyhow::Result<()> {
    let options = options(spec)?;
    let types = bus::registry(&spec.types)?;
    let stats = Arc::new(BridgeStats::default());
    let ready = Arc::new(AtomicBool::new(false));
    counts.provide({
        let (stats, ready) = (stats.clone(), ready.clone());
        move || report(&stats, ready.load(Ordering::Acquire))
    });
    let opened = || ready.store(true, Ordering::Release);
    tidewire_bridge::run(&options, &types, stop.flag(), &stats, opened)?;
    Ok(())
}

fn options(spec: &NodeSpec) -> anyhow::Result<Params> {
    let mut options: Params = kinds::params(spec)?;
    options.domain = spec.domain;
    options.interfaces.clone_from(&spec.network.interfaces);
    options.peers.clone_from(&spec.network.peers);
    options.qos = spec.qos.clone().or(options.qos);
    if spec.params.get("site").is_none() {
        options.site = spec.name.split('/').next().unwrap_or_default().to_owned();
    }
    Ok(options)
}

fn report(stats: &BridgeStats, ready: bool) -> Report {
    let written = stats.written.lock();
    let topics = written.iter().map(|(topic, count)| {
        (topic.clone(), TopicReport { written: *count, ..TopicReport::default() })
    });
    let refused = stats.refused.load(Ordering::Relaxed);
    let note = match (refused, stats.other_type.load(Ordering::Relaxed)) {
        (0, _) => String::new(),
        (all, 0) => format!("{all} samples of other sites refused"),
        (all, other) => format!(
            "{all} samples of other sites refused, {other} of another type than their topic has here"
        ),
    };
    Report { ready, topics: topics.collect(), note, ..Report::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::bus::Network;

    #[test]
    fn the_node_says_where_the_bridge_looks_for_others() {
        let spec = NodeSpec {
            name: "plant/bridge1".into(),
            kind: "bridge".into(),
            domain: 42,
            network: Network { interfaces: vec!["eth1".into()], peers: vec!["10.0.0.7".into()] },
            params: json!({ "allow": ["anomaly"], "name": "crossing" }),
            ..NodeSpec::default()
        };
        let options = options(&spec).unwrap();
        assert_eq!((options.site.as_str(), options.domain), ("plant", 42));
        assert_eq!(
            (options.interfaces, options.peers),
            (vec!["eth1".into()], vec!["10.0.0.7".into()])
        );
        assert_eq!(options.name.as_deref(), Some("crossing"));
    }
}

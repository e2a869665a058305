//! The zenoh bridge as a node.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tidewire_bridge::{BridgeOptions, BridgeStats};

use super::{Counts, Stop, kinds};
use crate::up::control::{Report, TopicReport};
use crate::up::plan::NodeSpec;

/// Parameters of a `bridge` node; `site` and `domain` come from the node itself when left out.
pub type Params = BridgeOptions;

/// Bridges until stopped.
pub fn run(spec: &NodeSpec, stop: &Stop, counts: &Counts) -> anyhow::Result<()> {
    let mut options: Params = kinds::params(spec)?;
    options.domain = spec.domain;
    options.qos = spec.qos.clone().or(options.qos);
    if spec.params.get("site").is_none() {
        options.site = spec.name.split('/').next().unwrap_or_default().to_owned();
    }
    let stats = Arc::new(BridgeStats::default());
    let ready = Arc::new(AtomicBool::new(false));
    counts.provide({
        let (stats, ready) = (stats.clone(), ready.clone());
        move || report(&stats, ready.load(Ordering::Acquire))
    });
    tidewire_bridge::run(&options, stop.flag(), &stats, || ready.store(true, Ordering::Release))?;
    Ok(())
}

fn report(stats: &BridgeStats, ready: bool) -> Report {
    let written = stats.written.lock();
    let topics = written.iter().map(|(topic, count)| {
        (topic.clone(), TopicReport { written: *count, ..TopicReport::default() })
    });
    let refused = stats.refused.load(Ordering::Relaxed);
    let note = if refused > 0 {
        format!("{refused} samples of other sites refused")
    } else {
        String::new()
    };
    Report { ready, topics: topics.collect(), note, ..Report::default() }
}

//! The player of a recording as a node.

use std::sync::Arc;

use parking_lot::Mutex;
use tidewire_replay::{Progress, ReplayOptions, Summary};

use super::{Counts, Stop, kinds};
use crate::cli::bus;
use crate::up::control::{Report, TopicReport};
use crate::up::plan::NodeSpec;

/// Plays until the end, or until stopped.
pub fn run(spec: &NodeSpec, stop: &Stop, counts: &Counts) -> anyhow::Result<()> {
    let mut options: ReplayOptions = kinds::params(spec)?;
    options.qos = spec.qos.clone().or(options.qos);
    let seen: Arc<Mutex<Option<Progress>>> = Arc::default();
    counts.provide({
        let seen = seen.clone();
        move || {
            let progress = seen.lock();
            let note =
                progress.as_ref().map(|p| format!("{} samples", p.samples)).unwrap_or_default();
            Report { ready: progress.is_some(), note, ..Report::default() }
        }
    });
    let participant = bus::join(spec.domain, &spec.name, &spec.network, options.qos.as_deref())?;
    let summary = tidewire_replay::run(&participant, &options, stop.flag(), &mut |progress| {
        *seen.lock() = Some(progress);
    })?;
    let report = report(&summary);
    counts.provide(move || report.clone());
    Ok(())
}

fn report(summary: &Summary) -> Report {
    let mut report = Report { ready: true, ..Report::default() };
    for topic in &summary.topics {
        report
            .topics
            .entry(topic.topic.clone())
            .or_default()
            .add(&TopicReport { written: topic.samples, ..TopicReport::default() });
    }
    report
}

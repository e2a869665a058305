//! The recorder as a node.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use tidewire_capture::{CaptureOptions, CaptureStats, DurableOptions, Recorder, TopicFilter};
use tidewire_store::{Store, StoreOptions};

use super::{Counts, Stop, kinds};
use crate::cli::bus;
use crate::up::control::{Report, TopicReport};
use crate::up::plan::NodeSpec;

/// How long a stopping recorder waits for samples still on their way from sources that have ended.
const DRAIN: Duration = Duration::from_secs(5);

/// Nothing is under way for an hour.
const STRANGE_NS: i64 = 3_600_000_000_000;

/// Parameters of a `record` node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Folder of the recording; under `tidewire up` it is chosen when left out.
    pub dir: PathBuf,
    /// Names or patterns of topics; empty: all.
    pub topics: Vec<String>,
    /// Names or patterns not to record.
    pub exclude: Vec<String>,
    /// `topic:=expression`: which samples of a topic to record; not in launch files, whose books
    /// balance what was written with what was recorded.
    pub filters: Vec<TopicFilter>,
    /// Longest wait for a group commit, ms.
    pub commit_ms: Option<u64>,
    /// Be the durability service of TRANSIENT and PERSISTENT topics.
    pub durable: bool,
    /// Samples that it keeps of each instance where the writers do not say.
    pub durable_depth: Option<u32>,
    /// When told to stop: take samples that still come for so long, ms. Short where sources go on.
    pub drain_ms: Option<u64>,
}

/// Records until stopped.
pub fn run(spec: &NodeSpec, stop: &Stop, counts: &Counts) -> anyhow::Result<()> {
    let params: Params = kinds::params(spec)?;
    let mut options = StoreOptions::default();
    if let Some(ms) = params.commit_ms {
        options.commit_interval = Duration::from_millis(ms);
    }
    let types = bus::registry(&spec.types)?;
    let profile = bus::profile(spec.qos.as_deref())?;
    let store = Store::open(&params.dir, options)
        .with_context(|| format!("cannot record into {}", params.dir.display()))?;
    let participant = bus::join(spec.domain, &spec.name, &spec.network, spec.qos.as_deref())?;
    let capture = CaptureOptions {
        topics: params.topics,
        exclude: params.exclude,
        filters: params.filters,
        durable: params.durable.then_some(DurableOptions { depth: params.durable_depth }),
    };
    let recorder = Recorder::start_with(&participant, store, capture, types, profile)?;
    let handle = recorder.handle();
    counts.provide(move || report(&handle.get()));
    stop.wait_or(|| recorder.has_ended());
    let books = recorder.stop(params.drain_ms.map_or(DRAIN, Duration::from_millis))?;
    counts.provide(move || report(&books));
    Ok(())
}

fn report(stats: &CaptureStats) -> Report {
    let topics = stats.topics.iter().map(|t| {
        // Samples that carry another time than that of their writing have no latency.
        let us = |ns: Option<i64>| ns.filter(|ns| *ns < STRANGE_NS).map(|ns| ns as f64 / 1e3);
        let count = TopicReport {
            received: t.received,
            lost: t.lost,
            filtered: t.filtered,
            recorded: t.acknowledged,
            bytes: t.bytes,
            latency_us: us(t.latency.p50_ns).zip(us(t.latency.p99_ns)).map(|(a, b)| [a, b]),
            ..TopicReport::default()
        };
        (t.topic.clone(), count)
    });
    let lag_ns = stats.topics.iter().map(|t| t.lag_ns).max().unwrap_or(0);
    Report {
        ready: true,
        topics: topics.collect(),
        lag_ms: lag_ns as f64 / 1e6,
        bytes_on_disk: stats.bytes_on_disk,
        note: stats.refusing.clone().or_else(|| stats.problems.last().cloned()).unwrap_or_default(),
        ..Report::default()
    }
}

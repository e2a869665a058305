//! The built-in kinds: what each one runs, with which options.

use std::time::{Duration, Instant};

use anyhow::Context;
use serde::de::DeserializeOwned;
use tidewire_sim::{Stats, Wiring};

use super::{Counts, Stop, detect, ingress, link, record, replay, view};
use crate::cli::bus;
use crate::cli::failure::{Remedy, Usage};
use crate::up::control::{Report, TopicReport};
use crate::up::plan::NodeSpec;

/// Runs a node until it ends or `stop` is set.
pub fn run(spec: &NodeSpec, stop: &Stop, counts: &Counts) -> anyhow::Result<()> {
    match spec.kind.as_str() {
        "pump" | "arm" | "gateway" | "csv" => source(spec, stop, counts),
        "record" => record::run(spec, stop, counts),
        "replay" => replay::run(spec, stop, counts),
        "detect" => detect::run(spec, stop, counts),
        "bridge" => link::run(spec, stop, counts),
        "ingress" => ingress::run(spec, stop, counts),
        "view" => view::run(spec, stop, counts),
        other => Err(Usage(format!("`{other}` is no built-in kind of node")).into()),
    }
    .with_context(|| format!("node `{}` ({})", spec.name, spec.kind))
}

/// Runs a node in a terminal: for at most `lasts` (zero: no limit), telling `watch` how it does.
pub fn run_with(
    spec: &NodeSpec,
    stop: &Stop,
    counts: &Counts,
    lasts: Duration,
    mut watch: impl FnMut(Duration, &Report),
) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let node = scope.spawn(|| run(spec, stop, counts));
        // Time counts from when it works, not from when it waits for the bus.
        let mut since = None;
        while !node.is_finished() {
            let report = counts.get();
            if report.ready {
                let since = *since.get_or_insert_with(Instant::now);
                watch(since.elapsed(), &report);
                if !lasts.is_zero() && since.elapsed() >= lasts {
                    stop.set();
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        node.join().map_err(|_| anyhow::anyhow!("the node panicked"))?
    })
}

/// Reads a node's options; a wrong one is named.
pub fn params<T: DeserializeOwned>(spec: &NodeSpec) -> anyhow::Result<T> {
    let params = if spec.params.is_null() { serde_json::json!({}) } else { spec.params.clone() };
    serde_json::from_value(params)
        .with_context(|| format!("the parameters of `{}` are wrong", spec.name))
        .remedy(format!("see `tidewire {}--help` for what it takes", subcommand(&spec.kind)))
}

/// Checks the parameters of a kind without running it; `Err` says what is wrong.
pub fn check(kind: &str, params: &serde_json::Value) -> Result<(), String> {
    fn as_type<T: DeserializeOwned>(params: &serde_json::Value) -> Result<(), String> {
        serde_json::from_value::<T>(params.clone()).map(drop).map_err(|e| e.to_string())
    }
    match kind {
        "pump" => as_type::<tidewire_sim::pump::Options>(params),
        "arm" => as_type::<tidewire_sim::arm::Options>(params),
        "gateway" => as_type::<tidewire_sim::gateway::Options>(params),
        "csv" => as_type::<tidewire_sim::csv::Options>(params),
        "record" => as_type::<record::Params>(params),
        "replay" => as_type::<tidewire_replay::ReplayOptions>(params),
        "detect" => as_type::<detect::Params>(params),
        "bridge" => as_type::<link::Params>(params),
        "ingress" => ingress::check(params),
        "view" => as_type::<view::Params>(params),
        _ => Ok(()),
    }
}

/// The faults a simulator has by itself, as JSON names.
pub fn default_faults(kind: &str) -> serde_json::Value {
    let kinds = match kind {
        "pump" => tidewire_sim::pump::Options::default().faults.kinds,
        "gateway" => tidewire_sim::gateway::Options::default().faults.kinds,
        _ => Vec::new(),
    };
    serde_json::json!(kinds)
}

fn subcommand(kind: &str) -> String {
    match kind {
        "pump" | "arm" | "gateway" | "csv" => format!("sim {kind} "),
        other => format!("{other} "),
    }
}

fn source(spec: &NodeSpec, stop: &Stop, counts: &Counts) -> anyhow::Result<()> {
    let participant = bus::join(spec.domain, &spec.name, &spec.network, spec.qos.as_deref())?;
    let wiring = Wiring {
        remap: spec.remap.clone(),
        profile: bus::profile(spec.qos.as_deref())?,
        wait_for: spec.wait_for.clone(),
        patience: Duration::ZERO,
    };
    let stats = Stats::default();
    counts.provide({
        let stats = stats.clone();
        move || written(&stats)
    });
    let (p, w, flag, s) = (&participant, &wiring, stop.flag(), &stats);
    match spec.kind.as_str() {
        "pump" => tidewire_sim::pump::run(p, &params(spec)?, w, flag, s)?,
        "arm" => tidewire_sim::arm::run(p, &params(spec)?, w, flag, s)?,
        "gateway" => tidewire_sim::gateway::run(p, &params(spec)?, w, flag, s)?,
        _ => tidewire_sim::csv::run(p, &params(spec)?, &bus::registry(&spec.types)?, w, flag, s)?,
    }
    Ok(())
}

fn written(stats: &Stats) -> Report {
    let topics = stats.topics().into_iter().map(|t| {
        (t.topic, TopicReport { written: t.written, refused: t.refused, ..TopicReport::default() })
    });
    Report { ready: stats.is_ready(), topics: topics.collect(), ..Report::default() }
}

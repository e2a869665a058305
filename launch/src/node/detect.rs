//! The anomaly detector as a node.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use tidewire_bus::Participant;
use tidewire_detect::{DetectOptions, DetectStats};
use tidewire_graph::{KindSchema, ParamSpec, ParamType, TopicHint};

use super::{Counts, Stop, kinds};
use crate::cli::bus;
use crate::cli::failure::Remedy;
use crate::up::control::{Report, TopicReport};
use crate::up::plan::NodeSpec;

/// Parameters of a `detect` node.
pub type Params = DetectOptions;

/// What a launch file may say of a detector.
pub fn schema() -> KindSchema {
    let optional = ParamSpec::optional;
    let files = ParamType::List(&ParamType::InputFile);
    KindSchema {
        name: "detect",
        help: "runs anomaly models on live topics",
        params: vec![
            ParamSpec::required("models", files, "files made by `tidewire train`"),
            optional("points", ParamType::List(&ParamType::String), "only these collection points"),
            optional("output", ParamType::String, "topic the anomalies go to"),
            optional("depth", ParamType::Int, "samples a reader holds before it drops the oldest"),
            optional("events", ParamType::Any, "when scores become events"),
            optional("types", files, "folders with IDL of the topics' types"),
        ],
        reads: vec![],
        writes: vec![TopicHint::ParamOr("output", "anomaly")],
    }
}

/// Detects until stopped.
pub fn run(spec: &NodeSpec, stop: &Stop, counts: &Counts) -> anyhow::Result<()> {
    let mut options: Params = kinds::params(spec)?;
    options.qos = spec.qos.clone().or(options.qos);
    if let Some(name) = spec.remap.get(&options.output) {
        options.output.clone_from(name);
    }
    for model in &options.models {
        there(&model.file)?;
    }
    let types = bus::registry(&spec.types)?;
    let participant = bus::join(spec.domain, &spec.name, &spec.network, options.qos.as_deref())?;
    let stats = Arc::new(DetectStats::default());
    counts.provide({
        let (participant, stats) = (participant.clone(), stats.clone());
        let (output, models) = (options.output.clone(), options.models.len());
        move || report(&participant, &stats, &output, models)
    });
    tidewire_detect::run(&participant, &types, &options, stop.flag(), &stats)?;
    Ok(())
}

/// A model that is missing is the likeliest mistake: said before anything starts.
fn there(file: &PathBuf) -> anyhow::Result<()> {
    let checked = if file.is_file() { Ok(()) } else { check(file) };
    checked.remedy("train one with `tidewire train -d RECORDING --topic TOPIC -o FILE`")
}

fn check(file: &PathBuf) -> anyhow::Result<()> {
    std::fs::metadata(file).with_context(|| format!("no model at {}", file.display()))?;
    bail!("{} is no file", file.display())
}

fn report(participant: &Participant, stats: &DetectStats, output: &str, models: usize) -> Report {
    let s = stats.snapshot();
    // It writes each event when it opens and when it closes.
    let written = (s.opened + s.closed).saturating_sub(s.unpublished);
    let count = TopicReport { written, refused: s.unpublished, ..TopicReport::default() };
    let own = participant.topics();
    let readers = own.iter().flat_map(|t| &t.readers).filter(|r| r.own).count();
    let mut notes = Vec::new();
    if s.lost > 0 {
        notes.push(format!("{} samples lost on the way", s.lost));
    }
    if s.late > 0 {
        notes.push(format!("{} late", s.late));
    }
    if s.undecodable > 0 {
        notes.push(format!("{} not of the model's type", s.undecodable));
    }
    Report {
        ready: readers >= models,
        topics: [(output.to_owned(), count)].into(),
        note: notes.join(", "),
        ..Report::default()
    }
}

//! The Rerun viewer as a node.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use tidewire_graph::{KindSchema, ParamSpec, ParamType, TopicHint};
use tidewire_viewer::{SiteSource, Target, ViewOptions, ViewStats};

use super::{Counts, Stop, kinds};
use crate::cli::bus;
use crate::up::control::Report;
use crate::up::plan::NodeSpec;

/// Parameters of a `view` node; without `sites` it shows the domain it is in.
pub type Params = ViewOptions;

/// What a launch file may say of a viewer.
pub fn schema() -> KindSchema {
    let optional = ParamSpec::optional;
    KindSchema {
        name: "view",
        help: "shows samples and anomalies in Rerun",
        params: vec![
            optional(
                "sites",
                ParamType::Any,
                "list of {name, domain}; all sites of the file if left out",
            ),
            optional("target", ParamType::Any, "auto, spawn, web, connect:URL or save:FILE"),
            optional("port", ParamType::Int, "port of the data server, 0: any"),
            optional("web_port", ParamType::Int, "port of the web page, 0: any"),
            optional("max_hz", ParamType::Float, "points per second and curve"),
            optional("exclude", ParamType::List(&ParamType::String), "topics to leave out"),
            optional("memory_mib", ParamType::Int, "kept for viewers that connect late, MiB"),
            optional(
                "types",
                ParamType::List(&ParamType::InputFile),
                "folders with IDL of the topics' types",
            ),
        ],
        reads: vec![TopicHint::Named("*")],
        writes: vec![],
    }
}

/// Shows until stopped.
pub fn run(spec: &NodeSpec, stop: &Stop, counts: &Counts) -> anyhow::Result<()> {
    let mut options: Params = kinds::params(spec)?;
    options.qos = spec.qos.clone().or(options.qos);
    if options.sites.is_empty() {
        let name = spec.name.split('/').next().unwrap_or("bus").to_owned();
        options.sites.push(SiteSource { name, domain: spec.domain });
    }
    if !matches!(options.target, Target::Save(_)) {
        end_soon_after(stop)?;
    }
    let types = bus::registry(&spec.types)?;
    let stats = Arc::new(ViewStats::default());
    let place: Arc<Mutex<Option<String>>> = Arc::default();
    counts.provide({
        let (stats, place) = (stats.clone(), place.clone());
        move || report(&stats, place.lock().as_deref())
    });
    tidewire_viewer::run(&options, &types, stop.flag(), &stats, |line| {
        *place.lock() = Some(line.to_owned());
        // For the log of a launched viewer, and for a person at a terminal.
        eprintln!("{line}");
    })?;
    Ok(())
}

/// Nothing is lost with a live picture: a viewer that is slow to close down does not hold up the
/// end of a run.
fn end_soon_after(stop: &Stop) -> std::io::Result<()> {
    let stop = stop.clone();
    let watch = move || {
        stop.wait_or(|| false);
        std::thread::sleep(std::time::Duration::from_millis(1200));
        tracing::warn!("the viewer does not close down in time; ended");
        std::process::exit(0);
    };
    std::thread::Builder::new().name("end".into()).spawn(watch).map(drop)
}

fn report(stats: &ViewStats, place: Option<&str>) -> Report {
    let undecoded = stats.undecoded.load(Ordering::Relaxed);
    let mut note = place.unwrap_or_default().to_owned();
    if undecoded > 0 {
        note.push_str(&format!(" ({undecoded} samples of unknown types not shown)"));
    }
    Report { ready: place.is_some(), note, ..Report::default() }
}

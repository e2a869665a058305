//! The Rerun viewer as a node.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use tidewire_graph::{KindSchema, ParamSpec, ParamType, TopicHint};
use tidewire_viewer::{SiteSource, Target, ViewOptions, ViewStats};

use super::{Counts, Stop, kinds};
use crate::cli::{bus, output};
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
                "list of {name, domain, interfaces, peers}; all sites of the file if left out",
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
    let options = options(spec)?;
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
        output::note(line);
    })?;
    Ok(())
}

/// Sites that do not say how others are found there are as the node's own.
fn options(spec: &NodeSpec) -> anyhow::Result<Params> {
    let mut options: Params = kinds::params(spec)?;
    options.qos = spec.qos.clone().or(options.qos);
    if options.sites.is_empty() {
        let name = spec.name.split('/').next().unwrap_or("bus").to_owned();
        options.sites.push(SiteSource { name, domain: spec.domain, interfaces: None, peers: None });
    }
    for site in &mut options.sites {
        site.interfaces.get_or_insert_with(|| spec.network.interfaces.clone());
        site.peers.get_or_insert_with(|| spec.network.peers.clone());
    }
    Ok(options)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::bus::Network;

    #[test]
    fn sites_are_looked_for_where_they_or_the_node_say() {
        let spec = |params| NodeSpec {
            name: "plant/eyes".into(),
            kind: "view".into(),
            domain: 42,
            network: Network { interfaces: vec!["eth1".into()], peers: vec!["10.0.0.7".into()] },
            params,
            ..NodeSpec::default()
        };
        let list = |texts: &[&str]| Some(texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>());
        let of_node = options(&spec(json!({ "name": "eyes" }))).unwrap();
        assert_eq!(of_node.name.as_deref(), Some("eyes"));
        let site = &of_node.sites[0];
        assert_eq!((site.name.as_str(), site.domain), ("plant", 42));
        assert_eq!((&site.interfaces, &site.peers), (&list(&["eth1"]), &list(&["10.0.0.7"])));
        let sites = json!([{ "name": "lab", "domain": 43, "interfaces": ["lo"], "peers": [] }]);
        let site = &options(&spec(json!({ "sites": sites }))).unwrap().sites[0];
        assert_eq!((&site.interfaces, &site.peers), (&list(&["lo"]), &list(&[])));
    }
}

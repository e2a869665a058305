//! What the launcher runs: a launch file's graph, resolved to processes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidewire_graph::{Command, Graph, Node, Readiness, Respawn};

use crate::cli::bus::Network;
use crate::node::schema;

/// Everything a built-in node needs to know; the launcher hands it over as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeSpec {
    /// Full name, its participant's name: `site/name`.
    pub name: String,
    /// Built-in kind.
    pub kind: String,
    /// DDS domain.
    pub domain: u16,
    /// Interfaces and peers.
    pub network: Network,
    /// IDL search paths.
    pub types: Vec<PathBuf>,
    /// `FILE[::PROFILE]`.
    pub qos: Option<String>,
    /// Topic name in code → on the bus.
    pub remap: BTreeMap<String, String>,
    /// Full names of participants that must read before the first sample is written.
    pub wait_for: Vec<String>,
    /// The kind's own options.
    pub params: serde_json::Value,
    /// CPUs to run on; empty: all.
    pub cpus: Vec<usize>,
    /// Niceness, -20 to 19.
    pub nice: i8,
}

/// What to start.
#[derive(Clone, Debug, PartialEq)]
pub enum Program {
    /// A kind of ours, in a process of its own.
    Builtin(Box<NodeSpec>),
    /// Any executable.
    External {
        /// Program and arguments.
        argv: Vec<String>,
        /// Folder it runs in.
        cwd: Option<PathBuf>,
    },
}

/// When a node stops in a shutdown: each phase waits for the one before, so that what the first
/// ones said last still arrives at the last ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Writes samples of its own.
    Source,
    /// Writes because of what it reads.
    Detector,
    /// Carries samples to other sites.
    Bridge,
    /// Keeps them.
    Recorder,
    /// Shows them.
    Viewer,
}

impl Phase {
    /// In the order of stopping. A viewer is told first and waited for last: nobody waits for what
    /// it shows.
    pub const STEPS: [Self; 4] = [Self::Source, Self::Detector, Self::Bridge, Self::Recorder];

    /// The phase of a built-in kind; unknown kinds and executables count as sources.
    pub fn of_kind(kind: &str) -> Self {
        match kind {
            "detect" => Self::Detector,
            "bridge" => Self::Bridge,
            "record" => Self::Recorder,
            "view" => Self::Viewer,
            _ => Self::Source,
        }
    }
}

/// One node of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct NodePlan {
    /// Full name: `site/name`.
    pub name: String,
    /// The site it belongs to; empty without sites.
    pub site: String,
    /// What to start.
    pub program: Program,
    /// When to stop.
    pub phase: Phase,
    /// Full names of nodes that must be ready before this one starts.
    pub needs: Vec<String>,
    /// When it counts as ready.
    pub readiness: Readiness,
    /// Whether it comes back.
    pub respawn: Respawn,
    /// Environment variables on top of the launcher's.
    pub env: Vec<(String, String)>,
    /// From asking it to stop to killing it.
    pub patience: Duration,
    /// Where its recording lies, for recorders.
    pub recording: Option<PathBuf>,
}

/// A launch file, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Every node after those it needs.
    pub nodes: Vec<NodePlan>,
}

impl Plan {
    /// Plans `graph`; recorders without a folder of their own record under `output`, one folder per
    /// site. `types` are IDL search paths for all nodes.
    pub fn new(graph: &Graph, output: &Path, types: &[PathBuf]) -> Self {
        Self { nodes: graph.nodes.iter().map(|node| plan(graph, node, output, types)).collect() }
    }

    /// Site and folder of every recording.
    pub fn recordings(&self) -> Vec<(String, PathBuf)> {
        self.nodes.iter().filter_map(|n| Some((n.site.clone(), n.recording.clone()?))).collect()
    }
}

fn plan(graph: &Graph, node: &Node, output: &Path, types: &[PathBuf]) -> NodePlan {
    let name = node.participant_name();
    let site = node.site.clone().unwrap_or_default();
    let full =
        |name: &String| graph.node(name).map_or_else(|| name.clone(), Node::participant_name);
    let mut recording = None;
    let (program, phase) = match &node.command {
        Command::Executable { argv, cwd } => {
            (Program::External { argv: argv.clone(), cwd: cwd.clone() }, Phase::Source)
        }
        Command::Builtin { kind, params } => {
            let phase = Phase::of_kind(kind);
            let mut params = params.clone();
            if phase == Phase::Recorder {
                let default =
                    if site.is_empty() { output.join(&node.name) } else { output.join(&site) };
                let dir = params.get("dir").and_then(|d| d.as_str()).map_or(default, PathBuf::from);
                params.insert("dir".into(), dir.display().to_string().into());
                recording = Some(dir);
            }
            if schema::has_point(kind) && !params.contains_key("point") {
                params.insert("point".into(), name.clone().into());
            }
            if kind == "view" && !params.contains_key("sites") {
                params.insert("sites".into(), sites(graph));
            }
            if kind == "ingress" && !params.contains_key("prefix") {
                // What comes there has any name: all of them go under the namespace.
                let namespace = &node.namespace;
                let prefix =
                    if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
                params.insert("prefix".into(), prefix.into());
            }
            // The simulators call their topics by plain names; a CSV player by its parameter.
            let written = schema::topics(kind, &params);
            let spec = NodeSpec {
                name: name.clone(),
                kind: kind.clone(),
                domain: node.domain,
                network: Network { interfaces: node.interfaces.clone(), peers: node.peers.clone() },
                types: types.iter().cloned().chain(schema::types(&mut params)).collect(),
                qos: node.qos.clone(),
                remap: written
                    .into_iter()
                    .map(|topic| (topic.clone(), node.topic(&topic)))
                    .collect(),
                wait_for: wait_for(graph, node),
                params: params.into(),
                cpus: node.cpu.clone(),
                nice: node.nice,
            };
            (Program::Builtin(Box::new(spec)), phase)
        }
    };
    NodePlan {
        name,
        site,
        program,
        phase,
        needs: node.needs.iter().map(full).collect(),
        readiness: node.readiness.clone(),
        respawn: node.respawn.clone(),
        env: node.env.clone(),
        patience: node.stop_timeout,
        recording,
    }
}

/// All sites of the graph, as a viewer takes them.
fn sites(graph: &Graph) -> serde_json::Value {
    let site = |s: &tidewire_graph::Site| {
        serde_json::json!({
            "name": s.name, "domain": s.domain, "interfaces": s.interfaces, "peers": s.peers,
        })
    };
    graph.sites.iter().map(site).collect()
}

/// The recorders a node needs: whatever it writes before they read is not in the books.
fn wait_for(graph: &Graph, node: &Node) -> Vec<String> {
    let recorders = node.needs.iter().filter_map(|need| graph.node(need));
    recorders
        .filter(|n| {
            n.domain == node.domain
                && matches!(&n.command, Command::Builtin { kind, .. } if kind == "record")
        })
        .map(Node::participant_name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_stop_first_and_recorders_after_bridges() {
        let order: Vec<_> = ["pump", "detect", "bridge", "record"].map(Phase::of_kind).into();
        assert_eq!(order, Phase::STEPS);
        assert_eq!(Phase::of_kind("view"), Phase::Viewer);
    }

    #[test]
    fn a_graph_becomes_processes() {
        let text = "sites: {plant: {domain: 42, namespace: north}, lab: {domain: 43, interfaces: [lo]}}\n\
                    nodes:\n  \
                      keeper: {kind: record, site: plant}\n  \
                      pump1: {kind: pump, site: plant, needs: keeper, remap: {current: motor}, params: {seed: 3}}\n  \
                      eyes: {kind: view, site: lab}\n  \
                      other: {run: [sleep, '1'], site: lab}\n";
        let options = tidewire_graph::Options { kinds: &schema::KINDS, ..Default::default() };
        let graph = tidewire_graph::parse("a.yaml", text, &options).unwrap();
        let plan = Plan::new(&graph, "out".as_ref(), &[]);
        let node = |name: &str| plan.nodes.iter().find(|n| n.name == name).unwrap();
        let spec = |name: &str| match &node(name).program {
            Program::Builtin(spec) => spec.clone(),
            Program::External { .. } => panic!("{name} is built in"),
        };
        assert_eq!(plan.recordings(), [("plant".to_owned(), PathBuf::from("out/plant"))]);
        assert_eq!(spec("plant/keeper").params["dir"], "out/plant");
        let pump = spec("plant/pump1");
        assert_eq!((pump.domain, pump.wait_for.as_slice()), (42, &["plant/keeper".to_owned()][..]));
        assert_eq!(pump.remap["current"], "north/motor");
        assert_eq!(pump.remap["vibration"], "north/vibration");
        assert_eq!(
            (&pump.params["seed"], &pump.params["point"]),
            (&3.into(), &"plant/pump1".into())
        );
        assert_eq!(node("plant/pump1").needs, ["plant/keeper"]);
        let sites = &spec("lab/eyes").params["sites"];
        assert_eq!(sites[1]["domain"], 43);
        let interfaces = [&sites[0]["interfaces"], &sites[1]["interfaces"]];
        assert_eq!(interfaces, [&serde_json::json!([]), &serde_json::json!(["lo"])]);
        assert_eq!(node("lab/other").phase, Phase::Source);
    }
}

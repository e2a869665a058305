//! The graph a launch file comes to: nodes in the order they start, everything resolved.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::span::Span;

/// What to run: nodes after those they need.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Graph {
    pub nodes: Vec<Node>,
    /// In the order of the file.
    pub sites: Vec<Site>,
    /// The top file's arguments and their values, in the order of the file.
    pub args: Vec<Arg>,
    /// Every file read, the top one first.
    pub files: Vec<PathBuf>,
}

impl Graph {
    /// The node of this name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }
}

/// A place with a DDS domain of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Site {
    pub name: String,
    /// DDS domain id, 0 to 232.
    pub domain: u16,
    /// Prefix of the topics of its nodes, empty for none.
    pub namespace: String,
    /// Network interfaces, by name or address; empty: all.
    pub interfaces: Vec<String>,
    /// Addresses of hosts to look for participants on instead of by multicast.
    pub peers: Vec<String>,
}

/// An argument of the top file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Arg {
    pub name: String,
    pub value: Value,
    pub help: String,
    /// Whether the command line gave it.
    pub given: bool,
}

/// One process or built-in task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Node {
    /// Unique; nodes of an include with a namespace are `namespace/name`.
    pub name: String,
    pub site: Option<String>,
    /// DDS domain id, 0 to 232.
    pub domain: u16,
    /// Prefix of its topics, empty for none. See [`Node::topic`].
    pub namespace: String,
    /// As of its site.
    pub interfaces: Vec<String>,
    /// As of its site.
    pub peers: Vec<String>,
    pub command: Command,
    /// From the name the node knows to the name on the bus, before the namespace.
    pub remaps: Vec<(String, String)>,
    /// `FILE[::PROFILE]` or a shipped profile; a file's path is as good as from the working directory.
    pub qos: Option<String>,
    /// Names of nodes that must be ready before this one starts.
    pub needs: Vec<String>,
    pub readiness: Readiness,
    pub respawn: Respawn,
    pub env: Vec<(String, String)>,
    /// CPUs it may run on, empty for all.
    pub cpu: Vec<usize>,
    /// -20 (first served) to 19.
    pub nice: i8,
    /// From asking it to end to killing it.
    pub stop_timeout: Duration,
    /// Names and patterns of topics on the bus it is known to read.
    pub reads: Vec<String>,
    /// Names of topics on the bus it is known to write.
    pub writes: Vec<String>,
    /// Where the file names it.
    pub origin: Span,
}

impl Node {
    /// The name on the bus of a topic the node calls `name`: remapped, then put under the namespace
    /// unless it starts with `/`.
    pub fn topic(&self, name: &str) -> String {
        let remapped = self.remaps.iter().find(|(from, _)| from == name);
        qualify(&self.namespace, remapped.map_or(name, |(_, to)| to))
    }

    /// The name other participants see: `site/name`, or the name alone without a site.
    pub fn participant_name(&self) -> String {
        match &self.site {
            Some(site) => format!("{site}/{}", self.name),
            None => self.name.clone(),
        }
    }
}

/// Puts `name` under `namespace`; a leading `/` says it is under none.
pub(crate) fn qualify(namespace: &str, name: &str) -> String {
    match name.strip_prefix('/') {
        Some(absolute) => absolute.to_owned(),
        None if namespace.is_empty() => name.to_owned(),
        None => format!("{namespace}/{name}"),
    }
}

/// What a node runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// A kind of ours with its parameters, checked against its [`crate::KindSchema`].
    Builtin { kind: String, params: Map<String, Value> },
    /// Any program.
    Executable {
        /// Program and arguments, never empty.
        argv: Vec<String>,
        /// The folder it runs in, the launcher's own if absent.
        cwd: Option<PathBuf>,
    },
}

impl Command {
    /// The kind, or the program's name.
    pub fn label(&self) -> &str {
        match self {
            Self::Builtin { kind, .. } => kind,
            Self::Executable { argv, .. } => {
                let program = argv.first().map_or("", String::as_str);
                program.rsplit('/').next().unwrap_or(program)
            }
        }
    }
}

/// When a node counts as ready for those that need it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Readiness {
    pub when: ReadyWhen,
    /// How long that may take before the start has failed.
    pub timeout: Duration,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadyWhen {
    /// As soon as it runs: the default of executables.
    Started,
    /// This long after its start.
    After(Duration),
    /// When a line of its output matches this regular expression.
    Log(String),
    /// When it says so itself: the default of built-in kinds.
    Signal,
}

/// What happens when a node ends by itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Respawn {
    pub policy: RespawnPolicy,
    /// The wait before the first restart; doubles with each further one.
    pub backoff: Duration,
    pub max_backoff: Duration,
    /// Restarts in a row before the node is given up, `None` for no limit.
    pub max: Option<u32>,
}

impl Default for Respawn {
    fn default() -> Self {
        Self {
            policy: RespawnPolicy::OnFailure,
            backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(10),
            max: Some(5),
        }
    }
}

impl Respawn {
    /// The wait before restart number `attempt`, from 0.
    pub fn delay(&self, attempt: u32) -> Duration {
        let factor = 1u32.checked_shl(attempt).unwrap_or(u32::MAX);
        self.backoff.saturating_mul(factor).min(self.max_backoff)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RespawnPolicy {
    /// When it exits with an error or is killed.
    OnFailure,
    Always,
    Never,
}

//! Launch files: YAML in, a checked graph of nodes in start order out.
//!
//! The room knows the file format and nothing of processes, buses or kinds: the caller brings the kinds'
//! schemas and runs the result. It may use nothing of ours. Start at [`load`], which gives a [`Graph`] or
//! every problem with file, line, column and remedy; [`to_mermaid`] and [`to_dot`] draw it. [`Document`] reads a
//! single value the same way.
//!
//! ```
//! use tidewire_graph::{Command, KindSchema, Options, ParamSpec, ParamType, TopicHint, parse};
//! let kinds = [KindSchema {
//!     name: "sim.pump",
//!     help: "a pump with sensors",
//!     params: vec![ParamSpec::optional("rate", ParamType::Float, "samples per second")],
//!     reads: vec![],
//!     writes: vec![TopicHint::Named("vibration")],
//! }];
//! let file = r#"
//! version: 1
//! args: {rate: {default: 1000, help: "samples per second"}}
//! sites: {plant: {domain: 10}}
//! nodes:
//!   logger: {run: "python3 log.py --rate ${rate}", needs: pump1, site: plant}
//!   pump1:
//!     kind: sim.pump
//!     site: plant
//!     namespace: pump1
//!     params: {rate: "${rate}"}
//! "#;
//! let args = ["rate:=200".to_owned()];
//! let graph = parse("demo.yaml", file, &Options { kinds: &kinds, args: &args, ..Options::default() })?;
//! assert_eq!(graph.nodes[0].name, "pump1"); // it is needed, so it starts first
//! assert_eq!(graph.nodes[0].writes, ["pump1/vibration"]);
//! assert_eq!(graph.nodes[0].domain, 10);
//! assert!(matches!(&graph.nodes[1].command, Command::Executable { argv, .. } if argv[3] == "200"));
//!
//! let wrong = parse("demo.yaml", "nodes: {p: {kind: sim.pmup}}", &Options { kinds: &kinds, ..Options::default() });
//! assert_eq!(wrong.unwrap_err().to_string(), "\
//! demo.yaml:1:19: no kind of node is called `sim.pmup`
//!   |
//! 1 | nodes: {p: {kind: sim.pmup}}
//!   |                   ^^^^^^^^
//!   = did you mean `sim.pump`? known: sim.pump");
//! # Ok::<(), tidewire_graph::GraphError>(())
//! ```
//!
//! # The file
//!
//! | key | what it holds |
//! |---|---|
//! | `version` | `1` |
//! | `args` | arguments by name: a default value, or `{default, help, choices}`; without default it must be given |
//! | `sites` | places by name, each `{domain, namespace}` |
//! | `site`, `domain`, `namespace`, `qos`, `env` | for all nodes of the file that do not say otherwise (`namespace` and `env` add up) |
//! | `nodes` | nodes by name, or a list with `name` in each |
//! | `include` | files, each a path or `{file, args, namespace, site, domain, if, unless}`; paths start at this file's folder; `namespace` goes before node names and topics |
//! | `x-…` | anything, to hang YAML anchors on (`<<: *anchor` merges) |
//!
//! A node:
//!
//! | key | what it holds |
//! |---|---|
//! | `kind`, `params` | a built-in kind and its parameters, or else: |
//! | `run`, `cwd` | a program and its arguments as a list, or as one line with quotes; the folder it runs in |
//! | `site`, `domain` | where it is; the site brings the domain |
//! | `namespace`, `remap` | prefix of its topics; other names for them (`/name` is under no namespace) |
//! | `qos` | `FILE.xml[::PROFILE]` or the name of a shipped profile |
//! | `needs` | nodes that must be ready first; `name?` only if it runs |
//! | `ready` | `signal` (built-in kinds), `started` (programs), `{after: 2s}` or `{log: "regex"}`, with `timeout` (30s) |
//! | `respawn` | `on-failure`, `always`, `never`, or `{policy, backoff: 500ms, max_backoff: 10s, max: 5}` (`max: unlimited`) |
//! | `if`, `unless` | a condition: `${arg}`, words, `==`, `!=`, `and`, `or`, `not`, brackets |
//! | `env`, `cpu`, `nice`, `stop_timeout` | environment, CPUs (`[0, 2]`, `0-3`), priority, time to end before it is killed (5s) |
//!
//! In every value, `${name}` is an argument, `${env:NAME}` or `${env:NAME:-default}` the environment,
//! `${launch_dir}` the file's folder, and `$${` a plain `${`. Inside `{…}` and `[…]` YAML wants quotes
//! around `${…}`; a number stays a number all the same.

mod document;
pub mod draw;
mod duration;
pub mod error;
pub mod graph;
mod read;
pub mod schema;
pub mod span;
mod suggest;
mod yaml;

pub use document::Document;
pub use draw::{to_dot, to_mermaid};
pub use duration::parse_duration;
pub use error::GraphError;
pub use graph::{Arg, Command, Graph, Node, Readiness, ReadyWhen, Respawn, RespawnPolicy, Site};
pub use read::{Options, QosCheck, load, parse};
pub use schema::{KindSchema, ParamSpec, ParamType, TopicHint};
pub use span::{Problem, Span};

//! Launch files.

use tidewire_graph::{KindSchema, Options, ParamSpec, ParamType, TopicHint, parse};

use crate::memory::bounded;

/// Text that is a launch file: a graph that can be drawn, or refused with places.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // What is on this machine's disk and in its environment is not part of the input.
    let text = text.replace("include", "exclude").replace("env:", "arg:");
    let kinds = [KindSchema {
        name: "pump",
        help: "a pump",
        params: vec![ParamSpec::optional("rate", ParamType::Float, "samples per second")],
        reads: vec![],
        writes: vec![TopicHint::Named("vibration")],
    }];
    let args = ["rate:=200".to_owned()];
    bounded(data.len(), || {
        match parse("fuzz.yaml", &text, &Options { kinds: &kinds, args: &args, check_qos: None }) {
            Ok(graph) => {
                let _ = tidewire_graph::to_mermaid(&graph);
                let _ = tidewire_graph::to_dot(&graph);
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                let places = error.problems().iter().map(|problem| &problem.span);
                assert!(places.clone().all(|at| at.line > 0 && at.column > 0), "{error}");
            }
        }
    });
}

pub const WORDS: &[&str] = &[
    "nodes:",
    "args:",
    "sites:",
    "kind: pump",
    "run: x",
    "params:",
    "needs:",
    "${rate}",
    "${",
    "}",
    "if:",
    "unless:",
    "respawn:",
    "{policy: always, backoff: 1s}",
    "remap:",
    "namespace:",
    "cpu: [0, 2]",
    "0-3",
    "<<: *a",
    "&a",
    "*a",
    "|\n",
    ">\n",
    "- ",
    ": ",
    "x-a:",
    "ready: {after: 2s}",
    "{log: \"(\"}",
    "'",
    "\"",
    "!!str",
    "---",
    "...",
    "\t",
    "and",
    "or",
    "not (",
    "==",
    "!=",
    "nice: 99",
    "stop_timeout: 1e9s",
];

pub fn seeds() -> Vec<Vec<u8>> {
    let small = "version: 1\nargs: {rate: {default: 10, help: h, choices: [10, 200]}}\n\
        sites: {plant: {domain: 10, namespace: p}}\nx-a: &a {site: plant, respawn: always}\n\
        nodes:\n  p1: {<<: *a, kind: pump, params: {rate: \"${rate}\"}, if: \"${rate} == 200\"}\n  \
        log: {run: \"sh -c 'echo $HOME'\", needs: [p1?], ready: {log: \"up.*\", timeout: 3s}, cpu: 0-3}\n";
    [include_str!("../../../launch/demo.yaml"), include_str!("../../../launch/skab.yaml"), small]
        .iter()
        .map(|text| text.as_bytes().to_vec())
        .collect()
}

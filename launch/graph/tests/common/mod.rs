//! Kinds to test with, and short ways to read a file.

use tidewire_graph::{Graph, KindSchema, Options, ParamSpec, ParamType, TopicHint, parse};

pub fn kinds() -> Vec<KindSchema> {
    vec![
        KindSchema {
            name: "sim.pump",
            help: "a pump with three sensors",
            params: vec![
                ParamSpec::optional("rate", ParamType::Float, "vibration samples per second"),
                ParamSpec::optional("seed", ParamType::Int, "seed of the noise"),
                ParamSpec::optional("faults", ParamType::Bool, "whether faults are injected"),
                ParamSpec::optional("mode", ParamType::Choice(&["calm", "rough"]), "how it runs"),
                ParamSpec::optional("period", ParamType::Duration, "time between reports"),
            ],
            reads: vec![],
            writes: vec![TopicHint::Named("vibration"), TopicHint::Named("current")],
        },
        KindSchema {
            name: "record",
            help: "records topics",
            params: vec![
                ParamSpec::required("dir", ParamType::Path, "where the recording goes"),
                ParamSpec::optional(
                    "topics",
                    ParamType::List(&ParamType::String),
                    "what to record",
                ),
                ParamSpec::optional("extra", ParamType::Any, "anything"),
            ],
            reads: vec![TopicHint::ParamOr("topics", "*")],
            writes: vec![],
        },
        KindSchema {
            name: "detect",
            help: "finds anomalies",
            params: vec![ParamSpec::optional("input", ParamType::String, "the topic to watch")],
            reads: vec![TopicHint::ParamOr("input", "vibration")],
            writes: vec![TopicHint::Named("/anomaly")],
        },
    ]
}

/// The graph of `l.yaml`.
#[allow(dead_code)]
pub fn graph(text: &str, args: &[&str]) -> Graph {
    read(text, args).unwrap_or_else(|error| panic!("{error}"))
}

/// What the user sees for it.
#[allow(dead_code)]
pub fn error(text: &str, args: &[&str]) -> String {
    match read(text, args) {
        Ok(graph) => panic!("no error: {graph:#?}"),
        Err(error) => error.to_string(),
    }
}

/// The first lines of each problem.
#[allow(dead_code)]
pub fn heads(text: &str, args: &[&str]) -> Vec<String> {
    match read(text, args) {
        Ok(graph) => panic!("no error: {graph:#?}"),
        Err(error) => error.problems().iter().map(|p| format!("{}: {}", p.span, p.what)).collect(),
    }
}

fn read(text: &str, args: &[&str]) -> Result<Graph, tidewire_graph::GraphError> {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let kinds = kinds();
    parse("l.yaml", text, &Options { kinds: &kinds, args: &args, check_qos: None })
}

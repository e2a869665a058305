//! The built-in kinds as launch files see them: parameters, topics, and what follows from both.

use std::path::PathBuf;
use std::sync::LazyLock;

use serde_json::{Map, Value};
use tidewire_graph::{KindSchema, ParamSpec, ParamType, TopicHint};

use ParamType::{Any, Bool, Choice, Float, InputFile, Int, List, Path, String as Text};

const STRINGS: ParamType = List(&Text);

/// All built-in kinds.
pub static KINDS: LazyLock<Vec<KindSchema>> = LazyLock::new(|| {
    let optional = ParamSpec::optional;
    let simulator = |name, help, writes: &[&'static str], more: Vec<ParamSpec>| KindSchema {
        name,
        help,
        params: [
            optional("point", Text, "collection point; the node's full name if left out"),
            optional("seed", Int, "seed of noise and faults"),
            optional("faults", Any, "what breaks: {kinds, first_s, every_s, lasts_s}"),
        ]
        .into_iter()
        .chain(more)
        .collect(),
        reads: vec![],
        writes: writes.iter().map(|topic| TopicHint::Named(topic)).collect(),
    };
    vec![
        simulator(
            "pump",
            "a simulated pump: vibration 1 kHz, current 100 Hz, temperature 10 Hz",
            &["vibration", "current", "temperature", "truth"],
            vec![
                optional("shaft_hz", Float, "nominal shaft frequency, Hz"),
                optional("load", Float, "mean load, 0 to 1"),
            ],
        ),
        simulator(
            "arm",
            "a simulated robot arm: IMU 200 Hz, joint states 100 Hz",
            &["imu", "joint_states", "truth"],
            vec![],
        ),
        simulator(
            "gateway",
            "a simulated trading gateway: quotes and trades of 20 symbols",
            &["quotes", "trades", "truth"],
            vec![
                optional("rate", Float, "mean events a second"),
                optional("trades", Float, "share of trades among them"),
            ],
        ),
        KindSchema {
            name: "csv",
            help: "plays a CSV file, one sample per row",
            params: vec![
                ParamSpec::required("file", InputFile, "the file"),
                optional("type", Text, "IDL type of a row; made from the header if left out"),
                optional("types", List(&InputFile), "folders with its IDL"),
                optional("topic", Text, "topic of the rows"),
                optional("point", Text, "collection point; the node's full name if left out"),
                optional("speed", Float, "times faster than recorded; 0: as fast as can be"),
                optional("loop", Bool, "start over at the end"),
                optional("labels", STRINGS, "columns that go to <topic>_label instead"),
                optional("stamp", Choice(&["file", "now"]), "the time samples carry"),
                optional("idl_out", Path, "writes the row type as IDL to this file"),
            ],
            reads: vec![],
            writes: vec![TopicHint::ParamOr("topic", "rows")],
        },
        KindSchema {
            name: "record",
            help: "records topics",
            params: vec![
                optional(
                    "dir",
                    Path,
                    "folder of the recording; chosen by `tidewire up` if left out",
                ),
                optional("topics", STRINGS, "names or patterns; all if left out"),
                optional("exclude", STRINGS, "names or patterns not to record"),
                optional("types", List(&InputFile), "folders with IDL of the topics' types"),
                optional("commit_ms", Int, "longest wait for a group commit, ms"),
                optional("durable", Bool, "serves late readers of TRANSIENT and PERSISTENT topics"),
                optional(
                    "durable_depth",
                    Int,
                    "samples to serve of each instance where the writers do not say",
                ),
                optional(
                    "drain_ms",
                    Int,
                    "when told to stop: take samples that still come for so long, ms",
                ),
            ],
            reads: vec![TopicHint::ParamOr("topics", "*")],
            writes: vec![],
        },
        KindSchema {
            name: "replay",
            help: "plays a recording back",
            params: vec![
                ParamSpec::required("dir", InputFile, "folder of the recording"),
                optional("rate", Float, "times faster than recorded"),
                optional("loop", Bool, "begin again at the end"),
                optional("start_offset", Float, "seconds to skip"),
                optional("end_offset", Float, "seconds from the first sample to stop at"),
                optional("topics", STRINGS, "play only these names or patterns"),
                optional("regex", Text, "play topics in which this is found"),
                optional("exclude", STRINGS, "names or patterns not to play"),
                optional("remap", STRINGS, "from:=to"),
                optional("keep_timestamps", Bool, "keep the recorded source times"),
                optional("wait", Float, "longest wait for readers, s"),
            ],
            reads: vec![],
            writes: vec![TopicHint::Param("topics")],
        },
        super::detect::schema(),
        KindSchema {
            name: "bridge",
            help: "carries topics to other sites over zenoh",
            params: vec![
                optional("site", Text, "name of this site; the node's own if left out"),
                optional("mode", Choice(&["peer", "client"]), "peer, or client of a router"),
                optional("listen", STRINGS, "endpoints to listen on, such as tcp/127.0.0.1:7447"),
                optional("connect", STRINGS, "endpoints of the other sites or of a router"),
                optional("scouting", Bool, "find other bridges by multicast"),
                optional("allow", STRINGS, "topics that cross: names or patterns"),
                optional("deny", STRINGS, "topics that never cross"),
                optional("types", List(&InputFile), "folders with IDL of the topics' types"),
            ],
            reads: vec![TopicHint::ParamOr("allow", "*")],
            writes: vec![TopicHint::ParamOr("allow", "*")],
        },
        super::ingress::schema(),
        super::view::schema(),
    ]
});

/// The names a node has for the topics it writes: what remaps and namespaces change.
pub fn topics(kind: &str, params: &Map<String, Value>) -> Vec<String> {
    if kind == "csv" {
        let topic = params.get("topic").and_then(Value::as_str).unwrap_or("rows");
        return vec![topic.to_owned(), format!("{topic}_label")];
    }
    let schema = KINDS.iter().find(|k| k.name == kind);
    let names = schema.into_iter().flat_map(|k| &k.writes).filter_map(|hint| match hint {
        TopicHint::Named(name) => Some((*name).to_owned()),
        _ => None,
    });
    names.collect()
}

/// Whether a kind has a collection point of its own.
pub fn has_point(kind: &str) -> bool {
    KINDS.iter().any(|k| k.name == kind && k.param("point").is_some())
}

/// Takes the IDL search paths out of the parameters: they are the launcher's business.
pub fn types(params: &mut Map<String, Value>) -> Vec<PathBuf> {
    let list = params.remove("types").unwrap_or_default();
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(PathBuf::from).collect()
}

//! The ingress as a node.

use std::sync::Arc;

use tidewire_graph::{KindSchema, ParamSpec, ParamType, TopicHint};
use tidewire_ingress::{EndpointReport, IngressOptions, IngressStats};

use super::{Counts, Stop, kinds};
use crate::cli::bus;
use crate::cli::failure::Usage;
use crate::up::control::{Report, TopicReport};
use crate::up::plan::NodeSpec;

/// Parameters of an `ingress` node; whom to wait for comes from the node itself.
pub type Params = IngressOptions;

/// What a launch file may say of an ingress.
pub fn schema() -> KindSchema {
    use ParamType::{Choice, Float, InputFile, Int, List, Map, String as Text};
    const STRINGS: ParamType = List(&Text);
    let optional = ParamSpec::optional;
    KindSchema {
        name: "ingress",
        help: "samples from Unix sockets and UDP: CDR frames, line protocol",
        params: vec![
            ParamSpec::required("listen", STRINGS, "unix:///PATH, line+udp://ADDRESS:PORT, ..."),
            optional("point", Text, "collection point of lines; the node's full name if left out"),
            optional("allow", STRINGS, "topics that may be written: names or patterns"),
            optional("prefix", Text, "put before topic names; the node's namespace if left out"),
            optional("types", List(&InputFile), "folders with IDL of the topics' types"),
            optional("max_topics", Int, "most topics"),
            optional("max_frame", Int, "longest frame or line, bytes"),
            optional(
                "max_rate",
                Float,
                "frames a second per client, datagrams for UDP; 0: no limit",
            ),
            optional("max_connections", Int, "most clients of a Unix socket"),
            optional("uids", List(&Int), "users that may connect; our own if left out"),
            optional("gids", List(&Int), "groups that may connect"),
            optional("mode", Text, "mode of Unix sockets, octal"),
            optional(
                "measurements",
                Map(&Text),
                "line protocol: measurement to TYPE or TYPE@TOPIC",
            ),
            optional("point_tag", Text, "line protocol: the tag that names the collection point"),
            optional(
                "precision",
                Choice(&["ns", "us", "ms", "s"]),
                "line protocol: unit of timestamps",
            ),
            optional(
                "rung",
                Choice(&["auto", "xdp-native", "xdp-generic", "busy-poll", "blocking"]),
                "UDP: which way datagrams take",
            ),
            optional("udp_interface", Text, "UDP: network interface"),
            optional("sources", STRINGS, "UDP: senders that are heard, such as 10.1.0.0/16"),
        ],
        reads: vec![],
        writes: vec![TopicHint::ParamOr("allow", "*")],
    }
}

/// Checks parameters without listening.
pub fn check(params: &serde_json::Value) -> Result<(), String> {
    let options: Params = serde_json::from_value(params.clone()).map_err(|e| e.to_string())?;
    options.check().map_err(|error| error.to_string())
}

/// Listens until stopped.
pub fn run(spec: &NodeSpec, stop: &Stop, counts: &Counts) -> anyhow::Result<()> {
    let mut options: Params = kinds::params(spec)?;
    options.wait_for.extend(spec.wait_for.iter().cloned());
    options.check().map_err(|error| Usage(error.to_string()))?;
    let types = bus::registry(&spec.types)?;
    let profile = bus::profile(spec.qos.as_deref())?;
    let stats = Arc::new(IngressStats::default());
    counts.provide({
        let stats = stats.clone();
        move || report(&stats)
    });
    let participant = bus::join(spec.domain, &spec.name, &spec.network, spec.qos.as_deref())?;
    tidewire_ingress::run(&participant, &options, &types, profile.as_ref(), stop.flag(), &stats)?;
    Ok(())
}

fn report(stats: &IngressStats) -> Report {
    let topics = stats.topics().into_iter().map(|(topic, written, refused)| {
        (topic, TopicReport { written, refused, ..TopicReport::default() })
    });
    let endpoints = stats.endpoints();
    let note: Vec<_> = endpoints.iter().filter_map(note).collect();
    Report {
        ready: stats.is_ready(),
        topics: topics.collect(),
        note: note.join("; "),
        details: serde_json::json!({ "endpoints": endpoints }),
        ..Report::default()
    }
}

/// What a person should know of an endpoint, if anything.
fn note(endpoint: &EndpointReport) -> Option<String> {
    let refused: u64 = endpoint.rejected.values().sum();
    let lost = endpoint.dropped_by_kernel + endpoint.over_rate + endpoint.foreign;
    if refused + lost == 0 {
        return None;
    }
    let why = match endpoint.last_problem.as_str() {
        "" => String::new(),
        text => format!(" (last: {text})"),
    };
    Some(format!("{}: {refused} refused, {lost} dropped{why}", endpoint.endpoint))
}

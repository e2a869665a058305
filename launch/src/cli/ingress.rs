//! `tidewire ingress`: samples from programs that link nothing of ours.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::json;

use super::bus::Bus;
use super::failure::Usage;
use super::progress::Progress;
use super::{output, time};
use crate::node::{Counts, Stop, kinds};
use crate::up::plan::NodeSpec;

/// `tidewire ingress`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tidewire ingress --listen unix:///run/tidewire.sock --listen line+udp://127.0.0.1:8089\n  \
                  tidewire ingress --listen udp://239.255.7.1:7500 --udp-interface eth1 --source 10.1.0.0/16\n  \
                  tidewire ingress --listen line+unix:///run/lines.sock --types idl/ --map pump=plant::Pump\n\n\
                  Endpoints: unix:///PATH, unixpacket:///PATH, udp://ADDRESS:PORT; `line+` in front for line protocol.\n\
                  docs/ingress.md has the byte layout and clients in C and Python."
)]
pub struct Args {
    /// Where to listen; may be given again
    #[arg(long, required = true, value_name = "ENDPOINT")]
    pub listen: Vec<String>,
    /// Topics that may be written: names or patterns [default: all]
    #[arg(long, num_args = 1.., value_name = "TOPIC")]
    pub allow: Vec<String>,
    /// Put before every topic name
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    pub prefix: String,
    /// Collection point of lines that name none
    #[arg(long, default_value = "ingress")]
    pub point: String,
    /// Most topics
    #[arg(long, default_value_t = 256, value_name = "N")]
    pub max_topics: usize,
    /// Longest frame or line, bytes
    #[arg(long, default_value_t = 1 << 20, value_name = "BYTES")]
    pub max_frame: usize,
    /// Frames or lines a second for each client, datagrams for UDP; 0: no limit
    #[arg(long, default_value_t = 0.0, value_name = "N")]
    pub max_rate: f64,
    /// Wait until this participant reads a new topic before writing to it; may be given again
    #[arg(long, value_name = "NAME")]
    pub wait_for: Vec<String>,
    /// Stop after this time, e.g. 10s; 0: run until Ctrl-C
    #[arg(long = "for", value_name = "TIME", value_parser = time::duration, default_value = "0")]
    pub for_: Duration,
    #[command(flatten)]
    pub unix: Unix,
    #[command(flatten)]
    pub lines: Lines,
    #[command(flatten)]
    pub udp: Udp,
    #[command(flatten)]
    pub bus: Bus,
}

/// Of Unix sockets.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Unix sockets")]
pub struct Unix {
    /// Most clients of a socket at a time
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub max_connections: usize,
    /// User id that may connect; may be given again [default: our own]
    #[arg(long, value_name = "ID")]
    pub uid: Vec<u32>,
    /// Group id whose members may connect; may be given again
    #[arg(long, value_name = "ID")]
    pub gid: Vec<u32>,
    /// Mode of the sockets, octal
    #[arg(long, default_value = "600")]
    pub mode: String,
}

/// Of line protocol.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Line protocol")]
pub struct Lines {
    /// IDL type (and topic) of a measurement; may be given again [default: tidewire::line::Field]
    #[arg(long, value_name = "MEASUREMENT=TYPE[@TOPIC]")]
    pub map: Vec<String>,
    /// The tag that names the collection point
    #[arg(long, default_value = "point", value_name = "TAG")]
    pub point_tag: String,
    /// Unit of timestamps
    #[arg(long, value_enum, default_value_t = Precision::Ns)]
    pub precision: Precision,
}

/// Of UDP.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "UDP")]
pub struct Udp {
    /// Which way datagrams take
    #[arg(long, value_enum, default_value_t = Rung::Auto)]
    pub rung: Rung,
    /// Network interface, for groups and AF_XDP [default: the one that has the address]
    #[arg(long, default_value = "", hide_default_value = true, value_name = "NAME")]
    pub udp_interface: String,
    /// Sender or network that is heard, such as 10.1.0.0/16; may be given again [default: all]
    #[arg(long, value_name = "NETWORK")]
    pub source: Vec<String>,
}

/// Units of timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    Ns,
    Us,
    Ms,
    S,
}

/// Ways of datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Rung {
    /// The fastest that works
    Auto,
    /// AF_XDP, program in the driver
    XdpNative,
    /// AF_XDP, program behind the driver
    XdpGeneric,
    /// recvmmsg, polled before sleeping
    BusyPoll,
    /// One recv per datagram
    Blocking,
}

fn word(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn params(args: &Args) -> anyhow::Result<serde_json::Value> {
    let mut measurements = BTreeMap::new();
    for text in &args.lines.map {
        let Some((measurement, target)) =
            text.split_once('=').filter(|(m, t)| !m.is_empty() && !t.is_empty())
        else {
            let what = format!("--map {text}: give MEASUREMENT=TYPE or MEASUREMENT=TYPE@TOPIC");
            return Err(Usage(what).into());
        };
        measurements.insert(measurement, target);
    }
    let mut params = json!({
        "listen": args.listen,
        "prefix": args.prefix,
        "point": args.point,
        "max_topics": args.max_topics,
        "max_frame": args.max_frame,
        "max_rate": args.max_rate,
        "max_connections": args.unix.max_connections,
        "uids": args.unix.uid,
        "gids": args.unix.gid,
        "mode": args.unix.mode,
        "measurements": measurements,
        "point_tag": args.lines.point_tag,
        "precision": word(&args.lines.precision),
        "rung": word(&args.udp.rung),
        "udp_interface": args.udp.udp_interface,
        "sources": args.udp.source,
    });
    if !args.allow.is_empty() {
        params["allow"] = json!(args.allow);
    }
    Ok(params)
}

/// Listens until the time is up or Ctrl-C.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    let spec = NodeSpec {
        name: args.bus.name.clone().unwrap_or_else(|| "ingress".to_owned()),
        kind: "ingress".into(),
        domain: args.bus.domain,
        network: args.bus.network.clone(),
        types: args.bus.types.clone(),
        qos: args.bus.qos.clone(),
        wait_for: args.wait_for.clone(),
        params: params(args)?,
        ..NodeSpec::default()
    };
    let stop = Stop::at_keyboard()?;
    let counts = Counts::default();
    let mut progress = Progress::new(json);
    let mut told = false;
    let outcome = kinds::run_with(&spec, &stop, &counts, args.for_, |elapsed, report| {
        if !std::mem::replace(&mut told, true) {
            for endpoint in report.details["endpoints"].as_array().into_iter().flatten() {
                let rung = endpoint["rung"].as_str().map(|rung| format!(": {rung}"));
                let (at, rung) = (endpoint["endpoint"].as_str(), rung.unwrap_or_default());
                output::note(&format!("listening on {}{rung}", at.unwrap_or_default()));
            }
        }
        progress.show(|| {
            let topics: Vec<_> = report
                .topics
                .iter()
                .map(|(name, t)| format!("{name} {}", output::count(t.written)))
                .collect();
            format!(
                "{:.0} s  written: {}  {}",
                elapsed.as_secs_f64(),
                topics.join(", "),
                report.note
            )
        });
    });
    progress.clear();
    outcome?;
    let report = counts.get();
    if json {
        return output::json(&report);
    }
    for (topic, t) in &report.topics {
        let topic = output::plain(topic);
        output::say(&format!("{topic}: {} samples written", output::count(t.written)));
    }
    if !report.note.is_empty() {
        output::say(&output::plain(&report.note));
    }
    Ok(())
}

//! `tidewire bridge`: chosen topics to other sites and back, over zenoh.

use clap::ValueEnum;
use serde_json::json;

use super::bus::Bus;
use super::output;
use super::progress::Progress;
use crate::node::{Counts, Stop, kinds};
use crate::up::plan::NodeSpec;

/// `tidewire bridge`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tidewire bridge --site plant --domain 42 --listen tcp/0.0.0.0:7447 --allow anomaly\n  \
                  tidewire bridge --site exchange --domain 43 --connect tcp/10.0.0.7:7447 --allow anomaly 'pump*/health'\n\n\
                  Join sites as a full mesh or through one router: a sample crosses once."
)]
pub struct Args {
    /// Name of this site, unique among the joined
    #[arg(long)]
    pub site: String,
    /// Peer, or client of a router
    #[arg(long, value_enum, default_value_t = Mode::Peer)]
    pub mode: Mode,
    /// Endpoint to listen on, such as tcp/0.0.0.0:7447; may be given again
    #[arg(long, value_name = "ENDPOINT")]
    pub listen: Vec<String>,
    /// Endpoint of another site or a router; may be given again
    #[arg(long, value_name = "ENDPOINT")]
    pub connect: Vec<String>,
    /// Find other bridges by multicast
    #[arg(long)]
    pub scouting: bool,
    /// Topics that cross: names or patterns [default: all]
    #[arg(long, num_args = 1.., value_name = "TOPIC")]
    pub allow: Vec<String>,
    /// Topics that never cross
    #[arg(long, num_args = 1.., value_name = "TOPIC")]
    pub deny: Vec<String>,
    #[command(flatten)]
    pub bus: Bus,
}

/// Roles in the zenoh network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Talks to other bridges directly
    Peer,
    /// Talks through a router (`zenohd`)
    Client,
}

/// Bridges until Ctrl-C.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    let mut params = json!({
        "site": args.site,
        "mode": if args.mode == Mode::Peer { "peer" } else { "client" },
        "listen": args.listen,
        "connect": args.connect,
        "scouting": args.scouting,
        "deny": args.deny,
        "name": args.bus.name,
    });
    if !args.allow.is_empty() {
        params["allow"] = json!(args.allow);
    }
    let spec = NodeSpec {
        name: args.bus.name.clone().unwrap_or_else(|| format!("{}/bridge", args.site)),
        kind: "bridge".into(),
        domain: args.bus.domain,
        network: args.bus.network.clone(),
        types: args.bus.types.clone(),
        qos: args.bus.qos.clone(),
        params,
        ..NodeSpec::default()
    };
    let stop = Stop::at_keyboard()?;
    let counts = Counts::default();
    let mut progress = Progress::new(json);
    let outcome =
        kinds::run_with(&spec, &stop, &counts, std::time::Duration::ZERO, |elapsed, report| {
            progress.show(|| {
                let topics: Vec<_> = report
                    .topics
                    .iter()
                    .map(|(n, t)| format!("{n} {}", output::count(t.written)))
                    .collect();
                format!("{:.0} s  from other sites: {}", elapsed.as_secs_f64(), topics.join(", "))
            });
        });
    progress.clear();
    outcome?;
    if json {
        output::json(&counts.get())?;
    }
    Ok(())
}

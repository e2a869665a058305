//! `tidewire record`: topics of a domain into a folder.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use tidewire_capture::TopicFilter;

use super::bus::Bus;
use super::failure::Usage;
use super::output;
use super::progress::Progress;
use super::ros::Names;
use super::time;
use crate::node::{Counts, Stop, kinds};
use crate::up::plan::NodeSpec;

/// Nobody has told the sources to stop: samples under way are still taken for so long.
const DRAIN_MS: u64 = 250;

/// `tidewire record`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tidewire record -o run1 --for 10s\n  tidewire record 'plant/*' truth -o run1 --domain 42\n  \
                  tidewire record vibration -o run1 --filter \"vibration:=x > 3 OR x < -3\"\n\n\
                  Every sample counted as recorded is on disk. Topics that appear later are recorded, too. An existing\n\
                  recording is continued."
)]
pub struct Args {
    /// Topic names or patterns (`*`, `?`, `[ab]`) [default: all]
    pub topics: Vec<String>,
    /// Folder of the recording
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// Topic names or patterns not to record
    #[arg(long, value_name = "TOPIC")]
    pub exclude: Vec<String>,
    /// Record only samples of a topic for which the expression is true; may be given again
    #[arg(long, value_name = "TOPIC:=EXPR")]
    pub filter: Vec<String>,
    /// Be the durability service: serve late readers of TRANSIENT and PERSISTENT topics
    #[arg(long)]
    pub durable: bool,
    /// With --durable: samples to serve of each instance where neither the writers nor --qos say
    #[arg(long, value_name = "N", requires = "durable", value_parser = clap::value_parser!(u32).range(1..))]
    pub durable_depth: Option<u32>,
    /// Stop after this time, e.g. 10s; 0: run until Ctrl-C
    #[arg(long = "for", value_name = "TIME", value_parser = time::duration, default_value = "0")]
    pub for_: Duration,
    #[command(flatten)]
    pub names: Names,
    #[command(flatten)]
    pub bus: Bus,
}

/// Records until the time is up or Ctrl-C.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    for filter in &args.filter {
        let wrong = filter.parse::<TopicFilter>().err();
        if let Some(wrong) = wrong {
            let wrong = wrong.strip_prefix("error: ").unwrap_or(&wrong);
            return Err(Usage(format!("--filter: {wrong}")).into());
        }
    }
    let on_bus = |topics: &[String]| -> Vec<String> {
        topics.iter().map(|topic| args.names.on_bus(topic)).collect()
    };
    let spec = NodeSpec {
        name: args.bus.name.clone().unwrap_or_else(|| "record".to_owned()),
        kind: "record".into(),
        domain: args.bus.domain,
        network: args.bus.network.clone(),
        types: args.bus.types.clone(),
        qos: args.bus.qos.clone(),
        params: json!({
            "dir": args.output,
            "topics": on_bus(&args.topics),
            "exclude": on_bus(&args.exclude),
            "filters": args.filter,
            "drain_ms": DRAIN_MS,
            "durable": args.durable,
            "durable_depth": args.durable_depth,
        }),
        ..NodeSpec::default()
    };
    let stop = Stop::at_keyboard()?;
    let counts = Counts::default();
    let mut progress = Progress::new(json);
    let mut told = String::new();
    let outcome = kinds::run_with(&spec, &stop, &counts, args.for_, |elapsed, report| {
        if !report.note.is_empty() && report.note != told {
            told.clone_from(&report.note);
            if !json {
                progress.clear();
                output::note(&format!("note: {told}"));
            }
        }
        progress.show(|| {
            let recorded: u64 = report.topics.values().map(|t| t.recorded).sum();
            format!(
                "{:.0} s  {} samples on disk, {}, of {} topics",
                elapsed.as_secs_f64(),
                output::count(recorded),
                output::bytes(report.bytes_on_disk),
                report.topics.len(),
            )
        });
    });
    progress.clear();
    outcome?;
    let report = counts.get();
    if json {
        return output::json(&report);
    }
    if report.topics.is_empty() {
        output::say(&format!(
            "no topic with a writer appeared in domain {}: nothing recorded",
            args.bus.domain
        ));
        return Ok(());
    }
    let filtered = !args.filter.is_empty();
    let rows = report.topics.iter().map(|(name, t)| {
        let mut row = vec![
            name.clone(),
            output::count(t.received),
            output::count(t.recorded),
            output::count(t.lost),
            output::bytes(t.bytes),
        ];
        if filtered {
            row.push(output::count(t.filtered));
        }
        row
    });
    let mut head = vec!["TOPIC", ">RECEIVED", ">RECORDED", ">LOST", ">PAYLOAD"];
    if filtered {
        head.push(">KEPT BACK");
    }
    output::print(&output::table(&head, rows));
    output::say(&format!("{} in {}", output::bytes(report.bytes_on_disk), args.output.display()));
    Ok(())
}

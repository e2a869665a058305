//! `tidewire info`: what a recording holds.

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use serde_json::json;
use tidewire_store::StoreReader;

use super::output::{self, bytes, count};

/// `tidewire info`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tidewire info run1\n  tidewire info run1 --json\n\nWorks while the recording grows, too."
)]
pub struct Args {
    /// Folder of the recording
    pub dir: PathBuf,
}

/// Prints topics, counts, times and points.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    let reader = StoreReader::open(&args.dir)
        .with_context(|| format!("cannot read {}", args.dir.display()))?;
    let topics = reader.topics();
    if json {
        let list: Vec<_> = topics
            .iter()
            .map(|t| {
                json!({
                    "topic": t.meta.name,
                    "type": t.meta.type_name,
                    "keyed": t.meta.keyed,
                    "type_known": t.meta.descriptor.is_some(),
                    "samples": t.samples,
                    "bytes": t.bytes,
                    "first": t.first,
                    "last": t.last,
                    "points": t.points,
                })
            })
            .collect();
        output::json(&json!({ "dir": args.dir, "topics": list }))?;
        return damage(&reader);
    }
    let first = topics.iter().filter_map(|t| t.first).min();
    let last = topics.iter().filter_map(|t| t.last).max();
    output::say(&format!("recording: {}", args.dir.display()));
    if let Some((first, last)) = first.zip(last) {
        let seconds = last.saturating_sub(first) as f64 / 1e9;
        output::say(&format!(
            "time:      {} to {} ({seconds:.1} s)",
            output::time(first),
            output::time(last)
        ));
    }
    output::say(&format!(
        "samples:   {} in {} of payload\n",
        count(topics.iter().map(|t| t.samples).sum()),
        bytes(topics.iter().map(|t| t.bytes).sum()),
    ));
    let rows = topics.iter().map(|t| {
        let seconds = t.first.zip(t.last).map_or(0, |(a, b)| b.saturating_sub(a)) as f64 / 1e9;
        let rate = if seconds > 0.0 {
            format!("{:.1}/s", (t.samples.saturating_sub(1)) as f64 / seconds)
        } else {
            "-".into()
        };
        let unknown = if t.meta.descriptor.is_some() { "" } else { " (unknown)" };
        vec![
            t.meta.name.clone(),
            format!("{}{unknown}", t.meta.type_name),
            count(t.samples),
            rate,
            bytes(t.bytes),
            points(&t.points),
        ]
    });
    output::print(&output::table(
        &["TOPIC", "TYPE", ">SAMPLES", ">RATE", ">PAYLOAD", "POINTS"],
        rows,
    ));
    damage(&reader)
}

/// What cannot be read is missing from the counts: then they are no answer to rely on.
fn damage(reader: &StoreReader) -> anyhow::Result<()> {
    let problems: Vec<_> = reader.problems().iter().map(ToString::to_string).collect();
    if problems.is_empty() { Ok(()) } else { Err(anyhow!("damaged: {}", problems.join("\n  "))) }
}

fn points(points: &[String]) -> String {
    if points.len() <= 4 {
        points.join(", ")
    } else {
        format!("{}, … {} in all", points[..3].join(", "), points.len())
    }
}

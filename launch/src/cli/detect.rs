//! `tidewire detect`: anomaly models on live topics, or over a recording by the same code.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use serde_json::json;
use tidewire_detect::{DetectOptions, DetectStats, Phase};

use super::bus::Bus;
use super::output::{self, count, paint};
use super::progress::Progress;
use super::time;
use crate::node::{Counts, Stop, kinds};
use crate::up::plan::NodeSpec;

/// `tidewire detect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  tidewire detect launch/models/vibration.twm --domain 42\n  \
                  tidewire detect skab.twm -d recordings/skab --json\n\n\
                  Live, anomalies are published on --output; from a recording they are printed.")]
pub struct Args {
    /// Model files made by `tidewire train`
    #[arg(required = true, value_name = "MODEL")]
    pub models: Vec<PathBuf>,
    /// Look at this recording instead of live topics
    #[arg(short, long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Only this collection point; may be given again
    #[arg(long, value_name = "POINT")]
    pub point: Vec<String>,
    /// Topic the anomalies go to
    #[arg(long, default_value = "anomaly")]
    pub output: String,
    /// Stop after this time, e.g. 10s; 0: run until Ctrl-C
    #[arg(long = "for", value_name = "TIME", value_parser = time::duration, default_value = "0")]
    pub for_: std::time::Duration,
    #[command(flatten)]
    pub bus: Bus,
}

/// Detects.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    match &args.dir {
        Some(dir) => past(args, dir, json),
        None => live(args, json),
    }
}

fn live(args: &Args, json: bool) -> anyhow::Result<()> {
    let spec = NodeSpec {
        name: args.bus.name.clone().unwrap_or_else(|| "detect".into()),
        kind: "detect".into(),
        domain: args.bus.domain,
        network: args.bus.network.clone(),
        types: args.bus.types.clone(),
        qos: args.bus.qos.clone(),
        params: json!({ "models": args.models, "points": args.point, "output": args.output }),
        ..NodeSpec::default()
    };
    let stop = Stop::at_keyboard()?;
    let counts = Counts::default();
    let mut progress = Progress::new(json);
    let outcome = kinds::run_with(&spec, &stop, &counts, args.for_, |elapsed, report| {
        progress.show(|| {
            let said: u64 = report.topics.values().map(|t| t.written).sum();
            format!(
                "{:.0} s  {} anomaly samples written  {}",
                elapsed.as_secs_f64(),
                count(said),
                report.note
            )
        });
    });
    progress.clear();
    outcome?;
    if json {
        output::json(&counts.get())?;
    }
    Ok(())
}

fn past(args: &Args, dir: &std::path::Path, json: bool) -> anyhow::Result<()> {
    let options = DetectOptions {
        models: args.models.iter().cloned().map(Into::into).collect(),
        points: args.point.clone(),
        output: args.output.clone(),
        ..DetectOptions::default()
    };
    let types = args.bus.registry()?;
    let stats = Arc::new(DetectStats::default());
    let mut found = Vec::new();
    tidewire_detect::scan(dir, &types, &options, (None, None), &stats, |detection| {
        if detection.phase == Phase::Closed {
            found.push(detection.anomaly);
        }
    })
    .with_context(|| format!("cannot look through {}", dir.display()))?;
    if json {
        let list: Vec<_> = found
            .iter()
            .map(|a| {
                json!({
                    "point": a.point, "topic": a.topic, "start_ns": a.start_ns, "end_ns": a.end_ns,
                    "score": a.score, "threshold": a.threshold, "fields": a.fields, "model": a.model,
                })
            })
            .collect();
        return output::json(&list);
    }
    let rows = found.iter().map(|a| {
        vec![
            output::time(a.start_ns),
            format!("{:.1} s", a.end_ns.saturating_sub(a.start_ns) as f64 / 1e9),
            a.point.clone(),
            a.topic.clone(),
            format!("{:.2}", a.score),
            format!("{:.2}", a.threshold),
            a.fields.join(", "),
            a.model.clone(),
        ]
    });
    let headers = ["START", ">LASTS", "POINT", "TOPIC", ">SCORE", ">THRESHOLD", "FIELDS", "MODEL"];
    output::print(&output::table(&headers, rows));
    let s = stats.snapshot();
    output::say(&paint(
        "2",
        &format!(
            "{} samples, {} windows, {} anomalies",
            count(s.samples),
            count(s.windows),
            found.len()
        ),
    ));
    Ok(())
}

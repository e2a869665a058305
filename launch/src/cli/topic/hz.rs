use std::time::{Duration, Instant};

use serde_json::json;
use tidewire_capture::latency::Histogram;

use super::watch;
use crate::cli::bus::Bus;
use crate::cli::output;
use crate::cli::progress::Progress;
use crate::cli::ros::Names;
use crate::cli::time;
use crate::node::Stop;

/// `tidewire topic hz`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Topic name
    pub topic: String,
    /// How long to measure; 0: until Ctrl-C
    #[arg(long = "for", value_name = "TIME", value_parser = time::duration, default_value = "0")]
    pub for_: Duration,
    /// Give up when nobody writes the topic for this long
    #[arg(long, value_name = "TIME", value_parser = time::duration)]
    pub timeout: Option<Duration>,
    #[command(flatten)]
    pub names: Names,
    #[command(flatten)]
    pub bus: Bus,
}

#[derive(Default)]
struct Measure {
    samples: u64,
    bytes: u64,
    latency: Histogram,
    /// Time between neighbours, ns.
    gap: Histogram,
    last: Option<i64>,
}

/// Counts until Ctrl-C or `--for`.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    let stop = Stop::at_keyboard()?;
    let profile = args.bus.profile()?;
    let participant = args.bus.participant("topic-hz")?;
    let topic = args.names.on_bus(&args.topic);
    let Some(info) = watch::topic(&participant, &topic, args.timeout, &stop)? else {
        return Ok(());
    };
    let reader = watch::reader(&participant, &info, profile.as_ref())?;
    let mut progress = Progress::new(json);
    let mut measure = Measure::default();
    let mut begun: Option<Instant> = None;
    let waiting = Instant::now();
    let mut batch = Vec::new();
    while !stop.is_set() && (args.for_.is_zero() || begun.unwrap_or(waiting).elapsed() < args.for_)
    {
        participant.wait(Duration::from_millis(100));
        reader.take_into(&mut batch, 4096);
        for sample in batch.drain(..) {
            // The first one only starts the clock.
            if begun.is_none() {
                begun = Some(Instant::now());
            } else {
                measure.samples += 1;
            }
            measure.bytes += sample.payload.len() as u64;
            measure.latency.record(sample.info.reception_time - sample.info.source_time);
            if let Some(last) = measure.last.replace(sample.info.reception_time) {
                measure.gap.record(sample.info.reception_time - last);
            }
        }
        progress.show(|| line(&measure, begun));
    }
    progress.clear();
    let seconds = begun.map_or(0.0, |b| b.elapsed().as_secs_f64());
    if json {
        let us = |h: &Histogram, q: f64| h.quantile(q).map(|ns| ns as f64 / 1e3);
        return output::json(&json!({
            "topic": args.topic,
            "samples": measure.samples,
            "hz": measure.samples as f64 / seconds.max(1e-9),
            "bytes_per_s": measure.bytes as f64 / seconds.max(1e-9),
            "latency_us_p50": us(&measure.latency, 0.5),
            "latency_us_p99": us(&measure.latency, 0.99),
            "gap_us_p50": us(&measure.gap, 0.5),
            "gap_us_p99": us(&measure.gap, 0.99),
            "lost": reader.lost(),
        }));
    }
    output::say(&line(&measure, begun));
    Ok(())
}

fn line(measure: &Measure, begun: Option<Instant>) -> String {
    let Some(begun) = begun else { return "no sample yet".to_owned() };
    let seconds = begun.elapsed().as_secs_f64().max(1e-9);
    let us = |h: &Histogram, q: f64| {
        h.quantile(q).map_or_else(|| "-".into(), |ns| output::micros(ns as f64 / 1e3))
    };
    format!(
        "{:.1} Hz  {}/s  latency p50 {} p99 {}  gap p50 {} p99 {}  {} samples",
        measure.samples as f64 / seconds,
        output::bytes((measure.bytes as f64 / seconds) as u64),
        us(&measure.latency, 0.5),
        us(&measure.latency, 0.99),
        us(&measure.gap, 0.5),
        us(&measure.gap, 0.99),
        output::count(measure.samples),
    )
}

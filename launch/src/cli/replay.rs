//! `tidewire replay`: a recording back onto the bus, with the option names of `ros2 bag play`.

use std::path::PathBuf;

use super::bus::Bus;
use super::failure::Usage;
use super::output;
use super::progress::Progress;
use crate::node::Stop;
use tidewire_replay::{Remap, ReplayError, ReplayOptions};

/// `tidewire replay`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tidewire replay run1\n  tidewire replay run1 --rate 10 --topics vibration --remap \
                  vibration:=test/vibration\n  tidewire replay run1 --loop --start-offset 30 --exclude '*/camera'\n\n\
                  Samples keep their bytes, keys and order; a recording is played as it was written."
)]
pub struct Args {
    /// Folder of the recording
    pub dir: PathBuf,
    /// Times faster than recorded; `inf`: as fast as readers take it
    #[arg(short, long, default_value_t = 1.0)]
    pub rate: f64,
    /// Begin again at the end, until Ctrl-C
    #[arg(short, long = "loop")]
    pub loop_: bool,
    /// Skip this many seconds
    #[arg(long, default_value_t = 0.0, value_name = "S")]
    pub start_offset: f64,
    /// Stop this many seconds after the recording's first sample
    #[arg(long, value_name = "S")]
    pub end_offset: Option<f64>,
    /// Play only these names or patterns
    #[arg(long, num_args = 1.., value_name = "TOPIC")]
    pub topics: Vec<String>,
    /// Play topics in which this regular expression is found
    #[arg(short = 'e', long)]
    pub regex: Option<String>,
    /// Names or patterns not to play
    #[arg(short = 'x', long, num_args = 1.., value_name = "TOPIC")]
    pub exclude: Vec<String>,
    /// Write a topic under another name, `from:=to`
    #[arg(short = 'm', long, num_args = 1.., value_name = "FROM:=TO")]
    pub remap: Vec<String>,
    /// Keep the recorded source times instead of stamping anew
    #[arg(long)]
    pub keep_timestamps: bool,
    /// Wait at most this many seconds until every topic has a reader
    #[arg(long, default_value_t = 2.0, value_name = "S")]
    pub wait: f64,
    #[command(flatten)]
    pub bus: Bus,
}

/// Plays until the end or Ctrl-C.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    if args.rate.is_nan() || args.rate <= 0.0 {
        return Err(Usage(format!(
            "--rate {} makes no sense: give how many times faster than recorded",
            args.rate
        ))
        .into());
    }
    let remap: Result<Vec<Remap>, String> = args.remap.iter().map(|text| text.parse()).collect();
    let options = ReplayOptions {
        dir: args.dir.clone(),
        rate: args.rate,
        loop_: args.loop_,
        start_offset: args.start_offset,
        end_offset: args.end_offset,
        topics: args.topics.clone(),
        regex: args.regex.clone(),
        exclude: args.exclude.clone(),
        remap: remap.map_err(Usage)?,
        qos: args.bus.qos.clone(),
        keep_timestamps: args.keep_timestamps,
        wait: args.wait,
        ..ReplayOptions::default()
    };
    let stop = Stop::at_keyboard()?;
    let participant = args.bus.participant("replay")?;
    let mut line = Progress::new(json);
    let outcome = tidewire_replay::run(&participant, &options, stop.flag(), &mut |p| {
        line.show(|| {
            format!(
                "{:.1} of {:.1} s  {} samples, {:.0}/s",
                p.position_ns as f64 / 1e9,
                p.duration_ns as f64 / 1e9,
                output::count(p.samples),
                p.samples_per_s,
            )
        });
    });
    line.clear();
    let summary = outcome.map_err(|error| match error {
        ReplayError::Option { .. } => anyhow::Error::from(Usage(error.to_string())),
        other => other.into(),
    })?;
    if json {
        return output::json(&summary);
    }
    let rows = summary.topics.iter().map(|t| {
        vec![
            t.topic.clone(),
            output::count(t.samples),
            output::bytes(t.bytes),
            t.readers.to_string(),
        ]
    });
    output::print(&output::table(&["TOPIC", ">SAMPLES", ">PAYLOAD", ">READERS"], rows));
    output::say(&format!(
        "{} samples in {:.1} s{}",
        output::count(summary.samples),
        summary.elapsed_ns as f64 / 1e9,
        if summary.acknowledged { "" } else { "; not all RELIABLE readers acknowledged in time" },
    ));
    Ok(())
}

//! `tidewire train`: a model of normal operation from a recording.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;
use tidewire_detect::TrainOptions;

use super::failure::Usage;
use super::output;
use super::progress::Progress;

/// `tidewire train`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tidewire train -d run1 --topic vibration -o vibration.twm\n  \
                  tidewire train -d run1 --topic current --kind pca --exclude-faults truth -o current.twm\n\n\
                  The recording is taken for normal operation; --exclude-faults leaves out what was faulty."
)]
pub struct Args {
    /// Folder of the recording
    #[arg(short, long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Topic to learn
    #[arg(short, long)]
    pub topic: String,
    /// Model file to write
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Main detector: autoencoder, pca, drift or shock; rules for stuck and silent sensors come along
    #[arg(long, default_value = "autoencoder")]
    pub kind: String,
    /// Name that anomalies carry [default: <TOPIC>-<KIND>]
    #[arg(long)]
    pub id: Option<String>,
    /// Field to look at, may be given again [default: every numeric one]
    #[arg(long, value_name = "FIELD")]
    pub field: Vec<String>,
    /// Only this collection point, may be given again
    #[arg(long, value_name = "POINT")]
    pub point: Vec<String>,
    /// Start of the range (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub start: Option<String>,
    /// End of the range (RFC 3339), not included
    #[arg(long, value_name = "TIME")]
    pub end: Option<String>,
    /// Rows per window, 0: by the topic's rate
    #[arg(long, default_value_t = 0)]
    pub window: usize,
    /// Rows from window to window, 0: by the window
    #[arg(long, default_value_t = 0)]
    pub hop: usize,
    /// Take means of this many rows
    #[arg(long, default_value_t = 0)]
    pub decimate: usize,
    /// Topic with the faults that were injected, to leave them out
    #[arg(long, value_name = "TOPIC")]
    pub exclude_faults: Option<String>,
    /// Passes over the windows, 0: about 1,500 steps in all
    #[arg(long, default_value_t = 0)]
    pub epochs: usize,
    /// Seed of weights and shuffling
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder with IDL of types the recording does not describe; may be given again
    #[arg(long, value_name = "DIR")]
    pub types: Vec<PathBuf>,
}

/// Trains and saves.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    let mut options = TrainOptions {
        topic: args.topic.clone(),
        id: args.id.clone().unwrap_or_default(),
        fields: args.field.clone(),
        points: args.point.clone(),
        start: args.start.as_deref().map(instant).transpose()?,
        end: args.end.as_deref().map(instant).transpose()?,
        kind: args.kind.parse().map_err(Usage)?,
        window: args.window,
        hop: args.hop,
        decimate: args.decimate,
        exclude_faults: args.exclude_faults.clone(),
        ..TrainOptions::default()
    };
    options.fit.epochs = args.epochs;
    options.fit.seed = args.seed;
    let types = super::bus::registry(&args.types)?;
    let mut line = Progress::new(json);
    let trained = tidewire_detect::train(&args.dir, &types, &options, &mut |p| {
        line.show(|| format!("{}: pass {} of {}, loss {:.5}", p.kind, p.epoch, p.epochs, p.loss));
    });
    line.clear();
    let model = trained.with_context(|| format!("cannot train on {}", args.dir.display()))?;
    model.save(&args.output)?;
    let bytes = std::fs::metadata(&args.output).map_or(0, |m| m.len());
    let header = model.header();
    if json {
        return output::json(&json!({ "file": args.output, "bytes": bytes, "model": header }));
    }
    output::say(&format!(
        "{}: {} on {} ({}), {}",
        args.output.display(),
        header.id,
        header.topic,
        header.fields.join(", "),
        output::bytes(bytes)
    ));
    Ok(())
}

fn instant(text: &str) -> anyhow::Result<i64> {
    let wrong =
        || Usage(format!("`{text}` is no time: write RFC 3339, such as 2026-11-22T10:00:00Z"));
    let stamp: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
    Ok(i64::try_from(stamp.as_nanosecond()).map_err(|_| wrong())?)
}

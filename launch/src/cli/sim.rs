//! `tidewire sim`: a simulator or a CSV file as a collection point.

use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::json;

use super::bus::Bus;
use super::output;
use super::progress::Progress;
use super::time;
use crate::node::{Counts, Stop, kinds};
use crate::up::plan::NodeSpec;

/// The sources.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// A pump: vibration 1 kHz, current 100 Hz, temperature 10 Hz
    #[command(
        after_help = "Example:\n  tidewire sim pump --point plant/pump1 --seed 7 --faults bearing,drift"
    )]
    Pump(Pump),
    /// A six-joint robot arm: IMU 200 Hz, joint states 100 Hz
    #[command(after_help = "Example:\n  tidewire sim arm --point cell/arm1")]
    Arm(Common),
    /// A trading gateway: quotes and trades of 20 symbols
    #[command(after_help = "Example:\n  tidewire sim gateway --rate 5000 --faults flash_crash")]
    Gateway(Gateway),
    /// Play a CSV file: one sample per row
    #[command(after_help = "Examples:\n  tidewire sim csv run.csv --topic pump --speed 60\n  \
                      tidewire sim csv 1.csv --type skab::Row --types examples/skab --topic skab")]
    Csv(Csv),
}

/// What all simulators take.
#[derive(Debug, clap::Args)]
pub struct Common {
    /// Collection point
    #[arg(long)]
    pub point: Option<String>,
    /// Seed of noise and faults
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Faults to inject, comma-separated; `none` for none [default: what suits the simulator]
    #[arg(long, value_delimiter = ',', value_name = "KIND")]
    pub faults: Option<Vec<Fault>>,
    /// Seconds before the first fault
    #[arg(long, default_value_t = 15.0, value_name = "S")]
    pub first_fault: f64,
    /// Mean seconds from fault to fault
    #[arg(long, default_value_t = 30.0, value_name = "S")]
    pub fault_every: f64,
    /// Stop after this time, e.g. 10s; 0: run until Ctrl-C
    #[arg(long = "for", value_name = "TIME", value_parser = time::duration, default_value = "0")]
    pub for_: std::time::Duration,
    #[command(flatten)]
    pub bus: Bus,
}

/// Faults by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Fault {
    None,
    Bearing,
    StuckCurrent,
    StuckTemperature,
    Drift,
    Collision,
    FlashCrash,
    StaleFeed,
}

/// `tidewire sim pump`.
#[derive(Debug, clap::Args)]
pub struct Pump {
    /// Nominal shaft frequency, Hz
    #[arg(long, default_value_t = 24.75)]
    pub shaft_hz: f64,
    /// Mean load, 0 to 1
    #[arg(long, default_value_t = 0.7)]
    pub load: f64,
    #[command(flatten)]
    pub common: Common,
}

/// `tidewire sim gateway`.
#[derive(Debug, clap::Args)]
pub struct Gateway {
    /// Mean events a second
    #[arg(long, default_value_t = 2000.0)]
    pub rate: f64,
    #[command(flatten)]
    pub common: Common,
}

/// `tidewire sim csv`.
#[derive(Debug, clap::Args)]
pub struct Csv {
    /// The file; `;`, `,`, tab and `|` are told apart
    pub file: PathBuf,
    /// IDL type of a row; without it one is made from the header
    #[arg(long = "type", value_name = "NAME")]
    pub type_name: Option<String>,
    /// Topic of the rows
    #[arg(long, default_value = "rows")]
    pub topic: String,
    /// Collection point
    #[arg(long, default_value = "csv")]
    pub point: String,
    /// Times faster than recorded; 0: as fast as can be
    #[arg(long, default_value_t = 1.0)]
    pub speed: f64,
    /// Start over at the end
    #[arg(long = "loop")]
    pub repeat: bool,
    /// Columns that go to <TOPIC>_label instead, comma-separated
    #[arg(long, value_delimiter = ',', default_value = "anomaly,changepoint")]
    pub labels: Vec<String>,
    /// Stamp samples with the time of writing, not the file's
    #[arg(long)]
    pub stamp_now: bool,
    /// Write the row type made from the header to this IDL file
    #[arg(long, value_name = "FILE")]
    pub idl_out: Option<PathBuf>,
    /// Wait until this participant reads the topic (may be given again)
    #[arg(long, value_name = "NAME")]
    pub wait_for: Vec<String>,
    #[command(flatten)]
    pub bus: Bus,
}

/// Runs the source until it ends, its time is up, or Ctrl-C.
pub fn run(command: Command, json: bool) -> anyhow::Result<()> {
    let (kind, common, mut params) = match command {
        Command::Pump(pump) => {
            ("pump", pump.common, json!({ "shaft_hz": pump.shaft_hz, "load": pump.load }))
        }
        Command::Arm(common) => ("arm", common, json!({})),
        Command::Gateway(gateway) => ("gateway", gateway.common, json!({ "rate": gateway.rate })),
        Command::Csv(csv) => return play(csv, json),
    };
    params["seed"] = json!(common.seed);
    if let Some(point) = &common.point {
        params["point"] = json!(point);
    }
    let mut faults = json!({ "first_s": common.first_fault, "every_s": common.fault_every });
    if let Some(kinds) = &common.faults {
        let names =
            kinds.iter().filter(|k| **k != Fault::None).filter_map(ValueEnum::to_possible_value);
        faults["kinds"] = json!(names.map(|v| v.get_name().to_owned()).collect::<Vec<_>>());
    } else {
        faults["kinds"] = kinds::default_faults(kind);
    }
    params["faults"] = faults;
    source(kind, common.bus, params, Vec::new(), common.for_, json)
}

fn play(csv: Csv, json: bool) -> anyhow::Result<()> {
    let params = json!({
        "file": csv.file,
        "type": csv.type_name.unwrap_or_default(),
        "topic": csv.topic,
        "point": csv.point,
        "speed": csv.speed,
        "loop": csv.repeat,
        "labels": csv.labels,
        "stamp": if csv.stamp_now { "now" } else { "file" },
        "idl_out": csv.idl_out,
    });
    source("csv", csv.bus, params, csv.wait_for, std::time::Duration::ZERO, json)
}

fn source(
    kind: &str,
    bus: Bus,
    params: serde_json::Value,
    wait_for: Vec<String>,
    lasts: std::time::Duration,
    json: bool,
) -> anyhow::Result<()> {
    let spec = NodeSpec {
        name: bus.name.clone().unwrap_or_else(|| kind.to_owned()),
        kind: kind.to_owned(),
        domain: bus.domain,
        network: bus.network,
        types: bus.types,
        qos: bus.qos,
        wait_for,
        params,
        ..NodeSpec::default()
    };
    let stop = Stop::at_keyboard()?;
    let counts = Counts::default();
    let mut progress = Progress::new(json);
    let outcome = kinds::run_with(&spec, &stop, &counts, lasts, |elapsed, report| {
        progress.show(|| {
            let total: u64 = report.topics.values().map(|t| t.written).sum();
            let topics: Vec<_> = report
                .topics
                .iter()
                .map(|(name, t)| format!("{name} {}", output::count(t.written)))
                .collect();
            format!(
                "{:.0} s  {} samples written: {}",
                elapsed.as_secs_f64(),
                output::count(total),
                topics.join(", ")
            )
        });
    });
    progress.clear();
    outcome?;
    let report = counts.get();
    if json {
        output::json(&report)?;
    } else {
        for (topic, t) in &report.topics {
            output::say(&format!("{topic}: {} samples written", output::count(t.written)));
        }
    }
    Ok(())
}

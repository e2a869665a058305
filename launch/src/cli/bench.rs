//! `tidewire bench`: ourselves beside others, in one run.

use std::path::PathBuf;
use std::process::Command;

use clap::ValueEnum;

use super::failure::Usage;
use super::output;
use super::progress::Progress;

/// `tidewire bench`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tidewire bench bus\n  tidewire bench dds --only '64 B'\n  tidewire bench store --json\n  tidewire bench ingress --runs 9\n\n\
                  Medians over interleaved runs; ratio = ours / theirs of neighbouring runs. Measure with the binary \
                  of `make build`, whose\nprofile (demo) optimises what runs once per sample on both sides, or with a \
                  release build; numbers of a plain\n`cargo build` are no measure."
)]
pub struct Args {
    /// What to measure
    #[arg(value_enum)]
    pub name: Name,
    /// Be the second process of a bus benchmark
    #[arg(long, hide = true, value_name = "JOB")]
    pub far_end: Option<String>,
    /// Interleaved runs, at least 5
    #[arg(long, default_value_t = 5)]
    pub runs: usize,
    /// Only the figures whose name contains this, such as `64 B` (bus, dds, ingress)
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub only: String,
    /// Cyclone DDS's own measuring program (dds) [default: that of deploy/ddsperf.sh, else of the system]
    #[arg(long, value_name = "PROGRAM", env = "TIDEWIRE_DDSPERF")]
    pub ddsperf: Option<PathBuf>,
    /// Samples per run (store)
    #[arg(long, default_value_t = 200_000)]
    pub samples: usize,
    /// Folder for scratch files (store); its disk is what is measured
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
}

/// The benchmarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// Latency and throughput beside raw iceoryx2, raw RustDDS and, if built in, raw Cyclone DDS
    Bus,
    /// The Cyclone backend, if built in, beside Cyclone DDS's own ddsperf
    Dds,
    /// Recording beside MCAP
    Store,
    /// UDP by every way beside blocking recv, between network namespaces (takes root)
    Ingress,
}

/// Measures and prints one line per figure.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    if args.runs < 5 {
        return Err(
            Usage(format!("--runs {} is too few for a median: give 5 or more", args.runs)).into()
        );
    }
    if let Some(job) = &args.far_end {
        match args.name {
            Name::Dds => tidewire_bench::dds::far_end(job)?,
            _ => tidewire_bench::bus::far_end(job)?,
        }
        return Ok(());
    }
    let this = std::env::current_exe()?;
    let name = if matches!(args.name, Name::Dds) { "dds" } else { "bus" };
    let far = |job: &str| {
        let mut command = Command::new(&this);
        command.args(["bench", name, "--far-end", job]);
        command
    };
    let mut line = Progress::new(json);
    let mut progress = |what: &str| line.show(|| what.to_owned());
    let figures = match args.name {
        Name::Bus => tidewire_bench::bus::run(args.runs, &args.only, &far, &mut progress)?,
        Name::Dds => {
            let mut note = |what: &str| output::note(&format!("note: {what}"));
            let ddsperf = args.ddsperf.as_deref();
            let only = &args.only;
            tidewire_bench::dds::run(args.runs, only, ddsperf, &far, &mut progress, &mut note)?
        }
        Name::Store => {
            tidewire_bench::store::run(&args.dir, args.samples, args.runs, &mut progress)?
        }
        Name::Ingress => {
            let mut note = |what: &str| output::note(&format!("note: {what}"));
            tidewire_bench::ingress::run(args.runs, &args.only, &mut progress, &mut note)?
        }
    };
    line.clear();
    if json {
        for figure in &figures {
            output::say(&serde_json::to_string(figure)?);
        }
        return Ok(());
    }
    let rows = figures.iter().map(|f| {
        vec![
            f.name.clone(),
            f.unit.to_owned(),
            format!("{:.1}", f.ours),
            f.peer.to_owned(),
            measured(f.theirs, 1),
            measured(f.ratio, 2),
            f.ratio_range.map(|ratio| measured(ratio, 2)).join(" to "),
        ]
    });
    let columns = ["WHAT", "UNIT", ">OURS", "PEER", ">THEIRS", ">RATIO", "HALF OF THE RUNS"];
    output::print(&output::table(&columns, rows));
    Ok(())
}

/// A figure, if there was somebody to measure.
fn measured(value: f64, digits: usize) -> String {
    if value.is_nan() { "not measured".into() } else { format!("{value:.digits$}") }
}

//! `tidewire up`: runs a launch file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use tidewire_graph::Graph;

use super::failure::Told;
use super::output::{self, count, paint, plain};
use super::time;
use crate::up::plan::Plan;
use crate::up::run::{self, Outcome};

/// `tidewire up`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tidewire up launch/demo.yaml\n  tidewire up launch/demo.yaml --for 0\n  \
                  tidewire up launch/demo.yaml --for 10s --json\n  tidewire up launch/demo.yaml rate:=8000 -o /data/run1\n\n\
                  Exit code 1 if a node failed or if written, received, recorded and queried samples do not agree."
)]
pub struct Args {
    /// The launch file
    pub file: PathBuf,
    /// Values for the file's arguments
    #[arg(value_name = "NAME:=VALUE")]
    pub args: Vec<String>,
    /// How long to run; 0: until Ctrl-C
    #[arg(long = "for", value_name = "TIME", value_parser = time::duration, default_value = "60s")]
    pub for_: Duration,
    /// Folder of the recordings and logs [default: recordings/<file>-<time>]
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Folder with IDL (*.idl) or ROS 2 (*.msg) types for all nodes; may be given again
    #[arg(long, value_name = "DIR")]
    pub types: Vec<PathBuf>,
    /// Samples lost while a recorder was restarting are told but do not fail the run
    #[arg(long)]
    pub allow_gaps: bool,
}

/// Runs the graph and tells how it went.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    let graph = super::check::load(&args.file, &args.args)?;
    let output = args.output.clone().unwrap_or_else(|| fresh(&args.file));
    let plan = Plan::new(&graph, &output, &args.types);
    if !json {
        let files = if args.for_.is_zero() {
            "until Ctrl-C".to_owned()
        } else {
            format!("for {:.0} s", args.for_.as_secs_f64())
        };
        output::say(&format!(
            "{} nodes at {} site(s) {files}; recordings and logs in {}",
            graph.nodes.len(),
            graph.sites.len().max(1),
            output.display()
        ));
    }
    let outcome = run::run(plan, output.join("logs"), args.for_, json)?;
    if json {
        output::say(&serde_json::to_string(&outcome.summary).context("cannot write the summary")?);
        for line in notes(&outcome) {
            output::note(&line);
        }
    } else {
        tell(&outcome, &graph);
    }
    let unbalanced = outcome.unbalanced().any(|book| {
        // A gap explains a shortfall at its site, nothing else.
        let gap =
            outcome.gaps.iter().any(|g| args.allow_gaps && g.node.starts_with(book.site.as_str()));
        !(gap && book.recorded == book.queried)
    });
    if unbalanced || !outcome.failures.is_empty() || !outcome.problems.is_empty() {
        return Err(Told.into());
    }
    Ok(())
}

/// `recordings/demo-20261122-001530`.
fn fresh(file: &Path) -> PathBuf {
    let stem = file.file_stem().map_or_else(|| "run".into(), |s| s.to_string_lossy().into_owned());
    let now = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string();
    PathBuf::from("recordings").join(format!("{stem}-{now}"))
}

fn notes(outcome: &Outcome) -> Vec<String> {
    let mut lines = Vec::new();
    for gap in &outcome.gaps {
        let again = match gap.again {
            0 => String::new(),
            n => format!(", {} recorded twice (TRANSIENT_LOCAL history)", count(n)),
        };
        lines.push(format!(
            "{} was down for {:.1} s: {} samples not recorded{again}",
            gap.node,
            gap.down.as_secs_f64(),
            count(gap.missing)
        ));
    }
    lines.extend(outcome.failures.iter().cloned());
    lines.extend(outcome.problems.iter().map(|p| format!("could not be asked: {p}")));
    lines
}

fn tell(outcome: &Outcome, graph: &Graph) {
    let summary = &outcome.summary;
    let rows = summary.topics.iter().map(|b| {
        let verdict = if b.balances() { paint("32", "balanced") } else { paint("31", "OFF") };
        vec![
            b.site.clone(),
            plain(&b.topic).into_owned(),
            count(b.written),
            count(b.received),
            count(b.recorded),
            count(b.queried),
            verdict,
        ]
    });
    let headers = ["SITE", "TOPIC", ">WRITTEN", ">RECEIVED", ">RECORDED", ">QUERIED", ""];
    output::print(&format!("\n{}", output::painted_table(&headers, rows)));
    let score = &summary.anomalies;
    let delay =
        score.delay_ms_p50.map_or_else(String::new, |ms| format!(", median delay {ms:.0} ms"));
    output::say(&format!(
        "\n{:.0} samples/s, {:.1} bytes per sample on disk",
        summary.samples_per_s, summary.bytes_per_sample,
    ));
    output::say(&match score.injected {
        // Data with labels of its own, or no data at all: nothing here is false or missed.
        0 => format!("{} anomalies; no injected fault to compare them with", score.false_alarms),
        injected => format!(
            "{injected} faults injected: {} found, {} missed; {} false alarms{delay}",
            score.found, score.missed, score.false_alarms,
        ),
    });
    for line in notes(outcome) {
        output::say(&paint("33", &output::plain_lines(&line)));
    }
    let off = outcome.unbalanced().count();
    if off == 0 {
        output::say(&paint(
            "32",
            "The books balance: every sample written was received, recorded and found.",
        ));
    } else {
        output::say(&paint("31", &format!("The books of {off} topic(s) do not balance.")));
    }
    if let Some((site, dir)) = outcome.recordings.first() {
        // So that the replay printed goes where the data came from.
        let domain = graph.sites.iter().find(|s| s.name == *site).map_or(0, |s| s.domain);
        let dir = shell_word(&dir.display().to_string());
        let topic = summary.topics.iter().filter(|b| b.site == *site).max_by_key(|b| b.recorded);
        let topic = topic.map_or("vibration", |b| b.topic.as_str());
        let anomaly = summary.topics.iter().any(|b| b.site == *site && b.topic == "anomaly");
        let table = plain(if anomaly { "anomaly" } else { topic });
        let sql = shell_word(&format!("SELECT * FROM \"{table}\" LIMIT 10"));
        output::say(&format!(
            "\nTry next:\n  tidewire query -d {dir} {sql}\n  \
             tidewire replay {dir} --domain {domain}\n  tidewire view -d {dir}"
        ));
    }
}

/// A word as a shell takes it, in quotes where it needs them.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

//! `tidewire verify`: reads a whole recording back and tells what is damaged.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;

use super::failure::Told;
use super::output::{self, count, paint};
use super::progress::Progress;

/// `tidewire verify`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  tidewire verify run1\n\nExit code 1 if anything is damaged; nothing is changed."
)]
pub struct Args {
    /// Folder of the recording
    pub dir: PathBuf,
}

/// Reads everything and prints the problems.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    let mut line = Progress::new(json);
    let outcome = tidewire_store::verify(&args.dir, |p| {
        line.show(|| format!("{} of {} read", output::bytes(p.done), output::bytes(p.total)));
    });
    line.clear();
    let report = outcome.with_context(|| format!("cannot verify {}", args.dir.display()))?;
    if json {
        let problems: Vec<_> = report
            .problems
            .iter()
            .map(|p| json!({ "file": p.file, "offset": p.offset, "what": p.what, "remedy": p.remedy }))
            .collect();
        output::json(&json!({
            "dir": args.dir,
            "ok": problems.is_empty(),
            "samples": report.samples(),
            "blocks": report.blocks,
            "shards": report.shards,
            "journal_segments": report.segments,
            "problems": problems,
        }))?;
    } else {
        for problem in &report.problems {
            output::say(&paint("31", &problem.to_string()));
        }
        let verdict = match report.problems.len() {
            0 => paint("32", "no damage"),
            n => paint("31", &format!("{n} problem(s)")),
        };
        output::say(&format!(
            "{verdict}: {} samples in {} blocks of {} shards and {} journal segments",
            count(report.samples()),
            count(report.blocks),
            report.shards,
            report.segments,
        ));
    }
    if report.problems.is_empty() { Ok(()) } else { Err(Told.into()) }
}

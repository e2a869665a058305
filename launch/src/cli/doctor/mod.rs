//! `tidewire doctor`: what works on this machine, and how to mend the rest.

mod host;
mod memory;
mod network;
mod topics;

use serde::Serialize;

use super::bus::Bus;
use super::failure::Told;
use super::output::{self, paint};

/// `tidewire doctor`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tidewire doctor\n  tidewire doctor --domain 42 --dir /data\n\nExit code 1 if anything failed; warnings do not fail."
)]
pub struct Args {
    /// Folder recordings will go to
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: std::path::PathBuf,
    #[command(flatten)]
    pub bus: Bus,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// One thing looked at.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    remedy: String,
}

impl Check {
    fn new(name: &'static str, verdict: Verdict, found: impl Into<String>, remedy: &str) -> Self {
        let remedy = if verdict == Verdict::Ok { String::new() } else { remedy.to_owned() };
        Self { name, verdict, found: found.into(), remedy }
    }
}

/// Runs all checks.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    // A folder that cannot be used is a mistake here as everywhere.
    args.bus.registry()?;
    let checks = [
        network::multicast(),
        network::buffers(),
        memory::space(),
        memory::works(),
        memory::one_user(),
        topics::durability(&args.bus)?,
        host::open_files(),
        host::disk(&args.dir),
        host::clock(),
        host::viewer(),
    ];
    let failed = checks.iter().any(|c| c.verdict == Verdict::Fail);
    if json {
        output::json(&checks)?;
    } else {
        for check in &checks {
            let verdict = match check.verdict {
                Verdict::Ok => paint("32", "ok  "),
                Verdict::Warn => paint("33", "warn"),
                Verdict::Fail => paint("31", "FAIL"),
            };
            let found = output::plain_lines(&check.found);
            output::say(&format!("{verdict}  {}: {found}", check.name));
            if !check.remedy.is_empty() {
                output::say(&format!("      {}", check.remedy));
            }
        }
    }
    if failed { Err(Told.into()) } else { Ok(()) }
}

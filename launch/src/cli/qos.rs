//! `tidewire qos`: would these two match, and what would it take?

use serde_json::json;
use tidewire_qos::Qos;

use super::failure::{Told, Usage};
use super::output::{self, paint};

/// `tidewire qos`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Check a writer's profile against a reader's
    #[command(
        after_help = "Examples:\n  tidewire qos check Telemetry Event\n  tidewire qos check fleet.xml::Sensor \
                      fleet.xml::Logger --topic plant/vibration\n\nExit code 1 if they do not match."
    )]
    Check(Check),
    /// List the shipped profiles
    List,
}

/// `tidewire qos check`.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// Profile of the writer: FILE[::PROFILE] or a shipped one
    #[arg(value_name = "WRITER")]
    pub offered: String,
    /// Profile of the reader
    #[arg(value_name = "READER")]
    pub requested: String,
    /// Topic, for profiles with topic filters
    #[arg(long, default_value = "")]
    pub topic: String,
}

/// Runs the subcommand.
pub fn run(command: &Command, json: bool) -> anyhow::Result<()> {
    match command {
        Command::Check(args) => check(args, json),
        Command::List => {
            let names = tidewire_qos::Library::shipped().names();
            if json {
                return output::json(&names);
            }
            names.iter().for_each(|name| output::say(name));
            Ok(())
        }
    }
}

fn check(args: &Check, json: bool) -> anyhow::Result<()> {
    let side = |spec: &str| super::bus::profile(Some(spec));
    let (Some(offered), Some(requested)) = (side(&args.offered)?, side(&args.requested)?) else {
        return Err(Usage("give the writer's and the reader's profile".into()).into());
    };
    let (offered, requested): (Qos, Qos) =
        (offered.writer_qos(&args.topic), requested.reader_qos(&args.topic));
    let mismatches = tidewire_qos::check(&offered, &requested);
    if json {
        let list: Vec<_> = mismatches
            .iter()
            .map(|m| {
                json!({
                    "policy": m.policy.to_string(),
                    "offered": m.offered,
                    "requested": m.requested,
                    "remedy": m.remedy,
                })
            })
            .collect();
        output::json(&json!({ "match": list.is_empty(), "mismatches": list }))?;
    } else if mismatches.is_empty() {
        output::say(&format!(
            "{}: a writer with {} serves a reader with {}",
            paint("32", "match"),
            args.offered,
            args.requested
        ));
    } else {
        for m in &mismatches {
            output::say(&format!(
                "{}: offered {}, requested {}",
                paint("31", &m.policy.to_string()),
                m.offered,
                m.requested
            ));
            output::say(&format!("  {}", m.remedy));
        }
    }
    if mismatches.is_empty() { Ok(()) } else { Err(Told.into()) }
}

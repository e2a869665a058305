//! `tidewire qos`: would these two match, and what would it take?

use serde_json::json;
use tidewire_qos::Qos;
use tidewire_qos::support::{self, Entry, Support};

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
    /// Show which policies the bus keeps, on which transport
    #[command(
        after_help = "Examples:\n  tidewire qos support\n  tidewire qos support --policy OWNERSHIP --json\n\nThe \
                      table is what the conformance suite of the bus finds: every policy on every transport, \
                      typed and raw, with and without a key."
    )]
    Support(SupportOf),
}

/// `tidewire qos support`.
#[derive(Debug, clap::Args)]
pub struct SupportOf {
    /// Only policies whose name contains this, such as `LIFESPAN`
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub policy: String,
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
        Command::Support(args) => support(args, json),
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

/// One line per value of a policy, one column per transport.
fn support(args: &SupportOf, json: bool) -> anyhow::Result<()> {
    let wanted = args.policy.to_uppercase();
    let found: Vec<_> =
        support::table().iter().filter(|e| e.policy.name().contains(&wanted)).collect();
    if found.is_empty() {
        return Err(Usage(format!(
            "no policy is called `{}`: see `tidewire qos support`",
            args.policy
        ))
        .into());
    }
    if json {
        return output::json(&found);
    }
    let unique = |of: &dyn Fn(&Entry) -> String| {
        let mut values: Vec<String> = Vec::new();
        for value in found.iter().map(|entry| of(entry)) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        values
    };
    let transports = unique(&|e| e.transport.clone());
    let title = |e: &Entry| format!("{} {}", e.policy, e.value).trim_end().to_owned();
    let titles = unique(&title);
    let width = titles.iter().map(String::len).max().unwrap_or(0);
    let columns: String = transports.iter().map(|name| format!("{name:20}")).collect();
    output::say(&paint("1", &format!("{:width$}  {columns}", "policy")));
    for line in titles {
        let mut cells = String::new();
        let mut notes: Vec<&str> = Vec::new();
        for transport in &transports {
            let of_cell: Vec<&Entry> = found
                .iter()
                .copied()
                .filter(|e| e.transport == *transport && title(e) == line)
                .collect();
            let told = of_cell.iter().filter(|e| e.support != Support::NotApplicable);
            notes.extend(told.map(|e| e.note.as_str()).filter(|note| !note.is_empty()));
            cells += &paint(colour(&of_cell), &format!("{:20}", cell(&of_cell)));
        }
        output::say(&format!("{line:width$}  {}", cells.trim_end()));
        let mut told: Vec<&str> = Vec::new();
        for note in notes {
            if !told.contains(&note) {
                told.push(note);
                output::say(&paint("2", &format!("{:width$}  {note}", "")));
            }
        }
    }
    Ok(())
}

/// What the four kinds of endpoints on a transport have in common, or how they differ.
fn cell(entries: &[&Entry]) -> String {
    let applicable: Vec<_> =
        entries.iter().filter(|e| e.support != Support::NotApplicable).collect();
    let Some(first) = applicable.first() else { return Support::NotApplicable.to_string() };
    if applicable.iter().all(|e| e.support == first.support) {
        return first.support.to_string();
    }
    let raw = applicable.iter().find(|e| !e.typed && e.keyed);
    match (applicable.iter().find(|e| e.typed), raw) {
        (Some(typed), Some(raw)) => format!("{} (raw: {})", typed.support, raw.support),
        _ => "differs: --json".to_owned(),
    }
}

fn colour(entries: &[&Entry]) -> &'static str {
    match entries.iter().map(|entry| entry.support).max() {
        Some(Support::Refused) if entries.iter().any(|e| e.support == Support::Kept) => "33",
        Some(Support::Refused) => "31",
        Some(Support::Mostly) => "33",
        Some(Support::Hint) => "2",
        _ => "32",
    }
}

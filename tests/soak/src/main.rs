//! The bus for a long time: writers and readers in processes of their own, which are killed, stopped
//! and restarted at random, and books that must balance.
//!
//! The room may use the bus, the types and the qos; nothing may use it. Start at [`stage`], which runs the
//! processes and checks them, then at [`node`], which is one of them; `docs/testing.md` says what holds.

mod books;
mod node;
mod pattern;
mod stage;
mod topics;

use std::process::ExitCode;

use clap::Parser;

/// Runs the bus for a while under processes that die, stop and come back; exit code 1 if anything is
/// lost, doubled, stalled or left behind.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// How long, in seconds
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 60)]
    seconds: u64,
    /// Makes the same plan of faults again
    #[arg(long)]
    seed: Option<u64>,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    /// Be one of the processes: its role, as the stage gives it
    #[arg(long, hide = true, value_name = "ROLE", requires = "domain")]
    node: Option<String>,
    /// The DDS domain of that process
    #[arg(long, hide = true)]
    domain: Option<u16>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match (&args.node, args.domain) {
        (Some(role), Some(domain)) => node::run(role, domain).map(|()| true),
        _ => stage::run(args.seconds, args.seed, args.json),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("tidewire-soak: {error:#}");
            ExitCode::FAILURE
        }
    }
}

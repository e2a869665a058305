//! The `tidewire` command: launch files, the command line, and the launcher behind `tidewire up`.
//!
//! It composes the other crates and may use all of them; nothing uses it. Start at [`cli::Command`]
//! for what it can do, at [`up::supervisor`] for how nodes are run, at [`node::kinds`] for what a
//! built-in node is. Every built-in node is a subcommand, too.

mod cli;
mod node;
mod up;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    log(cli.verbose);
    match cli.run() {
        Ok(()) if cli::output::is_incomplete() => ExitCode::FAILURE,
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cli::failure::report(&error),
    }
}

/// Log lines go to standard error, so that standard output stays for answers.
fn log(verbose: u8) {
    let level = ["warn", "info", "debug"][usize::from(verbose.min(2))];
    // Dependencies are chatty about what is ours to say. RustDDS's writer takes it for an error that the
    // sample which introduces us to Cyclone DDS is for nobody.
    let default = format!("error,rustdds::rtps::writer=off,tidewire={level}")
        + &[
            "graph", "sim", "viewer", "bus", "dds", "cyclone", "shm", "bridge", "ingress", "store",
            "capture", "replay", "query", "detect", "models", "stream",
        ]
        .map(|name| format!(",tidewire_{name}={level}"))
        .concat();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr())
        && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .init();
}

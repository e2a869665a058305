//! The command line: one file per command, all with the same manners.

pub mod bench;
pub mod bridge;
pub mod bus;
pub mod check;
pub mod completion;
pub mod detect;
pub mod doctor;
pub mod failure;
pub mod graph;
pub mod idl;
pub mod info;
pub mod ingress;
pub mod live;
pub mod node;
pub mod output;
pub mod progress;
pub mod qos;
pub mod query;
pub mod record;
pub mod replay;
pub mod ros;
pub mod sim;
pub mod time;
pub mod topic;
pub mod train;
pub mod up;
pub mod verify;
pub mod view;
pub mod why;

use clap::{Parser, Subcommand};
use tidewire_bus::{BACKEND_VARIABLE, Backend, BusError};

/// Telemetry middleware for robots, plants and trading gateways: carry, record, query, detect,
/// view and replay typed samples on a DDS bus.
#[derive(Debug, Parser)]
#[command(
    name = "tidewire",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Examples:\n  tidewire up launch/demo.yaml\n  tidewire topic echo vibration --domain 42\n  \
                  tidewire record -o run1 --for 10s\n  tidewire query -d run1 'SELECT * FROM vibration LIMIT 5'\n\n\
                  Exit codes: 0 fine, 1 the work failed, 2 wrong usage."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// JSON instead of text, for machines
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,

    /// DDS implementation: rustdds, or cyclone in builds with `--features cyclone` [default: rustdds]
    #[arg(long, global = true, value_name = "NAME", env = BACKEND_VARIABLE, hide_env_values = true, value_parser = backend, help_heading = "Global options")]
    pub dds: Option<Backend>,

    /// Say more (-v: what happens, -vv: everything); RUST_LOG sets it in detail
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a launch file: start its nodes, watch them, balance the books
    Up(up::Args),
    /// Check a launch file without running it
    Check(check::Args),
    /// Draw a launch file's nodes and topics
    Graph(graph::Args),
    /// Look at the topics of a domain, ours or anyone's
    #[command(subcommand)]
    Topic(topic::Command),
    /// Look at the participants of a domain, ours or anyone's
    #[command(subcommand)]
    Node(node::Command),
    /// Say who exchanges samples on a topic with whom, and why the others do not
    Why(why::Args),
    /// Record topics into a folder
    Record(record::Args),
    /// Say what a recording holds
    Info(info::Args),
    /// Check a recording for damage
    Verify(verify::Args),
    /// Ask a recording in SQL
    Query(query::Args),
    /// Play a recording back onto the bus
    Replay(replay::Args),
    /// Train an anomaly model from a recording
    Train(train::Args),
    /// Run an anomaly model on live topics or on a recording
    Detect(detect::Args),
    /// Show samples and anomalies in Rerun
    View(view::Args),
    /// Carry topics to other sites over zenoh
    Bridge(bridge::Args),
    /// Take samples from Unix sockets and UDP: CDR frames, line protocol
    Ingress(ingress::Args),
    /// Publish simulated or recorded signals
    #[command(subcommand)]
    Sim(sim::Command),
    /// Work with QoS profiles
    #[command(subcommand)]
    Qos(qos::Command),
    /// Work with IDL types
    #[command(subcommand)]
    Idl(idl::Command),
    /// Measure ourselves beside others
    Bench(bench::Args),
    /// Say what works on this machine and how to mend the rest
    Doctor(doctor::Args),
    /// Print a script that completes commands and options in a shell
    Completion(completion::Args),
}

impl Command {
    /// Whether its exit code says yes or no.
    fn answers_by_exit_code(&self) -> bool {
        match self {
            Self::Up(_)
            | Self::Check(_)
            | Self::Why(_)
            | Self::Info(_)
            | Self::Verify(_)
            | Self::Doctor(_) => true,
            Self::Qos(command) => matches!(command, qos::Command::Check(_)),
            Self::Idl(command) => matches!(command, idl::Command::Check { .. }),
            _ => false,
        }
    }
}

impl Cli {
    /// Does what was asked.
    pub fn run(self) -> anyhow::Result<()> {
        let json = self.json;
        if let Some(backend) = self.dds {
            backend.choose();
        }
        if self.command.answers_by_exit_code() {
            output::exit_code_is_the_answer();
        }
        match self.command {
            Command::Up(args) => up::run(&args, json),
            Command::Check(args) => check::run(&args, json),
            Command::Graph(args) => graph::run(&args, json),
            Command::Topic(command) => topic::run(&command, json),
            Command::Node(command) => node::run(&command, json),
            Command::Why(args) => why::run(&args, json),
            Command::Record(args) => record::run(&args, json),
            Command::Info(args) => info::run(&args, json),
            Command::Verify(args) => verify::run(&args, json),
            Command::Query(args) => query::run(&args, json),
            Command::Replay(args) => replay::run(&args, json),
            Command::Train(args) => train::run(&args, json),
            Command::Detect(args) => detect::run(&args, json),
            Command::View(args) => view::run(&args, json),
            Command::Bridge(args) => bridge::run(&args, json),
            Command::Ingress(args) => ingress::run(&args, json),
            Command::Sim(command) => sim::run(command, json),
            Command::Qos(command) => qos::run(&command, json),
            Command::Idl(command) => idl::run(&command, json),
            Command::Bench(args) => bench::run(&args, json),
            Command::Doctor(args) => doctor::run(&args, json),
            Command::Completion(args) => completion::run(&args, json),
        }
    }
}

/// A DDS backend that this build has.
fn backend(name: &str) -> Result<Backend, BusError> {
    let backend: Backend = name.parse()?;
    if backend.is_built_in() { Ok(backend) } else { Err(BusError::NotBuiltIn(backend)) }
}

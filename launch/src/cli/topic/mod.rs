//! `tidewire topic`: what is on a domain, ours or not.

mod echo;
mod hz;
mod info;
mod list;
pub mod watch;

/// The subcommands.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List topics with their types, writers and readers
    #[command(
        after_help = "Examples:\n  tidewire topic list --domain 42\n  tidewire topic list --json"
    )]
    List(list::Args),
    /// Tell a topic's type, endpoints, their QoS, and who does not match whom
    #[command(after_help = "Example:\n  tidewire topic info vibration --domain 42")]
    Info(info::Args),
    /// Print samples as they come
    #[command(after_help = "Examples:\n  tidewire topic echo vibration -n 3 --domain 42\n  \
                      tidewire topic echo my/topic --types my_idl/ --json\n  \
                      tidewire topic echo vibration --filter \"x > 3 AND point LIKE 'plant/%'\"\n\nWith --json one object per line.")]
    Echo(echo::Args),
    /// Measure rate, size and latency
    #[command(after_help = "Example:\n  tidewire topic hz vibration --for 10s --domain 42")]
    Hz(hz::Args),
}

/// Runs the subcommand.
pub fn run(command: &Command, json: bool) -> anyhow::Result<()> {
    match command {
        Command::List(args) => list::run(args, json),
        Command::Info(args) => info::run(args, json),
        Command::Echo(args) => echo::run(args, json),
        Command::Hz(args) => hz::run(args, json),
    }
}

//! `tidewire topic`: what is on a domain, ours or not.

mod budget;
mod bw;
mod delay;
mod echo;
mod figures;
mod follow;
mod hz;
mod info;
mod list;
mod measure;
mod offer;
mod publish;
mod value;
pub mod watch;

use std::time::Duration;

/// How long a peer may take to send the description of its type.
const TYPE_PATIENCE: Duration = Duration::from_secs(5);

/// The subcommands.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List topics with their types, writers and readers
    #[command(
        after_help = "Examples:\n  tidewire topic list --domain 42\n  tidewire topic list --watch\n  tidewire topic list --ros\n  tidewire topic list --json"
    )]
    List(list::Args),
    /// Tell a topic's type, endpoints, their QoS, and who does not match whom
    #[command(after_help = "Example:\n  tidewire topic info vibration --domain 42")]
    Info(info::Args),
    /// Print samples as they come
    #[command(after_help = "Examples:\n  tidewire topic echo vibration -n 3 --domain 42\n  \
                      tidewire topic echo my/topic --types my_idl/ --json\n  \
                      tidewire topic echo --ros /chatter\n  \
                      tidewire topic echo vibration --filter \"x > 3 AND point LIKE 'plant/%'\"\n\nWith --json one object per line.")]
    Echo(echo::Args),
    /// Measure how often samples come, and how regularly
    #[command(after_help = "Examples:\n  tidewire topic hz vibration --for 10s --domain 42\n  \
                      tidewire topic hz 'plant/*' --window 1000\n\nWith --json one object per topic.")]
    Hz(measure::Args),
    /// Measure bytes per second and the sizes of samples
    #[command(after_help = "Examples:\n  tidewire topic bw vibration --for 10s --domain 42\n  \
                      tidewire topic bw '*' --json --for 5s\n\nA sample's size is its payload with the 4 bytes of \
                      encapsulation header. With --json one object per topic.")]
    Bw(measure::Args),
    /// Measure the time from a sample's source time to its reception
    #[command(after_help = "Examples:\n  tidewire topic delay vibration --for 10s --domain 42\n  \
                      tidewire topic delay rt/imu --window 100 --json\n\nThe source time is the writer's clock, the \
                      reception this host's. Between hosts a delay holds the difference of their clocks: it is \
                      negative where the writer's is ahead by more than the sample took. On shared memory a \
                      sample is received when it is taken. With --json one object per topic.")]
    Delay(measure::Args),
    /// Write samples given as JSON or YAML
    #[command(after_help = "Examples:\n  \
                      tidewire topic pub temperature tidewire::sensor::Temperature '{point: p1, celsius: 61.5}' --once\n  \
                      tidewire topic pub my/topic my::Type '{\"x\": 1}' --types my_idl/ --rate 10 --count 100\n  \
                      tidewire topic pub temperature tidewire::sensor::Temperature '{point: p1}' --dispose\n  \
                      jq -c .value old.json | tidewire topic pub temperature tidewire::sensor::Temperature -\n\n\
                      It writes RELIABLE, and TRANSIENT_LOCAL where a reader asks for it, unless --qos says otherwise.")]
    Pub(publish::Args),
}

/// Runs the subcommand.
pub fn run(command: &Command, json: bool) -> anyhow::Result<()> {
    match command {
        Command::List(args) => list::run(args, json),
        Command::Info(args) => info::run(args, json),
        Command::Echo(args) => echo::run(args, json),
        Command::Hz(args) => hz::run(args, json),
        Command::Bw(args) => bw::run(args, json),
        Command::Delay(args) => delay::run(args, json),
        Command::Pub(args) => publish::run(args, json),
    }
}

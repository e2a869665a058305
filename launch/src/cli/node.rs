//! `tidewire node`: who is on a domain; and what `tidewire up` starts its nodes with.

use std::time::Duration;

use anyhow::bail;
use serde_json::{Value, json};
use tidewire_bus::{EndpointInfo, Participant, ParticipantInfo, TopicInfo};

use super::bus::Bus;
use super::output::{self, plain};
use super::ros::Graph;
use super::time;
use super::topic::watch;
use crate::node::Stop;

/// The subcommands.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the participants of a domain, ours or anyone's
    #[command(
        after_help = "Examples:\n  tidewire node list --domain 42\n  tidewire node list --watch\n  tidewire node list --json"
    )]
    List(List),
    /// Tell what a participant writes and reads
    #[command(after_help = "Example:\n  tidewire node info plant/pump1 --domain 42")]
    Info(Info),
    /// A built-in node of `tidewire up`
    #[command(hide = true)]
    Run {
        /// JSON of the node
        spec: String,
    },
    /// Any program as a node of `tidewire up`
    #[command(hide = true)]
    Exec {
        /// Program and arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        program: Vec<String>,
    },
}

/// `tidewire node list`.
#[derive(Debug, clap::Args)]
pub struct List {
    /// How long to look at most
    #[arg(long, value_name = "TIME", value_parser = time::duration, default_value = "3s")]
    pub timeout: Duration,
    /// Show it as it changes, until Ctrl-C
    #[arg(short, long, conflicts_with = "timeout")]
    pub watch: bool,
    #[command(flatten)]
    pub bus: Bus,
}

/// `tidewire node info`.
#[derive(Debug, clap::Args)]
pub struct Info {
    /// Name of the participant or of a ROS 2 node in it, or the start of its GUID prefix in hexadecimal
    #[arg(value_name = "NAME")]
    pub node: String,
    /// How long to look for it at most
    #[arg(long, value_name = "TIME", value_parser = time::duration, default_value = "3s")]
    pub timeout: Duration,
    #[command(flatten)]
    pub bus: Bus,
}

/// Runs the subcommand.
pub fn run(command: &Command, json: bool) -> anyhow::Result<()> {
    match command {
        Command::List(args) => list(args, json),
        Command::Info(args) => info(args, json),
        Command::Run { spec } => crate::node::child::run(spec),
        Command::Exec { program } => crate::node::child::exec(program),
    }
}

/// A participant with its endpoints and their topics.
struct Member {
    info: ParticipantInfo,
    /// ROS 2 nodes in it.
    ros: Vec<String>,
    writers: Vec<(String, EndpointInfo)>,
    readers: Vec<(String, EndpointInfo)>,
}

fn members(participant: &Participant, topics: &[TopicInfo], graph: &Graph) -> Vec<Member> {
    let mut infos: Vec<_> = participant.participants().into_iter().filter(|p| !p.own).collect();
    infos.sort_by(|a, b| a.name.cmp(&b.name).then(a.prefix.cmp(&b.prefix)));
    let of = |info: &ParticipantInfo, side: fn(&TopicInfo) -> &[EndpointInfo]| {
        let ends = topics.iter().flat_map(|t| side(t).iter().map(|e| (t.name.clone(), e.clone())));
        ends.filter(|(_, e)| e.guid.prefix() == info.prefix).collect()
    };
    infos
        .into_iter()
        .map(|info| Member {
            writers: of(&info, |topic| &topic.writers),
            readers: of(&info, |topic| &topic.readers),
            ros: graph.nodes_in(&info.prefix).into_iter().map(str::to_owned).collect(),
            info,
        })
        .collect()
}

/// Whether a person means the participant by `name`.
fn is_called(name: &str, info: &ParticipantInfo, graph: &Graph) -> bool {
    *info.name == *name
        || hex(info).starts_with(name)
        || graph.nodes_in(&info.prefix).contains(&name)
}

fn list(args: &List, json: bool) -> anyhow::Result<()> {
    let participant = args.bus.participant("node-list")?;
    let stop = Stop::at_keyboard()?;
    if args.watch {
        // What ROS 2 processes tell comes when it comes: the next picture shows it.
        let mut graph = Graph::default();
        return watch::redrawn(&stop, || {
            let topics = participant.topics();
            graph.take(&participant, &topics)?;
            let members = members(&participant, &topics, &graph);
            match json {
                true => Ok(serde_json::to_string(&values(&members))? + "\n"),
                false => Ok(text(args, &members)),
            }
        });
    }
    let topics = watch::settled(&participant, args.timeout, &stop);
    let graph = Graph::read(&participant, &topics, &stop)?;
    let members = members(&participant, &topics, &graph);
    if json {
        return output::json(&values(&members));
    }
    output::print(&text(args, &members));
    Ok(())
}

fn values(members: &[Member]) -> Vec<Value> {
    let value = |m: &Member| {
        let mut object = head(m);
        object["writers"] = json!(m.writers.len());
        object["readers"] = json!(m.readers.len());
        object
    };
    members.iter().map(value).collect()
}

fn text(args: &List, members: &[Member]) -> String {
    if members.is_empty() {
        return format!(
            "nobody else in domain {}; `--domain N` looks at another one, `tidewire doctor` checks \
             multicast\n",
            args.bus.domain
        );
    }
    let ros = members.iter().any(|m| !m.ros.is_empty());
    let rows = members.iter().map(|m| {
        let mut row = vec![
            m.info.name.to_string(),
            hex(&m.info),
            place(&m.info).to_owned(),
            vendor(&m.info),
            m.writers.len().to_string(),
            m.readers.len().to_string(),
        ];
        row.extend(ros.then(|| m.ros.join(", ")));
        row
    });
    let mut head = vec!["NODE", "GUID PREFIX", "WHERE", "VENDOR", ">WRITERS", ">READERS"];
    head.extend(ros.then_some("ROS 2 NODES"));
    output::table(&head, rows)
}

fn info(args: &Info, json: bool) -> anyhow::Result<()> {
    let participant = args.bus.participant("node-info")?;
    let stop = Stop::at_keyboard()?;
    let mut graph = Graph::default();
    let mut outcome = Ok(());
    let topics = watch::found(&participant, args.timeout, &stop, |topics| {
        outcome = graph.take(&participant, topics);
        let is_it = |p: &ParticipantInfo| !p.own && is_called(&args.node, p, &graph);
        outcome.is_err() || participant.participants().iter().any(is_it)
    });
    outcome?;
    graph.wait(&participant, &topics, &stop)?;
    let members = members(&participant, &topics, &graph);
    let is_it = |member: &&Member| is_called(&args.node, &member.info, &graph);
    let found: Vec<&Member> = members.iter().filter(is_it).collect();
    if found.is_empty() {
        let mut names: Vec<String> = members.iter().map(|m| m.info.name.to_string()).collect();
        names.extend(members.iter().flat_map(|m| m.ros.iter().cloned()));
        let there = if names.is_empty() {
            "nobody else is there".to_owned()
        } else {
            format!("there are: {}", names.join(", "))
        };
        bail!("no node `{}` in domain {}; {there}", args.node, args.bus.domain);
    }
    if json {
        let end = |(topic, e): &(String, EndpointInfo)| json!({ "topic": topic, "type": e.type_name, "guid": e.guid.to_string(), "qos": e.qos });
        let value = |member: &&Member| {
            let mut object = head(member);
            object["writers"] = member.writers.iter().map(end).collect();
            object["readers"] = member.readers.iter().map(end).collect();
            object
        };
        return output::json_lines(&found.iter().map(value).collect::<Vec<_>>());
    }
    for member in found {
        let i = &member.info;
        output::say(&format!("node: {}", plain(&i.name)));
        output::say(&format!("guid prefix: {}, {}, {}", hex(i), place(i), vendor(i)));
        if !member.ros.is_empty() {
            output::say(&format!("ROS 2 nodes: {}", plain(&member.ros.join(", "))));
        }
        for (title, ends) in [("writes", &member.writers), ("reads", &member.readers)] {
            output::say(&format!("{title}: {}", ends.len()));
            for (topic, e) in ends {
                let policies = output::policies(&e.qos);
                output::say(&format!("  {}  {}  {policies}", plain(topic), plain(&e.type_name)));
            }
        }
    }
    Ok(())
}

fn head(member: &Member) -> Value {
    let info = &member.info;
    json!({
        "node": info.name,
        "prefix": hex(info),
        "local": info.local,
        "vendor": vendor(info),
        "ros_nodes": member.ros,
    })
}

fn hex(info: &ParticipantInfo) -> String {
    info.prefix.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn place(info: &ParticipantInfo) -> &'static str {
    if info.local { "this host" } else { "remote" }
}

/// Who made its DDS (the vendor ids the OMG has given out).
fn vendor(info: &ParticipantInfo) -> String {
    match info.vendor {
        None => "shared memory only".to_owned(),
        Some([1, 0x01]) => "RTI Connext".to_owned(),
        Some([1, 0x02]) => "OpenSplice".to_owned(),
        Some([1, 0x03]) => "OpenDDS".to_owned(),
        Some([1, 0x06]) => "CoreDX".to_owned(),
        Some([1, 0x0a]) => "RTI Connext Micro".to_owned(),
        Some([1, 0x0f]) => "Fast DDS".to_owned(),
        Some([1, 0x10]) => "Cyclone DDS".to_owned(),
        Some([1, 0x11]) => "GurumDDS".to_owned(),
        Some([1, 0x12]) => "RustDDS".to_owned(),
        Some([1, 0x14]) => "Dust DDS".to_owned(),
        Some([a, b]) => format!("vendor {a}.{b}"),
    }
}

use std::time::Duration;

use serde_json::{Value, json};
use tidewire_bus::TopicInfo;
use tidewire_idl::TypeRegistry;

use super::watch;
use crate::cli::bus::Bus;
use crate::cli::output;
use crate::cli::ros::Names;
use crate::cli::time;
use crate::node::Stop;

/// `tidewire topic list`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How long to look for topics at most
    #[arg(long, value_name = "TIME", value_parser = time::duration, default_value = "3s")]
    pub timeout: Duration,
    /// Show it as it changes, until Ctrl-C
    #[arg(short, long, conflicts_with = "timeout")]
    pub watch: bool,
    #[command(flatten)]
    pub names: Names,
    #[command(flatten)]
    pub bus: Bus,
}

/// Prints one line per topic.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    let participant = args.bus.participant("topic-list")?;
    let registry = args.bus.registry()?;
    let stop = Stop::at_keyboard()?;
    if args.watch {
        return watch::redrawn(&stop, || {
            let mut topics = watch::sorted(&participant);
            topics.retain(|topic| args.names.lists(topic));
            if json { lines(args, &topics, &registry) } else { Ok(text(args, &topics, &registry)) }
        });
    }
    let mut topics = watch::settled(&participant, args.timeout, &stop);
    topics.retain(|topic| args.names.lists(topic));
    if json {
        return output::json(&values(args, &topics, &registry));
    }
    output::print(&text(args, &topics, &registry));
    Ok(())
}

fn values(args: &Args, topics: &[TopicInfo], registry: &TypeRegistry) -> Vec<Value> {
    let value = |t: &TopicInfo| {
        json!({
            "topic": args.names.topic(&t.name),
            "type": args.names.ty(&t.type_name),
            "keyed": t.keyed,
            "type_known": registry.get(&t.type_name).is_some(),
            "writers": t.writers.len(),
            "readers": t.readers.len(),
        })
    };
    topics.iter().map(value).collect()
}

/// The list as one line.
fn lines(args: &Args, topics: &[TopicInfo], registry: &TypeRegistry) -> anyhow::Result<String> {
    Ok(serde_json::to_string(&values(args, topics, registry))? + "\n")
}

fn text(args: &Args, topics: &[TopicInfo], registry: &TypeRegistry) -> String {
    if topics.is_empty() {
        return format!(
            "no topics in domain {}; `--domain N` looks at another one\n",
            args.bus.domain
        );
    }
    let rows = topics.iter().map(|t| {
        let known = if registry.get(&t.type_name).is_some() { "" } else { "unknown type" };
        vec![
            args.names.topic(&t.name),
            args.names.ty(&t.type_name),
            t.writers.len().to_string(),
            t.readers.len().to_string(),
            known.to_owned(),
        ]
    });
    output::table(&["TOPIC", "TYPE", ">WRITERS", ">READERS", ""], rows)
}

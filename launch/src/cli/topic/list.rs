use std::time::Duration;

use serde_json::json;

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
    #[command(flatten)]
    pub names: Names,
    #[command(flatten)]
    pub bus: Bus,
}

/// Prints one line per topic.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    let participant = args.bus.participant("topic-list")?;
    let registry = args.bus.registry()?;
    let mut topics = watch::settled(&participant, args.timeout, &Stop::at_keyboard()?);
    topics.retain(|topic| args.names.lists(topic));
    if json {
        let list: Vec<_> = topics
            .iter()
            .map(|t| {
                json!({
                    "topic": args.names.topic(&t.name),
                    "type": args.names.ty(&t.type_name),
                    "keyed": t.keyed,
                    "type_known": registry.get(&t.type_name).is_some(),
                    "writers": t.writers.len(),
                    "readers": t.readers.len(),
                })
            })
            .collect();
        return output::json(&list);
    }
    if topics.is_empty() {
        output::say(&format!(
            "no topics in domain {}; `--domain N` looks at another one",
            args.bus.domain
        ));
        return Ok(());
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
    output::print(&output::table(&["TOPIC", "TYPE", ">WRITERS", ">READERS", ""], rows));
    Ok(())
}

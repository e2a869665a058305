//! `tidewire graph`: a picture of a launch file.

use std::path::PathBuf;

use clap::ValueEnum;

use super::output;

/// `tidewire graph`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  tidewire graph launch/demo.yaml > demo.mmd\n  \
                  tidewire graph launch/demo.yaml --format dot | dot -Tsvg -o demo.svg")]
pub struct Args {
    /// The launch file
    pub file: PathBuf,
    /// Values for the file's arguments
    #[arg(value_name = "NAME:=VALUE")]
    pub args: Vec<String>,
    /// Language of the picture
    #[arg(short, long, value_enum, default_value_t = Format::Mermaid)]
    pub format: Format,
}

/// Languages of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For Markdown
    Mermaid,
    /// For Graphviz
    Dot,
}

/// Prints the picture; with `--json` the resolved graph.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    let graph = super::check::load(&args.file, &args.args)?;
    if json {
        return output::json(&graph);
    }
    output::print(&match args.format {
        Format::Mermaid => tidewire_graph::to_mermaid(&graph),
        Format::Dot => tidewire_graph::to_dot(&graph),
    });
    Ok(())
}

//! `tidewire completion`: commands and options at the press of TAB.

use clap::CommandFactory;
use clap_complete::Shell;
use serde_json::json;

use super::Cli;
use super::output;

/// `tidewire completion`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        tidewire completion bash > ~/.local/share/bash-completion/completions/tidewire\n  \
        tidewire completion zsh > \"${fpath[1]}/_tidewire\"\n  \
        tidewire completion fish > ~/.config/fish/completions/tidewire.fish\n  \
        tidewire completion elvish >> ~/.config/elvish/rc.elv\n  \
        tidewire completion powershell >> $PROFILE")]
pub struct Args {
    /// Which shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Prints the script.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tidewire", &mut script);
    let script = String::from_utf8(script)?;
    if json {
        return output::json(&json!({ "shell": args.shell.to_string(), "script": script }));
    }
    output::print(&script);
    Ok(())
}

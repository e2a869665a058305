//! `tidewire check`: a launch file without running it.

use std::path::{Path, PathBuf};

use serde_json::json;
use tidewire_graph::{Command, Graph, GraphError, Node, Options, Problem};

use super::failure::Told;
use super::output;
use crate::node::{kinds, schema};

/// `tidewire check`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  tidewire check launch/demo.yaml\n\nExit code 1 with file:line:column and the fix for each problem."
)]
pub struct Args {
    /// The launch file
    pub file: PathBuf,
    /// Values for the file's arguments
    #[arg(value_name = "NAME:=VALUE")]
    pub args: Vec<String>,
}

/// Says what is wrong, or that nothing is.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    let outcome = read(&args.file, &args.args);
    if json {
        let problems = match &outcome {
            Ok(_) => Vec::new(),
            Err(GraphError::Invalid { problems }) => {
                problems.iter().map(ToString::to_string).collect()
            }
            Err(other) => vec![other.to_string()],
        };
        output::json(
            &json!({ "file": args.file, "ok": problems.is_empty(), "problems": problems }),
        )?;
        return if problems.is_empty() { Ok(()) } else { Err(Told.into()) };
    }
    let graph = outcome?;
    output::say(&format!(
        "{}: fine, {} nodes at {} site(s)",
        args.file.display(),
        graph.nodes.len(),
        graph.sites.len()
    ));
    Ok(())
}

/// Reads a launch file against the kinds there are.
pub fn load(file: &Path, args: &[String]) -> anyhow::Result<Graph> {
    Ok(read(file, args)?)
}

fn read(file: &Path, args: &[String]) -> Result<Graph, GraphError> {
    let check_qos = |spec: &str| tidewire_qos::load(spec).map(drop).map_err(|e| e.to_string());
    let options = Options { kinds: &schema::KINDS, args, check_qos: Some(&check_qos) };
    let graph = tidewire_graph::load(file, &options)?;
    // What a schema cannot say, such as the inside of `faults:`.
    let mut problems = Vec::new();
    for node in &graph.nodes {
        match &node.command {
            Command::Builtin { kind, params } => {
                let mut params = params.clone();
                schema::types(&mut params);
                if let Err(what) = kinds::check(kind, &params.into()) {
                    problems.push(problem(node, what));
                }
            }
            Command::Executable { argv, cwd } => {
                let program = argv.first().map_or("", String::as_str);
                if !is_there(program, cwd.as_deref(), node) {
                    problems.push(Problem {
                        span: node.origin.clone(),
                        what: format!("the program `{program}` of `{}` does not exist", node.name),
                        remedy:
                            "give the path of an executable file, or install it: names without \
                                 `/` are searched in PATH"
                                .into(),
                    });
                }
            }
        }
    }
    if problems.is_empty() { Ok(graph) } else { Err(GraphError::Invalid { problems }) }
}

/// Whether a program can be found the way `execvp` looks for it.
fn is_there(program: &str, cwd: Option<&Path>, node: &Node) -> bool {
    if program.contains('/') {
        return cwd.unwrap_or(Path::new(".")).join(program).is_file();
    }
    let own = node.env.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.into());
    let path = own.or_else(|| std::env::var_os("PATH")).unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn problem(node: &Node, what: String) -> Problem {
    Problem {
        span: node.origin.clone(),
        what: format!("the parameters of `{}` are wrong: {what}", node.name),
        remedy: format!(
            "`tidewire {} --help` lists what a {} node takes",
            help_of(node),
            node.command.label()
        ),
    }
}

fn help_of(node: &Node) -> String {
    match node.command.label() {
        kind @ ("pump" | "arm" | "gateway" | "csv") => format!("sim {kind}"),
        kind => kind.to_owned(),
    }
}

//! From YAML trees to the graph, collecting every problem on the way.

mod args;
mod condition;
mod context;
mod fields;
mod file;
mod finish;
mod node;
mod params;
mod substitute;
mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::schema::KindSchema;
use crate::span::Source;
use crate::{Graph, GraphError};

use context::{Context, Scope};

/// Checks a `qos:` value: `Err` says what is wrong with it.
pub type QosCheck<'a> = &'a dyn Fn(&str) -> Result<(), String>;

/// What a launch file is read against.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// The built-in kinds.
    pub kinds: &'a [KindSchema],
    /// Arguments as the command line has them: `name:=value`.
    pub args: &'a [String],
    /// Called with every `qos:` value, relative paths resolved.
    pub check_qos: Option<QosCheck<'a>>,
}

/// Reads a launch file and what it includes.
///
/// # Errors
/// [`GraphError::Read`], or [`GraphError::Invalid`] with every problem found.
pub fn load(path: impl AsRef<Path>, options: &Options) -> Result<Graph, GraphError> {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path)
        .map_err(|source| GraphError::Read { path: path.to_owned(), source })?;
    read(path, text, options)
}

/// Reads launch file text; `name` stands for the file in errors, and relative paths start at its
/// folder.
///
/// # Errors
/// [`GraphError::Invalid`] with every problem found.
pub fn parse(name: &str, text: &str, options: &Options) -> Result<Graph, GraphError> {
    read(Path::new(name), text.to_owned(), options)
}

fn read(path: &Path, text: String, options: &Options) -> Result<Graph, GraphError> {
    let source = Arc::new(Source { name: path.display().to_string(), text });
    let mut context = Context::new(*options);
    let given = context.command_line();
    context.file(path, &source, given, Scope::default(), None);
    context.finish()
}

/// The folder relative paths of a file start at.
fn folder(path: &Path) -> PathBuf {
    path.parent().map_or_else(PathBuf::new, Path::to_owned)
}

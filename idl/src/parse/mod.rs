//! OMG IDL 4.2 and ROS 2 `.msg` text to definitions.
//!
//! The way of a text: [`lex`] makes tokens, [`preprocess`] follows includes and expands macros,
//! [`grammar`] and its neighbours make [`Definition`]s with all names resolved, [`finish`] checks
//! what needs the whole (recursion, forward declarations, sizes).

mod aggregate;
mod annotate;
mod constant;
mod cursor;
mod enumerate;
mod finish;
mod grammar;
mod lex;
mod msg;
mod preprocess;
mod scope;
mod source;
mod typespec;

pub(crate) use finish::{parts, reachable};
pub(crate) use msg::scoped as ros_name;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::descriptor::{Definition, TypeRef};
use crate::error::{Diagnostics, IdlError};

/// A constant's value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Constant {
    Int(i128),
    Float(f64),
    Bool(bool),
    Text(String),
    Char(char),
    Literal { of: String, name: String, value: i32 },
}

/// What a text defines.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    /// By scoped name.
    pub types: BTreeMap<String, Definition>,
    /// Types not meant as topics.
    pub nested: BTreeSet<String>,
    /// Types of which not all is kept that others announce.
    pub inexact: BTreeSet<String>,
    /// Constants with their type, in order.
    pub constants: Vec<(String, TypeRef, Constant)>,
    /// Documentation of types, and of members as `Type::member`.
    pub docs: BTreeMap<String, String>,
    /// Every file read.
    pub files: Vec<PathBuf>,
}

/// Where types come from beside the text itself.
pub(crate) struct Context<'a> {
    /// Searched for `#include`.
    pub include_dirs: &'a [PathBuf],
    /// Types of texts read before.
    pub known: &'a BTreeMap<String, Definition>,
}

/// Parses IDL; `name` is the path relative includes start from.
pub(crate) fn idl(name: &Path, text: &str, context: &Context<'_>) -> Result<Parsed, IdlError> {
    let mut sources = source::Sources::default();
    let main = sources.add(name.to_owned(), text);
    let mut problems = source::Problems::default();
    let tokens = preprocess::run(&mut sources, main, context.include_dirs, &mut problems);
    let mut parser = cursor::Parser::new(tokens, context.known, &mut problems);
    parser.specification();
    let parsed = parser.finish();
    let diagnostics = problems.render(&sources);
    if !diagnostics.is_empty() {
        return Err(IdlError::Source(Diagnostics(diagnostics)));
    }
    Ok(Parsed { files: sources.paths(), ..parsed })
}

/// Parses a ROS 2 message; `name` ends in `package/msg/Name.msg`.
pub(crate) fn msg(name: &Path, text: &str) -> Result<Parsed, IdlError> {
    msg::parse(name, text)
}

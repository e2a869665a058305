//! What every step of reading shares: the options, the problems so far, and the file's scope.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Options;
use crate::graph::{Arg, Node, Site};
use crate::span::{Problem, Span};

pub(super) struct Context<'a> {
    pub options: Options<'a>,
    pub problems: Vec<Problem>,
    pub sites: Vec<(Site, Span)>,
    pub nodes: Vec<PendingNode>,
    /// Names of nodes that a condition leaves out.
    pub disabled: Vec<String>,
    pub args: Vec<Arg>,
    pub files: Vec<PathBuf>,
    /// The files being read, outermost first, to see an include's circle.
    pub stack: Vec<PathBuf>,
}

/// A node whose references to sites and nodes are not looked up yet.
pub(super) struct PendingNode {
    pub node: Node,
    pub site: Option<(String, Span)>,
    pub domain: Option<(u16, Span)>,
    /// The site's namespace goes between nothing and this.
    pub namespace: String,
    pub needs: Vec<Need>,
    /// The name prefix of its include, where `needs` look first.
    pub prefix: String,
    pub topics: Option<TopicHints>,
}

pub(super) struct Need {
    pub name: String,
    pub optional: bool,
    pub span: Span,
}

/// Topic names as the node says them: what it reads and what it writes.
pub(super) struct TopicHints {
    pub reads: Vec<String>,
    pub writes: Vec<String>,
}

/// What one file's values are read in: its arguments, and what it inherits from its include.
#[derive(Clone, Default)]
pub(super) struct Scope {
    pub args: BTreeMap<String, ArgText>,
    pub folder: PathBuf,
    /// Prefix of node names.
    pub prefix: String,
    /// Prefix of topics.
    pub namespace: String,
    pub site: Option<(String, Span)>,
    pub domain: Option<(u16, Span)>,
    pub qos: Option<String>,
    pub env: Vec<(String, String)>,
}

/// An argument's value as text, and whether `1` in it is a number.
#[derive(Clone, Debug)]
pub(super) struct ArgText {
    pub text: String,
    pub plain: bool,
}

impl<'a> Context<'a> {
    pub(super) fn new(options: Options<'a>) -> Self {
        Self {
            options,
            problems: Vec::new(),
            sites: Vec::new(),
            nodes: Vec::new(),
            disabled: Vec::new(),
            args: Vec::new(),
            files: Vec::new(),
            stack: Vec::new(),
        }
    }

    pub(super) fn problem(
        &mut self,
        span: &Span,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let problem = Problem { span: span.clone(), what: what.into(), remedy: remedy.into() };
        // An alias brings the same text, and so the same mistake, to several places.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

/// Joins two parts of a namespace, either of which may be empty.
pub(super) fn join(outer: &str, inner: &str) -> String {
    let inner = inner.trim_matches('/');
    match (outer.is_empty(), inner.is_empty()) {
        (true, _) => inner.to_owned(),
        (_, true) => outer.to_owned(),
        _ => format!("{outer}/{inner}"),
    }
}

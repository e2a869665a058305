//! The last step: sites, needs and topics looked up, nodes put into the order they start in.

use super::context::{Context, Need, PendingNode, join};
use crate::graph::Node;
use crate::span::{Problem, Span};
use crate::{Graph, GraphError, suggest};

impl Context<'_> {
    /// The graph, if there is no problem at all.
    pub(super) fn finish(mut self) -> Result<Graph, GraphError> {
        let mut pending = std::mem::take(&mut self.nodes);
        for node in &mut pending {
            self.place(node);
        }
        for (i, node) in pending.iter().enumerate() {
            if let Some(first) = pending[..i].iter().find(|other| other.node.name == node.node.name)
            {
                let what = format!(
                    "a second node `{}`; the first is at {}",
                    node.node.name, first.node.origin
                );
                let remedy = "rename one of them, or give its include a namespace";
                self.problem(&node.node.origin, what, remedy);
            }
        }
        let names: Vec<String> = pending.iter().map(|node| node.node.name.clone()).collect();
        let mut edges: Vec<Vec<(usize, Span)>> = Vec::new();
        for node in &mut pending {
            let needs = std::mem::take(&mut node.needs);
            let found = self.needed(node, &needs, &names);
            node.node.needs = found.iter().map(|(index, _)| names[*index].clone()).collect();
            edges.push(found);
        }
        let order = self.order(&names, &edges);
        if !self.problems.is_empty() {
            return Err(GraphError::Invalid { problems: self.sorted() });
        }
        let mut nodes: Vec<Option<Node>> = pending.into_iter().map(|p| Some(p.node)).collect();
        Ok(Graph {
            nodes: order.into_iter().filter_map(|index| nodes[index].take()).collect(),
            sites: self.sites.into_iter().map(|(site, _)| site).collect(),
            args: self.args,
            files: self.files,
        })
    }

    /// The command line's problems first, then each file's from top to bottom.
    fn sorted(self) -> Vec<Problem> {
        let files: Vec<String> = self.files.iter().map(|file| file.display().to_string()).collect();
        let mut problems = self.problems;
        problems.sort_by_key(|Problem { span, .. }| {
            (files.iter().position(|file| file == span.file()), span.line, span.column)
        });
        problems
    }

    /// Site, domain, namespace and topics.
    fn place(&mut self, pending: &mut PendingNode) {
        let mut namespace = pending.namespace.clone();
        if let Some((name, span)) = &pending.site {
            let site = self.sites.iter().find(|(site, _)| site.name == *name).map(|(site, _)| site);
            match site.cloned() {
                Some(site) => {
                    namespace = join(&site.namespace, &namespace);
                    pending.node.domain = site.domain;
                    pending.node.site = Some(site.name.clone());
                    pending.node.interfaces = site.interfaces.clone();
                    pending.node.peers = site.peers.clone();
                    if let Some((domain, span)) = &pending.domain
                        && *domain != site.domain
                    {
                        let what = format!(
                            "domain {domain}, but the site `{}` is domain {}",
                            site.name, site.domain
                        );
                        let remedy = "leave the domain to the site, or choose another site";
                        self.problem(span, what, remedy);
                    }
                }
                None => {
                    let known: Vec<&str> =
                        self.sites.iter().map(|(site, _)| site.name.as_str()).collect();
                    let remedy = if known.is_empty() {
                        format!("declare it: `sites: {{{name}: {{domain: N}}}}`")
                    } else {
                        suggest::remedy(name, &known)
                    };
                    self.problem(&span.clone(), format!("no site `{name}`"), remedy);
                }
            }
        } else if let Some((domain, _)) = &pending.domain {
            pending.node.domain = *domain;
        }
        pending.node.namespace = namespace;
        if let Some(topics) = pending.topics.take() {
            let on_bus = |name: &String| {
                if is_pattern(name) { name.clone() } else { pending.node.topic(name) }
            };
            let reads = topics.reads.iter().map(on_bus).collect();
            let writes = topics.writes.iter().map(on_bus).collect();
            (pending.node.reads, pending.node.writes) = (reads, writes);
        }
    }

    /// The nodes a node needs: of its own include first, then by full name.
    fn needed(
        &mut self,
        node: &PendingNode,
        needs: &[Need],
        names: &[String],
    ) -> Vec<(usize, Span)> {
        let mut found: Vec<(usize, Span)> = Vec::new();
        for need in needs {
            let near = join(&node.prefix, &need.name);
            let position = |wanted: &str| names.iter().position(|name| name == wanted);
            if let Some(index) = position(&near).or_else(|| position(&need.name)) {
                if !found.iter().any(|(known, _)| *known == index) {
                    found.push((index, need.span.clone()));
                }
                continue;
            }
            let off = self.disabled.iter().any(|name| *name == near || *name == need.name);
            if off && need.optional {
                continue;
            }
            if off {
                let what = format!("needs `{}`, which its condition leaves out", need.name);
                let remedy = format!(
                    "give `{}` the same condition, or write `{}?` to need it only when it runs",
                    node.node.name, need.name
                );
                self.problem(&need.span, what, remedy);
            } else {
                let known: Vec<&str> = names.iter().map(String::as_str).collect();
                let what = format!("needs `{}`, and there is no such node", need.name);
                self.problem(&need.span, what, suggest::remedy(&need.name, &known));
            }
        }
        found
    }

    /// Each node after those it needs, else in the order of the file; a circle is a problem.
    fn order(&mut self, names: &[String], edges: &[Vec<(usize, Span)>]) -> Vec<usize> {
        let mut order = Vec::new();
        let mut state = vec![State::New; names.len()];
        for start in 0..names.len() {
            // Depth first with a stack of its own: (node, next edge to follow).
            let mut path = vec![(start, 0)];
            if state[start] != State::New {
                continue;
            }
            state[start] = State::Open;
            while let Some((node, next)) = path.last_mut() {
                let node = *node;
                let Some((needed, span)) = edges[node].get(*next) else {
                    state[node] = State::Done;
                    order.push(node);
                    path.pop();
                    continue;
                };
                *next += 1;
                match state[*needed] {
                    State::Done => {}
                    State::New => {
                        state[*needed] = State::Open;
                        path.push((*needed, 0));
                    }
                    State::Open => {
                        let from = path.iter().position(|(open, _)| open == needed).unwrap_or(0);
                        let circle: Vec<&str> = path[from..]
                            .iter()
                            .map(|(open, _)| names[*open].as_str())
                            .chain([names[*needed].as_str()])
                            .collect();
                        let what =
                            format!("nodes need each other in a circle: {}", circle.join(" -> "));
                        self.problem(span, what, "take out one `needs` of the circle");
                    }
                }
            }
        }
        order
    }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Open,
    Done,
}

/// Whether a topic is a pattern rather than a name.
pub(crate) fn is_pattern(topic: &str) -> bool {
    topic.contains(['*', '?', '['])
}

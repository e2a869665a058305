//! Pictures of a graph: nodes by site, the topics between them, needs dashed.
//!
//! ```
//! use tidewire_graph::{Options, parse, to_dot, to_mermaid};
//! let graph = parse("two.yaml", "nodes: {a: {run: one}, b: {run: two, needs: a}}", &Options::default())?;
//! assert!(to_mermaid(&graph).contains("n0 -.-> n1"));
//! assert!(to_dot(&graph).contains("n0 -> n1 [style=dashed"));
//! # Ok::<(), tidewire_graph::GraphError>(())
//! ```

mod dot;
mod mermaid;

pub use dot::to_dot;
pub use mermaid::to_mermaid;

use crate::graph::Graph;

/// What both pictures show.
struct Picture<'g> {
    graph: &'g Graph,
    topics: Vec<Topic>,
    groups: Vec<Group>,
}

/// A topic of one domain, and the nodes that write and read it, by index.
struct Topic {
    name: String,
    domain: u16,
    writers: Vec<usize>,
    readers: Vec<usize>,
}

/// A site, or a domain without one.
struct Group {
    title: String,
    nodes: Vec<usize>,
    topics: Vec<usize>,
}

impl<'g> Picture<'g> {
    fn new(graph: &'g Graph) -> Self {
        let mut topics: Vec<Topic> = Vec::new();
        let at = |topics: &mut Vec<Topic>, domain: u16, name: &str| {
            let known = topics.iter().position(|t| t.domain == domain && t.name == name);
            known.unwrap_or_else(|| {
                let (writers, readers) = (Vec::new(), Vec::new());
                topics.push(Topic { name: name.to_owned(), domain, writers, readers });
                topics.len() - 1
            })
        };
        for (index, node) in graph.nodes.iter().enumerate() {
            for name in &node.writes {
                let topic = at(&mut topics, node.domain, name);
                topics[topic].writers.push(index);
            }
        }
        let written = topics.len();
        for (index, node) in graph.nodes.iter().enumerate() {
            for name in &node.reads {
                let matching: Vec<usize> = (0..written)
                    .filter(|&t| topics[t].domain == node.domain && matches(name, &topics[t].name))
                    .collect();
                // A pattern nothing answers is shown as it stands, so that the reader is not alone.
                let matching = if matching.is_empty() {
                    vec![at(&mut topics, node.domain, name)]
                } else {
                    matching
                };
                for topic in matching {
                    if !topics[topic].readers.contains(&index) {
                        topics[topic].readers.push(index);
                    }
                }
            }
        }
        let groups = group(graph, &topics);
        Self { graph, topics, groups }
    }

    /// Pairs of nodes (needed, needing).
    fn needs(&self) -> Vec<(usize, usize)> {
        let nodes = &self.graph.nodes;
        let mut pairs = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            for need in &node.needs {
                pairs.extend(nodes.iter().position(|n| n.name == *need).map(|n| (n, index)));
            }
        }
        pairs
    }
}

fn group(graph: &Graph, topics: &[Topic]) -> Vec<Group> {
    let mut groups: Vec<(Option<&str>, u16, Group)> = Vec::new();
    for site in &graph.sites {
        let title = format!("{} (domain {})", site.name, site.domain);
        let group = Group { title, nodes: Vec::new(), topics: Vec::new() };
        groups.push((Some(site.name.as_str()), site.domain, group));
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        let site = node.site.as_deref();
        let known = groups
            .iter()
            .position(|(s, domain, _)| *s == site && (s.is_some() || *domain == node.domain));
        let known = known.unwrap_or_else(|| {
            let title = format!("domain {}", node.domain);
            let group = Group { title, nodes: Vec::new(), topics: Vec::new() };
            groups.push((site, node.domain, group));
            groups.len() - 1
        });
        groups[known].2.nodes.push(index);
    }
    for (index, topic) in topics.iter().enumerate() {
        let used = |group: &Group| {
            group.nodes.iter().any(|n| topic.writers.contains(n) || topic.readers.contains(n))
        };
        // Two sites may share a domain: the topic stands with the first that uses it.
        if let Some((_, _, group)) = groups.iter_mut().find(|(_, _, group)| used(group)) {
            group.topics.push(index);
        }
    }
    groups.into_iter().map(|(_, _, group)| group).filter(|group| !group.nodes.is_empty()).collect()
}

/// `*` any run and `?` any one character, else equal.
fn matches(pattern: &str, name: &str) -> bool {
    let mut pieces = String::from("(?s)^");
    for c in pattern.chars() {
        match c {
            '*' => pieces.push_str(".*"),
            '?' => pieces.push('.'),
            c => pieces.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    pieces.push('$');
    regex::Regex::new(&pieces).map_or(pattern == name, |regex| regex.is_match(name))
}

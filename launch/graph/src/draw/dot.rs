//! Graphviz: `tidewire graph --format dot FILE | dot -Tsvg`.

use std::fmt::Write;

use super::Picture;
use crate::graph::Graph;

/// The graph in Graphviz' language: a box per node, an ellipse per topic, a cluster per site.
pub fn to_dot(graph: &Graph) -> String {
    let picture = Picture::new(graph);
    let mut out = String::from("digraph tidewire {\n  rankdir=LR;\n  node [shape=box];\n");
    for (index, group) in picture.groups.iter().enumerate() {
        put(&mut out, format_args!("  subgraph cluster_{index} {{\n"));
        put(&mut out, format_args!("    label=\"{}\";\n", escape(&group.title)));
        for &node in &group.nodes {
            let n = &graph.nodes[node];
            let label = format!("{}\\n{}", escape(&n.name), escape(n.command.label()));
            put(&mut out, format_args!("    n{node} [label=\"{label}\"];\n"));
        }
        for &topic in &group.topics {
            let name = escape(&picture.topics[topic].name);
            put(&mut out, format_args!("    t{topic} [label=\"{name}\", shape=ellipse];\n"));
        }
        out.push_str("  }\n");
    }
    for (index, topic) in picture.topics.iter().enumerate() {
        for writer in &topic.writers {
            put(&mut out, format_args!("  n{writer} -> t{index};\n"));
        }
        for reader in &topic.readers {
            put(&mut out, format_args!("  t{index} -> n{reader};\n"));
        }
    }
    for (needed, needing) in picture.needs() {
        put(&mut out, format_args!("  n{needed} -> n{needing} [style=dashed];\n"));
    }
    out.push_str("}\n");
    out
}

fn put(out: &mut String, text: std::fmt::Arguments) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(text);
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

//! Mermaid: <https://mermaid.js.org>, drawn by many Markdown viewers.

use std::fmt::Write;

use super::Picture;
use crate::graph::Graph;

/// The graph as a Mermaid flowchart: a box per node, a round one per topic, a frame per site.
pub fn to_mermaid(graph: &Graph) -> String {
    let picture = Picture::new(graph);
    let mut out = String::from("flowchart LR\n");
    for (index, group) in picture.groups.iter().enumerate() {
        put(&mut out, format_args!("  subgraph g{index}[\"{}\"]\n", escape(&group.title)));
        for &node in &group.nodes {
            let n = &graph.nodes[node];
            let label = format!("{}<br/><i>{}</i>", escape(&n.name), escape(n.command.label()));
            put(&mut out, format_args!("    n{node}[\"{label}\"]\n"));
        }
        for &topic in &group.topics {
            let name = escape(&picture.topics[topic].name);
            put(&mut out, format_args!("    t{topic}([\"{name}\"])\n"));
        }
        out.push_str("  end\n");
    }
    for (index, topic) in picture.topics.iter().enumerate() {
        for writer in &topic.writers {
            put(&mut out, format_args!("  n{writer} --> t{index}\n"));
        }
        for reader in &topic.readers {
            put(&mut out, format_args!("  t{index} --> n{reader}\n"));
        }
    }
    for (needed, needing) in picture.needs() {
        put(&mut out, format_args!("  n{needed} -.-> n{needing}\n"));
    }
    out
}

fn put(out: &mut String, text: std::fmt::Arguments) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(text);
}

/// Mermaid's entities for what would end a quoted label or start markup.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

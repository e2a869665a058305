//! Elements with their place, and the list of problems found so far.

use std::collections::HashMap;

use roxmltree::{Document, Node};

use crate::error::Problem;
use crate::suggest;

/// What every step of reading a document shares.
pub(super) struct Reader<'d> {
    pub file: &'d str,
    pub source: &'d str,
    pub problems: Vec<Problem>,
}

impl<'d> Reader<'d> {
    pub(super) fn new(file: &'d str, source: &'d str) -> Self {
        Self { file, source, problems: Vec::new() }
    }

    /// The place at byte `start`, `width` characters wide.
    pub(super) fn place(&self, start: usize, width: usize) -> Problem {
        let start = start.min(self.source.len());
        let before = &self.source[..start];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let text = self.source[line_start..].lines().next().unwrap_or("");
        Problem {
            file: self.file.to_owned(),
            line: before.matches('\n').count() as u32 + 1,
            column: before[line_start..].chars().count() as u32 + 1,
            width,
            text: text.to_owned(),
            what: String::new(),
            remedy: String::new(),
        }
    }

    /// The place of an element: the caret stands under its name.
    pub(super) fn at(&self, node: Node) -> Problem {
        self.place(node.range().start + 1, self.raw_name(node).chars().count())
    }

    /// The place of an attribute's value.
    pub(super) fn at_attribute(&self, node: Node, name: &str) -> Problem {
        match node.attribute_node(name) {
            Some(attribute) => {
                let range = attribute.range_value();
                self.place(range.start, attribute.value().chars().count())
            }
            None => self.at(node),
        }
    }

    /// The place of an element's text, or of the element if it has none.
    pub(super) fn at_text(&self, node: Node) -> Problem {
        match node.children().find(|child| child.is_text()) {
            Some(text) => {
                let raw = &self.source[text.range()];
                let lead = raw.len() - raw.trim_start().len();
                match raw.trim().lines().next().map_or(0, |line| line.trim_end().chars().count()) {
                    0 => self.at(node),
                    width => self.place(text.range().start + lead, width),
                }
            }
            None => self.at(node),
        }
    }

    pub(super) fn problem(&mut self, place: Problem, what: String, remedy: String) {
        self.problems.push(Problem { what, remedy, ..place });
    }

    /// The element's name as written, prefix included.
    fn raw_name<'s>(&'s self, node: Node) -> &'s str {
        let rest = &self.source[node.range().start + 1..];
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/'));
        &rest[..end.unwrap_or(rest.len())]
    }

    /// Complains about attributes other than `known`. Attributes of other namespaces (`xsi:…`) belong
    /// to the XML machinery and say nothing about QoS.
    pub(super) fn attributes(&mut self, node: Node, known: &[&str]) {
        for attribute in node.attributes() {
            if attribute.namespace().is_none() && !known.contains(&attribute.name()) {
                let place = self.place(attribute.range().start, attribute.name().chars().count());
                let element = node.tag_name().name();
                let what = format!("<{element}> has no attribute `{}`", attribute.name());
                let remedy = if known.is_empty() {
                    "remove it".to_owned()
                } else {
                    suggest::remedy(attribute.name(), known)
                };
                self.problem(place, what, remedy);
            }
        }
    }

    /// A required attribute that may not be empty.
    pub(super) fn required(&mut self, node: Node, name: &str) -> Option<String> {
        match node.attribute(name).map(str::trim) {
            Some(value) if !value.is_empty() => Some(value.to_owned()),
            _ => {
                let element = node.tag_name().name();
                self.problem(
                    self.at(node),
                    format!("<{element}> has no {name}"),
                    format!("write <{element} {name}=\"…\">"),
                );
                None
            }
        }
    }

    /// Complains about text between elements.
    pub(super) fn no_text(&mut self, node: Node) {
        for child in node.children().filter(|child| child.is_text()) {
            let raw = &self.source[child.range()];
            let text = raw.trim();
            if !text.is_empty() {
                let lead = raw.len() - raw.trim_start().len();
                let width = text.lines().next().unwrap_or("").chars().count();
                let place = self.place(child.range().start + lead, width);
                let what =
                    format!("text inside <{}>, which takes elements only", node.tag_name().name());
                self.problem(place, what, "remove it, or put it into an element".to_owned());
            }
        }
    }

    /// The child elements by name, each at most once, complaining about any other.
    pub(super) fn fields<'a, 'i>(
        &mut self,
        node: Node<'a, 'i>,
        known: &[&'static str],
    ) -> HashMap<&'static str, Node<'a, 'i>> {
        self.attributes(node, &[]);
        self.no_text(node);
        let mut fields = HashMap::new();
        for child in node.children().filter(Node::is_element) {
            let name = child.tag_name().name();
            match known.iter().find(|known| **known == name) {
                None => self.unknown(child, known),
                Some(known) => {
                    if fields.insert(*known, child).is_some() {
                        self.twice(child);
                    }
                }
            }
        }
        fields
    }

    pub(super) fn unknown(&mut self, node: Node, known: &[&str]) {
        let name = node.tag_name().name();
        let parent = node.parent_element().map_or("", |parent| parent.tag_name().name());
        let what = format!("unknown element <{name}> in <{parent}>");
        self.problem(self.at(node), what, suggest::remedy(name, known));
    }

    pub(super) fn twice(&mut self, node: Node) {
        let name = node.tag_name().name();
        let what = format!("<{name}> stands here a second time");
        self.problem(self.at(node), what, "keep one of them".to_owned());
    }
}

/// Parses XML, turning the parser's error into a problem with a place.
pub(super) fn document<'d>(file: &str, source: &'d str) -> Result<Document<'d>, Problem> {
    Document::parse(source).map_err(|error| {
        let pos = error.pos();
        let text = source.lines().nth(pos.row.saturating_sub(1) as usize).unwrap_or("");
        // The position is in the message already; ours is the one with the file.
        let message = error.to_string();
        let what = message.split(" at ").next().unwrap_or(&message).to_owned();
        Problem {
            file: file.to_owned(),
            line: pos.row.max(1),
            column: pos.col.max(1),
            width: 1,
            text: text.to_owned(),
            what: format!("not well-formed XML: {what}"),
            remedy: "mend the markup here; a profile file is a <dds> element with <qos_library> \
                     elements in it"
                .to_owned(),
        }
    })
}

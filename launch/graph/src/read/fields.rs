//! Maps with known keys, and the values under them.

use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use super::context::{Context, Scope};
use crate::duration::parse_duration;
use crate::span::Span;
use crate::suggest;
use crate::yaml::{Key, Node, Scalar, Value, is_null};

/// A map's entries, its `<<` merged in.
pub(super) struct Fields {
    pub entries: Vec<(Key, Rc<Node>)>,
    pub span: Span,
}

impl Fields {
    pub(super) fn get(&self, name: &str) -> Option<&Rc<Node>> {
        self.entry(name).map(|(_, node)| node)
    }

    pub(super) fn entry(&self, name: &str) -> Option<&(Key, Rc<Node>)> {
        self.entries.iter().find(|(key, _)| key.text == name)
    }
}

/// A scalar with its `${…}` put in.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub text: String,
    pub plain: bool,
    pub span: Span,
}

impl Context<'_> {
    /// A map with any keys.
    pub(super) fn map(&mut self, node: &Node, what: &str) -> Option<Fields> {
        match &node.value {
            Value::Map(entries) => {
                let merged = self.merge(entries);
                Some(Fields { entries: merged, span: node.span.clone() })
            }
            Value::Scalar(scalar) if is_null(scalar) => {
                Some(Fields { entries: Vec::new(), span: node.span.clone() })
            }
            other => {
                let what = format!("{what} is a map, and here is {}", other.sort());
                self.problem(&node.span, what, "write it as `key: value` lines, indented");
                None
            }
        }
    }

    /// A map that knows these keys only.
    pub(super) fn fields(&mut self, node: &Node, what: &str, known: &[&str]) -> Option<Fields> {
        let fields = self.map(node, what)?;
        for (key, _) in &fields.entries {
            if !known.contains(&key.text.as_str()) {
                let message = format!("{what} has no key `{}`", key.text);
                self.problem(&key.span, message, suggest::remedy(&key.text, known));
            }
        }
        Some(fields)
    }

    /// Puts in what `<<` brings; keys beside it go first.
    fn merge(&mut self, entries: &[(Key, Rc<Node>)]) -> Vec<(Key, Rc<Node>)> {
        let mut merged: Vec<(Key, Rc<Node>)> =
            entries.iter().filter(|(key, _)| key.text != "<<").cloned().collect();
        for (_, node) in entries.iter().filter(|(key, _)| key.text == "<<") {
            let sources = match &node.value {
                Value::List(items) => items.clone(),
                _ => vec![node.clone()],
            };
            for source in sources {
                let Value::Map(more) = &source.value else {
                    let what = format!("`<<` takes maps, and here is {}", source.value.sort());
                    self.problem(&source.span, what, "give it an alias of a map: `<<: *name`");
                    continue;
                };
                for (key, value) in self.merge(more) {
                    if !merged.iter().any(|(known, _)| known.text == key.text) {
                        merged.push((key, value));
                    }
                }
            }
        }
        merged
    }

    /// A list, or one value as a list of one.
    pub(super) fn list(&mut self, node: &Rc<Node>) -> Vec<Rc<Node>> {
        match &node.value {
            Value::List(items) => items.clone(),
            Value::Scalar(scalar) if is_null(scalar) => Vec::new(),
            _ => vec![node.clone()],
        }
    }

    /// A scalar as it stands.
    pub(super) fn scalar<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n Scalar> {
        match &node.value {
            Value::Scalar(scalar) if !is_null(scalar) => Some(scalar),
            other => {
                let what = format!("{what} is one value, and here is {}", other.sort());
                self.problem(&node.span, what, "write it on the same line: `key: value`");
                None
            }
        }
    }

    /// A scalar with its `${…}` put in.
    pub(super) fn text(&mut self, node: &Node, what: &str, scope: &Scope) -> Option<Text> {
        let scalar = self.scalar(node, what)?;
        self.substitute(scalar, &node.span, scope)
    }

    pub(super) fn string(&mut self, node: &Node, what: &str, scope: &Scope) -> Option<String> {
        self.text(node, what, scope).map(|text| text.text)
    }

    /// The texts of the list `key`; each is `what`.
    pub(super) fn strings(
        &mut self,
        fields: &Fields,
        key: &str,
        what: &str,
        scope: &Scope,
    ) -> Vec<String> {
        let items = fields.get(key).map(|node| self.list(node)).unwrap_or_default();
        items.iter().filter_map(|item| self.string(item, what, scope)).collect()
    }

    /// A whole number in a range.
    pub(super) fn integer<T: FromStr + PartialOrd + std::fmt::Display>(
        &mut self,
        node: &Node,
        what: &str,
        scope: &Scope,
        min: T,
        max: T,
    ) -> Option<T> {
        let text = self.text(node, what, scope)?;
        match text.text.parse::<T>() {
            Ok(value) if value >= min && value <= max => Some(value),
            _ => {
                let what = format!("{what} is a whole number, and `{}` is not one here", text.text);
                self.problem(&text.span, what, format!("give a number from {min} to {max}"));
                None
            }
        }
    }

    pub(super) fn duration(&mut self, node: &Node, what: &str, scope: &Scope) -> Option<Duration> {
        let text = self.text(node, what, scope)?;
        let parsed = parse_duration(&text.text);
        if parsed.is_none() {
            let remedy = match text.text.parse::<f64>() {
                Ok(_) => format!("add the unit: `{}s` or `{}ms`", text.text, text.text),
                Err(_) => "write a number and a unit: 500ms, 2s, 1m".to_owned(),
            };
            self.problem(&text.span, format!("{what} is a duration, not `{}`", text.text), remedy);
        }
        parsed
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        node: &Node,
        what: &str,
        scope: &Scope,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text(node, what, scope)?;
        let found = words.iter().find(|(word, _)| *word == text.text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let message = format!("`{}` is no {what}", text.text);
            self.problem(&text.span, message, suggest::remedy(&text.text, &names));
        }
        found
    }

    /// A map of texts.
    pub(super) fn pairs(&mut self, node: &Node, what: &str, scope: &Scope) -> Vec<(Key, Text)> {
        let Some(fields) = self.map(node, what) else { return Vec::new() };
        let mut pairs = Vec::new();
        for (key, value) in fields.entries {
            if let Some(text) = self.text(&value, &format!("`{}`", key.text), scope) {
                pairs.push((key, text));
            }
        }
        pairs
    }
}

//! One value in YAML or JSON, with a place for each part of it: what people type on a command line.

use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::error::GraphError;
use crate::span::{Problem, Source, Span};
use crate::yaml::{self, Node, Value};

/// A value and where its parts stand.
///
/// ```
/// use tidewire_graph::Document;
///
/// let value = Document::parse("VALUE", "{point: p1, list: [1, .nan]}")?;
/// assert_eq!(value.to_json().to_string(), r#"{"point":"p1","list":[1,"NaN"]}"#);
/// assert_eq!(value.place("list[1]").to_string(), "VALUE:1:23");
/// assert_eq!(value.key("", "point").unwrap().column, 2);
/// # Ok::<(), tidewire_graph::GraphError>(())
/// ```
#[derive(Debug)]
pub struct Document {
    root: Rc<Node>,
}

impl Document {
    /// Reads one YAML document, which JSON is, too. `name` stands for it in errors.
    ///
    /// # Errors
    /// [`GraphError::Invalid`] with what is wrong and where.
    pub fn parse(name: &str, text: &str) -> Result<Self, GraphError> {
        let source = Arc::new(Source { name: name.to_owned(), text: text.to_owned() });
        match yaml::read(&source) {
            Ok(root) => Ok(Self { root }),
            Err(problems) => Err(GraphError::Invalid {
                problems: problems.into_iter().map(|problem| inside(&source, problem)).collect(),
            }),
        }
    }

    /// The value; what JSON has no number for is `"NaN"`, `"Infinity"` and `"-Infinity"`.
    pub fn to_json(&self) -> Json {
        json(&self.root)
    }

    /// Where the value at a path (`pose.position[2]`; empty: all of it) stands, else the nearest value
    /// around it that is there.
    pub fn place(&self, path: &str) -> Span {
        self.find(path).0.span.clone()
    }

    /// Where the key `name` of the map at `path` stands.
    pub fn key(&self, path: &str, name: &str) -> Option<Span> {
        let (Node { value: Value::Map(entries), .. }, "") = self.find(path) else { return None };
        entries.iter().find(|(key, _)| key.text == name).map(|(key, _)| key.span.clone())
    }

    /// The deepest value on the way, and what is left of the path.
    fn find<'p>(&self, path: &'p str) -> (&Node, &'p str) {
        let (mut node, mut rest) = (&*self.root, path);
        while !rest.is_empty() {
            let (next, after) = match rest.strip_prefix('[') {
                Some(index) => {
                    let Some((index, after)) = index.split_once(']') else { break };
                    let Value::List(items) = &node.value else { break };
                    (index.parse().ok().and_then(|i: usize| items.get(i)), after)
                }
                None => {
                    let name = rest.strip_prefix('.').unwrap_or(rest);
                    let (name, after) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
                    let Value::Map(entries) = &node.value else { break };
                    (
                        entries.iter().find(|(key, _)| key.text == name).map(|(_, value)| value),
                        after,
                    )
                }
            };
            let Some(next) = next else { break };
            (node, rest) = (next, after);
        }
        (node, rest)
    }
}

/// A problem behind the last line, where something is missing, points at the end of that line.
fn inside(source: &Arc<Source>, problem: Problem) -> Problem {
    let lines = source.text.trim_end().lines().count().max(1);
    if problem.span.line <= lines {
        return problem;
    }
    let end = source.text.lines().nth(lines - 1).map_or(0, |line| line.trim_end().chars().count());
    Problem { span: Span::new(source, lines, end + 1, 1), ..problem }
}

fn json(node: &Node) -> Json {
    match &node.value {
        Value::Scalar(scalar) if scalar.plain => match scalar.text.as_str() {
            ".nan" | ".NaN" | ".NAN" => "NaN".into(),
            ".inf" | "+.inf" | ".Inf" | ".INF" => "Infinity".into(),
            "-.inf" | "-.Inf" | "-.INF" => "-Infinity".into(),
            text => yaml::typed(text),
        },
        Value::Scalar(scalar) => scalar.text.clone().into(),
        Value::List(items) => items.iter().map(|item| json(item)).collect(),
        Value::Map(entries) => Json::Object(
            entries.iter().map(|(key, value)| (key.text.clone(), json(value))).collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_yaml_mean_the_same() {
        let text =
            r#"{"a": {"b": [1, -2.5, "x"], "c": null}, "d": 18446744073709551615, "e": true}"#;
        let value = Document::parse("VALUE", text).unwrap();
        assert_eq!(value.to_json(), serde_json::from_str::<Json>(text).unwrap());
        let yaml = "a:\n  b: [1, -2.5, x]\n  c:\nd: 18446744073709551615\ne: true\n";
        assert_eq!(Document::parse("VALUE", yaml).unwrap().to_json(), value.to_json());
    }

    #[test]
    fn every_part_has_its_place() {
        let value = Document::parse("VALUE", "a:\n  b: [10, {c: 20}]\n").unwrap();
        let at = |path: &str| (value.place(path).line, value.place(path).column);
        assert_eq!(at("a.b[0]"), (2, 7));
        assert_eq!(at("a.b[1].c"), (2, 15));
        // Where something is missing, what should hold it.
        assert_eq!(at("a.b[1].d"), at("a.b[1]"));
        assert_eq!(value.key("a.b[1]", "c").unwrap().column, 12);
        assert!(value.key("a.b[1]", "d").is_none() && value.key("a.x", "b").is_none());
        assert_eq!(at(""), (1, 1));
    }

    #[test]
    fn what_is_not_yaml_is_pointed_at() {
        let error = Document::parse("VALUE", "{a: [1, 2}").unwrap_err();
        assert!(error.to_string().starts_with("VALUE:1:"), "{error}");
        let error = Document::parse("VALUE", "{a: 1").unwrap_err();
        assert!(error.to_string().starts_with("VALUE:1:6: "), "{error}");
    }
}

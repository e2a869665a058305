//! From text to tree. Depth and expanded size are bounded, so no alias can blow it up.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use super::tree::{Key, Node, Scalar, Value};
use crate::span::{Problem, Source, Span};

const MAX_DEPTH: usize = 64;
/// Nodes with every alias counted as what it stands for.
const MAX_NODES: usize = 100_000;

/// Reads one document.
pub(crate) fn read(source: &Arc<Source>) -> Result<Rc<Node>, Vec<Problem>> {
    if let Some(problem) = leading_tab(source) {
        return Err(vec![problem]);
    }
    let mut reader = Reader {
        source,
        open: Vec::new(),
        anchors: HashMap::new(),
        root: None,
        nodes: 0,
        problems: Vec::new(),
    };
    for event in Parser::new_from_str(&source.text) {
        let step = match event {
            Ok((event, span)) => {
                let width = if span.start.line() == span.end.line() { span.len() } else { 1 };
                reader.event(event, span.start, width)
            }
            Err(error) => Err(reader.malformed(&error)),
        };
        if let Err(problem) = step {
            reader.problems.push(problem);
            return Err(reader.problems);
        }
    }
    match reader.root {
        _ if !reader.problems.is_empty() => Err(reader.problems),
        Some(root) => Ok(root),
        None => Err(vec![Problem {
            span: Span::new(source, 1, 1, 1),
            what: "the file is empty".to_owned(),
            remedy: "write at least `nodes:` with one node in it".to_owned(),
        }]),
    }
}

/// A line that starts with a tab is never right; the parser's own message comes much later.
fn leading_tab(source: &Arc<Source>) -> Option<Problem> {
    let (index, _) = source
        .text
        .lines()
        .enumerate()
        .find(|(_, line)| line.starts_with('\t') && !line.trim().is_empty())?;
    Some(Problem {
        span: Span::new(source, index + 1, 1, 1),
        what: "a tab as indentation, which YAML forbids".to_owned(),
        remedy: "indent with spaces".to_owned(),
    })
}

struct Reader<'s> {
    source: &'s Arc<Source>,
    open: Vec<Open>,
    anchors: HashMap<usize, (Rc<Node>, usize)>,
    root: Option<Rc<Node>>,
    nodes: usize,
    problems: Vec<Problem>,
}

/// A list or map whose end has not come yet.
struct Open {
    anchor: usize,
    span: Span,
    /// The count of nodes when it was opened.
    nodes_before: usize,
    is_map: bool,
    items: Vec<Rc<Node>>,
    entries: Vec<(Key, Rc<Node>)>,
    /// A key that waits for its value.
    key: Option<Key>,
}

fn too_deep(span: Span) -> Problem {
    Problem {
        span,
        what: format!("lists and maps nest deeper than {MAX_DEPTH}"),
        remedy: "flatten the file, or include parts of it from others".to_owned(),
    }
}

/// What to do about the mistakes people make most.
fn remedy(info: &str, span: &Span) -> &'static str {
    let before: String = span.text().chars().take(span.column).collect();
    let braces = before.ends_with('$') || before.ends_with("${");
    if braces || (info.contains("flow") && before.contains("${")) {
        "put quotes around it: inside {…} and […] YAML wants them around `${…}`"
    } else if info.contains("tab") {
        "indent with spaces"
    } else if info.contains("unknown anchor") {
        "`*name` repeats what `&name` marks above it; quote a value that starts with `*`"
    } else if info.contains("mapping values") {
        "quote the value if `: ` belongs to it; else start a new line"
    } else if info.contains("quoted scalar") {
        "close the quote that opens here"
    } else {
        "check indentation, quotes and brackets here and on the line above; quote a value that has \
         `: ` or ` #`, or starts with one of {}[]&*!|>%@"
    }
}

fn no_tags(tag: Option<&Tag>, span: &Span) -> Result<(), Problem> {
    match tag.filter(|tag| !tag.is_yaml_core_schema()) {
        None => Ok(()),
        Some(tag) => Err(Problem {
            span: span.clone(),
            what: format!("tags such as `{tag}` mean nothing here"),
            remedy: "remove the tag; quote a value that starts with `!`".to_owned(),
        }),
    }
}

impl Reader<'_> {
    /// The parser's own complaint, with a remedy.
    fn malformed(&self, error: &ScanError) -> Problem {
        let mark = error.marker();
        let span = Span::new(self.source, mark.line().max(1), mark.col() + 1, 1);
        let info = error.info();
        if info.contains("recursion limit") {
            return too_deep(span);
        }
        let remedy = remedy(info, &span);
        Problem { span, what: format!("not well-formed YAML: {info}"), remedy: remedy.to_owned() }
    }

    fn event(&mut self, event: Event, start: Marker, width: usize) -> Result<(), Problem> {
        let span = Span::new(self.source, start.line().max(1), start.col() + 1, width);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_some() => Err(Problem {
                span,
                what: "a second document in the file".to_owned(),
                remedy: "a launch file is one document: remove `---`".to_owned(),
            }),
            Event::DocumentStart(_) => Ok(()),
            Event::Scalar(text, style, anchor, tag) => {
                no_tags(tag.as_deref(), &span)?;
                let plain = style == ScalarStyle::Plain;
                let verbatim = self.verbatim(&text, plain, &span);
                let scalar = Scalar { text: text.into_owned(), plain, verbatim };
                let node = Rc::new(Node { value: Value::Scalar(scalar), span });
                self.place(node, anchor, 1)
            }
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id).cloned() else {
                    return Err(Problem {
                        span,
                        what: "an alias inside its own anchor".to_owned(),
                        remedy: "an alias can only repeat what is complete above it".to_owned(),
                    });
                };
                self.place(node, 0, size)
            }
            Event::SequenceStart(anchor, tag) => {
                no_tags(tag.as_deref(), &span)?;
                self.open(anchor, span, false)
            }
            Event::MappingStart(anchor, tag) => {
                no_tags(tag.as_deref(), &span)?;
                self.open(anchor, span, true)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
        }
    }

    /// Where the scalar's text starts, if it stands there as it is.
    fn verbatim(&self, text: &str, plain: bool, span: &Span) -> Option<Span> {
        let quote = usize::from(!plain);
        let line: String = span.text().chars().skip(span.column - 1 + quote).collect();
        line.starts_with(text).then(|| span.part(quote, text.chars().count()))
    }

    fn open(&mut self, anchor: usize, span: Span, is_map: bool) -> Result<(), Problem> {
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.open.push(Open {
            anchor,
            span: Span { width: 1, ..span },
            nodes_before: self.nodes,
            is_map,
            items: Vec::new(),
            entries: Vec::new(),
            key: None,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Problem> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = if open.is_map { Value::Map(open.entries) } else { Value::List(open.items) };
        let size = self.nodes - open.nodes_before + 1;
        self.nodes = open.nodes_before;
        self.place(Rc::new(Node { value, span: open.span }), open.anchor, size)
    }

    /// Puts a complete node into what is open around it.
    fn place(&mut self, node: Rc<Node>, anchor: usize, size: usize) -> Result<(), Problem> {
        self.nodes = self.nodes.saturating_add(size);
        if self.nodes > MAX_NODES {
            return Err(Problem {
                span: node.span.clone(),
                what: format!("more than {MAX_NODES} values, aliases expanded"),
                remedy: "split the file and use fewer aliases of aliases".to_owned(),
            });
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        if !open.is_map {
            open.items.push(node);
            return Ok(());
        }
        match open.key.take() {
            Some(key) => open.entries.push((key, node)),
            None => {
                let Value::Scalar(scalar) = &node.value else {
                    return Err(Problem {
                        span: node.span.clone(),
                        what: format!("{} as a key", node.value.sort()),
                        remedy: "keys are plain words; quote a value that starts with `{` or `[`"
                            .to_owned(),
                    });
                };
                let key = Key { text: scalar.text.clone(), span: node.span.clone() };
                // `<<` may repeat in no YAML either, but gets its message from the merge.
                if let Some((first, _)) = open.entries.iter().find(|(k, _)| k.text == key.text) {
                    self.problems.push(Problem {
                        span: key.span.clone(),
                        what: format!(
                            "the key `{}` stands here a second time; the first is on line {}",
                            key.text, first.span.line
                        ),
                        remedy: "keep one of them, or rename it".to_owned(),
                    });
                }
                open.key = Some(key);
            }
        }
        Ok(())
    }
}

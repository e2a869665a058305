//! Texts, places in them, and what is wrong there.

use std::path::{Path, PathBuf};

use crate::error::{Diagnostic, Diagnostics};

/// A range of bytes in one of the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub file: u32,
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// The place right behind.
    pub fn after(self) -> Self {
        Self { start: self.end, ..self }
    }

    /// From the start of this to the end of the other.
    pub fn to(self, other: Self) -> Self {
        if self.file == other.file && other.end >= self.start {
            Self { end: other.end, ..self }
        } else {
            self
        }
    }
}

#[derive(Debug)]
struct Source {
    path: PathBuf,
    text: String,
}

/// The texts of one run.
#[derive(Debug, Default)]
pub(crate) struct Sources(Vec<Source>);

impl Sources {
    pub fn add(&mut self, path: PathBuf, text: &str) -> u32 {
        self.0.push(Source { path, text: text.to_owned() });
        (self.0.len() - 1) as u32
    }

    pub fn text(&self, file: u32) -> &str {
        self.0.get(file as usize).map_or("", |s| &s.text)
    }

    pub fn path(&self, file: u32) -> &Path {
        self.0.get(file as usize).map_or(Path::new(""), |s| &s.path)
    }

    pub fn paths(&self) -> Vec<PathBuf> {
        self.0.iter().map(|s| s.path.clone()).collect()
    }

    pub fn has(&self, path: &Path) -> bool {
        self.0.iter().any(|s| s.path == path)
    }

    fn locate(&self, span: Span, message: String, help: Option<String>) -> Diagnostic {
        let text = self.text(span.file);
        let mut start = (span.start as usize).min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |i| start + i);
        let source_line = text[line_start..line_end].trim_end_matches('\r').to_owned();
        let end = (span.end as usize).clamp(start, line_end);
        let underlined = text.get(start..end).map_or(1, |s| s.chars().count());
        Diagnostic {
            file: self.path(span.file).display().to_string(),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            length: underlined.max(1),
            message,
            source_line,
            help,
        }
    }
}

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<(Span, String, Option<String>)>);

impl Problems {
    pub fn add(&mut self, span: Span, message: impl Into<String>, help: Option<String>) {
        // The same place twice says nothing new.
        if self.0.len() < Diagnostics::MAX && self.0.iter().all(|(s, ..)| *s != span) {
            self.0.push((span, message.into(), help));
        }
    }

    /// Nothing more will be reported: going on is a waste.
    pub fn full(&self) -> bool {
        self.0.len() >= Diagnostics::MAX
    }

    pub fn render(self, sources: &Sources) -> Vec<Diagnostic> {
        self.0.into_iter().map(|(span, m, help)| sources.locate(span, m, help)).collect()
    }
}

//! Places in launch files, and problems that point at them.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A text that places are in: a launch file, or one argument of the command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub name: String,
    pub text: String,
}

/// A place: file, line and column from 1, and how many characters it covers.
#[derive(Clone, PartialEq, Eq)]
pub struct Span {
    pub(crate) source: Arc<Source>,
    pub line: usize,
    /// In characters.
    pub column: usize,
    pub width: usize,
}

impl Span {
    pub(crate) fn new(source: &Arc<Source>, line: usize, column: usize, width: usize) -> Self {
        Self { source: source.clone(), line, column, width: width.max(1) }
    }

    /// The file as it was named.
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// The whole line.
    pub fn text(&self) -> &str {
        self.source.text.lines().nth(self.line - 1).unwrap_or("")
    }

    /// `width` characters from `offset` on, within this span.
    pub(crate) fn part(&self, offset: usize, width: usize) -> Self {
        Self { column: self.column + offset, width: width.max(1), ..self.clone() }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source.name, self.line, self.column)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Span({self})")
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One thing wrong in a launch file: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub span: Span,
    pub what: String,
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.span, self.what)?;
        let number = self.span.line.to_string();
        let indent = " ".repeat(number.len());
        let text = self.span.text();
        // Tabs stay tabs before the caret, so that it stands under its character anywhere.
        let lead: String = text
            .chars()
            .take(self.span.column - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        writeln!(f, "{indent} |")?;
        writeln!(f, "{number} | {text}")?;
        writeln!(f, "{indent} | {lead}{}", "^".repeat(self.span.width))?;
        write!(f, "{indent} = {}", self.remedy)
    }
}

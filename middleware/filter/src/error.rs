//! What can be wrong with an expression or its parameters.

use std::ops::Range;

use tidewire_idl::{CdrError, Diagnostic};

/// A filter could not be made, or its parameters not be set.
///
/// ```
/// use tidewire_filter::Filter;
/// use tidewire_idl::TypeSupport;
/// use tidewire_types::sensor::Temperature;
///
/// let error = Filter::new(&Temperature::descriptor(), "celcius > 80", &[]).unwrap_err();
/// assert_eq!(error.to_string(), "\
/// error: `tidewire::sensor::Temperature` has no member `celcius`
///  --> filter:1:1
///   |
/// 1 | celcius > 80
///   | ^^^^^^^
///   = help: did you mean `celsius`?");
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// The expression is wrong.
    #[error("{0}")]
    Expression(Box<Diagnostic>),
    /// A parameter is no value, or not one that can stand where the expression has it.
    #[error("{diagnostic}")]
    Parameter {
        /// Which: 0 for `%0`.
        index: usize,
        /// What is wrong with it.
        diagnostic: Box<Diagnostic>,
    },
    /// Too few parameters, or more than the expression uses.
    #[error(
        "the expression uses {needed} parameters (up to %99, counted from %0), {given} are given; \
         give a value for each"
    )]
    Parameters {
        /// One more than the highest `%n`.
        needed: usize,
        /// As given.
        given: usize,
    },
    /// The description of the type cannot be used.
    #[error(transparent)]
    Type(#[from] CdrError),
}

impl FilterError {
    /// The place, if expression or parameter are wrong.
    pub fn diagnostic(&self) -> Option<&Diagnostic> {
        match self {
            Self::Expression(diagnostic) | Self::Parameter { diagnostic, .. } => Some(diagnostic),
            _ => None,
        }
    }
}

/// What an expression is called where its errors point.
pub(crate) const FILE: &str = "filter";

/// Something wrong, before it is known in which text.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    /// Bytes of the text.
    pub span: Range<usize>,
    pub message: String,
    pub help: Option<String>,
}

impl Problem {
    pub fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: None }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With the line it is in.
    pub fn diagnostic(self, file: &str, text: &str) -> Box<Diagnostic> {
        let start = floor(text, self.span.start);
        let end = floor(text, self.span.end).max(start);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        Box::new(Diagnostic {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            length: text[start..end.min(line_end).max(start)].chars().count().max(1),
            message: self.message,
            source_line: text[line_start..line_end].to_owned(),
            help: self.help,
        })
    }
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

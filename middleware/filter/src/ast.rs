//! What the parser makes of an expression, before anything is known of the type.

use std::ops::Range;

use tidewire_idl::cdr::FieldStep;

#[derive(Clone, Debug)]
pub(crate) enum Expr {
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Compare { left: Term, op: Op, right: Term },
    Like { text: Term, pattern: Term },
    Between { value: Term, not: bool, low: Term, high: Term },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Op {
    /// With its sides exchanged.
    pub fn flipped(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
            same => same,
        }
    }
}

/// A side of a predicate and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    pub kind: TermKind,
    pub span: Range<usize>,
}

#[derive(Clone, Debug)]
pub(crate) enum TermKind {
    /// A field; or an enumerator, if it is one name.
    Path(Vec<(FieldStep, Range<usize>)>),
    /// `Scope::NAME`: an enumerator.
    Scoped(Vec<String>),
    Integer(i128),
    Float(f64),
    /// As written, without its quotes.
    Text(String),
    Bool(bool),
    /// `%n`.
    Parameter(usize),
}

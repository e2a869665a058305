//! The tree: scalars as written, lists, and maps in their order.

use std::rc::Rc;

use crate::span::Span;

/// A value and its place. An alias shares its anchor's node, place included.
#[derive(Debug)]
pub(crate) struct Node {
    pub value: Value,
    pub span: Span,
}

#[derive(Debug)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Vec<Rc<Node>>),
    Map(Vec<(Key, Rc<Node>)>),
}

#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    pub text: String,
    /// Not quoted and not a block: `1` is a number then, and `"1"` is not.
    pub plain: bool,
    /// Where the text itself starts if it stands in the file as it is, without escapes or folding.
    pub verbatim: Option<Span>,
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub text: String,
    pub span: Span,
}

impl Value {
    /// What it is, for "expected a map, found a list".
    pub(crate) fn sort(&self) -> &'static str {
        match self {
            Self::Scalar(scalar) if super::is_null(scalar) => "nothing",
            Self::Scalar(_) => "a value",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

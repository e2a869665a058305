//! YAML with a place on every key and value.

mod read;
mod scalar;
mod tree;

pub(crate) use read::read;
pub(crate) use scalar::{is_null, typed};
pub(crate) use tree::{Key, Node, Scalar, Value};

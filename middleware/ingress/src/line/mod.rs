//! InfluxDB line protocol: what a line says, and which sample it becomes.
//!
//! ```
//! use tidewire_ingress::line::{self, FieldValue};
//!
//! let line = line::parse(r"weather,city=New\ York temp=21.5,wet=false,n=3i 1700000000000000000")?
//!     .expect("not a comment");
//! assert_eq!(line.measurement, "weather");
//! assert_eq!(line.tags, [("city".into(), "New York".into())]);
//! assert_eq!(line.fields[2], ("n".into(), FieldValue::Integer(3)));
//!
//! let error = line::parse("weather temp=21,5").unwrap_err();
//! assert!(error.to_string().starts_with("column 18:"), "{error}");
//! # Ok::<(), tidewire_ingress::Reject>(())
//! ```
//!
//! The syntax is that of InfluxDB 2 (reference/syntax/line-protocol): `\,` `\=` `\ ` in names and
//! tags, `\"` and `\\` in strings, any other backslash stands for itself. A line ends at the line
//! feed, also inside a string, so that a missing quote costs one line and not all that follow.

mod map;
mod parse;

use std::borrow::Cow;

pub(crate) use map::LineMap;
pub use parse::parse;

/// The type that lines become which are mapped to no other.
pub const FIELD_TYPE: &str = "tidewire::line::Field";

/// Tags and fields a line may have.
pub const MAX_COLUMNS: usize = 1024;

/// A parsed line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line<'a> {
    /// Before the first comma or space.
    pub measurement: Cow<'a, str>,
    /// In the order of the line; no name comes twice.
    pub tags: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// At least one, in the order of the line; no name comes twice.
    pub fields: Vec<(Cow<'a, str>, FieldValue<'a>)>,
    /// In the unit of the source's precision.
    pub timestamp: Option<i64>,
}

/// A field's value.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue<'a> {
    /// `1`, `1.5`, `-2e3`
    Float(f64),
    /// `1i`
    Integer(i64),
    /// `1u`
    Unsigned(u64),
    /// `t`, `false`, ...
    Boolean(bool),
    /// `"text"`
    String(Cow<'a, str>),
}

//! What the caller knows about built-in kinds of nodes: their parameters and topics.
//!
//! ```
//! use tidewire_graph::{KindSchema, ParamSpec, ParamType, TopicHint};
//! let pump = KindSchema {
//!     name: "sim.pump",
//!     help: "a pump with three sensors",
//!     params: vec![
//!         ParamSpec::optional("rate", ParamType::Float, "vibration samples per second"),
//!         ParamSpec::required("point", ParamType::String, "collection point"),
//!     ],
//!     reads: vec![],
//!     writes: vec![TopicHint::Named("vibration"), TopicHint::Named("current")],
//! };
//! assert!(pump.param("rate").is_some_and(|param| !param.required));
//! ```

/// A built-in kind: the name nodes call it by and what it takes.
#[derive(Clone, Debug)]
pub struct KindSchema {
    pub name: &'static str,
    pub help: &'static str,
    pub params: Vec<ParamSpec>,
    /// Topics it reads, for pictures and checks.
    pub reads: Vec<TopicHint>,
    /// Topics it writes.
    pub writes: Vec<TopicHint>,
}

impl KindSchema {
    /// The parameter of this name.
    pub fn param(&self, name: &str) -> Option<&ParamSpec> {
        self.params.iter().find(|param| param.name == name)
    }
}

/// One parameter of a kind.
#[derive(Clone, Debug)]
pub struct ParamSpec {
    pub name: &'static str,
    pub ty: ParamType,
    pub required: bool,
    pub help: &'static str,
}

impl ParamSpec {
    pub const fn required(name: &'static str, ty: ParamType, help: &'static str) -> Self {
        Self { name, ty, required: true, help }
    }

    pub const fn optional(name: &'static str, ty: ParamType, help: &'static str) -> Self {
        Self { name, ty, required: false, help }
    }
}

/// What a parameter's value must be, and the JSON it becomes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParamType {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// Any number.
    Float,
    /// Text; numbers are taken as they are written.
    String,
    /// A number and a unit (`250ms`, `10s`, `1h`); stays text.
    Duration,
    /// A path, left as it is.
    Path,
    /// A file to read: a relative path is taken from the launch file's folder if it exists there.
    InputFile,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list; one value alone is a list of one.
    List(&'static ParamType),
    /// A map with values of this type.
    Map(&'static ParamType),
    /// Anything.
    Any,
}

impl ParamType {
    /// For "expected …".
    pub fn expected(&self) -> String {
        match self {
            Self::Bool => "true or false".to_owned(),
            Self::Int => "a whole number".to_owned(),
            Self::Float => "a number".to_owned(),
            Self::String => "text".to_owned(),
            Self::Duration => "a duration such as 250ms or 10s".to_owned(),
            Self::Path | Self::InputFile => "a path".to_owned(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::List(item) => format!("a list, each {}", item.expected()),
            Self::Map(value) => format!("a map, each value {}", value.expected()),
            Self::Any => "a value".to_owned(),
        }
    }
}

/// A topic a kind reads or writes, before remaps and namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicHint {
    /// Always this one.
    Named(&'static str),
    /// What a parameter says: a name, a pattern with `*` and `?`, or a list of them.
    Param(&'static str),
    /// The same, with a name or pattern where the parameter is absent.
    ParamOr(&'static str, &'static str),
}

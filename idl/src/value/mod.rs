//! Dynamic values: samples of types known only at run time.
//!
//! ```
//! use tidewire_idl::Value;
//!
//! let sample = Value::Struct(vec![
//!     ("name".into(), Value::String("T1".into())),
//!     ("accel".into(), Value::Struct(vec![("x".into(), Value::F64(0.5))])),
//! ]);
//! assert_eq!(sample.get("accel.x").and_then(Value::as_f64), Some(0.5));
//! assert_eq!(sample.to_string(), "name: T1\naccel:\n  x: 0.5");
//! ```

mod display;
mod json;

pub(crate) use json::from_json;

/// A value of any IDL type.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Value {
    /// An absent optional member.
    #[default]
    Null,
    /// `boolean`.
    Bool(bool),
    /// `octet`, `uint8`.
    U8(u8),
    /// `int8`.
    I8(i8),
    /// `short`, `int16`.
    I16(i16),
    /// `unsigned short`, `uint16`.
    U16(u16),
    /// `long`, `int32`.
    I32(i32),
    /// `unsigned long`, `uint32`.
    U32(u32),
    /// `long long`, `int64`.
    I64(i64),
    /// `unsigned long long`, `uint64`.
    U64(u64),
    /// `float`.
    F32(f32),
    /// `double`.
    F64(f64),
    /// `char`, `wchar`.
    Char(char),
    /// `string`, `wstring`.
    String(String),
    /// An enumeration's literal; a number unknown to the type has its decimal text as name.
    Enum {
        /// Number on the wire.
        value: i32,
        /// Literal.
        name: String,
    },
    /// A bitmask.
    Bitmask {
        /// All bits.
        value: u64,
        /// Names of those bits that have one and are set.
        flags: Vec<String>,
    },
    /// Sequences and arrays, except of octets; arrays of several dimensions nest.
    Sequence(Vec<Value>),
    /// A sequence or an array of octets.
    Bytes(Vec<u8>),
    /// Members in wire order, those of bases first.
    Struct(Vec<(String, Value)>),
    /// A union: its discriminator and the member it chooses, if any.
    Union {
        /// An integer, boolean, character or enumeration.
        discriminator: Box<Value>,
        /// Name and value.
        member: Option<(String, Box<Value>)>,
    },
}

impl Value {
    /// Looks up a member by path: `accel.x`, `position[2]`, `items[0].name`; a union's member by its
    /// name. `None` if there is no such member.
    pub fn get(&self, path: &str) -> Option<&Self> {
        let mut at = self;
        let mut rest = path;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('[') {
                let (index, after) = after.split_once(']')?;
                let Self::Sequence(items) = at else { return None };
                at = items.get(index.parse::<usize>().ok()?)?;
                rest = after;
            } else {
                rest = rest.strip_prefix('.').unwrap_or(rest);
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                at = at.member(&rest[..end])?;
                rest = &rest[end..];
            }
        }
        Some(at)
    }

    fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Struct(members) => members.iter().find(|(n, _)| n == name).map(|(_, v)| v),
            Self::Union { discriminator, .. } if name == "$discriminator" => Some(discriminator),
            Self::Union { member: Some((n, value)), .. } if n == name => Some(value),
            _ => None,
        }
    }

    /// Any number or boolean as `f64`; 64-bit integers round.
    pub fn as_f64(&self) -> Option<f64> {
        Some(match *self {
            Self::F32(v) => f64::from(v),
            Self::F64(v) => v,
            Self::U64(v) => v as f64,
            Self::Bitmask { value, .. } => value as f64,
            _ => self.as_i64()? as f64,
        })
    }

    /// Any integer, boolean, enumeration or character as `i64`; `None` where it does not fit.
    pub fn as_i64(&self) -> Option<i64> {
        Some(match *self {
            Self::Bool(v) => i64::from(v),
            Self::U8(v) => i64::from(v),
            Self::I8(v) => i64::from(v),
            Self::I16(v) => i64::from(v),
            Self::U16(v) => i64::from(v),
            Self::I32(v) => i64::from(v),
            Self::U32(v) => i64::from(v),
            Self::I64(v) => v,
            Self::U64(v) | Self::Bitmask { value: v, .. } => i64::try_from(v).ok()?,
            Self::Enum { value, .. } => i64::from(value),
            Self::Char(c) => i64::from(u32::from(c)),
            _ => return None,
        })
    }

    /// A string, or an enumeration's literal.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(s) => Some(s),
            Self::Enum { name, .. } => Some(name),
            _ => None,
        }
    }

    /// What kind of value it is, for error messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::U8(_) | Self::I8(_) | Self::I16(_) | Self::U16(_) => "an integer",
            Self::I32(_) | Self::U32(_) | Self::I64(_) | Self::U64(_) => "an integer",
            Self::F32(_) | Self::F64(_) => "a floating point number",
            Self::Char(_) => "a character",
            Self::String(_) => "a string",
            Self::Enum { .. } => "an enumeration literal",
            Self::Bitmask { .. } => "a bitmask",
            Self::Sequence(_) => "a sequence",
            Self::Bytes(_) => "bytes",
            Self::Struct(_) => "a struct",
            Self::Union { .. } => "a union",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_reach_into_structs_sequences_and_unions() {
        let value = Value::Struct(vec![
            ("s".into(), Value::Sequence(vec![Value::I32(1), Value::I32(2)])),
            (
                "u".into(),
                Value::Union {
                    discriminator: Box::new(Value::I16(3)),
                    member: Some(("m".into(), Box::new(Value::Bool(true)))),
                },
            ),
        ]);
        assert_eq!(value.get("s[1]"), Some(&Value::I32(2)));
        assert_eq!(value.get("u.m").and_then(Value::as_f64), Some(1.0));
        assert_eq!(value.get("u.$discriminator").and_then(Value::as_i64), Some(3));
        for missing in ["s[2]", "s[", "s[x]", "u.x", "x", "s.s", "..", "s[1]]"] {
            assert_eq!(value.get(missing), None, "{missing}");
        }
    }
}

//! JSON both ways.
//!
//! Bytes are a hexadecimal string, enumerations and characters are strings, bitmasks are names
//! joined by ` | `, a union is an object of `$discriminator` and its member, and floating point
//! numbers JSON has no form for are `"NaN"`, `"Infinity"` and `"-Infinity"`.

use serde_json::{Map, Number, Value as Json};

use super::Value;
use crate::cdr::plan::{Kind, MemberPlan, NodeId, Plan};
use crate::cdr::plan::{
    bitmask_value, default_node, default_value, discriminator_value, enum_value,
};
use crate::cdr::{CdrError, CdrErrorKind, Codec, Within};
use crate::descriptor::{Primitive, TypeDescriptor};
use crate::suggest::nearest;

impl Value {
    /// The JSON form: struct members in order, sequences as arrays, bytes as a hexadecimal string,
    /// enumerations as their literal, absent optional members as `null`.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(v) => Json::Bool(*v),
            Self::U8(v) => Json::from(*v),
            Self::I8(v) => Json::from(*v),
            Self::I16(v) => Json::from(*v),
            Self::U16(v) => Json::from(*v),
            Self::I32(v) => Json::from(*v),
            Self::U32(v) => Json::from(*v),
            Self::I64(v) => Json::from(*v),
            Self::U64(v) => Json::from(*v),
            // The shortest digits that read back as this `f32`, not those of its `f64` value.
            Self::F32(v) => float(v.to_string().parse().unwrap_or(f64::from(*v))),
            Self::F64(v) => float(*v),
            Self::Char(c) => Json::String(c.to_string()),
            Self::String(s) => Json::String(s.clone()),
            Self::Enum { name, .. } => Json::String(name.clone()),
            Self::Bitmask { value, flags } => bitmask_json(*value, flags),
            Self::Sequence(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Self::Bytes(bytes) => Json::String(hex(bytes)),
            Self::Struct(members) => {
                Json::Object(members.iter().map(|(n, v)| (n.clone(), v.to_json())).collect())
            }
            Self::Union { discriminator, member } => {
                let mut map = Map::new();
                map.insert(DISCRIMINATOR.into(), discriminator.to_json());
                if let Some((name, value)) = member {
                    map.insert(name.clone(), value.to_json());
                }
                Json::Object(map)
            }
        }
    }

    /// Reads the JSON form of a sample. Members left out take their defaults; numbers are accepted
    /// for enumerations and bitmasks, arrays of numbers for bytes.
    ///
    /// # Errors
    /// JSON of another shape than the type; the error names the member.
    pub fn from_json(descriptor: &TypeDescriptor, json: &Json) -> Result<Self, CdrError> {
        Codec::new(descriptor)?.value_from_json(json)
    }
}

const DISCRIMINATOR: &str = "$discriminator";

fn float(v: f64) -> Json {
    match Number::from_f64(v) {
        Some(number) => Json::Number(number),
        None if v.is_nan() => Json::from("NaN"),
        None if v > 0.0 => Json::from("Infinity"),
        None => Json::from("-Infinity"),
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    let digit = |d: u8| char::from(d).to_digit(16).map(|v| v as u8);
    let bytes = pairs.iter().map(|[a, b]| Some(digit(*a)? << 4 | digit(*b)?)).collect();
    if odd.is_empty() { bytes } else { None }
}

/// Names joined by ` | `; the plain number if bits have no name.
fn bitmask_json(value: u64, flags: &[String]) -> Json {
    if flags.len() == value.count_ones() as usize {
        Json::String(flags.join(" | "))
    } else {
        Json::from(value)
    }
}

fn found(json: &Json) -> String {
    match json {
        Json::Null => "null".into(),
        Json::Bool(v) => v.to_string(),
        Json::Number(n) => n.to_string(),
        Json::String(s) => {
            let short: String = s.chars().take(40).collect();
            format!("{short:?}")
        }
        Json::Array(a) => format!("an array of {}", a.len()),
        Json::Object(_) => "an object".into(),
    }
}

fn mismatch(expected: impl Into<String>, json: &Json) -> CdrError {
    let (expected, found) = (expected.into(), found(json));
    CdrError::of_value(CdrErrorKind::Mismatch { expected, found })
}

pub(crate) fn from_json(plan: &Plan, id: NodeId, json: &Json) -> Result<Value, CdrError> {
    match &plan.node(id).kind {
        Kind::Primitive(p) => primitive(*p, json),
        Kind::Enum { name, literals, .. } => match json {
            Json::String(text) => match literals.iter().find(|(n, _)| n == text) {
                Some((_, value)) => Ok(enum_value(*value, literals)),
                // The name of a number unknown to the type is its decimal text.
                None => match text.parse::<i32>() {
                    Ok(value) => Ok(enum_value(value, literals)),
                    Err(_) => {
                        let near = nearest(text, literals.iter().map(|(n, _)| n.as_str()));
                        let known = near.map(|n| format!(": did you mean `{n}`?"));
                        let known = known.unwrap_or_default();
                        Err(mismatch(format!("a literal of `{name}`{known}"), json))
                    }
                },
            },
            _ => {
                let number = integer(json, "an enumeration")?;
                let value = narrow::<i32>(number, "an enumeration")?;
                Ok(enum_value(value, literals))
            }
        },
        Kind::Bitmask { flags, .. } => bitmask(flags, json),
        Kind::String { .. } | Kind::WString { .. } => match json {
            Json::String(text) => Ok(Value::String(text.clone())),
            _ => Err(mismatch("a string", json)),
        },
        Kind::Sequence { element, .. } => match plan.node(*element).kind {
            Kind::Primitive(Primitive::U8) => bytes(json),
            _ => array(plan, *element, &[None], json),
        },
        Kind::Array { element, dims, .. } => match plan.node(*element).kind {
            Kind::Primitive(Primitive::U8) => bytes(json),
            _ => {
                let dims: Vec<_> = dims.iter().map(|d| Some(*d as usize)).collect();
                array(plan, *element, &dims, json)
            }
        },
        Kind::Struct(s) => {
            let Json::Object(map) = json else {
                return Err(mismatch(format!("an object with the members of `{}`", s.name), json));
            };
            if let Some(unknown) = map.keys().find(|k| !s.members.iter().any(|m| m.name == **k)) {
                return Err(unknown_member(unknown, &s.members));
            }
            let mut members = Vec::with_capacity(s.members.len());
            for member in &s.members {
                let value = match map.get(&member.name) {
                    Some(Json::Null) if member.optional => Ok(Value::Null),
                    Some(json) => from_json(plan, member.node, json),
                    None => default_value(plan, member),
                };
                members.push((member.name.clone(), value.within(&member.name)?));
            }
            Ok(Value::Struct(members))
        }
        Kind::Union(u) => {
            let Json::Object(map) = json else {
                return Err(mismatch(format!("an object for union `{}`", u.name), json));
            };
            let given = map.iter().find(|(k, _)| *k != DISCRIMINATOR);
            let discriminator = match (map.get(DISCRIMINATOR), given) {
                (Some(json), _) => from_json(plan, u.discriminator, json).within(DISCRIMINATOR)?,
                // The member alone chooses its first label.
                (None, Some((name, _))) => {
                    let case = u.cases.iter().find(|c| c.member.name == *name);
                    let Some(case) = case else {
                        return Err(unknown_member(name, u.cases.iter().map(|c| &c.member)));
                    };
                    let Some(label) = case.labels.first() else {
                        let expected = "\"$discriminator\" beside the default member";
                        return Err(mismatch(expected, json));
                    };
                    discriminator_value(plan, u.discriminator, *label)
                }
                (None, None) => return default_node(plan, id),
            };
            let chosen = u.choose(discriminator.as_i64().unwrap_or_default());
            let member = match (chosen, given) {
                (Some(case), Some((name, json))) if case.member.name == *name => {
                    let value = from_json(plan, case.member.node, json).within(name)?;
                    Some((name.clone(), Box::new(value)))
                }
                (_, Some((name, _))) => {
                    let expected = match chosen {
                        Some(case) => format!("member `{}`", case.member.name),
                        None => "no member".to_owned(),
                    };
                    let found = format!("member `{name}`");
                    let kind = CdrErrorKind::Mismatch { expected, found };
                    return Err(CdrError::of_value(kind));
                }
                (Some(case), None) => {
                    let value = default_value(plan, &case.member)?;
                    Some((case.member.name.clone(), Box::new(value)))
                }
                (None, None) => None,
            };
            Ok(Value::Union { discriminator: Box::new(discriminator), member })
        }
    }
}

fn unknown_member<'a>(name: &str, members: impl IntoIterator<Item = &'a MemberPlan>) -> CdrError {
    let near = nearest(name, members.into_iter().map(|m| m.name.as_str()));
    let (name, nearest) = (name.to_owned(), near.map(str::to_owned));
    CdrError::of_value(CdrErrorKind::UnknownMember { name, nearest })
}

fn integer(json: &Json, expected: &str) -> Result<i128, CdrError> {
    let number = match json {
        Json::Number(n) => n
            .as_i64()
            .map(i128::from)
            .or_else(|| n.as_u64().map(i128::from))
            // 1e3 and 5.0 are integers too.
            .or_else(|| {
                n.as_f64().filter(|v| v.fract() == 0.0 && v.abs() < 9e15).map(|v| v as i128)
            }),
        _ => None,
    };
    number.ok_or_else(|| mismatch(expected, json))
}

fn narrow<T: TryFrom<i128>>(v: i128, ty: &'static str) -> Result<T, CdrError> {
    T::try_from(v).map_err(|_| CdrError::of_value(CdrErrorKind::Range { value: v.to_string(), ty }))
}

fn number(json: &Json) -> Result<f64, CdrError> {
    let value = match json {
        Json::Number(n) => n.as_f64(),
        Json::String(s) => match s.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    };
    value.ok_or_else(|| mismatch("a number", json))
}

fn primitive(p: Primitive, json: &Json) -> Result<Value, CdrError> {
    let whole = || integer(json, "an integer");
    Ok(match p {
        Primitive::Bool => match json {
            Json::Bool(v) => Value::Bool(*v),
            _ => return Err(mismatch("a boolean", json)),
        },
        Primitive::U8 | Primitive::Octet => Value::U8(narrow(whole()?, "octet")?),
        Primitive::I8 => Value::I8(narrow(whole()?, "int8")?),
        Primitive::I16 => Value::I16(narrow(whole()?, "short")?),
        Primitive::U16 => Value::U16(narrow(whole()?, "unsigned short")?),
        Primitive::I32 => Value::I32(narrow(whole()?, "long")?),
        Primitive::U32 => Value::U32(narrow(whole()?, "unsigned long")?),
        Primitive::I64 => Value::I64(narrow(whole()?, "long long")?),
        Primitive::U64 => Value::U64(narrow(whole()?, "unsigned long long")?),
        Primitive::F32 => Value::F32(number(json)? as f32),
        Primitive::F64 => Value::F64(number(json)?),
        Primitive::Char | Primitive::WChar => match json {
            Json::String(s) if s.chars().count() == 1 => {
                Value::Char(s.chars().next().unwrap_or('\0'))
            }
            _ => return Err(mismatch("a string of one character", json)),
        },
    })
}

fn bitmask(flags: &[(String, u16)], json: &Json) -> Result<Value, CdrError> {
    let Json::String(text) = json else {
        let value = narrow(integer(json, "a bitmask")?, "a bitmask")?;
        return Ok(bitmask_value(value, flags));
    };
    let mut value = 0u64;
    for name in text.split('|').map(str::trim).filter(|n| !n.is_empty()) {
        match flags.iter().find(|(n, _)| n == name) {
            Some((_, bit)) => value |= 1u64.checked_shl(u32::from(*bit)).unwrap_or(0),
            None => {
                let near = nearest(name, flags.iter().map(|(n, _)| n.as_str())).map(str::to_owned);
                let kind = CdrErrorKind::UnknownMember { name: name.to_owned(), nearest: near };
                return Err(CdrError::of_value(kind));
            }
        }
    }
    Ok(bitmask_value(value, flags))
}

fn bytes(json: &Json) -> Result<Value, CdrError> {
    match json {
        Json::String(text) => match unhex(text) {
            Some(bytes) => Ok(Value::Bytes(bytes)),
            None => Err(mismatch("pairs of hexadecimal digits", json)),
        },
        Json::Array(items) => {
            let mut bytes = Vec::with_capacity(items.len());
            for (i, item) in items.iter().enumerate() {
                let byte = integer(item, "an integer").and_then(|v| narrow(v, "octet"));
                bytes.push(byte.within_index(i)?);
            }
            Ok(Value::Bytes(bytes))
        }
        _ => Err(mismatch("a hexadecimal string or an array of octets", json)),
    }
}

fn array(
    plan: &Plan,
    element: NodeId,
    dims: &[Option<usize>],
    json: &Json,
) -> Result<Value, CdrError> {
    let Some((first, rest)) = dims.split_first() else { return from_json(plan, element, json) };
    let Json::Array(items) = json else { return Err(mismatch("an array", json)) };
    if first.is_some_and(|n| n != items.len()) {
        let n = first.unwrap_or_default();
        return Err(mismatch(format!("an array of {n}"), json));
    }
    let mut values = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        values.push(array(plan, element, rest, item).within_index(i)?);
    }
    Ok(Value::Sequence(values))
}

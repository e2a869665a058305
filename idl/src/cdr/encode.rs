//! [`Value`] to payload.

use super::compile::{Kind, MemberPlan, NodeId, Plan, StructPlan, UnionPlan};
use super::decode::DISCRIMINATOR_ID;
use super::default::default_value;
use super::error::{CdrError, CdrErrorKind, Within};
use super::write::Writer;
use crate::descriptor::{Extensibility, Primitive};
use crate::suggest::nearest;
use crate::value::Value;

fn mismatch(expected: impl Into<String>, found: &Value) -> CdrError {
    let (expected, found) = (expected.into(), found.kind().to_owned());
    CdrError::of_value(CdrErrorKind::Mismatch { expected, found })
}

pub(crate) fn encode_node(
    plan: &Plan,
    id: NodeId,
    value: &Value,
    w: &mut Writer<'_>,
) -> Result<(), CdrError> {
    match (&plan.node(id).kind, value) {
        (Kind::Primitive(p), _) => primitive(*p, value, w),
        (Kind::Enum { name, bytes, literals, .. }, _) => {
            let number = enum_number(name, literals, value)?;
            match bytes {
                1 => w.i8(narrow(i64::from(number), "an 8-bit enumeration")?),
                2 => w.i16(narrow(i64::from(number), "a 16-bit enumeration")?),
                _ => w.i32(number),
            }
            Ok(())
        }
        (Kind::Bitmask { bytes, .. }, _) => {
            let Some(bits) = integer(value) else { return Err(mismatch("a bitmask", value)) };
            match bytes {
                1 => w.u8(narrow(bits, "an 8-bit bitmask")?),
                2 => w.u16(narrow(bits, "a 16-bit bitmask")?),
                4 => w.u32(narrow(bits, "a 32-bit bitmask")?),
                _ => w.u64(narrow(bits, "a 64-bit bitmask")?),
            }
            Ok(())
        }
        (Kind::String { bound }, Value::String(text)) => {
            within_bound(text.len(), *bound)?;
            w.string(text);
            Ok(())
        }
        (Kind::WString { bound }, Value::String(text)) => {
            within_bound(text.encode_utf16().count(), *bound)?;
            w.wstring(text);
            Ok(())
        }
        (Kind::String { .. } | Kind::WString { .. }, _) => Err(mismatch("a string", value)),
        (Kind::Sequence { element, bound }, Value::Bytes(bytes)) => {
            let Kind::Primitive(Primitive::U8) = plan.node(*element).kind else {
                return Err(mismatch("a sequence of other than octets", value));
            };
            within_bound(bytes.len(), *bound)?;
            w.seq_u8(bytes);
            Ok(())
        }
        (Kind::Sequence { element, bound }, Value::Sequence(items)) => {
            within_bound(items.len(), *bound)?;
            let mark = (!plan.is_primitive(*element)).then(|| w.begin_collection());
            w.count(items.len());
            for (i, item) in items.iter().enumerate() {
                encode_node(plan, *element, item, w).within_index(i)?;
            }
            if let Some(mark) = mark {
                w.end_collection(mark);
            }
            Ok(())
        }
        (Kind::Sequence { .. }, _) => Err(mismatch("a sequence", value)),
        (Kind::Array { element, count, .. }, Value::Bytes(bytes)) => {
            let octets = matches!(plan.node(*element).kind, Kind::Primitive(Primitive::U8));
            if !octets || bytes.len() != *count {
                return Err(mismatch(format!("an array of {count} elements"), value));
            }
            w.array_u8(bytes);
            Ok(())
        }
        (Kind::Array { element, dims, .. }, _) => {
            let mark = (!plan.is_primitive(*element)).then(|| w.begin_collection());
            array(plan, *element, dims, value, w)?;
            if let Some(mark) = mark {
                w.end_collection(mark);
            }
            Ok(())
        }
        (Kind::Struct(s), Value::Struct(members)) => structure(plan, s, members, w),
        (Kind::Struct(s), _) => Err(mismatch(format!("a struct `{}`", s.name), value)),
        (Kind::Union(u), Value::Union { discriminator, member }) => {
            union(plan, u, discriminator, member.as_ref(), w)
        }
        (Kind::Union(u), _) => Err(mismatch(format!("a union `{}`", u.name), value)),
    }
}

fn within_bound(length: usize, bound: usize) -> Result<(), CdrError> {
    let fits = length <= bound && u32::try_from(length).is_ok_and(|n| n < u32::MAX);
    let kind = CdrErrorKind::Bound { length, bound: bound.min(u32::MAX as usize - 1) };
    if fits { Ok(()) } else { Err(CdrError::of_value(kind)) }
}

/// Any integral value, wide enough for `u64` and `i64`.
fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::U64(v) | Value::Bitmask { value: v, .. } => Some(i128::from(*v)),
        Value::F64(_) | Value::F32(_) | Value::Char(_) => None,
        other => other.as_i64().map(i128::from),
    }
}

fn narrow<T, F: Copy + ToString>(value: F, ty: &'static str) -> Result<T, CdrError>
where
    T: TryFrom<F>,
{
    T::try_from(value)
        .map_err(|_| CdrError::of_value(CdrErrorKind::Range { value: value.to_string(), ty }))
}

fn enum_number(name: &str, literals: &[(String, i32)], value: &Value) -> Result<i32, CdrError> {
    match value {
        Value::Enum { value, .. } => Ok(*value),
        Value::String(text) => match literals.iter().find(|(n, _)| n == text) {
            Some((_, number)) => Ok(*number),
            None => {
                let near = nearest(text, literals.iter().map(|(n, _)| n.as_str()));
                let kind = CdrErrorKind::UnknownMember {
                    name: text.clone(),
                    nearest: near.map(str::to_owned),
                };
                Err(CdrError::of_value(kind))
            }
        },
        _ => match integer(value) {
            Some(number) => narrow(number, "an enumeration"),
            None => Err(mismatch(format!("a literal of `{name}`"), value)),
        },
    }
}

fn primitive(p: Primitive, value: &Value, w: &mut Writer<'_>) -> Result<(), CdrError> {
    // The exact kind first: that is what decoding and JSON make.
    match (p, value) {
        (Primitive::Bool, Value::Bool(v)) => w.bool(*v),
        (Primitive::F64, Value::F64(v)) => w.f64(*v),
        (Primitive::F32, Value::F32(v)) => w.f32(*v),
        (Primitive::Char, Value::Char(c)) => w.u8(narrow(u32::from(*c), "a char (ISO 8859-1)")?),
        (Primitive::WChar, Value::Char(c)) => w.u16(narrow(u32::from(*c), "a wchar (UTF-16)")?),
        (Primitive::F64, other) => match other.as_f64() {
            Some(v) => w.f64(v),
            None => return Err(mismatch("a number", value)),
        },
        (Primitive::F32, other) => match other.as_f64() {
            Some(v) => w.f32(v as f32),
            None => return Err(mismatch("a number", value)),
        },
        (Primitive::Bool | Primitive::Char | Primitive::WChar, _) => {
            let expected = if p == Primitive::Bool { "a boolean" } else { "a character" };
            return Err(mismatch(expected, value));
        }
        (_, other) => {
            let Some(v) = integer(other) else { return Err(mismatch("an integer", value)) };
            match p {
                Primitive::U8 | Primitive::Octet => w.u8(narrow(v, "octet")?),
                Primitive::I8 => w.i8(narrow(v, "int8")?),
                Primitive::I16 => w.i16(narrow(v, "short")?),
                Primitive::U16 => w.u16(narrow(v, "unsigned short")?),
                Primitive::I32 => w.i32(narrow(v, "long")?),
                Primitive::U32 => w.u32(narrow(v, "unsigned long")?),
                Primitive::I64 => w.i64(narrow(v, "long long")?),
                _ => w.u64(narrow(v, "unsigned long long")?),
            }
        }
    }
    Ok(())
}

fn array(
    plan: &Plan,
    element: NodeId,
    dims: &[u32],
    value: &Value,
    w: &mut Writer<'_>,
) -> Result<(), CdrError> {
    let Some((first, rest)) = dims.split_first() else {
        return encode_node(plan, element, value, w);
    };
    match value {
        Value::Sequence(items) if items.len() == *first as usize => {
            for (i, item) in items.iter().enumerate() {
                array(plan, element, rest, item, w).within_index(i)?;
            }
            Ok(())
        }
        Value::Sequence(items) => {
            let (expected, found) = (format!("{first} elements"), items.len().to_string());
            Err(CdrError::of_value(CdrErrorKind::Mismatch { expected, found }))
        }
        _ => Err(mismatch(format!("an array of {first} elements"), value)),
    }
}

fn structure(
    plan: &Plan,
    s: &StructPlan,
    values: &[(String, Value)],
    w: &mut Writer<'_>,
) -> Result<(), CdrError> {
    for (name, _) in values {
        if !s.members.iter().any(|m| m.name == *name) {
            let near = nearest(name, s.members.iter().map(|m| m.name.as_str()));
            let (name, nearest) = (name.clone(), near.map(str::to_owned));
            return Err(CdrError::of_value(CdrErrorKind::UnknownMember { name, nearest }));
        }
    }
    let mut made = Value::Null;
    let delimited = (s.extensibility == Extensibility::Appendable).then(|| w.begin_delimited());
    let parameters = (s.extensibility == Extensibility::Mutable).then(|| w.begin_parameters());
    for (i, member) in s.members.iter().enumerate() {
        // Decoded values have the type's order; others are searched.
        let at = values.get(i).filter(|(n, _)| *n == member.name);
        let at = at.or_else(|| values.iter().find(|(n, _)| *n == member.name));
        let value = match at {
            Some((_, value)) => value,
            None => {
                made = default_value(plan, member).within(&member.name)?;
                &made
            }
        };
        let written = if parameters.is_some() {
            parameter(plan, member, value, w)
        } else if member.optional {
            let present = *value != Value::Null;
            let mark = w.begin_optional(member.id, member.must_understand, present);
            let result = if present { encode_node(plan, member.node, value, w) } else { Ok(()) };
            w.end_optional(mark);
            result
        } else {
            encode_node(plan, member.node, value, w)
        };
        written.within(&member.name)?;
    }
    drop(made);
    if let Some(mark) = delimited {
        w.end_delimited(mark);
    }
    if let Some(mark) = parameters {
        w.end_parameters(mark);
    }
    Ok(())
}

fn parameter(
    plan: &Plan,
    member: &MemberPlan,
    value: &Value,
    w: &mut Writer<'_>,
) -> Result<(), CdrError> {
    if member.optional && *value == Value::Null {
        return Ok(());
    }
    let mark = w.begin_parameter(member.id, member.must_understand, member.length_code);
    encode_node(plan, member.node, value, w)?;
    w.end_parameter(mark);
    Ok(())
}

fn union(
    plan: &Plan,
    u: &UnionPlan,
    discriminator: &Value,
    member: Option<&(String, Box<Value>)>,
    w: &mut Writer<'_>,
) -> Result<(), CdrError> {
    let number = match &plan.node(u.discriminator).kind {
        Kind::Enum { name, literals, .. } => {
            i64::from(enum_number(name, literals, discriminator).within("$discriminator")?)
        }
        _ => match discriminator.as_i64() {
            Some(number) => number,
            None => return Err(mismatch("an integer", discriminator).within("$discriminator")),
        },
    };
    let case = u.choose(number);
    if let (Some((name, _)), chosen) = (member, case.map(|c| &c.member.name))
        && chosen != Some(name)
    {
        let expected = match chosen {
            Some(chosen) => format!("member `{chosen}`, which discriminator {number} chooses"),
            None => format!("no member: discriminator {number} chooses none"),
        };
        let found = format!("member `{name}`");
        return Err(CdrError::of_value(CdrErrorKind::Mismatch { expected, found }));
    }
    let made;
    let chosen = match (case, member) {
        (Some(case), Some((_, value))) => Some((&case.member, &**value)),
        (Some(case), None) => {
            made = default_value(plan, &case.member)?;
            Some((&case.member, &made))
        }
        (None, _) => None,
    };
    if u.extensibility == Extensibility::Mutable {
        let mark = w.begin_parameters();
        let length_code = plan.node(u.discriminator).min_size.trailing_zeros() as u8;
        let parameter_mark = w.begin_parameter(DISCRIMINATOR_ID, true, length_code);
        encode_node(plan, u.discriminator, discriminator, w).within("$discriminator")?;
        w.end_parameter(parameter_mark);
        if let Some((member, value)) = chosen {
            parameter(plan, member, value, w).within(&member.name)?;
        }
        w.end_parameters(mark);
        return Ok(());
    }
    let mark = (u.extensibility == Extensibility::Appendable).then(|| w.begin_delimited());
    encode_node(plan, u.discriminator, discriminator, w).within("$discriminator")?;
    if let Some((member, value)) = chosen {
        encode_node(plan, member.node, value, w).within(&member.name)?;
    }
    if let Some(mark) = mark {
        w.end_delimited(mark);
    }
    Ok(())
}

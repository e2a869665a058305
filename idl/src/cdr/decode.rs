//! Payload to [`Value`].

use super::compile::{Kind, MemberPlan, NodeId, Plan, StructPlan, UnionPlan};
use super::default::default_value;
use super::error::{CdrError, CdrErrorKind, Within};
use super::read::Reader;
use crate::descriptor::{Extensibility, Primitive};
use crate::value::Value;

/// What a payload holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Content {
    /// All members.
    Sample,
    /// Key members; all members of a nested struct that marks none.
    Key,
    /// The key members of a struct that must mark some: the topic type.
    TopicKey,
}

impl Content {
    /// Whether the member is on the wire, and what of it.
    pub fn of_member(self, keyed: bool, member: &MemberPlan) -> Option<Self> {
        match self {
            Self::Sample => Some(Self::Sample),
            Self::Key if !keyed => Some(Self::Key),
            _ => member.key.then_some(Self::Key),
        }
    }

    /// Fewest bytes a value takes; of a key it may be anything.
    pub fn min_size(self, plan: &Plan, id: NodeId) -> usize {
        if self == Self::Sample { plan.node(id).min_size } else { 0 }
    }
}

pub(crate) fn decode_node(
    plan: &Plan,
    id: NodeId,
    r: &mut Reader<'_>,
    content: Content,
) -> Result<Value, CdrError> {
    match &plan.node(id).kind {
        Kind::Primitive(p) => primitive(*p, r),
        Kind::Enum { bytes, literals, .. } => {
            let value = enum_number(*bytes, r)?;
            Ok(enum_value(value, literals))
        }
        Kind::Bitmask { bytes, flags } => {
            let value = bits(*bytes, r)?;
            Ok(bitmask_value(value, flags))
        }
        Kind::String { bound } => Ok(Value::String(r.string(*bound)?)),
        Kind::WString { bound } => Ok(Value::String(r.wstring(*bound)?)),
        Kind::Sequence { element, bound } => {
            if let Kind::Primitive(Primitive::U8) = plan.node(*element).kind {
                return Ok(Value::Bytes(r.seq_u8(*bound)?));
            }
            let open = if plan.is_primitive(*element) { None } else { Some(r.begin_collection()?) };
            let count = r.count(content.min_size(plan, *element), *bound)?;
            let mut items = Vec::with_capacity(count);
            for i in 0..count {
                items.push(decode_node(plan, *element, r, content).within_index(i)?);
            }
            if let Some(open) = open {
                r.end_delimited(open);
            }
            Ok(Value::Sequence(items))
        }
        Kind::Array { element, dims, count } => {
            if let Kind::Primitive(Primitive::U8) = plan.node(*element).kind {
                return Ok(Value::Bytes(r.take(*count)?.to_vec()));
            }
            let open = if plan.is_primitive(*element) { None } else { Some(r.begin_collection()?) };
            let needed = count.saturating_mul(content.min_size(plan, *element));
            if needed > r.remaining() {
                let left = r.remaining();
                return Err(r.error(CdrErrorKind::TooShort { needed, left }));
            }
            let value = array(plan, *element, dims, r, content)?;
            if let Some(open) = open {
                r.end_delimited(open);
            }
            Ok(value)
        }
        Kind::Struct(s) => structure(plan, s, r, content),
        Kind::Union(u) => union(plan, u, r, content),
    }
}

pub(crate) fn primitive(p: Primitive, r: &mut Reader<'_>) -> Result<Value, CdrError> {
    Ok(match p {
        Primitive::Bool => Value::Bool(r.bool()?),
        Primitive::U8 | Primitive::Octet => Value::U8(r.u8()?),
        Primitive::I8 => Value::I8(r.i8()?),
        Primitive::I16 => Value::I16(r.i16()?),
        Primitive::U16 => Value::U16(r.u16()?),
        Primitive::I32 => Value::I32(r.i32()?),
        Primitive::U32 => Value::U32(r.u32()?),
        Primitive::I64 => Value::I64(r.i64()?),
        Primitive::U64 => Value::U64(r.u64()?),
        Primitive::F32 => Value::F32(r.f32()?),
        Primitive::F64 => Value::F64(r.f64()?),
        Primitive::Char => Value::Char(r.char()?),
        Primitive::WChar => Value::Char(r.wchar()?),
    })
}

pub(crate) fn enum_number(bytes: usize, r: &mut Reader<'_>) -> Result<i32, CdrError> {
    Ok(match bytes {
        1 => i32::from(r.i8()?),
        2 => i32::from(r.i16()?),
        _ => r.i32()?,
    })
}

pub(crate) fn bits(bytes: usize, r: &mut Reader<'_>) -> Result<u64, CdrError> {
    Ok(match bytes {
        1 => u64::from(r.u8()?),
        2 => u64::from(r.u16()?),
        4 => u64::from(r.u32()?),
        _ => r.u64()?,
    })
}

pub(crate) fn enum_name(value: i32, literals: &[(String, i32)]) -> Option<&str> {
    literals.iter().find(|(_, v)| *v == value).map(|(name, _)| name.as_str())
}

pub(crate) fn enum_value(value: i32, literals: &[(String, i32)]) -> Value {
    let name = enum_name(value, literals).map_or_else(|| value.to_string(), str::to_owned);
    Value::Enum { value, name }
}

pub(crate) fn bitmask_value(value: u64, flags: &[(String, u16)]) -> Value {
    let set = |bit: &u16| value.checked_shr(u32::from(*bit)).is_some_and(|v| v & 1 == 1);
    let flags = flags.iter().filter(|(_, bit)| set(bit)).map(|(n, _)| n.clone()).collect();
    Value::Bitmask { value, flags }
}

fn array(
    plan: &Plan,
    element: NodeId,
    dims: &[u32],
    r: &mut Reader<'_>,
    content: Content,
) -> Result<Value, CdrError> {
    let Some((first, rest)) = dims.split_first() else {
        return decode_node(plan, element, r, content);
    };
    let mut items = Vec::new();
    for i in 0..*first as usize {
        items.push(array(plan, element, rest, r, content).within_index(i)?);
    }
    Ok(Value::Sequence(items))
}

fn structure(
    plan: &Plan,
    s: &StructPlan,
    r: &mut Reader<'_>,
    content: Content,
) -> Result<Value, CdrError> {
    if s.extensibility == Extensibility::Mutable {
        return mutable(plan, s, r, content);
    }
    let delimited = match s.extensibility {
        Extensibility::Appendable => Some(r.begin_delimited()?),
        _ => None,
    };
    let mut members = Vec::with_capacity(s.members.len());
    for member in &s.members {
        let Some(content) = content.of_member(s.keyed, member) else { continue };
        let value = if delimited.is_some() && r.at_end() {
            missing(plan, member, r)
        } else if member.optional {
            optional(plan, member, r, content)
        } else {
            decode_node(plan, member.node, r, content)
        };
        members.push((member.name.clone(), value.within(&member.name)?));
    }
    if let Some(open) = delimited {
        r.end_delimited(open);
    }
    Ok(Value::Struct(members))
}

fn missing(plan: &Plan, member: &MemberPlan, r: &mut Reader<'_>) -> Result<Value, CdrError> {
    if member.optional {
        return Ok(Value::Null);
    }
    r.charge(plan.node(member.node).default_cost)?;
    default_value(plan, member)
}

fn optional(
    plan: &Plan,
    member: &MemberPlan,
    r: &mut Reader<'_>,
    content: Content,
) -> Result<Value, CdrError> {
    let Some(open) = r.begin_optional(member.id)? else { return Ok(Value::Null) };
    let value = decode_node(plan, member.node, r, content)?;
    r.end_optional(open);
    Ok(value)
}

fn mutable(
    plan: &Plan,
    s: &StructPlan,
    r: &mut Reader<'_>,
    content: Content,
) -> Result<Value, CdrError> {
    let open = r.begin_parameters()?;
    let mut found: Vec<Option<Value>> = vec![None; s.members.len()];
    while let Some(parameter) = r.next_parameter()? {
        let member = s.members.iter().enumerate().find(|(_, m)| m.id == parameter.id);
        match member {
            Some((i, member)) => {
                if let Some(content) = content.of_member(s.keyed, member) {
                    let value = decode_node(plan, member.node, r, content).within(&member.name)?;
                    found[i] = Some(value);
                }
            }
            None if parameter.must_understand => {
                return Err(r.error(CdrErrorKind::MustUnderstand { id: parameter.id }));
            }
            None => {}
        }
        r.end_parameter(&open, parameter);
    }
    r.end_parameters(open);
    let mut members = Vec::with_capacity(found.len());
    for (member, value) in s.members.iter().zip(found) {
        if content.of_member(s.keyed, member).is_none() {
            continue;
        }
        let value = match value {
            Some(value) => value,
            None if member.key => {
                return Err(r.error(CdrErrorKind::KeyMissing).within(&member.name));
            }
            None => missing(plan, member, r).within(&member.name)?,
        };
        members.push((member.name.clone(), value));
    }
    Ok(Value::Struct(members))
}

fn union(
    plan: &Plan,
    u: &UnionPlan,
    r: &mut Reader<'_>,
    content: Content,
) -> Result<Value, CdrError> {
    let only_discriminator = content != Content::Sample && u.discriminator_is_key;
    let inner = |r: &mut Reader<'_>| -> Result<Value, CdrError> {
        let value = decode_node(plan, u.discriminator, r, Content::Sample)?;
        let case = u.choose(value.as_i64().unwrap_or_default());
        let discriminator = Box::new(value);
        let member = match case {
            Some(case) if !only_discriminator => {
                let member = &case.member;
                let value = if u.extensibility == Extensibility::Appendable && r.at_end() {
                    missing(plan, member, r)
                } else {
                    decode_node(plan, member.node, r, Content::Sample)
                };
                Some((member.name.clone(), Box::new(value.within(&member.name)?)))
            }
            _ => None,
        };
        Ok(Value::Union { discriminator, member })
    };
    match u.extensibility {
        Extensibility::Final => inner(r),
        Extensibility::Appendable => {
            let open = r.begin_delimited()?;
            let value = inner(r)?;
            r.end_delimited(open);
            Ok(value)
        }
        Extensibility::Mutable => mutable_union(plan, u, r, only_discriminator),
    }
}

/// Parameter id of a mutable union's discriminator (XTypes 1.3, 7.4.3.5.3).
pub(crate) const DISCRIMINATOR_ID: u32 = 0;

fn mutable_union(
    plan: &Plan,
    u: &UnionPlan,
    r: &mut Reader<'_>,
    only_discriminator: bool,
) -> Result<Value, CdrError> {
    let open = r.begin_parameters()?;
    let mut discriminator = None;
    let mut member = None;
    while let Some(parameter) = r.next_parameter()? {
        if parameter.id == DISCRIMINATOR_ID {
            discriminator = Some(decode_node(plan, u.discriminator, r, Content::Sample)?);
        } else if let Some(value) = &discriminator {
            let case = u.choose(value.as_i64().unwrap_or_default()).map(|case| &case.member);
            if let Some(chosen) = case.filter(|m| m.id == parameter.id && !only_discriminator) {
                let value = decode_node(plan, chosen.node, r, Content::Sample);
                member = Some((chosen.name.clone(), Box::new(value.within(&chosen.name)?)));
            }
        }
        r.end_parameter(&open, parameter);
    }
    r.end_parameters(open);
    let Some(discriminator) = discriminator.map(Box::new) else {
        return Err(r.error(CdrErrorKind::KeyMissing).within("$discriminator"));
    };
    if member.is_none() && !only_discriminator {
        let case = u.choose(discriminator.as_i64().unwrap_or_default());
        if let Some(case) = case {
            let value = missing(plan, &case.member, r)?;
            member = Some((case.member.name.clone(), Box::new(value)));
        }
    }
    Ok(Value::Union { discriminator, member })
}

//! Values of members nobody sent (XTypes 1.3, table 9).

use super::compile::{Kind, MemberPlan, NodeId, Plan};
use super::decode::{bitmask_value, enum_value};
use super::error::CdrError;
use crate::descriptor::Primitive;
use crate::value::Value;

/// A member's default: its `@default`, else its type's; absent if optional.
pub(crate) fn default_value(plan: &Plan, member: &MemberPlan) -> Result<Value, CdrError> {
    if member.optional {
        return Ok(Value::Null);
    }
    match &member.default {
        Some(json) => crate::value::from_json(plan, member.node, json),
        None => default_node(plan, member.node),
    }
}

pub(crate) fn default_node(plan: &Plan, id: NodeId) -> Result<Value, CdrError> {
    Ok(match &plan.node(id).kind {
        Kind::Primitive(p) => zero(*p),
        Kind::Enum { literals, default, .. } => enum_value(*default, literals),
        Kind::Bitmask { flags, .. } => bitmask_value(0, flags),
        Kind::String { .. } | Kind::WString { .. } => Value::String(String::new()),
        Kind::Sequence { element, .. } => match plan.node(*element).kind {
            Kind::Primitive(Primitive::U8) => Value::Bytes(Vec::new()),
            _ => Value::Sequence(Vec::new()),
        },
        Kind::Array { element, dims, count } => match plan.node(*element).kind {
            Kind::Primitive(Primitive::U8) => Value::Bytes(vec![0; *count]),
            _ => {
                let element = default_node(plan, *element)?;
                dims.iter()
                    .rev()
                    .fold(element, |inner, dim| Value::Sequence(vec![inner; *dim as usize]))
            }
        },
        Kind::Struct(s) => {
            let mut members = Vec::with_capacity(s.members.len());
            for member in &s.members {
                members.push((member.name.clone(), default_value(plan, member)?));
            }
            Value::Struct(members)
        }
        Kind::Union(u) => {
            let number = u.default_discriminator(plan);
            let discriminator = Box::new(discriminator_value(plan, u.discriminator, number));
            let member = match u.choose(number) {
                Some(case) => {
                    let value = default_value(plan, &case.member)?;
                    Some((case.member.name.clone(), Box::new(value)))
                }
                None => None,
            };
            Value::Union { discriminator, member }
        }
    })
}

fn zero(p: Primitive) -> Value {
    match p {
        Primitive::Bool => Value::Bool(false),
        Primitive::U8 | Primitive::Octet => Value::U8(0),
        Primitive::I8 => Value::I8(0),
        Primitive::I16 => Value::I16(0),
        Primitive::U16 => Value::U16(0),
        Primitive::I32 => Value::I32(0),
        Primitive::U32 => Value::U32(0),
        Primitive::I64 => Value::I64(0),
        Primitive::U64 => Value::U64(0),
        Primitive::F32 => Value::F32(0.0),
        Primitive::F64 => Value::F64(0.0),
        Primitive::Char | Primitive::WChar => Value::Char('\0'),
    }
}

/// A discriminator of the right kind from its number.
pub(crate) fn discriminator_value(plan: &Plan, id: NodeId, number: i64) -> Value {
    match &plan.node(id).kind {
        Kind::Enum { literals, .. } => enum_value(number as i32, literals),
        Kind::Primitive(p) => match p {
            Primitive::Bool => Value::Bool(number != 0),
            Primitive::U8 | Primitive::Octet => Value::U8(number as u8),
            Primitive::I8 => Value::I8(number as i8),
            Primitive::I16 => Value::I16(number as i16),
            Primitive::U16 => Value::U16(number as u16),
            Primitive::I32 => Value::I32(number as i32),
            Primitive::U32 => Value::U32(number as u32),
            Primitive::U64 => Value::U64(number as u64),
            Primitive::Char | Primitive::WChar => {
                let code = u32::try_from(number).ok().and_then(char::from_u32);
                Value::Char(code.unwrap_or('\0'))
            }
            _ => Value::I64(number),
        },
        _ => Value::I64(number),
    }
}

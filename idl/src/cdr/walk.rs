//! Going through a sample without making values of it.

use super::compile::{Kind, MemberPlan, NodeId, Plan, StructPlan, UnionPlan};
use super::decode::{Content, bits, enum_number};
use super::error::{CdrError, Within};
use super::read::Reader;
use crate::descriptor::{Extensibility, Primitive};

/// Gets a member's index, its plan, what of it is on the wire, and the cursor; says whether to go on.
pub(crate) type Visit<'v, 'a> =
    dyn FnMut(usize, &MemberPlan, Content, &mut Reader<'a>) -> Result<bool, CdrError> + 'v;

/// Calls `visit` for the members on the wire, the cursor at their value, in wire order. `visit`
/// must consume the value of a final or appendable type's member and says whether to go on. Members
/// that are absent (optional, or unknown to an older writer) are not visited.
pub(crate) fn members<'a>(
    s: &StructPlan,
    r: &mut Reader<'a>,
    content: Content,
    visit: &mut Visit<'_, 'a>,
) -> Result<(), CdrError> {
    if s.extensibility == Extensibility::Mutable {
        let open = r.begin_parameters()?;
        while let Some(parameter) = r.next_parameter()? {
            let member = s.members.iter().enumerate().find(|(_, m)| m.id == parameter.id);
            if let Some((i, member)) = member
                && let Some(content) = content.of_member(s.keyed, member)
            {
                visit(i, member, content, r).within(&member.name)?;
            }
            r.end_parameter(&open, parameter);
        }
        r.end_parameters(open);
        return Ok(());
    }
    let appendable = s.extensibility == Extensibility::Appendable;
    let delimited = if appendable { Some(r.begin_delimited()?) } else { None };
    for (i, member) in s.members.iter().enumerate() {
        let Some(content) = content.of_member(s.keyed, member) else { continue };
        if appendable && r.at_end() {
            break;
        }
        let go_on = if member.optional {
            match r.begin_optional(member.id).within(&member.name)? {
                Some(open) => {
                    let go_on = visit(i, member, content, r).within(&member.name)?;
                    r.end_optional(open);
                    go_on
                }
                None => true,
            }
        } else {
            visit(i, member, content, r).within(&member.name)?
        };
        if !go_on {
            return Ok(());
        }
    }
    if let Some(open) = delimited {
        r.end_delimited(open);
    }
    Ok(())
}

/// Steps over a value.
pub(crate) fn skip(
    plan: &Plan,
    id: NodeId,
    r: &mut Reader<'_>,
    content: Content,
) -> Result<(), CdrError> {
    match &plan.node(id).kind {
        Kind::Primitive(p) => r.skip(p.size(), 1),
        Kind::Enum { bytes, .. } | Kind::Bitmask { bytes, .. } => r.skip(*bytes, 1),
        Kind::String { .. } | Kind::WString { .. } => {
            let length = r.u32()? as usize;
            r.take(length).map(drop)
        }
        Kind::Sequence { element, .. } => {
            if let Kind::Primitive(p) = plan.node(*element).kind {
                let count = r.count(p.size(), usize::MAX)?;
                return r.skip(p.size(), count);
            }
            let open = r.begin_collection()?;
            let delimited = r.encoding().representation == super::Representation::Xcdr2;
            if !delimited {
                let count = r.count(content.min_size(plan, *element), usize::MAX)?;
                for _ in 0..count {
                    skip(plan, *element, r, content)?;
                }
            }
            r.end_delimited(open);
            Ok(())
        }
        Kind::Array { element, count, .. } => {
            if let Kind::Primitive(p) = plan.node(*element).kind {
                return r.skip(p.size(), *count);
            }
            let open = r.begin_collection()?;
            let delimited = r.encoding().representation == super::Representation::Xcdr2;
            if !delimited {
                for _ in 0..*count {
                    skip(plan, *element, r, content)?;
                }
            }
            r.end_delimited(open);
            Ok(())
        }
        Kind::Struct(s) => members(s, r, content, &mut |_, member, content, r| {
            skip(plan, member.node, r, content)?;
            Ok(true)
        }),
        Kind::Union(u) => match u.extensibility {
            Extensibility::Mutable => {
                let open = r.begin_parameters()?;
                while let Some(parameter) = r.next_parameter()? {
                    r.end_parameter(&open, parameter);
                }
                r.end_parameters(open);
                Ok(())
            }
            Extensibility::Appendable => {
                let open = r.begin_delimited()?;
                skip_final_union(plan, u, r, content)?;
                r.end_delimited(open);
                Ok(())
            }
            Extensibility::Final => skip_final_union(plan, u, r, content),
        },
    }
}

fn skip_final_union(
    plan: &Plan,
    u: &UnionPlan,
    r: &mut Reader<'_>,
    content: Content,
) -> Result<(), CdrError> {
    let number = discriminator(plan, u, r)?;
    let hidden = content != Content::Sample && u.discriminator_is_key;
    let missing = u.extensibility == Extensibility::Appendable && r.at_end();
    match u.choose(number) {
        Some(case) if !hidden && !missing => skip(plan, case.member.node, r, Content::Sample),
        _ => Ok(()),
    }
}

/// Reads a union's discriminator as a number.
pub(crate) fn discriminator(
    plan: &Plan,
    u: &UnionPlan,
    r: &mut Reader<'_>,
) -> Result<i64, CdrError> {
    match &plan.node(u.discriminator).kind {
        Kind::Enum { bytes, .. } => Ok(i64::from(enum_number(*bytes, r)?)),
        Kind::Primitive(p) => Ok(match p {
            Primitive::Bool => i64::from(r.bool()?),
            Primitive::U8 | Primitive::Octet | Primitive::Char => i64::from(r.u8()?),
            Primitive::I8 => i64::from(r.i8()?),
            Primitive::I16 => i64::from(r.i16()?),
            Primitive::U16 | Primitive::WChar => i64::from(r.u16()?),
            Primitive::I32 => i64::from(r.i32()?),
            Primitive::U32 => i64::from(r.u32()?),
            Primitive::I64 => r.i64()?,
            // Labels above i64::MAX are refused by the parser.
            _ => i64::try_from(r.u64()?).unwrap_or(i64::MIN),
        }),
        _ => Ok(bits(8, r)? as i64),
    }
}

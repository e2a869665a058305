//! One pass over a payload, as far as needed.

use std::borrow::Cow;

use super::{FieldValue, Part, Want};
use crate::cdr::Representation;
use crate::cdr::compile::{Kind, NodeId, Plan, StructPlan, UnionPlan};
use crate::cdr::decode::{Content, DISCRIMINATOR_ID, bits, enum_number};
use crate::cdr::error::{CdrError, Within};
use crate::cdr::read::Reader;
use crate::cdr::walk;
use crate::descriptor::{Extensibility, Primitive};

/// Reads what is wanted of the value at the cursor. The cursor is then behind the value; or
/// anywhere, if nothing after it is wanted (`last`).
pub(super) fn value<'p>(
    plan: &Plan,
    id: NodeId,
    want: &Want,
    r: &mut Reader<'p>,
    content: Content,
    last: bool,
    out: &mut [FieldValue<'p>],
) -> Result<(), CdrError> {
    match (&plan.node(id).kind, want) {
        (kind, Want::Value(slot)) => {
            if let Some(place) = out.get_mut(*slot) {
                *place = single(kind, r)?;
            }
            Ok(())
        }
        (Kind::Struct(s), Want::Parts(parts)) => structure(plan, s, parts, r, content, last, out),
        (Kind::Sequence { element, .. }, Want::Parts(parts)) => {
            elements(plan, *element, None, parts, r, content, last, out)
        }
        (Kind::Array { element, count, .. }, Want::Parts(parts)) => {
            elements(plan, *element, Some(*count), parts, r, content, last, out)
        }
        (Kind::Union(u), Want::Union { discriminator, cases }) => {
            union(plan, u, *discriminator, cases, r, content, out)
        }
        _ => walk::skip(plan, id, r, content),
    }
}

fn single<'p>(kind: &Kind, r: &mut Reader<'p>) -> Result<FieldValue<'p>, CdrError> {
    Ok(match kind {
        Kind::Primitive(p) => match p {
            Primitive::Bool => FieldValue::Bool(r.bool()?),
            Primitive::U8 | Primitive::Octet => FieldValue::I64(i64::from(r.u8()?)),
            Primitive::I8 => FieldValue::I64(i64::from(r.i8()?)),
            Primitive::I16 => FieldValue::I64(i64::from(r.i16()?)),
            Primitive::U16 => FieldValue::I64(i64::from(r.u16()?)),
            Primitive::I32 => FieldValue::I64(i64::from(r.i32()?)),
            Primitive::U32 => FieldValue::I64(i64::from(r.u32()?)),
            Primitive::I64 => FieldValue::I64(r.i64()?),
            Primitive::U64 => FieldValue::U64(r.u64()?),
            Primitive::F32 => FieldValue::F32(r.f32()?),
            Primitive::F64 => FieldValue::F64(r.f64()?),
            Primitive::Char => FieldValue::Char(r.char()?),
            Primitive::WChar => FieldValue::Char(r.wchar()?),
        },
        Kind::Enum { bytes, .. } => FieldValue::I64(i64::from(enum_number(*bytes, r)?)),
        Kind::Bitmask { bytes, .. } => FieldValue::U64(bits(*bytes, r)?),
        Kind::String { bound } => {
            let mut again = *r;
            match std::str::from_utf8(r.string_bytes(*bound)?) {
                Ok(text) => FieldValue::Text(Cow::Borrowed(text)),
                // ISO 8859-1.
                Err(_) => FieldValue::Text(Cow::Owned(again.string(*bound)?)),
            }
        }
        Kind::WString { bound } => FieldValue::Text(Cow::Owned(r.wstring(*bound)?)),
        _ => FieldValue::Null,
    })
}

/// The fields of a part that turns out to be there, or not.
fn reset(part: &Part, there: bool, out: &mut [FieldValue<'_>]) {
    for (slot, missing) in &part.missing {
        if let Some(place) = out.get_mut(*slot) {
            *place = if there { FieldValue::Null } else { missing.clone() };
        }
    }
}

fn structure<'p>(
    plan: &Plan,
    s: &StructPlan,
    parts: &[Part],
    r: &mut Reader<'p>,
    content: Content,
    last: bool,
    out: &mut [FieldValue<'p>],
) -> Result<(), CdrError> {
    if s.extensibility == Extensibility::Final && content == Content::Sample {
        return final_structure(plan, s, parts, r, last, out);
    }
    let ordered = s.extensibility != Extensibility::Mutable;
    let may_lack = s.extensibility != Extensibility::Final;
    if may_lack {
        for part in parts {
            reset(part, false, out);
        }
    }
    let mut next = 0;
    walk::members(s, r, content, &mut |i, member, content, r| {
        if !ordered {
            if let Ok(at) = parts.binary_search_by_key(&i, |part| part.index) {
                reset(&parts[at], true, out);
                value(plan, member.node, &parts[at].want, r, content, false, out)?;
            }
            return Ok(true);
        }
        while parts.get(next).is_some_and(|part| part.index < i) {
            // An absent optional member.
            next += 1;
        }
        match parts.get(next) {
            Some(part) if part.index == i => {
                next += 1;
                let ends = last && next == parts.len();
                if may_lack {
                    reset(part, true, out);
                }
                value(plan, member.node, &part.want, r, content, ends, out)?;
                Ok(!ends)
            }
            None if last => Ok(false),
            _ => {
                walk::skip(plan, member.node, r, content)?;
                Ok(true)
            }
        }
    })
}

/// The common case, without a detour.
fn final_structure<'p>(
    plan: &Plan,
    s: &StructPlan,
    parts: &[Part],
    r: &mut Reader<'p>,
    last: bool,
    out: &mut [FieldValue<'p>],
) -> Result<(), CdrError> {
    let mut wanted = parts.iter();
    let mut next = wanted.next();
    for (i, member) in s.members.iter().enumerate() {
        let part = next.filter(|part| part.index == i);
        if part.is_some() {
            next = wanted.next();
        }
        let ends = last && next.is_none();
        let mut go = |r: &mut Reader<'p>| match part {
            Some(part) => value(plan, member.node, &part.want, r, Content::Sample, ends, out),
            None => walk::skip(plan, member.node, r, Content::Sample),
        };
        if member.optional {
            if let Some(open) = r.begin_optional(member.id).within(&member.name)? {
                go(r).within(&member.name)?;
                r.end_optional(open);
            }
        } else {
            go(r).within(&member.name)?;
        }
        if ends {
            break;
        }
    }
    Ok(())
}

#[allow(clippy::too_many_arguments)]
fn elements<'p>(
    plan: &Plan,
    element: NodeId,
    fixed: Option<usize>,
    parts: &[Part],
    r: &mut Reader<'p>,
    content: Content,
    last: bool,
    out: &mut [FieldValue<'p>],
) -> Result<(), CdrError> {
    if let Kind::Primitive(p) = &plan.node(element).kind {
        let count = match fixed {
            Some(count) => count,
            None => r.count(p.size(), usize::MAX)?,
        };
        for part in parts.iter().take_while(|part| part.index < count) {
            let mut at = *r;
            at.skip(p.size(), part.index)?;
            value(plan, element, &part.want, &mut at, content, true, out)?;
        }
        return if last { Ok(()) } else { r.skip(p.size(), count) };
    }
    let open = r.begin_collection()?;
    let count = match fixed {
        Some(count) => count,
        None => r.count(content.min_size(plan, element), usize::MAX)?,
    };
    // Where its length stands in front, what follows the last element wanted need not be walked.
    let delimited = r.encoding().representation == Representation::Xcdr2;
    let mut wanted = parts.iter();
    let mut next = wanted.next();
    for i in 0..count {
        match next {
            Some(part) if part.index == i => {
                next = wanted.next();
                let ends = last && next.is_none();
                value(plan, element, &part.want, r, content, ends, out)?;
                if ends {
                    return Ok(());
                }
            }
            None if delimited || last => break,
            _ => walk::skip(plan, element, r, content)?,
        }
    }
    r.end_delimited(open);
    Ok(())
}

fn union<'p>(
    plan: &Plan,
    u: &UnionPlan,
    discriminator: Option<usize>,
    cases: &[Part],
    r: &mut Reader<'p>,
    content: Content,
    out: &mut [FieldValue<'p>],
) -> Result<(), CdrError> {
    match u.extensibility {
        Extensibility::Final => plain_union(plan, u, discriminator, cases, r, content, out),
        Extensibility::Appendable => {
            let open = r.begin_delimited()?;
            plain_union(plan, u, discriminator, cases, r, content, out)?;
            r.end_delimited(open);
            Ok(())
        }
        Extensibility::Mutable => mutable_union(plan, u, discriminator, cases, r, content, out),
    }
}

/// Reads the discriminator and chooses: whether the union has the member, and its part if wanted.
fn choose<'w, 'p>(
    plan: &Plan,
    u: &UnionPlan,
    slot: Option<usize>,
    cases: &'w [Part],
    r: &mut Reader<'p>,
    out: &mut [FieldValue<'p>],
) -> Result<Option<(usize, Option<&'w Part>)>, CdrError> {
    if let Some(place) = slot.and_then(|slot| out.get_mut(slot)) {
        *place = single(&plan.node(u.discriminator).kind, &mut r.clone())?;
    }
    let number = walk::discriminator(plan, u, r)?;
    let Some(chosen) = u.choose(number) else { return Ok(None) };
    let index = u.cases.iter().position(|case| std::ptr::eq(case, chosen));
    Ok(index.map(|index| (index, cases.iter().find(|part| part.index == index))))
}

fn plain_union<'p>(
    plan: &Plan,
    u: &UnionPlan,
    discriminator: Option<usize>,
    cases: &[Part],
    r: &mut Reader<'p>,
    content: Content,
    out: &mut [FieldValue<'p>],
) -> Result<(), CdrError> {
    let chosen = choose(plan, u, discriminator, cases, r, out)?;
    let hidden = content != Content::Sample && u.discriminator_is_key;
    let Some((index, part)) = chosen.filter(|_| !hidden) else { return Ok(()) };
    let node = u.cases[index].member.node;
    let missing = u.extensibility == Extensibility::Appendable && r.at_end();
    match part {
        Some(part) if missing => {
            reset(part, false, out);
            Ok(())
        }
        Some(part) => value(plan, node, &part.want, r, Content::Sample, false, out),
        None if missing => Ok(()),
        None => walk::skip(plan, node, r, Content::Sample),
    }
}

fn mutable_union<'p>(
    plan: &Plan,
    u: &UnionPlan,
    discriminator: Option<usize>,
    cases: &[Part],
    r: &mut Reader<'p>,
    content: Content,
    out: &mut [FieldValue<'p>],
) -> Result<(), CdrError> {
    let open = r.begin_parameters()?;
    let hidden = content != Content::Sample && u.discriminator_is_key;
    let mut chosen = None;
    while let Some(parameter) = r.next_parameter()? {
        if parameter.id == DISCRIMINATOR_ID {
            chosen = choose(plan, u, discriminator, cases, r, out)?.filter(|_| !hidden);
            if let Some((_, Some(part))) = chosen {
                reset(part, false, out);
            }
        } else if let Some((index, Some(part))) = chosen
            && u.cases[index].member.id == parameter.id
        {
            reset(part, true, out);
            let node = u.cases[index].member.node;
            value(plan, node, &part.want, r, Content::Sample, false, out)?;
        }
        r.end_parameter(&open, parameter);
    }
    r.end_parameters(open);
    Ok(())
}

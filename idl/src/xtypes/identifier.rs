//! TypeIdentifiers (7.3.4.2): primitives, strings and plain collections in themselves, everything that
//! has a name by the hash of its TypeObject.

use super::wire::Out;
use super::{Known, Relation};
use crate::descriptor::{Primitive, TypeRef};

/// Of a collection whose elements say everything themselves.
const EK_BOTH: u8 = 0xf3;
/// Elements that do not fit are discarded: what is assumed without an annotation.
pub(super) const DISCARD: u16 = 1;
/// There is none.
pub(super) const NONE: u8 = 0;

fn primitive(primitive: Primitive) -> u8 {
    match primitive {
        Primitive::Bool => 0x01,
        Primitive::Octet => 0x02,
        Primitive::I16 => 0x03,
        Primitive::I32 => 0x04,
        Primitive::I64 => 0x05,
        Primitive::U16 => 0x06,
        Primitive::U32 => 0x07,
        Primitive::U64 => 0x08,
        Primitive::F32 => 0x09,
        Primitive::F64 => 0x0a,
        Primitive::I8 => 0x0c,
        Primitive::U8 => 0x0d,
        Primitive::Char => 0x10,
        Primitive::WChar => 0x11,
    }
}

/// Whether the identifier is the same under every relation.
fn is_descriptive(ty: &TypeRef) -> bool {
    match ty {
        TypeRef::Primitive(_) | TypeRef::String { .. } | TypeRef::WString { .. } => true,
        TypeRef::Sequence { element, .. } | TypeRef::Array { element, .. } => {
            is_descriptive(element)
        }
        TypeRef::Named(_) => false,
    }
}

/// Writes `small` and a byte where the bound fits one, else `large` and four.
fn bounded(out: &mut Out, kinds: [u8; 2], bound: u32, header: impl FnOnce(&mut Out)) {
    match u8::try_from(bound) {
        Ok(bound) => {
            out.u8(kinds[0]);
            header(out);
            out.u8(bound);
        }
        Err(_) => {
            out.u8(kinds[1]);
            header(out);
            out.u32(bound);
        }
    }
}

/// Writes the identifier of `ty`, whose named parts are all `known`.
pub(super) fn write(out: &mut Out, ty: &TypeRef, relation: Relation, known: &Known) {
    let header = |out: &mut Out, element: &TypeRef| {
        out.u8(if is_descriptive(element) { EK_BOTH } else { relation.kind() });
        out.u16(DISCARD);
    };
    match ty {
        TypeRef::Primitive(kind) => out.u8(primitive(*kind)),
        TypeRef::String { bound } => bounded(out, [0x70, 0x71], bound.unwrap_or(0), |_| {}),
        TypeRef::WString { bound } => bounded(out, [0x72, 0x73], bound.unwrap_or(0), |_| {}),
        TypeRef::Sequence { element, bound } => {
            bounded(out, [0x80, 0x81], bound.unwrap_or(0), |out| header(out, element));
            write(out, element, relation, known);
        }
        TypeRef::Array { element, dims } => {
            let small: Option<Vec<u8>> = dims.iter().map(|n| u8::try_from(*n).ok()).collect();
            out.u8(if small.is_some() { 0x90 } else { 0x91 });
            header(out, element);
            out.u32(dims.len() as u32);
            match small {
                Some(small) => out.raw(&small),
                None => dims.iter().for_each(|n| out.u32(*n)),
            }
            write(out, element, relation, known);
        }
        TypeRef::Named(name) => {
            out.u8(relation.kind());
            out.raw(&known[name].of(relation).hash.0);
        }
    }
}

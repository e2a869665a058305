//! TypeObjects (DDS-XTypes 1.3, 7.3.4.3) in our words: complete ones, and minimal ones, which lack names.

use std::ffi::{CStr, c_char};

use cyclors as c;
use tidewire_idl::{Case, Definition, Extensibility, Member, TypeRef};

use super::Fetch;
use super::identifier::list;

fn flag(flags: u16, bit: u32) -> bool {
    u32::from(flags) & bit != 0
}

/// Whether a member has more than is kept: `@external`, `@try_construct`.
fn has_more(flags: u16) -> bool {
    let construct = c::DDS_XTypes_TRY_CONSTRUCT1 | c::DDS_XTypes_TRY_CONSTRUCT2;
    flag(flags, c::DDS_XTypes_IS_EXTERNAL)
        || u32::from(flags) & construct != c::DDS_XTypes_TRY_CONSTRUCT_DISCARD
}

fn extensibility(flags: u16) -> Extensibility {
    if flag(flags, c::DDS_XTypes_IS_MUTABLE) {
        Extensibility::Mutable
    } else if flag(flags, c::DDS_XTypes_IS_APPENDABLE) {
        Extensibility::Appendable
    } else {
        Extensibility::Final
    }
}

/// A name of fixed length; what is no UTF-8 is replaced.
fn text(name: &[c_char]) -> String {
    let bytes: Vec<u8> = name.iter().map(|c| *c as u8).take_while(|c| *c != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn member(name: String, id: u32, flags: u16, ty: TypeRef, unit: Option<String>) -> Member {
    Member {
        name,
        id,
        ty,
        key: flag(flags, c::DDS_XTypes_IS_KEY),
        optional: flag(flags, c::DDS_XTypes_IS_OPTIONAL),
        must_understand: flag(flags, c::DDS_XTypes_IS_MUST_UNDERSTAND),
        default: None,
        unit,
    }
}

/// Both kinds of TypeObject have the same members but for the names.
macro_rules! read {
    ($object:ty, $named:expr, $unit:expr) => {
        /// What `object`, of this hash, describes.
        pub fn read(
            fetch: &mut Fetch,
            object: &$object,
            hash: [u8; 14],
        ) -> Result<TypeRef, String> {
            let name = |named: Option<String>| {
                named.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("T_{}", hex(&hash)))
            };
            // SAFETY: the discriminator says which member of the union is there; Cyclone has checked
            // what it took off the wire, so that pointers and lengths are right.
            unsafe {
                match u32::from(object._d) {
                    c::DDS_XTypes_TK_ALIAS => {
                        fetch.aliased = true;
                        fetch.reference(&object._u.alias_type.body.common.related_type)
                    }
                    c::DDS_XTypes_TK_SEQUENCE => {
                        let it = &object._u.sequence_type;
                        fetch.sequence(&it.element.common.type_, it.header.common.bound)
                    }
                    c::DDS_XTypes_TK_ARRAY => {
                        let it = &object._u.array_type;
                        let bounds = &it.header.common.bound_seq;
                        let dims = list(bounds._buffer, bounds._length).to_vec();
                        fetch.array(&it.element.common.type_, dims)
                    }
                    c::DDS_XTypes_TK_STRUCTURE => {
                        let it = &object._u.struct_type;
                        let base = match u32::from(it.header.base_type._d) {
                            c::DDS_XTypes_TK_NONE => None,
                            _ => match fetch.reference(&it.header.base_type)? {
                                TypeRef::Named(name) => Some(name),
                                _ => return Err("it extends what is no struct".to_owned()),
                            },
                        };
                        let outer = std::mem::replace(&mut fetch.aliased, false);
                        let mut members = Vec::new();
                        for m in list(it.member_seq._buffer, it.member_seq._length) {
                            let ty = fetch.reference(&m.common.member_type_id)?;
                            let id = m.common.member_id & 0x0fff_ffff;
                            let (name, flags) = (member_name(&m.detail, id), m.common.member_flags);
                            fetch.aliased |= has_more(flags);
                            members.push(member(name, id, flags, ty, $unit(&m.detail)));
                        }
                        let extensibility = extensibility(it.struct_flags);
                        let name = name($named(object));
                        fetch.note(&name, it.struct_flags, outer);
                        Ok(fetch.define(name, Definition::Struct { extensibility, base, members }))
                    }
                    c::DDS_XTypes_TK_UNION => {
                        let it = &object._u.union_type;
                        let outer = std::mem::replace(&mut fetch.aliased, false);
                        let selector = &it.discriminator.common;
                        let discriminator = fetch.reference(&selector.type_id)?;
                        let mut cases = Vec::new();
                        for m in list(it.member_seq._buffer, it.member_seq._length) {
                            let ty = fetch.reference(&m.common.type_id)?;
                            let id = m.common.member_id & 0x0fff_ffff;
                            let (name, flags) = (member_name(&m.detail, id), m.common.member_flags);
                            fetch.aliased |= has_more(flags);
                            let labels = &m.common.label_seq;
                            let labels = list(labels._buffer, labels._length);
                            cases.push(Case {
                                labels: labels.iter().map(|label| i64::from(*label)).collect(),
                                is_default: flag(flags, c::DDS_XTypes_IS_DEFAULT),
                                member: member(name, id, flags, ty, $unit(&m.detail)),
                            });
                        }
                        let definition = Definition::Union {
                            extensibility: extensibility(it.union_flags),
                            discriminator,
                            discriminator_is_key: flag(selector.member_flags, c::DDS_XTypes_IS_KEY),
                            cases,
                        };
                        let name = name($named(object));
                        fetch.note(&name, it.union_flags, outer);
                        Ok(fetch.define(name, definition))
                    }
                    c::DDS_XTypes_TK_ENUM => {
                        let it = &object._u.enumerated_type;
                        let all = list(it.literal_seq._buffer, it.literal_seq._length);
                        let literals = all.iter().map(|literal| {
                            let value = literal.common.value;
                            (member_name(&literal.detail, value as u32), value)
                        });
                        let literals: Vec<_> = literals.collect();
                        let is_default =
                            |at: &usize| flag(all[*at].common.flags, c::DDS_XTypes_IS_DEFAULT);
                        let default = (0..all.len()).find(is_default);
                        let definition = Definition::Enum {
                            bit_bound: it.header.common.bit_bound,
                            default: default.map(|at| literals[at].0.clone()),
                            literals,
                        };
                        let name = name($named(object));
                        fetch.note_kind(&name, it.enum_flags);
                        Ok(fetch.define(name, definition))
                    }
                    c::DDS_XTypes_TK_BITMASK => {
                        let it = &object._u.bitmask_type;
                        let flags = list(it.flag_seq._buffer, it.flag_seq._length);
                        let flags = flags.iter().map(|bit| {
                            let position = bit.common.position;
                            (member_name(&bit.detail, position.into()), position)
                        });
                        let definition = Definition::Bitmask {
                            bit_bound: it.header.common.bit_bound,
                            flags: flags.collect(),
                        };
                        let name = name($named(object));
                        fetch.note_kind(&name, it.bitmask_flags);
                        Ok(fetch.define(name, definition))
                    }
                    c::DDS_XTypes_TK_MAP => {
                        Err("it has a map, which Tidewire cannot describe".to_owned())
                    }
                    c::DDS_XTypes_TK_BITSET => {
                        Err("it has a bitset, which Tidewire cannot describe".to_owned())
                    }
                    other => Err(format!("it has a type of the unknown kind {other:#x}")),
                }
            }
        }
    };
}

pub(super) mod complete {
    use super::*;

    fn member_name(detail: &c::DDS_XTypes_CompleteMemberDetail, _id: u32) -> String {
        text(&detail.name)
    }

    /// The scoped name, of types that have one.
    ///
    /// # Safety
    /// `object` is valid.
    unsafe fn named(object: &c::DDS_XTypes_CompleteTypeObject) -> Option<String> {
        // SAFETY: the discriminator says which member of the union is there.
        let detail = unsafe {
            match u32::from(object._d) {
                c::DDS_XTypes_TK_STRUCTURE => &object._u.struct_type.header.detail,
                c::DDS_XTypes_TK_UNION => &object._u.union_type.header.detail,
                c::DDS_XTypes_TK_ENUM => &object._u.enumerated_type.header.detail,
                c::DDS_XTypes_TK_BITMASK => &object._u.bitmask_type.header.detail,
                _ => return None,
            }
        };
        Some(text(&detail.type_name))
    }

    /// `@unit`, where it is announced.
    ///
    /// # Safety
    /// `detail` is valid.
    unsafe fn unit(detail: &c::DDS_XTypes_CompleteMemberDetail) -> Option<String> {
        // SAFETY: null or valid, as is the text in it.
        let unit = unsafe { detail.ann_builtin.as_ref() }?.unit;
        if unit.is_null() {
            return None;
        }
        // SAFETY: a C string.
        Some(unsafe { CStr::from_ptr(unit) }.to_string_lossy().into_owned())
    }

    read!(c::DDS_XTypes_CompleteTypeObject, named, unit);
}

pub(super) mod minimal {
    use super::*;

    /// Of the name only a hash is announced; the number says more.
    fn member_name(_detail: &c::DDS_XTypes_MinimalMemberDetail, id: u32) -> String {
        format!("m{id}")
    }

    unsafe fn named(_object: &c::DDS_XTypes_MinimalTypeObject) -> Option<String> {
        None
    }

    unsafe fn unit(_detail: &c::DDS_XTypes_MinimalMemberDetail) -> Option<String> {
        None
    }

    read!(c::DDS_XTypes_MinimalTypeObject, named, unit);
}

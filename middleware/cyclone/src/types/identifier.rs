//! TypeIdentifiers (DDS-XTypes 1.3, 7.3.4.2): primitives, strings and plain collections in themselves,
//! everything else by the hash of its TypeObject.

use cyclors as c;
use cyclors::DDS_XTypes_TypeIdentifier;
use tidewire_idl::{Primitive, TypeRef};

use super::Fetch;

/// Deepest nesting that is followed: types come from outside.
const MAX_DEPTH: usize = 64;

/// 0 is unbounded.
fn bound(bound: u32) -> Option<u32> {
    (bound != 0).then_some(bound)
}

impl Fetch {
    /// The type `id` stands for.
    pub(super) fn reference(&mut self, id: &DDS_XTypes_TypeIdentifier) -> Result<TypeRef, String> {
        self.depth += 1;
        let found = if self.depth > MAX_DEPTH {
            Err(format!("it is nested more than {MAX_DEPTH} deep"))
        } else {
            self.one(id)
        };
        self.depth -= 1;
        found
    }

    fn one(&mut self, id: &DDS_XTypes_TypeIdentifier) -> Result<TypeRef, String> {
        if let Some(primitive) = primitive(id._d) {
            return Ok(TypeRef::Primitive(primitive));
        }
        // SAFETY: the discriminator says which member of the union is there; Cyclone has checked what
        // it took off the wire, so that pointers and lengths are right.
        unsafe {
            match u32::from(id._d) {
                c::DDS_XTypes_TK_STRING8 => Ok(TypeRef::String { bound: None }),
                c::DDS_XTypes_TK_STRING16 => Ok(TypeRef::WString { bound: None }),
                c::DDS_XTypes_TI_STRING8_SMALL => {
                    Ok(TypeRef::String { bound: bound(id._u.string_sdefn.bound.into()) })
                }
                c::DDS_XTypes_TI_STRING8_LARGE => {
                    Ok(TypeRef::String { bound: bound(id._u.string_ldefn.bound) })
                }
                c::DDS_XTypes_TI_STRING16_SMALL => {
                    Ok(TypeRef::WString { bound: bound(id._u.string_sdefn.bound.into()) })
                }
                c::DDS_XTypes_TI_STRING16_LARGE => {
                    Ok(TypeRef::WString { bound: bound(id._u.string_ldefn.bound) })
                }
                c::DDS_XTypes_TI_PLAIN_SEQUENCE_SMALL => {
                    let plain = &id._u.seq_sdefn;
                    self.sequence(plain.element_identifier, plain.bound.into())
                }
                c::DDS_XTypes_TI_PLAIN_SEQUENCE_LARGE => {
                    let plain = &id._u.seq_ldefn;
                    self.sequence(plain.element_identifier, plain.bound)
                }
                c::DDS_XTypes_TI_PLAIN_ARRAY_SMALL => {
                    let plain = &id._u.array_sdefn;
                    let bounds = &plain.array_bound_seq;
                    let dims = list(bounds._buffer, bounds._length);
                    let dims = dims.iter().map(|n| u32::from(*n)).collect();
                    self.array(plain.element_identifier, dims)
                }
                c::DDS_XTypes_TI_PLAIN_ARRAY_LARGE => {
                    let plain = &id._u.array_ldefn;
                    let bounds = &plain.array_bound_seq;
                    self.array(
                        plain.element_identifier,
                        list(bounds._buffer, bounds._length).to_vec(),
                    )
                }
                c::DDS_XTypes_EK_COMPLETE | c::DDS_XTypes_EK_MINIMAL => {
                    self.hashed(id, id._u.equivalence_hash)
                }
                c::DDS_XTypes_TI_PLAIN_MAP_SMALL | c::DDS_XTypes_TI_PLAIN_MAP_LARGE => {
                    Err("it has a map, which Tidewire cannot describe".to_owned())
                }
                c::DDS_XTypes_TI_STRONGLY_CONNECTED_COMPONENT => {
                    Err("it refers to itself, which Tidewire cannot describe".to_owned())
                }
                other => Err(format!("it has a member of the unknown kind {other:#x}")),
            }
        }
    }

    /// # Safety
    /// `element` is null or valid.
    pub(super) unsafe fn sequence(
        &mut self,
        element: *const DDS_XTypes_TypeIdentifier,
        size: u32,
    ) -> Result<TypeRef, String> {
        // SAFETY: as the caller says.
        let element = unsafe { self.element(element) }?;
        Ok(TypeRef::Sequence { element, bound: bound(size) })
    }

    /// # Safety
    /// `element` is null or valid.
    pub(super) unsafe fn array(
        &mut self,
        element: *const DDS_XTypes_TypeIdentifier,
        dims: Vec<u32>,
    ) -> Result<TypeRef, String> {
        // SAFETY: as the caller says.
        let element = unsafe { self.element(element) }?;
        Ok(TypeRef::Array { element, dims })
    }

    unsafe fn element(
        &mut self,
        element: *const DDS_XTypes_TypeIdentifier,
    ) -> Result<Box<TypeRef>, String> {
        // SAFETY: as the caller says.
        let element = unsafe { element.as_ref() };
        let element = element.ok_or_else(|| "it has a collection of nothing".to_owned())?;
        Ok(Box::new(self.reference(element)?))
    }
}

/// A C sequence.
///
/// # Safety
/// `buffer` holds `length` values, or `length` is 0.
pub(super) unsafe fn list<'a, T>(buffer: *const T, length: u32) -> &'a [T] {
    if length == 0 || buffer.is_null() {
        return &[];
    }
    // SAFETY: as the caller says.
    unsafe { std::slice::from_raw_parts(buffer, length as usize) }
}

fn primitive(kind: u8) -> Option<Primitive> {
    Some(match u32::from(kind) {
        c::DDS_XTypes_TK_BOOLEAN => Primitive::Bool,
        c::DDS_XTypes_TK_BYTE => Primitive::Octet,
        c::DDS_XTypes_TK_UINT8 => Primitive::U8,
        c::DDS_XTypes_TK_INT8 => Primitive::I8,
        c::DDS_XTypes_TK_INT16 => Primitive::I16,
        c::DDS_XTypes_TK_UINT16 => Primitive::U16,
        c::DDS_XTypes_TK_INT32 => Primitive::I32,
        c::DDS_XTypes_TK_UINT32 => Primitive::U32,
        c::DDS_XTypes_TK_INT64 => Primitive::I64,
        c::DDS_XTypes_TK_UINT64 => Primitive::U64,
        c::DDS_XTypes_TK_FLOAT32 => Primitive::F32,
        c::DDS_XTypes_TK_FLOAT64 => Primitive::F64,
        c::DDS_XTypes_TK_CHAR8 => Primitive::Char,
        c::DDS_XTypes_TK_CHAR16 => Primitive::WChar,
        _ => return None,
    })
}

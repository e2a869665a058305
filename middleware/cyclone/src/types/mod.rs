//! Types read from discovery: TypeInformation, and the TypeObjects it names (DDS-XTypes 1.3, 7.6.3.2).

mod identifier;
mod object;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use cyclors::{
    DDS_XTypes_TypeIdentifier, DDS_XTypes_TypeObject, dds_builtintopic_endpoint_t, dds_entity_t,
    dds_typeinfo_t, dds_typeobj_t,
};
use tidewire_idl::xtypes::TypeHash;
use tidewire_idl::{Definition, Guid, TypeDescriptor, TypeRef};
use tidewire_transport::dds::DdsError;

use crate::participant::Owner;
use crate::sys::check;

/// More types than that in one are not read: they come from outside.
const MAX_TYPES: usize = 1024;

/// What an endpoint has announced of its type.
pub(crate) struct TypeInfo(*mut dds_typeinfo_t);

// SAFETY: ours alone, and only read.
unsafe impl Send for TypeInfo {}

impl TypeInfo {
    /// The hash of the minimal TypeObject.
    pub fn minimal(&self) -> Option<TypeHash> {
        // SAFETY: `ddsi_typeid` is an identifier and nothing else; null or part of `self`. The hash is
        // plain bytes of the union, whichever member is there.
        unsafe {
            let id = cyclors::ddsi_typeinfo_minimal_typeid(self.0);
            let id = id.cast::<DDS_XTypes_TypeIdentifier>().as_ref()?;
            let is_hash = u32::from(id._d) == cyclors::DDS_XTypes_EK_MINIMAL;
            is_hash.then_some(TypeHash(id._u.equivalence_hash))
        }
    }

    fn copy(&self) -> Self {
        // SAFETY: ours and valid.
        Self(unsafe { cyclors::ddsi_typeinfo_dup(self.0) })
    }
}

impl Drop for TypeInfo {
    fn drop(&mut self) {
        // SAFETY: made by `ddsi_typeinfo_dup`, and not used again.
        unsafe { cyclors::ddsi_typeinfo_free(self.0) }
    }
}

/// What `endpoint`'s announcement says of its type.
pub(crate) fn announced(endpoint: &dds_builtintopic_endpoint_t) -> Option<TypeInfo> {
    let mut info = std::ptr::null();
    // SAFETY: the result is part of the sample, and copied.
    unsafe {
        let sample = std::ptr::from_ref(endpoint).cast_mut();
        check(cyclors::dds_builtintopic_get_endpoint_type_info(sample, &mut info)).ok()?;
        if info.is_null() {
            return None;
        }
        Some(TypeInfo(cyclors::ddsi_typeinfo_dup(info)))
    }
}

/// The type `endpoint` has announced, asked for as long as `timeout` allows.
pub(crate) fn of_endpoint(
    owner: &Owner,
    endpoint: &Guid,
    timeout: Duration,
) -> Result<TypeDescriptor, DdsError> {
    let fail = |reason: String| DdsError::Type { endpoint: *endpoint, reason };
    let info = owner.shared.types.lock().get(endpoint).map(TypeInfo::copy).ok_or_else(|| {
        fail("it has announced no TypeInformation; give the type as IDL".to_owned())
    })?;
    // SAFETY: `info` is valid; the identifiers are parts of it.
    let choices = unsafe {
        [
            cyclors::ddsi_typeinfo_complete_typeid(info.0),
            cyclors::ddsi_typeinfo_minimal_typeid(info.0),
        ]
    };
    let mut fetch = Fetch {
        participant: owner.entity,
        deadline: Instant::now() + timeout,
        types: Types::default(),
        depth: 0,
        aliased: false,
    };
    let mut why = "its TypeInformation names no type".to_owned();
    for id in choices {
        // SAFETY: `ddsi_typeid` is an identifier and nothing else; null or part of `info`.
        let Some(id) = (unsafe { id.cast::<DDS_XTypes_TypeIdentifier>().as_ref() }) else {
            continue;
        };
        match fetch.named(id) {
            Ok(Some(name)) => {
                // `info` owns the identifiers read above.
                drop(info);
                let Types { definitions, inexact, .. } = fetch.types;
                return Ok(TypeDescriptor { name, types: definitions, inexact });
            }
            Ok(None) => {}
            Err(reason) => why = reason,
        }
        fetch.types = Types::default();
    }
    Err(fail(format!("{why}; give the type as IDL")))
}

/// What has been read so far.
#[derive(Default)]
struct Types {
    definitions: BTreeMap<String, Definition>,
    inexact: BTreeSet<String>,
    /// What hashes stand for, and whether it is a typedef.
    known: BTreeMap<(u8, [u8; 14]), (TypeRef, bool)>,
}

/// Reads TypeObjects with all they refer to.
struct Fetch {
    participant: dds_entity_t,
    deadline: Instant,
    types: Types,
    depth: usize,
    /// Whether the type being read has a typedef in it.
    aliased: bool,
}

impl Fetch {
    /// The name of the struct or union behind `id`; `None` if it is something else.
    fn named(&mut self, id: &DDS_XTypes_TypeIdentifier) -> Result<Option<String>, String> {
        let name = match self.reference(id)? {
            TypeRef::Named(name) => name,
            _ => return Ok(None),
        };
        let topic_type = matches!(
            self.types.definitions.get(&name),
            Some(Definition::Struct { .. } | Definition::Union { .. })
        );
        Ok(topic_type.then_some(name))
    }

    /// What the TypeObject of `hash` describes, asked for if we do not know it yet.
    fn hashed(
        &mut self,
        id: &DDS_XTypes_TypeIdentifier,
        hash: [u8; 14],
    ) -> Result<TypeRef, String> {
        let key = (id._d, hash);
        if let Some((known, aliased)) = self.types.known.get(&key) {
            self.aliased |= aliased;
            return Ok(known.clone());
        }
        let outer = std::mem::take(&mut self.aliased);
        if self.types.known.len() >= MAX_TYPES {
            return Err(format!("it refers to more than {MAX_TYPES} types"));
        }
        let object = self.object(id)?;
        // SAFETY: `ddsi_typeobj` is a TypeObject and nothing else.
        let object_ref = unsafe { &*object.0.cast::<DDS_XTypes_TypeObject>() };
        // SAFETY: the discriminator says which member of the union is there.
        let found = unsafe {
            match u32::from(object_ref._d) {
                cyclors::DDS_XTypes_EK_COMPLETE => {
                    object::complete::read(self, &object_ref._u.complete, hash)
                }
                cyclors::DDS_XTypes_EK_MINIMAL => {
                    object::minimal::read(self, &object_ref._u.minimal, hash)
                }
                other => Err(format!("its TypeObject is of the unknown kind {other:#x}")),
            }
        }?;
        self.types.known.insert(key, (found.clone(), self.aliased));
        self.aliased |= outer;
        Ok(found)
    }

    /// Notes whether all of the type `name` is kept; `outer` is `aliased` of what it is part of.
    fn note(&mut self, name: &str, flags: u16, outer: bool) {
        const UNKEPT: u32 = cyclors::DDS_XTypes_IS_NESTED | cyclors::DDS_XTypes_IS_AUTOID_HASH;
        if self.aliased || u32::from(flags) & UNKEPT != 0 {
            self.types.inexact.insert(name.to_owned());
        }
        self.aliased = outer;
    }

    /// The same of an enumeration or bitmask, whose extensibility is not kept.
    fn note_kind(&mut self, name: &str, flags: u16) {
        const UNKEPT: u32 = cyclors::DDS_XTypes_IS_APPENDABLE | cyclors::DDS_XTypes_IS_MUTABLE;
        if u32::from(flags) & UNKEPT != 0 {
            self.types.inexact.insert(name.to_owned());
        }
    }

    fn object(&self, id: &DDS_XTypes_TypeIdentifier) -> Result<Object, String> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let left = i64::try_from(left.as_nanos()).unwrap_or(i64::MAX);
        let mut object = std::ptr::null_mut();
        // SAFETY: `ddsi_typeid` is an identifier and nothing else; the result is ours to free.
        check(unsafe {
            let id = std::ptr::from_ref(id).cast();
            cyclors::dds_get_typeobj(self.participant, id, left, &mut object)
        })
        .map_err(|reason| format!("its TypeObject did not come: {reason}"))?;
        if object.is_null() {
            return Err("its TypeObject did not come".to_owned());
        }
        Ok(Object(object))
    }

    /// Adds `definition`, whose members may refer to types of the same hash only through `known`.
    fn define(&mut self, name: String, definition: Definition) -> TypeRef {
        self.types.definitions.insert(name.clone(), definition);
        TypeRef::Named(name)
    }
}

struct Object(*mut dds_typeobj_t);

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: made by `dds_get_typeobj`, and not used again.
        unsafe { cyclors::dds_free_typeobj(self.0) };
    }
}

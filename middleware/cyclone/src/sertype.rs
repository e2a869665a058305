//! A type of which Cyclone knows the name, whether it has a key, and what is announced of it.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, Ordering};

use cyclors::{
    DDSI_SERTYPE_FLAG_TOPICKIND_NO_KEY, DDSI_SERTYPE_REFC_MASK, DDSI_SERTYPE_REGISTERED,
    dds_entity_t, dds_free_op_t, ddsi_sertype, ddsi_sertype_fini, ddsi_sertype_init_flags,
    ddsi_sertype_ops, ddsi_sertype_ref, ddsi_sertype_unref, ddsi_sertype_v0, ddsi_typeid_kind_t,
    ddsi_typeid_t, ddsi_typeinfo_t, ddsi_typemap_t,
};
use tidewire_idl::TypeDescriptor;
use tidewire_idl::xtypes::{Relation, TypeObjects};
use tidewire_transport::EndpointSpec;

use crate::endpoint::c_string;
use crate::sys::check;
use crate::{qos, serdata};

static OPS: Ops = Ops(ddsi_sertype_ops {
    version: Some(ddsi_sertype_v0),
    arg: std::ptr::null_mut(),
    free: Some(free),
    zero_samples: Some(zero_samples),
    realloc_samples: Some(realloc_samples),
    free_samples: Some(free_samples),
    equal: Some(equal),
    hash: Some(hash),
    type_id: Some(type_id),
    type_map: Some(type_map),
    type_info: Some(type_info),
    derive_sertype: None,
    get_serialized_size: None,
    serialize_into: None,
});

struct Ops(ddsi_sertype_ops);

// SAFETY: never written; its one data pointer is null.
unsafe impl Sync for Ops {}

/// Ours, which Cyclone sees as its first member.
#[repr(C)]
struct Sertype {
    base: ddsi_sertype,
    /// `None` announces the name alone.
    announced: Option<Announced>,
}

/// Serialised, as Cyclone takes them (DDS-XTypes 1.3, 7.6.3.2).
#[derive(PartialEq)]
struct Announced {
    information: Vec<u8>,
    mapping: Vec<u8>,
    hash: u32,
}

impl Announced {
    fn of(ty: &TypeDescriptor) -> Option<Self> {
        let objects = TypeObjects::of(ty)
            .inspect_err(|error| tracing::debug!(ty = ty.name, %error, "not announced"))
            .ok()?;
        let hash = objects.hash(Relation::Complete).0;
        Some(Self {
            information: objects.information(),
            mapping: objects.mapping(),
            hash: u32::from_ne_bytes([hash[0], hash[1], hash[2], hash[3]]),
        })
    }
}

/// What is announced of a type.
///
/// # Safety
/// `ty` is of `topic`.
unsafe fn announced<'a>(ty: *const ddsi_sertype) -> Option<&'a Announced> {
    // SAFETY: the caller says so; `base` is the first member.
    unsafe { (*ty.cast::<Sertype>()).announced.as_ref() }
}

/// A topic entity on `participant`, as `spec` says; what that describes of the type is announced.
pub(crate) fn topic(
    participant: dds_entity_t,
    spec: &EndpointSpec,
) -> Result<(dds_entity_t, *const ddsi_sertype), String> {
    let (name, type_name) = (c_string(&spec.topic)?, c_string(&spec.type_name)?);
    let policies = qos::topic(&spec.qos);
    let flags = if spec.keyed { 0 } else { DDSI_SERTYPE_FLAG_TOPICKIND_NO_KEY };
    // SAFETY: a structure of pointers and numbers, for which zero is a value.
    let base = unsafe { std::mem::zeroed::<ddsi_sertype>() };
    let ours = Sertype { base, announced: spec.ty.as_deref().and_then(Announced::of) };
    let mut sertype: *mut ddsi_sertype = Box::into_raw(Box::new(ours)).cast();
    let made = sertype;
    // SAFETY: all pointers are valid; the operations are static; Cyclone owns a reference to `sertype`
    // from the successful call on and replaces the pointer by that of an equal type, if it has one. The
    // other reference keeps `made` until the end.
    unsafe {
        ddsi_sertype_init_flags(sertype, type_name.as_ptr(), &OPS.0, serdata::ops(), flags);
        ddsi_sertype_ref(made);
        let created = check(cyclors::dds_create_topic_sertype(
            participant,
            name.as_ptr(),
            &mut sertype,
            policies.as_ptr(),
            std::ptr::null(),
            std::ptr::null(),
        ));
        if created.is_err() && !is_dropped(made) {
            ddsi_sertype_unref(made);
        }
        ddsi_sertype_unref(made);
        Ok((created?, sertype))
    }
}

/// Whether Cyclone has dropped its reference to `made` though it has refused it: it does where it would
/// have gone on with an equal type, so that `made` is ours alone.
///
/// # Safety
/// `made` is a type of ours, and `topic` holds a reference to it.
unsafe fn is_dropped(made: *mut ddsi_sertype) -> bool {
    // SAFETY: as the caller says; Cyclone's threads change the number atomically too.
    let count = unsafe { AtomicU32::from_ptr(&raw mut (*made).flags_refc.v) };
    let count = count.load(Ordering::Acquire);
    count & DDSI_SERTYPE_REGISTERED == 0 && count & DDSI_SERTYPE_REFC_MASK == 1
}

unsafe extern "C" fn free(sertype: *mut ddsi_sertype) {
    // SAFETY: the last reference to what `topic` has made.
    unsafe {
        ddsi_sertype_fini(sertype);
        drop(Box::from_raw(sertype.cast::<Sertype>()));
    }
}

/// Cyclone has compared name, operations and key.
unsafe extern "C" fn equal(a: *const ddsi_sertype, b: *const ddsi_sertype) -> bool {
    // SAFETY: Cyclone compares types with these operations, which are ours.
    unsafe { announced(a) == announced(b) }
}

unsafe extern "C" fn hash(ty: *const ddsi_sertype) -> u32 {
    // SAFETY: ours.
    unsafe { announced(ty) }.map_or(0, |it| it.hash)
}

unsafe extern "C" fn type_info(ty: *const ddsi_sertype) -> *mut ddsi_typeinfo_t {
    // SAFETY: ours; Cyclone copies what it reads and owns the result.
    unsafe {
        announced(ty).map_or(std::ptr::null_mut(), |it| {
            cyclors::ddsi_typeinfo_deser(it.information.as_ptr(), it.information.len() as u32)
        })
    }
}

unsafe extern "C" fn type_map(ty: *const ddsi_sertype) -> *mut ddsi_typemap_t {
    // SAFETY: as above.
    unsafe {
        announced(ty).map_or(std::ptr::null_mut(), |it| {
            cyclors::ddsi_typemap_deser(it.mapping.as_ptr(), it.mapping.len() as u32)
        })
    }
}

unsafe extern "C" fn type_id(
    ty: *const ddsi_sertype,
    kind: ddsi_typeid_kind_t,
) -> *mut ddsi_typeid_t {
    // SAFETY: as above; the identifier is a copy.
    unsafe {
        let information = type_info(ty);
        if information.is_null() {
            return std::ptr::null_mut();
        }
        let id = cyclors::ddsi_typeinfo_typeid(information, kind);
        cyclors::ddsi_typeinfo_free(information);
        id
    }
}

// Decoded samples do not occur.

unsafe extern "C" fn zero_samples(_ty: *const ddsi_sertype, _samples: *mut c_void, _count: usize) {}

unsafe extern "C" fn realloc_samples(
    _samples: *mut *mut c_void,
    _ty: *const ddsi_sertype,
    _old: *mut c_void,
    _old_count: usize,
    _count: usize,
) {
}

unsafe extern "C" fn free_samples(
    _ty: *const ddsi_sertype,
    _samples: *mut *mut c_void,
    _count: usize,
    _op: dds_free_op_t,
) {
}

//! A type of which only the name is known, and whether it has a key.

use std::ffi::{CStr, c_void};

use cyclors::{
    DDSI_SERTYPE_FLAG_TOPICKIND_NO_KEY, dds_entity_t, dds_free_op_t, ddsi_sertype,
    ddsi_sertype_fini, ddsi_sertype_init_flags, ddsi_sertype_ops, ddsi_sertype_v0,
};

use crate::serdata;
use crate::sys::check;

static OPS: Ops = Ops(ddsi_sertype_ops {
    version: Some(ddsi_sertype_v0),
    arg: std::ptr::null_mut(),
    free: Some(free),
    zero_samples: Some(zero_samples),
    realloc_samples: Some(realloc_samples),
    free_samples: Some(free_samples),
    equal: Some(equal),
    hash: Some(hash),
    type_id: None,
    type_map: None,
    type_info: None,
    derive_sertype: None,
    get_serialized_size: None,
    serialize_into: None,
});

struct Ops(ddsi_sertype_ops);

// SAFETY: never written; its one data pointer is null.
unsafe impl Sync for Ops {}

/// A topic entity of the given name and type on `participant`.
pub(crate) fn topic(
    participant: dds_entity_t,
    name: &CStr,
    type_name: &CStr,
    keyed: bool,
    qos: *const cyclors::dds_qos_t,
) -> Result<(dds_entity_t, *const ddsi_sertype), String> {
    let flags = if keyed { 0 } else { DDSI_SERTYPE_FLAG_TOPICKIND_NO_KEY };
    // SAFETY: a structure of pointers and numbers, for which zero is a value.
    let mut sertype = Box::into_raw(Box::new(unsafe { std::mem::zeroed::<ddsi_sertype>() }));
    // SAFETY: all pointers are valid; the operations are static; Cyclone owns `sertype` from the
    // successful call on and replaces the pointer by that of an equal type, if it has one.
    unsafe {
        ddsi_sertype_init_flags(sertype, type_name.as_ptr(), &OPS.0, serdata::ops(), flags);
        let created = check(cyclors::dds_create_topic_sertype(
            participant,
            name.as_ptr(),
            &mut sertype,
            qos,
            std::ptr::null(),
            std::ptr::null(),
        ));
        match created {
            Ok(topic) => Ok((topic, sertype)),
            Err(reason) => {
                free(sertype);
                Err(reason)
            }
        }
    }
}

unsafe extern "C" fn free(sertype: *mut ddsi_sertype) {
    // SAFETY: the last reference to what `topic` has made.
    unsafe {
        ddsi_sertype_fini(sertype);
        drop(Box::from_raw(sertype));
    }
}

/// Cyclone has compared name, operations and key; there is nothing more.
unsafe extern "C" fn equal(_a: *const ddsi_sertype, _b: *const ddsi_sertype) -> bool {
    true
}

unsafe extern "C" fn hash(_ty: *const ddsi_sertype) -> u32 {
    0
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

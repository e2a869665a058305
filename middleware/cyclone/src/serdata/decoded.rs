//! Decoded samples and loans, which do not occur: everything is written by `dds_forwardcdr` and read by a
//! reader cache of ours.

use std::ffi::{c_char, c_void};

use cyclors::{
    dds_loaned_sample, ddsi_serdata, ddsi_serdata_kind, ddsi_serdata_kind_SDK_KEY, ddsi_sertype,
};

use super::Serdata;
use super::body::Body;

/// Only asked for by [`anchor`](crate::anchor): the key of the instance that stands for all.
pub(super) unsafe extern "C" fn from_sample(
    ty: *const ddsi_sertype,
    kind: ddsi_serdata_kind,
    _sample: *const c_void,
) -> *mut ddsi_serdata {
    if kind != ddsi_serdata_kind_SDK_KEY {
        return std::ptr::null_mut();
    }
    // SAFETY: called through the operations of `ty`, which Cyclone keeps as long as its samples.
    Box::into_raw(unsafe { Serdata::new(ty, kind, Body::default()) }).cast()
}

pub(super) unsafe extern "C" fn to_sample(
    _serdata: *const ddsi_serdata,
    _sample: *mut c_void,
    _buffer: *mut *mut c_void,
    _limit: *mut c_void,
) -> bool {
    false
}

pub(super) unsafe extern "C" fn untyped_to_sample(
    _ty: *const ddsi_sertype,
    _serdata: *const ddsi_serdata,
    _sample: *mut c_void,
    _buffer: *mut *mut c_void,
    _limit: *mut c_void,
) -> bool {
    false
}

pub(super) unsafe extern "C" fn from_loaned_sample(
    _ty: *const ddsi_sertype,
    _kind: ddsi_serdata_kind,
    _sample: *const c_char,
    _loan: *mut dds_loaned_sample,
    _cdr: bool,
) -> *mut ddsi_serdata {
    std::ptr::null_mut()
}

pub(super) unsafe extern "C" fn from_psmx(
    _ty: *const ddsi_sertype,
    _loan: *mut dds_loaned_sample,
) -> *mut ddsi_serdata {
    std::ptr::null_mut()
}

//! What Cyclone asks of a sample.

use std::ffi::{c_char, c_void};

use cyclors::{
    ddsi_keyhash, ddsi_rdata, ddsi_serdata, ddsi_serdata_kind, ddsi_serdata_kind_SDK_KEY,
    ddsi_serdata_ops, ddsi_sertype, ddsrt_iovec_t, ddsrt_msg_iovlen_t,
};
use tidewire_transport::dds::HEADER;

use super::Serdata;
use super::body::Body;
use super::decoded::{from_loaned_sample, from_psmx, from_sample, to_sample, untyped_to_sample};
use super::gather::gather;
use crate::sys::{self, Received};

/// The operations Cyclone needs. It never sees a decoded sample, so those are not there.
static OPS: ddsi_serdata_ops = ddsi_serdata_ops {
    eqkey: Some(eqkey),
    get_size: Some(get_size),
    from_ser: Some(from_ser),
    from_ser_iov: Some(from_ser_iov),
    from_keyhash: Some(from_keyhash),
    from_sample: Some(from_sample),
    to_ser: Some(to_ser),
    to_ser_ref: Some(to_ser_ref),
    to_ser_unref: Some(to_ser_unref),
    to_sample: Some(to_sample),
    to_untyped: Some(to_untyped),
    untyped_to_sample: Some(untyped_to_sample),
    free: Some(free),
    print: Some(print),
    get_keyhash: Some(get_keyhash),
    from_loaned_sample: Some(from_loaned_sample),
    from_psmx: Some(from_psmx),
};

/// The address of [`OPS`].
pub(crate) fn ops() -> *const ddsi_serdata_ops {
    &OPS
}

unsafe extern "C" fn eqkey(a: *const ddsi_serdata, b: *const ddsi_serdata) -> bool {
    // SAFETY: Cyclone compares serdata of the same operations only.
    unsafe { Serdata::of(a).instance == Serdata::of(b).instance }
}

unsafe extern "C" fn get_size(serdata: *const ddsi_serdata) -> u32 {
    // SAFETY: called through our operations.
    unsafe { Serdata::of(serdata) }.body.len() as u32
}

unsafe extern "C" fn from_ser(
    ty: *const ddsi_sertype,
    kind: ddsi_serdata_kind,
    chain: *const ddsi_rdata,
    size: usize,
) -> *mut ddsi_serdata {
    // SAFETY: `chain` is Cyclone's for the length of this call.
    let received = unsafe { Received::new(chain) };
    let Some(payload) = gather(size, &received).filter(|_| size >= HEADER) else {
        return std::ptr::null_mut();
    };
    // SAFETY: called through the operations of `ty`, which Cyclone keeps as long as its samples.
    let mut serdata = unsafe { Serdata::new(ty, kind, Body::Shared(payload)) };
    serdata.sequence = received.sequence();
    Box::into_raw(serdata).cast()
}

unsafe extern "C" fn from_ser_iov(
    ty: *const ddsi_sertype,
    kind: ddsi_serdata_kind,
    count: ddsrt_msg_iovlen_t,
    parts: *const ddsrt_iovec_t,
    size: usize,
) -> *mut ddsi_serdata {
    let mut payload = Vec::with_capacity(size.next_multiple_of(4));
    for i in 0..count {
        // SAFETY: `parts` are `count` ranges of readable bytes.
        payload.extend_from_slice(unsafe {
            let part = &*parts.add(i);
            std::slice::from_raw_parts(part.iov_base.cast::<u8>(), part.iov_len)
        });
    }
    payload.truncate(size);
    // SAFETY: as for `from_ser`.
    let serdata = unsafe { Serdata::new(ty, kind, Body::padded(payload.into())) };
    Box::into_raw(serdata).cast()
}

unsafe extern "C" fn from_keyhash(
    ty: *const ddsi_sertype,
    hash: *const ddsi_keyhash,
) -> *mut ddsi_serdata {
    // SAFETY: `hash` is readable, `ty` as for `from_ser`.
    let (mut serdata, key) = unsafe {
        (Serdata::new(ty, ddsi_serdata_kind_SDK_KEY, Body::default()), sys::key_hash(&*hash))
    };
    serdata.key = key;
    serdata.hash_only = true;
    Box::into_raw(serdata).cast()
}

unsafe extern "C" fn to_ser(serdata: *const ddsi_serdata, at: usize, size: usize, to: *mut c_void) {
    // SAFETY: called through our operations; `to` has room for `size` bytes.
    unsafe {
        let payload = &Serdata::of(serdata).body;
        let size = size.min(payload.len().saturating_sub(at));
        std::ptr::copy_nonoverlapping(payload.as_ptr().wrapping_add(at), to.cast(), size);
    }
}

unsafe extern "C" fn to_ser_ref(
    serdata: *const ddsi_serdata,
    at: usize,
    size: usize,
    part: *mut ddsrt_iovec_t,
) -> *mut ddsi_serdata {
    // SAFETY: called through our operations with a range inside `get_size`, rounded up to four bytes,
    // which the payload is as well; the reference keeps it until `to_ser_unref`.
    unsafe {
        let payload = &Serdata::of(serdata).body;
        (*part).iov_base = payload.as_ptr().wrapping_add(at).cast_mut().cast();
        (*part).iov_len = size.min(payload.len().saturating_sub(at));
        sys::ddsi_serdata_ref(serdata)
    }
}

unsafe extern "C" fn to_ser_unref(serdata: *mut ddsi_serdata, _part: *const ddsrt_iovec_t) {
    // SAFETY: gives back the reference of `to_ser_ref`.
    unsafe { cyclors::ddsi_serdata_unref(serdata) }
}

unsafe extern "C" fn to_untyped(serdata: *const ddsi_serdata) -> *mut ddsi_serdata {
    // SAFETY: called through our operations. The type is only read for its operations.
    unsafe {
        let ours = Serdata::of(serdata);
        let mut untyped =
            Serdata::new(ours.common.type_, ddsi_serdata_kind_SDK_KEY, Body::default());
        untyped.instance = ours.instance;
        untyped.common.hash = ours.common.hash;
        // It may outlive the type.
        untyped.common.type_ = std::ptr::null();
        Box::into_raw(untyped).cast()
    }
}

unsafe extern "C" fn free(serdata: *mut ddsi_serdata) {
    // SAFETY: the last reference to what `Serdata::new` has made.
    drop(unsafe { Box::from_raw(serdata.cast::<Serdata>()) });
}

unsafe extern "C" fn get_keyhash(
    serdata: *const ddsi_serdata,
    hash: *mut ddsi_keyhash,
    _force_md5: bool,
) {
    // SAFETY: called through our operations; `hash` is writable.
    unsafe { (*hash).value = Serdata::of(serdata).key.0 }
}

unsafe extern "C" fn print(
    _ty: *const ddsi_sertype,
    serdata: *const ddsi_serdata,
    to: *mut c_char,
    size: usize,
) -> usize {
    // SAFETY: called through our operations.
    let text = format!("({} bytes)", unsafe { Serdata::of(serdata) }.body.len());
    let length = text.len().min(size.saturating_sub(1));
    // SAFETY: `to` has room for `size` bytes, at least one.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), to.cast(), length);
        *to.add(length) = 0;
    }
    text.len()
}

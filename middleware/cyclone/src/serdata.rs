//! A sample as Cyclone holds it: the payload's bytes and what we know of them, no type.

use std::ffi::{c_char, c_void};

use bytes::Bytes;
use cyclors::{
    dds_loaned_sample, ddsi_keyhash, ddsi_rdata, ddsi_serdata, ddsi_serdata_init,
    ddsi_serdata_kind, ddsi_serdata_kind_SDK_DATA, ddsi_serdata_kind_SDK_KEY, ddsi_serdata_ops,
    ddsi_sertype, ddsrt_iovec_t, ddsrt_msg_iovlen_t,
};
use tidewire_idl::KeyHash;
use tidewire_transport::dds::HEADER;

use crate::sys::{self, Received};

/// Begins with Cyclone's part, so that a pointer to one is a pointer to the other.
#[repr(C)]
pub(crate) struct Serdata {
    common: ddsi_serdata,
    /// With header; a multiple of four bytes, as RTPS sends it.
    payload: Bytes,
    /// The instance, of samples that we write; zero of those received, whose key the reader's sink
    /// knows.
    key: KeyHash,
    /// Whether `key` is all there is: a dispose that carries the key's hash alone.
    pub hash_only: bool,
    /// The writer's count; 0 if unknown.
    pub sequence: u64,
}

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

/// Bytes as RTPS can send them: submessages are multiples of four bytes (RTPS 2.5, 9.4.1), and how
/// many bytes were added is noted in the header's options (DDS-XTypes 1.3, 7.6.3.1.2).
fn padded(payload: Bytes) -> Bytes {
    let missing = payload.len().next_multiple_of(4) - payload.len();
    if missing == 0 {
        return payload;
    }
    let mut whole = Vec::with_capacity(payload.len() + missing);
    whole.extend_from_slice(&payload);
    whole.resize(payload.len() + missing, 0);
    if payload.len() >= HEADER {
        whole[3] = whole[3] & !3 | missing as u8;
    }
    whole.into()
}

/// Instances by hash: Cyclone mixes the bits itself.
fn hash_of(key: &KeyHash) -> u32 {
    key.0.chunks_exact(4).fold(0x811c_9dc5, |hash: u32, word| {
        let word = u32::from_ne_bytes([word[0], word[1], word[2], word[3]]);
        (hash ^ word).wrapping_mul(0x0100_0193).rotate_left(13)
    })
}

impl Serdata {
    /// A sample to write, owned by whoever gets the pointer.
    ///
    /// # Safety
    /// `ty` is a sertype of ours and lives longer than the result.
    pub unsafe fn write(
        ty: *const ddsi_sertype,
        payload: Bytes,
        key: KeyHash,
        status: u32,
        time: i64,
        sequence: u64,
    ) -> *mut ddsi_serdata {
        let kind = if status == 0 { ddsi_serdata_kind_SDK_DATA } else { ddsi_serdata_kind_SDK_KEY };
        // SAFETY: as the caller says.
        let mut serdata = unsafe { Self::new(ty, kind, padded(payload), key) };
        serdata.sequence = sequence;
        serdata.common.statusinfo = status;
        serdata.common.timestamp.v = time;
        Box::into_raw(serdata).cast()
    }

    /// # Safety
    /// As [`write`](Self::write).
    unsafe fn new(
        ty: *const ddsi_sertype,
        kind: ddsi_serdata_kind,
        payload: Bytes,
        key: KeyHash,
    ) -> Box<Self> {
        // SAFETY: a structure of pointers and numbers, for which zero is a value; `ddsi_serdata_init`
        // sets them.
        let common = unsafe { std::mem::zeroed() };
        let mut serdata = Box::new(Self { common, payload, key, hash_only: false, sequence: 0 });
        // SAFETY: `serdata` is writable, `ty` valid.
        unsafe { ddsi_serdata_init(&mut serdata.common, ty, kind) };
        serdata.common.hash = hash_of(&key);
        serdata
    }

    /// # Safety
    /// `serdata` has our operations.
    pub unsafe fn of<'a>(serdata: *const ddsi_serdata) -> &'a Self {
        // SAFETY: whatever has our operations was made by `new`.
        unsafe { &*serdata.cast() }
    }

    pub fn status(&self) -> u32 {
        self.common.statusinfo
    }

    /// ns since the Unix epoch.
    pub fn source_time(&self) -> i64 {
        self.common.timestamp.v
    }

    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    pub fn key(&self) -> KeyHash {
        self.key
    }
}

unsafe extern "C" fn eqkey(a: *const ddsi_serdata, b: *const ddsi_serdata) -> bool {
    // SAFETY: Cyclone compares serdata of the same operations only.
    unsafe { Serdata::of(a).key == Serdata::of(b).key }
}

unsafe extern "C" fn get_size(serdata: *const ddsi_serdata) -> u32 {
    // SAFETY: called through our operations.
    unsafe { Serdata::of(serdata) }.payload.len() as u32
}

unsafe extern "C" fn from_ser(
    ty: *const ddsi_sertype,
    kind: ddsi_serdata_kind,
    chain: *const ddsi_rdata,
    size: usize,
) -> *mut ddsi_serdata {
    // SAFETY: `chain` is Cyclone's for the length of this call.
    let received = unsafe { Received::new(chain) };
    let Some(payload) = received.payload(size).filter(|payload| payload.len() >= HEADER) else {
        return std::ptr::null_mut();
    };
    // SAFETY: called through the operations of `ty`, which Cyclone keeps as long as its samples.
    let mut serdata = unsafe { Serdata::new(ty, kind, payload.into(), KeyHash::default()) };
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
    let serdata = unsafe { Serdata::new(ty, kind, padded(payload.into()), KeyHash::default()) };
    Box::into_raw(serdata).cast()
}

unsafe extern "C" fn from_keyhash(
    ty: *const ddsi_sertype,
    hash: *const ddsi_keyhash,
) -> *mut ddsi_serdata {
    // SAFETY: `hash` is readable, `ty` as for `from_ser`.
    let mut serdata =
        unsafe { Serdata::new(ty, ddsi_serdata_kind_SDK_KEY, Bytes::new(), sys::key_hash(&*hash)) };
    serdata.hash_only = true;
    Box::into_raw(serdata).cast()
}

unsafe extern "C" fn to_ser(serdata: *const ddsi_serdata, at: usize, size: usize, to: *mut c_void) {
    // SAFETY: called through our operations; `to` has room for `size` bytes.
    unsafe {
        let payload = &Serdata::of(serdata).payload;
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
        let payload = &Serdata::of(serdata).payload;
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
            Serdata::new(ours.common.type_, ddsi_serdata_kind_SDK_KEY, Bytes::new(), ours.key);
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
    let text = format!("({} bytes)", unsafe { Serdata::of(serdata) }.payload.len());
    let length = text.len().min(size.saturating_sub(1));
    // SAFETY: `to` has room for `size` bytes, at least one.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), to.cast(), length);
        *to.add(length) = 0;
    }
    text.len()
}

// Decoded samples and loans do not occur: everything is written by `dds_forwardcdr` and read by a
// reader cache of ours.

unsafe extern "C" fn from_sample(
    _ty: *const ddsi_sertype,
    _kind: ddsi_serdata_kind,
    _sample: *const c_void,
) -> *mut ddsi_serdata {
    std::ptr::null_mut()
}

unsafe extern "C" fn to_sample(
    _serdata: *const ddsi_serdata,
    _sample: *mut c_void,
    _buffer: *mut *mut c_void,
    _limit: *mut c_void,
) -> bool {
    false
}

unsafe extern "C" fn untyped_to_sample(
    _ty: *const ddsi_sertype,
    _serdata: *const ddsi_serdata,
    _sample: *mut c_void,
    _buffer: *mut *mut c_void,
    _limit: *mut c_void,
) -> bool {
    false
}

unsafe extern "C" fn from_loaned_sample(
    _ty: *const ddsi_sertype,
    _kind: ddsi_serdata_kind,
    _sample: *const c_char,
    _loan: *mut dds_loaned_sample,
    _cdr: bool,
) -> *mut ddsi_serdata {
    std::ptr::null_mut()
}

unsafe extern "C" fn from_psmx(
    _ty: *const ddsi_sertype,
    _loan: *mut dds_loaned_sample,
) -> *mut ddsi_serdata {
    std::ptr::null_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_padded_and_say_so() {
        let even = Bytes::from_static(&[0, 1, 0, 0, 5, 6, 7, 8]);
        assert_eq!(padded(even.clone()), even);
        let odd = Bytes::from_static(&[0, 1, 0, 0, 5]);
        assert_eq!(&padded(odd)[..], [0, 1, 0, 3, 5, 0, 0, 0]);
    }
}

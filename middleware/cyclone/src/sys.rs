//! What of Cyclone's C interface `cyclors` does not declare, and small conversions.
//!
//! The structures follow the headers of Cyclone DDS 11.0.1, which `cyclors` 0.4.0 carries and the
//! workspace pins: `dds/ddsc/dds_rhc.h`, `dds/ddsi/ddsi_rhc.h` and `dds/ddsi/ddsi_radmin.h`. The functions are those
//! that Cyclone's own calls are made of; of what their pointers lead to nothing is known here.

use std::ffi::{CStr, c_void};

use cyclors::{
    dds_entity_t, dds_guid_t, dds_return_t, ddsi_guid, ddsi_keyhash, ddsi_rdata, ddsi_serdata,
};
use tidewire_idl::Guid;
use tidewire_qos::Duration;
use tidewire_transport::Prefix;

use crate::serdata::{Parts, Scattered};

unsafe extern "C" {
    // Inline functions of the headers, which the library also exports.
    pub fn ddsi_serdata_ref(serdata: *const ddsi_serdata) -> *mut ddsi_serdata;
    // `dds/ddsi/ddsi_tkmap.h`.
    pub fn ddsi_tkmap_instance_ref(instance: *mut c_void);
    // `dds/ddsi/ddsi_xmsg.h`; a domain is a `struct ddsi_domaingv`, a pack a `struct ddsi_xpack`.
    pub fn ddsi_xpack_new(domain: *mut c_void, asynchronous: bool) -> *mut c_void;
    pub fn ddsi_xpack_free(pack: *mut c_void);
    pub fn ddsi_xpack_send(pack: *mut c_void, immediately: bool);
    // `dds/ddsi/ddsi_thread.h`.
    pub fn ddsi_lookup_thread_state() -> *mut c_void;
    pub fn ddsi_thread_state_awake(thread: *mut c_void, domain: *const c_void);
    pub fn ddsi_thread_state_asleep(thread: *mut c_void);
    // `dds__entity.h` and `dds__write.h`; what is locked here is a `struct dds_writer`.
    pub fn dds_entity_lock(
        entity: dds_entity_t,
        kind: cyclors::dds_entity_kind_t,
        locked: *mut *mut c_void,
    ) -> dds_return_t;
    pub fn dds_entity_unlock(locked: *mut c_void);
    pub fn dds_writecdr_impl(
        writer: *mut c_void,
        pack: *mut c_void,
        serdata: *mut ddsi_serdata,
        flush: bool,
    ) -> dds_return_t;
}

/// The first member of `struct ddsi_writer_info`; the rest is not looked at.
#[repr(C)]
pub struct WriterInfo {
    pub guid: ddsi_guid,
}

/// `struct dds_rhc_ops`, which begins with `struct ddsi_rhc_ops`.
#[repr(C)]
pub struct CacheOps {
    pub store: unsafe extern "C" fn(
        *mut c_void,
        *const WriterInfo,
        *mut ddsi_serdata,
        *mut c_void,
    ) -> bool,
    pub unregister_wr: unsafe extern "C" fn(*mut c_void, *const WriterInfo),
    pub relinquish_ownership: unsafe extern "C" fn(*mut c_void, u64),
    pub free: unsafe extern "C" fn(*mut c_void),
    pub peek: ReadTake,
    pub read: ReadTake,
    pub take: ReadTake,
    pub add_readcondition: unsafe extern "C" fn(*mut c_void, *mut c_void) -> bool,
    pub remove_readcondition: unsafe extern "C" fn(*mut c_void, *mut c_void),
    pub associate: unsafe extern "C" fn(*mut c_void, *mut c_void) -> dds_return_t,
}

pub type ReadTake =
    unsafe extern "C" fn(*mut c_void, i32, u32, u64, *mut c_void, *mut c_void, *mut c_void) -> i32;

/// `struct ddsi_rmsg`: a received packet; its bytes follow.
#[repr(C)]
struct Packet {
    refcount: u32,
    last_chunk: *mut c_void,
    trace: bool,
    buffer: *mut c_void,
    next_chunk: *mut c_void,
    size: u64,
}

/// `struct ddsi_rdata`, as far as it is the same in debug and release builds of Cyclone.
#[repr(C)]
struct Fragment {
    packet: *const Packet,
    next: *const Fragment,
    min: u32,
    max_plus_1: u32,
    submessage: u16,
    payload: u16,
    key_hash: u16,
}

/// A sample as it came in, in one or more packets.
pub struct Received<'a> {
    first: &'a Fragment,
}

impl Received<'_> {
    /// # Safety
    /// `chain` is what Cyclone hands to `ddsi_serdata_ops::from_ser`, for as long as that call lasts.
    pub unsafe fn new(chain: *const ddsi_rdata) -> Self {
        // SAFETY: the caller says so; `Fragment` is a prefix of what it points to.
        Self { first: unsafe { &*chain.cast() } }
    }

    /// The writer's sequence number, from the DATA or DATA_FRAG submessage (RTPS 2.5, 9.4.5.4), which
    /// Cyclone has brought into host order. 0 if it is none.
    pub fn sequence(&self) -> u64 {
        const DATA: u8 = 0x15;
        const DATA_FRAG: u8 = 0x16;
        // SAFETY: the submessage lies inside the packet, and Cyclone has checked that its fixed part,
        // of which the number is bytes 16 to 24, is there.
        let header = unsafe {
            let bytes = self.first.packet.add(1).cast::<u8>();
            std::slice::from_raw_parts(bytes.add(usize::from(self.first.submessage)), 24)
        };
        if !matches!(header[0], DATA | DATA_FRAG) {
            return 0;
        }
        let word = |at: usize| {
            u64::from(u32::from_ne_bytes([
                header[at],
                header[at + 1],
                header[at + 2],
                header[at + 3],
            ]))
        };
        word(16) << 32 | word(20)
    }
}

impl Scattered for Received<'_> {
    /// The payload, with its header.
    fn give(&self, to: &mut impl Parts) -> bool {
        let (mut next, mut at) = (Some(self.first), 0);
        while let Some(fragment) = next {
            let (min, end) = (fragment.min as usize, fragment.max_plus_1 as usize);
            if end > at {
                if min > at {
                    return false;
                }
                // SAFETY: Cyclone has checked that the fragment's bytes, of which those from `min` on
                // begin at its payload offset, lie inside the packet.
                let part = unsafe {
                    let bytes = fragment.packet.add(1).cast::<u8>();
                    let start = bytes.add(usize::from(fragment.payload) + at - min);
                    std::slice::from_raw_parts(start, end - at)
                };
                if !to.add(part) {
                    return false;
                }
                at = end;
            }
            // SAFETY: the chain is of fragments that live as long as the first one.
            next = unsafe { fragment.next.as_ref() };
        }
        true
    }
}

/// A GUID as Cyclone holds it inside, in host order.
pub fn guid_of(guid: &ddsi_guid) -> Guid {
    let mut bytes = [0; 16];
    // SAFETY: both members of these unions are plain numbers over the same bytes.
    let words = unsafe { [guid.prefix.u[0], guid.prefix.u[1], guid.prefix.u[2], guid.entityid.u] };
    for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word.to_be_bytes());
    }
    Guid(bytes)
}

/// A GUID as Cyclone shows it to applications, in network order.
pub fn guid_shown(guid: &dds_guid_t) -> Guid {
    Guid(guid.v)
}

/// The GUID of one of our entities.
pub fn guid_of_entity(entity: dds_entity_t) -> Option<Guid> {
    let mut guid = dds_guid_t { v: [0; 16] };
    // SAFETY: `guid` is writable; a handle that is gone gives an error.
    let result = unsafe { cyclors::dds_get_guid(entity, &mut guid) };
    (result >= 0).then(|| guid_shown(&guid))
}

/// The vendor whose participant begins with `prefix`: RTPS 2.5, 9.3.1.5 puts its id first.
pub fn vendor_of(prefix: &Prefix) -> [u8; 2] {
    [prefix[0], prefix[1]]
}

/// What a return code says, in Cyclone's words.
pub fn reason(code: dds_return_t) -> String {
    // SAFETY: the function knows every number and returns a static string.
    let text = unsafe { CStr::from_ptr(cyclors::dds_strretcode(code)) };
    format!("{} (Cyclone DDS error {code})", text.to_string_lossy())
}

/// `code` if it is no error.
pub fn check(code: dds_return_t) -> Result<dds_return_t, String> {
    if code < 0 { Err(reason(code)) } else { Ok(code) }
}

/// Durations in Cyclone are ns in an i64, the largest being infinite.
pub fn to_nanos(duration: Duration) -> i64 {
    duration.nanos().and_then(|nanos| i64::try_from(nanos).ok()).unwrap_or(i64::MAX)
}

/// The other way round.
pub fn from_nanos(nanos: i64) -> Duration {
    if nanos == i64::MAX {
        return Duration::INFINITE;
    }
    Duration::from_nanos(nanos.max(0) as u64)
}

/// The 16 bytes of a key hash off the wire.
pub fn key_hash(hash: &ddsi_keyhash) -> tidewire_idl::KeyHash {
    tidewire_idl::KeyHash(hash.value)
}

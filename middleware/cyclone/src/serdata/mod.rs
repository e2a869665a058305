//! A sample as Cyclone holds it: the payload's bytes and what we know of them, no type.

mod body;
mod decoded;
mod gather;
mod ops;

use bytes::Bytes;
use cyclors::{
    ddsi_serdata, ddsi_serdata_init, ddsi_serdata_kind, ddsi_serdata_kind_SDK_DATA,
    ddsi_serdata_kind_SDK_KEY, ddsi_sertype,
};
use tidewire_idl::KeyHash;

pub(crate) use gather::{Parts, Scattered};
pub(crate) use ops::ops;

use crate::writer::Share;
use body::Body;

/// Begins with Cyclone's part, so that a pointer to one is a pointer to the other.
#[repr(C)]
pub(crate) struct Serdata {
    common: ddsi_serdata,
    body: Body,
    /// The instance, of samples that we write; zero of those received, whose key the reader's sink
    /// knows.
    key: KeyHash,
    /// The instance as far as Cyclone tells it from others: zero where it need not.
    instance: KeyHash,
    /// Whether `key` is all there is: a dispose that carries the key's hash alone.
    pub hash_only: bool,
    /// The writer's count; 0 if unknown.
    pub sequence: u64,
    /// Of its writer's window.
    share: Option<Share>,
}

/// Instances by hash: Cyclone mixes the bits itself.
fn hash_of(key: &KeyHash) -> u32 {
    key.0.chunks_exact(4).fold(0x811c_9dc5, |hash: u32, word| {
        let word = u32::from_ne_bytes([word[0], word[1], word[2], word[3]]);
        (hash ^ word).wrapping_mul(0x0100_0193).rotate_left(13)
    })
}

impl Serdata {
    /// A sample to write, owned by whoever gets the pointer. Cyclone tells its instance from others if
    /// it is `told_apart`.
    ///
    /// # Safety
    /// `ty` is a sertype of ours and lives longer than the result.
    pub unsafe fn write(
        ty: *const ddsi_sertype,
        payload: Bytes,
        (key, told_apart): (KeyHash, bool),
        status: u32,
        time: i64,
        sequence: u64,
        share: Option<Share>,
    ) -> *mut ddsi_serdata {
        let kind = if status == 0 { ddsi_serdata_kind_SDK_DATA } else { ddsi_serdata_kind_SDK_KEY };
        // SAFETY: as the caller says.
        let mut serdata = unsafe { Self::new(ty, kind, Body::padded(payload)) };
        serdata.key = key;
        if told_apart {
            serdata.tell_apart(key);
        }
        serdata.sequence = sequence;
        serdata.share = share;
        serdata.common.statusinfo = status;
        serdata.common.timestamp.v = time;
        Box::into_raw(serdata).cast()
    }

    /// # Safety
    /// As [`write`](Self::write).
    unsafe fn new(ty: *const ddsi_sertype, kind: ddsi_serdata_kind, body: Body) -> Box<Self> {
        // SAFETY: a structure of pointers and numbers, for which zero is a value; `ddsi_serdata_init`
        // sets them.
        let common = unsafe { std::mem::zeroed() };
        let mut serdata = Box::new(Self {
            common,
            body,
            key: KeyHash::default(),
            instance: KeyHash::default(),
            hash_only: false,
            sequence: 0,
            share: None,
        });
        // SAFETY: `serdata` is writable, `ty` valid. The hash of an instance that is none is zero.
        unsafe { ddsi_serdata_init(&mut serdata.common, ty, kind) };
        serdata
    }

    fn tell_apart(&mut self, instance: KeyHash) {
        self.instance = instance;
        self.common.hash = hash_of(&instance);
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

    /// Whether the payload is a whole sample, and no serialised key.
    pub fn is_value(&self) -> bool {
        self.common.kind == ddsi_serdata_kind_SDK_DATA
    }

    /// ns since the Unix epoch.
    pub fn source_time(&self) -> i64 {
        self.common.timestamp.v
    }

    /// With header.
    pub fn payload(&self) -> Bytes {
        self.body.to_bytes()
    }

    pub fn key(&self) -> KeyHash {
        self.key
    }
}

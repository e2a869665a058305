//! A received sample, still in shared memory.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tidewire_transport::SampleMeta;

use crate::domain::Shared;
use crate::service::{Ipc, MAX_BORROWED};
use crate::wire::{PAD, WireMeta};

/// iceoryx2's sample.
pub(crate) type Borrowed = iceoryx2::sample::Sample<Ipc, [u8], WireMeta>;

/// Payloads up to this many bytes are copied rather than kept on loan: cheaper than the bookkeeping.
const COPY_MAX: usize = 4096;
/// Samples that may be kept on loan as [`Bytes`] before copying instead, so that a reader which
/// collects samples never runs into the limit of [`MAX_BORROWED`].
const KEEP_MAX: usize = MAX_BORROWED / 2;

/// A payload in the writer's shared memory, read in place. The writer cannot reuse the memory until
/// this is dropped; at most 128 samples of one writer can be held by one reader.
pub struct ShmSample {
    meta: SampleMeta,
    data: *const u8,
    len: usize,
    kept: Arc<AtomicUsize>,
    borrowed: Borrowed,
    /// After `borrowed`: the domain's files go only when no sample needs them.
    _shared: Arc<Shared>,
}

// SAFETY: `data` points into memory that `borrowed` keeps mapped and unchanged, and `borrowed` of the
// thread-safe service may be dropped by any thread.
unsafe impl Send for ShmSample {}
// SAFETY: shared access only reads those bytes and `meta`.
unsafe impl Sync for ShmSample {}

impl ShmSample {
    /// `None` if the sample is malformed: shorter than its pad.
    pub(crate) fn new(
        borrowed: Borrowed,
        meta: SampleMeta,
        kept: Arc<AtomicUsize>,
        shared: Arc<Shared>,
    ) -> Option<Self> {
        let payload = borrowed.payload().get(PAD..)?;
        let (data, len) = (payload.as_ptr(), payload.len());
        Some(Self { meta, data, len, kept, borrowed, _shared: shared })
    }

    /// Who wrote it, when, and which instance it belongs to.
    pub fn meta(&self) -> &SampleMeta {
        &self.meta
    }

    /// The payload as [`Bytes`]: without a copy if it is large and not too many are held already.
    pub fn into_bytes(self) -> Bytes {
        if self.len <= COPY_MAX || self.kept.load(Ordering::Relaxed) >= KEEP_MAX {
            return Bytes::copy_from_slice(&self);
        }
        self.kept.fetch_add(1, Ordering::Relaxed);
        Bytes::from_owner(Kept(self))
    }
}

impl Deref for ShmSample {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: taken from `borrowed`, which lives as long as `self` and whose memory no writer
        // touches until it is returned.
        unsafe { std::slice::from_raw_parts(self.data, self.len) }
    }
}

impl std::fmt::Debug for ShmSample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShmSample")
            .field("meta", &self.meta)
            .field("len", &self.len)
            .field("origin", &self.borrowed.origin())
            .finish()
    }
}

/// A sample on loan through [`Bytes`], counted.
struct Kept(ShmSample);

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.kept.fetch_sub(1, Ordering::Relaxed);
    }
}

//! A file mapped for sharing between processes.

use std::fs::File;
use std::path::Path;
use std::ptr::NonNull;

use rustix::mm::{MapFlags, ProtFlags};

use crate::error::ShmError;

/// A shared, writable mapping of the first `len` bytes of a file.
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread; all shared words in it are accessed
// through atomics (see `get`).
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

/// Types that may be laid over a mapping that other processes write at the same time.
///
/// # Safety
/// `repr(C)`, valid for every bit pattern (all zero included), alignment at most 4096, and everything
/// that changes after publication is an atomic.
pub(crate) unsafe trait Shared {}

impl Mapping {
    /// Maps `file`, which must be at least `len` bytes long.
    pub(crate) fn new(file: &File, path: &Path, len: usize) -> Result<Self, ShmError> {
        let actual = file.metadata().map_err(|e| ShmError::io("stat", path, e))?.len();
        if actual < len as u64 {
            let short = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
            return Err(ShmError::io("map", path, short));
        }
        // SAFETY: a fresh mapping chosen by the kernel aliases nothing of ours; the file is long
        // enough and our files are never truncated, so accesses stay inside it.
        let start = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                file,
                0,
            )
        }
        .map_err(|e| ShmError::io("map", path, e))?;
        let start = NonNull::new(start.cast()).expect("mmap never returns null on success");
        Ok(Self { start, len })
    }

    /// The `T` at the start of the mapping.
    pub(crate) fn get<T: Shared>(&self) -> &T {
        assert!(size_of::<T>() <= self.len && align_of::<T>() <= 4096);
        // SAFETY: inside the mapping and aligned (mappings start on a page); `Shared` promises that
        // any bits are a valid `T` and that what others write concurrently is atomic.
        unsafe { self.start.cast::<T>().as_ref() }
    }

    /// Writes `value` at the start, before the file is published to others.
    pub(crate) fn init<T: Shared>(&mut self, value: T) {
        assert!(size_of::<T>() <= self.len && align_of::<T>() <= 4096);
        // SAFETY: inside the mapping, aligned; `&mut self` and the caller's unpublished file mean
        // nobody else looks.
        unsafe { self.start.cast::<T>().write(value) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: unmaps exactly what `new` mapped; references handed out borrow `self`.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

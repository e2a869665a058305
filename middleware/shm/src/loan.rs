//! A sample being filled in place.

use std::ops::{Deref, DerefMut};

use tidewire_transport::SampleMeta;

use crate::error::ShmError;
use crate::writer::{Delivered, ShmWriter};

/// Memory to be filled with one payload; see [`ShmWriter::loan`]. Dropping it sends nothing.
pub struct ShmLoan<'writer> {
    writer: &'writer mut ShmWriter,
    meta: SampleMeta,
}

impl<'writer> ShmLoan<'writer> {
    pub(crate) fn new(writer: &'writer mut ShmWriter, meta: SampleMeta) -> Self {
        Self { writer, meta }
    }

    /// Whether the bytes lie in shared memory, that is, a reader on this host waits for them.
    pub fn is_shared(&self) -> bool {
        self.writer.reserved_shared()
    }

    /// Sends the sample and wakes its readers.
    ///
    /// # Errors
    /// As for [`ShmWriter::send`].
    pub fn send(self) -> Result<Delivered, ShmError> {
        self.writer.commit(&self.meta)
    }
}

impl Drop for ShmLoan<'_> {
    fn drop(&mut self) {
        self.writer.take_back();
    }
}

impl Deref for ShmLoan<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.writer.reserved()
    }
}

impl DerefMut for ShmLoan<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.writer.reserved_mut()
    }
}

/// Ordinary memory aligned like a chunk, for samples nobody on this host reads. It grows to the
/// longest of them and is used again.
#[derive(Default)]
pub(crate) struct Heap(Vec<Line>);

#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([u8; 64]);

impl Heap {
    /// Makes room for `len` bytes.
    pub(crate) fn reserve(&mut self, len: usize) {
        let lines = len.div_ceil(64);
        if self.0.len() < lines {
            self.0.resize(lines, Line([0; 64]));
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `Line` is repr(C), 64 bytes of u8 without padding.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), size_of_val(&*self.0)) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `&mut self` is the only access.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), size_of_val(&*self.0)) }
    }
}

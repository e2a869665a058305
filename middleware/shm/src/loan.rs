//! A sample being filled in place.

use std::ops::{Deref, DerefMut};

use tidewire_transport::SampleMeta;

use crate::error::ShmError;
use crate::outlet::Chunk;
use crate::presence::Lane;
use crate::wire::{PAD, WireMeta};
use crate::writer::{Delivered, ShmWriter};

/// Memory to be filled with one payload; see [`ShmWriter::loan`]. Dropping it sends nothing.
pub struct ShmLoan<'writer> {
    writer: &'writer mut ShmWriter,
    meta: SampleMeta,
    hold: Hold,
    len: usize,
}

/// Where the bytes are.
pub(crate) enum Hold {
    Chunk(Lane, Chunk),
    /// No reader on this host: ordinary memory with the same alignment.
    Heap(Vec<Line>),
}

/// A piece of memory aligned like a chunk.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(crate) struct Line([u8; 64]);

impl Hold {
    pub(crate) fn heap(len: usize) -> Self {
        Self::Heap(vec![Line([0; 64]); (len + PAD).div_ceil(64)])
    }

    /// The `len` payload bytes.
    pub(crate) fn bytes(&self, len: usize) -> &[u8] {
        match self {
            Self::Chunk(_, chunk) => {
                let bytes = &chunk.payload()[PAD..PAD + len];
                // SAFETY: shared memory comes zeroed from the kernel and holds plain bytes ever
                // after; the slice was bounds-checked just above.
                unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), len) }
            }
            Self::Heap(lines) => &lines.as_flattened_bytes()[PAD..PAD + len],
        }
    }

    /// The `len` payload bytes, to be written.
    pub(crate) fn bytes_mut(&mut self, len: usize) -> &mut [u8] {
        match self {
            Self::Chunk(_, chunk) => {
                let bytes = &mut chunk.payload_mut()[PAD..PAD + len];
                // SAFETY: as in `bytes`; the chunk is ours alone until it is sent.
                unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), len) }
            }
            Self::Heap(lines) => &mut lines.as_flattened_bytes_mut()[PAD..PAD + len],
        }
    }
}

/// A run of lines as the bytes they are.
trait Lines {
    fn as_flattened_bytes(&self) -> &[u8];
    fn as_flattened_bytes_mut(&mut self) -> &mut [u8];
}

impl Lines for [Line] {
    fn as_flattened_bytes(&self) -> &[u8] {
        // SAFETY: `Line` is repr(C), 64 bytes of u8 without padding.
        unsafe { std::slice::from_raw_parts(self.as_ptr().cast(), size_of_val(self)) }
    }

    fn as_flattened_bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `&mut self` is the only access.
        unsafe { std::slice::from_raw_parts_mut(self.as_mut_ptr().cast(), size_of_val(self)) }
    }
}

impl<'writer> ShmLoan<'writer> {
    pub(crate) fn new(
        writer: &'writer mut ShmWriter,
        meta: SampleMeta,
        hold: Hold,
        len: usize,
    ) -> Self {
        Self { writer, meta, hold, len }
    }

    /// Whether the bytes lie in shared memory, that is, a reader on this host waits for them.
    pub fn is_shared(&self) -> bool {
        matches!(self.hold, Hold::Chunk(..))
    }

    /// Sends the sample and wakes its readers.
    ///
    /// # Errors
    /// As for [`ShmWriter::send`].
    pub fn send(self) -> Result<Delivered, ShmError> {
        self.writer.finish(&self.meta, self.hold, self.len)
    }
}

impl Deref for ShmLoan<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.hold.bytes(self.len)
    }
}

impl DerefMut for ShmLoan<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.hold.bytes_mut(self.len)
    }
}

/// Memory to be filled with one payload, apart from its writer: for callers that keep both. Dropping
/// it sends nothing.
pub struct ShmBuffer {
    hold: Hold,
    len: usize,
}

impl ShmWriter {
    /// As [`loan`](Self::loan), but numbered only when it is sent.
    ///
    /// # Errors
    /// As for [`loan`](Self::loan).
    pub fn reserve(&mut self, len: usize) -> Result<ShmBuffer, ShmError> {
        let loan = self.loan(&SampleMeta::default(), len)?;
        Ok(ShmBuffer { hold: loan.hold, len })
    }

    /// Sends what [`reserve`](Self::reserve) of this writer gave. Nothing else may have been sent in
    /// between.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub fn commit(
        &mut self,
        meta: &SampleMeta,
        mut buffer: ShmBuffer,
    ) -> Result<Delivered, ShmError> {
        if let Hold::Chunk(_, chunk) = &mut buffer.hold {
            *chunk.user_header_mut() = WireMeta::from(meta);
        }
        self.finish(meta, buffer.hold, buffer.len)
    }
}

impl Deref for ShmBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.hold.bytes(self.len)
    }
}

impl DerefMut for ShmBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.hold.bytes_mut(self.len)
    }
}

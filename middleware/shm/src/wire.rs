//! The header beside a payload in shared memory, and where the payload starts.
//!
//! iceoryx2's header takes 48 bytes, ours 64, the pad and the encapsulation header 16: the CDR body
//! starts 128 bytes into the chunk.

use iceoryx2::prelude::ZeroCopySend;
use tidewire_idl::{Guid, InstanceState, KeyHash};
use tidewire_transport::{KIND, SampleMeta};

/// Bytes before a payload: the CDR body, 4 bytes into it, lands on a 16-byte boundary, where plain
/// types can be read in place.
pub(crate) const PAD: usize = 12;

/// Alignment of a chunk's data in bytes.
pub(crate) const ALIGN: usize = align_of::<Cell>();

/// 16 bytes, aligned to as many: what a chunk's data consists of. iceoryx2 gives each element of a slice as many bytes as it is to
/// be aligned to, so that aligned single bytes would take sixteen times the memory.
#[derive(Clone, Copy, Debug, Default, ZeroCopySend)]
#[repr(C)]
#[type_name("tidewire::Cell")]
pub(crate) struct Cell {
    bytes: u128,
}

impl Cell {
    /// Cells that `len` bytes take.
    #[inline]
    pub(crate) fn count(len: usize) -> usize {
        len.div_ceil(size_of::<Self>())
    }

    /// Bytes of `cells`, which may end with some that are not used.
    #[inline]
    pub(crate) fn bytes(cells: &[Self]) -> &[u8] {
        // SAFETY: a cell is nothing but bytes.
        unsafe { std::slice::from_raw_parts(cells.as_ptr().cast(), size_of_val(cells)) }
    }
}

/// [`SampleMeta`] as it lies in shared memory.
#[derive(Clone, Copy, Debug, Default, ZeroCopySend)]
#[repr(C)]
#[type_name("tidewire::SampleMeta/4")]
pub(crate) struct WireMeta {
    pub(crate) writer: [u8; 16],
    key: [u8; 16],
    pub(crate) sequence: u64,
    pub(crate) source_time: i64,
    expires: i64,
    pub(crate) flags: u32,
    state: u8,
    /// Bytes of the last cell that are not used.
    slack: u8,
    /// See [`since`](Self::since).
    since: u16,
}

impl WireMeta {
    /// Writes `meta` in place, for `len` bytes of data; `first` is the number of the publisher's first
    /// sample if the writer had another publisher before, else 0.
    #[inline]
    pub(crate) fn fill(&mut self, meta: &SampleMeta, len: usize, first: u64) {
        *self = Self {
            writer: meta.writer.0,
            key: meta.key.0,
            sequence: meta.sequence,
            source_time: meta.source_time,
            expires: meta.expires,
            flags: meta.flags,
            state: meta.state as u8,
            slack: (len.next_multiple_of(size_of::<Cell>()) - len) as u8,
            since: Self::after(first, meta.sequence),
        };
    }

    /// 0 if nothing can wait elsewhere that the writer sent before this.
    #[inline]
    fn after(first: u64, sequence: u64) -> u16 {
        if first == 0 {
            return 0;
        }
        // So many samples do not wait for a reader.
        u16::try_from((sequence.saturating_sub(first)).saturating_add(1)).unwrap_or(0)
    }

    /// The number of the first sample of this one's publisher, if the writer had another publisher before,
    /// whose samples may still wait.
    #[inline]
    pub(crate) fn since(&self) -> Option<u64> {
        (self.since > 0).then(|| self.sequence.saturating_sub(u64::from(self.since) - 1))
    }

    /// The payload in `cells`; `None` if no version of ours writes such a header.
    #[inline]
    pub(crate) fn payload<'a>(&self, cells: &'a [Cell]) -> Option<&'a [u8]> {
        self.state()?;
        let bytes = Cell::bytes(cells);
        bytes.get(PAD..bytes.len().checked_sub(usize::from(self.slack))?)
    }

    /// Whether it says nothing of history or lifespan.
    #[inline]
    pub(crate) fn is_ordinary(&self) -> bool {
        self.is_live() && self.expires == 0
    }

    /// Whether its flags say nothing of what it is.
    #[inline]
    pub(crate) fn is_live(&self) -> bool {
        self.flags & KIND == 0
    }

    #[inline]
    pub(crate) fn is_alive(&self) -> bool {
        self.state == InstanceState::Alive as u8
    }

    #[inline]
    fn state(&self) -> Option<InstanceState> {
        InstanceState::from_u8(self.state)
    }

    /// As the rest of Tidewire knows it.
    #[inline]
    pub(crate) fn read(&self) -> SampleMeta {
        SampleMeta {
            writer: Guid(self.writer),
            sequence: self.sequence,
            source_time: self.source_time,
            expires: self.expires,
            key: KeyHash(self.key),
            // Checked when it came.
            state: self.state().unwrap_or(InstanceState::Alive),
            flags: self.flags,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meta_survives_the_wire() {
        let meta = SampleMeta {
            writer: Guid([7; 16]),
            sequence: 42,
            source_time: -5,
            expires: 77,
            key: KeyHash([9; 16]),
            state: InstanceState::Disposed,
            flags: tidewire_transport::HISTORY,
        };
        let mut wire = WireMeta::default();
        wire.fill(&meta, 33, 0);
        assert_eq!((wire.read(), wire.since()), (meta, None));
        let cells = [Cell { bytes: u128::from_ne_bytes([3; 16]) }; 3];
        assert_eq!(wire.payload(&cells), Some(&[3; 33 - PAD][..]));
        assert_eq!(wire.payload(&cells[..1]), None, "too short for what the header says");
        assert_eq!(WireMeta { state: 77, ..wire }.payload(&cells), None);
    }

    #[test]
    fn samples_tell_where_their_publisher_began() {
        let since = |sequence, first| {
            let mut wire = WireMeta::default();
            wire.fill(&SampleMeta { sequence, ..SampleMeta::default() }, 16, first);
            wire.since()
        };
        assert_eq!([since(7, 0), since(7, 7), since(9, 7)], [None, Some(7), Some(7)]);
        assert_eq!(since(65_541, 7), Some(7));
        assert_eq!(since(65_542, 7), None, "long past");
    }
}

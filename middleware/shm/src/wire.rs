//! The header beside a payload in shared memory, and where the payload starts.

use iceoryx2::prelude::ZeroCopySend;
use tidewire_idl::{Guid, InstanceState, KeyHash};
use tidewire_transport::SampleMeta;

/// Bytes before a payload: chunks are 64-byte aligned, so the CDR body, 4 bytes into the payload,
/// lands on a 16-byte boundary and plain types can be read in place.
pub(crate) const PAD: usize = 12;

/// Alignment of a chunk's data in bytes.
pub(crate) const ALIGN: usize = 64;

/// [`SampleMeta`] as it lies in shared memory.
#[derive(Clone, Copy, Debug, Default, ZeroCopySend)]
#[repr(C)]
#[type_name("tidewire::SampleMeta/2")]
pub(crate) struct WireMeta {
    writer: [u8; 16],
    key: [u8; 16],
    sequence: u64,
    source_time: i64,
    expires: i64,
    target: [u8; 12],
    flags: u32,
    state: u32,
    reserved: u32,
}

impl WireMeta {
    /// Writes `meta` in place.
    pub(crate) fn fill(&mut self, meta: &SampleMeta) {
        *self = Self {
            writer: meta.writer.0,
            key: meta.key.0,
            sequence: meta.sequence,
            source_time: meta.source_time,
            expires: meta.expires,
            target: meta.target,
            flags: meta.flags,
            state: meta.state as u32,
            reserved: 0,
        };
    }

    /// False for a state no version of ours writes.
    #[inline]
    pub(crate) fn is_valid(&self) -> bool {
        self.state().is_some()
    }

    #[inline]
    fn state(&self) -> Option<InstanceState> {
        InstanceState::from_u8(u8::try_from(self.state).ok()?)
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
            target: self.target,
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
            target: [3; 12],
        };
        let mut wire = WireMeta::default();
        wire.fill(&meta);
        assert_eq!((wire.is_valid(), wire.read()), (true, meta));
        assert!(!WireMeta { state: 77, ..wire }.is_valid());
    }
}

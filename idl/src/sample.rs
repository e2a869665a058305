//! The one shape every sample has on its way through the house: payload bytes and their info.
//!
//! ```
//! use tidewire_idl::{Guid, InstanceState};
//!
//! let writer = Guid([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 1, 0x02]);
//! assert!(writer.is_keyed(), "entity kind 0x02: a writer with a key");
//! assert_eq!(writer.to_string(), "01020304.05060708.090a0b0c.00000102");
//! assert_eq!(InstanceState::from_u8(1), Some(InstanceState::Disposed));
//! ```

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

/// RTPS GUID (RTPS 2.5, 8.2.4.1): 12 bytes participant prefix, 4 bytes entity id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Guid(pub [u8; 16]);

impl Guid {
    /// The participant's 12-byte prefix: two writers of one process share it.
    #[inline]
    pub fn prefix(&self) -> [u8; 12] {
        self.0[..12].try_into().expect("12 of 16 bytes")
    }

    /// The last byte of the entity id tells keyed from unkeyed endpoints (RTPS 2.5, table 9.1):
    /// `0x02`/`0x07` are user-defined writer/reader with key, `0x03`/`0x04` without.
    pub fn is_keyed(&self) -> bool {
        matches!(self.0[15] & 0x3f, 0x02 | 0x07)
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, group) in self.0.chunks(4).enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            for byte in group {
                write!(f, "{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guid({self})")
    }
}

/// 16-byte instance key hash (RTPS 2.5, 9.6.4.8): the big-endian XCDR key padded with zeros where it
/// can never exceed 16 bytes, else its MD5. All zero for topics without a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Debug)]
pub struct KeyHash(pub [u8; 16]);

/// Instance state a sample carries (DDS 1.4, 2.2.2.5.1.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(u8)]
pub enum InstanceState {
    /// A data sample.
    #[default]
    Alive = 0,
    /// The writer disposed the instance; the payload is the serialised key, if it was sent.
    Disposed = 1,
    /// The writer unregistered the instance; the payload is the serialised key, if it was sent.
    Unregistered = 2,
}

impl InstanceState {
    /// Reads back what `as u8` wrote; `None` for a byte that is no state.
    #[inline]
    pub fn from_u8(byte: u8) -> Option<Self> {
        [Self::Alive, Self::Disposed, Self::Unregistered].into_iter().find(|s| *s as u8 == byte)
    }
}

/// What is known of a sample beside its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleInfo {
    /// When the writer wrote it: ns since the Unix epoch, UTC.
    pub source_time: i64,
    /// When this host received it: ns since the Unix epoch, UTC.
    pub reception_time: i64,
    /// Who wrote it.
    pub writer: Guid,
    /// The writer's own count, from 1, without gaps.
    pub sequence: u64,
    /// Which instance it belongs to.
    pub key: KeyHash,
    /// Data, dispose or unregister.
    pub state: InstanceState,
    /// The collection point: the value of the type's key member `point` where it has one, else the
    /// writing participant's name, else its GUID prefix in hex.
    pub point: Arc<str>,
}

/// A sample as the bus, the recorder, the bridge and replay move it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Who, when, which instance.
    pub info: SampleInfo,
    /// CDR with its 4-byte encapsulation header (RTPS 2.5, 10.2): never re-encoded on the way.
    pub payload: Bytes,
}

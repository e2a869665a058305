//! Samples off the wire, and who takes them.

use bytes::Bytes;
use tidewire_idl::{Guid, InstanceState, KeyHash};
use tidewire_qos::DataRepresentation;

use super::DdsWriteError;

/// Bytes of the encapsulation header: identifier and options (RTPS 2.5, 10.2).
pub const HEADER: usize = 4;

/// The data representation an encapsulation belongs to (DDS-XTypes 1.3, table 60).
pub fn representation_of(payload: &[u8]) -> Option<DataRepresentation> {
    match payload.get(..2)? {
        [0, 0..=3] => Some(DataRepresentation::Xcdr1),
        [0, 4] => Some(DataRepresentation::Xml),
        // RTPS 2.5 numbers the XCDR2 encapsulations otherwise than DDS-XTypes 1.3 does; both occur.
        [0, 6..=0x0b | 0x10..=0x15] => Some(DataRepresentation::Xcdr2),
        _ => None,
    }
}

/// One sample off the wire.
#[derive(Clone, Debug)]
pub struct DdsSample {
    /// Who wrote it.
    pub writer: Guid,
    /// RTPS sequence number of that writer.
    pub sequence: u64,
    /// When it was written, ns since the Unix epoch; 0 if the writer did not say.
    pub source_time: i64,
    /// The instance, as [`Sink::key_of`] says.
    pub key: KeyHash,
    /// Data, dispose or unregister. RustDDS does not tell unregister from dispose.
    pub state: InstanceState,
    /// With encapsulation header; RustDDS drops its two option bytes, they are zero then.
    pub payload: Bytes,
}

/// Receives samples, on a thread of the backend or of whoever polls: it must not block.
pub trait Sink: Send + Sync {
    /// The instance of a data payload.
    fn key_of(&self, payload: &[u8]) -> KeyHash;
    /// The instance of a serialised key, as a dispose carries it.
    fn key_of_disposed(&self, key_payload: &[u8]) -> KeyHash;
    /// The serialised key of a data payload, as a dispose carries it; `None` if the type is not known.
    fn key_payload(&self, _payload: &[u8]) -> Option<Bytes> {
        None
    }
    /// Takes one sample.
    fn deliver(&self, sample: DdsSample);
    /// After a batch of samples: wake whoever waits.
    fn flush(&self);
}

/// Those who wait for samples, and may be woken to take them off the wire themselves.
pub trait Attendance: Send + Sync {
    /// Wakes those who wait, of whom each takes what has arrived before it returns from waiting; false if
    /// nobody waits. It must not block, nor ask the backend anything.
    fn ring(&self) -> bool;
}

/// Refuses what a writer that announced `announced` may not send.
///
/// # Errors
/// [`DdsWriteError::Header`] without an encapsulation header, [`DdsWriteError::Representation`] with
/// another one's.
pub fn check_payload(payload: &[u8], announced: DataRepresentation) -> Result<(), DdsWriteError> {
    if payload.len() < HEADER {
        return Err(DdsWriteError::Header(payload.len()));
    }
    match representation_of(payload) {
        Some(found) if found == announced => Ok(()),
        found => Err(DdsWriteError::Representation {
            found: match found {
                Some(DataRepresentation::Xcdr1) => "XCDR1",
                Some(DataRepresentation::Xml) => "XML",
                Some(DataRepresentation::Xcdr2) => "XCDR2",
                None => "something that DDS-XTypes does not know",
            },
            announced: announced.to_string(),
        }),
    }
}

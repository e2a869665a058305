//! Instances of payloads, where the type is known.

use bytes::Bytes;
use tidewire_idl::{KeyHash, KeyReader, TypeDescriptor};

/// Tells instances apart, or nothing if it does not know the type.
pub(crate) struct Keys(Option<KeyReader>);

impl Keys {
    /// Of a type that may have a key.
    pub fn of(ty: Option<&TypeDescriptor>) -> Self {
        Self(ty.and_then(KeyReader::new))
    }

    /// Whether instances are told apart.
    pub fn known(&self) -> bool {
        self.0.is_some()
    }

    /// What reads keys, if it does.
    pub fn reader(&self) -> Option<KeyReader> {
        self.0.clone()
    }

    /// The instance of a sample. A payload that is none of the type has none: whoever decodes it says
    /// what is wrong with it.
    pub fn of_sample(&self, payload: &[u8]) -> KeyHash {
        self.0.as_ref().and_then(|keys| keys.key_hash(payload).ok()).unwrap_or_default()
    }

    /// The serialised key of a sample.
    pub fn payload_of(&self, payload: &[u8]) -> Option<Bytes> {
        self.0.as_ref()?.key_payload(payload).ok().map(Bytes::from)
    }

    /// The instance of a serialised key.
    pub fn of_key(&self, key_payload: &[u8]) -> KeyHash {
        self.0.as_ref().and_then(|keys| keys.key_hash_of_key(key_payload).ok()).unwrap_or_default()
    }
}

//! The instance key as RustDDS wants it: a type with order, hash and serialisation of its own.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use bytes::Bytes;
use rustdds::cdr_encoding_size::{CdrEncodingMaxSize, CdrEncodingSize};
use rustdds::dds::key::KeyHash as RustKeyHash;
use serde::{Serialize, Serializer};
use tidewire_idl::KeyHash;

/// An instance: its hash, and its serialised key where that was on the wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawKey {
    pub hash: KeyHash,
    /// With encapsulation header; empty when only the hash is known.
    pub payload: Bytes,
}

impl PartialEq for RawKey {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for RawKey {}

impl PartialOrd for RawKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RawKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.hash.cmp(&other.hash)
    }
}

impl Hash for RawKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

/// Required by the trait; RustDDS serialises keys only to hash them, which [`RawKey::hash_key`] does.
impl Serialize for RawKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.hash.0.serialize(serializer)
    }
}

impl CdrEncodingSize for RawKey {
    fn cdr_encoding_max_size() -> CdrEncodingMaxSize {
        CdrEncodingMaxSize::Bytes(16)
    }
}

impl rustdds::Key for RawKey {
    fn hash_key(&self, _force_md5: bool) -> RustKeyHash {
        RustKeyHash::from_pl_cdr_bytes(self.hash.0.to_vec()).unwrap_or_else(|_| RustKeyHash::zero())
    }
}

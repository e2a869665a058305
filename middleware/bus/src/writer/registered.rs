//! Instances a writer was told of (`register_instance`, DDS 1.4, 2.2.2.4.2.5).

use std::collections::HashMap;

use bytes::Bytes;
use parking_lot::Mutex;
use tidewire_idl::KeyHash;

/// Serialised keys by handle. What is written without having been registered is not in here: that
/// would cost every write a look-up.
#[derive(Default)]
pub(crate) struct Registered(Mutex<HashMap<KeyHash, Bytes>>);

impl Registered {
    pub fn add(&self, handle: KeyHash, key: Vec<u8>) {
        self.0.lock().entry(handle).or_insert_with(|| key.into());
    }

    pub fn remove(&self, handle: &KeyHash) {
        self.0.lock().remove(handle);
    }

    pub fn key(&self, handle: &KeyHash) -> Option<Bytes> {
        self.0.lock().get(handle).cloned()
    }
}

//! Instances a writer was told of (`register_instance`, DDS 1.4, 2.2.2.4.2.5), and how many it may have.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use parking_lot::Mutex;
use tidewire_idl::{InstanceState, KeyHash};
use tidewire_transport::EndpointSpec;

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

/// The instances of a writer that may have only so many (RESOURCE_LIMITS max_instances, DDS 1.4, 2.2.3.19).
pub(crate) struct Instances {
    pub limit: usize,
    known: HashSet<KeyHash>,
}

impl Instances {
    /// `None` if there is no limit, or one instance alone.
    pub fn new(spec: &EndpointSpec) -> Option<Self> {
        let limit = spec.qos.resource_limits.max_instances.filter(|_| spec.keyed)?;
        Some(Self { limit: limit as usize, known: HashSet::new() })
    }

    /// Whether a change is the first of its instance, which then is known; `None` if it may not be
    /// written, as there is no room for another.
    pub fn admit(&mut self, change: InstanceState, key: KeyHash) -> Option<bool> {
        if change == InstanceState::Unregistered || self.known.contains(&key) {
            return Some(false);
        }
        (self.known.len() < self.limit).then(|| self.known.insert(key))
    }

    /// It makes room for another.
    pub fn leave(&mut self, key: &KeyHash) {
        self.known.remove(key);
    }
}

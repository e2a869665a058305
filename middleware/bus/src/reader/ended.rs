//! Instances that have ended, which the policies need not know for ever.

use std::collections::{HashMap, VecDeque};

use tidewire_idl::KeyHash;

/// How long an instance that has ended keeps its owner and its last source time, in ns: samples that come
/// late by less are told as such.
const KEPT: i64 = 60_000_000_000;

/// What ended, oldest first, as long as it is not written again.
#[derive(Default)]
pub(super) struct Ended {
    since: HashMap<KeyHash, i64>,
    order: VecDeque<(i64, KeyHash)>,
}

impl Ended {
    pub fn end(&mut self, key: KeyHash, now: i64) {
        self.since.insert(key, now);
        self.order.push_back((now, key));
    }

    /// It is written again.
    pub fn revive(&mut self, key: &KeyHash) {
        if !self.since.is_empty() {
            self.since.remove(key);
        }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// One that ended long ago and can be forgotten.
    pub fn forgotten(&mut self, now: i64) -> Option<KeyHash> {
        while self.order.front().is_some_and(|(since, _)| now.saturating_sub(*since) > KEPT) {
            let (since, key) = self.order.pop_front()?;
            // Not if it ended again meanwhile.
            if self.since.get(&key) == Some(&since) {
                self.since.remove(&key);
                return Some(key);
            }
        }
        None
    }
}

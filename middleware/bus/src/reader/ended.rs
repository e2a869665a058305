//! Instances that have ended, which the policies need not know for ever.

use std::collections::{HashMap, VecDeque};

use tidewire_idl::KeyHash;

/// How long an instance that has ended keeps its last source time, in ns, and its owner once that is gone: samples
/// that come late by less are told as such.
pub(super) const KEPT: i64 = 60_000_000_000;

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

    /// Those that others know of, too.
    pub fn look_back(&mut self, past: Self) {
        past.since.into_iter().for_each(|(key, since)| self.end(key, since));
    }

    /// One that ended longer than `kept` ago and can be forgotten.
    pub fn forgotten(&mut self, now: i64, kept: i64) -> Option<KeyHash> {
        while self.order.front().is_some_and(|(since, _)| now.saturating_sub(*since) > kept) {
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

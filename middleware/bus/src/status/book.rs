//! Who is matched and who does not fit, counted once however often it is told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tidewire_idl::Guid;
use tidewire_qos::Policy;

use super::counts::{IncompatibleQos, Matched};

/// How many that have left are remembered.
const LEFT: usize = 1024;

/// The matching statuses of one endpoint.
#[derive(Default)]
pub(crate) struct Book {
    current: BTreeSet<Guid>,
    /// Who has left last.
    left: VecDeque<Guid>,
    matched: Matched,
    /// Who was found not to fit and is still there.
    misfits: BTreeSet<Guid>,
    incompatible: IncompatibleQos,
    by_policy: BTreeMap<u32, (Policy, u64)>,
}

impl Book {
    /// These are matched now. Says whether that is news.
    pub fn now(&mut self, peers: &BTreeSet<Guid>) -> bool {
        if self.current == *peers {
            return false;
        }
        let Self { current, left, matched, .. } = self;
        for guid in current.difference(peers) {
            matched.last = Some(*guid);
            matched.current_change -= 1;
            left.push_back(*guid);
        }
        left.drain(..left.len().saturating_sub(LEFT));
        for guid in peers.difference(current) {
            matched.last = Some(*guid);
            matched.total += 1;
            matched.total_change += 1;
            matched.current_change += 1;
        }
        matched.current = peers.len() as u64;
        current.clone_from(peers);
        true
    }

    /// These are matched now.
    pub fn peers(&self) -> &BTreeSet<Guid> {
        &self.current
    }

    /// Whether this one was matched and is no more.
    pub fn has_left(&self, guid: &Guid) -> bool {
        self.left.contains(guid) && !self.current.contains(guid)
    }

    /// This one does not fit. Says whether that is news.
    pub fn misfit(&mut self, guid: Guid, policies: impl IntoIterator<Item = Policy>) -> bool {
        // Endpoints of different partitions do not meet; that is no misfit (DDS 1.4, 2.2.3.13).
        let policies: Vec<Policy> =
            policies.into_iter().filter(|policy| *policy != Policy::Partition).collect();
        let Some(last) = policies.last() else { return false };
        if !self.misfits.insert(guid) {
            return false;
        }
        self.incompatible.total += 1;
        self.incompatible.total_change += 1;
        self.incompatible.last_policy = Some(*last);
        for policy in policies {
            self.by_policy.entry(policy.id()).or_insert((policy, 0)).1 += 1;
        }
        true
    }

    /// Forgets misfits that are gone: their GUIDs do not come back.
    pub fn keep_misfits(&mut self, is_there: impl Fn(&Guid) -> bool) {
        self.misfits.retain(is_there);
    }

    /// Reads, which makes nothing of it new any more (DDS 1.4, 2.2.4.2).
    pub fn read_matched(&mut self) -> Matched {
        let matched = self.matched;
        (self.matched.total_change, self.matched.current_change) = (0, 0);
        matched
    }

    pub fn read_incompatible(&mut self) -> IncompatibleQos {
        let policies = self.by_policy.values().copied().collect();
        let incompatible = IncompatibleQos { policies, ..self.incompatible.clone() };
        self.incompatible.total_change = 0;
        incompatible
    }

    /// Whether matches are news: two that cancel out are, too.
    pub fn is_matched_new(&self) -> bool {
        self.matched.total_change != 0 || self.matched.current_change != 0
    }

    pub fn is_incompatible_new(&self) -> bool {
        self.incompatible.total_change != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guids(of: &[u8]) -> BTreeSet<Guid> {
        of.iter().map(|byte| Guid([*byte; 16])).collect()
    }

    #[test]
    fn totals_grow_currents_follow_and_reading_resets_what_is_new() {
        let mut book = Book::default();
        assert!(book.now(&guids(&[1, 2])) && !book.now(&guids(&[1, 2])));
        let last = Some(Guid([2; 16]));
        let matched = Matched { total: 2, total_change: 2, current: 2, current_change: 2, last };
        assert_eq!(book.read_matched(), matched);
        let seen = Matched { total_change: 0, current_change: 0, ..matched };
        assert_eq!(book.read_matched(), seen);
        assert!(!book.is_matched_new());
        assert!(book.now(&guids(&[2])) && book.is_matched_new());
        let last = Some(Guid([1; 16]));
        assert_eq!(book.read_matched(), Matched { current: 1, current_change: -1, last, ..seen });
        // One goes, another comes: the current number stands, and that is news all the same.
        assert!(book.now(&guids(&[3])) && book.is_matched_new());
        let matched = book.read_matched();
        assert_eq!((matched.total, matched.total_change), (3, 1));
        assert_eq!((matched.current, matched.current_change), (1, 0));
        assert_eq!(matched.last, Some(Guid([3; 16])));
    }

    #[test]
    fn a_misfit_counts_once_by_all_its_policies() {
        let mut book = Book::default();
        let (a, b) = (Guid([1; 16]), Guid([2; 16]));
        assert!(book.misfit(a, [Policy::Durability, Policy::Reliability]));
        assert!(!book.misfit(a, [Policy::Durability]), "told by the other transport");
        assert!(!book.misfit(b, [Policy::Partition]), "no misfit");
        assert!(book.misfit(b, [Policy::Reliability]));
        let found = book.read_incompatible();
        assert_eq!((found.total, found.total_change), (2, 2));
        assert_eq!(found.last_policy, Some(Policy::Reliability));
        assert_eq!(found.policies, [(Policy::Durability, 1), (Policy::Reliability, 2)]);
        let again = IncompatibleQos { total_change: 0, ..found };
        assert_eq!(book.read_incompatible(), again);
        book.keep_misfits(|guid| *guid == a);
        assert!(book.misfit(b, [Policy::Deadline]), "forgotten when it went");
    }
}

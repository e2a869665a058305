//! Whom our endpoints are matched with, as Cyclone's calls tell.
//!
//! To ask Cyclone takes its lock of the endpoint, which a writer without room holds for as long as it waits.

use std::collections::{BTreeSet, HashMap};

use cyclors::{dds_entity_t, dds_instance_handle_t};
use parking_lot::Mutex;
use tidewire_idl::Guid;

#[derive(Default)]
pub(crate) struct Matches(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// The endpoints there are, by the handles that calls have for them.
    guids: HashMap<dds_instance_handle_t, Guid>,
    /// Of each of ours, how many times others have come more than they have gone: two threads may tell of
    /// both the wrong way round.
    counts: HashMap<dds_entity_t, HashMap<dds_instance_handle_t, i32>>,
}

impl Matches {
    /// Discovery has told of an endpoint.
    pub fn found(&self, handle: dds_instance_handle_t, guid: Guid) {
        self.0.lock().guids.insert(handle, guid);
    }

    /// An endpoint is gone.
    pub fn lost(&self, handle: dds_instance_handle_t) {
        self.0.lock().guids.remove(&handle);
    }

    /// `entity` is matched with the endpoint, if `change` is 1, or no longer, if it is -1.
    pub fn changed(&self, entity: dds_entity_t, handle: dds_instance_handle_t, change: i32) {
        let mut known = self.0.lock();
        let counts = known.counts.entry(entity).or_default();
        let count = counts.entry(handle).or_default();
        *count += change;
        if *count == 0 {
            counts.remove(&handle);
        }
    }

    /// The endpoints that `entity` is matched with.
    pub fn of(&self, entity: dds_entity_t) -> BTreeSet<Guid> {
        let known = self.0.lock();
        let counts = known.counts.get(&entity).into_iter().flatten();
        let matched = counts.filter(|(_, count)| **count > 0);
        matched.filter_map(|(handle, _)| known.guids.get(handle).copied()).collect()
    }

    /// `entity` is gone.
    pub fn forget(&self, entity: dds_entity_t) {
        self.0.lock().counts.remove(&entity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_are_of_endpoints_that_are_there_in_whatever_order_that_is_told() {
        let matches = Matches::default();
        let (ours, one, other) = (1, Guid([1; 16]), Guid([2; 16]));
        matches.changed(ours, 10, 1);
        assert!(matches.of(ours).is_empty(), "nobody knows whom");
        matches.found(10, one);
        matches.found(20, other);
        assert_eq!(matches.of(ours), BTreeSet::from([one]));
        matches.changed(ours, 20, -1);
        matches.changed(ours, 20, 1);
        assert_eq!(matches.of(ours), BTreeSet::from([one]), "the other has gone");
        matches.changed(ours, 20, 1);
        assert_eq!(matches.of(ours), BTreeSet::from([one, other]));
        matches.lost(10);
        assert_eq!(matches.of(ours), BTreeSet::from([other]));
        matches.forget(ours);
        assert!(matches.of(ours).is_empty());
    }
}

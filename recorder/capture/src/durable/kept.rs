//! What the service keeps of one topic: the last samples of each instance, as DURABILITY_SERVICE says.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use tidewire_idl::{Guid, InstanceState, KeyHash, Sample};
use tidewire_qos::Qos;
use tidewire_qos::policy::{DestinationOrder, DurabilityService};

/// Samples kept of a topic whose DURABILITY_SERVICE sets no limit: a late joiner gets them in one go.
const MAX_SAMPLES: usize = 65_536;

/// A sample and under which terms it was written.
struct Entry {
    sample: Sample,
    offered: Arc<Qos>,
    /// When it is no longer to be delivered; 0 for never.
    expires: i64,
}

#[derive(Default)]
struct Instance {
    /// Oldest first.
    entries: VecDeque<u64>,
    /// Since when it has been disposed and without a writer, ns since the Unix epoch.
    ended: Option<i64>,
}

/// Samples of a topic, in the order they were recorded.
pub(super) struct Kept {
    /// Whether the instance of every sample is known.
    told_apart: bool,
    service: DurabilityService,
    entries: BTreeMap<u64, Entry>,
    instances: HashMap<KeyHash, Instance>,
    next: u64,
}

impl Kept {
    pub fn new(told_apart: bool, service: DurabilityService) -> Self {
        let (entries, instances) = (BTreeMap::new(), HashMap::new());
        Self { told_apart, service, entries, instances, next: 0 }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn keep(&mut self, sample: Sample, offered: &Arc<Qos>) {
        let key = sample.info.key;
        let limits = &self.service.resource_limits;
        if !self.instances.contains_key(&key)
            && limits.max_instances.is_some_and(|max| self.instances.len() >= max as usize)
        {
            return;
        }
        // Where the type is unknown nobody can tell instances apart: all samples look like one's.
        let told_apart = self.told_apart || key != KeyHash::default();
        let instance = self.instances.entry(key).or_default();
        let newest = instance.entries.back().and_then(|last| self.entries.get(last));
        let ordered = offered.destination_order == DestinationOrder::BySourceTimestamp;
        if ordered
            && told_apart
            && newest.is_some_and(|e| e.sample.info.source_time > sample.info.source_time)
        {
            return;
        }
        let lifespan = offered.lifespan.nanos().and_then(|nanos| i64::try_from(nanos).ok());
        let expires = lifespan.map_or(0, |nanos| sample.info.source_time.saturating_add(nanos));
        instance.ended = None;
        instance.entries.push_back(self.next);
        self.entries.insert(self.next, Entry { sample, offered: offered.clone(), expires });
        self.next += 1;
        let depth = self.service.history.depth().or(limits.max_samples_per_instance);
        if let Some(depth) = depth.filter(|_| told_apart)
            && instance.entries.len() > depth.max(1) as usize
            && let Some(oldest) = instance.entries.pop_front()
        {
            self.entries.remove(&oldest);
        }
        let limit = limits.max_samples.map_or(MAX_SAMPLES, |max| max as usize).max(1);
        while self.entries.len() > limit
            && let Some((oldest, entry)) = self.entries.pop_first()
        {
            self.leave(entry.sample.info.key, oldest);
        }
    }

    /// Takes an entry that is gone out of its instance.
    fn leave(&mut self, key: KeyHash, entry: u64) {
        if let Some(instance) = self.instances.get_mut(&key) {
            instance.entries.retain(|kept| *kept != entry);
            if instance.entries.is_empty() {
                self.instances.remove(&key);
            }
        }
    }

    /// Lets go of expired samples, and of instances that have been disposed and without a writer for
    /// `service_cleanup_delay` (DDS 1.4, 2.2.3.5).
    pub fn sweep(&mut self, now: i64, is_there: impl Fn(&Guid) -> bool) {
        let over = |entry: &Entry| entry.expires != 0 && entry.expires < now;
        let expired: Vec<(u64, KeyHash)> = self
            .entries
            .iter()
            .filter(|(_, entry)| over(entry))
            .map(|(number, entry)| (*number, entry.sample.info.key))
            .collect();
        for (number, key) in expired {
            self.entries.remove(&number);
            self.leave(key, number);
        }
        let delay = self.service.service_cleanup_delay.nanos();
        let delay = delay.and_then(|nanos| i64::try_from(nanos).ok());
        let mut gone = Vec::new();
        for (key, instance) in &mut self.instances {
            let of = |number: &u64| self.entries.get(number).map(|entry| &entry.sample.info);
            let disposed = instance.entries.back().and_then(of);
            if !disposed.is_some_and(|last| last.state == InstanceState::Disposed)
                || instance.entries.iter().filter_map(of).any(|info| is_there(&info.writer))
            {
                instance.ended = None;
                continue;
            }
            let ended = *instance.ended.get_or_insert(now);
            if delay.is_some_and(|delay| now.saturating_sub(ended) >= delay) {
                gone.push(*key);
            }
        }
        for key in gone {
            for number in self.instances.remove(&key).into_iter().flat_map(|i| i.entries) {
                self.entries.remove(&number);
            }
        }
    }

    /// What a reader with these policies gets, oldest first: of the writers it would match.
    pub fn history(&self, requested: &Qos, now: i64) -> Vec<(Sample, i64)> {
        let mut fits: Vec<(*const Qos, bool)> = Vec::new();
        let mut matches = |offered: &Arc<Qos>| {
            let this = Arc::as_ptr(offered);
            match fits.iter().find(|(known, _)| *known == this) {
                Some((_, fits)) => *fits,
                None => {
                    let fit = tidewire_qos::check(offered, requested).is_empty();
                    fits.push((this, fit));
                    fit
                }
            }
        };
        self.entries
            .values()
            .filter(|entry| (entry.expires == 0 || entry.expires >= now) && matches(&entry.offered))
            .map(|entry| (entry.sample.clone(), entry.expires))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidewire_idl::SampleInfo;
    use tidewire_qos::Duration;
    use tidewire_qos::policy::{Durability, History};

    fn offer() -> Qos {
        Qos { durability: Durability::Transient, ..Qos::reliable() }
    }

    fn sample(key: u8, time: i64, state: InstanceState) -> Sample {
        let info = SampleInfo {
            source_time: time,
            reception_time: time,
            writer: Guid([key; 16]),
            sequence: time as u64,
            key: KeyHash([key; 16]),
            state,
            point: "p".into(),
        };
        Sample { info, payload: vec![0, 1, 0, 0].into() }
    }

    fn service(depth: u32) -> DurabilityService {
        DurabilityService { history: History::KeepLast(depth), ..Default::default() }
    }

    fn fill(kept: &mut Kept, offered: &Arc<Qos>, samples: &[(u8, i64)]) {
        for (key, time) in samples {
            kept.keep(sample(*key, *time, InstanceState::Alive), offered);
        }
    }

    fn times(kept: &Kept, requested: &Qos, now: i64) -> Vec<i64> {
        kept.history(requested, now).iter().map(|(s, _)| s.info.source_time).collect()
    }

    #[test]
    fn depth_counts_per_instance_and_limits_over_all() {
        let offered = Arc::new(offer());
        let mut kept = Kept::new(true, service(2));
        fill(&mut kept, &offered, &[(1, 1), (2, 2), (1, 3), (1, 4), (2, 5)]);
        assert_eq!(times(&kept, &offered, 9), [2, 3, 4, 5]);
        let mut few = service(2);
        few.resource_limits.max_samples = Some(3);
        few.resource_limits.max_instances = Some(2);
        let mut kept = Kept::new(true, few);
        fill(&mut kept, &offered, &[(1, 1), (2, 2), (3, 3), (2, 4), (1, 5)]);
        assert_eq!(times(&kept, &offered, 9), [2, 4, 5], "a third instance finds no room");
    }

    #[test]
    fn without_keys_depth_empties_nothing() {
        let offered = Arc::new(offer());
        let mut kept = Kept::new(false, service(1));
        fill(&mut kept, &offered, &[(0, 1), (0, 2)]);
        assert_eq!(times(&kept, &offered, 9), [1, 2]);
        // A topic without a key, or the instance whose key is zero.
        let mut kept = Kept::new(true, service(1));
        fill(&mut kept, &offered, &[(0, 1), (0, 2)]);
        assert_eq!(times(&kept, &offered, 9), [2]);
    }

    #[test]
    fn late_samples_are_kept_unless_source_time_orders() {
        let ordered = Qos { destination_order: DestinationOrder::BySourceTimestamp, ..offer() };
        for (offered, expected) in [(offer(), [9, 4]), (ordered, [3, 9])] {
            let mut kept = Kept::new(true, service(2));
            fill(&mut kept, &Arc::new(offered.clone()), &[(1, 3), (1, 9), (1, 4)]);
            assert_eq!(times(&kept, &offered, 9), expected);
        }
    }

    #[test]
    fn a_reader_gets_what_it_would_match_and_has_not_expired() {
        let mut kept = Kept::new(true, service(9));
        let short = Arc::new(Qos { lifespan: Duration::from_nanos(10), ..offer() });
        let best_effort = Arc::new(Qos { reliability: Qos::sensor_data().reliability, ..offer() });
        fill(&mut kept, &short, &[(1, 1), (1, 5)]);
        fill(&mut kept, &best_effort, &[(1, 6)]);
        assert_eq!(times(&kept, &short, 12), [5], "RELIABLE was not offered by the other");
        assert_eq!(times(&kept, &best_effort, 11), [1, 5, 6]);
        kept.sweep(12, |_| true);
        assert_eq!(kept.len(), 2);
        let persistent = Qos { durability: Durability::Persistent, ..offer() };
        assert!(times(&kept, &persistent, 11).is_empty(), "more than was offered");
    }

    #[test]
    fn disposed_instances_go_after_the_delay_when_their_writers_have() {
        let offered = Arc::new(offer());
        let mut service = service(2);
        service.service_cleanup_delay = Duration::from_nanos(10);
        let mut kept = Kept::new(true, service);
        fill(&mut kept, &offered, &[(1, 1), (2, 2)]);
        kept.keep(sample(1, 3, InstanceState::Disposed), &offered);
        kept.sweep(100, |_| true);
        kept.sweep(120, |_| true);
        assert_eq!(kept.len(), 3, "its writer is there");
        kept.sweep(200, |_| false);
        kept.sweep(209, |_| false);
        assert_eq!(kept.len(), 3, "for the delay");
        kept.sweep(210, |_| false);
        assert_eq!(times(&kept, &offered, 210), [2], "the other is not disposed");
        fill(&mut kept, &offered, &[(1, 300)]);
        assert_eq!(kept.len(), 2, "born again");
    }
}

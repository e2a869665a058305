//! What a TRANSIENT_LOCAL writer keeps for late joiners: the last samples of *each* instance.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;
use tidewire_idl::KeyHash;
use tidewire_qos::Qos;
use tidewire_transport::SampleMeta;

/// Samples kept over all instances when the QoS sets no limit: late joiners get them in one burst.
const MAX_SAMPLES: usize = 65_536;

pub(crate) struct History {
    depth: usize,
    limit: usize,
    samples: BTreeMap<u64, (SampleMeta, Bytes)>,
    instances: HashMap<KeyHash, VecDeque<u64>>,
}

impl History {
    pub fn new(qos: &Qos) -> Self {
        let (history, limits) = qos.for_late_joiners();
        let depth = history.depth().or(limits.max_samples_per_instance);
        Self {
            depth: depth.map_or(usize::MAX, |depth| depth as usize),
            limit: limits.max_samples.map_or(MAX_SAMPLES, |n| n as usize).max(1),
            samples: BTreeMap::new(),
            instances: HashMap::new(),
        }
    }

    /// Keeps a change, in place of the instance's oldest if it has its depth.
    pub fn keep(&mut self, meta: SampleMeta, payload: Bytes) {
        let instance = self.instances.entry(meta.key).or_default();
        if instance.len() >= self.depth
            && let Some(oldest) = instance.pop_front()
        {
            self.samples.remove(&oldest);
        }
        instance.push_back(meta.sequence);
        self.samples.insert(meta.sequence, (meta, payload));
        while self.samples.len() > self.limit {
            let Some((sequence, (meta, _))) = self.samples.pop_first() else { break };
            if let Some(instance) = self.instances.get_mut(&meta.key) {
                instance.retain(|kept| *kept != sequence);
                if instance.is_empty() {
                    self.instances.remove(&meta.key);
                }
            }
        }
    }

    /// Everything kept, in the order it was written.
    pub fn in_order(&self) -> impl Iterator<Item = (SampleMeta, Bytes)> {
        self.samples.values().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidewire_qos::policy::History as Keep;

    fn kept(history: &History) -> Vec<u64> {
        history.in_order().map(|(meta, _)| meta.sequence).collect()
    }

    fn write(history: &mut History, sequence: u64, instance: u8) {
        let key = KeyHash([instance; 16]);
        history.keep(SampleMeta { sequence, key, ..Default::default() }, Bytes::new());
    }

    #[test]
    fn depth_counts_per_instance() {
        let mut history = History::new(&Qos { history: Keep::KeepLast(2), ..Qos::event() });
        for (sequence, instance) in [(1, 1), (2, 2), (3, 1), (4, 1), (5, 1)] {
            write(&mut history, sequence, instance);
        }
        assert_eq!(kept(&history), [2, 4, 5]);
    }

    #[test]
    fn the_limit_over_all_instances_lets_the_oldest_go() {
        let mut qos = Qos { history: Keep::KeepAll, ..Qos::event() };
        qos.resource_limits.max_samples = Some(3);
        let mut history = History::new(&qos);
        for sequence in 1..=5 {
            write(&mut history, sequence, sequence as u8);
        }
        assert_eq!(kept(&history), [3, 4, 5]);
        assert_eq!(history.instances.len(), 3);
    }
}

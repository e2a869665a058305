//! What a site that joins late still gets: the last samples of TRANSIENT_LOCAL writers.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use crate::wire::Header;

/// No more instances than this are kept per topic; the oldest known one gives way.
const MAX_INSTANCES: usize = 4096;

/// The last `header.late` samples of each instance.
#[derive(Default)]
pub struct Cache {
    topics: HashMap<String, Topic>,
}

#[derive(Default)]
struct Topic {
    instances: HashMap<[u8; 16], VecDeque<(Header, Bytes)>>,
    order: VecDeque<[u8; 16]>,
}

impl Cache {
    /// Keeps a sample, if its writer offers history.
    pub fn keep(&mut self, key: &str, header: &Header, payload: &Bytes) {
        if header.late == 0 {
            return;
        }
        let topic = self.topics.entry(key.to_owned()).or_default();
        if !topic.instances.contains_key(&header.key) {
            topic.order.push_back(header.key);
            if topic.order.len() > MAX_INSTANCES
                && let Some(oldest) = topic.order.pop_front()
            {
                topic.instances.remove(&oldest);
            }
        }
        let samples = topic.instances.entry(header.key).or_default();
        samples.push_back((header.clone(), payload.clone()));
        while samples.len() > header.late as usize {
            samples.pop_front();
        }
    }

    /// Everything kept, with its zenoh key; per instance in the order written.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Header, &Bytes)> {
        self.topics.iter().flat_map(|(key, topic)| {
            topic.instances.values().flatten().map(move |(h, p)| (key.as_str(), h, p))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn header(key: u8, sequence: u64, late: u32) -> Header {
        Header { late, sequence, key: [key; 16], ..testing::header() }
    }

    #[test]
    fn history_is_kept_per_instance() {
        let mut cache = Cache::default();
        for sequence in 0..10 {
            cache.keep("k", &header((sequence % 2) as u8, sequence, 2), &Bytes::new());
        }
        cache.keep("k", &header(9, 10, 0), &Bytes::new());
        let mut kept: Vec<u64> = cache.all().map(|(_, h, _)| h.sequence).collect();
        kept.sort_unstable();
        assert_eq!(kept, [6, 7, 8, 9], "two per instance, volatile ones never");
    }
}

//! What an ingress counts; read from any thread while it runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use serde::Serialize;

use crate::{Reason, Reject};

/// Counts of a whole ingress.
#[derive(Debug, Default)]
pub struct IngressStats {
    ready: AtomicBool,
    topics: Mutex<BTreeMap<String, Arc<TopicCount>>>,
    endpoints: Mutex<Vec<Arc<EndpointStats>>>,
}

/// Counts of one topic.
#[derive(Debug, Default)]
pub struct TopicCount {
    /// Samples the bus took.
    pub written: AtomicU64,
    /// Samples the bus refused.
    pub refused: AtomicU64,
}

/// Counts of one endpoint.
#[derive(Debug, Default)]
pub struct EndpointStats {
    name: String,
    rung: Mutex<String>,
    /// Clients connected so far.
    pub connections: AtomicU64,
    /// Frames, lines or (where they held none) datagrams that came.
    pub received: AtomicU64,
    /// Bytes of them.
    pub bytes: AtomicU64,
    /// Datagrams that came (UDP).
    pub datagrams: AtomicU64,
    /// Datagrams the kernel dropped because we were too slow (UDP).
    pub dropped_by_kernel: AtomicU64,
    /// Datagrams dropped by `max_rate` (UDP).
    pub over_rate: AtomicU64,
    /// Datagrams from addresses that are not in `sources` (UDP).
    pub foreign: AtomicU64,
    /// Replies a client was too slow to read (Unix).
    pub replies_dropped: AtomicU64,
    rejected: [AtomicU64; Reason::ALL.len()],
    last_problem: Mutex<String>,
}

/// The counts of one endpoint at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EndpointReport {
    /// The endpoint as given.
    pub endpoint: String,
    /// UDP: the way datagrams take, and why not a faster one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rung: String,
    /// Unix: clients so far.
    pub connections: u64,
    /// Frames or lines.
    pub received: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// UDP datagrams.
    pub datagrams: u64,
    /// Dropped by the kernel for our slowness.
    pub dropped_by_kernel: u64,
    /// Dropped for the rate limit.
    pub over_rate: u64,
    /// Dropped for their source.
    pub foreign: u64,
    /// Replies not read in time.
    pub replies_dropped: u64,
    /// Refused frames, lines and clients by reason; zeros are left out.
    pub rejected: BTreeMap<&'static str, u64>,
    /// The last of them in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub last_problem: String,
}

impl IngressStats {
    /// Whether every endpoint listens.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    pub(crate) fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// Shows the counter of a topic. Only of those that are written: what clients name is without
    /// limit.
    pub(crate) fn show(&self, topic: &str, count: Arc<TopicCount>) {
        self.topics.lock().insert(topic.to_owned(), count);
    }

    pub(crate) fn endpoint(&self, name: String) -> Arc<EndpointStats> {
        let stats = Arc::new(EndpointStats { name, ..EndpointStats::default() });
        self.endpoints.lock().push(stats.clone());
        stats
    }

    /// Topic, samples written, samples refused by the bus.
    pub fn topics(&self) -> Vec<(String, u64, u64)> {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let topics = self.topics.lock();
        topics.iter().map(|(t, c)| (t.clone(), read(&c.written), read(&c.refused))).collect()
    }

    /// Every endpoint's counts, in the order they were given.
    pub fn endpoints(&self) -> Vec<EndpointReport> {
        self.endpoints.lock().iter().map(|endpoint| endpoint.report()).collect()
    }
}

impl EndpointStats {
    /// Counts one, on a counter of this struct.
    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn set_rung(&self, rung: String) {
        *self.rung.lock() = rung;
    }

    /// Counts a refusal; the first of each reason is logged, the rest are only counted.
    pub(crate) fn reject(&self, reject: &Reject, from: &dyn std::fmt::Display) {
        let before = self.rejected[reject.reason as usize - 1].fetch_add(1, Ordering::Relaxed);
        if before == 0 {
            tracing::warn!(
                endpoint = self.name, reason = reject.reason.name(), %from,
                "refused: {}; further ones of this kind are only counted", reject.text
            );
        }
        // Worth a clone now and then, not for every packet of a flood.
        if before < 16 || before.is_multiple_of(1024) {
            *self.last_problem.lock() = reject.to_string();
        }
    }

    /// The counts now.
    pub fn report(&self) -> EndpointReport {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let rejected = Reason::ALL
            .into_iter()
            .map(|reason| (reason.name(), read(&self.rejected[reason as usize - 1])))
            .filter(|(_, count)| *count > 0);
        EndpointReport {
            endpoint: self.name.clone(),
            rung: self.rung.lock().clone(),
            connections: read(&self.connections),
            received: read(&self.received),
            bytes: read(&self.bytes),
            datagrams: read(&self.datagrams),
            dropped_by_kernel: read(&self.dropped_by_kernel),
            over_rate: read(&self.over_rate),
            foreign: read(&self.foreign),
            replies_dropped: read(&self.replies_dropped),
            rejected: rejected.collect(),
            last_problem: self.last_problem.lock().clone(),
        }
    }
}

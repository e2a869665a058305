//! The recorder's books.

use serde::Serialize;

use crate::latency::Latency;

/// Counts of one topic since the recorder started.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TopicStats {
    /// The topic.
    pub topic: String,
    /// Its DDS type name.
    pub type_name: String,
    /// Whether the type's description was at hand: else samples are recorded as bytes alone.
    pub known_type: bool,
    /// Writers present now.
    pub writers: usize,
    /// Samples taken from the bus, disposes included.
    pub received: u64,
    /// History that writers sent again to a recorder that came back: on disk already, counted
    /// nowhere else.
    pub repeated: u64,
    /// Samples handed to the store.
    pub recorded: u64,
    /// Disposes and unregisters among those received: recorded and replayed, but no rows for SQL.
    pub disposes: u64,
    /// Samples that are on disk.
    pub acknowledged: u64,
    /// Samples that a filter kept back; they are not received. Where writers of a topic offer
    /// different QoS, one may be counted twice.
    pub filtered: u64,
    /// Samples that were written but never came, by the gaps in the writers' sequence numbers.
    pub lost: u64,
    /// Samples the store refused for good, such as one beyond its size limit.
    pub rejected: u64,
    /// Samples whose key could not be read; they are recorded under their writer's name.
    pub malformed: u64,
    /// Payload bytes handed to the store.
    pub bytes: u64,
    /// Age of the newest sample when the store took it, reception to append, in ns.
    pub lag_ns: i64,
    /// Source time to reception.
    pub latency: Latency,
}

/// The whole recorder's books.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CaptureStats {
    /// One entry per topic, in order of appearance.
    pub topics: Vec<TopicStats>,
    /// Why the store takes nothing at the moment (disk full); samples wait meanwhile.
    pub refusing: Option<String>,
    /// What the recorder could not do, such as a topic with two types.
    pub problems: Vec<String>,
    /// Bytes the recording takes on disk.
    pub bytes_on_disk: u64,
    /// What the durability service does, where the recorder is one.
    pub durable: Option<DurableStats>,
}

/// The books of the recorder as durability service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DurableStats {
    /// Samples of TRANSIENT and PERSISTENT topics that are kept now.
    pub kept: u64,
    /// Late readers that were answered.
    pub answered: u64,
    /// Samples they got.
    pub served: u64,
}

impl CaptureStats {
    /// The counts of one topic.
    pub fn topic(&self, name: &str) -> Option<&TopicStats> {
        self.topics.iter().find(|t| t.topic == name)
    }

    /// Samples handed to the store, of all topics.
    pub fn recorded(&self) -> u64 {
        self.topics.iter().map(|t| t.recorded).sum()
    }

    /// Samples on disk, of all topics.
    pub fn acknowledged(&self) -> u64 {
        self.topics.iter().map(|t| t.acknowledged).sum()
    }
}

//! Bus → zenoh.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tidewire_bus::{RawReader, RawTopic};
use tidewire_idl::Sample;
use tidewire_qos::{Durability, History, Qos, Reliability};
use zenoh::Wait;
use zenoh::qos::CongestionControl;

use crate::cache::Cache;
use crate::filter::Filter;
use crate::run::{BRIDGE_NAME, BridgeStats, Bus};
use crate::wire::{Header, key_of};
use crate::{BridgeError, BridgeOptions};

const DISCOVER: Duration = Duration::from_millis(200);

/// Reads the topics that cross and puts their samples on zenoh.
pub struct Outbound<'a> {
    site: String,
    bus: &'a Bus<'a>,
    session: &'a zenoh::Session,
    filter: Filter,
    topics: HashMap<String, Feed<'a>>,
    looked: Option<Instant>,
    batch: Vec<Sample>,
}

struct Feed<'a> {
    reader: RawReader,
    publisher: zenoh::pubsub::Publisher<'a>,
    key: String,
    type_name: String,
    keyed: bool,
    reliable: bool,
    late: u32,
}

impl<'a> Outbound<'a> {
    pub fn new(
        options: &BridgeOptions,
        bus: &'a Bus<'a>,
        session: &'a zenoh::Session,
    ) -> Result<Self, BridgeError> {
        Ok(Self {
            site: options.site.clone(),
            bus,
            session,
            filter: options.filter()?,
            topics: HashMap::new(),
            looked: None,
            batch: Vec::new(),
        })
    }

    /// Opens a reader for each topic that crosses and has a writer that is no bridge.
    pub fn discover(&mut self) -> Result<(), BridgeError> {
        if self.looked.is_some_and(|then| then.elapsed() < DISCOVER) {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        let Bus { participant, types, profile } = self.bus;
        for topic in participant.topics() {
            let known = self.topics.contains_key(&topic.name);
            if known || !self.filter.passes(&topic.name) {
                continue;
            }
            let Some(writer) = topic.writers.iter().find(|w| !is_bridge(&w.participant_name))
            else {
                continue;
            };
            let reliable = matches!(writer.qos.reliability, Reliability::Reliable { .. });
            let durable = writer.qos.durability >= Durability::TransientLocal;
            // What comes in a burst crosses: no depth but that of the limits, of BEST_EFFORT topics either.
            let whole = Qos::reliable();
            let as_offered = || Qos {
                durability: if durable { Durability::TransientLocal } else { Durability::Volatile },
                reliability: if reliable { whole.reliability } else { Reliability::BestEffort },
                ..whole
            };
            let qos = profile.as_ref().map_or_else(as_offered, |p| p.reader_qos(&topic.name));
            let raw = RawTopic::new(&topic.name, &topic.type_name, topic.keyed);
            let reader = match types.get(&topic.type_name) {
                Some(ty) => participant.raw_reader_of(&raw, &ty, &qos),
                None => participant.raw_reader(&raw, &qos),
            };
            let reader = match reader {
                Ok(reader) => reader,
                Err(error) => {
                    tracing::warn!(topic = %topic.name, %error, "topic not bridged");
                    continue;
                }
            };
            let key = key_of(&self.site, &topic.name);
            let control = if reliable { CongestionControl::Block } else { CongestionControl::Drop };
            let publisher =
                self.session.declare_publisher(key.clone()).congestion_control(control).wait()?;
            let depth = match writer.qos.history {
                History::KeepLast(depth) => depth.max(1),
                History::KeepAll => 64,
            };
            let feed = Feed {
                reader,
                publisher,
                key,
                type_name: topic.type_name.clone(),
                keyed: topic.keyed,
                reliable,
                late: if durable { depth } else { 0 },
            };
            self.topics.insert(topic.name, feed);
        }
        Ok(())
    }

    /// Puts everything that has arrived.
    pub fn drain(&mut self, cache: &Mutex<Cache>, stats: &BridgeStats) -> Result<(), BridgeError> {
        let own = self.bus.participant.guid_prefix();
        for feed in self.topics.values_mut() {
            self.batch.clear();
            feed.reader.take_into(&mut self.batch, 4096);
            for sample in &self.batch {
                if sample.info.writer.prefix() == own || is_bridge(&sample.info.point) {
                    continue;
                }
                let header =
                    Header::of(sample, &feed.type_name, feed.keyed, feed.reliable, feed.late);
                cache.lock().keep(&feed.key, &header, &sample.payload);
                feed.publisher.put(sample.payload.to_vec()).attachment(header.to_bytes()).wait()?;
                stats.sent.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

fn is_bridge(participant: &str) -> bool {
    participant.starts_with(BRIDGE_NAME)
}

//! The service's thread: keep what is fed, answer who asks.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tidewire_bus::{DurabilityService as Service, HistoryRequest, Participant, now_ns};
use tidewire_idl::{Guid, Sample};
use tidewire_qos::policy::{Durability, DurabilityService, History};
use tidewire_qos::{Profile, Qos};
use tidewire_store::StoreReader;

use super::Fed;
use super::kept::Kept;
use super::restore::restore;
use crate::options::DurableOptions;
use crate::stats::DurableStats;

/// How often readers are looked for.
const LOOK: Duration = Duration::from_millis(20);

/// How often what is over is let go.
const SWEEP: Duration = Duration::from_millis(500);

/// Samples fed between two looks.
const TURN: usize = 1024;

struct Topic {
    type_name: String,
    kept: Kept,
    /// What its first durable writer offered: stands in for writers that were gone before discovery
    /// told of them.
    offered: Arc<Qos>,
    /// Whether the recording had it, with all that writers may send again.
    restored: bool,
}

pub(super) struct Keeper {
    participant: Participant,
    service: Service,
    options: DurableOptions,
    profile: Option<Profile>,
    topics: HashMap<Arc<str>, Topic>,
    /// What writers offer, by GUID; the writers that are there; and their topics' types.
    offers: HashMap<Guid, Arc<Qos>>,
    stats: Arc<Mutex<DurableStats>>,
}

impl Keeper {
    pub fn new(
        participant: Participant,
        service: Service,
        options: DurableOptions,
        profile: Option<Profile>,
        stats: &Arc<Mutex<DurableStats>>,
    ) -> Self {
        let (topics, offers) = (HashMap::new(), HashMap::new());
        Self { participant, service, options, profile, topics, offers, stats: stats.clone() }
    }

    /// Until the recorder stops feeding.
    pub fn run(mut self, past: &StoreReader, fed: &Receiver<Fed>) {
        self.restore(past);
        let mut sweep = Instant::now();
        loop {
            let mut turn = 0;
            loop {
                match fed.recv_timeout(if turn == 0 { LOOK } else { Duration::ZERO }) {
                    Ok(fed) => self.take(fed),
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                turn += 1;
                if turn == TURN {
                    break;
                }
            }
            if sweep.elapsed() >= SWEEP {
                self.sweep();
                sweep = Instant::now();
            }
            // A reader is answered with all that was recorded before it was seen.
            if turn < TURN {
                self.service.requests().iter().for_each(|request| self.answer(request));
            }
            self.stats.lock().kept = self.topics.values().map(|t| t.kept.len() as u64).sum();
        }
    }

    fn restore(&mut self, past: &StoreReader) {
        let mut offers: BTreeMap<String, Arc<Qos>> = BTreeMap::new();
        let restored = restore(past, |meta, qos, sample| {
            let offered = offers.entry(meta.name.clone()).or_insert_with(|| Arc::new(qos.clone()));
            let name: Arc<str> = meta.name.as_str().into();
            let topic = self.topics.entry(name).or_insert_with(|| Topic {
                type_name: meta.type_name.clone(),
                kept: Kept::new(meta.keyed, terms(&self.options, &self.profile, &meta.name, qos)),
                offered: offered.clone(),
                restored: true,
            });
            topic.kept.keep(sample, offered);
        });
        match restored {
            Ok(0) => {}
            Ok(samples) => tracing::info!(samples, "PERSISTENT topics read from the recording"),
            Err(error) => tracing::error!(
                %error,
                "not all of the PERSISTENT topics could be read from the recording: late readers get \
                 less; see `tidewire verify`"
            ),
        }
    }

    fn take(&mut self, fed: Fed) {
        let (name, sample, again) = match fed {
            Fed::Sample(name, sample) => (name, sample, false),
            Fed::Repeated(name, sample) => (name, sample, true),
        };
        if !self.offers.contains_key(&sample.info.writer) {
            self.discover();
        }
        let offered = self.offers.get(&sample.info.writer).cloned();
        let Some(topic) = self.topics.get_mut(&name) else { return };
        let offered = offered.unwrap_or_else(|| topic.offered.clone());
        if offered.durability > Durability::TransientLocal && !(again && topic.restored) {
            topic.kept.keep(sample, &offered);
        }
    }

    /// Notes who writes durable topics, and what they offer. Says who is there.
    fn discover(&mut self) -> HashSet<Guid> {
        let mut there = HashSet::new();
        for info in self.participant.topics() {
            for writer in &info.writers {
                there.insert(writer.guid);
                if writer.qos.durability <= Durability::TransientLocal {
                    self.offers.entry(writer.guid).or_insert_with(|| Arc::new(writer.qos.clone()));
                    continue;
                }
                let topic = self.topics.entry(info.name.as_str().into()).or_insert_with(|| Topic {
                    type_name: writer.type_name.clone(),
                    kept: Kept::new(
                        writer.guid.is_keyed(),
                        terms(&self.options, &self.profile, &info.name, &writer.qos),
                    ),
                    offered: Arc::new(writer.qos.clone()),
                    restored: false,
                });
                // Equal offers are one, so that a reader is compared with it once.
                self.offers.entry(writer.guid).or_insert_with(|| {
                    match writer.qos == *topic.offered {
                        true => topic.offered.clone(),
                        false => Arc::new(writer.qos.clone()),
                    }
                });
            }
        }
        there
    }

    fn sweep(&mut self) {
        let there = self.discover();
        let is_there = |writer: &Guid| there.contains(writer) && self.participant.is_there(writer);
        let now = now_ns();
        for topic in self.topics.values_mut() {
            topic.kept.sweep(now, is_there);
        }
        // Entries hold what their writers offered: the gone need not be remembered.
        self.offers.retain(|writer, _| there.contains(writer));
    }

    fn answer(&self, request: &HistoryRequest) {
        let topic = self.topics.get(request.topic.as_str());
        let topic = topic.filter(|topic| topic.type_name == request.type_name);
        let history = topic.map(|topic| topic.kept.history(&request.qos, now_ns()));
        let history: Vec<(Sample, i64)> = history.unwrap_or_default();
        let samples = history.len() as u64;
        match self.service.answer(request, history) {
            Ok(()) => {
                tracing::debug!(topic = request.topic, samples, "a late reader was answered");
                let mut stats = self.stats.lock();
                stats.answered += 1;
                stats.served += samples;
            }
            Err(error) => {
                tracing::warn!(topic = request.topic, %error, "a late reader gets no history yet");
            }
        }
    }
}

/// What to keep of a topic. RustDDS announces no DURABILITY_SERVICE: what a profile says stands in,
/// and then the depth the recorder was told.
fn terms(
    options: &DurableOptions,
    profile: &Option<Profile>,
    topic: &str,
    offered: &Qos,
) -> DurabilityService {
    let default = Qos::default_writer().durability_service;
    if let Some(profile) = profile {
        let said = profile.writer_qos(topic).durability_service;
        if said != default {
            return said;
        }
    }
    match options.depth {
        Some(depth) if offered.durability_service == default => {
            DurabilityService { history: History::KeepLast(depth.max(1)), ..default }
        }
        _ => offered.durability_service,
    }
}

//! The service's thread: keep what is fed, answer who asks.

use std::collections::{HashMap, HashSet};
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
    offered: Arc<Qos>,
    /// Whether the recording had it, with all that writers may send again.
    restored: bool,
}

pub(super) struct Keeper {
    participant: Participant,
    service: Service,
    options: DurableOptions,
    profile: Option<Profile>,
    topics: HashMap<String, Topic>,
    /// What writers offer.
    offers: HashMap<Guid, Arc<Qos>>,
    /// When they were last looked for.
    looked: Option<Instant>,
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
        let (looked, stats) = (None, stats.clone());
        Self { participant, service, options, profile, topics, offers, looked, stats }
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
        let restored = restore(past, |meta, qos, sample| {
            let told_apart = !meta.keyed || meta.descriptor.is_some();
            let topic = self.topics.entry(meta.name.clone()).or_insert_with(|| Topic {
                type_name: meta.type_name.clone(),
                kept: Kept::new(told_apart, terms(&self.options, &self.profile, &meta.name, qos)),
                offered: Arc::new(qos.clone()),
                restored: true,
            });
            topic.kept.keep(sample, &topic.offered);
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
        let Fed { topic: of, sample, again } = fed;
        // Of writers that are gone already there may be many samples.
        if !self.offers.contains_key(&sample.info.writer)
            && self.looked.is_none_or(|looked| looked.elapsed() >= LOOK)
        {
            self.discover();
        }
        let (options, profile) = (&self.options, &self.profile);
        let topic = self.topics.entry(of.name.clone()).or_insert_with(|| Topic {
            type_name: of.type_name.clone(),
            kept: Kept::new(of.told_apart, terms(options, profile, &of.name, &of.offered)),
            offered: of.offered.clone(),
            restored: false,
        });
        let offered = match self.offers.get(&sample.info.writer) {
            // Equal offers are one, so that a reader is compared with it once.
            Some(offered) if **offered != *topic.offered => offered.clone(),
            _ => topic.offered.clone(),
        };
        if offered.durability > Durability::TransientLocal && !(again && topic.restored) {
            topic.kept.keep(sample, &offered);
        }
    }

    /// Notes what writers offer. Says who is there.
    fn discover(&mut self) -> HashSet<Guid> {
        self.looked = Some(Instant::now());
        let writers = self.participant.topics().into_iter().flat_map(|topic| topic.writers);
        let mut there = HashSet::new();
        for writer in writers {
            there.insert(writer.guid);
            self.offers.entry(writer.guid).or_insert_with(|| Arc::new(writer.qos));
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

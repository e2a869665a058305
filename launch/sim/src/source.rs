//! What every source node shares: how its topics are wired, what it counted, how it says the truth.
//!
//! ```
//! use tidewire_sim::Stats;
//!
//! let stats = Stats::default();
//! stats.topic("vibration").wrote();
//! assert_eq!(stats.topics()[0].written, 1);
//! assert!(!stats.is_ready(), "ready is said by the node once its readers matched");
//! ```

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tidewire_bus::{Participant, RawTopic, RawWriter, WriteError, Writer, now_ns};
use tidewire_idl::TypeSupport;
use tidewire_qos::{Profile, Qos, Reliability, check};
use tidewire_types::event::FaultTruth;

use crate::error::SimError;
use crate::fault::{Change, Clock, Fault, Plan};

/// How long a participant is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a write may wait for a reader that is behind: the pacing makes up for it.
const BLOCKING: tidewire_qos::Duration = tidewire_qos::Duration::from_millis(1000);

/// Once all waited for are discovered: how long other readers get to match.
const SETTLE: Duration = Duration::from_secs(1);

/// How a source's topics meet the bus: names, QoS, and whom to wait for before the first sample.
#[derive(Clone, Debug, Default)]
pub struct Wiring {
    /// Topic name in code → topic name on the bus.
    pub remap: BTreeMap<String, String>,
    /// QoS profile; without one, RELIABLE for samples and TRANSIENT_LOCAL for truth.
    pub profile: Option<Profile>,
    /// Participants that must read a topic before anything is written to it: VOLATILE samples
    /// written earlier would never reach them.
    pub wait_for: Vec<String>,
    /// How long to wait for them; zero means ten seconds.
    pub patience: Duration,
}

impl Wiring {
    /// The name on the bus of the topic called `topic` in code.
    pub fn name(&self, topic: &str) -> String {
        self.remap.get(topic).cloned().unwrap_or_else(|| topic.to_owned())
    }

    fn qos(&self, name: &str, mut default: Qos) -> Qos {
        if let Reliability::Reliable { max_blocking_time } = &mut default.reliability {
            *max_blocking_time = BLOCKING;
        }
        self.profile.as_ref().map_or(default, |profile| profile.writer_qos(name))
    }

    /// A typed writer on `topic`, counted in `stats`.
    pub fn writer<T: TypeSupport>(
        &self,
        participant: &Participant,
        topic: &str,
        default: Qos,
        stats: &Stats,
    ) -> Result<Out<T>, SimError> {
        let name = self.name(topic);
        let writer = participant
            .writer::<T>(&name, &self.qos(&name, default))
            .map_err(|source| SimError::Bus { topic: name.clone(), source })?;
        Ok(Out { writer, count: stats.topic(&name), name })
    }

    /// A writer of ready-made CDR on `topic`, counted in `stats`.
    pub fn raw_writer(
        &self,
        participant: &Participant,
        topic: &str,
        type_name: &str,
        keyed: bool,
        stats: &Stats,
    ) -> Result<(RawWriter, Arc<Count>), SimError> {
        let name = self.name(topic);
        let raw = RawTopic { name: name.clone(), type_name: type_name.to_owned(), keyed };
        let writer = participant
            .raw_writer(&raw, &self.qos(&name, Qos::reliable()))
            .map_err(|source| SimError::Bus { topic: name.clone(), source })?;
        Ok((writer, stats.topic(&name)))
    }

    /// Blocks until everyone in `wait_for` reads the topic called `name` on the bus, and all known
    /// readers that fit what the writer offers are matched. `matched` is the writer's own count.
    /// Returns early, fine, when `stop` is set.
    pub fn wait_for_readers(
        &self,
        participant: &Participant,
        name: &str,
        offered: &Qos,
        matched: impl Fn() -> usize,
        stop: &AtomicBool,
    ) -> Result<(), SimError> {
        if self.wait_for.is_empty() {
            return Ok(());
        }
        let patience = if self.patience.is_zero() { PATIENCE } else { self.patience };
        let begun = Instant::now();
        let mut seen = None;
        while !stop.load(Ordering::Relaxed) {
            let topics = participant.topics();
            let readers =
                topics.iter().find(|t| t.name == name).map_or(&[][..], |t| &t.readers[..]);
            let fitting: Vec<_> =
                readers.iter().filter(|r| check(offered, &r.qos).is_empty()).collect();
            let missing = self
                .wait_for
                .iter()
                .find(|who| !fitting.iter().any(|r| &*r.participant_name == who.as_str()));
            if let Some(missing) = missing {
                seen = None;
                if begun.elapsed() >= patience {
                    let (reader, seconds) = (missing.clone(), patience.as_secs_f64());
                    return Err(SimError::NoReader { topic: name.to_owned(), reader, seconds });
                }
            } else if matched() >= fitting.len()
                || seen.get_or_insert_with(Instant::now).elapsed() >= SETTLE
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

/// A typed writer with its count: a refused sample is counted and the source goes on.
pub struct Out<T: TypeSupport> {
    writer: Writer<T>,
    count: Arc<Count>,
    name: String,
}

impl<T: TypeSupport> Out<T> {
    /// Writes one sample, stamped now.
    pub fn write(&self, sample: &T) {
        self.count.note(&self.name, self.writer.write(sample));
    }

    /// Writes one sample with a source time of its own, ns since the Unix epoch.
    pub fn write_at(&self, sample: &T, source_time: i64) {
        self.count.note(&self.name, self.writer.write_at(sample, source_time));
    }

    /// Waits until RELIABLE readers on other hosts have what was written, for at most a second: a
    /// writer that is gone sends nothing again.
    pub fn finish(&self) {
        if !self.writer.wait_for_acknowledgments(Duration::from_secs(1)) {
            tracing::warn!(topic = self.name, "not every reader has acknowledged the last samples");
        }
    }

    /// See [`Wiring::wait_for_readers`].
    pub fn wait(
        &self,
        wiring: &Wiring,
        participant: &Participant,
        stop: &AtomicBool,
    ) -> Result<(), SimError> {
        let writer = &self.writer;
        wiring.wait_for_readers(
            participant,
            &self.name,
            writer.qos(),
            || writer.matched_readers(),
            stop,
        )
    }
}

/// Samples of one topic.
#[derive(Debug, Default)]
pub struct Count {
    written: AtomicU64,
    refused: AtomicU64,
}

impl Count {
    /// One more sample written.
    pub fn wrote(&self) {
        self.written.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the outcome of one write; the first refusal of a topic is logged with its reason.
    pub fn note(&self, topic: &str, outcome: Result<(), WriteError>) {
        match outcome {
            Ok(()) => self.wrote(),
            Err(error) => {
                if self.refused.fetch_add(1, Ordering::Relaxed) == 0 {
                    tracing::warn!(topic, %error, "a sample was refused; further ones are only counted");
                }
            }
        }
    }
}

/// Counts of one topic, as they are reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicCount {
    /// Name on the bus.
    pub topic: String,
    /// Samples the bus took.
    pub written: u64,
    /// Samples the bus refused (back-pressure past `max_blocking_time`).
    pub refused: u64,
}

/// What a running source has done so far; cheap to clone, read from any thread.
#[derive(Clone, Debug, Default)]
pub struct Stats(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    ready: AtomicBool,
    topics: Mutex<BTreeMap<String, Arc<Count>>>,
}

impl Stats {
    /// The counter of a topic, made on first use.
    pub fn topic(&self, name: &str) -> Arc<Count> {
        let mut topics = self.0.topics.lock().unwrap_or_else(PoisonError::into_inner);
        topics.entry(name.to_owned()).or_default().clone()
    }

    /// All topics by name.
    pub fn topics(&self) -> Vec<TopicCount> {
        let topics = self.0.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        topics
            .iter()
            .map(|(topic, count)| TopicCount {
                topic: topic.clone(),
                written: read(&count.written),
                refused: read(&count.refused),
            })
            .collect()
    }

    /// Said by the node: writers exist and whoever was waited for reads them.
    pub fn set_ready(&self) {
        self.0.ready.store(true, Ordering::Release);
    }

    /// Whether the node writes samples.
    pub fn is_ready(&self) -> bool {
        self.0.ready.load(Ordering::Acquire)
    }
}

/// The fault schedule of a node, announced on topic `truth`.
pub struct Truth {
    out: Out<FaultTruth>,
    clock: Clock,
    point: String,
    wiring: Wiring,
    started_ns: i64,
}

impl Truth {
    /// The faults `plan` and `seed` make for collection point `point`.
    pub fn new(
        participant: &Participant,
        wiring: &Wiring,
        stats: &Stats,
        point: &str,
        plan: &Plan,
        seed: u64,
    ) -> Result<Self, SimError> {
        Ok(Self {
            out: wiring.writer(participant, "truth", Qos::event(), stats)?,
            clock: Clock::new(plan, seed),
            point: point.to_owned(),
            wiring: wiring.clone(),
            started_ns: 0,
        })
    }

    /// Advances to `t` seconds, announces what changes and returns the fault going on.
    pub fn advance(&mut self, t: f64) -> Option<&Fault> {
        match self.clock.advance(t) {
            Some(Change::Started(fault)) => {
                self.started_ns = now_ns();
                self.announce(&fault, 0);
            }
            Some(Change::Ended(fault)) => self.announce(&fault, now_ns()),
            None => {}
        }
        self.clock.active()
    }

    /// A source that stops mid-fault says that the fault ended with it.
    pub fn finish(&mut self) {
        if let Some(fault) = self.clock.active().cloned() {
            self.announce(&fault, now_ns());
        }
        self.out.finish();
    }

    /// See [`Wiring::wait_for_readers`].
    pub fn wait(&self, participant: &Participant, stop: &AtomicBool) -> Result<(), SimError> {
        self.out.wait(&self.wiring, participant, stop)
    }

    fn announce(&self, fault: &Fault, end_ns: i64) {
        self.out.write(&FaultTruth {
            point: self.point.clone(),
            topic: self.wiring.name(fault.kind.topic()),
            kind: fault.kind.name().to_owned(),
            id: fault.id,
            start_ns: self.started_ns,
            end_ns,
            detail: format!("{} for {:.1} s", fault.kind.name(), fault.end_s - fault.start_s),
        });
    }
}

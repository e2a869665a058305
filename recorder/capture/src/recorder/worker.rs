//! The recorder's thread: watch discovery, drain readers, append, keep books.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidewire_bus::{Participant, TopicInfo};
use tidewire_idl::Sample;
use tidewire_qos::Profile;
use tidewire_store::{Store, StoreError, TopicId};

use super::Shared;
use crate::durable::Durable;
use crate::error::CaptureError;
use crate::options::CaptureOptions;
use crate::topic::{Appended, TopicRecorder};
use crate::types::Types;

/// How often discovery is looked at. A new topic's first samples wait in a RELIABLE writer's
/// history at most this long.
const DISCOVERY: Duration = Duration::from_millis(50);

/// How often the books are brought up to date.
const BOOKS: Duration = Duration::from_millis(100);

/// How often the size on disk is measured: it walks the recording's files.
const MEASURE: Duration = Duration::from_secs(1);

/// When stopping: silence on all topics for this long means that everything has come.
const QUIET: Duration = Duration::from_millis(150);

/// Pause between two tries of an append that the store refuses for now.
const RETRY: Duration = Duration::from_millis(50);

pub(super) struct Worker {
    pub participant: Participant,
    pub store: Store,
    pub options: CaptureOptions,
    pub types: Types,
    pub profile: Option<Profile>,
    pub shared: Arc<Shared>,
    pub topics: Vec<TopicRecorder>,
    pub durable: Option<Durable>,
    pub by_name: HashMap<String, usize>,
    /// Problems told once.
    pub reported: HashSet<String>,
    pub bytes_on_disk: u64,
    pub measured: Option<Instant>,
}

impl Worker {
    pub fn run(mut self) -> Result<(), CaptureError> {
        let result = self.record();
        // Even after an error: what was taken must reach the disk.
        let result = result.and(self.close());
        if let Err(error) = &result {
            tracing::error!(%error, "recording ended");
        }
        result
    }

    fn record(&mut self) -> Result<(), CaptureError> {
        let start = Instant::now();
        let (mut discovery, mut books, mut busy) = (start, start, start);
        loop {
            let epoch = self.participant.epoch();
            let now = Instant::now();
            if now >= discovery {
                self.discover();
                discovery = now + DISCOVERY;
            }
            let moved = self.drain()?;
            let now = Instant::now();
            if now >= books {
                self.balance(self.store.acknowledged());
                books = now + BOOKS;
            }
            if moved {
                busy = now;
            }
            if let Some(ending) = self.shared.ending()
                && (ending.is_overdue(now) || (!moved && now >= ending.cutoff.min(busy + QUIET)))
            {
                return Ok(());
            }
            if !moved {
                let timeout = discovery.min(books).saturating_duration_since(now);
                self.participant.wait_since(epoch, timeout.min(QUIET / 4));
            }
        }
    }

    /// Follows every topic that is to be recorded and has a writer.
    fn discover(&mut self) {
        for info in self.participant.topics() {
            if info.writers.is_empty() && !self.by_name.contains_key(&info.name) {
                continue;
            }
            if !self.options.takes(&info.name) {
                continue;
            }
            let Some(index) = self.by_name.get(&info.name).copied().or_else(|| self.begin(&info))
            else {
                continue;
            };
            let topic = &mut self.topics[index];
            let stranger = topic.stranger(&info.writers).map(|writer| {
                format!(
                    "topic \"{}\" is recorded with type {}; {} writes it with {}{}, which is not \
                     recorded: give one of them another name",
                    info.name,
                    topic.stats.type_name,
                    writer.participant_name,
                    writer.type_name,
                    if writer.guid.is_keyed() { " (keyed)" } else { " (unkeyed)" },
                )
            });
            let failed =
                topic.follow(&info.writers, &self.participant, self.profile.as_ref()).err();
            for problem in stranger.into_iter().chain(failed.map(|error| error.to_string())) {
                self.report(problem);
            }
        }
    }

    /// Begins to record a topic; `None` if it cannot be, or its type is still being asked for.
    fn begin(&mut self, info: &TopicInfo) -> Option<usize> {
        let ty = self.types.of(info, &self.participant)?;
        match TopicRecorder::new(info, ty, self.options.filter(&info.name), &self.store) {
            Ok(topic) => {
                tracing::info!(topic = info.name, ty = info.type_name, "recording");
                self.topics.push(topic);
                self.by_name.insert(info.name.clone(), self.topics.len() - 1);
                Some(self.topics.len() - 1)
            }
            Err(error) => {
                self.report(match error {
                    CaptureError::Filter { .. } | CaptureError::FilterType { .. } => {
                        error.to_string()
                    }
                    _ => format!("topic \"{}\": {error}", info.name),
                });
                None
            }
        }
    }

    /// Says a problem once, in the log and in the books.
    fn report(&mut self, problem: String) {
        if self.reported.insert(problem.clone()) {
            tracing::warn!("{problem}");
            self.shared.stats.lock().problems.push(problem);
        }
    }

    /// One turn of every topic. Returns whether anything came that is to be recorded.
    fn drain(&mut self) -> Result<bool, CaptureError> {
        let Self { topics, store, shared, durable, .. } = self;
        let cutoff_ns = shared.ending().map_or(i64::MAX, |ending| ending.cutoff_ns);
        let mut moved = 0;
        for topic in topics {
            let mut append = |id: TopicId, sample: &Sample| append(store, shared, id, sample);
            moved += topic.drain(cutoff_ns, durable.as_ref(), &mut append)?;
        }
        Ok(moved > 0)
    }

    fn balance(&mut self, acknowledged: u64) {
        if self.measured.is_none_or(|at| at.elapsed() >= MEASURE) {
            self.bytes_on_disk = self.store.stats().bytes_on_disk;
            self.measured = Some(Instant::now());
        }
        let mut stats = self.shared.stats.lock();
        stats.topics.clear();
        for topic in &mut self.topics {
            topic.balance(acknowledged);
            stats.topics.push(topic.stats.clone());
        }
        stats.bytes_on_disk = self.bytes_on_disk;
        stats.durable = self.durable.as_ref().map(Durable::stats);
    }

    fn close(mut self) -> Result<(), CaptureError> {
        let acknowledged = self.store.sync();
        self.measured = None;
        self.balance(*acknowledged.as_ref().unwrap_or(&self.store.acknowledged()));
        let closed = self.store.close();
        acknowledged?;
        Ok(closed?)
    }
}

/// Hands a sample over, and waits as long as the store takes nothing: a sample is never dropped for
/// a full disk, unless the recording is being stopped.
fn append(
    store: &Store,
    shared: &Shared,
    topic: TopicId,
    sample: &Sample,
) -> Result<Appended, CaptureError> {
    let mut refused = false;
    loop {
        match store.append(topic, sample) {
            Ok(seq) => {
                if refused {
                    tracing::info!("the store takes samples again");
                    shared.stats.lock().refusing = None;
                }
                return Ok(Appended::At(seq));
            }
            Err(error @ StoreError::TooLarge { .. }) => {
                tracing::warn!(%error, "a sample is not recorded");
                return Ok(Appended::Rejected);
            }
            Err(error @ (StoreError::DiskFull { .. } | StoreError::Refusing { .. })) => {
                if !refused {
                    tracing::error!(%error, "recording waits");
                    shared.stats.lock().refusing = Some(error.to_string());
                    refused = true;
                }
                if shared.ending().is_some_and(|ending| ending.is_overdue(Instant::now())) {
                    return Err(error.into());
                }
                std::thread::sleep(RETRY);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

//! A recording in progress, from outside.

mod worker;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tidewire_bus::{Participant, now_ns};
use tidewire_idl::TypeRegistry;
use tidewire_qos::Profile;
use tidewire_store::{Store, StoreReader};

use crate::durable::Durable;
use crate::error::CaptureError;
use crate::options::CaptureOptions;
use crate::stats::CaptureStats;
use crate::types::Types;
use worker::Worker;

/// How long after the end the recorder may still work on what it received before.
const BACKLOG: Duration = Duration::from_secs(5);

/// A recording in progress.
///
/// Records every topic its options take: those there are and those that appear, with a known type
/// or without, whoever writes them. Nothing is dropped here: when the store is slow or the disk is
/// full the recorder waits, its readers' queues fill and RELIABLE writers wait with it.
///
/// Dropping it ends the recording like [`Recorder::stop`] with a second's patience.
pub struct Recorder {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<(), CaptureError>>>,
}

#[derive(Default)]
struct Shared {
    stats: Mutex<CaptureStats>,
    /// Set once: how to finish.
    ending: Mutex<Option<Ending>>,
    ended: AtomicBool,
}

impl Shared {
    fn ending(&self) -> Option<Ending> {
        *self.ending.lock()
    }
}

/// Says that the recorder's thread has ended, also when it panics: a recorder that only looks alive
/// would record nothing without anyone knowing.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
    }
}

/// How a recording ends.
#[derive(Clone, Copy)]
struct Ending {
    /// Nothing received later is recorded, in ns since the Unix epoch.
    cutoff_ns: i64,
    /// The same instant on the steady clock.
    cutoff: Instant,
}

impl Ending {
    /// Whether to give up what is still waiting.
    fn is_overdue(&self, now: Instant) -> bool {
        now >= self.cutoff + BACKLOG
    }
}

/// A view of a recorder's books that outlives it.
#[derive(Clone)]
pub struct StatsHandle(Arc<Shared>);

impl StatsHandle {
    /// The books, at most a tenth of a second old.
    pub fn get(&self) -> CaptureStats {
        self.0.stats.lock().clone()
    }
}

impl Recorder {
    /// Starts recording what `options` take into `store`. Types that `types` knows are recorded
    /// with their description, which later reading needs; a durability service needs it to tell
    /// instances apart. Others are asked for where the DDS backend reads types from discovery.
    pub fn start(
        participant: &Participant,
        store: Store,
        options: CaptureOptions,
        types: TypeRegistry,
    ) -> Result<Self, CaptureError> {
        Self::start_with(participant, store, options, types, None)
    }

    /// Like [`Recorder::start`]; every topic is requested with `profile`'s reader QoS instead of all
    /// that its writers offer.
    pub fn start_with(
        participant: &Participant,
        store: Store,
        options: CaptureOptions,
        types: TypeRegistry,
        profile: Option<Profile>,
    ) -> Result<Self, CaptureError> {
        let shared = Arc::new(Shared::default());
        let durable = match options.durable.clone() {
            Some(durable) => {
                // Before anything is recorded: what comes now is fed, not read.
                let past = StoreReader::open(store.dir())?;
                Some(Durable::start(participant, past, durable, profile.clone())?)
            }
            None => None,
        };
        let worker = Worker {
            participant: participant.clone(),
            store,
            options,
            types: Types::new(types),
            profile,
            shared: shared.clone(),
            topics: Vec::new(),
            durable,
            by_name: HashMap::new(),
            reported: HashSet::new(),
            bytes_on_disk: 0,
            measured: None,
        };
        Self::on_thread(shared, move || worker.run())
    }

    /// Has the recorder's thread do `work`.
    fn on_thread(
        shared: Arc<Shared>,
        work: impl FnOnce() -> Result<(), CaptureError> + Send + 'static,
    ) -> Result<Self, CaptureError> {
        let ended = Ended(shared.clone());
        let thread = std::thread::Builder::new()
            .name("tidewire-record".into())
            .spawn(move || {
                let _ended = ended;
                work()
            })
            .map_err(CaptureError::Thread)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// The books, at most a tenth of a second old.
    pub fn stats(&self) -> CaptureStats {
        self.shared.stats.lock().clone()
    }

    /// A view of the books that can be given away.
    pub fn handle(&self) -> StatsHandle {
        StatsHandle(self.shared.clone())
    }

    /// Whether the recorder ended by itself, on an error or a panic that [`Recorder::stop`] returns.
    pub fn has_ended(&self) -> bool {
        self.shared.ended.load(Ordering::Acquire)
    }

    /// Takes what is still under way until all topics are quiet, or `drain` has passed, then seals
    /// and syncs the recording. The books it returns are final: all that was recorded is
    /// acknowledged.
    pub fn stop(self, drain: Duration) -> Result<CaptureStats, CaptureError> {
        self.stop_by(after(drain))
    }

    /// Like [`Recorder::stop`] with an instant, in ns since the Unix epoch: nothing received later
    /// is recorded, even while writers keep writing.
    pub fn stop_by(mut self, cutoff_ns: i64) -> Result<CaptureStats, CaptureError> {
        self.finish(cutoff_ns)?;
        Ok(self.stats())
    }

    fn finish(&mut self, cutoff_ns: i64) -> Result<(), CaptureError> {
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        let left = u64::try_from(cutoff_ns.saturating_sub(now_ns())).unwrap_or(0);
        let cutoff = Instant::now() + Duration::from_nanos(left);
        *self.shared.ending.lock() = Some(Ending { cutoff_ns, cutoff });
        thread.join().map_err(|_| CaptureError::Panicked)?
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let Err(error) = self.finish(after(Duration::from_secs(1))) {
            tracing::error!(%error, "the recording did not end cleanly");
        }
    }
}

/// The instant `wait` from now, in ns since the Unix epoch.
fn after(wait: Duration) -> i64 {
    now_ns().saturating_add(i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_the_recording_with_an_error() {
        let recorder =
            Recorder::on_thread(Arc::default(), || panic!("as any mistake may end it")).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while !recorder.has_ended() {
            assert!(Instant::now() < deadline, "nobody noticed");
            std::thread::sleep(Duration::from_millis(1));
        }
        let error = recorder.stop(Duration::ZERO).unwrap_err();
        assert!(matches!(error, CaptureError::Panicked), "{error}");
    }
}

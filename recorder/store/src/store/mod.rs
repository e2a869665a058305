//! The writing end of a recording.
//!
//! ```
//! use tidewire_idl::{Sample, SampleInfo};
//! use tidewire_store::{Store, StoreOptions, StoreReader, TopicMeta};
//!
//! let dir = tempfile::tempdir()?;
//! let store = Store::open(dir.path().join("run1"), StoreOptions::default())?;
//! let topic = store.register_topic(&TopicMeta::raw("temperature", "Temperature"))?;
//! let info = SampleInfo {
//!     source_time: 1_000,
//!     reception_time: 1_200,
//!     writer: Default::default(),
//!     sequence: 1,
//!     key: Default::default(),
//!     state: Default::default(),
//!     point: "plant/pump1".into(),
//! };
//! let seq = store.append(topic, &Sample { info, payload: vec![0, 1, 0, 0, 42].into() })?;
//! assert!(store.sync()? >= seq, "on disk");
//! store.close()?;
//!
//! let reader = StoreReader::open(dir.path().join("run1"))?;
//! assert_eq!(reader.topics()[0].samples, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod append;
mod commit;
mod recover;
mod seal;
mod state;
mod stats;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::{Condvar, Mutex};
use tidewire_idl::Sample;

use crate::catalog::{TopicId, TopicMeta};
use crate::journal::write::JournalWriter;
use crate::lock::WriterLock;
use crate::manifest::{MANIFEST, Manifest};
use crate::{StoreError, StoreOptions};
use commit::Committer;
use seal::Sealer;
use state::Shared;

pub use recover::{JOURNAL, Recovery};
pub use stats::{StoreStats, TopicStats, disk_bytes};

/// An open recording: appends go to the journal first and to the shards behind it.
///
/// All methods may be called from several threads. Dropping it closes it.
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    manifest: Manifest,
    recovery: Recovery,
    lock: Mutex<Option<WriterLock>>,
}

impl Store {
    /// Opens a recording for writing, or creates one in a new or empty folder.
    ///
    /// After a crash, what the journal holds beyond the shards is taken over; [`Self::recovery`]
    /// tells how much, and any damage found on the way.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another process records into it, [`StoreError::NewerVersion`],
    /// [`StoreError::NotEmpty`] for a folder of something else, [`StoreError::Damaged`] where a
    /// shard that is needed for recovery cannot be read.
    pub fn open(dir: impl AsRef<Path>, options: StoreOptions) -> Result<Self, StoreError> {
        options.check()?;
        let dir = dir.as_ref().to_owned();
        let existed = prepare(&dir)?;
        let lock = WriterLock::take(&dir)?;
        let manifest = if existed { Manifest::read(&dir)? } else { create(&dir, &options)? };
        let options = StoreOptions { partition: manifest.partition, ..options };
        let period_ns = period_ns(&manifest);
        let recovered = recover::recover(&dir, &options, period_ns)?;
        report(&dir, &recovered.report);
        let shared = Arc::new(Shared {
            acknowledged: AtomicU64::new(recovered.state.next_seq - 1),
            sealed_below: AtomicU64::new(0),
            state: Mutex::new(recovered.state),
            commit: Condvar::new(),
            seal: Condvar::new(),
            progress: Condvar::new(),
            abandoned: AtomicBool::new(false),
            period_ns,
            options,
            dir,
        });
        let options = &shared.options;
        let journal = JournalWriter::new(
            options.files.clone(),
            shared.dir.join(JOURNAL),
            options.fsync,
            options.segment_bytes,
            recovered.segments,
        );
        let committer = Committer::new(
            shared.clone(),
            journal,
            recovered.damaged,
            recovered.last_seq,
            recovered.rewrite_catalog,
        );
        let sealer = Sealer::new(shared.clone());
        let threads = vec![
            spawn("store-commit", move || committer.run()).map_err(start_failed(&shared.dir))?,
            spawn("store-seal", move || sealer.run()).map_err(start_failed(&shared.dir))?,
        ];
        Ok(Self {
            shared,
            threads: Mutex::new(threads),
            manifest,
            recovery: recovered.report,
            lock: Mutex::new(Some(lock)),
        })
    }

    /// The recording's folder.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// The recording's fixed properties.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What opening found.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Registers a topic and returns once the catalog on disk has it, or finds the one registered with the same name and type; a changed QoS
    /// replaces the old one. A topic of the same name and another type or descriptor gets an id of
    /// its own and shares the name.
    pub fn register_topic(&self, meta: &TopicMeta) -> Result<TopicId, StoreError> {
        self.shared.register(meta)
    }

    /// Takes a sample in and returns its journal seq. It is safe once [`Self::acknowledged`] has
    /// reached that. Waits while the disk is behind by more than the options allow.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`] and [`StoreError::Refusing`] while the disk takes nothing: the
    /// sample is not taken in and may be offered again.
    pub fn append(&self, topic: TopicId, sample: &Sample) -> Result<u64, StoreError> {
        self.shared.append(topic, sample)
    }

    /// Highest journal seq that is on disk with all before it. Never goes back.
    pub fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Ordering::Acquire)
    }

    /// Returns once everything appended so far is on disk.
    pub fn sync(&self) -> Result<u64, StoreError> {
        self.shared.sync()
    }

    /// Returns once everything appended so far is in shards, full blocks or not. For tests and for
    /// a reader that wants no journal; recording needs no call of it.
    pub fn seal(&self) -> Result<(), StoreError> {
        self.shared.seal_all()
    }

    /// Counts since the store was opened.
    pub fn stats(&self) -> StoreStats {
        self.shared.stats()
    }

    /// Seals everything, ends the threads and gives the lock back.
    ///
    /// # Errors
    /// Where the disk refuses to the end. What was acknowledged is then in the journal and the next
    /// opening goes on from there.
    pub fn close(self) -> Result<(), StoreError> {
        self.shut()
    }

    /// Ends at once and seals nothing, as if the process had been killed now: for tests of
    /// recovery.
    #[doc(hidden)]
    pub fn abandon(self) {
        self.shared.abandoned.store(true, Ordering::Release);
        let _ = self.shut();
    }

    fn shut(&self) -> Result<(), StoreError> {
        self.shared.state.lock().closing = true;
        for condvar in [&self.shared.commit, &self.shared.seal, &self.shared.progress] {
            condvar.notify_all();
        }
        for thread in self.threads.lock().drain(..) {
            let _ = thread.join();
        }
        drop(self.lock.lock().take());
        let state = self.shared.state.lock();
        let refusal = state.journal_refusal.as_ref().or(state.shard_refusal.as_ref());
        let unsafe_still = state.next_seq - 1 > self.acknowledged();
        match refusal {
            Some(refusal) if unsafe_still || state.first_unsealed() < state.next_seq => {
                Err(refusal.error(self.shared.options.min_free_bytes))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Err(error) = self.shut() {
            tracing::error!(%error, "closing the recording");
        }
    }
}

/// Nanoseconds of a shard's period.
pub fn period_ns(manifest: &Manifest) -> i64 {
    i64::try_from(manifest.period_s).unwrap_or(i64::MAX).saturating_mul(1_000_000_000)
}

/// Whether the folder is a recording already; makes it if there is none.
fn prepare(dir: &Path) -> Result<bool, StoreError> {
    fs::create_dir_all(dir).map_err(StoreError::io(dir, "create"))?;
    if dir.join(MANIFEST).exists() {
        return Ok(true);
    }
    for entry in fs::read_dir(dir).map_err(StoreError::io(dir, "list"))? {
        let name = entry.map_err(StoreError::io(dir, "list"))?.file_name();
        // What a creation that was killed half-way leaves.
        if !["lock", JOURNAL, "tidewire.tmp"].iter().any(|ours| name == *ours) {
            return Err(StoreError::NotEmpty { dir: dir.to_owned() });
        }
    }
    Ok(false)
}

fn create(dir: &Path, options: &StoreOptions) -> Result<Manifest, StoreError> {
    // Two that create at once: the second one to get the lock finds the manifest.
    if dir.join(MANIFEST).exists() {
        return Manifest::read(dir);
    }
    let journal = dir.join(JOURNAL);
    fs::create_dir_all(&journal).map_err(StoreError::io(&journal, "create"))?;
    let manifest = Manifest::new(options, now_ns());
    manifest.write(&*options.files, dir)?;
    Ok(manifest)
}

fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
}

fn report(dir: &Path, recovery: &Recovery) {
    if recovery.replayed > 0 || recovery.torn_bytes > 0 {
        tracing::info!(
            dir = %dir.display(),
            replayed = recovery.replayed,
            torn_bytes = recovery.torn_bytes,
            "recovered from the journal"
        );
    }
    for problem in &recovery.problems {
        tracing::error!("{problem}");
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work)
}

fn start_failed(dir: &Path) -> impl Fn(io::Error) -> StoreError {
    let path: PathBuf = dir.to_owned();
    move |source| StoreError::Io { path: path.clone(), doing: "start a thread for", source }
}

//! The reading end of a recording: in any process, also while another one writes it.
//!
//! ```
//! use tidewire_idl::{Sample, SampleInfo};
//! use tidewire_store::{Scan, Store, StoreOptions, StoreReader, TopicMeta};
//!
//! let dir = tempfile::tempdir()?;
//! let store = Store::open(dir.path(), StoreOptions::default())?;
//! let topic = store.register_topic(&TopicMeta::raw("temperature", "Temperature"))?;
//! for i in 0..10 {
//!     let info = SampleInfo {
//!         source_time: i,
//!         reception_time: i,
//!         writer: Default::default(),
//!         sequence: i as u64 + 1,
//!         key: Default::default(),
//!         state: Default::default(),
//!         point: "pump1".into(),
//!     };
//!     store.append(topic, &Sample { info, payload: vec![i as u8].into() })?;
//! }
//! store.sync()?;
//!
//! let reader = StoreReader::open(dir.path())?; // nothing is sealed yet: all from the journal
//! let mut found = 0;
//! for chunk in reader.scan(&Scan { start: Some(3), ..Scan::topic("temperature") })? {
//!     found += chunk?.samples()?.len();
//! }
//! assert_eq!(found, 7);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod merge;
mod refresh;
mod scan;
mod snapshot;
mod topics;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::manifest::Manifest;
use crate::store::period_ns;
use crate::verify::Problem;
use crate::{StoreError, StoreOptions};
use refresh::Follower;
use snapshot::Snapshot;

pub use merge::Merged;
pub use scan::{Chunk, Chunks, Scan};
pub use topics::TopicSummary;

/// An open recording. What it answers is one consistent snapshot, taken by [`Self::open`] and
/// renewed by [`Self::refresh`]: exactly the samples up to [`Self::through`].
#[derive(Debug)]
pub struct StoreReader {
    manifest: Manifest,
    snapshot: Arc<Snapshot>,
    follower: Follower,
    problems: Vec<Problem>,
}

impl StoreReader {
    /// Opens a recording for reading; takes no lock and never holds up its writer.
    ///
    /// # Errors
    /// [`StoreError::NotARecording`], [`StoreError::NewerVersion`], [`StoreError::Manifest`], or
    /// the catalog cannot be read. A damaged shard is no error here: see [`Self::problems`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, StoreError> {
        let dir = dir.as_ref().to_owned();
        let manifest = Manifest::read(&dir)?;
        let snapshot = Snapshot {
            period_ns: period_ns(&manifest),
            partition: manifest.partition,
            map_bytes: StoreOptions::default().map_bytes,
            topics: Vec::new(),
            series: Vec::new(),
            shards: BTreeMap::new(),
            tail: BTreeMap::new(),
            through: 0,
            dir,
        };
        let mut reader = Self {
            manifest,
            snapshot: Arc::new(snapshot),
            follower: Follower::default(),
            problems: Vec::new(),
        };
        reader.refresh()?;
        Ok(reader)
    }

    /// Takes in what was written since. Iterators made before keep their snapshot.
    pub fn refresh(&mut self) -> Result<(), StoreError> {
        let snapshot = Arc::make_mut(&mut self.snapshot);
        self.follower.refresh(snapshot, &mut self.problems)
    }

    /// The recording's folder.
    pub fn dir(&self) -> &Path {
        &self.snapshot.dir
    }

    /// The recording's fixed properties.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Journal seq of the last sample in the snapshot; 0 for an empty recording.
    pub fn through(&self) -> u64 {
        self.snapshot.through
    }

    /// Damage met so far: what cannot be read is named here, with its place, never just left out.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The topics in order of registration, counts exact for the snapshot.
    pub fn topics(&self) -> Vec<TopicSummary> {
        topics::summaries(&self.snapshot)
    }

    /// The samples of a topic as chunks, one per (series, block), in time order inside each chunk.
    ///
    /// Sealed blocks come by period, point and start; then what is only in the journal. Chunks of
    /// one series may overlap in time where samples came late; [`Self::merged`] orders them.
    ///
    /// # Errors
    /// [`StoreError::UnknownTopic`] with the names there are.
    pub fn scan(&self, scan: &Scan) -> Result<Chunks, StoreError> {
        topics::require(&self.snapshot, &scan.topic)?;
        Ok(Chunks::new(self.snapshot.clone(), scan))
    }

    /// All samples of these topics in order of source time, then writer and sequence, where 0 is no
    /// number and comes last; with the topic's index in `topics`. An empty list means every topic,
    /// in the order of [`Self::topics`]. `start` is inclusive, `end` exclusive: ns since the Unix
    /// epoch.
    ///
    /// Streams: it holds the blocks that overlap the current time, not the recording.
    pub fn merged<S: AsRef<str>>(
        &self,
        topics: &[S],
        start: Option<i64>,
        end: Option<i64>,
    ) -> Result<Merged, StoreError> {
        let mut names: Vec<String> = topics.iter().map(|t| t.as_ref().to_owned()).collect();
        for name in &names {
            topics::require(&self.snapshot, name)?;
        }
        if names.is_empty() {
            names = self.topics().into_iter().map(|t| t.meta.name.clone()).collect();
        }
        Ok(Merged::new(self.snapshot.clone(), &names, start, end))
    }
}

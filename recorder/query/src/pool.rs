//! Readers at work and at rest.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tidewire_store::{StoreError, StoreReader};

/// Readers kept at rest, with what they have read of the journal.
const IDLE: usize = 4;

/// Each query has a reader of its own for as long as it runs, so that its snapshot stands still;
/// readers are used again because catching up is cheaper than opening.
pub(crate) struct Pool {
    dir: PathBuf,
    idle: Mutex<Vec<StoreReader>>,
}

impl Pool {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir, idle: Mutex::default() }
    }

    /// The recording as it is now.
    pub(crate) fn snapshot(pool: &Arc<Self>) -> Result<Snapshot, StoreError> {
        let rested = pool.idle().pop();
        let reader = match rested {
            Some(mut reader) => {
                reader.refresh()?;
                reader
            }
            None => StoreReader::open(&pool.dir)?,
        };
        Ok(Snapshot { reader: Some(reader), pool: pool.clone() })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<StoreReader>> {
        // A list of readers is whole whenever the lock is free.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader on loan.
pub(crate) struct Snapshot {
    /// `None` only while it is dropped.
    reader: Option<StoreReader>,
    pool: Arc<Pool>,
}

impl Deref for Snapshot {
    type Target = StoreReader;

    fn deref(&self) -> &StoreReader {
        self.reader.as_ref().expect("the reader is given back by drop alone")
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let mut idle = self.pool.idle();
        if idle.len() < IDLE {
            idle.extend(self.reader.take());
        }
    }
}

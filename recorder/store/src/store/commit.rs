//! The committing thread: one group commit after the other, each one write and one fdatasync.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::state::{Batch, MARK, Refusal, Shared, State};
use crate::catalog;
use crate::files::{self, LogFile};
use crate::journal::record;
use crate::journal::segment::HEADER;
use crate::journal::write::JournalWriter;

/// Pause between attempts while the disk refuses.
const RETRY: Duration = Duration::from_millis(100);
/// How often free space is looked at.
const FREE_CHECK: Duration = Duration::from_millis(500);

pub struct Committer {
    shared: Arc<Shared>,
    journal: JournalWriter,
    /// Segments in which recovery found damage: kept when they are done with.
    damaged: Vec<PathBuf>,
    catalog: Option<Box<dyn LogFile>>,
    free_checked: Option<Instant>,
    /// Buffer of the last batch, for the next one.
    spare: Vec<u8>,
    /// Last seq in the journal on disk. Not the same as `acknowledged` right after an opening, when
    /// that stands at the end of a reservation.
    durable: u64,
    /// A catalog write failed: what is on disk is unknown, so the file is written anew.
    rewrite_catalog: bool,
}

/// What there is to do.
struct Work {
    batch: Batch,
    last_seq: u64,
    catalog: Vec<u8>,
    catalog_wanted: u64,
    closing: bool,
}

impl Committer {
    pub fn new(
        shared: Arc<Shared>,
        journal: JournalWriter,
        damaged: Vec<PathBuf>,
        durable: u64,
        rewrite_catalog: bool,
    ) -> Self {
        Self {
            shared,
            journal,
            damaged,
            catalog: None,
            free_checked: None,
            spare: Vec::new(),
            durable,
            rewrite_catalog,
        }
    }

    pub fn run(mut self) {
        loop {
            let mut work = self.next_work();
            if self.shared.abandoned.load(Ordering::Acquire) || !self.commit(&mut work) {
                break;
            }
            self.retire();
            self.check_free();
            if work.closing && self.finished() {
                break;
            }
            self.spare = work.batch.bytes;
            self.spare.clear();
        }
        self.shared.state.lock().committer_done = true;
        self.shared.progress.notify_all();
        self.shared.seal.notify_all();
    }

    /// While closing: whether all is written. Removes the journal if all is sealed, too.
    fn finished(&mut self) -> bool {
        let state = self.shared.state.lock();
        let idle = state.batch.bytes.is_empty() && state.catalog_pending.is_empty();
        let done = state.sealer_done && idle;
        let sealed = state.first_unsealed() == state.next_seq;
        drop(state);
        if done
            && sealed
            && let Err(error) = self.journal.remove_all(&mut self.damaged)
        {
            tracing::warn!(%error, "sealed journal segments stay until the next opening");
        }
        done
    }

    fn next_work(&mut self) -> Work {
        let shared = self.shared.clone();
        let options = &shared.options;
        let mut state = shared.state.lock();
        loop {
            if shared.abandoned.load(Ordering::Acquire) {
                return self.take(&mut state);
            }
            let now = Instant::now();
            let due = state.batch.since.map(|since| since + options.commit_interval);
            let ready = state.hurry
                || state.closing
                || state.batch.bytes.len() >= options.commit_bytes
                || due.is_some_and(|due| due <= now)
                || (due.is_none() && !state.catalog_pending.is_empty());
            if ready && (!state.closing || Self::closing_work(&state)) {
                return self.take(&mut state);
            }
            // The longest sleep bounds how long full disks and done segments go unseen.
            let until = due.filter(|_| !state.closing).unwrap_or(now + FREE_CHECK);
            let timed_out = shared.commit.wait_until(&mut state, until).timed_out();
            if timed_out && state.batch.bytes.is_empty() {
                return self.take(&mut state);
            }
        }
    }

    /// While closing, the sealing thread goes first; until then there may be nothing to do.
    fn closing_work(state: &State) -> bool {
        state.sealer_done || !state.batch.bytes.is_empty() || !state.catalog_pending.is_empty()
    }

    fn take(&mut self, state: &mut State) -> Work {
        state.hurry = false;
        let next = Batch { bytes: std::mem::take(&mut self.spare), ..Batch::default() };
        Work {
            batch: std::mem::replace(&mut state.batch, next),
            last_seq: state.next_seq - 1,
            catalog: std::mem::take(&mut state.catalog_pending),
            catalog_wanted: state.catalog_wanted,
            closing: state.closing,
        }
    }

    /// Tries until it is done; `false` where the store closes or dies first. While it fails,
    /// appends are refused and the batch waits in memory.
    fn commit(&mut self, work: &mut Work) -> bool {
        let durable = self.durable;
        let records = &mut work.batch.bytes;
        if !records.is_empty() {
            records[..MARK].copy_from_slice(&record::mark(durable));
        }
        loop {
            let result = self.write(&work.catalog, records, work.batch.first_seq, durable);
            let mut state = self.shared.state.lock();
            match result {
                Ok(()) => {
                    state.journal_refusal = None;
                    state.catalog_done = work.catalog_wanted;
                    if !records.is_empty() {
                        self.durable = work.last_seq;
                        state.backlog -= records.len() - MARK;
                        self.shared.acknowledged.store(work.last_seq, Ordering::Release);
                    }
                    drop(state);
                    self.shared.progress.notify_all();
                    self.shared.seal.notify_one();
                    return true;
                }
                Err((path, error)) => {
                    let refusal = self.refusal(path, &error);
                    if state.journal_refusal.is_none() {
                        tracing::error!(error = %refusal.error(0), "journal");
                    }
                    state.journal_refusal = Some(refusal);
                    let give_up = state.closing;
                    drop(state);
                    self.shared.progress.notify_all();
                    self.shared.seal.notify_one();
                    if give_up || self.shared.abandoned.load(Ordering::Acquire) {
                        return false;
                    }
                    std::thread::sleep(RETRY);
                }
            }
        }
    }

    /// The catalog goes first: a journal record must never name a series that no disk knows.
    fn write(
        &mut self,
        catalog: &[u8],
        records: &[u8],
        first_seq: u64,
        durable: u64,
    ) -> Result<(), (PathBuf, io::Error)> {
        if !catalog.is_empty() || self.rewrite_catalog {
            self.write_catalog(catalog).map_err(|e| (catalog::path(&self.shared.dir), e))?;
        }
        if !records.is_empty() {
            self.journal.commit(records, first_seq, durable)?;
        }
        Ok(())
    }

    fn write_catalog(&mut self, records: &[u8]) -> io::Result<()> {
        let shared = self.shared.clone();
        let (files, fsync) = (&*shared.options.files, shared.options.fsync);
        let path = catalog::path(&shared.dir);
        if !self.rewrite_catalog {
            let written = match &mut self.catalog {
                Some(file) => append(&mut **file, records, fsync),
                None => files.open(&path).and_then(|file| {
                    let file = self.catalog.insert(file);
                    append(&mut **file, records, fsync)
                }),
            };
            if written.is_ok() {
                return written;
            }
            self.catalog = None;
            self.rewrite_catalog = true;
        }
        let image = shared.state.lock().catalog.image();
        debug_assert!(image.len() >= HEADER);
        files::replace(files, &path, &image)?;
        self.rewrite_catalog = false;
        Ok(())
    }

    fn refusal(&self, path: PathBuf, error: &io::Error) -> Refusal {
        let full = matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        );
        if !full {
            return Refusal::Failing { path, what: error.to_string() };
        }
        let free = self.shared.options.files.free_bytes(&self.shared.dir).unwrap_or(0);
        Refusal::Full { path, free }
    }

    /// Removes segments that hold nothing unsealed.
    fn retire(&mut self) {
        let below = self.shared.sealed_below.load(Ordering::Acquire);
        if let Err(error) = self.journal.remove_before(below, &mut self.damaged) {
            tracing::warn!(%error, "a sealed journal segment could not be removed yet");
        }
    }

    /// Refuses before the disk is really full, so that LMDB and others keep their room.
    fn check_free(&mut self) {
        let shared = self.shared.clone();
        let reserve = shared.options.min_free_bytes;
        let due = self.free_checked.is_none_or(|at| at.elapsed() >= FREE_CHECK);
        if reserve == 0 || !due {
            return;
        }
        self.free_checked = Some(Instant::now());
        // A file system that cannot say is not a reason to stop recording.
        let Ok(free) = shared.options.files.free_bytes(&shared.dir) else { return };
        let mut state = shared.state.lock();
        if free < reserve {
            let refusal = Refusal::Full { path: shared.dir.clone(), free };
            if state.space_refusal.replace(refusal).is_none() {
                tracing::error!(free, reserve, dir = %shared.dir.display(), "disk is full");
            }
        } else {
            state.space_refusal = None;
        }
        drop(state);
        shared.progress.notify_all();
    }
}

fn append(file: &mut dyn LogFile, records: &[u8], fsync: bool) -> io::Result<()> {
    file.append(records)?;
    if fsync { file.sync() } else { Ok(()) }
}

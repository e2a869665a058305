//! Appending group commits to segments, and what to do when the disk refuses one.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::segment::{self, HEADER, JOURNAL_MAGIC, SegmentFile};
use crate::files::{Files, LogFile};

struct Open {
    file: Box<dyn LogFile>,
    path: PathBuf,
    len: u64,
    /// Length up to which the last successful sync reached: 0 until the first.
    durable: u64,
}

/// The writing end of the journal: one thread calls it.
pub struct JournalWriter {
    files: Arc<dyn Files>,
    dir: PathBuf,
    fsync: bool,
    segment_bytes: u64,
    open: Option<Open>,
    segments: VecDeque<SegmentFile>,
}

impl JournalWriter {
    /// `segments` are the recovered ones; none of them is appended to again.
    pub fn new(
        files: Arc<dyn Files>,
        dir: PathBuf,
        fsync: bool,
        segment_bytes: u64,
        segments: Vec<SegmentFile>,
    ) -> Self {
        Self { files, dir, fsync, segment_bytes, open: None, segments: segments.into() }
    }

    /// Makes a batch of records durable. `first_seq` is its first sample's, `durable` the last seq
    /// on disk. After an error nothing of the batch counts and the same batch is to be tried again.
    ///
    /// A failed fdatasync leaves it unknown what the disk holds, and a second one on the same file
    /// may report success without having written (the kernel drops the dirty flag). So after any
    /// error the segment is cut back to what an earlier sync proved, and given up: the retry goes
    /// to a new file, whose header tells readers to ignore anything beyond the cut in the old one.
    pub fn commit(
        &mut self,
        batch: &[u8],
        first_seq: u64,
        durable: u64,
    ) -> Result<(), (PathBuf, io::Error)> {
        if self.open.as_ref().is_some_and(|open| open.len >= self.segment_bytes) {
            self.open = None;
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self
                .create(first_seq, durable)
                .map_err(|e| (segment::path(&self.dir, first_seq), e))?,
        };
        match self.write(&mut open, batch) {
            Ok(()) => {
                self.open = Some(open);
                Ok(())
            }
            Err(error) => {
                let path = open.path.clone();
                self.give_up(open);
                Err((path, error))
            }
        }
    }

    fn create(&mut self, first_seq: u64, durable: u64) -> io::Result<Open> {
        let path = segment::path(&self.dir, first_seq);
        let mut file = match self.files.create(&path) {
            // Left by a commit that failed before anything of it was durable.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                self.files.remove(&path)?;
                self.files.create(&path)?
            }
            other => other?,
        };
        if let Err(error) = file.append(&segment::header(JOURNAL_MAGIC, first_seq, durable)) {
            let _ = self.files.remove(&path);
            return Err(error);
        }
        Ok(Open { file, path, len: HEADER as u64, durable: 0 })
    }

    fn write(&mut self, open: &mut Open, batch: &[u8]) -> io::Result<()> {
        open.file.append(batch)?;
        open.len += batch.len() as u64;
        if self.fsync {
            open.file.sync()?;
        }
        if open.durable == 0 {
            // The name must be durable before the first record in it is acknowledged.
            if self.fsync {
                self.files.sync_dir(&self.dir)?;
            }
            let first_seq = open.path.file_stem().and_then(|s| s.to_str()?.parse().ok());
            let first_seq = first_seq.expect("named by its first seq");
            self.segments.push_back(SegmentFile { first_seq, path: open.path.clone() });
        }
        open.durable = open.len;
        Ok(())
    }

    /// Both steps may fail too, on a disk that just did; the next header covers for them.
    fn give_up(&mut self, mut open: Open) {
        if open.durable == 0 {
            let _ = self.files.remove(&open.path);
        } else {
            let _ = open.file.truncate(open.durable);
        }
    }

    /// Removes segments whose every seq is below `unsealed`. `damaged` ones are kept under another
    /// name as evidence. Not synced: a segment that comes back after a crash is skipped by the
    /// watermarks.
    pub fn remove_before(&mut self, unsealed: u64, damaged: &mut Vec<PathBuf>) -> io::Result<()> {
        while self.segments.len() > 1 && self.segments[1].first_seq <= unsealed {
            let path = &self.segments[0].path;
            retire(&*self.files, path, damaged)?;
            self.segments.pop_front();
        }
        Ok(())
    }

    /// Removes every segment: the store closes and all samples are sealed.
    pub fn remove_all(&mut self, damaged: &mut Vec<PathBuf>) -> io::Result<()> {
        self.open = None;
        while let Some(segment) = self.segments.front() {
            retire(&*self.files, &segment.path, damaged)?;
            self.segments.pop_front();
        }
        Ok(())
    }
}

fn retire(files: &dyn Files, path: &Path, damaged: &mut Vec<PathBuf>) -> io::Result<()> {
    match damaged.iter().position(|d| d == path) {
        Some(i) => {
            files.rename(path, &path.with_extension("damaged"))?;
            damaged.remove(i);
            Ok(())
        }
        None => match files.remove(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        },
    }
}

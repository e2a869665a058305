//! Bringing a snapshot up to date, in an order that makes it consistent while a writer goes on.
//!
//! 1. Open every journal segment: an open file keeps its bytes when the writer removes it.
//! 2. Read the watermarks of every shard that has a new commit.
//! 3. List the journal again and open what is new. If anything of step 1 is gone, start over: since
//!    segments go oldest first, one may have come and gone in between, unseen by step 2.
//! 4. Read the journal from where the last refresh stopped.
//!
//! The writer removes a segment only after its samples are in shards, so what step 1 no longer
//! finds, step 2 does; what step 2 has not yet, step 4 does. What both have is told apart by the
//! watermarks.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tidewire_idl::{Sample, SampleInfo};

use super::snapshot::{ShardState, Snapshot, TailSample, Topic};
use crate::StoreError;
use crate::block::plan::Plan;
use crate::catalog::{self, Catalog};
use crate::journal::record::{Record, SampleHead};
use crate::journal::segment::{self, HEADER, Head, JOURNAL_MAGIC};
use crate::shard::env::{Missing, ShardEnv};
use crate::shard::key::{WATERMARK, Watermark, series_of};
use crate::shard::pages::{PageError, read_meta};
use crate::shard::path::{self, DATA, period_of};
use crate::store::JOURNAL;
use crate::verify::Problem;

/// A journal is read in pieces of this size, so that one waiting sample does not hold on to more.
const PIECE: usize = 1 << 20;

/// More attempts than a writer with the smallest sensible segments can spoil.
const ATTEMPTS: u32 = 1000;

/// A journal segment that is being followed.
#[derive(Debug)]
struct Followed {
    first_seq: u64,
    path: PathBuf,
    file: File,
    inode: u64,
    /// Offset of the first byte not read.
    offset: u64,
    last_seq: u64,
}

/// Where the last refresh stopped.
#[derive(Debug, Default)]
pub struct Follower {
    segments: Vec<Followed>,
    /// Length and inode of the catalog when it was read.
    catalog: Option<(u64, u64)>,
    last_seq: u64,
}

struct Fresh {
    head: SampleHead,
    payload: Bytes,
}

impl Follower {
    /// Updates the snapshot; damage goes to `problems`, once.
    pub fn refresh(
        &mut self,
        snapshot: &mut Snapshot,
        problems: &mut Vec<Problem>,
    ) -> Result<(), StoreError> {
        for attempt in 1.. {
            self.open_segments(snapshot)?;
            let held: Vec<u64> = self.segments.iter().map(|s| s.inode).collect();
            read_shards(snapshot, !self.segments.is_empty(), problems)?;
            self.open_segments(snapshot)?;
            let still = self.segments.iter().take(held.len()).map(|s| s.inode);
            if still.eq(held.iter().copied()) && held.is_empty() == self.segments.is_empty() {
                break;
            }
            if attempt == ATTEMPTS {
                let path = snapshot.dir.join(JOURNAL);
                return Err(StoreError::io(&path, "follow")(io::ErrorKind::ResourceBusy.into()));
            }
        }
        let fresh = self.read_journal(problems)?;
        self.read_catalog(snapshot, problems)?;
        trim(snapshot);
        place(snapshot, fresh, problems);
        let sealed = snapshot.shards.values().flat_map(|s| s.marks.values());
        let sealed = sealed.map(|mark| mark.seq).max().unwrap_or(0);
        snapshot.through = snapshot.through.max(self.last_seq).max(sealed);
        Ok(())
    }

    /// Opens the segments there are and lets go of those that are gone.
    fn open_segments(&mut self, snapshot: &mut Snapshot) -> Result<(), StoreError> {
        let journal = snapshot.dir.join(JOURNAL);
        'again: loop {
            let listed = segment::list(&journal)?;
            let mut segments = Vec::with_capacity(listed.len());
            for found in listed {
                let path = found.path;
                let file = match File::open(&path) {
                    Ok(file) => file,
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {
                        self.segments.append(&mut segments);
                        continue 'again;
                    }
                    Err(e) => return Err(StoreError::io(&path, "open")(e)),
                };
                let meta = file.metadata().map_err(StoreError::io(&path, "read"))?;
                let inode = meta.ino();
                let known = self.segments.iter().position(|s| s.inode == inode && s.path == path);
                segments.push(match known {
                    Some(i) => {
                        let known = self.segments.remove(i);
                        if meta.len() < known.offset {
                            // Its writer cut what it could not make durable: read all again.
                            self.segments.clear();
                            self.last_seq = 0;
                            snapshot.tail.clear();
                            continue 'again;
                        }
                        known
                    }
                    None => Followed {
                        first_seq: found.first_seq,
                        path,
                        file,
                        inode,
                        offset: 0,
                        last_seq: 0,
                    },
                });
            }
            self.segments = segments;
            return Ok(());
        }
    }

    fn read_journal(&mut self, problems: &mut Vec<Problem>) -> Result<Vec<Fresh>, StoreError> {
        let mut fresh = Vec::new();
        for i in 0..self.segments.len() {
            let follows = match self.segments.get(i + 1) {
                Some(next) => next.follows()?,
                None => None,
            };
            let segment = &mut self.segments[i];
            segment.last_seq = segment.last_seq.max(self.last_seq).max(segment.first_seq - 1);
            segment.read(follows, &mut fresh, problems)?;
            self.last_seq = self.last_seq.max(segment.last_seq);
        }
        Ok(fresh)
    }

    fn read_catalog(
        &mut self,
        snapshot: &mut Snapshot,
        problems: &mut Vec<Problem>,
    ) -> Result<(), StoreError> {
        let path = catalog::path(&snapshot.dir);
        let meta = match fs::metadata(&path) {
            Ok(meta) => Some((meta.len(), meta.ino())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(StoreError::io(&path, "read")(e)),
        };
        if meta == self.catalog {
            return Ok(());
        }
        let catalog = Catalog::read(&snapshot.dir)?;
        for damage in &catalog.damage {
            add(problems, Problem::journal(&path, damage));
        }
        for (i, meta) in catalog.topics.into_iter().enumerate() {
            let old = snapshot.topics.get_mut(i);
            match old {
                Some(old) if old.meta == meta => {}
                Some(old) => *old = topic(meta),
                None => snapshot.topics.push(topic(meta)),
            }
        }
        snapshot.series = catalog.series;
        self.catalog = meta;
        Ok(())
    }
}

fn topic(meta: Arc<crate::TopicMeta>) -> Topic {
    let plan = meta.descriptor.as_ref().and_then(Plan::new).map(Arc::new);
    Topic { meta, plan }
}

impl Followed {
    fn follows(&self) -> Result<Option<u64>, StoreError> {
        let mut header = [0; HEADER];
        match self.file.read_exact_at(&mut header, 0) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(e) => return Err(StoreError::io(&self.path, "read")(e)),
        }
        Ok(match segment::read_header(&header, JOURNAL_MAGIC) {
            Head::Good { follows, .. } => Some(follows),
            _ => None,
        })
    }

    /// Reads to the end, or to a record that is not whole yet.
    fn read(
        &mut self,
        follows: Option<u64>,
        fresh: &mut Vec<Fresh>,
        problems: &mut Vec<Problem>,
    ) -> Result<(), StoreError> {
        let failed = |path: &PathBuf| StoreError::io(path, "read");
        let len = self.file.metadata().map_err(failed(&self.path))?.len();
        if self.offset == 0 {
            let mut header = [0; HEADER];
            if len < HEADER as u64 {
                return Ok(());
            }
            self.file.read_exact_at(&mut header, 0).map_err(failed(&self.path))?;
            if let Head::Bad(what) = segment::read_header(&header, JOURNAL_MAGIC) {
                let remedy = "its records are read all the same; run `tidewire verify`";
                add(problems, Problem::new(&self.path, 0, what, remedy));
            }
            self.offset = HEADER as u64;
        }
        let mut wanted = PIECE;
        while self.offset < len {
            let take = (len - self.offset).min(wanted as u64) as usize;
            let mut piece = vec![0; take];
            self.file.read_exact_at(&mut piece, self.offset).map_err(failed(&self.path))?;
            let piece = Bytes::from(piece);
            let last = self.offset + take as u64 == len;
            // In the middle of a file the end of a piece is no end of the segment.
            let next_follows = if last { follows } else { None };
            let before = self.last_seq;
            let walk = segment::walk(&piece, 0, before, next_follows, |_, record| {
                if let Record::Sample { head, payload } = record
                    && follows.is_none_or(|f| head.seq <= f)
                {
                    fresh.push(Fresh { head, payload: piece.slice_ref(payload) });
                }
            });
            for damage in walk.damage {
                let offset = self.offset + damage.offset;
                add(problems, Problem::journal(&self.path, &segment::Damage { offset, ..damage }));
            }
            self.last_seq = walk.last_seq;
            if walk.end == 0 && !last {
                // A record longer than the piece.
                wanted *= 2;
                continue;
            }
            wanted = PIECE;
            self.offset += walk.end;
            if last {
                break;
            }
        }
        Ok(())
    }
}

/// `open`: the recording has a journal, so it is being written or its writer died.
fn read_shards(
    snapshot: &mut Snapshot,
    open: bool,
    problems: &mut Vec<Problem>,
) -> Result<(), StoreError> {
    let listed = path::list(&snapshot.dir, snapshot.period_ns)?;
    let mut shards = std::mem::take(&mut snapshot.shards);
    for key in listed {
        let dir = key.dir(&snapshot.dir, snapshot.period_ns);
        let file = dir.join(DATA);
        let old = shards.remove(&key);
        let state = match read_meta(&file) {
            Ok(meta) => match old {
                Some(old) if old.txn == meta.txn && old.broken.is_none() => old,
                _ => Arc::new(read_marks(&dir, snapshot.map_bytes)),
            },
            // Being made: LMDB writes its first pages with one write.
            Err(PageError::Bad(_)) if open && fs::metadata(&file).is_ok_and(|m| m.len() == 0) => {
                continue;
            }
            Err(PageError::Bad(page)) => Arc::new(ShardState {
                txn: 0,
                marks: HashMap::new(),
                broken: Some((page.offset, page.what)),
            }),
            // Dropped by retention since it was listed.
            Err(PageError::Io(e)) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(PageError::Io(e)) => return Err(StoreError::io(&file, "read")(e)),
        };
        if let Some((offset, what)) = &state.broken {
            let remedy = "its samples are missing from every answer; restore the shard's folder";
            add(problems, Problem::new(&file, *offset, what.clone(), remedy));
        }
        snapshot.shards.insert(key, state);
    }
    Ok(())
}

/// The commit's number is taken inside the transaction's reach: read again when it moves on.
fn read_marks(dir: &std::path::Path, map_bytes: usize) -> ShardState {
    let file = dir.join(DATA);
    let mut state = ShardState { txn: 0, marks: HashMap::new(), broken: None };
    let result = ShardEnv::open(dir, map_bytes, Missing::Fail).and_then(|env| {
        env.read(|view| {
            state.txn = view.txn_id();
            view.range(&[WATERMARK], &[WATERMARK + 1], |key, value| {
                let mark = Watermark::read(value).map_err(|e| StoreError::damaged(&file, 0, e))?;
                state.marks.extend(series_of(key).map(|series| (series, mark)));
                Ok(())
            })
        })
    });
    if let Err(error) = result {
        state.broken = Some(match error {
            StoreError::Damaged { offset, what, .. } => (offset, what),
            other => (0, other.to_string()),
        });
    }
    state
}

/// Drops from the tail what is in shards by now.
fn trim(snapshot: &mut Snapshot) {
    let keys: Vec<(u32, i64)> = snapshot.tail.keys().copied().collect();
    for (series, period) in keys {
        let sealed = snapshot.sealed(series, period);
        let Some(samples) = snapshot.tail.get_mut(&(series, period)) else { continue };
        if samples.first().is_none_or(|first| first.seq > sealed) {
            continue;
        }
        let kept: Vec<_> = samples.iter().filter(|s| s.seq > sealed).cloned().collect();
        if kept.is_empty() {
            snapshot.tail.remove(&(series, period));
        } else {
            *samples = Arc::new(kept);
        }
    }
}

fn place(snapshot: &mut Snapshot, fresh: Vec<Fresh>, problems: &mut Vec<Problem>) {
    let mut sealed: HashMap<(u32, i64), u64> = HashMap::new();
    for Fresh { head, payload } in fresh {
        let Some(series) = snapshot.series.get(head.series as usize) else {
            let what = format!("journal seq {} is of a series that is not in it", head.seq);
            let remedy = "run `tidewire verify`";
            add(problems, Problem::new(&catalog::path(&snapshot.dir), 0, what, remedy));
            continue;
        };
        let point = series.point.clone();
        let key = (head.series, period_of(head.source_time, snapshot.period_ns));
        let mark = *sealed.entry(key).or_insert_with(|| snapshot.sealed(key.0, key.1));
        if head.seq <= mark {
            continue;
        }
        let info = SampleInfo {
            source_time: head.source_time,
            reception_time: head.reception_time,
            writer: head.writer,
            sequence: head.sequence,
            key: head.key,
            state: head.state,
            point,
        };
        let samples = snapshot.tail.entry(key).or_default();
        Arc::make_mut(samples).push(TailSample { seq: head.seq, sample: Sample { info, payload } });
    }
}

fn add(problems: &mut Vec<Problem>, problem: Problem) {
    if !problems.contains(&problem) {
        tracing::error!("{problem}");
        problems.push(problem);
    }
}

//! Opening a recording: what a crash left is found, cut, replayed and reported.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::append::topics_of;
use super::state::{Batch, State};
use crate::catalog::{self, Catalog};
use crate::journal::record::Record;
use crate::journal::segment::{self, HEADER, Head, JOURNAL_MAGIC, SegmentFile};
use crate::shard::env::{Missing, ShardEnv};
use crate::shard::key::{WATERMARK, Watermark, series_key};
use crate::shard::path::{self, ShardKey, period_of};
use crate::verify::Problem;
use crate::{StoreError, StoreOptions};

/// What [`crate::Store::open`] found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Samples taken over from the journal because no shard had them yet.
    pub replayed: u64,
    /// Samples in the journal that shards had already.
    pub skipped: u64,
    /// Bytes of torn writes that were cut; no commit had acknowledged them.
    pub torn_bytes: u64,
    /// Damage: never expected after a crash, always a reason to look at the disk.
    pub problems: Vec<Problem>,
}

/// What the threads start from.
pub struct Recovered {
    pub state: State,
    pub segments: Vec<SegmentFile>,
    /// Segments to keep as evidence when they are sealed.
    pub damaged: Vec<PathBuf>,
    /// The catalog had damage or a torn tail: write it anew.
    pub rewrite_catalog: bool,
    /// Last seq the journal holds.
    pub last_seq: u64,
    pub report: Recovery,
}

pub fn recover(
    dir: &Path,
    options: &StoreOptions,
    period_ns: i64,
) -> Result<Recovered, StoreError> {
    let mut report = Recovery::default();
    let catalog = Catalog::read(dir)?;
    let catalog_path = catalog::path(dir);
    let rewrite_catalog = catalog.torn > 0 || !catalog.damage.is_empty() || catalog.len == 0;
    report.torn_bytes += catalog.torn;
    for damage in &catalog.damage {
        report.problems.push(Problem::journal(&catalog_path, damage));
    }
    let journal = dir.join(JOURNAL);
    let mut segments = segment::list(&journal)?;
    let mut state = empty_state(catalog, options);
    let mut damaged = Vec::new();
    let mut marks = Marks { dir, options, period_ns, known: HashMap::new() };
    let mut last_seq = 0;
    let mut files = Vec::new();
    for segment in &segments {
        let path = &segment.path;
        let bytes = fs::read(path).map_err(StoreError::io(path, "read"))?;
        files.push((segment::read_header(&bytes, JOURNAL_MAGIC), bytes));
    }
    for (i, segment) in segments.iter().enumerate() {
        let path = &segment.path;
        let (head, bytes) = &files[i];
        let next_follows = files.get(i + 1).and_then(|(head, _)| match head {
            Head::Good { follows, .. } => Some(*follows),
            _ => None,
        });
        match head {
            Head::Good { .. } => {}
            Head::Short => {
                report.torn_bytes += bytes.len() as u64;
                continue;
            }
            Head::Bad(what) => {
                report.problems.push(Problem::new(path, 0, what.clone(), DAMAGED_JOURNAL));
                damaged.push(path.clone());
            }
        }
        let mut failure = None;
        let before = last_seq.max(segment.first_seq.saturating_sub(1));
        let walk = segment::walk(bytes, HEADER, before, next_follows, |offset, record| {
            let Record::Sample { head, payload } = record else { return };
            let Some(series) = state.series.get(head.series as usize) else {
                let what = format!(
                    "journal seq {} is of series {}, which the catalog lacks",
                    head.seq, head.series
                );
                report.problems.push(Problem::new(path, offset, what, DAMAGED_JOURNAL));
                return;
            };
            let period = period_of(head.source_time, period_ns);
            let shard = ShardKey { period, partition: series.partition.clone() };
            match marks.get(shard, head.series) {
                Ok(mark) if head.seq <= mark => report.skipped += 1,
                Ok(_) => {
                    state.place(options, period, &head, payload);
                    report.replayed += 1;
                }
                Err(error) => failure = Some(error),
            }
        });
        if let Some(error) = failure {
            return Err(error);
        }
        last_seq = walk.last_seq;
        if !walk.damage.is_empty() {
            damaged.push(path.clone());
        }
        report.problems.extend(walk.damage.iter().map(|d| Problem::journal(path, d)));
        report.torn_bytes += walk.torn;
        settle(options, path, walk.end, walk.torn)?;
    }
    // A segment without a whole header holds nothing; a new one may want its name.
    let mut kept = Vec::new();
    for (segment, (head, _)) in segments.drain(..).zip(&files) {
        if *head == Head::Short {
            let path = &segment.path;
            options.files.remove(path).map_err(StoreError::io(path, "remove"))?;
        } else {
            kept.push(segment);
        }
    }
    // Seqs are never used twice: a fresh reservation begins above all that were given out, and
    // where the catalog cannot be trusted for that, above everything any shard knows.
    let mut floor = last_seq.max(state.catalog.reserved);
    if let Some(segment) = kept.last() {
        floor = floor.max(segment.first_seq);
    }
    if rewrite_catalog {
        floor = floor.max(highest_watermark(dir, options, period_ns)?);
    }
    state.next_seq = floor + 1;
    state.catalog.reserved = floor;
    Ok(Recovered { state, segments: kept, damaged, rewrite_catalog, last_seq, report })
}

/// Folder of the journal inside a recording.
pub const JOURNAL: &str = "journal";

const DAMAGED_JOURNAL: &str = "the records around it were recovered; the segment is kept as \
     *.damaged for inspection, check the disk";

/// Cuts a torn tail and makes what was recovered durable before it counts as acknowledged: the
/// crash may have come between a write and its fdatasync.
fn settle(options: &StoreOptions, path: &Path, end: u64, torn: u64) -> Result<(), StoreError> {
    let mut file = options.files.open(path).map_err(StoreError::io(path, "open"))?;
    if torn > 0 {
        file.truncate(end).map_err(StoreError::io(path, "truncate"))?;
    }
    if options.fsync {
        file.sync().map_err(StoreError::io(path, "sync"))?;
    }
    Ok(())
}

/// Watermarks of the shards that the journal speaks of.
struct Marks<'a> {
    dir: &'a Path,
    options: &'a StoreOptions,
    period_ns: i64,
    known: HashMap<(ShardKey, u32), u64>,
}

impl Marks<'_> {
    fn get(&mut self, shard: ShardKey, series: u32) -> Result<u64, StoreError> {
        if let Some(&mark) = self.known.get(&(shard.clone(), series)) {
            return Ok(mark);
        }
        let dir = shard.dir(self.dir, self.period_ns);
        let mark = if dir.join(path::DATA).exists() {
            let env = ShardEnv::open(&dir, self.options.map_bytes, Missing::Fail)?;
            env.read(|view| {
                let Some(bytes) = view.get(&series_key(WATERMARK, series))? else { return Ok(0) };
                let file = dir.join(path::DATA);
                let mark = Watermark::read(bytes).map_err(|e| StoreError::damaged(&file, 0, e))?;
                Ok(mark.seq)
            })?
        } else {
            0
        };
        self.known.insert((shard, series), mark);
        Ok(mark)
    }
}

fn highest_watermark(
    dir: &Path,
    options: &StoreOptions,
    period_ns: i64,
) -> Result<u64, StoreError> {
    let mut highest = 0;
    for shard in path::list(dir, period_ns)? {
        let shard = shard.dir(dir, period_ns);
        let env = ShardEnv::open(&shard, options.map_bytes, Missing::Fail)?;
        env.read(|view| {
            view.range(&[WATERMARK], &[WATERMARK + 1], |_, value| {
                let mark = Watermark::read(value)
                    .map_err(|e| StoreError::damaged(&shard.join(path::DATA), 0, e))?;
                highest = highest.max(mark.seq);
                Ok(())
            })
        })?;
    }
    Ok(highest)
}

fn empty_state(catalog: Catalog, options: &StoreOptions) -> State {
    let mut state = State {
        topics: topics_of(&catalog),
        series: Vec::new(),
        catalog_pending: Vec::new(),
        catalog_wanted: 0,
        catalog_done: 0,
        next_seq: 1,
        batch: Batch::default(),
        backlog: 0,
        hurry: false,
        full: Default::default(),
        spare: Vec::new(),
        unsealed: 0,
        sealing_from: None,
        seal_wanted: 0,
        seal_done: 0,
        journal_refusal: None,
        space_refusal: None,
        shard_refusal: None,
        closing: false,
        committer_done: false,
        sealer_done: false,
        samples: 0,
        payload_bytes: 0,
        catalog,
    };
    for i in 0..state.catalog.series.len() {
        let series = state.catalog.series[i].clone();
        state.add_series(options, series.topic.0, &series.point);
    }
    state
}

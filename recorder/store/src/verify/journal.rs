//! The journal's records and whether they fit catalog and watermarks.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::shard::Marks;
use super::{Problem, VerifyReport};
use crate::StoreError;
use crate::catalog::Catalog;
use crate::journal::record::Record;
use crate::journal::segment::{self, HEADER, Head, JOURNAL_MAGIC};
use crate::manifest::Manifest;
use crate::shard::path::{ShardKey, period_of};
use crate::store::{JOURNAL, period_ns};

pub struct Segment {
    path: PathBuf,
    first_seq: u64,
    pub bytes: Vec<u8>,
}

/// Reads all segments at one go; a live writer may remove some meanwhile.
pub fn read(dir: &Path, report: &mut VerifyReport) -> Result<Vec<Segment>, StoreError> {
    let mut segments = Vec::new();
    for file in segment::list(&dir.join(JOURNAL))? {
        match fs::read(&file.path) {
            Ok(bytes) => {
                segments.push(Segment { path: file.path, first_seq: file.first_seq, bytes });
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => {
                let what = format!("cannot be read: {e}");
                let remedy = "check the disk and the file's permissions";
                report.problems.push(Problem::new(&file.path, 0, what, remedy));
            }
        }
    }
    Ok(segments)
}

pub fn verify(
    segments: &[Segment],
    manifest: &Manifest,
    catalog: Option<&Catalog>,
    marks: &Marks,
    report: &mut VerifyReport,
) {
    let period_ns = period_ns(manifest);
    let mut last_seq = 0;
    for (i, segment) in segments.iter().enumerate() {
        report.segments += 1;
        let path = &segment.path;
        match segment::read_header(&segment.bytes, JOURNAL_MAGIC) {
            Head::Good { first_seq, .. } if first_seq == segment.first_seq => {}
            Head::Good { first_seq, .. } => {
                let what = format!("its header says it begins at journal seq {first_seq}");
                let remedy = "give the file its name back: the 20-digit seq";
                report.problems.push(Problem::new(path, 16, what, remedy));
            }
            Head::Short => {
                report.torn_bytes += segment.bytes.len() as u64;
                continue;
            }
            Head::Bad(what) => {
                let remedy = "its records are read all the same on the next opening";
                report.problems.push(Problem::new(path, 0, what, remedy));
            }
        }
        let next = segments.get(i + 1);
        let next_follows = next.and_then(|s| match segment::read_header(&s.bytes, JOURNAL_MAGIC) {
            Head::Good { follows, .. } => Some(follows),
            _ => None,
        });
        let before = last_seq.max(segment.first_seq.saturating_sub(1));
        let (mut waiting, mut unknown) = (0, None);
        let each = |offset, record: Record<'_>| {
            let Record::Sample { head, .. } = record else { return };
            let series = catalog.and_then(|c| c.series.get(head.series as usize));
            let Some(series) = series else {
                unknown.get_or_insert((offset, head.series));
                return;
            };
            let partition = manifest.partition.name(&series.point).into();
            let key = ShardKey { period: period_of(head.source_time, period_ns), partition };
            let mark = marks.get(&(key, head.series)).copied().unwrap_or(0);
            waiting += u64::from(head.seq > mark);
        };
        let walk = segment::walk(&segment.bytes, HEADER, before, next_follows, each);
        last_seq = walk.last_seq;
        report.journal_samples += waiting;
        report.torn_bytes += walk.torn;
        report.problems.extend(walk.damage.iter().map(|d| Problem::journal(path, d)));
        if let (Some((offset, series)), true) = (unknown, catalog.is_some()) {
            let what = format!("a record is of series {series}, which the catalog lacks");
            let remedy = "restore catalog.twl from a copy of the recording";
            report.problems.push(Problem::new(path, offset, what, remedy));
        }
    }
}

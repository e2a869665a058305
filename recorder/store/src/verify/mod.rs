//! Reading everything back and saying what is wrong, where, and what to do.
//!
//! ```
//! use tidewire_store::{Store, StoreOptions, verify};
//!
//! let dir = tempfile::tempdir()?;
//! Store::open(dir.path(), StoreOptions::default())?.close()?;
//! let report = verify(dir.path(), |_| {})?;
//! assert!(report.is_clean());
//!
//! std::fs::write(dir.path().join("catalog.twl"), "something else entirely, forty bytes or more")?;
//! let report = verify(dir.path(), |_| {})?;
//! assert_eq!(report.problems[0].file, dir.path().join("catalog.twl"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod journal;
mod shard;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::StoreError;
use crate::catalog::{self, Catalog};
use crate::journal::segment::Damage;
use crate::manifest::Manifest;
use crate::shard::path;
use crate::store::{disk_bytes, period_ns};

/// What a verification has read and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Samples in sealed blocks, each decoded.
    pub sealed_samples: u64,
    /// Samples that only the journal has.
    pub journal_samples: u64,
    /// Blocks decoded.
    pub blocks: u64,
    /// Shards read.
    pub shards: u64,
    /// Journal segments read.
    pub segments: u64,
    /// Bytes after the journal's last whole record: a write that a crash tore and that was never
    /// acknowledged, or one that is going on now. No damage.
    pub torn_bytes: u64,
    /// Everything that is not as it was written.
    pub problems: Vec<Problem>,
}

impl VerifyReport {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// All samples that can be read.
    pub fn samples(&self) -> u64 {
        self.sealed_samples + self.journal_samples
    }
}

/// How far a verification has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read.
    pub done: u64,
    /// Bytes of the recording when it began.
    pub total: u64,
}

/// Reads a whole recording back with plain reads, so that no damage can crash the process: the
/// manifest, the catalog, every journal record's checksum, every page, index entry and block of
/// every shard, and whether counts, watermarks and blocks agree. A writer may go on meanwhile.
///
/// # Errors
/// Only where there is nothing to verify: no manifest, or one of a newer version. All else is a
/// [`Problem`] in the report.
pub fn verify(
    dir: impl AsRef<Path>,
    mut progress: impl FnMut(Progress),
) -> Result<VerifyReport, StoreError> {
    let dir = dir.as_ref();
    let manifest = Manifest::read(dir)?;
    let period_ns = period_ns(&manifest);
    let mut report = VerifyReport::default();
    let total = disk_bytes(dir);
    let mut done = 0;
    // Journal first: what is sealed while this runs is then found in its shard as well, and
    // counted where the watermark says.
    let segments = journal::read(dir, &mut report)?;
    done += segments.iter().map(|s| s.bytes.len() as u64).sum::<u64>();
    progress(Progress { done: done.min(total), total });
    let catalog = read_catalog(dir, &mut report);
    let mut marks = shard::Marks::new();
    for key in path::list(dir, period_ns)? {
        let shard = key.dir(dir, period_ns);
        done += shard::verify(&shard, &key, catalog.as_ref(), &mut marks, &mut report);
        progress(Progress { done: done.min(total), total });
    }
    journal::verify(&segments, &manifest, catalog.as_ref(), &marks, &mut report);
    progress(Progress { done: total, total });
    Ok(report)
}

fn read_catalog(dir: &Path, report: &mut VerifyReport) -> Option<Catalog> {
    let path = catalog::path(dir);
    let remedy = "topics and series after that place may be unknown; restore the file from a copy";
    match Catalog::read(dir) {
        Ok(catalog) => {
            let damage = catalog.damage.iter();
            report
                .problems
                .extend(damage.map(|d| Problem::new(&path, d.offset, d.what.clone(), remedy)));
            report.torn_bytes += catalog.torn;
            Some(catalog)
        }
        Err(StoreError::Damaged { offset, what, .. }) => {
            report.problems.push(Problem::new(&path, offset, what, remedy));
            None
        }
        Err(error) => {
            report.problems.push(Problem::new(&path, 0, error.to_string(), remedy));
            None
        }
    }
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// Where in it, in bytes.
    pub offset: u64,
    /// What is wrong there.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl Problem {
    pub(crate) fn new(
        file: &Path,
        offset: u64,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { file: file.to_owned(), offset, what: what.into(), remedy: remedy.into() }
    }

    pub(crate) fn journal(file: &Path, damage: &Damage) -> Self {
        let remedy = "what precedes and follows is recovered on the next opening; check the disk";
        Self::new(file, damage.offset, damage.what.clone(), remedy)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, what, remedy } = self;
        write!(f, "{}, offset {offset}: {what}; {remedy}", file.display())
    }
}

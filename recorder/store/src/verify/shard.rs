//! A shard's pages, blocks, index and watermarks, without mapping the file.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::{Problem, VerifyReport};
use crate::block::decode;
use crate::block::header::BlockHeader;
use crate::block::plan::Plan;
use crate::catalog::Catalog;
use crate::shard::key::{BLOCK, BlockKey, INDEX, SERIES, WATERMARK, Watermark, series_of};
use crate::shard::pages::{PageError, PageFile};
use crate::shard::path::{DATA, ShardKey};

/// Journal seq up to which a series is sealed, per shard.
pub type Marks = HashMap<(ShardKey, u32), u64>;

const RESTORE: &str = "the other blocks can still be read; restore the shard's folder from a copy";

/// A live writer may recycle pages under the walk: then it is repeated on the newer commit.
const ATTEMPTS: usize = 20;

/// What one attempt found.
#[derive(Default)]
struct Found {
    index: BTreeMap<BlockKey, BlockHeader>,
    marks: BTreeMap<u32, Watermark>,
    named: BTreeMap<u32, Vec<u8>>,
    blocks: u64,
    samples: u64,
    problems: Vec<Problem>,
}

/// Verifies one shard and returns the bytes it read.
pub fn verify(
    dir: &Path,
    key: &ShardKey,
    catalog: Option<&Catalog>,
    marks: &mut Marks,
    report: &mut VerifyReport,
) -> u64 {
    let path = dir.join(DATA);
    report.shards += 1;
    let mut found = Found::default();
    let mut before = None;
    for _ in 0..ATTEMPTS {
        found = Found::default();
        let file = match PageFile::open(&path) {
            Ok(file) => file,
            Err(error) => {
                found.problems.push(page_problem(&path, error));
                break;
            }
        };
        found.read(&path, &file, catalog);
        let txn = file.meta.txn;
        if found.problems.is_empty() || before == Some(txn) {
            break;
        }
        before = Some(txn);
    }
    for (&series, mark) in &found.marks {
        marks.insert((key.clone(), series), mark.seq);
    }
    report.blocks += found.blocks;
    report.sealed_samples += found.samples;
    report.problems.append(&mut found.problems);
    std::fs::metadata(&path).map_or(0, |m| m.len())
}

fn page_problem(path: &Path, error: PageError) -> Problem {
    match error {
        PageError::Io(error) => {
            let remedy = "check the disk and the file's permissions";
            Problem::new(path, 0, format!("cannot be read: {error}"), remedy)
        }
        PageError::Bad(page) => Problem::new(path, page.offset, page.what, RESTORE),
    }
}

impl Found {
    fn read(&mut self, path: &Path, file: &PageFile, catalog: Option<&Catalog>) {
        // Index entries sort after the blocks they describe, so they are read first.
        let small = |key: &[u8]| key.first() != Some(&BLOCK);
        let walked = file.walk(&small, &mut |key, value, offset| {
            if small(key) {
                self.entry(path, key, value, offset);
            }
        });
        if let Err(error) = walked {
            self.problems.push(page_problem(path, error));
        }
        let plans: Vec<Option<Plan>> = catalog.map_or(Vec::new(), |c| {
            c.topics.iter().map(|t| t.descriptor.as_ref().and_then(Plan::new)).collect()
        });
        let plan_of = |series: u32| {
            let topic = catalog?.series.get(series as usize)?.topic;
            plans.get(topic.0 as usize)?.as_ref()
        };
        let mut missing: BTreeMap<BlockKey, ()> = self.index.keys().map(|k| (*k, ())).collect();
        let _ = file.walk(&|key| key.first() == Some(&BLOCK), &mut |key, value, offset| {
            if key.first() != Some(&BLOCK) {
                return;
            }
            let header = BlockKey::read(key).and_then(|key| {
                missing.remove(&key);
                Some((key, self.index.get(&key)?))
            });
            let Some((key, header)) = header else {
                let what = "a block has no index entry";
                self.problems.push(Problem::new(path, offset, what, RESTORE));
                return;
            };
            match check_block(&key, header, value, plan_of(key.series)) {
                Ok(samples) => {
                    self.blocks += 1;
                    self.samples += samples;
                }
                Err(what) => {
                    let what = format!(
                        "block of series {} at {} ns ({} samples): {what}",
                        key.series, key.start, header.count
                    );
                    self.problems.push(Problem::new(path, offset, what, RESTORE));
                }
            }
        });
        for key in missing.keys() {
            let what = format!("the block of series {} at {} ns is missing", key.series, key.start);
            self.problems.push(Problem::new(path, 0, what, RESTORE));
        }
        self.compare(path, catalog);
    }

    fn entry(&mut self, path: &Path, key: &[u8], value: &[u8], offset: u64) {
        let bad = match key.first() {
            Some(&INDEX) => match (BlockKey::read(key), BlockHeader::read(value)) {
                (Some(key), Ok(header)) => {
                    self.index.insert(key, header);
                    return;
                }
                (None, _) => "an index key has no sense".into(),
                (_, Err(what)) => what,
            },
            Some(&WATERMARK) => match (series_of(key), Watermark::read(value)) {
                (Some(series), Ok(mark)) => {
                    self.marks.insert(series, mark);
                    return;
                }
                (None, _) => "a watermark's key has no sense".into(),
                (_, Err(what)) => what,
            },
            Some(&SERIES) => {
                self.named.extend(series_of(key).map(|series| (series, value.to_vec())));
                return;
            }
            _ => "an entry has an unknown key".into(),
        };
        self.problems.push(Problem::new(path, offset, bad, RESTORE));
    }

    /// Whether index, watermarks and names speak of the same things.
    fn compare(&mut self, path: &Path, catalog: Option<&Catalog>) {
        let mut sums: BTreeMap<u32, Watermark> = BTreeMap::new();
        for (key, header) in &self.index {
            let sum = sums.entry(key.series).or_default();
            sum.seq = sum.seq.max(header.last_seq);
            sum.samples += u64::from(header.count);
            sum.alive += u64::from(header.alive);
            sum.blocks += 1;
            sum.payload_bytes += header.payload_bytes;
            sum.min_time = sum.min_time.min(header.min_time);
            sum.max_time = sum.max_time.max(header.max_time);
        }
        if self.problems.is_empty() && sums != self.marks {
            let differs = |s: &&u32| sums.get(s) != self.marks.get(s);
            let series = sums.keys().chain(self.marks.keys()).find(differs).copied();
            let what = format!(
                "series {}: its blocks and its watermark do not agree",
                series.unwrap_or_default()
            );
            self.problems.push(Problem::new(path, 0, what, RESTORE));
        }
        let Some(catalog) = catalog else { return };
        for (&series, name) in &self.named {
            let known = catalog.series.get(series as usize);
            let point = name.iter().skip(4).position(|&b| b == 0).map(|at| &name[at + 5..]);
            if known.is_none_or(|known| point != Some(known.point.as_bytes())) {
                let what = format!("series {series} has another name in the catalog");
                let remedy = "restore catalog.twl or the shard's folder from the same copy";
                self.problems.push(Problem::new(path, 0, what, remedy));
            }
        }
    }
}

fn check_block(
    key: &BlockKey,
    header: &BlockHeader,
    data: &[u8],
    plan: Option<&Plan>,
) -> Result<u64, String> {
    let rows = decode::rows(header, data, plan)?;
    let (first, last) = (rows.source.first(), rows.source.last());
    if first != Some(&header.min_time) || last != Some(&header.max_time) {
        return Err("its times are not those of its index entry".into());
    }
    if !rows.source.is_sorted() {
        return Err("its samples are not in time order".into());
    }
    if key.start != header.min_time || key.seq != header.first_seq {
        return Err("its key is not that of its index entry".into());
    }
    if rows.state.iter().filter(|&&s| s == 0).count() != header.alive as usize {
        return Err("it has another number of data samples than its index entry says".into());
    }
    Ok(rows.len() as u64)
}

//! A journal segment: its header, its name, and a walk over its records that never passes over
//! damage in silence.

use std::fs;
use std::path::{Path, PathBuf};

use super::record::{Record, Step, resync, step, u32_at, u64_at};
use crate::StoreError;

/// Bytes in front of the first record.
pub const HEADER: usize = 40;
const VERSION: u32 = 1;
/// First bytes of a journal segment.
pub const JOURNAL_MAGIC: [u8; 8] = *b"TWJRNL\r\n";
/// First bytes of the catalog.
pub const CATALOG_MAGIC: [u8; 8] = *b"TWCATL\r\n";
/// File name extension of a segment.
pub const EXTENSION: &str = "twj";

/// A segment's header. `follows` is the last seq on disk when the segment was made: the segment
/// before it must hold every seq up to there, and whatever it holds beyond was never acknowledged
/// and is written again here. Seqs jump between two openings of a recording, so `follows` is not
/// always `first_seq - 1`.
pub fn header(magic: [u8; 8], first_seq: u64, follows: u64) -> [u8; HEADER] {
    let mut out = [0u8; HEADER];
    out[..8].copy_from_slice(&magic);
    out[8..12].copy_from_slice(&VERSION.to_le_bytes());
    out[12..16].copy_from_slice(&(HEADER as u32).to_le_bytes());
    out[16..24].copy_from_slice(&first_seq.to_le_bytes());
    out[24..32].copy_from_slice(&follows.to_le_bytes());
    let crc = crc32fast::hash(&out[..HEADER - 4]);
    out[HEADER - 4..].copy_from_slice(&crc.to_le_bytes());
    out
}

/// What a segment's first bytes say.
#[derive(Debug, PartialEq, Eq)]
pub enum Head {
    Good {
        first_seq: u64,
        follows: u64,
    },
    /// Shorter than a header: created, but no commit reached it.
    Short,
    Bad(String),
}

/// Checks a header.
pub fn read_header(bytes: &[u8], magic: [u8; 8]) -> Head {
    if bytes.len() < HEADER {
        return Head::Short;
    }
    if bytes[..8] != magic {
        return Head::Bad("the first 8 bytes are not those of a Tidewire journal".into());
    }
    if crc32fast::hash(&bytes[..HEADER - 4]) != u32_at(bytes, HEADER - 4) {
        return Head::Bad("the header's checksum is wrong".into());
    }
    if u32_at(bytes, 8) != VERSION {
        return Head::Bad(format!("journal version {} is not known", u32_at(bytes, 8)));
    }
    Head::Good { first_seq: u64_at(bytes, 16), follows: u64_at(bytes, 24) }
}

/// A segment as the directory lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFile {
    pub first_seq: u64,
    pub path: PathBuf,
}

/// Path of the segment that starts at `first_seq`.
pub fn path(journal: &Path, first_seq: u64) -> PathBuf {
    journal.join(format!("{first_seq:020}.{EXTENSION}"))
}

/// The segments of a journal folder in order.
pub fn list(journal: &Path) -> Result<Vec<SegmentFile>, StoreError> {
    let entries = match fs::read_dir(journal) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(StoreError::io(journal, "list")(e)),
    };
    let mut segments = Vec::new();
    for entry in entries {
        let path = entry.map_err(StoreError::io(journal, "list"))?.path();
        if path.extension().is_none_or(|e| e != EXTENSION) {
            continue;
        }
        let stem = path.file_stem().and_then(|s| s.to_str());
        if let Some(first_seq) = stem.and_then(|s| s.parse().ok()) {
            segments.push(SegmentFile { first_seq, path });
        }
    }
    segments.sort_by_key(|s| s.first_seq);
    Ok(segments)
}

/// Bytes in the middle of a segment that are no record, with valid records after them, or the loss
/// of records known to have been on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub offset: u64,
    pub what: String,
}

/// What a walk over a segment found beside its records.
#[derive(Debug, Default)]
pub struct Walk {
    /// Offset of the first byte after the last valid record.
    pub end: u64,
    /// Bytes after `end`: a torn write that no commit acknowledged.
    pub torn: u64,
    pub damage: Vec<Damage>,
    /// Seq of the last sample, or of the header's `first_seq - 1`.
    pub last_seq: u64,
}

/// Walks the records from offset `from`, calling `each(offset, record)`.
///
/// `last_seq` is the last sample seq before `from`; `next_follows` is the header field of the
/// following segment, where there is one.
pub fn walk<'a>(
    bytes: &'a [u8],
    from: usize,
    last_seq: u64,
    next_follows: Option<u64>,
    mut each: impl FnMut(u64, Record<'a>),
) -> Walk {
    let mut walk = Walk { last_seq, end: from as u64, ..Walk::default() };
    let mut at = from;
    let mut gap = None;
    loop {
        match step(bytes, at) {
            Step::Record(record, next) => {
                let known = match &record {
                    Record::Sample { head, .. } => head.seq.saturating_sub(1),
                    Record::Mark { durable } => *durable,
                    _ => walk.last_seq,
                };
                if let Some(offset) = gap.take() {
                    walk.damage.push(lost(offset, Some(at - offset), walk.last_seq, known));
                }
                match &record {
                    Record::Sample { head, .. } => {
                        if next_follows.is_some_and(|f| head.seq > f) {
                            break;
                        }
                        // A seq may not go back: such a record is a remnant, not a new sample.
                        if head.seq > walk.last_seq {
                            walk.last_seq = head.seq;
                            each(at as u64, record);
                        }
                    }
                    _ => each(at as u64, record),
                }
                at = next;
                walk.end = at as u64;
            }
            Step::End => break,
            Step::Cut | Step::Bad => {
                gap.get_or_insert(at);
                match resync(bytes, at) {
                    Some(next) => at = next,
                    None => break,
                }
            }
        }
    }
    match next_follows {
        Some(follows) if walk.last_seq < follows => {
            let offset = gap.unwrap_or(walk.end as usize);
            walk.damage.push(lost(offset, None, walk.last_seq, follows));
        }
        Some(_) => {}
        None => walk.torn = bytes.len() as u64 - walk.end,
    }
    walk
}

fn lost(offset: usize, bytes: Option<usize>, before: u64, through: u64) -> Damage {
    let place = match bytes {
        Some(bytes) => format!("{bytes} bytes are no journal record"),
        None => "the segment ends early".to_owned(),
    };
    let what = match through.saturating_sub(before) {
        0 => format!("{place}; no sample is missing"),
        n => format!("{place}; {n} samples are lost (journal seq {} to {through})", before + 1),
    };
    Damage { offset: offset as u64, what }
}

#[cfg(test)]
mod tests {
    use tidewire_idl::{Guid, InstanceState, KeyHash};

    use super::*;
    use crate::journal::record::{SampleHead, mark, put_sample};

    /// Header and samples `1..=n` of 10 bytes each, a mark in front of every fourth.
    fn segment(n: u64) -> (Vec<u8>, Vec<usize>) {
        let mut out = header(JOURNAL_MAGIC, 1, 0).to_vec();
        let mut offsets = Vec::new();
        for seq in 1..=n {
            if seq % 4 == 1 {
                out.extend_from_slice(&mark(seq - 1));
            }
            offsets.push(out.len());
            let head = SampleHead {
                seq,
                series: 0,
                source_time: seq as i64,
                reception_time: 0,
                sequence: seq,
                writer: Guid::default(),
                key: KeyHash::default(),
                state: InstanceState::Alive,
            };
            put_sample(&mut out, &head, &[seq as u8; 10]);
        }
        (out, offsets)
    }

    fn seqs(bytes: &[u8], next_follows: Option<u64>) -> (Vec<u64>, Walk) {
        let mut seqs = Vec::new();
        let walk = walk(bytes, HEADER, 0, next_follows, |_, record| {
            if let Record::Sample { head, .. } = record {
                seqs.push(head.seq);
            }
        });
        (seqs, walk)
    }

    #[test]
    fn header_round_trips_and_refuses_flips() {
        let good = header(JOURNAL_MAGIC, 9, 7);
        assert_eq!(read_header(&good, JOURNAL_MAGIC), Head::Good { first_seq: 9, follows: 7 });
        assert_eq!(read_header(&good[..39], JOURNAL_MAGIC), Head::Short);
        for i in 0..HEADER {
            let mut bad = good;
            bad[i] ^= 1;
            assert!(matches!(read_header(&bad, JOURNAL_MAGIC), Head::Bad(_)), "byte {i}");
        }
    }

    #[test]
    fn every_torn_tail_is_cut_at_the_last_whole_record() {
        let (bytes, offsets) = segment(9);
        for len in HEADER..bytes.len() {
            let whole = offsets.iter().filter(|&&o| o + 90 <= len).count() as u64;
            let (found, walk) = seqs(&bytes[..len], None);
            assert_eq!(found, (1..=whole).collect::<Vec<_>>(), "cut at {len}");
            assert!(walk.damage.is_empty());
            assert_eq!(walk.end + walk.torn, len as u64);
        }
    }

    #[test]
    fn a_bad_record_in_the_middle_is_reported_with_its_offset_and_the_rest_survives() {
        let (bytes, offsets) = segment(9);
        for (i, &offset) in offsets[..8].iter().enumerate() {
            let mut bad = bytes.clone();
            bad[offset + 20] ^= 1;
            let (found, walk) = seqs(&bad, None);
            let expected: Vec<u64> = (1..=9).filter(|&s| s != i as u64 + 1).collect();
            assert_eq!(found, expected);
            assert_eq!(walk.damage.len(), 1);
            assert_eq!(walk.damage[0].offset, offset as u64);
            assert!(walk.damage[0].what.contains("1 samples are lost"), "{:?}", walk.damage);
        }
    }

    #[test]
    fn records_known_to_have_been_on_disk_are_missed() {
        let (bytes, offsets) = segment(9);
        let (found, walk) = seqs(&bytes[..offsets[7]], Some(9));
        assert_eq!(found.len(), 7);
        assert!(walk.damage[0].what.contains("2 samples are lost (journal seq 8 to 9)"));
    }

    #[test]
    fn records_written_again_in_the_next_segment_are_not_doubled() {
        let (bytes, _) = segment(9);
        let (found, walk) = seqs(&bytes, Some(6));
        assert_eq!(found, (1..=6).collect::<Vec<_>>());
        assert!(walk.damage.is_empty());
    }
}

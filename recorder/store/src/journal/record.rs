//! One journal record: 8 bytes of prefix, a body, and a checksum over the body.

use tidewire_idl::{Guid, InstanceState, KeyHash};

/// Length and CRC-32 in front of every body.
pub const PREFIX: usize = 8;
/// A sample's body before its payload.
pub const SAMPLE_FIXED: usize = 72;
/// A mark's body.
pub const MARK_BODY: usize = 16;
/// A catalog entry's body before its name or JSON.
const ENTRY_FIXED: usize = 16;
/// Largest body a record may have; a larger length is damage.
pub const MAX_BODY: usize = 256 << 20;

const KIND_SAMPLE: u8 = 1;
const KIND_MARK: u8 = 2;
const KIND_TOPIC: u8 = 3;
const KIND_SERIES: u8 = 4;
const KIND_RESERVE: u8 = 5;

/// A sample's fixed part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleHead {
    /// Place in the order of appends, from 1.
    pub seq: u64,
    /// Series: (topic, point), see the catalog.
    pub series: u32,
    pub source_time: i64,
    pub reception_time: i64,
    pub sequence: u64,
    pub writer: Guid,
    pub key: KeyHash,
    pub state: InstanceState,
}

/// A decoded record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    Sample {
        head: SampleHead,
        payload: &'a [u8],
    },
    /// First in every group commit: everything up to this seq was on disk before the commit began.
    Mark {
        durable: u64,
    },
    /// Catalog: topic `id` is this JSON.
    Topic {
        id: u32,
        json: &'a [u8],
    },
    /// Catalog: series `id` is `point` of topic `topic`.
    Series {
        id: u32,
        topic: u32,
        point: &'a str,
    },
    /// Catalog: no seq up to this one is given out after the next opening.
    Reserve {
        through: u64,
    },
}

/// Appends a sample record; `head` and `payload` become one body.
pub fn put_sample(out: &mut Vec<u8>, head: &SampleHead, payload: &[u8]) {
    let mut fixed = [0u8; PREFIX + SAMPLE_FIXED];
    let body = &mut fixed[PREFIX..];
    body[0] = KIND_SAMPLE;
    body[1] = head.state as u8;
    body[4..8].copy_from_slice(&head.series.to_le_bytes());
    body[8..16].copy_from_slice(&head.seq.to_le_bytes());
    body[16..24].copy_from_slice(&head.source_time.to_le_bytes());
    body[24..32].copy_from_slice(&head.reception_time.to_le_bytes());
    body[32..40].copy_from_slice(&head.sequence.to_le_bytes());
    body[40..56].copy_from_slice(&head.writer.0);
    body[56..72].copy_from_slice(&head.key.0);
    let start = out.len();
    out.extend_from_slice(&fixed);
    out.extend_from_slice(payload);
    seal(out, start);
}

/// Bytes of a sample record.
pub fn sample_len(payload: usize) -> usize {
    PREFIX + SAMPLE_FIXED + payload
}

/// A whole mark record.
pub fn mark(durable: u64) -> [u8; PREFIX + MARK_BODY] {
    let mut out = [0u8; PREFIX + MARK_BODY];
    out[PREFIX] = KIND_MARK;
    out[PREFIX + 8..].copy_from_slice(&durable.to_le_bytes());
    let crc = crc32fast::hash(&out[PREFIX..]);
    out[..4].copy_from_slice(&(MARK_BODY as u32).to_le_bytes());
    out[4..8].copy_from_slice(&crc.to_le_bytes());
    out
}

/// Appends a catalog topic record.
pub fn put_topic(out: &mut Vec<u8>, id: u32, json: &[u8]) {
    put_entry(out, KIND_TOPIC, id, 0, json);
}

/// Appends a catalog series record.
pub fn put_series(out: &mut Vec<u8>, id: u32, topic: u32, point: &str) {
    put_entry(out, KIND_SERIES, id, topic, point.as_bytes());
}

/// Appends a catalog reservation.
pub fn put_reserve(out: &mut Vec<u8>, through: u64) {
    put_entry(out, KIND_RESERVE, 0, 0, &through.to_le_bytes());
}

fn put_entry(out: &mut Vec<u8>, kind: u8, id: u32, topic: u32, tail: &[u8]) {
    let start = out.len();
    let mut fixed = [0u8; PREFIX + ENTRY_FIXED];
    fixed[PREFIX] = kind;
    fixed[PREFIX + 4..PREFIX + 8].copy_from_slice(&id.to_le_bytes());
    fixed[PREFIX + 8..PREFIX + 12].copy_from_slice(&topic.to_le_bytes());
    out.extend_from_slice(&fixed);
    out.extend_from_slice(tail);
    seal(out, start);
}

fn seal(out: &mut [u8], start: usize) {
    let body = &out[start + PREFIX..];
    let (len, crc) = (body.len() as u32, crc32fast::hash(body));
    out[start..start + 4].copy_from_slice(&len.to_le_bytes());
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// What stands at an offset.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A whole record that ends at this offset.
    Record(Record<'a>, usize),
    /// The buffer ends here.
    End,
    /// The buffer ends inside what may be a record.
    Cut,
    /// No record: its length, checksum or kind is wrong.
    Bad,
}

/// Reads the record at `at`.
pub fn step(buffer: &[u8], at: usize) -> Step<'_> {
    let rest = &buffer[at.min(buffer.len())..];
    if rest.is_empty() {
        return Step::End;
    }
    if rest.len() < PREFIX {
        return Step::Cut;
    }
    let len = u32_at(rest, 0) as usize;
    if !(MARK_BODY..=MAX_BODY).contains(&len) {
        return Step::Bad;
    }
    if rest.len() < PREFIX + len {
        return Step::Cut;
    }
    let body = &rest[PREFIX..PREFIX + len];
    if crc32fast::hash(body) != u32_at(rest, 4) {
        return Step::Bad;
    }
    match decode(body) {
        Some(record) => Step::Record(record, at + PREFIX + len),
        None => Step::Bad,
    }
}

fn decode(body: &[u8]) -> Option<Record<'_>> {
    match body[0] {
        KIND_SAMPLE if body.len() >= SAMPLE_FIXED => Some(Record::Sample {
            head: SampleHead {
                state: InstanceState::from_u8(body[1])?,
                series: u32_at(body, 4),
                seq: u64_at(body, 8),
                source_time: u64_at(body, 16) as i64,
                reception_time: u64_at(body, 24) as i64,
                sequence: u64_at(body, 32),
                writer: Guid(array_at(body, 40)),
                key: KeyHash(array_at(body, 56)),
            },
            payload: &body[SAMPLE_FIXED..],
        }),
        KIND_MARK if body.len() == MARK_BODY => Some(Record::Mark { durable: u64_at(body, 8) }),
        KIND_TOPIC => Some(Record::Topic { id: u32_at(body, 4), json: &body[ENTRY_FIXED..] }),
        KIND_SERIES => Some(Record::Series {
            id: u32_at(body, 4),
            topic: u32_at(body, 8),
            point: std::str::from_utf8(&body[ENTRY_FIXED..]).ok()?,
        }),
        KIND_RESERVE if body.len() == ENTRY_FIXED + 8 => {
            Some(Record::Reserve { through: u64_at(body, ENTRY_FIXED) })
        }
        _ => None,
    }
}

/// Offset of the next valid record after `from`, if the buffer holds one.
///
/// Cheap tests (length in range, known kind, zero reserved bytes) come before the checksum, so a
/// search over megabytes of payload computes few of them.
pub fn resync(buffer: &[u8], from: usize) -> Option<usize> {
    (from + 1..buffer.len().saturating_sub(PREFIX + MARK_BODY - 1)).find(|&at| {
        let body = &buffer[at + PREFIX..];
        matches!(body[0], KIND_SAMPLE..=KIND_RESERVE)
            && body[2] == 0
            && body[3] == 0
            && u32_at(buffer, at) as usize <= body.len()
            && matches!(step(buffer, at), Step::Record(..))
    })
}

pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

pub fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("a slice of N bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(seq: u64) -> SampleHead {
        SampleHead {
            seq,
            series: 7,
            source_time: -5,
            reception_time: 6,
            sequence: 9,
            writer: Guid([1; 16]),
            key: KeyHash([2; 16]),
            state: InstanceState::Disposed,
        }
    }

    #[test]
    fn records_round_trip() {
        let mut out = mark(41).to_vec();
        put_sample(&mut out, &head(42), b"payload");
        put_topic(&mut out, 3, b"{}");
        put_series(&mut out, 4, 3, "plant/p\u{e9}");
        put_reserve(&mut out, 5);
        let mut at = 0;
        let mut seen = Vec::new();
        while let Step::Record(record, next) = step(&out, at) {
            seen.push(record);
            at = next;
        }
        assert_eq!(step(&out, at), Step::End);
        assert_eq!(
            seen,
            [
                Record::Mark { durable: 41 },
                Record::Sample { head: head(42), payload: b"payload" },
                Record::Topic { id: 3, json: b"{}" },
                Record::Series { id: 4, topic: 3, point: "plant/p\u{e9}" },
                Record::Reserve { through: 5 },
            ]
        );
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_seen() {
        let mut out = Vec::new();
        put_sample(&mut out, &head(1), b"0123456789");
        for len in 1..out.len() {
            assert_eq!(step(&out[..len], 0), Step::Cut, "cut at {len}");
        }
        for i in 0..out.len() {
            let mut bad = out.clone();
            bad[i] ^= 0x40;
            assert!(matches!(step(&bad, 0), Step::Bad | Step::Cut), "flipped byte {i}");
        }
        assert_eq!(step(&[0; 64], 0), Step::Bad);
    }

    #[test]
    fn resync_finds_the_next_record() {
        let mut out = Vec::new();
        put_sample(&mut out, &head(1), b"0123456789");
        let second = out.len();
        put_sample(&mut out, &head(2), b"abc");
        out[3] ^= 0xff;
        assert_eq!(resync(&out, 0), Some(second));
        assert_eq!(resync(&out, second), None);
    }
}

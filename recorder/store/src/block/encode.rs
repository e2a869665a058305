//! Sealing: rows in, index entry and compressed bytes out.

use super::column::{put_numbers, put_octets, put_texts};
use super::decode::{self, Decoded};
use super::header::{BlockHeader, Encoding, Stats};
use super::plan::{Plan, head_of};
use super::rows::Rows;

/// Row kinds in a columnar block's first payload column.
pub const SPLIT: u8 = 0;
/// The payload stands in the column of whole payloads.
pub const WHOLE: u8 = 1;

/// A block ready for its shard.
#[derive(Clone, Debug)]
pub struct Sealed {
    pub header: BlockHeader,
    pub data: Vec<u8>,
}

/// Encodes rows; columnar where a plan is given, fits, and gives back the very same bytes.
pub fn encode(rows: &Rows, plan: Option<&Plan>) -> Sealed {
    let sorted = rows.sorted();
    let rows = sorted.as_ref().unwrap_or(rows);
    if let Some(plan) = plan
        && let Some(sealed) = columnar(rows, plan)
    {
        return sealed;
    }
    let mut data = Vec::new();
    put_info(&mut data, rows);
    put_texts(&mut data, &rows.ends, &rows.payload);
    seal(rows, Encoding::Raw, data, Vec::new())
}

fn columnar(rows: &Rows, plan: &Plan) -> Option<Sealed> {
    let n = rows.len();
    let mut columns = plan.columns();
    let mut kinds = Vec::with_capacity(n);
    let (mut head_ends, mut heads) = (Vec::new(), Vec::new());
    let (mut whole_ends, mut whole) = (Vec::new(), Vec::new());
    let mut covered = true;
    for i in 0..n {
        let payload = rows.payload(i);
        if rows.state[i] == 0 && plan.split(payload, &mut columns) {
            kinds.push(SPLIT);
            heads.extend_from_slice(&head_of(payload));
            head_ends.push(heads.len() as u32);
        } else {
            covered &= rows.state[i] != 0;
            kinds.push(WHOLE);
            whole.extend_from_slice(payload);
            whole_ends.push(whole.len() as u32);
        }
    }
    if whole_ends.len() * 2 > n {
        return None;
    }
    let mut data = Vec::new();
    put_info(&mut data, rows);
    put_octets(&mut data, &kinds);
    put_texts(&mut data, &head_ends, &heads);
    put_texts(&mut data, &whole_ends, &whole);
    plan.write(&columns, &mut data);
    let stats = if covered { plan.stats(&columns) } else { Vec::new() };
    let sealed = seal(rows, Encoding::Columnar, data, stats);
    // What cannot be read back exactly is not allowed to replace what was received.
    match decode::rows(&sealed.header, &sealed.data, Some(plan)) {
        Ok(back) if same(rows, &back) => Some(sealed),
        _ => None,
    }
}

fn same(rows: &Rows, back: &Decoded) -> bool {
    rows.payload == back.payload && rows.ends == back.ends
}

fn put_info(out: &mut Vec<u8>, rows: &Rows) {
    let delay: Vec<i64> =
        rows.source.iter().zip(&rows.reception).map(|(s, r)| r.wrapping_sub(*s)).collect();
    put_numbers(out, &rows.source);
    put_numbers(out, &delay);
    put_numbers(out, &rows.sequence);
    put_ids(out, rows.writer.iter().map(|w| w.0));
    put_ids(out, rows.key.iter().map(|k| k.0));
    put_octets(out, &rows.state);
}

fn put_ids(out: &mut Vec<u8>, ids: impl Iterator<Item = [u8; 16]>) {
    let bytes: Vec<u8> = ids.flatten().collect();
    let ends: Vec<u32> = (1..=bytes.len() as u32 / 16).map(|i| i * 16).collect();
    put_texts(out, &ends, &bytes);
}

fn seal(rows: &Rows, encoding: Encoding, data: Vec<u8>, stats: Vec<Stats>) -> Sealed {
    let header = BlockHeader {
        count: rows.len() as u32,
        alive: rows.state.iter().filter(|&&s| s == 0).count() as u32,
        first_seq: rows.first_seq,
        last_seq: rows.last_seq,
        min_time: rows.source.first().copied().unwrap_or_default(),
        max_time: rows.source.last().copied().unwrap_or_default(),
        payload_bytes: rows.payload.len() as u64,
        data_len: data.len() as u32,
        data_crc: crc32fast::hash(&data),
        encoding,
        stats,
    };
    Sealed { header, data }
}

//! The decoders of untrusted bytes, for `tests/fuzz` alone: no part of the interface.

use tidewire_idl::{Guid, InstanceState, KeyHash, TypeDescriptor};

use crate::BlockHeader;
use crate::block::decode;
use crate::block::encode;
use crate::block::plan::Plan;
use crate::block::rows::Rows;
use crate::journal::record::SampleHead;
use crate::journal::segment::{HEADER, Head, JOURNAL_MAGIC, read_header, walk};

/// Walks a journal segment; how many records it holds and where the last one ends.
pub fn journal(bytes: &[u8], next_follows: Option<u64>) -> Option<(usize, u64)> {
    let Head::Good { follows, .. } = read_header(bytes, JOURNAL_MAGIC) else { return None };
    let mut records = 0;
    let walk = walk(bytes, HEADER, follows, next_follows, |_, _| records += 1);
    Some((records, walk.end))
}

/// The payloads of a block.
pub fn open(
    header: &BlockHeader,
    data: &[u8],
    ty: Option<&TypeDescriptor>,
) -> Result<Vec<Vec<u8>>, &'static str> {
    let plan = ty.and_then(Plan::new);
    let rows = decode::rows(header, data, plan.as_ref())?;
    let samples = rows.into_samples(&"fuzz".into());
    Ok(samples.into_iter().map(|sample| sample.payload.to_vec()).collect())
}

/// A block of these payloads, one a nanosecond.
pub fn seal(payloads: &[Vec<u8>], ty: Option<&TypeDescriptor>) -> (BlockHeader, Vec<u8>) {
    let mut rows = Rows::new(1, 0);
    for (seq, payload) in (1..).zip(payloads) {
        let head = SampleHead {
            seq,
            series: 1,
            source_time: seq as i64,
            reception_time: seq as i64 + 5,
            sequence: seq,
            writer: Guid([7; 16]),
            key: KeyHash([9; 16]),
            state: InstanceState::Alive,
        };
        rows.push(&head, payload);
    }
    let plan = ty.and_then(Plan::new);
    let sealed = encode::encode(&rows, plan.as_ref());
    (sealed.header, sealed.data)
}

/// Bytes and checksum of a header, as an index entry has them.
pub fn header_round_trip(header: &BlockHeader) -> Result<BlockHeader, String> {
    BlockHeader::read(&header.write())
}

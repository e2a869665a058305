//! Reading a block back.

use std::sync::Arc;

use bytes::Bytes;
use tidewire_idl::{Guid, InstanceState, KeyHash, Sample, SampleInfo};

use super::column::{Bad, Streams};
use super::encode::{SPLIT, WHOLE};
use super::header::{BlockHeader, Encoding};
use super::plan::Plan;
use super::rows::MAX_ROWS;
use crate::journal::record::array_at;

/// A block's arrays, in (source time, arrival) order.
#[derive(Debug)]
pub struct Decoded {
    pub source: Vec<i64>,
    pub reception: Vec<i64>,
    pub sequence: Vec<u64>,
    pub writer: Vec<u8>,
    pub key: Vec<u8>,
    pub state: Vec<u8>,
    pub ends: Vec<u32>,
    pub payload: Vec<u8>,
}

/// Decodes a block's data after checking its checksum.
pub fn rows(header: &BlockHeader, data: &[u8], plan: Option<&Plan>) -> Result<Decoded, Bad> {
    if data.len() != header.data_len as usize {
        return Err("the block has another length than its index entry says");
    }
    if crc32fast::hash(data) != header.data_crc {
        return Err("the block's checksum is wrong");
    }
    let n = header.count as usize;
    if n > MAX_ROWS {
        return Err("the block has more rows than blocks can have");
    }
    let mut streams = Streams::new(data, n, header.payload_bytes);
    let source: Vec<i64> = streams.numbers(n)?;
    let mut reception: Vec<i64> = streams.numbers(n)?;
    reception.iter_mut().zip(&source).for_each(|(r, s)| *r = r.wrapping_add(*s));
    let sequence = streams.numbers(n)?;
    let writer = ids(&mut streams, n)?;
    let key = ids(&mut streams, n)?;
    let state = streams.octets(n)?;
    if state.iter().any(|&s| InstanceState::from_u8(s).is_none()) {
        return Err("an instance state is out of range");
    }
    let (ends, payload) = match header.encoding {
        Encoding::Raw => streams.texts(n)?,
        Encoding::Columnar => {
            let plan = plan.ok_or("the block is columnar but its topic has no type")?;
            payloads(header, &mut streams, plan)?
        }
    };
    if !streams.is_empty() {
        return Err("the block has bytes after its last column");
    }
    if payload.len() as u64 != header.payload_bytes {
        return Err("the payloads have another size than the index entry says");
    }
    Ok(Decoded { source, reception, sequence, writer, key, state, ends, payload })
}

fn ids(streams: &mut Streams<'_>, n: usize) -> Result<Vec<u8>, Bad> {
    let (ends, bytes) = streams.texts(n)?;
    match ends.iter().zip(1..).all(|(&end, i)| end == i * 16) {
        true => Ok(bytes),
        false => Err("an identifier is not 16 bytes"),
    }
}

fn payloads(
    header: &BlockHeader,
    streams: &mut Streams<'_>,
    plan: &Plan,
) -> Result<(Vec<u32>, Vec<u8>), Bad> {
    let kinds = streams.octets(header.count as usize)?;
    let split = kinds.iter().filter(|&&k| k == SPLIT).count();
    let (head_ends, heads) = streams.texts(split)?;
    if head_ends.iter().zip(1..).any(|(&end, i)| end != i * 4) {
        return Err("an encapsulation header is not 4 bytes");
    }
    let (whole_ends, whole) = streams.texts(kinds.len() - split)?;
    let mut reader = plan.read(streams, split)?;
    let mut ends = Vec::with_capacity(kinds.len());
    let mut payload = Vec::with_capacity(header.payload_bytes.min(1 << 20) as usize);
    let (mut heads, mut wholes) = (heads.chunks_exact(4), whole_ends.iter());
    let mut whole_start = 0;
    for kind in kinds {
        match kind {
            SPLIT => {
                let head = array_at(heads.next().ok_or("a header is missing")?, 0);
                reader.join(head, &mut payload)?;
            }
            WHOLE => {
                let end = *wholes.next().ok_or("a payload is missing")? as usize;
                payload.extend_from_slice(&whole[whole_start..end]);
                whole_start = end;
            }
            _ => return Err("a row kind is out of range"),
        }
        ends.push(payload.len() as u32);
    }
    Ok((ends, payload))
}

impl Decoded {
    pub fn len(&self) -> usize {
        self.source.len()
    }

    /// The samples; their payloads share one buffer.
    pub fn into_samples(self, point: &Arc<str>) -> Vec<Sample> {
        let payload = Bytes::from(self.payload);
        let mut start = 0;
        let ends = self.ends.iter().map(|&end| std::mem::replace(&mut start, end)..end);
        ends.enumerate()
            .map(|(i, range)| Sample {
                info: SampleInfo {
                    source_time: self.source[i],
                    reception_time: self.reception[i],
                    writer: Guid(array_at(&self.writer, i * 16)),
                    sequence: self.sequence[i],
                    key: KeyHash(array_at(&self.key, i * 16)),
                    state: InstanceState::from_u8(self.state[i]).unwrap_or_default(),
                    point: point.clone(),
                },
                payload: payload.slice(range.start as usize..range.end as usize),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::encode::encode;
    use crate::block::rows::Rows;
    use crate::journal::record::SampleHead;

    /// A block of one sample of these bytes.
    fn block(payload: &[u8]) -> (BlockHeader, Vec<u8>) {
        let mut rows = Rows::new(0, 0);
        let head = SampleHead {
            seq: 1,
            series: 0,
            source_time: 1,
            reception_time: 2,
            sequence: 1,
            writer: Guid::default(),
            key: KeyHash::default(),
            state: InstanceState::Alive,
        };
        rows.push(&head, payload);
        let sealed = encode(&rows, None);
        (sealed.header, sealed.data)
    }

    fn open(header: &BlockHeader, data: &[u8]) -> Result<Decoded, Bad> {
        let header = BlockHeader {
            data_len: data.len() as u32,
            data_crc: crc32fast::hash(data),
            ..header.clone()
        };
        rows(&header, data, None)
    }

    #[test]
    fn counts_that_no_block_has_cost_nothing() {
        let (header, data) = block(b"payload");
        assert!(open(&header, &data).is_ok());
        // Every column of one row is a constant, which stands for any number of rows.
        let many = BlockHeader { count: u32::MAX, ..header.clone() };
        assert!(open(&many, &data).is_err_and(|why| why.contains("more rows")));
        // A constant payload a thousand times over.
        let (long, wide) = block(&[7; 20_000]);
        let many = BlockHeader { count: MAX_ROWS as u32, ..long };
        assert!(open(&many, &wide).is_err_and(|why| why.contains("longer than")));
    }

    #[test]
    fn a_compressed_column_says_how_long_it_is_before_it_costs_memory() {
        let (header, data) = block(b"payload");
        // The last column is the payload: in its place one of 64 MiB of zeros.
        let zeros = zstd::bulk::compress(&vec![0; 64 << 20], 1).unwrap();
        let mut lens = vec![0, 4, 0, 0, 0];
        lens.extend_from_slice(&(64u32 << 20).to_le_bytes());
        let inner = [&lens[..], &[2], &(zeros.len() as u32).to_le_bytes(), &zeros].concat();
        let cut = data.len() - 5 - b"payload".len();
        let bomb = [&data[..cut], &[3], &(inner.len() as u32).to_le_bytes()[..], &inner].concat();
        assert!(open(&header, &bomb).is_err_and(|why| why.contains("longer than")));
    }
}

//! Column streams: numbers through pco, bytes through a dictionary or zstd, constants as one value.
//!
//! Every stream is `codec u8 | length u32 | bytes`, so a reader can step over columns it does not
//! want.

use pco::ChunkConfig;
use pco::standalone::{simple_compress, simple_decompress_into};

use crate::journal::record::u32_at;

const CONST: u8 = 0;
const PCO: u8 = 1;
const ZSTD: u8 = 2;
const PLAIN: u8 = 3;
const DICTIONARY: u8 = 4;

/// Below pco's own default of 8: columns here hold about 1 k values, too few for more effort to pay.
const PCO_LEVEL: usize = 4;
const ZSTD_LEVEL: i32 = 1;
/// More distinct values than this are not a dictionary.
const MAX_DICTIONARY: usize = 255;
/// No block decodes to more than this, whatever a damaged length says.
const MAX_DECODED: usize = 1 << 31;

/// Why a stream could not be read.
pub type Bad = &'static str;

/// A number that a column can hold; compared and stored by its bits.
pub trait Num: pco::data_types::Number {
    const SIZE: usize;
    fn same(&self, other: &Self) -> bool;
    fn put(&self, out: &mut Vec<u8>);
    fn get(bytes: &[u8]) -> Self;
}

macro_rules! nums {
    ($($ty:ty)*) => {$(
        impl Num for $ty {
            const SIZE: usize = size_of::<$ty>();
            fn same(&self, other: &Self) -> bool {
                self.to_le_bytes() == other.to_le_bytes()
            }
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn get(bytes: &[u8]) -> Self {
                let mut array = [0; size_of::<$ty>()];
                array.copy_from_slice(bytes);
                Self::from_le_bytes(array)
            }
        }
    )*};
}

nums!(u16 i16 u32 i32 u64 i64 f32 f64);

fn put_stream(out: &mut Vec<u8>, codec: u8, bytes: &[u8]) {
    out.push(codec);
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn put_compressed(out: &mut Vec<u8>, bytes: &[u8]) {
    match zstd::bulk::compress(bytes, ZSTD_LEVEL) {
        Ok(small) if small.len() < bytes.len() => put_stream(out, ZSTD, &small),
        _ => put_stream(out, PLAIN, bytes),
    }
}

/// Writes a column of numbers.
pub fn put_numbers<T: Num>(out: &mut Vec<u8>, values: &[T]) {
    let Some(first) = values.first() else {
        return put_stream(out, PLAIN, &[]);
    };
    if values.iter().all(|v| v.same(first)) {
        let mut one = Vec::with_capacity(T::SIZE);
        first.put(&mut one);
        return put_stream(out, CONST, &one);
    }
    let plain_len = values.len() * T::SIZE;
    let config = ChunkConfig::default().with_compression_level(PCO_LEVEL);
    match simple_compress(values, &config) {
        Ok(small) if small.len() < plain_len => put_stream(out, PCO, &small),
        _ => {
            let mut plain = Vec::with_capacity(plain_len);
            values.iter().for_each(|v| v.put(&mut plain));
            put_stream(out, PLAIN, &plain);
        }
    }
}

/// Writes a column of single bytes.
pub fn put_octets(out: &mut Vec<u8>, values: &[u8]) {
    match values.first() {
        Some(first) if values.iter().all(|v| v == first) => put_stream(out, CONST, &[*first]),
        _ => put_compressed(out, values),
    }
}

/// Writes a column of byte strings; `ends` are their ends in `bytes`.
pub fn put_texts(out: &mut Vec<u8>, ends: &[u32], bytes: &[u8]) {
    let Some(&first) = ends.first() else {
        return put_stream(out, PLAIN, &[]);
    };
    let first = &bytes[..first as usize];
    if texts(ends, bytes).all(|text| text == first) {
        return put_stream(out, CONST, first);
    }
    if let Some((entries, indices)) = dictionary(ends, bytes) {
        let mut body = (entries.len() as u32).to_le_bytes().to_vec();
        for entry in entries {
            body.extend_from_slice(&(entry.len() as u32).to_le_bytes());
            body.extend_from_slice(entry);
        }
        put_octets(&mut body, &indices);
        return put_stream(out, DICTIONARY, &body);
    }
    let mut body = Vec::new();
    let mut start = 0;
    let lens: Vec<u32> = ends.iter().map(|&end| end - std::mem::replace(&mut start, end)).collect();
    put_numbers(&mut body, &lens);
    put_compressed(&mut body, bytes);
    put_stream(out, PLAIN, &body);
}

fn texts<'a>(ends: &'a [u32], bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut start = 0;
    ends.iter().map(move |&end| &bytes[std::mem::replace(&mut start, end as usize)..end as usize])
}

/// Distinct strings and one index per row, where there are few of them.
fn dictionary<'a>(ends: &'a [u32], bytes: &'a [u8]) -> Option<(Vec<&'a [u8]>, Vec<u8>)> {
    let most = MAX_DICTIONARY.min(ends.len() / 4);
    let mut entries: Vec<&[u8]> = Vec::new();
    let mut places = std::collections::HashMap::new();
    let mut indices = Vec::with_capacity(ends.len());
    let mut last: Option<(&[u8], u8)> = None;
    for text in texts(ends, bytes) {
        let index = match last {
            Some((same, index)) if same == text => index,
            _ => *places.entry(text).or_insert_with(|| {
                entries.push(text);
                (entries.len() - 1) as u8
            }),
        };
        if entries.len() > most {
            return None;
        }
        last = Some((text, index));
        indices.push(index);
    }
    Some((entries, indices))
}

/// Reads streams one after the other.
pub struct Streams<'a> {
    bytes: &'a [u8],
    /// Bytes that columns may still decode to.
    left: usize,
}

const TOO_LONG: Bad = "a column is longer than the block's payloads allow";

impl<'a> Streams<'a> {
    /// Streams of a block of `rows` rows with `payload` bytes of payload in all. Columns take at most 90
    /// bytes for a row and 5 for a byte of payload: a few bytes that stand for more are damage, and
    /// must not cost memory.
    pub fn new(bytes: &'a [u8], rows: usize, payload: u64) -> Self {
        let payload = usize::try_from(payload).unwrap_or(usize::MAX);
        let left = payload.saturating_mul(16).saturating_add(rows.saturating_mul(128));
        Self { bytes, left: left.min(MAX_DECODED) }
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn inside(&self, bytes: &'a [u8]) -> Self {
        Self { bytes, ..*self }
    }

    /// Whether so many values of so many bytes can still come.
    pub fn fits(&self, n: usize, size: usize) -> Result<(), Bad> {
        let bytes = n.checked_mul(size).filter(|&bytes| bytes <= self.left);
        bytes.map(drop).ok_or(TOO_LONG)
    }

    fn claim(&mut self, n: usize, size: usize) -> Result<(), Bad> {
        self.fits(n, size)?;
        self.left -= n * size;
        Ok(())
    }

    fn next(&mut self) -> Result<(u8, &'a [u8]), Bad> {
        if self.bytes.len() < 5 {
            return Err("a column is missing");
        }
        let len = u32_at(self.bytes, 1) as usize;
        if self.bytes.len() < 5 + len {
            return Err("a column is cut short");
        }
        let (codec, body) = (self.bytes[0], &self.bytes[5..5 + len]);
        self.bytes = &self.bytes[5 + len..];
        Ok((codec, body))
    }

    fn compressed(&mut self) -> Result<Vec<u8>, Bad> {
        let (codec, body) = self.next()?;
        match codec {
            PLAIN => Ok(body.to_vec()),
            ZSTD => {
                // It takes all the memory it is allowed, whatever it needs: as much as the frame says, of
                // which a byte can stand for 2^15.
                let size = zstd::zstd_safe::get_frame_content_size(body).ok().flatten();
                let size = size.and_then(|size| usize::try_from(size).ok()).ok_or(TOO_LONG)?;
                self.fits(size, 1)?;
                if size >> 16 > body.len() {
                    return Err(TOO_LONG);
                }
                zstd::bulk::decompress(body, size).map_err(|_| "zstd refuses a column")
            }
            _ => Err("a column has an unknown codec"),
        }
    }

    /// A column of `n` numbers.
    pub fn numbers<T: Num>(&mut self, n: usize) -> Result<Vec<T>, Bad> {
        self.claim(n, T::SIZE)?;
        let (codec, body) = self.next()?;
        let values: Vec<T> = match codec {
            CONST if body.len() == T::SIZE => vec![T::get(body); n],
            PCO => {
                let mut values = vec![T::get(&[0; 8][..T::SIZE]); n];
                let done = simple_decompress_into(body, &mut values);
                let done = done.map_err(|_| "pco refuses a column")?;
                if !done.finished || done.n_processed != n {
                    return Err("a column has the wrong number of values");
                }
                values
            }
            PLAIN => body.chunks_exact(T::SIZE).map(T::get).collect(),
            _ => return Err("a column has an unknown codec"),
        };
        if values.len() != n {
            return Err("a column has the wrong number of values");
        }
        Ok(values)
    }

    /// A column of `n` single bytes.
    pub fn octets(&mut self, n: usize) -> Result<Vec<u8>, Bad> {
        self.claim(n, 1)?;
        if self.bytes.first() == Some(&CONST) {
            let (_, body) = self.next()?;
            return match body {
                [one] => Ok(vec![*one; n]),
                _ => Err("a constant byte is not one byte"),
            };
        }
        let values = self.compressed()?;
        if values.len() != n {
            return Err("a column has the wrong number of values");
        }
        Ok(values)
    }

    /// A column of `n` byte strings: their ends and their bytes.
    pub fn texts(&mut self, n: usize) -> Result<(Vec<u32>, Vec<u8>), Bad> {
        self.claim(n, 4)?;
        let (codec, body) = self.next()?;
        let (mut ends, mut bytes) = (Vec::with_capacity(n), Vec::new());
        match codec {
            CONST => {
                self.claim(n, body.len())?;
                bytes.reserve_exact(n * body.len());
                for _ in 0..n {
                    bytes.extend_from_slice(body);
                    ends.push(bytes.len() as u32);
                }
            }
            DICTIONARY => {
                let (entries, rest) = read_entries(body)?;
                for index in self.inside(rest).octets(n)? {
                    let entry = entries.get(index as usize).ok_or("a dictionary index is wrong")?;
                    bytes.extend_from_slice(entry);
                    self.claim(entry.len(), 1)?;
                    ends.push(bytes.len() as u32);
                }
            }
            PLAIN if n == 0 => {}
            PLAIN => {
                let mut inner = self.inside(body);
                let lens = inner.numbers::<u32>(n)?;
                bytes = inner.compressed()?;
                self.claim(bytes.len(), 1)?;
                let mut end = 0u32;
                for len in lens {
                    end = end.checked_add(len).ok_or(TOO_LONG)?;
                    ends.push(end);
                }
                if end as usize != bytes.len() {
                    return Err("the lengths of a column do not fit its bytes");
                }
            }
            _ => return Err("a column has an unknown codec"),
        }
        Ok((ends, bytes))
    }
}

fn read_entries(body: &[u8]) -> Result<(Vec<&[u8]>, &[u8]), Bad> {
    let cut = "a dictionary is cut short";
    let mut rest = body;
    let mut take = |n: usize| {
        let (head, tail) = rest.split_at_checked(n).ok_or(cut)?;
        rest = tail;
        Ok::<_, Bad>(head)
    };
    let count = u32_at(take(4)?, 0) as usize;
    let mut entries = Vec::with_capacity(count.min(MAX_DICTIONARY));
    for _ in 0..count {
        let len = u32_at(take(4)?, 0) as usize;
        entries.push(take(len)?);
    }
    Ok((entries, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers<T: Num + PartialEq + std::fmt::Debug>(values: &[T]) -> usize {
        let mut out = Vec::new();
        put_numbers(&mut out, values);
        let streams = || Streams::new(&out, values.len() + 1, 0);
        let back = streams().numbers::<T>(values.len()).unwrap();
        assert!(values.iter().zip(&back).all(|(a, b)| a.same(b)));
        // A constant has no count of its own; everything else knows when it is asked for too many.
        assert!(out[0] == CONST || streams().numbers::<T>(values.len() + 1).is_err());
        out.len()
    }

    #[test]
    fn numbers_come_back_bit_for_bit() {
        numbers::<u64>(&[]);
        numbers(&[1.5f64]);
        assert!(numbers(&[7i64; 1000]) < 20);
        assert!(numbers(&(0..1000).map(|i| i * 1_000_000 + i % 7).collect::<Vec<i64>>()) < 1200);
        let odd = [0.0, -0.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE / 2.0, 1e300];
        numbers(&odd);
        let signalling = f64::from_bits(0x7ff0_0000_0000_0001);
        numbers(&(0..100).map(|i| if i % 3 == 0 { signalling } else { 0.1 }).collect::<Vec<_>>());
        numbers(&[i64::MIN, i64::MAX, 0]);
        numbers(&[f32::NAN, -f32::NAN, 1.0]);
    }

    #[test]
    fn texts_come_back() {
        let few: Vec<String> = (0..100).map(|i| format!("symbol{}", i % 3)).collect();
        let many: Vec<String> = (0..100).map(|i| format!("line {}", i * i)).collect();
        let same = vec!["plant/pump1".to_owned(); 100];
        let empty = vec![String::new(); 3];
        for texts in [few, many, same, empty, Vec::new()] {
            let mut ends = Vec::new();
            let mut bytes = Vec::new();
            for text in &texts {
                bytes.extend_from_slice(text.as_bytes());
                ends.push(bytes.len() as u32);
            }
            let mut out = Vec::new();
            put_texts(&mut out, &ends, &bytes);
            let mut streams = Streams::new(&out, texts.len(), bytes.len() as u64);
            assert_eq!(streams.texts(texts.len()), Ok((ends, bytes)));
        }
    }

    #[test]
    fn damaged_streams_are_errors() {
        let mut out = Vec::new();
        put_numbers(&mut out, &(0..500).map(|i| i * i).collect::<Vec<i64>>());
        for len in 0..out.len() {
            assert!(Streams::new(&out[..len], 500, 4000).numbers::<i64>(500).is_err());
        }
    }
}

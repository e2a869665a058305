//! Taking a payload apart.

use super::Op;
use super::values::{Column, each_number};
use crate::block::column::Num;

/// A place in a payload, aligned as CDR aligns: from the first byte after the header.
pub(super) struct Cursor<'a> {
    pub(super) body: &'a [u8],
    pub(super) at: usize,
    pub(super) max_align: usize,
    little: bool,
}

impl<'a> Cursor<'a> {
    /// `None` for an encapsulation that is not plain CDR (RTPS 2.5, 10.2; XTypes 1.3, 7.6.3.1.2).
    pub(super) fn new(payload: &'a [u8]) -> Option<Self> {
        let (head, body) = payload.split_at_checked(4)?;
        let max_align = match (head[0], head[1]) {
            (0, 0 | 1) => 8,
            (0, 6 | 7) => 4,
            _ => return None,
        };
        Some(Self { body, at: 0, max_align, little: head[1] & 1 == 1 })
    }

    fn align(&mut self, size: usize) -> Option<()> {
        let padded = self.at.next_multiple_of(size.min(self.max_align));
        let padding = self.body.get(self.at..padded)?;
        self.at = padded;
        padding.iter().all(|&b| b == 0).then_some(())
    }

    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let bytes = self.body.get(self.at..self.at.checked_add(n)?)?;
        self.at += n;
        Some(bytes)
    }

    fn number<T: Num>(&mut self) -> Option<T> {
        if !self.at.is_multiple_of(T::SIZE.min(self.max_align)) {
            self.align(T::SIZE)?;
        }
        let bytes = self.take(T::SIZE)?;
        if self.little {
            return Some(T::get(bytes));
        }
        let mut swapped = [0u8; 8];
        swapped[..T::SIZE].copy_from_slice(bytes);
        swapped[..T::SIZE].reverse();
        Some(T::get(&swapped[..T::SIZE]))
    }
}

pub(super) fn split(ops: &[Op], cursor: &mut Cursor<'_>, columns: &mut [Column]) -> Option<()> {
    for op in ops {
        match op {
            Op::Number { column } => {
                each_number!(&mut columns[*column], values => values.push(cursor.number()?),
                    text(_ends, _bytes) => return None,
                    octets(values) => values.push(cursor.take(1)?[0]));
            }
            Op::Text { column } => {
                let len = cursor.number::<u32>()? as usize;
                push_text(&mut columns[*column], cursor.take(len)?);
            }
            Op::Octets { len, column } => push_text(&mut columns[*column], cursor.take(*len)?),
            Op::Sequence { length, body } => {
                let times = cursor.number::<u32>()?;
                let Column::U32(lengths) = &mut columns[*length] else { return None };
                lengths.push(times);
                for _ in 0..times {
                    // An element of no bytes would let a length of 2^32 spin here.
                    let before = cursor.at;
                    split(body, cursor, columns)?;
                    if cursor.at == before {
                        return None;
                    }
                }
            }
            Op::Repeat { times, body } => {
                for _ in 0..*times {
                    split(body, cursor, columns)?;
                }
            }
        }
    }
    Some(())
}

fn push_text(column: &mut Column, text: &[u8]) {
    if let Column::Text(ends, bytes) = column {
        bytes.extend_from_slice(text);
        ends.push(bytes.len() as u32);
    }
}

/// Bytes after the last member: a writer may pad the end to a multiple of 4 and say so in the
/// header's last two bits (RTPS 2.5, 10.2.1.2).
pub(super) fn end_padding(body_len: usize, options: u8) -> usize {
    let needed = body_len.next_multiple_of(4) - body_len;
    if needed == usize::from(options & 3) { needed } else { 0 }
}

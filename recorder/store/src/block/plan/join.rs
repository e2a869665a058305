//! Putting payloads together again.

use super::split::end_padding;
use super::values::{Column, each_number};
use super::{Op, Plan};
use crate::block::column::{Bad, Num, Streams};

/// Streams stand in column order, and a length column before what it counts.
pub(super) fn read(
    ops: &[Op],
    times: usize,
    columns: &mut [Column],
    streams: &mut Streams<'_>,
) -> Result<(), Bad> {
    for op in ops {
        match op {
            Op::Number { column } | Op::Text { column } | Op::Octets { column, .. } => {
                columns[*column].read(streams, times)?;
            }
            Op::Sequence { length, body } => {
                columns[*length].read(streams, times)?;
                let Column::U32(lengths) = &columns[*length] else {
                    return Err("a length column holds no lengths");
                };
                let total = lengths.iter().map(|&n| n as usize).sum();
                streams.fits(total, 1)?;
                read(body, total, columns, streams)?;
            }
            Op::Repeat { times: n, body } => {
                let total = times.checked_mul(*n).ok_or("an array is too long")?;
                streams.fits(total, 1)?;
                read(body, total, columns, streams)?;
            }
        }
    }
    Ok(())
}

/// Columns on their way back to payloads.
pub struct Reader<'a> {
    plan: &'a Plan,
    columns: Vec<Column>,
    next: Vec<usize>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(plan: &'a Plan, columns: Vec<Column>) -> Self {
        let next = vec![0; columns.len()];
        Self { plan, columns, next }
    }

    /// Appends the next payload; `head` is its encapsulation header.
    pub fn join(&mut self, head: [u8; 4], out: &mut Vec<u8>) -> Result<(), Bad> {
        out.extend_from_slice(&head);
        let start = out.len();
        let max_align = if head[1] >= 6 { 4 } else { 8 };
        let mut joiner = Joiner { out, start, max_align, little: head[1] & 1 == 1 };
        join(&self.plan.ops, &mut joiner, &self.columns, &mut self.next)
            .ok_or("a column ends before its rows")?;
        let padding = end_padding(out.len() - start, head[3]);
        out.resize(out.len() + padding, 0);
        Ok(())
    }
}

struct Joiner<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    max_align: usize,
    little: bool,
}

impl Joiner<'_> {
    fn number<T: Num>(&mut self, value: &T) {
        let at = self.out.len() - self.start;
        let padding = at.next_multiple_of(T::SIZE.min(self.max_align)) - at;
        self.out.resize(self.out.len() + padding, 0);
        value.put(self.out);
        if !self.little {
            let from = self.out.len() - T::SIZE;
            self.out[from..].reverse();
        }
    }
}

fn join(ops: &[Op], out: &mut Joiner<'_>, columns: &[Column], next: &mut [usize]) -> Option<()> {
    for op in ops {
        match op {
            Op::Number { column } => {
                let i = advance(next, *column);
                each_number!(&columns[*column], values => out.number(values.get(i)?),
                    text(_ends, _bytes) => return None,
                    octets(values) => out.out.push(*values.get(i)?));
            }
            Op::Text { column } => {
                let text = text_at(&columns[*column], advance(next, *column))?;
                out.number(&(text.len() as u32));
                out.out.extend_from_slice(text);
            }
            Op::Octets { column, .. } => {
                let text = text_at(&columns[*column], advance(next, *column))?;
                out.out.extend_from_slice(text);
            }
            Op::Sequence { length, body } => {
                let i = advance(next, *length);
                let Column::U32(lengths) = &columns[*length] else { return None };
                let times = *lengths.get(i)?;
                out.number(&times);
                for _ in 0..times {
                    join(body, out, columns, next)?;
                }
            }
            Op::Repeat { times, body } => {
                for _ in 0..*times {
                    join(body, out, columns, next)?;
                }
            }
        }
    }
    Some(())
}

fn advance(next: &mut [usize], column: usize) -> usize {
    let i = next[column];
    next[column] += 1;
    i
}

fn text_at(column: &Column, i: usize) -> Option<&[u8]> {
    let Column::Text(ends, bytes) = column else { return None };
    let start = if i == 0 { 0 } else { ends[i - 1] as usize };
    bytes.get(start..*ends.get(i)? as usize)
}

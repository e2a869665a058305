//! The values of a block's columns while it is taken apart or put together.

use super::Kind;
use crate::block::column::{Bad, Streams, put_numbers, put_octets, put_texts};
use crate::block::header::Stats;

/// One column's values.
#[derive(Debug)]
pub(super) enum Column {
    U8(Vec<u8>),
    I16(Vec<i16>),
    U16(Vec<u16>),
    I32(Vec<i32>),
    U32(Vec<u32>),
    I64(Vec<i64>),
    U64(Vec<u64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Text(Vec<u32>, Vec<u8>),
}

/// The columns of a block while it is taken apart.
#[derive(Debug)]
pub struct Columns {
    pub(super) columns: Vec<Column>,
    pub(super) marks: Vec<(usize, usize)>,
}

/// The same for each type of number.
macro_rules! each_number {
    ($column:expr, $values:ident => $body:expr, text($ends:ident, $bytes:ident) => $text:expr,
     octets($octets:ident) => $byte:expr) => {
        match $column {
            Column::U8($octets) => $byte,
            Column::I16($values) => $body,
            Column::U16($values) => $body,
            Column::I32($values) => $body,
            Column::U32($values) => $body,
            Column::I64($values) => $body,
            Column::U64($values) => $body,
            Column::F32($values) => $body,
            Column::F64($values) => $body,
            Column::Text($ends, $bytes) => $text,
        }
    };
}

impl Column {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::U8 => Self::U8(Vec::new()),
            Kind::I16 => Self::I16(Vec::new()),
            Kind::U16 => Self::U16(Vec::new()),
            Kind::I32 => Self::I32(Vec::new()),
            Kind::U32 => Self::U32(Vec::new()),
            Kind::I64 => Self::I64(Vec::new()),
            Kind::U64 => Self::U64(Vec::new()),
            Kind::F32 => Self::F32(Vec::new()),
            Kind::F64 => Self::F64(Vec::new()),
            Kind::Text => Self::Text(Vec::new(), Vec::new()),
        }
    }

    pub(super) fn mark(&self) -> (usize, usize) {
        each_number!(self, values => (values.len(), 0),
            text(ends, bytes) => (ends.len(), bytes.len()), octets(values) => (values.len(), 0))
    }

    pub(super) fn cut(&mut self, (len, byte_len): (usize, usize)) {
        each_number!(self, values => values.truncate(len),
            text(ends, bytes) => { ends.truncate(len); bytes.truncate(byte_len) },
            octets(values) => values.truncate(len));
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        each_number!(self, values => put_numbers(out, values),
            text(ends, bytes) => put_texts(out, ends, bytes),
            octets(values) => put_octets(out, values));
    }

    pub(super) fn read(&mut self, streams: &mut Streams<'_>, n: usize) -> Result<(), Bad> {
        each_number!(self, values => *values = streams.numbers(n)?,
            text(ends, bytes) => (*ends, *bytes) = streams.texts(n)?,
            octets(values) => *values = streams.octets(n)?);
        Ok(())
    }

    pub(super) fn stats(&self) -> Stats {
        match self {
            Self::U8(values) => stats(values, |&v| (v.into(), v.into())),
            Self::I16(values) => stats(values, |&v| (v.into(), v.into())),
            Self::U16(values) => stats(values, |&v| (v.into(), v.into())),
            Self::I32(values) => stats(values, |&v| (v.into(), v.into())),
            Self::U32(values) => stats(values, |&v| (v.into(), v.into())),
            Self::I64(values) => stats(values, |&v| around(v as f64, i128::from(v))),
            Self::U64(values) => stats(values, |&v| around(v as f64, i128::from(v))),
            Self::F32(values) => stats(values, |&v| (v.into(), v.into())),
            Self::F64(values) => stats(values, |&v| (v, v)),
            Self::Text(..) => Stats::default(),
        }
    }
}

/// The nearest floats at or below and at or above an integer.
fn around(nearest: f64, exact: i128) -> (f64, f64) {
    let down = if nearest as i128 > exact { nearest.next_down() } else { nearest };
    let up = if (nearest as i128) < exact { nearest.next_up() } else { nearest };
    (down, up)
}

fn stats<T>(values: &[T], bounds: impl Fn(&T) -> (f64, f64)) -> Stats {
    let mut out =
        Stats { count: values.len() as u32, min: f64::INFINITY, max: f64::NEG_INFINITY, sum: 0.0 };
    for value in values {
        let (down, up) = bounds(value);
        out.min = out.min.min(down);
        out.max = out.max.max(up);
        out.sum += down;
    }
    if out.sum.is_nan() {
        (out.min, out.max) = (f64::NEG_INFINITY, f64::INFINITY);
    }
    out
}

pub(super) use each_number;

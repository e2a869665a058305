//! How a type's CDR payload falls apart into columns, and how it is put together again.
//!
//! The plan is compiled from the type descriptor once per topic. It covers what has one layout for
//! every value under plain CDR (XCDR1, or XCDR2 where no length header stands between): structs of
//! numbers, enums, strings, arrays and sequences of those. A payload that does not fit, such as a
//! mutable type's, a dispose's or one with padding that is not zero, is kept beside as raw bytes,
//! so every payload comes back byte for byte whatever its writer did.

use tidewire_idl::{Definition, Extensibility, Primitive, TypeDescriptor, TypeRef};

use super::column::{Bad, Num, Streams, put_numbers, put_octets, put_texts};
use super::header::Stats;
use crate::journal::record::u32_at;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
    /// Strings with their NUL, octet sequences and arrays.
    Text,
}

#[derive(Clone, Debug)]
enum Op {
    Number { column: usize },
    /// A length and as many bytes.
    Text { column: usize },
    /// So many bytes.
    Octets { len: usize, column: usize },
    /// A length column, then the body so many times.
    Sequence { length: usize, body: Vec<Op> },
    Repeat { times: usize, body: Vec<Op> },
}

/// A numeric column that a block has statistics of.
#[derive(Clone, Debug)]
struct Named {
    name: String,
    column: usize,
}

/// The columns of a type.
#[derive(Debug)]
pub struct Plan {
    ops: Vec<Op>,
    kinds: Vec<Kind>,
    stats: Vec<Named>,
    /// Under XCDR2 the same bytes would have length headers.
    xcdr1_only: bool,
}

/// Nested deeper than this is a recursive type.
const MAX_DEPTH: usize = 32;
const MAX_COLUMNS: usize = 512;
/// Arrays of numbers up to this length get one column per element.
const MAX_UNROLLED: u64 = 16;

impl Plan {
    /// `None` where the type has no plan; its payloads are then kept as bytes.
    pub fn new(descriptor: &TypeDescriptor) -> Option<Self> {
        let mut plan =
            Self { ops: Vec::new(), kinds: Vec::new(), stats: Vec::new(), xcdr1_only: false };
        let root = TypeRef::Named(descriptor.name.clone());
        let mut ops = Vec::new();
        plan.compile(descriptor, &root, Some(String::new()), 0, &mut ops)?;
        plan.ops = ops;
        Some(plan)
    }

    /// Names of the columns with statistics: nested members as `a.b`, array elements as `a[0]`.
    pub fn stat_names(&self) -> impl Iterator<Item = &str> {
        self.stats.iter().map(|named| named.name.as_str())
    }

    fn column(&mut self, kind: Kind) -> Option<usize> {
        self.kinds.push(kind);
        (self.kinds.len() <= MAX_COLUMNS).then_some(self.kinds.len() - 1)
    }

    /// `name` is `None` where a column holds several values a sample.
    fn compile(
        &mut self,
        types: &TypeDescriptor,
        ty: &TypeRef,
        name: Option<String>,
        depth: usize,
        ops: &mut Vec<Op>,
    ) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match ty {
            TypeRef::Primitive(primitive) => {
                let column = self.column(kind(*primitive)?)?;
                let number = !matches!(primitive, Primitive::Bool | Primitive::Char);
                self.stats.extend(name.filter(|_| number).map(|name| Named { name, column }));
                ops.push(Op::Number { column });
            }
            TypeRef::String { .. } => ops.push(Op::Text { column: self.column(Kind::Text)? }),
            // Vendors differ in what a wide string's length counts.
            TypeRef::WString { .. } => return None,
            TypeRef::Sequence { element, .. } if is_octet(element) => {
                ops.push(Op::Text { column: self.column(Kind::Text)? });
            }
            TypeRef::Sequence { element, .. } => {
                self.xcdr1_only |= !matches!(**element, TypeRef::Primitive(_));
                let length = self.column(Kind::U32)?;
                let mut body = Vec::new();
                self.compile(types, element, None, depth + 1, &mut body)?;
                ops.push(Op::Sequence { length, body });
            }
            TypeRef::Array { element, dims } => {
                let times = dims.iter().try_fold(1u64, |n, &d| n.checked_mul(d.into()))?;
                let primitive = matches!(**element, TypeRef::Primitive(_));
                self.xcdr1_only |= !primitive;
                if is_octet(element) {
                    let column = self.column(Kind::Text)?;
                    ops.push(Op::Octets { len: usize::try_from(times).ok()?, column });
                } else if primitive && times <= MAX_UNROLLED {
                    for i in 0..times {
                        let name = name.as_ref().map(|name| format!("{name}{}", indices(i, dims)));
                        self.compile(types, element, name, depth + 1, ops)?;
                    }
                } else {
                    let mut body = Vec::new();
                    self.compile(types, element, None, depth + 1, &mut body)?;
                    ops.push(Op::Repeat { times: usize::try_from(times).ok()?, body });
                }
            }
            TypeRef::Named(type_name) => match types.get(type_name)? {
                Definition::Struct { extensibility, base, members } => {
                    if *extensibility == Extensibility::Mutable {
                        return None;
                    }
                    self.xcdr1_only |= *extensibility == Extensibility::Appendable;
                    if let Some(base) = base {
                        let base = TypeRef::Named(base.clone());
                        self.compile(types, &base, name.clone(), depth + 1, ops)?;
                    }
                    for member in members {
                        if member.optional {
                            return None;
                        }
                        let name = name.as_ref().map(|outer| match outer.as_str() {
                            "" => member.name.clone(),
                            outer => format!("{outer}.{}", member.name),
                        });
                        self.compile(types, &member.ty, name, depth + 1, ops)?;
                    }
                }
                Definition::Enum { bit_bound, .. } | Definition::Bitmask { bit_bound, .. } => {
                    let kind = match bit_bound {
                        1..=8 => Kind::U8,
                        9..=16 => Kind::U16,
                        17..=32 => Kind::U32,
                        _ => Kind::U64,
                    };
                    let column = self.column(kind)?;
                    ops.push(Op::Number { column });
                }
                Definition::Union { .. } => return None,
            },
        }
        Some(())
    }

    /// Empty columns for a block.
    pub fn columns(&self) -> Columns {
        let columns = self.kinds.iter().map(|&kind| Column::new(kind)).collect();
        Columns { columns, marks: Vec::new() }
    }

    /// Takes a payload apart; `false` leaves the columns as they were.
    pub fn split(&self, payload: &[u8], columns: &mut Columns) -> bool {
        columns.marks.clear();
        columns.marks.extend(columns.columns.iter().map(Column::mark));
        let mut cursor = match Cursor::new(payload) {
            Some(cursor) if !(cursor.max_align == 4 && self.xcdr1_only) => cursor,
            _ => return false,
        };
        let done = split(&self.ops, &mut cursor, &mut columns.columns);
        let rest = &cursor.body[cursor.at..];
        let padding = end_padding(cursor.at, payload[3]);
        let padded = rest.len() == padding && rest.iter().all(|&b| b == 0);
        if done.is_none() || !padded {
            for (column, mark) in columns.columns.iter_mut().zip(&columns.marks) {
                column.cut(*mark);
            }
            return false;
        }
        true
    }

    /// Writes the columns.
    pub fn write(&self, columns: &Columns, out: &mut Vec<u8>) {
        for column in &columns.columns {
            column.write(out);
        }
    }

    /// Statistics of the named columns.
    pub fn stats(&self, columns: &Columns) -> Vec<Stats> {
        self.stats.iter().map(|named| columns.columns[named.column].stats()).collect()
    }

    /// Reads the columns of `rows` payloads.
    pub fn read(&self, streams: &mut Streams<'_>, rows: usize) -> Result<Reader<'_>, Bad> {
        // A column inside sequences is as long as their lengths add up to.
        let mut columns: Vec<Column> = self.kinds.iter().map(|&kind| Column::new(kind)).collect();
        let mut lens = vec![0usize; self.kinds.len()];
        read(&self.ops, rows, &mut lens, &mut columns, streams)?;
        Ok(Reader { plan: self, columns, next: vec![0; self.kinds.len()] })
    }
}

fn kind(primitive: Primitive) -> Option<Kind> {
    Some(match primitive {
        Primitive::Bool | Primitive::U8 | Primitive::I8 | Primitive::Char => Kind::U8,
        Primitive::I16 => Kind::I16,
        Primitive::U16 => Kind::U16,
        Primitive::I32 => Kind::I32,
        Primitive::U32 => Kind::U32,
        Primitive::I64 => Kind::I64,
        Primitive::U64 => Kind::U64,
        Primitive::F32 => Kind::F32,
        Primitive::F64 => Kind::F64,
        Primitive::WChar => return None,
    })
}

fn is_octet(ty: &TypeRef) -> bool {
    matches!(
        ty,
        TypeRef::Primitive(Primitive::U8 | Primitive::I8 | Primitive::Char | Primitive::Bool)
    )
}

/// Index `i` of a row-major array as `[x][y]`.
fn indices(mut i: u64, dims: &[u32]) -> String {
    let mut parts = Vec::new();
    for &dim in dims.iter().rev() {
        parts.push(format!("[{}]", i % u64::from(dim)));
        i /= u64::from(dim);
    }
    parts.into_iter().rev().collect()
}

/// One column's values.
#[derive(Debug)]
enum Column {
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
    columns: Vec<Column>,
    marks: Vec<(usize, usize)>,
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
    fn new(kind: Kind) -> Self {
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

    fn mark(&self) -> (usize, usize) {
        each_number!(self, values => (values.len(), 0),
            text(ends, bytes) => (ends.len(), bytes.len()), octets(values) => (values.len(), 0))
    }

    fn cut(&mut self, (len, byte_len): (usize, usize)) {
        each_number!(self, values => values.truncate(len),
            text(ends, bytes) => { ends.truncate(len); bytes.truncate(byte_len) },
            octets(values) => values.truncate(len));
    }

    fn write(&self, out: &mut Vec<u8>) {
        each_number!(self, values => put_numbers(out, values),
            text(ends, bytes) => put_texts(out, ends, bytes),
            octets(values) => put_octets(out, values));
    }

    fn read(&mut self, streams: &mut Streams<'_>, n: usize) -> Result<(), Bad> {
        each_number!(self, values => *values = streams.numbers(n)?,
            text(ends, bytes) => (*ends, *bytes) = streams.texts(n)?,
            octets(values) => *values = streams.octets(n)?);
        Ok(())
    }

    fn stats(&self) -> Stats {
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
    let mut out = Stats {
        count: values.len() as u32,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        sum: 0.0,
    };
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

/// A place in a payload, aligned as CDR aligns: from the first byte after the header.
struct Cursor<'a> {
    body: &'a [u8],
    at: usize,
    max_align: usize,
    little: bool,
}

impl<'a> Cursor<'a> {
    /// `None` for an encapsulation that is not plain CDR (RTPS 2.5, 10.2; XTypes 1.3, 7.6.3.1.2).
    fn new(payload: &'a [u8]) -> Option<Self> {
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
        if self.at % T::SIZE.min(self.max_align) != 0 {
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

fn split(ops: &[Op], cursor: &mut Cursor<'_>, columns: &mut [Column]) -> Option<()> {
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

/// Streams stand in column order, and a length column before what it counts.
fn read(
    ops: &[Op],
    times: usize,
    lens: &mut [usize],
    columns: &mut [Column],
    streams: &mut Streams<'_>,
) -> Result<(), Bad> {
    for op in ops {
        match op {
            Op::Number { column } | Op::Text { column } | Op::Octets { column, .. } => {
                lens[*column] = times;
                columns[*column].read(streams, times)?;
            }
            Op::Sequence { length, body } => {
                columns[*length].read(streams, times)?;
                let Column::U32(lengths) = &columns[*length] else {
                    return Err("a length column holds no lengths");
                };
                let total = lengths.iter().map(|&n| n as usize).sum();
                read(body, total, lens, columns, streams)?;
            }
            Op::Repeat { times: n, body } => {
                let total = times.checked_mul(*n).ok_or("an array is too long")?;
                read(body, total, lens, columns, streams)?;
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

impl Reader<'_> {
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

/// Bytes after the last member: a writer may pad the end to a multiple of 4 and say so in the
/// header's last two bits (RTPS 2.5, 10.2.1.2).
fn end_padding(body_len: usize, options: u8) -> usize {
    let needed = body_len.next_multiple_of(4) - body_len;
    if needed == usize::from(options & 3) { needed } else { 0 }
}

/// The encapsulation header of a payload that was split.
pub fn head_of(payload: &[u8]) -> [u8; 4] {
    u32_at(payload, 0).to_le_bytes()
}

//! How a type's CDR payload falls apart into columns, and how it is put together again.
//!
//! The plan is compiled from the type descriptor once per topic. It covers what has one layout for
//! every value under plain CDR (XCDR1, or XCDR2 where no length header stands between): structs of
//! numbers, enums, strings, arrays and sequences of those. A payload that does not fit, such as a
//! mutable type's, a dispose's or one with padding that is not zero, is kept beside as raw bytes,
//! so every payload comes back byte for byte whatever its writer did.

mod join;
mod split;
mod values;

use tidewire_idl::{Definition, Extensibility, Primitive, TypeDescriptor, TypeRef};

use super::column::{Bad, Streams};
use super::header::Stats;
use crate::journal::record::array_at;
use join::read;
use split::{Cursor, end_padding, split};
use values::Column;

pub use join::Reader;
pub use values::Columns;

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
    Number {
        column: usize,
    },
    /// A length and as many bytes.
    Text {
        column: usize,
    },
    /// So many bytes.
    Octets {
        len: usize,
        column: usize,
    },
    /// A length column, then the body so many times.
    Sequence {
        length: usize,
        body: Vec<Op>,
    },
    Repeat {
        times: usize,
        body: Vec<Op>,
    },
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
        read(&self.ops, rows, &mut columns, streams)?;
        Ok(Reader::new(self, columns))
    }
}

fn kind(primitive: Primitive) -> Option<Kind> {
    Some(match primitive {
        Primitive::Bool | Primitive::Octet | Primitive::U8 | Primitive::I8 | Primitive::Char => {
            Kind::U8
        }
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
        TypeRef::Primitive(
            Primitive::Octet | Primitive::U8 | Primitive::I8 | Primitive::Char | Primitive::Bool
        )
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

/// The encapsulation header of a payload that was split.
pub fn head_of(payload: &[u8]) -> [u8; 4] {
    array_at(payload, 0)
}

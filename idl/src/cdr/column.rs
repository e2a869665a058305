//! Flat columns of a type: what SQL and column compression see.

use std::fmt;
use std::sync::Arc;

use super::compile::{Kind, NodeId, Plan};
use super::decode::{Content, bits, decode_node, enum_name, enum_number};
use super::error::CdrError;
use super::read::Reader;
use super::walk;
use crate::descriptor::{Primitive, TypeDescriptor};

/// Arrays of numbers up to this many elements become a column each.
const SPREAD: usize = 16;
/// Types with more leaves, or structs, than this keep the rest of their structs as JSON.
const MAX_COLUMNS: usize = 4096;

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Member path: `accel.x`, `position[2]`.
    pub name: String,
    /// Type of its values.
    pub ty: ColumnType,
    /// Part of the instance's key.
    pub key: bool,
    /// `@unit` of the member.
    pub unit: Option<String>,
}

/// Types of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// `boolean`.
    Bool,
    /// Every integer that fits `i64`.
    I64,
    /// `unsigned long long` and bitmasks.
    U64,
    /// `float`.
    F32,
    /// `double`.
    F64,
    /// Strings, characters, enumeration literals.
    Text,
    /// Sequences, unions, larger arrays: JSON text.
    Json,
    /// Sequences and arrays of octets.
    Bytes,
}

/// Receives the values of one sample: exactly one call per column, in no particular order.
pub trait ColumnSink {
    /// An absent optional member, or one an older writer did not know.
    fn null(&mut self, column: usize);
    /// [`ColumnType::Bool`].
    fn bool(&mut self, column: usize, value: bool);
    /// [`ColumnType::I64`].
    fn i64(&mut self, column: usize, value: i64);
    /// [`ColumnType::U64`].
    fn u64(&mut self, column: usize, value: u64);
    /// [`ColumnType::F32`].
    fn f32(&mut self, column: usize, value: f32);
    /// [`ColumnType::F64`].
    fn f64(&mut self, column: usize, value: f64);
    /// [`ColumnType::Text`] and [`ColumnType::Json`].
    fn text(&mut self, column: usize, value: &str);
    /// [`ColumnType::Bytes`].
    fn bytes(&mut self, column: usize, value: &[u8]);
}

/// The flat columns of a type and how to read them from payloads. Cheap to clone.
///
/// Nested structs are `a.b`, arrays of up to 16 numbers `a[0]`…, enumerations text; sequences, unions
/// and larger arrays are one JSON text column, octets one of bytes.
///
/// ```
/// use tidewire_idl::{cdr::Columns, TypeRegistry};
///
/// let mut types = TypeRegistry::new();
/// types.add_str("t.idl", "struct V { float x; float y; }; \
///                         struct T { @key string name; V v; double a[2]; sequence<long> s; };")?;
/// let columns = Columns::new(&types.get("T").expect("just defined"));
/// let names: Vec<_> = columns.columns().iter().map(|c| c.name.as_str()).collect();
/// assert_eq!(names, ["name", "v.x", "v.y", "a[0]", "a[1]", "s"]);
/// # Ok::<(), tidewire_idl::IdlError>(())
/// ```
#[derive(Clone)]
pub struct Columns {
    columns: Arc<[Column]>,
    plan: Option<Arc<(Plan, Action)>>,
    problem: Option<CdrError>,
}

impl fmt::Debug for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Columns").field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// What to do with a node's value; `usize` is the (first) column.
enum Action {
    Bool(usize),
    Signed(usize, Primitive),
    U64(usize),
    F32(usize),
    F64(usize),
    Char(usize, bool),
    Text(usize),
    Wide(usize),
    Enum(usize),
    Bitmask(usize),
    Octets(usize),
    Json(usize),
    Spread { first: usize, primitive: Primitive, count: usize },
    Struct { members: Vec<Action>, first: usize, end: usize },
}

impl Action {
    fn range(&self) -> std::ops::Range<usize> {
        match *self {
            Self::Bool(c) | Self::Signed(c, _) | Self::U64(c) | Self::F32(c) | Self::F64(c) => {
                c..c + 1
            }
            Self::Char(c, _) | Self::Text(c) | Self::Wide(c) | Self::Enum(c) => c..c + 1,
            Self::Bitmask(c) | Self::Octets(c) | Self::Json(c) => c..c + 1,
            Self::Spread { first, count, .. } => first..first + count,
            Self::Struct { first, end, .. } => first..end,
        }
    }
}

impl Columns {
    /// Lays out a type's columns. An unusable description has none, and reading says why.
    pub fn new(descriptor: &TypeDescriptor) -> Self {
        let plan = match Plan::new(descriptor) {
            Ok(plan) => plan,
            Err(problem) => {
                return Self { columns: Arc::new([]), plan: None, problem: Some(problem) };
            }
        };
        let mut columns = Vec::new();
        let mut structs = 0;
        let keyed = matches!(&plan.node(plan.root).kind, Kind::Struct(s) if s.keyed);
        let key = if keyed { Some(Content::TopicKey) } else { None };
        let action = lay_out(&plan, plan.root, "", key, None, &mut columns, &mut structs);
        Self { columns: columns.into(), plan: Some(Arc::new((plan, action))), problem: None }
    }

    /// The columns, in the order of the members.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Reads one payload into `out`: every column gets exactly one call.
    ///
    /// # Errors
    /// Bytes that are no sample of this type; `out` has then got some columns only.
    pub fn read(&self, payload: &[u8], out: &mut dyn ColumnSink) -> Result<(), CdrError> {
        let Some((plan, action)) = self.plan.as_deref() else {
            return match &self.problem {
                Some(problem) => Err(problem.clone()),
                None => Ok(()),
            };
        };
        let mut r = Reader::new(payload)?;
        read(plan, plan.root, action, &mut r, out)
    }
}

fn lay_out(
    plan: &Plan,
    id: NodeId,
    name: &str,
    key: Option<Content>,
    unit: Option<&str>,
    columns: &mut Vec<Column>,
    structs: &mut usize,
) -> Action {
    let room = columns.len() < MAX_COLUMNS && *structs < MAX_COLUMNS;
    let first_free = columns.len();
    let mut column = |name: String, ty: ColumnType| {
        columns.push(Column { name, ty, key: key.is_some(), unit: unit.map(str::to_owned) });
        columns.len() - 1
    };
    let name_or_value = || if name.is_empty() { "value".to_owned() } else { name.to_owned() };
    match &plan.node(id).kind {
        Kind::Primitive(p) => {
            let c = column(name_or_value(), type_of(*p));
            match p {
                Primitive::Bool => Action::Bool(c),
                Primitive::U64 => Action::U64(c),
                Primitive::F32 => Action::F32(c),
                Primitive::F64 => Action::F64(c),
                Primitive::Char => Action::Char(c, false),
                Primitive::WChar => Action::Char(c, true),
                _ => Action::Signed(c, *p),
            }
        }
        Kind::Enum { .. } => Action::Enum(column(name_or_value(), ColumnType::Text)),
        Kind::Bitmask { .. } => Action::Bitmask(column(name_or_value(), ColumnType::U64)),
        Kind::String { .. } => Action::Text(column(name_or_value(), ColumnType::Text)),
        Kind::WString { .. } => Action::Wide(column(name_or_value(), ColumnType::Text)),
        Kind::Sequence { element, .. } | Kind::Array { element, .. }
            if matches!(plan.node(*element).kind, Kind::Primitive(Primitive::U8)) =>
        {
            Action::Octets(column(name_or_value(), ColumnType::Bytes))
        }
        Kind::Array { element, dims, count } if *count <= SPREAD => {
            match plan.node(*element).kind {
                Kind::Primitive(primitive) if is_number(primitive) => {
                    let mut first = None;
                    for i in 0..*count {
                        let name = format!("{name}{}", index(i, dims));
                        let c = column(name, type_of(primitive));
                        first.get_or_insert(c);
                    }
                    let first = first.unwrap_or_default();
                    Action::Spread { first, primitive, count: *count }
                }
                _ => Action::Json(column(name_or_value(), ColumnType::Json)),
            }
        }
        Kind::Struct(s) if room => {
            let first = first_free;
            *structs += 1;
            let mut members = Vec::with_capacity(s.members.len());
            for member in &s.members {
                let path = match name {
                    "" => member.name.clone(),
                    _ => format!("{name}.{}", member.name),
                };
                let key = key.and_then(|content| content.of_member(s.keyed, member));
                let unit = member.unit.as_deref().or(unit);
                members.push(lay_out(plan, member.node, &path, key, unit, columns, structs));
            }
            Action::Struct { members, first, end: columns.len() }
        }
        _ => Action::Json(column(name_or_value(), ColumnType::Json)),
    }
}

/// `[1][0]` of the flat index of an array.
fn index(flat: usize, dims: &[u32]) -> String {
    let mut rest = flat;
    let mut text = String::new();
    for dim in dims.iter().rev() {
        let dim = (*dim as usize).max(1);
        text.insert_str(0, &format!("[{}]", rest % dim));
        rest /= dim;
    }
    text
}

fn is_number(p: Primitive) -> bool {
    !matches!(p, Primitive::Bool | Primitive::Char | Primitive::WChar)
}

fn type_of(p: Primitive) -> ColumnType {
    match p {
        Primitive::Bool => ColumnType::Bool,
        Primitive::U64 => ColumnType::U64,
        Primitive::F32 => ColumnType::F32,
        Primitive::F64 => ColumnType::F64,
        Primitive::Char | Primitive::WChar => ColumnType::Text,
        _ => ColumnType::I64,
    }
}

fn signed(p: Primitive, r: &mut Reader<'_>) -> Result<i64, CdrError> {
    Ok(match p {
        Primitive::U8 | Primitive::Octet => i64::from(r.u8()?),
        Primitive::I8 => i64::from(r.i8()?),
        Primitive::I16 => i64::from(r.i16()?),
        Primitive::U16 => i64::from(r.u16()?),
        Primitive::I32 => i64::from(r.i32()?),
        Primitive::U32 => i64::from(r.u32()?),
        _ => r.i64()?,
    })
}

fn read(
    plan: &Plan,
    id: NodeId,
    action: &Action,
    r: &mut Reader<'_>,
    out: &mut dyn ColumnSink,
) -> Result<(), CdrError> {
    match action {
        Action::Bool(c) => out.bool(*c, r.bool()?),
        Action::Signed(c, p) => out.i64(*c, signed(*p, r)?),
        Action::U64(c) => out.u64(*c, r.u64()?),
        Action::F32(c) => out.f32(*c, r.f32()?),
        Action::F64(c) => out.f64(*c, r.f64()?),
        Action::Char(c, wide) => {
            let value = if *wide { r.wchar()? } else { r.char()? };
            out.text(*c, value.encode_utf8(&mut [0; 4]));
        }
        Action::Text(c) => {
            let Kind::String { bound } = plan.node(id).kind else { return Ok(()) };
            // The common case makes no copy; the other is ISO 8859-1.
            let mut ahead = *r;
            match std::str::from_utf8(ahead.string_bytes(bound)?) {
                Ok(text) => out.text(*c, text),
                Err(_) => {
                    let mut again = *r;
                    out.text(*c, &again.string(bound)?);
                }
            }
            *r = ahead;
        }
        Action::Wide(c) => {
            let Kind::WString { bound } = plan.node(id).kind else { return Ok(()) };
            out.text(*c, &r.wstring(bound)?);
        }
        Action::Enum(c) => {
            let Kind::Enum { bytes, literals, .. } = &plan.node(id).kind else { return Ok(()) };
            let value = enum_number(*bytes, r)?;
            match enum_name(value, literals) {
                Some(name) => out.text(*c, name),
                None => out.text(*c, &value.to_string()),
            }
        }
        Action::Bitmask(c) => {
            let Kind::Bitmask { bytes, .. } = plan.node(id).kind else { return Ok(()) };
            out.u64(*c, bits(bytes, r)?);
        }
        Action::Octets(c) => match plan.node(id).kind {
            Kind::Array { count, .. } => out.bytes(*c, r.take(count)?),
            Kind::Sequence { bound, .. } => {
                let count = r.count(1, bound)?;
                out.bytes(*c, r.take(count)?);
            }
            _ => {}
        },
        Action::Json(c) => {
            let value = decode_node(plan, id, r, Content::Sample)?;
            out.text(*c, &value.to_json().to_string());
        }
        Action::Spread { first, primitive, count } => {
            for c in *first..first + count {
                match primitive {
                    Primitive::F32 => out.f32(c, r.f32()?),
                    Primitive::F64 => out.f64(c, r.f64()?),
                    Primitive::U64 => out.u64(c, r.u64()?),
                    p => out.i64(c, signed(*p, r)?),
                }
            }
        }
        Action::Struct { members, .. } => {
            let Kind::Struct(s) = &plan.node(id).kind else { return Ok(()) };
            let ordered = s.extensibility != crate::descriptor::Extensibility::Mutable;
            // Members arrive in order, except those of a mutable type.
            let mut next = 0;
            let mut seen = vec![false; if ordered { 0 } else { members.len() }];
            walk::members(s, r, Content::Sample, &mut |i, member, _, r| {
                if ordered {
                    nulls(&members[next..i], out);
                    next = i + 1;
                } else if std::mem::replace(&mut seen[i], true) {
                    // A member sent twice: the first counts.
                    return Ok(true);
                }
                read(plan, member.node, &members[i], r, out)?;
                Ok(true)
            })?;
            if ordered {
                nulls(&members[next..], out);
            } else {
                for (action, seen) in members.iter().zip(seen) {
                    if !seen {
                        nulls(std::slice::from_ref(action), out);
                    }
                }
            }
        }
    }
    Ok(())
}

fn nulls(actions: &[Action], out: &mut dyn ColumnSink) {
    for action in actions {
        for column in action.range() {
            out.null(column);
        }
    }
}

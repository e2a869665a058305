//! Single values of a type by path, read without decoding the rest: what filters compare.

mod path;
mod read;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::compile::Plan;
use super::decode::Content;
use super::error::CdrError;
use super::read::Reader;
use crate::descriptor::TypeDescriptor;
use crate::value::Value;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldStep {
    /// A struct's member, a union's by its name, or `$discriminator`.
    Member(String),
    /// An element; an array of two dimensions takes two.
    Index(usize),
}

/// A path that leads to no single value of the type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FieldError {
    /// Which step of the path, from 0; the number of steps if the path ends too early.
    pub step: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Type of its values.
    pub ty: FieldType,
    /// Whether a serialised key holds it.
    pub key: bool,
}

/// Types of fields.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldType {
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
    /// `char` and `wchar`.
    Char,
    /// `string` and `wstring`.
    Text,
    /// An enumeration; its values are numbers ([`FieldValue::I64`]).
    Enum {
        /// Scoped name.
        name: String,
        /// Names and numbers.
        literals: Vec<(String, i32)>,
    },
}

/// A field of one sample.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum FieldValue<'payload> {
    /// Not there: an absent optional member, another union case, an element past the end.
    #[default]
    Null,
    /// [`FieldType::Bool`].
    Bool(bool),
    /// [`FieldType::I64`] and [`FieldType::Enum`].
    I64(i64),
    /// [`FieldType::U64`].
    U64(u64),
    /// [`FieldType::F32`].
    F32(f32),
    /// [`FieldType::F64`].
    F64(f64),
    /// [`FieldType::Char`].
    Char(char),
    /// [`FieldType::Text`].
    Text(Cow<'payload, str>),
}

/// Fields of a type and how to read them from payloads in one pass. Cheap to clone once all are added.
///
/// A member that an older writer does not know has its default, as when decoding.
///
/// ```
/// use tidewire_idl::{cdr::{FieldStep, Fields, FieldValue}, TypeRegistry, Value};
///
/// let mut types = TypeRegistry::new();
/// types.add_str("p.idl", "struct V { float x, y; }; struct P { string name; V v[2]; };")?;
/// let ty = types.get("P").expect("just defined");
///
/// let mut fields = Fields::new(&ty)?;
/// let path = [FieldStep::Member("v".into()), FieldStep::Index(1), FieldStep::Member("y".into())];
/// let y = fields.add(&path)?;
///
/// let json = serde_json::json!({ "name": "P1", "v": [{ "x": 1.0, "y": 2.0 }, { "x": 3.0, "y": 4.0 }] });
/// let payload = tidewire_idl::encode(&ty, &Value::from_json(&ty, &json)?, Default::default())?;
/// let mut values = vec![FieldValue::Null; fields.len()];
/// fields.read(&payload, &mut values)?;
/// assert_eq!(values[y], FieldValue::F32(4.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Fields {
    plan: Arc<Plan>,
    /// What is wanted of the root; nothing before the first field.
    want: Option<Want>,
    fields: Vec<(Vec<Step>, Field)>,
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fields.iter().map(|(_, field)| field)).finish()
    }
}

/// A resolved [`FieldStep`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Member(usize),
    Case(usize),
    Discriminator,
    /// Counted over all dimensions.
    Element(usize),
}

/// What is wanted of a value.
#[derive(Clone)]
enum Want {
    /// Itself: the slot it goes to.
    Value(usize),
    /// Members of a struct, or elements; by index.
    Parts(Vec<Part>),
    Union {
        discriminator: Option<usize>,
        cases: Vec<Part>,
    },
}

#[derive(Clone)]
struct Part {
    index: usize,
    want: Want,
    /// The slots of `want`, with what they hold where the writer does not know this member.
    missing: Vec<(usize, FieldValue<'static>)>,
}

impl Fields {
    /// None yet.
    ///
    /// # Errors
    /// A description that refers to types it lacks, to itself, or nests too deeply.
    pub fn new(descriptor: &TypeDescriptor) -> Result<Self, CdrError> {
        Ok(Self { plan: Arc::new(Plan::new(descriptor)?), want: None, fields: Vec::new() })
    }

    /// Adds a field and says which it is; the same path again is the same field.
    ///
    /// # Errors
    /// A path that leads to no single value.
    pub fn add(&mut self, path: &[FieldStep]) -> Result<usize, FieldError> {
        let (steps, field) = path::resolve(&self.plan, path)?;
        if let Some(known) = self.fields.iter().position(|(known, _)| *known == steps) {
            return Ok(known);
        }
        let slot = self.fields.len();
        path::insert(&self.plan, self.plan.root, &mut self.want, &steps, slot);
        self.fields.push((steps, field));
        Ok(slot)
    }

    /// What a field is.
    pub fn get(&self, field: usize) -> Option<&Field> {
        self.fields.get(field).map(|(_, field)| field)
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Reads the fields of a payload into `out`, which has a place for each. What follows the last
    /// field is not looked at.
    ///
    /// # Errors
    /// Bytes that are no sample of this type.
    pub fn read<'p>(&self, payload: &'p [u8], out: &mut [FieldValue<'p>]) -> Result<(), CdrError> {
        self.read_as(payload, Content::Sample, out)
    }

    /// As [`Self::read`], of a serialised key; only fields that are keys have a meaning then.
    ///
    /// # Errors
    /// Bytes that are no key of this type.
    pub fn read_key<'p>(
        &self,
        key_payload: &'p [u8],
        out: &mut [FieldValue<'p>],
    ) -> Result<(), CdrError> {
        self.read_as(key_payload, Content::TopicKey, out)
    }

    fn read_as<'p>(
        &self,
        payload: &'p [u8],
        content: Content,
        out: &mut [FieldValue<'p>],
    ) -> Result<(), CdrError> {
        for place in out.iter_mut().take(self.fields.len()) {
            // Most often it is: then there is nothing to drop.
            if !matches!(place, FieldValue::Null) {
                *place = FieldValue::Null;
            }
        }
        let mut r = Reader::new(payload)?;
        let Some(want) = &self.want else { return Ok(()) };
        read::value(&self.plan, self.plan.root, want, &mut r, content, true, out)
    }
}

/// A single value as a field.
fn of_value(value: Value) -> FieldValue<'static> {
    match value {
        Value::Bool(v) => FieldValue::Bool(v),
        Value::U64(v) | Value::Bitmask { value: v, .. } => FieldValue::U64(v),
        Value::F32(v) => FieldValue::F32(v),
        Value::F64(v) => FieldValue::F64(v),
        Value::Char(v) => FieldValue::Char(v),
        Value::String(v) => FieldValue::Text(Cow::Owned(v)),
        other => other.as_i64().map_or(FieldValue::Null, FieldValue::I64),
    }
}

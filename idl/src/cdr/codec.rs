//! The dynamic codec: a descriptor compiled once, used for many samples.

use std::fmt;
use std::sync::Arc;

use super::compile::{Kind, Plan};
use super::decode::{Content, decode_node};
use super::default::default_node;
use super::encode::encode_node;
use super::encoding::Encoding;
use super::error::CdrError;
use super::read::Reader;
use super::write::Writer;
use crate::descriptor::{Extensibility, TypeDescriptor};
use crate::value::Value;

/// Encodes and decodes samples of one type. Making it walks the whole descriptor; keep it where
/// many samples of a type pass. Cheap to clone.
///
/// ```
/// use tidewire_idl::{cdr::{Codec, Encoding}, TypeRegistry, Value};
///
/// let mut types = TypeRegistry::new();
/// types.add_str("p.idl", "struct P { long x; sequence<double, 4> list; };")?;
/// let codec = Codec::new(&types.get("P").expect("just defined"))?;
/// let value = codec.default_value()?;
/// let payload = codec.encode(&value, Encoding::XCDR2.big_endian())?;
/// assert_eq!(codec.decode(&payload)?, value);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Codec {
    plan: Arc<Plan>,
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec").field("parts", &self.plan.nodes.len()).finish()
    }
}

impl Codec {
    /// Compiles a descriptor.
    ///
    /// # Errors
    /// A descriptor that refers to types it lacks, to itself, or nests too deeply.
    pub fn new(descriptor: &TypeDescriptor) -> Result<Self, CdrError> {
        Ok(Self { plan: Arc::new(Plan::new(descriptor)?) })
    }

    /// Decodes a payload with its encapsulation header.
    ///
    /// # Errors
    /// Bytes that are no sample of this type; the error names byte and member.
    pub fn decode(&self, payload: &[u8]) -> Result<Value, CdrError> {
        self.read(payload, Content::Sample)
    }

    /// Decodes a serialised key, as a dispose carries it: a struct of the key members only.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn decode_key(&self, payload: &[u8]) -> Result<Value, CdrError> {
        self.read(payload, Content::TopicKey)
    }

    fn read(&self, payload: &[u8], content: Content) -> Result<Value, CdrError> {
        let mut r = Reader::new(payload)?;
        let value = decode_node(&self.plan, self.plan.root, &mut r, content)?;
        r.finish(self.plan.root_extensibility() == Extensibility::Appendable)?;
        Ok(value)
    }

    /// Encodes a value with its encapsulation header. Members not given take their defaults.
    ///
    /// # Errors
    /// A value of another shape, out of range or longer than a bound; the error names the member.
    pub fn encode(&self, value: &Value, encoding: Encoding) -> Result<Vec<u8>, CdrError> {
        let mut out = Vec::with_capacity(64);
        let mut w = Writer::new(&mut out, encoding, self.plan.root_extensibility());
        encode_node(&self.plan, self.plan.root, value, &mut w)?;
        Ok(out)
    }

    /// The value a sample has before anybody set its members.
    ///
    /// # Errors
    /// A `@default` that does not fit its member.
    pub fn default_value(&self) -> Result<Value, CdrError> {
        default_node(&self.plan, self.plan.root)
    }

    /// Reads the JSON form; see [`Value::from_json`].
    ///
    /// # Errors
    /// JSON of another shape than the type; the error names the member.
    pub fn value_from_json(&self, json: &serde_json::Value) -> Result<Value, CdrError> {
        crate::value::from_json(&self.plan, self.plan.root, json)
    }

    /// Whether the type marks a key.
    pub fn is_keyed(&self) -> bool {
        matches!(&self.plan.node(self.plan.root).kind, Kind::Struct(s) if s.keyed)
    }
}

/// Decodes one payload (with its encapsulation header). For many of a type keep a [`Codec`].
///
/// # Errors
/// As [`Codec::decode`].
pub fn decode(descriptor: &TypeDescriptor, payload: &[u8]) -> Result<Value, CdrError> {
    Codec::new(descriptor)?.decode(payload)
}

/// Encodes one value (with an encapsulation header). For many of a type keep a [`Codec`].
///
/// # Errors
/// As [`Codec::encode`].
pub fn encode(
    descriptor: &TypeDescriptor,
    value: &Value,
    encoding: Encoding,
) -> Result<Vec<u8>, CdrError> {
    Codec::new(descriptor)?.encode(value, encoding)
}

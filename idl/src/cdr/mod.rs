//! CDR, both generations: XCDR1 (plain CDR, PL_CDR) and XCDR2 (DDS-XTypes 1.3, 7.4), in both byte
//! orders, read and written, by descriptor ([`decode`], [`encode`]) or by generated code
//! ([`Reader`], [`Writer`]).
//!
//! ```
//! use tidewire_idl::{cdr, TypeRegistry, Value};
//!
//! let mut types = TypeRegistry::new();
//! types.add_str("tank.idl", "struct Tank { @key string name; double level; };")?;
//! let tank = types.get("Tank").expect("just defined");
//!
//! let value = Value::from_json(&tank, &serde_json::json!({ "name": "T1", "level": 0.75 }))?;
//! let payload = cdr::encode(&tank, &value, cdr::Encoding::default())?;
//! assert_eq!(&payload[..4], [0x00, 0x01, 0x00, 0x00], "XCDR1, little endian");
//! assert_eq!(cdr::decode(&tank, &payload)?.get("level").and_then(Value::as_f64), Some(0.75));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Choices where the standard leaves room
//!
//! All follow Cyclone DDS 11, whose bytes are the golden ones in `tests/golden`:
//!
//! - Optional members under XCDR1 and members of mutable types under XCDR1 are written with the
//!   extended parameter header (12 bytes); the short one is read as well.
//! - Values inside an XCDR1 parameter are aligned as if they started at offset 0 modulo 8; the
//!   length of a mutable type's parameter is padded to 4, that of an optional member is not.
//! - The must-understand flag is written only for `@must_understand` members, not for keys.
//! - Key hashes are computed over the key in the representation of the sample, big endian, members
//!   in member id order, without delimiters or parameter headers (XTypes 1.3, 7.6.8).
//! - `wstring` is a byte count and UTF-16 units without terminator.
//!
//! # What the reader forgives, and what not
//!
//! A string of length 0 (no terminator) is read as empty, bytes that are not UTF-8 are read as
//! ISO 8859-1, up to 3 bytes of padding may follow the sample. A `boolean` other than 0 and 1, a
//! length beyond the end, an unknown must-understand member or a longer tail is an error that says
//! where. No input makes it panic, recurse deeper than the type, or allocate more than a fixed
//! multiple of the payload.

mod codec;
mod column;
mod compile;
mod decode;
mod default;
mod encode;
mod encoding;
mod error;
mod field;
mod fit;
mod key;
mod read;
mod walk;
mod write;

pub use codec::{Codec, decode, encode};
pub use column::{Column, ColumnSink, ColumnType, Columns};

/// What values need of the codec's insides.
pub(crate) mod plan {
    pub(crate) use super::compile::{Kind, MAX_DEPTH, MemberPlan, NodeId, Plan};
    pub(crate) use super::compile::{bitmask_bytes, enum_bytes, length_code};
    pub(crate) use super::decode::{bitmask_value, enum_value};
    pub(crate) use super::default::{default_node, default_value, discriminator_value};
}

pub use encoding::{Encoding, Endian, Representation};
pub use error::{CdrError, CdrErrorKind, Within};
pub use field::{Field, FieldError, FieldStep, FieldType, FieldValue, Fields};
pub use key::KeyReader;
pub use read::{Delimited, Parameter, Parameters, Reader};
pub use write::{
    DelimitedMark, OptionalMark, ParameterMark, ParametersMark, Writer, finish_key_hash,
};

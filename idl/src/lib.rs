//! OMG IDL 4.2 and ROS 2 `.msg` in; Rust types, run-time descriptions and CDR out.
//!
//! This room knows what a sample's bytes mean: the parser, the codecs for types known when building
//! ([`codegen`]) or only when running ([`cdr`], [`Value`]), and the shape all samples share
//! ([`Sample`]). It may use nothing of ours. Start with [`TypeRegistry`] (text to types), then
//! [`cdr::decode`]; what generated types can do is in [`typed`].
//!
//! ```
//! use tidewire_idl::{decode, encode, Encoding, TypeRegistry, Value};
//!
//! let mut types = TypeRegistry::new();
//! types.add_str(
//!     "plant.idl",
//!     "module plant { enum State { IDLE, RUNNING }; \
//!      struct Pump { @key string<63> name; State state; @unit(\"m/s^2\") float vibration[3]; }; };",
//! )?;
//! let pump = types.get("plant::Pump").expect("just defined");
//! let json = serde_json::json!({ "name": "P1", "state": "RUNNING", "vibration": [0.1, 0.0, 9.8] });
//! let payload = encode(&pump, &Value::from_json(&pump, &json)?, Encoding::default())?;
//! assert_eq!(decode(&pump, &payload)?.to_json(), json);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Types without an extensibility annotation
//!
//! are `@final`. DDS-XTypes says appendable, but Cyclone DDS (whose `idlc` warns about it), ROS 2 and
//! most deployed IDL say final, and a wrong guess makes every sample unreadable. Annotate types that
//! shall grow with `@appendable` or `@mutable`.
//!
//! # Not supported
//!
//! `any`, `fixed`, `long double`, `map`, `bitset`, interfaces and value types (a clear error each);
//! recursive types; `#` and `##` in macros; mutable unions as keys.

pub mod cdr;
pub mod codegen;
pub mod descriptor;
mod error;
mod extent;
mod parse;
pub mod registry;
pub mod sample;
mod suggest;
pub mod typed;
pub mod value;
pub mod xtypes;

pub use cdr::{CdrError, CdrErrorKind, Codec, Encoding, Endian, Representation, decode, encode};
pub use cdr::{Column, ColumnSink, ColumnType, Columns, KeyReader};
pub use descriptor::*;
pub use error::{Diagnostic, Diagnostics, IdlError};
pub use registry::TypeRegistry;
pub use sample::*;
pub use suggest::nearest;
pub use typed::{CdrType, PlainCdr, TypeSupport};
pub use value::Value;

/// For generated code.
#[doc(hidden)]
pub use serde;
/// For generated code.
#[doc(hidden)]
pub use serde_json;

//! Run-time descriptions of types: what the parser makes, the codec walks and a recording carries.
//!
//! ```
//! use tidewire_idl::{Definition, TypeDescriptor, TypeRegistry};
//!
//! let mut types = TypeRegistry::new();
//! types.add_str("p.idl", "struct P { @key long id; double x; };")?;
//! let p = types.get("P").expect("just defined");
//! let Definition::Struct { members, .. } = p.root() else { panic!("it is a struct") };
//! assert!(members[0].key && members[1].name == "x");
//!
//! // A recording keeps it as JSON beside the samples.
//! let json = serde_json::to_string(&*p)?;
//! assert_eq!(serde_json::from_str::<TypeDescriptor>(&json)?, *p);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How a type may evolve (DDS-XTypes 1.3, 7.2.2.4.4.4). Decides the encapsulation under XCDR2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Extensibility {
    Final,
    Appendable,
    Mutable,
}

/// IDL primitive types (OMG IDL 4.2, 7.4.1.4.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Primitive {
    Bool,
    /// `octet`, which DDS-XTypes tells from `uint8` though both are the same on the wire.
    Octet,
    /// `uint8`.
    U8,
    I8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
    /// `char`: one byte, ISO 8859-1.
    Char,
    /// `wchar`: one UTF-16 unit.
    WChar,
}

impl Primitive {
    /// Bytes on the wire and in memory.
    pub const fn size(self) -> usize {
        match self {
            Self::Bool | Self::Octet | Self::U8 | Self::I8 | Self::Char => 1,
            Self::I16 | Self::U16 | Self::WChar => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }
}

/// A use of a type in a member, an element or a discriminator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TypeRef {
    Primitive(Primitive),
    /// `string` (`bound` in bytes without the terminating NUL).
    String {
        bound: Option<u32>,
    },
    /// `wstring` (`bound` in UTF-16 units).
    WString {
        bound: Option<u32>,
    },
    Sequence {
        element: Box<TypeRef>,
        bound: Option<u32>,
    },
    /// `T name[d0][d1]`, row-major.
    Array {
        element: Box<TypeRef>,
        dims: Vec<u32>,
    },
    /// A struct, union, enum, bitmask by scoped name (`a::b::C`). Typedefs are resolved by the parser.
    Named(String),
}

/// A struct's member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    pub name: String,
    /// Member id (`@id`, else sequential): what XCDR parameter lists carry.
    pub id: u32,
    pub ty: TypeRef,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub key: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub must_understand: bool,
    /// `@default(...)` as JSON; a missing member of an evolved type takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<serde_json::Value>,
    /// `@unit("m/s^2")`, for people and axes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// One branch of a union.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    pub labels: Vec<i64>,
    pub is_default: bool,
    pub member: Member,
}

/// What a named type is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Definition {
    Struct {
        extensibility: Extensibility,
        base: Option<String>,
        members: Vec<Member>,
    },
    Union {
        extensibility: Extensibility,
        discriminator: TypeRef,
        discriminator_is_key: bool,
        cases: Vec<Case>,
    },
    /// `bit_bound` is 32 unless `@bit_bound` says otherwise (8, 16 or 32 bits on the wire).
    Enum {
        bit_bound: u16,
        literals: Vec<(String, i32)>,
        default: Option<String>,
    },
    /// `flags` are (name, bit position).
    Bitmask {
        bit_bound: u16,
        flags: Vec<(String, u16)>,
    },
}

/// A topic type with everything it refers to: enough to decode its samples years later.
///
/// It is plain data (serde), so a recording keeps it as JSON next to the samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct TypeDescriptor {
    /// Scoped name with `::`, as DDS type names are written.
    pub name: String,
    /// `name` and every type reachable from it, by scoped name.
    pub types: BTreeMap<String, Definition>,
    /// Those among them of which others announce more than is kept here: typedefs, `@nested`,
    /// `@autoid(HASH)`. It changes the hash that stands for them, and nothing else.
    pub inexact: BTreeSet<String>,
}

/// As it was written, maybe before it was noted what is inexact: then everything may be.
#[derive(Deserialize)]
struct Stored {
    name: String,
    types: BTreeMap<String, Definition>,
    inexact: Option<BTreeSet<String>>,
}

impl From<Stored> for TypeDescriptor {
    fn from(Stored { name, types, inexact }: Stored) -> Self {
        let inexact = inexact.unwrap_or_else(|| types.keys().cloned().collect());
        Self { name, types, inexact }
    }
}

impl TypeDescriptor {
    /// Whether both describe the same samples; what is inexact says nothing about them.
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.types == other.types
    }

    /// The definition of the topic type itself.
    pub fn root(&self) -> &Definition {
        &self.types[&self.name]
    }

    /// Looks up a type this descriptor refers to.
    pub fn get(&self, name: &str) -> Option<&Definition> {
        self.types.get(name)
    }
}

/// Shared handle: descriptors are immutable once made.
pub type TypeHandle = Arc<TypeDescriptor>;

//! Types as DDS announces them (DDS-XTypes 1.3, 7.3 and 7.6.3.2): by a hash that says whether two
//! programs mean the same, and by TypeObjects for those that do not know the type.
//!
//! ```
//! use tidewire_idl::{TypeRegistry, xtypes::{Relation, TypeObjects}};
//!
//! let mut types = TypeRegistry::new();
//! types.add_str("p.idl", "struct P { @key long id; double x; };")?;
//! let objects = TypeObjects::of(&*types.get("P").expect("just defined"))?;
//! let hash = objects.hash(Relation::Complete).to_string();
//! assert_eq!(hash, "fe56f008dd35b7eeb7803530cf3f");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod identifier;
mod object;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use md5::{Digest, Md5};

use crate::descriptor::{Definition, TypeDescriptor, TypeRef};
use wire::Out;

/// The longest name of a type or member in a TypeObject, in bytes.
const LONGEST_NAME: usize = 255;
/// Deepest nesting of types in one another.
const MAX_DEPTH: usize = 64;

/// What two types must agree in to be the same (7.3.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// What assignability depends on.
    Minimal,
    /// Names and units, too.
    Complete,
}

impl Relation {
    fn kind(self) -> u8 {
        match self {
            Self::Minimal => 0xf1,
            Self::Complete => 0xf2,
        }
    }
}

/// The hash that stands for a type: 14 bytes of the MD5 of its TypeObject (7.3.4.2). Shown in hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TypeHash(pub [u8; 14]);

impl fmt::Display for TypeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Why a type cannot be announced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TypeObjectError {
    /// A type it refers to is missing.
    #[error("`{0}` is not described; load the IDL that defines it")]
    Unknown(String),
    /// Its hash would be another one than others have for the same IDL.
    #[error(
        "`{0}` has typedefs, @nested, @autoid(HASH) or others of which the description keeps nothing; types \
         that contain it are matched by name"
    )]
    Inexact(String),
    /// TypeObjects have room for 255 bytes.
    #[error("the name `{0}` is longer than {LONGEST_NAME} bytes; DDS does not announce such types")]
    Name(String),
    /// TypeObjects have room for 32 bits.
    #[error("the case label {0} does not fit 32 bits; DDS does not announce such unions")]
    Label(i64),
    /// It contains itself, or nearly so.
    #[error("its parts nest more than {MAX_DEPTH} deep; flatten them")]
    Deep,
}

struct Object {
    hash: TypeHash,
    bytes: Vec<u8>,
}

/// A named type's TypeObjects.
struct Pair {
    minimal: Object,
    complete: Object,
}

impl Pair {
    fn of(&self, relation: Relation) -> &Object {
        match relation {
            Relation::Minimal => &self.minimal,
            Relation::Complete => &self.complete,
        }
    }
}

type Known = BTreeMap<String, Pair>;

/// Whether a sequence or array of named types is among its members.
fn collects_types(definition: &Definition) -> bool {
    fn named(ty: &TypeRef, inside: bool) -> bool {
        match ty {
            TypeRef::Named(_) => inside,
            TypeRef::Sequence { element, .. } | TypeRef::Array { element, .. } => {
                named(element, true)
            }
            _ => false,
        }
    }
    match definition {
        Definition::Struct { members, .. } => members.iter().any(|m| named(&m.ty, false)),
        Definition::Union { cases, .. } => cases.iter().any(|case| named(&case.member.ty, false)),
        _ => false,
    }
}

/// A type's TypeObjects, and those of all types it refers to.
pub struct TypeObjects {
    /// The type itself first, each before those it refers to.
    order: Vec<String>,
    known: Known,
}

impl TypeObjects {
    /// Of a type and all it refers to: those that Cyclone DDS makes of the same IDL. Of the type itself
    /// typedefs are resolved, and its `@autoid(HASH)`, `@hashid`, `@min` and `@max` are left out. Then
    /// its hash is another one, and others compare it member by member; of parts they compare the
    /// hash alone, so that inexact ones are refused.
    ///
    /// # Errors
    /// A type that DDS cannot announce.
    pub fn of(ty: &TypeDescriptor) -> Result<Self, TypeObjectError> {
        if let Some(part) = ty.inexact.iter().find(|name| **name != ty.name) {
            return Err(TypeObjectError::Inexact(part.clone()));
        }
        // A typedef may be what a collection is made of, and that is compared by its hash.
        if ty.inexact.contains(&ty.name) && collects_types(ty.root()) {
            return Err(TypeObjectError::Inexact(ty.name.clone()));
        }
        let mut it = Self { order: Vec::new(), known: Known::new() };
        it.add(&ty.name, ty, 0)?;
        Ok(it)
    }

    /// The hash that stands for the type itself.
    pub fn hash(&self, relation: Relation) -> TypeHash {
        self.known[&self.order[0]].of(relation).hash
    }

    /// The TypeObjects under one relation with their hashes, the type itself first.
    pub fn objects(&self, relation: Relation) -> impl ExactSizeIterator<Item = (TypeHash, &[u8])> {
        self.order.iter().map(move |name| {
            let object = self.known[name].of(relation);
            (object.hash, object.bytes.as_slice())
        })
    }

    /// The TypeInformation that endpoints announce (7.6.3.2.1), without encapsulation header: XCDR2,
    /// little endian.
    pub fn information(&self) -> Vec<u8> {
        let with_size = |out: &mut Out, relation: Relation, (hash, bytes): (TypeHash, &[u8])| {
            out.delimited(|out| {
                out.u8(relation.kind());
                out.raw(&hash.0);
                out.u32(bytes.len() as u32);
            });
        };
        Out::bytes(|out| {
            out.delimited(|out| {
                for (id, relation) in [(0x1001, Relation::Minimal), (0x1002, Relation::Complete)] {
                    out.parameter(id, |out| {
                        out.delimited(|out| {
                            let mut all = self.objects(relation);
                            let root = all.next().expect("the type itself is known");
                            with_size(out, relation, root);
                            // Minimal ones of different types may be the same.
                            let mut told = BTreeSet::new();
                            let others: Vec<_> = all.filter(|it| told.insert(it.0)).collect();
                            out.i32(others.len() as i32);
                            out.each(others.into_iter(), |out, it| with_size(out, relation, it));
                        });
                    });
                }
            });
        })
    }

    /// All TypeObjects by their hashes, as Cyclone DDS takes them (its `TypeMapping`): XCDR2, little
    /// endian.
    pub fn mapping(&self) -> Vec<u8> {
        let identifier = |out: &mut Out, relation: Relation, hash: TypeHash| {
            out.u8(relation.kind());
            out.raw(&hash.0);
        };
        Out::bytes(|out| {
            for relation in [Relation::Minimal, Relation::Complete] {
                out.each(self.objects(relation), |out, (hash, bytes)| {
                    identifier(out, relation, hash);
                    // It begins with its length, and so aligned.
                    let (length, body) = bytes.split_at(4);
                    out.u32(u32::from_le_bytes(length.try_into().expect("four bytes")));
                    out.raw(body);
                });
            }
            out.each(self.order.iter().map(|name| &self.known[name]), |out, pair| {
                identifier(out, Relation::Complete, pair.complete.hash);
                identifier(out, Relation::Minimal, pair.minimal.hash);
            });
        })
    }

    fn add(
        &mut self,
        name: &str,
        ty: &TypeDescriptor,
        depth: usize,
    ) -> Result<(), TypeObjectError> {
        if self.known.contains_key(name) {
            return Ok(());
        }
        self.order.push(name.to_owned());
        if depth > MAX_DEPTH {
            return Err(TypeObjectError::Deep);
        }
        let definition = ty.get(name).ok_or_else(|| TypeObjectError::Unknown(name.to_owned()))?;
        check(name, definition)?;
        for part in crate::parse::parts(definition) {
            self.add(part, ty, depth + 1)?;
        }
        let object = |relation| {
            let bytes = object::bytes(name, definition, relation, &self.known);
            let digest = Md5::digest(&bytes);
            Object { hash: TypeHash(std::array::from_fn(|i| digest[i])), bytes }
        };
        let pair =
            Pair { minimal: object(Relation::Minimal), complete: object(Relation::Complete) };
        self.known.insert(name.to_owned(), pair);
        Ok(())
    }
}

/// That TypeObjects have room for what the type is called and its labels.
fn check(name: &str, definition: &Definition) -> Result<(), TypeObjectError> {
    let fits = |name: &str| match name.len() {
        0..=LONGEST_NAME => Ok(()),
        _ => Err(TypeObjectError::Name(name.to_owned())),
    };
    fits(name)?;
    match definition {
        Definition::Struct { members, .. } => members.iter().try_for_each(|m| fits(&m.name)),
        Definition::Union { cases, .. } => cases.iter().try_for_each(|case| {
            let labels = &mut case.labels.iter();
            match labels.find(|label| i32::try_from(**label).is_err()) {
                Some(label) => Err(TypeObjectError::Label(*label)),
                None => fits(&case.member.name),
            }
        }),
        Definition::Enum { literals, .. } => literals.iter().try_for_each(|(name, _)| fits(name)),
        Definition::Bitmask { flags, .. } => flags.iter().try_for_each(|(name, _)| fits(name)),
    }
}

//! What generated types can do.
//!
//! Generated code lives in `tidewire-types` and in the crates of users; this page shows the traits
//! on a type written by hand the way the generator writes it.
//!
//! ```
//! use tidewire_idl::{CdrError, CdrType, Encoding, TypeHandle, TypeRegistry, TypeSupport};
//! use tidewire_idl::cdr::{Reader, Writer, Within};
//!
//! #[derive(Debug, PartialEq)]
//! struct Tank { name: String, level: f64 }
//!
//! impl CdrType for Tank {
//!     const MIN_SIZE: usize = 12;
//!     fn write(&self, w: &mut Writer<'_>) {
//!         w.string(&self.name);
//!         w.f64(self.level);
//!     }
//!     fn read(r: &mut Reader<'_>) -> Result<Self, CdrError> {
//!         Ok(Self { name: r.string(63).within("name")?, level: r.f64().within("level")? })
//!     }
//! }
//!
//! impl TypeSupport for Tank {
//!     const TYPE_NAME: &'static str = "plant::Tank";
//!     const KEYED: bool = false;
//!     fn descriptor() -> TypeHandle {
//!         let mut types = TypeRegistry::new();
//!         let idl = "module plant { struct Tank { string<63> name; double level; }; };";
//!         types.add_str("tank.idl", idl).expect("valid IDL");
//!         types.get(Self::TYPE_NAME).expect("just defined")
//!     }
//! }
//!
//! let tank = Tank { name: "T1".into(), level: 0.5 };
//! let mut payload = Vec::new();
//! tank.encode(Encoding::default(), &mut payload);
//! assert_eq!(Tank::decode(&payload)?, tank);
//! assert_eq!(tidewire_idl::decode(&Tank::descriptor(), &payload)?.to_string(), "name: T1\nlevel: 0.5");
//! # Ok::<(), CdrError>(())
//! ```

use crate::cdr::finish_key_hash;
use crate::cdr::{CdrError, CdrErrorKind, Encoding, Reader, Representation, Within, Writer};
use crate::descriptor::{Extensibility, TypeHandle};
use crate::sample::KeyHash;

pub mod big_array;

/// A type with a CDR form. Implemented by generated code.
pub trait CdrType: Sized {
    /// Fewest bytes a value takes on the wire.
    const MIN_SIZE: usize;

    /// Writes the value at the pen.
    fn write(&self, w: &mut Writer<'_>);

    /// Reads a value at the cursor.
    ///
    /// # Errors
    /// Bytes that are no value of this type.
    fn read(r: &mut Reader<'_>) -> Result<Self, CdrError>;

    /// Writes what of the value belongs to a key: its key members, or all if none is marked.
    fn write_key(&self, w: &mut Writer<'_>) {
        self.write(w);
    }

    /// Reads what [`Self::write_key`] wrote; the rest has its defaults.
    ///
    /// # Errors
    /// Bytes that are no key of this type.
    fn read_key(r: &mut Reader<'_>) -> Result<Self, CdrError> {
        Self::read(r)
    }

    /// Checks what the Rust type cannot: bounds of strings and sequences.
    ///
    /// # Errors
    /// The first member that exceeds its bound.
    fn validate(&self) -> Result<(), CdrError> {
        Ok(())
    }
}

/// A topic type. Implemented by generated code.
pub trait TypeSupport: CdrType + Send + Sync + 'static {
    /// The DDS type name: `tidewire::sensor::Imu`.
    const TYPE_NAME: &'static str;
    /// Whether it has a key.
    const KEYED: bool;
    /// Decides the encapsulation.
    const EXTENSIBILITY: Extensibility = Extensibility::Final;
    /// Whether the key never exceeds 16 bytes, under XCDR1 and XCDR2.
    const KEY_FITS: [bool; 2] = [false, false];

    /// The run-time description; made once.
    fn descriptor() -> TypeHandle;

    /// Appends an encapsulation header and the sample. Strings and sequences beyond their bounds
    /// are written as they are: call [`CdrType::validate`] before where that may happen.
    fn encode(&self, encoding: Encoding, out: &mut Vec<u8>) {
        self.write(&mut Writer::new(out, encoding, Self::EXTENSIBILITY));
    }

    /// Reads a payload with its encapsulation header.
    ///
    /// # Errors
    /// Bytes that are no sample of this type; the error names byte and member.
    fn decode(payload: &[u8]) -> Result<Self, CdrError> {
        let mut r = Reader::new(payload)?;
        let value = Self::read(&mut r)?;
        r.finish(matches!(Self::EXTENSIBILITY, Extensibility::Appendable))?;
        Ok(value)
    }

    /// The instance's key hash (RTPS 2.5, 9.6.4.8), of the XCDR1 form; zero without a key.
    fn key_hash(&self) -> KeyHash {
        if !Self::KEYED {
            return KeyHash::default();
        }
        let mut key = Vec::with_capacity(64);
        self.write_key(&mut Writer::for_key_hash(&mut key, Representation::Xcdr1));
        finish_key_hash(&key, Self::KEY_FITS[0])
    }

    /// Appends an encapsulation header and the key, as a dispose carries it.
    fn encode_key(&self, encoding: Encoding, out: &mut Vec<u8>) {
        let mut w = Writer::new(out, encoding, Self::EXTENSIBILITY);
        if Self::KEYED {
            self.write_key(&mut w);
        }
    }

    /// Reads what [`Self::encode_key`] wrote; members that are no keys have their defaults.
    ///
    /// # Errors
    /// Bytes that are no key of this type.
    fn decode_key(payload: &[u8]) -> Result<Self, CdrError> {
        let mut r = Reader::new(payload)?;
        let value = Self::read_key(&mut r)?;
        r.finish(matches!(Self::EXTENSIBILITY, Extensibility::Appendable))?;
        Ok(value)
    }

    /// The collection point: the key member named `point`, where the type has it.
    fn point(&self) -> Option<&str> {
        None
    }
}

/// A type whose memory is its XCDR1 little-endian body, so that it can be written by filling shared
/// memory. Implemented by generated code, on little-endian hosts only.
///
/// # Safety
/// The type is `repr(C)`, without padding, without types that have invalid bit patterns (booleans,
/// characters, enumerations, references), and its memory equals the XCDR1 little-endian body of the
/// same value.
pub unsafe trait PlainCdr: TypeSupport + Copy {}

/// The memory of a plain value: its XCDR1 little-endian body.
pub fn plain_bytes<T: PlainCdr>(value: &T) -> &[u8] {
    // SAFETY: `PlainCdr` promises no padding: every byte is initialised.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast(), size_of::<T>()) }
}

/// A plain value in place; `None` where length or alignment do not fit.
pub fn plain_ref<T: PlainCdr>(bytes: &[u8]) -> Option<&T> {
    let pointer = bytes.as_ptr().cast::<T>();
    if bytes.len() != size_of::<T>() || !pointer.is_aligned() {
        return None;
    }
    // SAFETY: length and alignment were checked; `PlainCdr` promises that all bit patterns are valid.
    Some(unsafe { &*pointer })
}

/// A plain value in place, to be filled; `None` where length or alignment do not fit.
pub fn plain_mut<T: PlainCdr>(bytes: &mut [u8]) -> Option<&mut T> {
    let pointer = bytes.as_mut_ptr().cast::<T>();
    if bytes.len() != size_of::<T>() || !pointer.is_aligned() {
        return None;
    }
    // SAFETY: as in `plain_ref`; whatever is written back has no uninitialised bytes either.
    Some(unsafe { &mut *pointer })
}

/// An all-zero plain value on the heap, without passing through the stack.
pub fn plain_boxed<T: PlainCdr>() -> Box<T> {
    // SAFETY: `PlainCdr` promises that all bit patterns, zero among them, are valid.
    unsafe { Box::<T>::new_zeroed().assume_init() }
}

/// Reads a sequence of other than numbers.
#[inline]
pub fn read_seq<'a, T>(
    r: &mut Reader<'a>,
    bound: usize,
    min_size: usize,
    delimited: bool,
    mut element: impl FnMut(&mut Reader<'a>) -> Result<T, CdrError>,
) -> Result<Vec<T>, CdrError> {
    let open = if delimited { Some(r.begin_collection()?) } else { None };
    let count = r.count(min_size, bound)?;
    // Elements may be much larger in memory than on the wire: grow as they come.
    let mut out = Vec::with_capacity(count.min(64));
    for i in 0..count {
        out.push(element(r).within_index(i)?);
    }
    if let Some(open) = open {
        r.end_delimited(open);
    }
    Ok(out)
}

/// Reads an array of other than numbers.
#[inline]
pub fn read_array<'a, T, const N: usize>(
    r: &mut Reader<'a>,
    delimited: bool,
    mut element: impl FnMut(&mut Reader<'a>) -> Result<T, CdrError>,
) -> Result<[T; N], CdrError> {
    let open = if delimited { Some(r.begin_collection()?) } else { None };
    let mut out = Vec::with_capacity(N.min(64));
    for i in 0..N {
        out.push(element(r).within_index(i)?);
    }
    if let Some(open) = open {
        r.end_delimited(open);
    }
    let left = r.remaining();
    out.try_into().map_err(|_| r.error(CdrErrorKind::Count { count: N, left }))
}

/// Reads an optional member of a final or appendable type.
#[inline]
pub fn read_optional<'a, T>(
    r: &mut Reader<'a>,
    id: u32,
    value: impl FnOnce(&mut Reader<'a>) -> Result<T, CdrError>,
) -> Result<Option<T>, CdrError> {
    let Some(open) = r.begin_optional(id)? else { return Ok(None) };
    let value = value(r)?;
    r.end_optional(open);
    Ok(Some(value))
}

/// Checks a length against a bound.
#[inline]
pub fn check_bound(length: usize, bound: usize) -> Result<(), CdrError> {
    if length <= bound {
        return Ok(());
    }
    Err(CdrError::of_value(CdrErrorKind::Bound { length, bound }))
}

/// The description generated code carries as JSON.
#[doc(hidden)]
pub fn descriptor_of(json: &str) -> TypeHandle {
    let descriptor = serde_json::from_str(json).expect("the generator wrote it from a descriptor");
    std::sync::Arc::new(descriptor)
}

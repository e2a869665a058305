//! The pen every encoder writes with.

use md5::{Digest, Md5};

use super::encoding::{Encoding, Endian, Representation};
use crate::descriptor::Extensibility;
use crate::sample::KeyHash;

const PID_EXTENDED: u16 = 0x3f01 | MUST_UNDERSTAND;
const PID_LIST_END: u16 = 0x3f02 | MUST_UNDERSTAND;
const MUST_UNDERSTAND: u16 = 0x4000;

/// Appends primitives, strings and the headers of XCDR to a buffer.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// Where alignment counts from.
    origin: usize,
    max_mask: usize,
    swap: bool,
    v2: bool,
    /// Key hashes leave out delimiters and parameter headers.
    bare: bool,
}

/// Open delimited value; see [`Writer::begin_delimited`].
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct DelimitedMark(usize);

/// Open parameter list; see [`Writer::begin_parameters`].
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct ParametersMark(usize);

/// Open parameter; see [`Writer::begin_parameter`].
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct ParameterMark {
    length_at: usize,
    origin: usize,
}

/// Open optional member; see [`Writer::begin_optional`].
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct OptionalMark {
    length_at: usize,
    origin: usize,
}

macro_rules! primitives {
    ($($(#[$doc:meta])* $name:ident: $ty:ty),* $(,)?) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name(&mut self, value: $ty) {
            self.align(size_of::<$ty>());
            let bytes = if self.swap { value.to_be_bytes() } else { value.to_le_bytes() };
            self.out.extend_from_slice(&bytes);
        }
    )*};
}

macro_rules! slices {
    ($($array:ident, $seq:ident: $ty:ty),* $(,)?) => {$(
        /// The elements of a fixed array.
        #[inline]
        pub fn $array(&mut self, values: &[$ty]) {
            const N: usize = size_of::<$ty>();
            if values.is_empty() {
                return;
            }
            self.align(N);
            // Large arrays are written once, not zeroed first.
            if N == 1 || self.swap == cfg!(target_endian = "big") {
                self.out.extend_from_slice(bytemuck::cast_slice(values));
                return;
            }
            self.out.reserve(values.len() * N);
            for value in values {
                let bytes = if self.swap { value.to_be_bytes() } else { value.to_le_bytes() };
                self.out.extend_from_slice(&bytes);
            }
        }

        /// A sequence with its count.
        #[inline]
        pub fn $seq(&mut self, values: &[$ty]) {
            self.count(values.len());
            self.$array(values);
        }
    )*};
}

impl<'a> Writer<'a> {
    /// Appends an encapsulation header to `out` and goes on from there.
    #[inline]
    pub fn new(out: &'a mut Vec<u8>, encoding: Encoding, extensibility: Extensibility) -> Self {
        out.extend_from_slice(&encoding.header(extensibility));
        Self::body(out, encoding, false)
    }

    /// Writes what a key hash is made of: big endian, no header, no delimiters.
    #[inline]
    pub fn for_key_hash(out: &'a mut Vec<u8>, representation: Representation) -> Self {
        Self::body(out, Encoding { representation, endian: Endian::Big }, true)
    }

    /// Whether this writes what a key hash is made of: members go in the order of their ids.
    #[inline]
    pub fn is_for_key_hash(&self) -> bool {
        self.bare
    }

    #[inline]
    fn body(out: &'a mut Vec<u8>, encoding: Encoding, bare: bool) -> Self {
        let origin = out.len();
        let v2 = encoding.representation == Representation::Xcdr2;
        let max_mask = if v2 { 3 } else { 7 };
        Self { out, origin, max_mask, swap: encoding.endian == Endian::Big, v2, bare }
    }

    #[inline]
    fn align(&mut self, alignment: usize) {
        let mask = (alignment - 1) & self.max_mask;
        if mask != 0 {
            let at = self.out.len() - self.origin;
            let pad = at.wrapping_neg() & mask;
            if pad != 0 {
                self.out.extend_from_slice(&[0u8; 8][..pad]);
            }
        }
    }

    primitives! {
        /// `octet`, `uint8`.
        u8: u8,
        /// `int8`.
        i8: i8,
        /// `short`.
        i16: i16,
        /// `unsigned short`.
        u16: u16,
        /// `long`.
        i32: i32,
        /// `unsigned long`.
        u32: u32,
        /// `long long`.
        i64: i64,
        /// `unsigned long long`.
        u64: u64,
        /// `float`.
        f32: f32,
        /// `double`.
        f64: f64,
    }

    slices! {
        array_u8, seq_u8: u8,
        array_i8, seq_i8: i8,
        array_i16, seq_i16: i16,
        array_u16, seq_u16: u16,
        array_i32, seq_i32: i32,
        array_u32, seq_u32: u32,
        array_i64, seq_i64: i64,
        array_u64, seq_u64: u64,
        array_f32, seq_f32: f32,
        array_f64, seq_f64: f64,
    }

    /// `boolean`.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// `char`: ISO 8859-1; other characters become `?`.
    #[inline]
    pub fn char(&mut self, value: char) {
        self.u8(u8::try_from(u32::from(value)).unwrap_or(b'?'));
    }

    /// `wchar`: one UTF-16 unit; characters that take two become U+FFFD.
    #[inline]
    pub fn wchar(&mut self, value: char) {
        self.u16(u16::try_from(u32::from(value)).unwrap_or(0xfffd));
    }

    /// The count before a sequence's elements. A count of 2³² or more does not fit the format: it
    /// is a bug of the caller that [`crate::TypeSupport::validate`] reports.
    #[inline]
    pub fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).unwrap_or(u32::MAX));
    }

    /// `string`: byte count with the terminating NUL, bytes, NUL.
    #[inline]
    pub fn string(&mut self, text: &str) {
        self.string_bytes(text.as_bytes());
    }

    /// A `string` of bytes that may not be UTF-8.
    #[inline]
    pub fn string_bytes(&mut self, text: &[u8]) {
        self.align(4);
        let length = u32::try_from(text.len() + 1).unwrap_or(u32::MAX);
        self.out.reserve(text.len() + 5);
        let length = if self.swap { length.to_be_bytes() } else { length.to_le_bytes() };
        self.out.extend_from_slice(&length);
        self.out.extend_from_slice(text);
        self.out.push(0);
    }

    /// `wstring`: byte count and UTF-16 units.
    pub fn wstring(&mut self, text: &str) {
        self.count(text.encode_utf16().count() * 2);
        for unit in text.encode_utf16() {
            self.u16(unit);
        }
    }

    /// Opens a collection of non-primitive elements: XCDR2 puts a delimiter before it.
    #[inline]
    pub fn begin_collection(&mut self) -> DelimitedMark {
        if self.v2 {
            self.u32(0);
        }
        DelimitedMark(self.out.len())
    }

    /// Closes what [`Self::begin_collection`] opened.
    #[inline]
    pub fn end_collection(&mut self, mark: DelimitedMark) {
        if self.v2 {
            self.patch(mark.0);
        }
    }

    /// Opens an appendable value: XCDR2 puts a delimiter before it.
    #[inline]
    pub fn begin_delimited(&mut self) -> DelimitedMark {
        if self.v2 && !self.bare {
            self.u32(0);
        }
        DelimitedMark(self.out.len())
    }

    /// Closes what [`Self::begin_delimited`] opened.
    #[inline]
    pub fn end_delimited(&mut self, mark: DelimitedMark) {
        if self.v2 && !self.bare {
            self.patch(mark.0);
        }
    }

    /// Writes the number of bytes since `start` into the 4 bytes before it.
    #[inline]
    fn patch(&mut self, start: usize) {
        let length = (self.out.len() - start) as u32;
        let bytes = if self.swap { length.to_be_bytes() } else { length.to_le_bytes() };
        self.out[start - 4..start].copy_from_slice(&bytes);
    }

    /// Opens a mutable value.
    #[inline]
    pub fn begin_parameters(&mut self) -> ParametersMark {
        if self.v2 && !self.bare {
            self.u32(0);
        }
        ParametersMark(self.out.len())
    }

    /// Closes a mutable value.
    #[inline]
    pub fn end_parameters(&mut self, mark: ParametersMark) {
        if self.bare {
        } else if self.v2 {
            self.patch(mark.0);
        } else {
            self.align(4);
            self.u16(PID_LIST_END);
            self.u16(0);
        }
    }

    /// Opens a member of a mutable value. `length_code` is XCDR2's (XTypes 1.3, 7.4.3.4.2): 0 to 3
    /// for 1, 2, 4 or 8 bytes, 4 for a length of its own, 5 to 7 where the value's first word is it.
    #[inline]
    pub fn begin_parameter(
        &mut self,
        id: u32,
        must_understand: bool,
        length_code: u8,
    ) -> ParameterMark {
        let origin = self.origin;
        if self.bare {
            return ParameterMark { length_at: 0, origin };
        }
        if self.v2 {
            self.u32(u32::from(must_understand) << 31 | u32::from(length_code) << 28 | id);
            let mut length_at = 0;
            if length_code == 4 {
                self.u32(0);
                length_at = self.out.len();
            }
            return ParameterMark { length_at, origin };
        }
        self.extended_header(id, must_understand);
        ParameterMark { length_at: self.out.len(), origin }
    }

    fn extended_header(&mut self, id: u32, must_understand: bool) {
        self.align(4);
        self.u16(PID_EXTENDED);
        self.u16(8);
        self.u32(u32::from(must_understand) << 30 | id);
        self.u32(0);
        self.origin = self.out.len();
    }

    /// Closes a member of a mutable value.
    #[inline]
    pub fn end_parameter(&mut self, mark: ParameterMark) {
        if !self.v2 && !self.bare {
            self.origin = mark.origin;
            self.align(4);
        }
        if mark.length_at != 0 {
            self.patch(mark.length_at);
        }
    }

    /// Opens an optional member of a final or appendable value, which is there or not. Write the
    /// value only if it is, then call [`Self::end_optional`].
    #[inline]
    pub fn begin_optional(
        &mut self,
        id: u32,
        must_understand: bool,
        present: bool,
    ) -> OptionalMark {
        let origin = self.origin;
        if self.v2 {
            self.bool(present);
            return OptionalMark { length_at: 0, origin };
        }
        self.extended_header(id, must_understand);
        OptionalMark { length_at: self.out.len(), origin }
    }

    /// Closes an optional member.
    #[inline]
    pub fn end_optional(&mut self, mark: OptionalMark) {
        if mark.length_at != 0 {
            self.origin = mark.origin;
            self.patch(mark.length_at);
        }
    }
}

/// The key hash of a key written with [`Writer::for_key_hash`] (RTPS 2.5, 9.6.4.8): the bytes
/// themselves where the type's key can never exceed 16, else their MD5.
pub fn finish_key_hash(key: &[u8], always_fits: bool) -> KeyHash {
    if always_fits && key.len() <= 16 {
        let mut hash = [0; 16];
        hash[..key.len()].copy_from_slice(key);
        return KeyHash(hash);
    }
    KeyHash(Md5::digest(key).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn big_endian_and_alignment() {
        let mut out = Vec::new();
        let mut w = Writer::new(&mut out, Encoding::XCDR1.big_endian(), Extensibility::Final);
        w.u8(1);
        w.f64(1.0);
        assert_eq!(out, [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn short_keys_are_padded_long_ones_hashed() {
        assert_eq!(finish_key_hash(&[1, 2], true).0[..4], [1, 2, 0, 0]);
        let md5_of_nothing = [0xd4, 0x1d, 0x8c, 0xd9];
        assert_eq!(finish_key_hash(&[], false).0[..4], md5_of_nothing);
    }
}

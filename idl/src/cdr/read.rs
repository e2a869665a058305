//! The cursor every decoder stands on.

use super::encoding::{Encoding, Endian, Representation};
use super::error::{CdrError, CdrErrorKind};

const PID_MASK: u16 = 0x3fff;
const PID_EXTENDED: u16 = 0x3f01;
const PID_LIST_END: u16 = 0x3f02;
const PID_IMPLEMENTATION: u16 = 0x8000;

/// Reads primitives, strings and the headers of XCDR from a payload, checking every length.
///
/// It is `Copy`: a copy is a bookmark.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// From the encapsulation header to the end of what may be read now.
    data: &'a [u8],
    pos: usize,
    /// Where alignment counts from.
    origin: usize,
    /// `max alignment - 1`.
    max_mask: usize,
    swap: bool,
    v2: bool,
    /// Bytes of default values that may still be made up for missing members.
    budget: usize,
}

/// Open delimited (appendable) value; see [`Reader::begin_delimited`].
#[derive(Clone, Copy, Debug)]
pub struct Delimited<'a> {
    outer: &'a [u8],
}

/// Open parameter list; see [`Reader::begin_parameters`].
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    outer: &'a [u8],
    list: &'a [u8],
    origin: usize,
}

/// One parameter of a list; what is open until the next one is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Member id.
    pub id: u32,
    /// The writer wants the sample refused by those who do not know this member.
    pub must_understand: bool,
    end: usize,
}

macro_rules! primitives {
    ($($(#[$doc:meta])* $name:ident: $ty:ty),* $(,)?) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name(&mut self) -> Result<$ty, CdrError> {
            const N: usize = size_of::<$ty>();
            self.align(N);
            let bytes = self.chunk::<N>()?;
            Ok(if self.swap { <$ty>::from_be_bytes(bytes) } else { <$ty>::from_le_bytes(bytes) })
        }
    )*};
}

macro_rules! slices {
    ($($(#[$doc:meta])* $fill:ident, $vec:ident: $ty:ty),* $(,)?) => {$(
        /// Fills a fixed array.
        #[inline]
        pub fn $fill(&mut self, out: &mut [$ty]) -> Result<(), CdrError> {
            const N: usize = size_of::<$ty>();
            if out.is_empty() {
                return Ok(());
            }
            self.align(N);
            let bytes = self.take(out.len().saturating_mul(N))?;
            let (chunks, _) = bytes.as_chunks::<N>();
            if self.swap {
                for (to, from) in out.iter_mut().zip(chunks) {
                    *to = <$ty>::from_be_bytes(*from);
                }
            } else {
                for (to, from) in out.iter_mut().zip(chunks) {
                    *to = <$ty>::from_le_bytes(*from);
                }
            }
            Ok(())
        }

        /// Reads a sequence with its count.
        #[inline]
        pub fn $vec(&mut self, bound: usize) -> Result<Vec<$ty>, CdrError> {
            const N: usize = size_of::<$ty>();
            let count = self.count(N, bound)?;
            if count == 0 {
                return Ok(Vec::new());
            }
            self.align(N);
            let (chunks, _) = self.take(count.saturating_mul(N))?.as_chunks::<N>();
            Ok(if self.swap {
                chunks.iter().map(|bytes| <$ty>::from_be_bytes(*bytes)).collect()
            } else {
                chunks.iter().map(|bytes| <$ty>::from_le_bytes(*bytes)).collect()
            })
        }
    )*};
}

impl<'a> Reader<'a> {
    /// Opens a payload that begins with its encapsulation header.
    #[inline]
    pub fn new(payload: &'a [u8]) -> Result<Self, CdrError> {
        let (encoding, padding) = Encoding::of(payload)?;
        let end = payload.len().saturating_sub(padding).max(4);
        let v2 = encoding.representation == Representation::Xcdr2;
        Ok(Self {
            data: &payload[..end],
            pos: 4,
            origin: 4,
            max_mask: if v2 { 3 } else { 7 },
            swap: encoding.endian == Endian::Big,
            v2,
            budget: 1 << 22,
        })
    }

    /// How the payload is encoded.
    pub fn encoding(&self) -> Encoding {
        Encoding {
            representation: if self.v2 { Representation::Xcdr2 } else { Representation::Xcdr1 },
            endian: if self.swap { Endian::Big } else { Endian::Little },
        }
    }

    /// Next byte to read, counted from the encapsulation header.
    #[inline]
    pub fn offset(&self) -> usize {
        self.pos
    }

    /// Bytes left of the innermost open value.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.data.len().saturating_sub(self.pos)
    }

    /// Whether the innermost open value is used up: the next member is missing.
    #[inline]
    pub fn at_end(&self) -> bool {
        self.pos >= self.data.len()
    }

    /// An error at the next byte.
    #[cold]
    pub fn error(&self, kind: CdrErrorKind) -> CdrError {
        CdrError::new(self.pos, kind)
    }

    #[inline]
    fn align(&mut self, alignment: usize) {
        let mask = (alignment - 1) & self.max_mask;
        let at = self.pos - self.origin;
        self.pos += at.wrapping_neg() & mask;
    }

    #[inline]
    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], CdrError> {
        match self.data.get(self.pos..).and_then(<[u8]>::first_chunk::<N>) {
            Some(bytes) => {
                self.pos += N;
                Ok(*bytes)
            }
            None => Err(self.short(N)),
        }
    }

    #[cold]
    #[inline(never)]
    fn short(&self, needed: usize) -> CdrError {
        self.error(CdrErrorKind::TooShort { needed, left: self.remaining() })
    }

    /// The next `length` bytes, unaligned.
    #[inline]
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], CdrError> {
        match self.data.get(self.pos..).and_then(|rest| rest.get(..length)) {
            Some(bytes) => {
                self.pos += length;
                Ok(bytes)
            }
            None => Err(self.short(length)),
        }
    }

    /// Skips `count` values of `size` bytes each, aligned to their size.
    #[inline]
    pub fn skip(&mut self, size: usize, count: usize) -> Result<(), CdrError> {
        if count > 0 {
            self.align(size);
            self.take(size.saturating_mul(count))?;
        }
        Ok(())
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
        fill_u8, seq_u8: u8,
        fill_i8, seq_i8: i8,
        fill_i16, seq_i16: i16,
        fill_u16, seq_u16: u16,
        fill_i32, seq_i32: i32,
        fill_u32, seq_u32: u32,
        fill_i64, seq_i64: i64,
        fill_u64, seq_u64: u64,
        fill_f32, seq_f32: f32,
        fill_f64, seq_f64: f64,
    }

    /// `boolean`.
    #[inline]
    pub fn bool(&mut self) -> Result<bool, CdrError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            byte => Err(CdrError::new(self.pos - 1, CdrErrorKind::Boolean { byte })),
        }
    }

    /// `char`: one byte, ISO 8859-1.
    #[inline]
    pub fn char(&mut self) -> Result<char, CdrError> {
        Ok(char::from(self.u8()?))
    }

    /// `wchar`: one UTF-16 unit that is no surrogate.
    #[inline]
    pub fn wchar(&mut self) -> Result<char, CdrError> {
        let unit = self.u16()?;
        char::from_u32(u32::from(unit))
            .ok_or_else(|| CdrError::new(self.pos - 2, CdrErrorKind::Utf16))
    }

    /// The count of a sequence whose elements take at least `min_size` bytes each.
    #[inline]
    pub fn count(&mut self, min_size: usize, bound: usize) -> Result<usize, CdrError> {
        let count = self.u32()? as usize;
        let left = self.remaining();
        if count > left / min_size.max(1) {
            return Err(CdrError::new(self.pos - 4, CdrErrorKind::Count { count, left }));
        }
        if count > bound {
            let kind = CdrErrorKind::Bound { length: count, bound };
            return Err(CdrError::new(self.pos - 4, kind));
        }
        Ok(count)
    }

    /// The bytes of a `string` without its terminator.
    #[inline]
    pub fn string_bytes(&mut self, bound: usize) -> Result<&'a [u8], CdrError> {
        let length = self.u32()? as usize;
        let start = self.pos;
        let bytes = self.take(length)?;
        match bytes {
            [] => Ok(bytes),
            [text @ .., 0] if text.len() <= bound => Ok(text),
            [text @ .., 0] => {
                let kind = CdrErrorKind::Bound { length: text.len(), bound };
                Err(CdrError::new(start - 4, kind))
            }
            _ => Err(CdrError::new(start - 4, CdrErrorKind::Unterminated { length })),
        }
    }

    /// `string`: UTF-8, or ISO 8859-1 where it is not UTF-8.
    #[inline]
    pub fn string(&mut self, bound: usize) -> Result<String, CdrError> {
        let bytes = self.string_bytes(bound)?;
        Ok(match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => latin1(bytes),
        })
    }

    /// `wstring`: a count of bytes and UTF-16 units.
    pub fn wstring(&mut self, bound: usize) -> Result<String, CdrError> {
        let length = self.u32()? as usize;
        let start = self.pos - 4;
        let bytes = self.take(length)?;
        let (units, odd) = bytes.as_chunks::<2>();
        if units.len() > bound {
            let kind = CdrErrorKind::Bound { length: units.len(), bound };
            return Err(CdrError::new(start, kind));
        }
        let units = units.iter().map(|unit| match self.swap {
            true => u16::from_be_bytes(*unit),
            false => u16::from_le_bytes(*unit),
        });
        let text: Result<String, _> = char::decode_utf16(units).collect();
        match text {
            Ok(text) if odd.is_empty() => Ok(text),
            _ => Err(CdrError::new(start, CdrErrorKind::Utf16)),
        }
    }

    /// Opens a collection of non-primitive elements: XCDR2 puts a delimiter before it.
    #[inline]
    pub fn begin_collection(&mut self) -> Result<Delimited<'a>, CdrError> {
        self.begin_delimited()
    }

    /// Opens an appendable value: under XCDR2 a delimiter says where it ends, under XCDR1 nothing
    /// does.
    #[inline]
    pub fn begin_delimited(&mut self) -> Result<Delimited<'a>, CdrError> {
        let outer = self.data;
        if self.v2 {
            let length = self.u32()? as usize;
            self.narrow(length)?;
        }
        Ok(Delimited { outer })
    }

    /// Closes what [`Self::begin_delimited`] opened, skipping members unknown here.
    #[inline]
    pub fn end_delimited(&mut self, open: Delimited<'a>) {
        if self.v2 {
            // Alignment may have stepped past the end; no value was read there.
            self.pos = self.data.len();
        }
        self.data = open.outer;
    }

    fn narrow(&mut self, length: usize) -> Result<usize, CdrError> {
        let left = self.remaining();
        if length > left {
            return Err(self.error(CdrErrorKind::Delimiter { length, left }));
        }
        let end = self.pos + length;
        self.data = self.data.get(..end).unwrap_or(self.data);
        Ok(end)
    }

    /// Opens a mutable value.
    pub fn begin_parameters(&mut self) -> Result<Parameters<'a>, CdrError> {
        let outer = self.data;
        if self.v2 {
            let length = self.u32()? as usize;
            self.narrow(length)?;
        }
        Ok(Parameters { outer, list: self.data, origin: self.origin })
    }

    /// The next member of a mutable value, opened; `None` after the last. Call
    /// [`Self::end_parameter`] after its value, read or not.
    pub fn next_parameter(&mut self) -> Result<Option<Parameter>, CdrError> {
        if self.v2 {
            // Up to 3 bytes of alignment may end the list.
            if self.remaining() < 4 {
                return Ok(None);
            }
            let header = self.u32()?;
            let length_code = (header >> 28) & 7;
            let bytes = match length_code {
                0..=3 => 1usize << length_code,
                4 => self.u32()? as usize,
                _ => {
                    // The value's own first word is its length too.
                    let mut ahead = *self;
                    let word = ahead.u32()? as usize;
                    let unit = [1, 4, 8][length_code as usize - 5];
                    word.saturating_mul(unit).saturating_add(4)
                }
            };
            let end = self.narrow(bytes)?;
            let must_understand = header >> 31 == 1;
            return Ok(Some(Parameter { id: header & 0x0fff_ffff, must_understand, end }));
        }
        self.align(4);
        let id = self.u16()?;
        let length = usize::from(self.u16()?);
        let (id, must_understand, length) = match id & (PID_MASK | PID_IMPLEMENTATION) {
            PID_LIST_END => return Ok(None),
            PID_EXTENDED => {
                if length != 8 {
                    return Err(self.error(CdrErrorKind::Delimiter { length, left: 8 }));
                }
                let id = self.u32()?;
                (id & 0x8fff_ffff, id & 0x4000_0000 != 0, self.u32()? as usize)
            }
            // An implementation's own parameter must not be taken for a member.
            _ if id & PID_IMPLEMENTATION != 0 => {
                (0x8000_0000 | u32::from(id & PID_MASK), id & 0x4000 != 0, length)
            }
            // PID_SENTINEL (1) and PID_PAD (0) of old RTPS lists are member ids here.
            _ => (u32::from(id & PID_MASK), id & 0x4000 != 0, length),
        };
        let end = self.narrow(length)?;
        self.origin = self.pos;
        Ok(Some(Parameter { id, must_understand, end }))
    }

    /// Closes a parameter: the cursor moves to its end.
    pub fn end_parameter(&mut self, open: &Parameters<'a>, parameter: Parameter) {
        self.pos = parameter.end;
        self.data = open.list;
        self.origin = open.origin;
    }

    /// Closes a mutable value, skipping what was not asked for.
    pub fn end_parameters(&mut self, open: Parameters<'a>) {
        if self.v2 {
            self.pos = self.data.len();
        }
        self.data = open.outer;
        self.origin = open.origin;
    }

    /// Opens an optional member of a final or appendable value: whether it is there. Call
    /// [`Self::end_optional`] after its value if it is.
    pub fn begin_optional(&mut self, id: u32) -> Result<Option<Parameters<'a>>, CdrError> {
        let open = Parameters { outer: self.data, list: self.data, origin: self.origin };
        if self.v2 {
            return Ok(self.bool()?.then_some(open));
        }
        let at = self.pos;
        let found = self.next_parameter()?.map(|parameter| parameter.id);
        if found != Some(id) {
            let kind = CdrErrorKind::Mismatch {
                expected: format!("the header of optional member id {id}"),
                found: found.map_or("an end of list".into(), |found| format!("member id {found}")),
            };
            return Err(CdrError::new(at, kind));
        }
        if self.remaining() == 0 {
            self.data = open.outer;
            self.origin = open.origin;
            return Ok(None);
        }
        Ok(Some(open))
    }

    /// Closes an optional member that was there.
    pub fn end_optional(&mut self, open: Parameters<'a>) {
        if !self.v2 {
            self.pos = self.data.len();
            self.data = open.outer;
            self.origin = open.origin;
        }
    }

    /// Takes `bytes` from what may be made up for missing members.
    pub fn charge(&mut self, bytes: usize) -> Result<(), CdrError> {
        match self.budget.checked_sub(bytes) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => Err(self.error(CdrErrorKind::Defaults)),
        }
    }

    /// Ends the payload: at most 3 bytes of padding may be left, more if the type may grow.
    #[inline]
    pub fn finish(&self, may_grow: bool) -> Result<(), CdrError> {
        let left = self.remaining();
        if left > 3 && !may_grow {
            return Err(self.error(CdrErrorKind::Trailing { left }));
        }
        Ok(())
    }
}

/// ISO 8859-1: every byte is the character of the same number.
#[cold]
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&b| char::from(b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alignment_counts_from_the_body() {
        let payload = [0, 1, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        let mut r = Reader::new(&payload).unwrap();
        assert_eq!((r.u8().unwrap(), r.u64().unwrap()), (7, 1));
        r.finish(false).unwrap();
    }

    #[test]
    fn strings_are_checked() {
        let read = |body: &[u8]| {
            let payload = [&[0, 1, 0, 0], body].concat();
            Reader::new(&payload).unwrap().string(3)
        };
        assert_eq!(read(&[3, 0, 0, 0, b'a', b'b', 0]).unwrap(), "ab");
        assert_eq!(read(&[0, 0, 0, 0]).unwrap(), "", "some writers send no terminator");
        assert_eq!(read(&[2, 0, 0, 0, 0xe9, 0]).unwrap(), "é", "ISO 8859-1");
        let kind = |body: &[u8]| read(body).unwrap_err().kind().clone();
        assert_eq!(kind(&[2, 0, 0, 0, b'a', b'b']), CdrErrorKind::Unterminated { length: 2 });
        let long = kind(&[5, 0, 0, 0, 1, 1, 1, 1, 0]);
        assert_eq!(long, CdrErrorKind::Bound { length: 4, bound: 3 });
        let cut = kind(&[255, 255, 255, 255, 1]);
        assert_eq!(cut, CdrErrorKind::TooShort { needed: 0xffff_ffff, left: 1 });
    }

    #[test]
    fn counts_beyond_the_payload_allocate_nothing() {
        let payload = [0, 1, 0, 0, 0xff, 0xff, 0xff, 0x7f, 0, 0];
        let error = Reader::new(&payload).unwrap().seq_f64(usize::MAX).unwrap_err();
        assert_eq!(error.offset(), Some(4));
    }
}

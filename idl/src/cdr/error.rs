//! What can be wrong with bytes, or with a value that should become bytes.

use std::fmt;

/// An encoding or decoding error: what was wrong, at which byte, in which member.
///
/// It is one pointer wide, so that the results of the readers stay small.
#[derive(Clone, PartialEq)]
pub struct CdrError(Box<Inner>);

#[derive(Clone, Debug, PartialEq)]
struct Inner {
    offset: Option<usize>,
    path: String,
    kind: CdrErrorKind,
}

/// The kinds of [`CdrError`].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CdrErrorKind {
    /// The payload ends inside a value.
    #[error(
        "{needed} bytes needed, {left} left: the payload is cut, or was written with another type"
    )]
    TooShort {
        /// Bytes the value takes.
        needed: usize,
        /// Bytes there are.
        left: usize,
    },
    /// Bytes remain after the last member.
    #[error("{left} bytes left after the last member: the payload was written with another type")]
    Trailing {
        /// Bytes not read.
        left: usize,
    },
    /// An encapsulation identifier that is not (X)CDR.
    #[error(
        "encapsulation 0x{id:04x} is not CDR, PL_CDR, CDR2, D_CDR2 or PL_CDR2: \
         the writer uses another data representation (XML?), or this is not a CDR payload"
    )]
    Encapsulation {
        /// As in the header.
        id: u16,
    },
    /// A boolean that is neither 0 nor 1.
    #[error("a boolean is 0 or 1, found {byte}")]
    Boolean {
        /// As found.
        byte: u8,
    },
    /// A string without its terminating NUL.
    #[error("a string of {length} bytes does not end with NUL")]
    Unterminated {
        /// As announced, with the terminator.
        length: usize,
    },
    /// A `wstring` of an odd number of bytes or with unpaired surrogates; a `wchar` that is one.
    #[error("not UTF-16")]
    Utf16,
    /// A string or sequence longer than its bound.
    #[error("{length} elements exceed the bound of {bound}")]
    Bound {
        /// Elements (bytes of a string).
        length: usize,
        /// As the type says.
        bound: usize,
    },
    /// A count no payload of this size can hold.
    #[error("{count} elements announced where {left} bytes are left")]
    Count {
        /// Elements announced.
        count: usize,
        /// Bytes there are.
        left: usize,
    },
    /// A delimiter or parameter that does not fit what surrounds it, or whose content is longer.
    #[error("a header announces {length} bytes where {left} fit")]
    Delimiter {
        /// As announced.
        length: usize,
        /// Bytes there are.
        left: usize,
    },
    /// A number that is no literal of the enumeration.
    #[error("{value} is not a literal of {name}: the writer may use a newer version of it")]
    Enumerator {
        /// The enumeration.
        name: String,
        /// As found.
        value: i64,
    },
    /// An unknown member that its writer marked `@must_understand`.
    #[error("member id {id} is marked @must_understand and not part of this type: update the IDL")]
    MustUnderstand {
        /// Member id.
        id: u32,
    },
    /// A key member is missing from a mutable sample.
    #[error("key member missing")]
    KeyMissing,
    /// Missing members of an evolved type would take more memory than the payload justifies.
    #[error("the defaults of missing members would take more memory than this payload justifies")]
    Defaults,
    /// A value of the wrong shape for its member.
    #[error("expected {expected}, found {found}")]
    Mismatch {
        /// Type of the member.
        expected: String,
        /// Kind of the value.
        found: String,
    },
    /// A number outside its type's range.
    #[error("{value} is outside the range of {ty}")]
    Range {
        /// As given.
        value: String,
        /// Type of the member.
        ty: &'static str,
    },
    /// A member the type does not have.
    #[error("no member `{name}`{}", suggestion(.nearest))]
    UnknownMember {
        /// As given.
        name: String,
        /// The most similar member.
        nearest: Option<String>,
    },
    /// The descriptor refers to a type it does not contain, to itself, or nests too deeply.
    #[error("unusable type description: {reason}")]
    Descriptor {
        /// What is wrong with it.
        reason: String,
    },
}

fn suggestion(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|n| format!(": did you mean `{n}`?")).unwrap_or_default()
}

impl CdrError {
    /// An error at a byte of the payload (counted from its encapsulation header).
    #[cold]
    pub fn new(offset: usize, kind: CdrErrorKind) -> Self {
        Self(Box::new(Inner { offset: Some(offset), path: String::new(), kind }))
    }

    /// An error of a value: there are no bytes yet.
    #[cold]
    pub fn of_value(kind: CdrErrorKind) -> Self {
        Self(Box::new(Inner { offset: None, path: String::new(), kind }))
    }

    /// Puts a member name before the path.
    #[cold]
    #[must_use]
    pub fn within(mut self, member: &str) -> Self {
        let path = &mut self.0.path;
        if !path.is_empty() && !path.starts_with('[') {
            path.insert(0, '.');
        }
        path.insert_str(0, member);
        self
    }

    /// Puts an index before the path.
    #[cold]
    #[must_use]
    pub fn within_index(self, index: usize) -> Self {
        self.within(&format!("[{index}]"))
    }

    /// What was wrong.
    pub fn kind(&self) -> &CdrErrorKind {
        &self.0.kind
    }

    /// Byte of the payload, counted from the encapsulation header; `None` while encoding.
    pub fn offset(&self) -> Option<usize> {
        self.0.offset
    }

    /// Member path from the topic type (`pose.position[2]`); empty at its top.
    pub fn path(&self) -> &str {
        &self.0.path
    }
}

impl fmt::Display for CdrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.path.is_empty() {
            write!(f, "member `{}`", self.0.path)?;
        }
        if let Some(offset) = self.0.offset {
            let comma = if self.0.path.is_empty() { "" } else { ", " };
            write!(f, "{comma}byte {offset}")?;
        }
        if self.0.offset.is_some() || !self.0.path.is_empty() {
            f.write_str(": ")?;
        }
        self.0.kind.fmt(f)
    }
}

impl fmt::Debug for CdrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CdrError({self})")
    }
}

impl std::error::Error for CdrError {}

/// Adds the member to the error of a result; generated code calls it for every member.
pub trait Within<T> {
    /// Puts a member name before the error's path.
    fn within(self, member: &str) -> Result<T, CdrError>;
    /// Puts an index before the error's path.
    fn within_index(self, index: usize) -> Result<T, CdrError>;
}

impl<T> Within<T> for Result<T, CdrError> {
    #[inline]
    fn within(self, member: &str) -> Self {
        self.map_err(|e| e.within(member))
    }

    #[inline]
    fn within_index(self, index: usize) -> Self {
        self.map_err(|e| e.within_index(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_reads_from_the_outside_in() {
        let e = CdrError::new(12, CdrErrorKind::Utf16).within_index(2).within("p").within("a");
        assert_eq!(e.to_string(), "member `a.p[2]`, byte 12: not UTF-16");
        assert_eq!((e.path(), e.offset()), ("a.p[2]", Some(12)));
    }
}

//! Encapsulation headers (RTPS 2.5, 10.2; DDS-XTypes 1.3, table 60).

use super::error::{CdrError, CdrErrorKind};
use crate::descriptor::Extensibility;

/// Which generation of CDR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Representation {
    /// XCDR version 1: plain CDR with 8-byte alignment, parameter lists for mutable types.
    #[default]
    Xcdr1,
    /// XCDR version 2: alignment of at most 4, delimiter headers.
    Xcdr2,
}

/// Byte order of a payload's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Endian {
    /// Least significant byte first.
    #[default]
    Little,
    /// Most significant byte first.
    Big,
}

/// How a payload is (to be) encoded. The default is what every DDS vendor reads: XCDR1, little
/// endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Encoding {
    /// Generation.
    pub representation: Representation,
    /// Byte order.
    pub endian: Endian,
}

impl Encoding {
    /// XCDR1 little endian: the default.
    pub const XCDR1: Self = Self { representation: Representation::Xcdr1, endian: Endian::Little };
    /// XCDR2 little endian.
    pub const XCDR2: Self = Self { representation: Representation::Xcdr2, endian: Endian::Little };

    /// The same generation, the other byte order.
    pub const fn big_endian(self) -> Self {
        Self { endian: Endian::Big, ..self }
    }

    /// The 4 bytes before the body: identifier (big endian) and options (zero).
    pub const fn header(self, extensibility: Extensibility) -> [u8; 4] {
        let kind = match (self.representation, extensibility) {
            (Representation::Xcdr1, Extensibility::Mutable) => 0x02,
            (Representation::Xcdr1, _) => 0x00,
            (Representation::Xcdr2, Extensibility::Final) => 0x06,
            (Representation::Xcdr2, Extensibility::Appendable) => 0x08,
            (Representation::Xcdr2, Extensibility::Mutable) => 0x0a,
        };
        [0, kind | matches!(self.endian, Endian::Little) as u8, 0, 0]
    }

    /// Reads a payload's header: the encoding and how many bytes of padding end the payload.
    pub fn of(payload: &[u8]) -> Result<(Self, usize), CdrError> {
        let Some(header) = payload.first_chunk::<4>() else {
            let left = payload.len();
            return Err(CdrError::new(0, CdrErrorKind::TooShort { needed: 4, left }));
        };
        let id = u16::from_be_bytes([header[0], header[1]]);
        let representation = match id {
            0x0000..=0x0003 => Representation::Xcdr1,
            0x0006..=0x000b => Representation::Xcdr2,
            _ => return Err(CdrError::new(0, CdrErrorKind::Encapsulation { id })),
        };
        let endian = if id & 1 == 1 { Endian::Little } else { Endian::Big };
        Ok((Self { representation, endian }, usize::from(header[3] & 3)))
    }
}

/// Whether an encapsulation identifier names a parameter list (PL_CDR, PL_CDR2).
#[cfg(test)]
pub(crate) const fn is_parameter_list(id: u8) -> bool {
    matches!(id & !1, 0x02 | 0x0a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_round_trips() {
        for representation in [Representation::Xcdr1, Representation::Xcdr2] {
            for endian in [Endian::Little, Endian::Big] {
                for ext in [Extensibility::Final, Extensibility::Appendable, Extensibility::Mutable]
                {
                    let encoding = Encoding { representation, endian };
                    let header = encoding.header(ext);
                    assert_eq!(Encoding::of(&header).unwrap(), (encoding, 0));
                    assert_eq!(is_parameter_list(header[1]), ext == Extensibility::Mutable);
                }
            }
        }
    }

    #[test]
    fn foreign_encapsulations_are_refused_by_name() {
        let error = Encoding::of(&[0, 4, 0, 0]).unwrap_err();
        assert!(error.to_string().contains("0x0004"), "{error}");
        assert!(Encoding::of(&[0, 1]).is_err());
    }
}

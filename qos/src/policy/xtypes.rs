//! Policies that DDS-XTypes 1.3 adds: data representation and type consistency.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One entry of DATA_REPRESENTATION (DDS-XTypes 1.3, 7.6.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(i16)]
pub enum DataRepresentation {
    /// `XCDR_DATA_REPRESENTATION`: classic CDR and parameter lists.
    Xcdr1 = 0,
    /// `XML_DATA_REPRESENTATION`.
    Xml = 1,
    /// `XCDR2_DATA_REPRESENTATION`.
    Xcdr2 = 2,
}

impl DataRepresentation {
    /// `DataRepresentationId_t` on the wire.
    pub const fn id(self) -> i16 {
        self as i16
    }

    /// `None` for an id the standard does not name.
    pub const fn from_id(id: i16) -> Option<Self> {
        match id {
            0 => Some(Self::Xcdr1),
            1 => Some(Self::Xml),
            2 => Some(Self::Xcdr2),
            _ => None,
        }
    }
}

impl fmt::Display for DataRepresentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Xcdr1 => "XCDR1",
            Self::Xml => "XML",
            Self::Xcdr2 => "XCDR2",
        })
    }
}

/// Whether a reader accepts writers of an assignable type or only of its own (DDS-XTypes 1.3, 7.6.3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TypeConsistencyKind {
    DisallowTypeCoercion,
    #[default]
    AllowTypeCoercion,
}

impl fmt::Display for TypeConsistencyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::DisallowTypeCoercion => "DISALLOW_TYPE_COERCION",
            Self::AllowTypeCoercion => "ALLOW_TYPE_COERCION",
        })
    }
}

/// TYPE_CONSISTENCY_ENFORCEMENT (DDS-XTypes 1.3, 7.6.3.4), of readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct TypeConsistency {
    pub kind: TypeConsistencyKind,
    pub ignore_sequence_bounds: bool,
    pub ignore_string_bounds: bool,
    pub ignore_member_names: bool,
    pub prevent_type_widening: bool,
    pub force_type_validation: bool,
}

impl Default for TypeConsistency {
    fn default() -> Self {
        Self {
            kind: TypeConsistencyKind::AllowTypeCoercion,
            ignore_sequence_bounds: true,
            ignore_string_bounds: true,
            ignore_member_names: false,
            prevent_type_widening: false,
            force_type_validation: false,
        }
    }
}

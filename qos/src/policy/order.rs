//! Policies on order and grouping: destination order and presentation.

use std::fmt;

use serde::{Deserialize, Serialize};

/// DESTINATION_ORDER (DDS 1.4, 2.2.3.17). Offered must be at least what is requested, in the order of
/// the variants.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum DestinationOrder {
    #[default]
    ByReceptionTimestamp,
    BySourceTimestamp,
}

impl fmt::Display for DestinationOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ByReceptionTimestamp => "BY_RECEPTION_TIMESTAMP",
            Self::BySourceTimestamp => "BY_SOURCE_TIMESTAMP",
        })
    }
}

/// How far order and coherence reach (DDS 1.4, 2.2.3.6), narrowest first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum AccessScope {
    #[default]
    Instance,
    Topic,
    Group,
}

impl fmt::Display for AccessScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Instance => "INSTANCE",
            Self::Topic => "TOPIC",
            Self::Group => "GROUP",
        })
    }
}

/// PRESENTATION (DDS 1.4, 2.2.3.6), of publisher and subscriber. Offered scope must be at least the
/// requested one, and what is requested coherent or ordered must be offered so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Presentation {
    pub access_scope: AccessScope,
    pub coherent_access: bool,
    pub ordered_access: bool,
}

impl fmt::Display for Presentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.access_scope)?;
        if self.coherent_access {
            f.write_str("/coherent")?;
        }
        if self.ordered_access {
            f.write_str("/ordered")?;
        }
        Ok(())
    }
}

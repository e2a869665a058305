//! Which policies the bus keeps on which transport: what its conformance suite found.
//!
//! ```
//! use tidewire_qos::policy::Policy;
//! use tidewire_qos::support::{Support, table};
//!
//! let reliable = table().iter().filter(|e| e.policy == Policy::Reliability && e.value == "RELIABLE");
//! assert!(reliable.clone().count() >= 8 && reliable.clone().all(|e| e.support == Support::Kept));
//! ```

use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::policy::Policy;

/// What becomes of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Support {
    /// Kept as the standard says.
    Kept,
    /// Kept, except for what the note says.
    Mostly,
    /// Accepted; the standard lets a transport do nothing about it.
    Hint,
    /// An error when the endpoint is made or the call is made that needs it.
    Refused,
    /// It has no meaning there.
    NotApplicable,
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kept => "kept",
            Self::Mostly => "mostly",
            Self::Hint => "hint",
            Self::Refused => "refused",
            Self::NotApplicable => "-",
        })
    }
}

/// One finding of the suite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The policy.
    pub policy: Policy,
    /// The value or the aspect of it; empty where there is only one.
    pub value: String,
    /// `shm`, or the name of a DDS backend.
    pub transport: String,
    /// Typed endpoints, or raw ones.
    pub typed: bool,
    /// Topics with a key, or without.
    pub keyed: bool,
    /// What was found.
    pub support: Support,
    /// The remedy, or what is to be known; may be empty.
    pub note: String,
}

/// All findings, in the order of the suite.
pub fn table() -> &'static [Entry] {
    static TABLE: OnceLock<Vec<Entry>> = OnceLock::new();
    // The suite wrote it, and a test reads it.
    TABLE.get_or_init(|| serde_json::from_str(include_str!("../support.json")).unwrap_or_default())
}

/// As `support.json` is written: one finding a line.
pub fn to_json(entries: &[Entry]) -> String {
    let lines: Vec<String> =
        entries.iter().filter_map(|entry| serde_json::to_string(entry).ok()).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_and_names_every_policy() {
        for policy in Policy::ALL {
            assert!(table().iter().any(|entry| entry.policy == *policy), "{policy}");
        }
        assert_eq!(serde_json::from_str::<Vec<Entry>>(&to_json(table())).unwrap(), table());
    }
}

//! What each process has written and read, and what must be equal.

mod audit;
mod track;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use audit::{Audit, Side};
pub use track::Track;

/// One line of a process.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "event")]
pub enum Said {
    /// All its endpoints are made.
    Up {
        /// GUIDs of its writers, by topic.
        writers: Vec<String>,
    },
    /// A write did not return in time: told at once, since the writer may be killed.
    Refused {
        /// Its GUID.
        writer: String,
        /// Which sample.
        counter: u64,
    },
    /// Something that must not happen.
    Error {
        /// What.
        text: String,
    },
    /// What it has written; nothing is being written now.
    Written {
        /// By topic.
        books: Vec<Written>,
    },
    /// What it has read.
    Read {
        /// By topic.
        books: Vec<Read>,
        /// The longest time the process did not run since it was told to go on, in ns.
        frozen_ns: u64,
    },
}

/// A writer's books.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// Which topic, by its place in the list.
    pub topic: usize,
    /// GUID.
    pub writer: String,
    /// Number of the last sample.
    pub last: u64,
    /// The longest a write took, without the time the process did not run, in ns.
    pub stall_ns: u64,
    /// The last value of each instance.
    pub values: BTreeMap<String, u64>,
}

/// A reader's books.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Read {
    /// Which topic, by its place in the list.
    pub topic: usize,
    /// Samples taken.
    pub received: u64,
    /// What the reader says it lost.
    pub lost: u64,
    /// Numbers that never came, of all writers there ever were.
    pub missing: u64,
    /// Samples that were not whole.
    pub corrupt: u64,
    /// By writer GUID.
    pub tracks: BTreeMap<String, Track>,
    /// The last value of each instance.
    pub values: BTreeMap<String, u64>,
}

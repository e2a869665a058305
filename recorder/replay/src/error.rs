//! What can stop a replay.

use std::path::PathBuf;

use tidewire_bus::{BusError, WriteError};
use tidewire_store::StoreError;

/// Why a replay did not start, or ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The recording could not be opened or read.
    #[error("recording {}: {source}", dir.display())]
    Store {
        /// Its directory.
        dir: PathBuf,
        /// What the store said.
        source: StoreError,
    },
    /// A name given to `topics` or `remap` is not recorded.
    #[error("{option}: no topic \"{name}\" in this recording; it has {known}")]
    UnknownTopic {
        /// Which option named it.
        option: &'static str,
        /// The name.
        name: String,
        /// The recorded topics.
        known: String,
    },
    /// Nothing passes the filters.
    #[error("no recorded topic passes topics, regex and exclude; the recording has {known}")]
    NothingSelected {
        /// The recorded topics.
        known: String,
    },
    /// An option that cannot work.
    #[error("{option}: {what}")]
    Option {
        /// Its name.
        option: &'static str,
        /// What is wrong and what would do.
        what: String,
    },
    /// The profile to write with cannot be had.
    #[error("cannot use QoS `{spec}`: {source}")]
    Qos {
        /// As given.
        spec: String,
        /// What is wrong with it.
        source: tidewire_qos::QosError,
    },
    /// A writer could not be made.
    #[error("cannot write topic \"{topic}\": {source}")]
    Writer {
        /// The topic written, after remapping.
        topic: String,
        /// What the bus said.
        source: BusError,
    },
    /// A sample could not be written.
    #[error("cannot write a sample of \"{topic}\": {source}")]
    Write {
        /// The topic written, after remapping.
        topic: String,
        /// What the bus said.
        source: WriteError,
    },
}

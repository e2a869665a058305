//! What can stop a recording.

use tidewire_bus::{BusError, FilterError};
use tidewire_store::StoreError;

/// Why a recorder did not start, or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// A reader could not be made.
    #[error("cannot read topic \"{topic}\" to record it: {source}")]
    Reader {
        /// The topic.
        topic: String,
        /// What the bus said.
        source: BusError,
    },
    /// A filter that does not fit the topic's type.
    #[error("the filter of topic \"{topic}\" cannot be used, so it is not recorded\n{source}")]
    Filter {
        /// The topic.
        topic: String,
        /// What is wrong with it.
        source: FilterError,
    },
    /// A filter on a topic whose type is not known.
    #[error(
        "topic \"{topic}\" cannot be filtered, so it is not recorded: its type {type_name} is not \
         known here; add its IDL"
    )]
    FilterType {
        /// The topic.
        topic: String,
        /// Its type.
        type_name: String,
    },
    /// The durability service could not start.
    #[error("cannot serve TRANSIENT and PERSISTENT topics: {0}")]
    Durable(BusError),
    /// The store does not take samples any more.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The recorder's thread could not start.
    #[error("cannot start the recorder's thread: {0}; check the process limit (`ulimit -u`)")]
    Thread(std::io::Error),
    /// The recorder's thread died.
    #[error("the recorder's thread panicked; what was acknowledged is safe, see the log for why")]
    Panicked,
}

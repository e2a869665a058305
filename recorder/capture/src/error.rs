//! What can stop a recording.

use tidewire_bus::BusError;
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

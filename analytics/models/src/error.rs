//! What can go wrong with a model.

use std::path::PathBuf;

use thiserror::Error;

/// Why a model cannot be trained, saved, loaded or applied.
#[derive(Debug, Error)]
pub enum ModelError {
    /// Not enough to learn from.
    #[error(
        "{windows} windows of {length} rows are too few to train a {kind} (at least {needed}): \
         record for longer, or choose a shorter window or hop"
    )]
    TooLittleData {
        /// What was to be trained.
        kind: &'static str,
        /// Windows there were.
        windows: usize,
        /// Rows per window.
        length: usize,
        /// Windows it takes.
        needed: usize,
    },
    /// The autoencoder halves a window three times.
    #[error("window of {length} rows: an autoencoder needs a multiple of 8, at least 16")]
    BadLength {
        /// Rows per window.
        length: usize,
    },
    /// Training did not converge to numbers.
    #[error("training the {kind} gave a loss of {loss}: check the recording for extreme values")]
    Diverged {
        /// What was trained.
        kind: &'static str,
        /// The last loss.
        loss: f64,
    },
    /// A file could not be read or written.
    #[error("model file {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is something else.
    #[error("{place}: not a Tidewire model file; make one with `tidewire train`")]
    NotAModel {
        /// Where it was read from.
        place: String,
    },
    /// Written by a later Tidewire.
    #[error(
        "{place}: model format {found}, this build reads up to {known}: update Tidewire, or train \
         again"
    )]
    NewerFormat {
        /// Where it was read from.
        place: String,
        /// The file's format.
        found: u32,
        /// The newest format this build reads.
        known: u32,
    },
    /// Bytes are missing.
    #[error("{place}: cut short: {found} of {expected} bytes; copy it again or train again")]
    Truncated {
        /// Where it was read from.
        place: String,
        /// Bytes there are.
        found: usize,
        /// Bytes there should be.
        expected: usize,
    },
    /// Bytes have changed.
    #[error(
        "{place}: checksum {found:08x} where {expected:08x} was written: the file is damaged, train \
         again"
    )]
    Checksum {
        /// Where it was read from.
        place: String,
        /// CRC-32 of what is there.
        found: u32,
        /// CRC-32 the file states.
        expected: u32,
    },
    /// The header or a detector's part makes no sense.
    #[error("{place}: {what}; train again")]
    Corrupt {
        /// Where it was read from.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// The topic's type is not the one the model was trained on.
    #[error(
        "model {id} was trained on {model_type} [{}], the topic has {topic_type} [{}]: choose \
         another topic or train a model for this one",
        model_fields.join(", "), topic_fields.join(", ")
    )]
    WrongType {
        /// The model.
        id: String,
        /// The type it knows.
        model_type: String,
        /// The fields it knows.
        model_fields: Vec<String>,
        /// The type it was given.
        topic_type: String,
        /// The fields it was given.
        topic_fields: Vec<String>,
    },
    /// The tensor library failed.
    #[error("tensor computation failed: {0}")]
    Tensor(String),
}

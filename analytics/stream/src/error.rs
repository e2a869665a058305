//! What can go wrong between a payload and a window.

use thiserror::Error;

/// Why samples cannot be turned into rows.
#[derive(Debug, Error)]
pub enum StreamError {
    /// A chosen field is not a numeric column of the type.
    #[error(
        "type {type_name} has no numeric field `{field}`; choose from: {}",
        .known.join(", ")
    )]
    UnknownField {
        /// The type whose fields were asked for.
        type_name: String,
        /// The field that was asked for.
        field: String,
        /// The numeric fields it has.
        known: Vec<String>,
    },
    /// The type has nothing a detector could look at.
    #[error("type {type_name} has no numeric fields outside its key: nothing to analyse")]
    NoNumericField {
        /// The type in question.
        type_name: String,
    },
    /// The window's shape makes no sense.
    #[error("window of {length} rows with hop {hop}: both must be at least 1")]
    BadWindow {
        /// Rows per window.
        length: usize,
        /// Rows from one window's start to the next one's.
        hop: usize,
    },
    /// The payload is not what the type says.
    #[error("payload does not decode as {type_name}: {reason}")]
    Decode {
        /// The type it should have.
        type_name: String,
        /// What the codec said.
        reason: String,
    },
}

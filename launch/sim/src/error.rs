//! What can go wrong in a source, where, and what to do about it.
//!
//! ```
//! let error = tidewire_sim::SimError::NoReader { topic: "quotes".into(), reader: "recorder".into(), seconds: 5.0 };
//! assert!(error.to_string().contains("`recorder` does not read topic `quotes`"));
//! ```

use std::path::PathBuf;

use thiserror::Error;

/// Why a source could not start or go on.
#[derive(Debug, Error)]
pub enum SimError {
    /// The bus refused a writer.
    #[error("cannot write topic `{topic}`: {source}")]
    Bus {
        /// Topic after remapping.
        topic: String,
        /// What the bus says.
        #[source]
        source: tidewire_bus::BusError,
    },
    /// A participant this source was told to wait for never matched.
    #[error(
        "`{reader}` does not read topic `{topic}` after {seconds:.0} s: is it running in this domain, and does its QoS \
         match (`tidewire topic info {topic}`)?"
    )]
    NoReader {
        /// Topic after remapping.
        topic: String,
        /// Participant name waited for.
        reader: String,
        /// How long it was waited for.
        seconds: f64,
    },
    /// An option has a value that makes no sense.
    #[error("option `{option}` is {value}: {remedy}")]
    Option {
        /// Option name as launch files write it.
        option: &'static str,
        /// The value given.
        value: String,
        /// What would be right.
        remedy: String,
    },
    /// A CSV file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system or the CSV reader says.
        #[source]
        source: std::io::Error,
    },
    /// A CSV file is not what was expected, with the place.
    #[error("{}:{line}: {what}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Line number from 1.
        line: u64,
        /// What is wrong and what to do.
        what: String,
    },
    /// CSV columns and the members of the IDL type do not pair up.
    #[error("{}: its columns do not fit type `{type_name}`: {what}", path.display())]
    Columns {
        /// The file.
        path: PathBuf,
        /// IDL type rows are published as.
        type_name: String,
        /// Which are missing or left over, and what to do.
        what: String,
    },
    /// The IDL type asked for is not known.
    #[error(
        "type `{type_name}` is not known: give the folder of its IDL with `--types DIR` (or `types:` in a launch file)"
    )]
    UnknownType {
        /// Name asked for.
        type_name: String,
    },
    /// A row could not be encoded.
    #[error("cannot encode a row as `{type_name}`: {source}")]
    Encode {
        /// IDL type.
        type_name: String,
        /// What the codec says.
        #[source]
        source: tidewire_idl::CdrError,
    },
}

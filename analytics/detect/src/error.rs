//! What can go wrong while training or detecting.

use std::path::PathBuf;

use thiserror::Error;
use tidewire_bus::{BusError, WriteError};
use tidewire_models::ModelError;
use tidewire_store::StoreError;
use tidewire_stream::StreamError;

/// Why a detector cannot be trained or run.
#[derive(Debug, Error)]
pub enum DetectError {
    /// There is nothing to run.
    #[error("no model given: name at least one file made by `tidewire train`")]
    NoModel,
    /// The type is in neither the recording nor the types path.
    #[error("topic {topic}: type {type_name} is unknown; give the folder of its IDL with --types")]
    UnknownType {
        /// The topic.
        topic: String,
        /// Its type.
        type_name: String,
    },
    /// The recording has no such topic.
    #[error("recording {}: no topic {topic}; it has: {}", dir.display(), known.join(", "))]
    UnknownTopic {
        /// The recording.
        dir: PathBuf,
        /// The topic asked for.
        topic: String,
        /// The topics there are.
        known: Vec<String>,
    },
    /// Nothing to train on in the range.
    #[error(
        "recording {}: topic {topic} has no usable sample in the chosen range and points \
         ({skipped} did not decode); widen --start/--end or --points",
        dir.display()
    )]
    NothingToLearn {
        /// The recording.
        dir: PathBuf,
        /// The topic.
        topic: String,
        /// Samples that could not be read.
        skipped: u64,
    },
    /// The model and the topic do not belong together, or its file is bad.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The fields or the window make no sense.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The recording cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The QoS profile cannot be had.
    #[error("cannot use QoS `{spec}`: {source}")]
    Qos {
        /// As given.
        spec: String,
        /// What is wrong with it.
        source: tidewire_qos::QosError,
    },
    /// The bus refused an endpoint.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// An anomaly could not be published.
    #[error("anomaly not published: {0}")]
    Write(#[from] WriteError),
}

//! DDS for the bus: endpoints that carry serialised payloads untouched, on Cyclone DDS.
//!
//! This room has the same face as `tidewire-dds`, in C: `cyclors` brings Cyclone DDS 11 and builds it
//! with cmake. It knows nothing of types: keys are computed by the caller. It may use `idl`, `qos` and
//! `transport`; only `bus` uses it, with its cargo feature `cyclone`. Start at [`DdsParticipant`]; a
//! sample's way in is `serdata`, then `cache`.
//!
//! ```
//! use tidewire_cyclone::{DdsOptions, DdsParticipant};
//!
//! let participant = DdsParticipant::start(DdsOptions::new(231, "doc/example"))?;
//! assert_eq!(participant.discovered().writers.len(), 0);
//! # Ok::<(), tidewire_cyclone::DdsError>(())
//! ```

mod anchor;
mod batch;
mod cache;
mod callback;
mod discovery;
mod domain;
mod endpoint;
mod event;
mod matches;
mod packer;
mod participant;
mod qos;
mod reader;
mod security;
mod serdata;
mod sertype;
mod shared;
mod sys;
mod types;
mod writer;

pub use participant::DdsParticipant;
pub use reader::DdsReader;
pub use tidewire_transport::dds::{
    DdsError, DdsEvent, DdsOptions, DdsSample, DdsStatus, DdsWriteError, Discovered,
    RemoteEndpoint, RemoteParticipant, Sink,
};
pub use writer::DdsWriter;

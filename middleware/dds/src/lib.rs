//! DDS for the bus: endpoints that carry serialised payloads untouched, on RustDDS.
//!
//! This room knows RTPS discovery, QoS announcement and flow control, and nothing of types: keys are
//! computed by the caller. It may use `idl`, `qos` and `transport`; only `bus` uses it. Start at
//! [`DdsParticipant`], then [`Sink`], which receives what a reader's thread takes off the wire.
//!
//! ```
//! use tidewire_dds::{DdsOptions, DdsParticipant};
//!
//! let participant = DdsParticipant::start(DdsOptions::new(231, "doc/example"))?;
//! assert_eq!(participant.discovered().writers.len(), 0);
//! # Ok::<(), tidewire_dds::DdsError>(())
//! ```

mod bell;
mod cache;
mod discovery;
mod guard;
mod health;
mod inbox;
mod inner;
mod key;
mod keyed;
mod participant;
mod payload;
mod poll;
mod qos;
mod reader;
mod time;
mod watch;
mod writer;

pub use participant::DdsParticipant;
pub use reader::DdsReader;
pub use tidewire_transport::dds::{
    Attendance, DdsError, DdsEvent, DdsOptions, DdsSample, DdsStatus, DdsWriteError, Discovered,
    RemoteEndpoint, RemoteParticipant, Sink,
};
pub use writer::DdsWriter;

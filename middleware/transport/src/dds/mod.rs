//! What every DDS backend shares with the bus: samples off the wire, discovery, errors.
//!
//! `tidewire-dds` (RustDDS) and `tidewire-cyclone` (Cyclone DDS) have one face made of these types, so
//! that the bus need not know which of them runs.
//!
//! ```
//! use tidewire_transport::dds::{DdsOptions, representation_of};
//! use tidewire_qos::DataRepresentation;
//!
//! let options = DdsOptions::new(42, "plant/pump1");
//! assert!(options.interfaces.is_empty() && options.peers.is_empty());
//! assert_eq!(representation_of(&[0, 1, 0, 0]), Some(DataRepresentation::Xcdr1));
//! ```

mod discovery;
mod error;
mod options;
mod sample;

pub use discovery::{DdsEvent, DdsStatus, Discovered, RemoteEndpoint, RemoteParticipant};
pub use error::{DdsError, DdsWriteError};
pub use options::DdsOptions;
pub use sample::{Attendance, DdsSample, HEADER, Sink, check_payload, representation_of};

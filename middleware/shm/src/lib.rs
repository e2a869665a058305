//! Shared memory: samples between processes of one host without a copy.
//!
//! This room carries samples over iceoryx2, knows which participants are on this host by a locked file
//! each, wakes them by a futex, and clears up after those that were killed. It may use `idl`, `qos` and
//! `transport`; only `bus` uses it. Start at [`ShmDomain`], then [`ShmWriter`] and [`ShmReader`].
//!
//! ```
//! use tidewire_idl::Guid;
//! use tidewire_shm::{ShmDomain, ShmOptions};
//! use tidewire_transport::{EndpointSpec, SampleMeta};
//!
//! # let root = tempfile::tempdir().unwrap();
//! # let options = ShmOptions { root: Some(root.path().join("shm")), ..ShmOptions::default() };
//! let domain = ShmDomain::join(7, [1; 12], "plant/pump1", &options)?;
//! let spec = EndpointSpec::new("plant/log", "tidewire::event::Log", true);
//! let mut reader = domain.reader(&spec, Guid([2; 16]))?;
//! let mut writer = domain.writer(&spec, Guid([1; 16]))?;
//! writer.send(&SampleMeta { sequence: 1, ..SampleMeta::default() }, b"\0\x01\0\0hello")?;
//! assert_eq!(&reader.take()?.expect("just sent")[4..], b"hello");
//! # Ok::<(), tidewire_shm::ShmError>(())
//! ```

mod budget;
mod control;
mod deaths;
mod domain;
mod error;
mod hash;
mod janitor;
mod linger;
mod loan;
mod map;
mod options;
mod order;
mod outlet;
mod past;
mod patience;
mod presence;
mod pressure;
mod pulse;
mod reader;
mod routes;
mod sample;
mod service;
mod unborn;
mod wake;
mod wire;
mod writer;

pub use budget::Segment;
pub use domain::{LocalEndpoint, LocalParticipant, ShmDomain};
pub use error::ShmError;
pub use loan::ShmLoan;
pub use options::{ShmOptions, other_users};
pub use presence::{ANNOUNCED_MAX, announced_len};
pub use pulse::{WriterStrengths, WriterWatch, now as pulse_now};
pub use reader::ShmReader;
pub use routes::ReaderId;
pub use sample::{ShmInlet, ShmSample};
pub use writer::{Delivered, ShmWriter};

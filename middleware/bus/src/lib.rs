//! The bus: typed and raw writers and readers over DDS between hosts and shared memory on one host.
//!
//! The one API everyone programs against. It may use `dds`, `shm`, `transport`,
//! `filter`, `idl` and `qos`.
//! A reader sees each sample once, whichever way it came; a writer whose readers are all on this host
//! sends no DDS data. Start at [`Participant`], then [`Writer`] and [`Reader`].
//!
//! ```
//! use std::time::Duration;
//! use tidewire_bus::{Participant, RawTopic};
//! use tidewire_qos::Qos;
//!
//! let domain = tidewire_bus::testing::free_domain();
//! let bus = Participant::builder().domain(domain).name("plant/pump1").build()?;
//! let topic = RawTopic::new("plant/raw", "plant::Raw", false);
//! let reader = bus.raw_reader(&topic, &Qos::reliable())?;
//! let writer = bus.raw_writer(&topic, &Qos::reliable())?;
//! writer.wait_for_readers(1, Duration::from_secs(10))?;
//! writer.write(b"\0\x01\0\0\x2a\0\0\0", tidewire_bus::now_ns(), None)?;
//! let sample = reader.recv_timeout(Duration::from_secs(10))?.expect("just written");
//! assert_eq!(&sample.payload[4..], [42, 0, 0, 0]);
//! assert_eq!(&*sample.info.point, "plant/pump1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backend;
mod deadline;
mod durable;
mod error;
mod keys;
mod liveliness;
mod participant;
mod reader;
mod status;
mod stream;
mod support;
pub mod testing;
mod waitset;
pub mod why;
mod writer;

pub use backend::{BACKEND_VARIABLE, Backend};
pub use deadline::DeadlineMissed;
pub use durable::{AnswerError, DurabilityService, HistoryRequest};
pub use error::{BusError, ReadError, WriteError};
pub use liveliness::{LivelinessChanged, LivelinessLost};
pub use participant::{
    Builder, EndpointInfo, Event, Participant, ParticipantInfo, RawTopic, TopicInfo, Transports,
};
pub use reader::{
    CachedReader, CachedSample, Change, InstanceStateKind, LoanedSample, RawCachedReader,
    RawReader, Reader, ReaderStatus, SampleStateKind, SampleStates, States, TypedSample,
    ViewStateKind,
};
pub use status::{
    IncompatibleQos, Matched, RejectedReason, SampleLost, SampleRejected, StatusMask,
};
pub use waitset::{Condition, GuardCondition, ReadCondition, StatusCondition, WaitSet};
pub use writer::{Loan, RawWriter, Writer, WriterStatus};

pub use tidewire_filter::{Filter, FilterError};
pub use tidewire_idl::{Guid, InstanceState, KeyHash, Sample, SampleInfo};
pub use tidewire_shm::{Segment, other_users};
pub use tidewire_transport::dds::representation_of;
pub use tidewire_transport::now_ns;

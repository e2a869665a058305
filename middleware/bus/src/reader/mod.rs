//! Reading samples.
//!
//! ```
//! use std::time::Duration;
//! use tidewire_bus::{Participant, RawTopic};
//! use tidewire_qos::Qos;
//!
//! let bus = Participant::builder().domain(tidewire_bus::testing::free_domain()).build()?;
//! let topic = RawTopic::new("log", "Line", false);
//! let (writer, reader) =
//!     (bus.raw_writer(&topic, &Qos::reliable())?, bus.raw_reader(&topic, &Qos::reliable())?);
//! writer.wait_for_readers(1, Duration::from_secs(10))?;
//! for byte in 0..3u8 {
//!     writer.write(&[0, 1, 0, 0, byte, 0, 0, 0], tidewire_bus::now_ns(), None)?;
//! }
//! // The loop of every consumer: take until empty, wait, again.
//! let mut got = Vec::new();
//! while got.len() < 3 {
//!     reader.take_into(&mut got, 100);
//!     bus.wait(Duration::from_millis(100));
//! }
//! assert_eq!((got[2].payload[4], reader.received(), reader.lost()), (2, 3, 0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arrived;
mod cache;
mod cached;
mod content;
mod core;
mod ended;
mod filter;
mod history;
mod incoming;
mod judge;
mod listen;
mod loaned;
mod raw;
mod separation;
mod status;
mod stream;
mod take;
mod track;
mod typed;
mod watch;

pub(crate) use arrived::{Arrived, Standing};
pub use cache::{
    CachedSample, InstanceStateKind, SampleStateKind, SampleStates, States, ViewStateKind,
};
pub(crate) use cache::{Query, Which};
pub use cached::{CachedReader, RawCachedReader};
pub(crate) use core::ReaderCore;
pub use loaned::LoanedSample;
pub use raw::RawReader;
pub use stream::ReaderStatus;
pub use typed::{Change, Reader, TypedSample};

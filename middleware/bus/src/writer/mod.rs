//! Writing samples.
//!
//! ```
//! use std::time::Duration;
//! use tidewire_bus::Participant;
//! use tidewire_qos::Qos;
//! use tidewire_types::sensor::Temperature;
//!
//! let bus = Participant::builder().domain(tidewire_bus::testing::free_domain()).build()?;
//! let reader = bus.reader::<Temperature>("plant/temperature", &Qos::reliable())?;
//! let writer = bus.writer::<Temperature>("plant/temperature", &Qos::reliable())?;
//! writer.wait_for_readers(1, Duration::from_secs(10))?;
//! writer.write(&Temperature { point: "pump1".into(), celsius: 21.5 })?;
//! let sample = reader.recv_timeout(Duration::from_secs(10))?.expect("just written");
//! assert_eq!(sample.data.celsius, 21.5);
//! assert_eq!(writer.dds_data_written(), 0, "the only reader is on this host");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod core;
mod history;
mod lease;
mod loan;
mod raw;
mod registered;
mod status;
mod typed;

pub(crate) use core::WriterCore;
pub use loan::Loan;
pub use raw::RawWriter;
pub use status::WriterStatus;
pub use typed::Writer;

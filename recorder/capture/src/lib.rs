//! From the bus into a recording: any topic, of a known type or not, ours or foreign.
//!
//! May use the bus and the store and knows neither's insides. One thread drains a raw reader per
//! topic and class of writers, appends to the store and waits where the store makes it wait.
//! Start at [`Recorder`]; `topic` is one topic under record, `classes` the QoS asked for,
//! [`latency`] the histogram behind the books, `durable` what late readers are served.
//!
//! ```
//! use std::time::Duration;
//! use tidewire_bus::{Participant, testing};
//! use tidewire_capture::{CaptureOptions, Recorder};
//! use tidewire_qos::Qos;
//! use tidewire_store::Store;
//! use tidewire_types::sensor::Temperature;
//!
//! let bus = Participant::builder().domain(testing::free_domain()).name("plant/pump1").build()?;
//! let dir = tempfile::tempdir()?;
//! let store = Store::open(dir.path(), Default::default())?;
//! let recorder =
//!     Recorder::start(&bus, store, CaptureOptions::default(), tidewire_types::registry())?;
//!
//! let writer = bus.writer::<Temperature>("plant/temperature", &Qos::event())?;
//! for i in 0..10 {
//!     writer.write(&Temperature { point: "pump1".into(), celsius: 40.0 + f64::from(i) })?;
//! }
//! while recorder.stats().recorded() < 10 {
//!     std::thread::sleep(Duration::from_millis(10));
//! }
//! let stats = recorder.stop(Duration::from_secs(5))?;
//! assert_eq!(stats.topic("plant/temperature").map(|t| t.acknowledged), Some(10));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod classes;
mod durable;
mod error;
mod history;
pub mod latency;
mod options;
mod recorder;
mod stats;
mod topic;
mod types;

pub use error::CaptureError;
pub use options::{CaptureOptions, DurableOptions, TopicFilter};
pub use recorder::{Recorder, StatsHandle};
pub use stats::{CaptureStats, DurableStats, TopicStats};

//! From a recording back onto the bus, with the recorded timing, bytes, keys and QoS.
//!
//! May use the store to read and the bus to write; knows no types: samples pass as they are.
//! Start at [`run`]; `plan` decides what is played, `pace` when, `play` does it, with the writers of
//! `voice`.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use tidewire_bus::{Participant, testing};
//! use tidewire_idl::{Sample, SampleInfo};
//! use tidewire_replay::ReplayOptions;
//! use tidewire_store::{Store, TopicMeta};
//!
//! let dir = tempfile::tempdir()?;
//! let store = Store::open(dir.path(), Default::default())?;
//! let topic = store.register_topic(&TopicMeta::raw("chatter", "std_msgs::msg::String"))?;
//! for i in 0..5 {
//!     let info = SampleInfo {
//!         source_time: i * 1_000_000,
//!         reception_time: 0,
//!         writer: Default::default(),
//!         sequence: i as u64 + 1,
//!         key: Default::default(),
//!         state: Default::default(),
//!         point: "talker".into(),
//!     };
//!     let payload = b"\x00\x01\x00\x00\x03\x00\x00\x00hi\x00".as_slice().into();
//!     store.append(topic, &Sample { info, payload })?;
//! }
//! store.close()?;
//!
//! let bus = Participant::builder().domain(testing::free_domain()).name("replay").build()?;
//! let options = ReplayOptions { rate: 10.0, wait: 0.0, ..ReplayOptions::new(dir.path()) };
//! let summary = tidewire_replay::run(&bus, &options, &AtomicBool::new(false), &mut |_| ())?;
//! assert_eq!((summary.samples, summary.topics[0].bytes), (5, 5 * 11));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ahead;
mod error;
mod options;
mod pace;
mod plan;
mod play;
mod voice;

pub use error::ReplayError;
pub use options::{Remap, ReplayOptions};
pub use play::{Progress, Summary, TopicSummary, run};

//! Keeps samples safe and finds them again: a checksummed journal with group commit in front of
//! LMDB shards of compressed blocks, one shard per collection point and period.
//!
//! It may use `tidewire-idl` and `tidewire-qos` only, and opens with no bus and no network.
//! [`Store`] is the writing end and [`StoreReader`] the reading end, in this process or another;
//! [`fn@verify`] reads everything back. The bytes on disk and why a crash at any point loses nothing
//! acknowledged are drawn in `docs/format.md`: start there, then `store/mod.rs`.
//!
//! ```
//! use tidewire_store::{Store, StoreOptions, TopicMeta};
//!
//! let dir = tempfile::tempdir()?;
//! let store = Store::open(dir.path(), StoreOptions::default())?;
//! store.register_topic(&TopicMeta::raw("vibration", "tidewire::sensor::Vibration"))?;
//! assert_eq!(store.stats().topics[0].name, "vibration");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod block;
pub mod catalog;
pub mod error;
pub mod files;
#[doc(hidden)]
pub mod fuzzing;
mod journal;
mod lock;
pub mod manifest;
pub mod options;
pub mod reader;
mod shard;
pub mod store;
pub mod verify;

pub use block::header::{BlockHeader, Encoding, Stats};
pub use catalog::{TopicId, TopicMeta};
pub use error::StoreError;
pub use manifest::{FORMAT_VERSION, Manifest};
pub use options::{PartitionBy, StoreOptions};
pub use reader::{Chunk, Merged, Scan, StoreReader, TopicSummary};
pub use store::{Recovery, Store, StoreStats, TopicStats};
pub use verify::{Problem, VerifyReport, verify};

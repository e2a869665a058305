//! SQL over a recording, finished or still being written.
//!
//! Knows tables, not the bus: a directory in, rows out. Uses `tidewire-store` to find samples and
//! `tidewire-idl` to read their columns; nothing here writes to a recording.
//! Start at [`Engine`]; `topic` is a topic as a table, `names` how its members are spelled in SQL,
//! [`table`] the answer and its text, CSV and JSON.
//!
//! ```
//! use std::sync::Arc;
//! use tidewire_idl::{Encoding, Sample, SampleInfo, TypeSupport};
//! use tidewire_query::Engine;
//! use tidewire_store::{Store, StoreOptions, TopicMeta};
//! use tidewire_types::sensor::Vibration;
//!
//! let dir = tempfile::tempdir()?;
//! let store = Store::open(dir.path(), StoreOptions::default())?;
//! let topic = store.register_topic(&TopicMeta {
//!     name: "plant/vibration".into(),
//!     type_name: Vibration::TYPE_NAME.into(),
//!     keyed: Vibration::KEYED,
//!     descriptor: Some((*Vibration::descriptor()).clone()),
//!     qos: serde_json::Value::Null,
//! })?;
//! for i in 0..100u32 {
//!     let data = Vibration { point: "pump1".into(), x: i as f32, ..Default::default() };
//!     let mut payload = Vec::new();
//!     data.encode(Encoding::default(), &mut payload);
//!     let info = SampleInfo {
//!         source_time: 1_000_000 * i64::from(i),
//!         reception_time: 0,
//!         writer: Default::default(),
//!         sequence: u64::from(i) + 1,
//!         key: data.key_hash(),
//!         state: Default::default(),
//!         point: Arc::from("pump1"),
//!     };
//!     store.append(topic, &Sample { info, payload: payload.into() })?;
//! }
//! store.sync()?;
//!
//! let engine = Engine::open(dir.path())?;
//! let table = engine.sql_blocking(
//!     r#"SELECT point, count(*) AS n, max(x) AS top FROM "plant/vibration" GROUP BY point"#,
//! )?;
//! assert_eq!(table.to_csv(), "point,n,top\r\npump1,100,99\r\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod engine;
mod error;
mod listing;
mod names;
mod pool;
pub mod table;
mod topic;

pub use engine::Engine;
pub use error::QueryError;
pub use table::{Format, Table};

/// The Arrow that [`Table::batches`] is made of.
pub use datafusion::arrow;

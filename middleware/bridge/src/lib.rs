//! Joins sites over zenoh: chosen topics of a DDS domain appear in another one.
//!
//! The room knows zenoh and nobody else does. It takes raw samples from the bus, puts them on
//! `tidewire/<site>/<topic>` with what is known of them as attachment ([`wire`]), and writes what
//! other sites put there onto its own bus, byte for byte. It may touch `bus`, `idl` and `qos`.
//! Start reading at [`run`]; [`filter`] says what crosses, [`cache`] what late sites still get,
//! [`seen`] what was written here already.
//!
//! ```
//! use tidewire_bridge::BridgeOptions;
//!
//! let options: BridgeOptions = serde_json::from_str(
//!     r#"{"site": "plant", "domain": 42, "allow": ["anomaly", "pump*/health"],
//!         "connect": ["tcp/10.0.0.7:7447"]}"#,
//! ).unwrap();
//! assert!(options.filter().unwrap().passes("anomaly"));
//! assert!(!options.filter().unwrap().passes("vibration"));
//! ```
//!
//! No loops: a sample crosses once. A bridge never forwards what a bridge has written, so sites
//! are joined as a full mesh (zenoh peers, or all through one router), not in a chain.

mod cache;
mod error;
pub mod filter;
mod inbound;
mod options;
mod outbound;
mod outlet;
mod run;
mod seen;
#[cfg(test)]
mod testing;
pub mod wire;

pub use error::BridgeError;
pub use options::{BridgeOptions, Mode};
pub use run::{BridgeStats, run};

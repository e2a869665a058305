//! What every transport shares: the description of an endpoint, the header of a sample, counters.
//!
//! This room holds plain data only; `tidewire-dds` and `tidewire-shm` implement transports with it
//! and `tidewire-bus` puts them together. It may use `idl` and `qos`. Start at [`SampleMeta`].
//!
//! ```
//! use tidewire_transport::{EndpointSpec, SampleMeta, HISTORY};
//!
//! let spec = EndpointSpec::new("plant/vibration", "tidewire::sensor::Vibration", true);
//! assert!(spec.keyed);
//! let meta = SampleMeta { flags: HISTORY, ..SampleMeta::default() };
//! assert!(meta.is_history());
//! ```

pub mod buffer;
mod clock;
mod counters;
mod crowd;
pub mod dds;
mod endpoint;
pub mod history;
mod latch;
mod meta;

pub use clock::now_ns;
pub use counters::{Arrival, Counter, SequenceGaps};
pub use crowd::Crowd;
pub use endpoint::EndpointSpec;
pub use latch::{Latch, RawLatch};
pub use meta::{DISPOSES, HISTORY, HISTORY_START, KIND, Prefix, SampleMeta, is_over};

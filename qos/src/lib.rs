//! The DDS policies as types, profiles from DDS-XML, and whether a writer and a reader match.
//!
//! The room knows the policies of DDS 1.4 and DDS-XTypes 1.3, and nothing of transports or samples: it
//! may use nothing of ours. Start at [`Qos`]; profiles enter by [`load`] and [`Library`], matching is
//! [`check`], and `profiles/*.xml` are the profiles we ship. Keeping a policy is the bus's business.
//!
//! ```
//! use tidewire_qos::{Qos, check, load};
//! let offered = load("Telemetry")?.writer_qos("pump1/vibration");
//! assert!(check(&offered, &Qos::reliable()).is_empty());
//! for mismatch in check(&offered, &Qos::event()) {
//!     println!("{mismatch}"); // DURABILITY: offered VOLATILE, requested TRANSIENT_LOCAL; write …
//! }
//! # Ok::<(), tidewire_qos::QosError>(())
//! ```

pub mod duration;
pub mod error;
pub mod fnmatch;
mod inherit;
pub mod library;
mod load;
pub mod matching;
mod octets;
pub mod policy;
pub mod profile;
pub mod security;
mod set;
pub mod shipped;
mod suggest;
pub mod support;
pub mod validate;
mod xml;

pub use duration::Duration;
pub use error::{Problem, QosError};
pub use library::Library;
pub use load::load;
pub use matching::{Mismatch, check, partitions_match};
pub use policy::{
    AccessScope, DataRepresentation, DestinationOrder, Durability, DurabilityService,
    EntityFactory, History, Liveliness, LivelinessKind, Ownership, Policy, Presentation,
    ReaderDataLifecycle, Reliability, ResourceLimits, TypeConsistency, TypeConsistencyKind,
    WriterDataLifecycle,
};
pub use profile::Profile;
pub use security::Security;
pub use set::Qos;
pub use validate::Inconsistency;

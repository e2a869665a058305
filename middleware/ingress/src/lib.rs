//! Samples from programs that link nothing of ours: Unix domain sockets and UDP.
//!
//! A client sends frames (CDR with its topic, [`frame`]) or InfluxDB line protocol ([`line`]); the
//! ingress checks them and writes them onto the bus. This room knows sockets, AF_XDP and eBPF; it may
//! use `bus`, `idl`, `types` and `qos`. Start reading at [`run()`]; [`split`] cuts streams into
//! pieces, `outlets` writes them, `unix` and `udp` are the ways in. docs/ingress.md is what a client's
//! author reads.
//!
//! ```
//! use tidewire_ingress::{IngressOptions, Rung};
//!
//! let options: IngressOptions = serde_json::from_str(
//!     r#"{"listen": ["unix:///run/tidewire/in.sock", "line+udp://239.255.7.1:8089"],
//!         "gids": [27], "mode": "660", "rung": "busy-poll"}"#,
//! )?;
//! options.check()?;
//! assert_eq!(options.rung, Rung::BusyPoll);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod endpoint;
mod error;
pub mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod intake;
pub mod line;
mod options;
mod outlets;
mod rate;
mod run;
pub mod split;
mod stats;
pub mod testing;
pub mod udp;
mod unix;

pub use endpoint::{Endpoint, Format, Transport};
pub use error::{IngressError, Reason, Reject};
pub use options::{IngressOptions, Precision, Rung};
pub use run::{Running, run};
pub use stats::{EndpointReport, EndpointStats, IngressStats, TopicCount};

//! Collection points to try Tidewire with: physical simulators and a CSV player.
//!
//! Each source writes typed samples through the bus and nothing else; it may use `tidewire-bus`,
//! the shipped types and QoS profiles. Faults come at seeded times and the truth about them goes
//! out on a topic of its own ([`fault`]). Start at [`pump`]: its physics is plain arithmetic
//! without a bus, its `run` is the node; [`arm`], [`gateway`] and [`csv`] have the same two halves.
//!
//! ```
//! use tidewire_sim::pump::{Options, Pump};
//!
//! let mut pump = Pump::new(&Options { seed: 7, ..Options::default() });
//! let second: Vec<f32> = (0..1000).map(|_| pump.vibration().z).collect();
//! let mean = second.iter().sum::<f32>() / 1000.0;
//! assert!((mean - 9.8).abs() < 0.5, "an accelerometer at rest feels gravity: {mean}");
//! ```

pub mod arm;
pub mod csv;
pub mod error;
pub mod fault;
pub mod gateway;
pub mod noise;
pub mod pace;
pub mod pump;
pub mod source;

pub use error::SimError;
pub use source::{Stats, TopicCount, Wiring};

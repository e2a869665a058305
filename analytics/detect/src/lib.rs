//! The detector node: windows and models over live topics or over a recording, by the same code.
//!
//! This room trains models from recordings ([`train()`]), runs them on the bus ([`run`]) or on a
//! recording ([`scan`]) and publishes `Anomaly` samples; [`score`] keeps the books against injected
//! faults. It may use `bus`, `store`, `stream` and `models`. Start reading at [`Engine`].
//!
//! ```
//! use tidewire_detect::{DetectError, DetectOptions, DetectStats, Engine};
//!
//! let types = tidewire_types::registry();
//! let none = DetectOptions::default();
//! let engine = Engine::new(&none, &|_, name| types.get(name), DetectStats::default().into());
//! assert!(matches!(engine, Err(DetectError::NoModel)));
//! ```

mod engine;
mod error;
pub mod event;
mod history;
mod live;
pub mod options;
pub mod score;
pub mod stats;
mod train;

pub use engine::{Engine, Lane};
pub use error::DetectError;
pub use event::{Detection, Events, Phase};
pub use history::scan;
pub use live::run;
pub use options::{DetectOptions, EventOptions, ModelRef, TrainOptions};
pub use stats::{DetectStats, StatsSnapshot};
pub use train::train;

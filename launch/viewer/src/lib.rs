//! Shows a live bus, or several, in Rerun.
//!
//! The room knows Rerun and nobody else does: it reads raw samples of every topic whose type is
//! known, turns numbers into scalars and anomalies into annotated text, groups them by site and
//! collection point, and lays them out in a blueprint. It may touch `bus`, `types`, `idl` and
//! `qos`. Start reading at [`run`]; [`sink`] decides where the pictures go.
//!
//! ```
//! use tidewire_viewer::{Target, ViewOptions};
//!
//! let options: ViewOptions = serde_json::from_str(
//!     r#"{"sites": [{"name": "plant", "domain": 42}], "target": "save:plant.rrd"}"#,
//! ).unwrap();
//! assert_eq!(options.target, Target::Save("plant.rrd".into()));
//! assert_eq!(options.max_hz, 100.0);
//! ```

mod error;
mod options;
mod run;
mod scene;
mod series;
pub mod sink;

pub use error::ViewError;
pub use options::{SiteSource, Target, ViewOptions};
pub use run::{ViewStats, run};

/// The Rerun release this build speaks: viewers of the same minor release understand it.
pub const RERUN_VERSION: &str = "0.36.3";

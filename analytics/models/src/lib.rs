//! Models of normal operation, and how far a window is from it.
//!
//! This room trains detectors on windows ([`Model::train`]), keeps them in small files ([`model`])
//! and scores windows with them ([`Scorer`]); Burn lives in [`network`] and nowhere else in the
//! house. It may use `analytics/stream` only: no bus, no store. Start reading at [`detector`].
//!
//! ```
//! use tidewire_models::Normaliser;
//! use tidewire_models::numeric::tail_limit;
//!
//! let quiet: Vec<f64> = (0..100).map(|i| 20.0 + 0.1 * (i as f64).sin()).collect();
//! let normaliser = Normaliser::fit(1, &quiet);
//! let scores: Vec<f64> = quiet.iter().map(|v| normaliser.apply(0, *v).abs()).collect();
//! assert!(normaliser.apply(0, 25.0) > tail_limit(&scores, 1e-6));
//! ```

pub mod chart;
pub mod detector;
mod error;
pub mod model;
pub mod network;
pub mod normalise;
pub mod numeric;
pub mod pca;

pub use detector::{Detector, Kind, Memory, Part, Progress, Score, TrainingSet};
pub use error::ModelError;
pub use model::{Header, Model, ModelSpec, Scorer, TrainingRange};
pub use network::FitOptions;
pub use normalise::Normaliser;
pub use pca::Subspace;

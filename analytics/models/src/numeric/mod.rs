//! Small numerics: robust statistics and thresholds.

pub mod stats;
pub mod tail;

pub use stats::{mean_std, quantile, robust, winsorised};
pub use tail::tail_limit;

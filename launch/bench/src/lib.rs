//! Side-by-side benchmarks: ours and somebody else's, interleaved in one run.
//!
//! Each benchmark alternates the contenders run by run, so that a busy machine slows both, and
//! reports the medians of at least five runs and of the ratios of neighbours. The room may touch everything below `launch`; start
//! at [`bus::run`], [`dds::run`], [`store::run`] or [`ingress::run()`]. Figures are printed, never asserted.
//!
//! ```
//! use tidewire_bench::{Figure, median};
//!
//! let figure = Figure::of_runs("one-way 64 B", "ns", &[300.0, 200.0], "iceoryx2", &[200.0, 200.0]);
//! assert_eq!((figure.ours, figure.ratio), (250.0, 1.25));
//! assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
//! ```

pub mod bus;
mod contender;
pub mod dds;
mod figure;
pub mod ingress;
mod process;
mod side;
pub mod store;

pub use figure::{Figure, median};

/// What can go wrong in a benchmark: always the set-up, never a slow result.
#[derive(Debug, thiserror::Error)]
#[error("benchmark {bench}: {what}")]
pub struct BenchError {
    /// Which benchmark.
    pub bench: &'static str,
    /// What failed, in the words of what failed.
    pub what: String,
}

impl BenchError {
    /// Wraps any error of a contender.
    pub fn of(bench: &'static str) -> impl Fn(&dyn std::fmt::Display) -> Self {
        move |what| Self { bench, what: what.to_string() }
    }
}

//! A threshold beyond everything seen, from the shape of the tail.
//!
//! ```
//! use tidewire_models::numeric::tail_limit;
//!
//! let calm: Vec<f64> = (0..1000).map(|i| (i as f64 * 0.618).fract()).collect();
//! let limit = tail_limit(&calm, 1e-6);
//! assert!(limit > 1.0 && limit < 1.5, "{limit}");
//! ```

use super::stats::quantile_of_sorted;

/// The level that scores exceed with probability `risk`, by peaks over threshold with an
/// exponential tail: above the 98 % quantile `u`, excesses are taken as exponential with their mean
/// `b`, so `limit = u + b ln(0.02 / risk)` (the generalised Pareto law with shape 0; Siffer et al.,
/// "Anomaly detection in streams with extreme value theory", KDD 2017). Never below 1.1 x the
/// highest score seen; infinite when there are no scores.
pub fn tail_limit(scores: &[f64], risk: f64) -> f64 {
    let mut sorted: Vec<f64> = scores.iter().copied().filter(|s| s.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let Some(highest) = sorted.last().copied() else { return f64::INFINITY };
    const TAIL: f64 = 0.02;
    let u = quantile_of_sorted(&sorted, 1.0 - TAIL);
    let excesses: Vec<f64> = sorted.iter().filter(|s| **s > u).map(|s| s - u).collect();
    let mean_excess = excesses.iter().sum::<f64>() / excesses.len().max(1) as f64;
    (u + mean_excess * (TAIL / risk).ln()).max(1.1 * highest)
}

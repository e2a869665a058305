//! Location and scale that a few wild values do not move.
//!
//! ```
//! use tidewire_models::numeric::{quantile, robust};
//!
//! let mut values: Vec<f64> = (0..200).map(|i| f64::from(i % 5)).collect();
//! values.push(1_000_000.0);
//! let (centre, scale) = robust(&values);
//! assert_eq!(centre, 2.0);
//! assert!(scale < 2.0);
//! assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0, 5.0], 0.5), 3.0);
//! ```

/// Mean and population standard deviation; zeros for nothing.
pub fn mean_std(values: &[f64]) -> (f64, f64) {
    if values.is_empty() {
        return (0.0, 0.0);
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

/// The q-quantile by linear interpolation; zero for nothing.
pub fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    quantile_of_sorted(&sorted, q)
}

/// As [`quantile`], of values already in order.
pub fn quantile_of_sorted(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = q.clamp(0.0, 1.0) * last as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * (at - low as f64)
}

/// Median and scale, where the scale is the larger of 1.4826 x MAD (consistent with the standard
/// deviation of normal values) and half the winsorised deviation: a signal that rests half of the
/// time has a MAD near zero and still moves.
pub fn robust(values: &[f64]) -> (f64, f64) {
    let centre = quantile(values, 0.5);
    let deviations: Vec<f64> = values.iter().map(|v| (v - centre).abs()).collect();
    let mad = 1.4826 * quantile(&deviations, 0.5);
    let (_, deviation) = winsorised(values);
    (centre, mad.max(0.5 * deviation))
}

/// Mean and standard deviation after the lowest and the highest 1 % were pulled in.
pub fn winsorised(values: &[f64]) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (low, high) = (quantile_of_sorted(&sorted, 0.01), quantile_of_sorted(&sorted, 0.99));
    for v in &mut sorted {
        *v = v.clamp(low, high);
    }
    mean_std(&sorted)
}

//! Principal components of whole windows: the linear baseline beside the autoencoder.
//!
//! ```
//! use tidewire_models::Subspace;
//!
//! // Windows of two values that always agree: one component rebuilds them.
//! let windows: Vec<f64> = (0..40).flat_map(|i| [i as f64, i as f64]).collect();
//! let subspace = Subspace::fit(2, &windows, 0.95, 1, 7);
//! assert!(subspace.residual(&[5.0, 5.0]).iter().all(|r| r.abs() < 1e-6));
//! assert!(subspace.residual(&[5.0, -5.0]).iter().any(|r| r.abs() > 1.0));
//! ```

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A mean and orthonormal directions in the space of windows.
#[derive(Clone, Debug, PartialEq)]
pub struct Subspace {
    mean: Vec<f64>,
    /// Row by row, each of the mean's length.
    components: Vec<f64>,
}

/// Rounds of subspace iteration: enough for the leading directions of smooth spectra.
const ROUNDS: usize = 12;

impl Subspace {
    /// Fits to windows of `size` values each, keeping as few components (at most `most`) as explain
    /// this share of the variance. Orthogonal iteration on the data itself (Golub and Van Loan,
    /// *Matrix Computations*, 8.2.4), started from seeded noise.
    pub fn fit(size: usize, windows: &[f64], share: f64, most: usize, seed: u64) -> Self {
        let count = (windows.len() / size).max(1);
        let mut mean = vec![0.0; size];
        for window in windows.chunks_exact(size) {
            for (m, v) in mean.iter_mut().zip(window) {
                *m += v / count as f64;
            }
        }
        let centred: Vec<f64> = windows
            .chunks_exact(size)
            .flat_map(|w| w.iter().zip(&mean).map(|(v, m)| v - m))
            .collect();
        let total: f64 = centred.iter().map(|v| v * v).sum();
        let rank = most.min(size).min(count).max(1);
        let mut rng = StdRng::seed_from_u64(seed);
        let mut basis: Vec<f64> = (0..rank * size).map(|_| rng.random_range(-1.0..1.0)).collect();
        let mut energy = vec![0.0; rank];
        orthonormalise(&mut basis, size, &mut energy);
        for _ in 0..ROUNDS {
            let mut next = vec![0.0; rank * size];
            for window in centred.chunks_exact(size) {
                for (direction, sum) in basis.chunks_exact(size).zip(next.chunks_exact_mut(size)) {
                    let along = dot(direction, window);
                    for (s, v) in sum.iter_mut().zip(window) {
                        *s += along * v;
                    }
                }
            }
            basis = next;
            orthonormalise(&mut basis, size, &mut energy);
        }
        // After convergence a direction's length before normalising is its eigenvalue.
        let mut kept = 0;
        let mut explained = 0.0;
        while kept < rank && explained < share * total && energy[kept] > 1e-12 * total {
            explained += energy[kept];
            kept += 1;
        }
        basis.truncate(kept * size);
        // As a file will hold them, so that a model scores the same before and after.
        for v in mean.iter_mut().chain(&mut basis) {
            *v = f64::from(*v as f32);
        }
        Self { mean, components: basis }
    }

    /// From what [`weights`](Self::weights) gave; `None` when the lengths do not fit.
    pub fn from_weights(size: usize, weights: &[f32]) -> Option<Self> {
        if size == 0 || weights.len() < size || !weights.len().is_multiple_of(size) {
            return None;
        }
        let wide = |w: &[f32]| w.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
        Some(Self { mean: wide(&weights[..size]), components: wide(&weights[size..]) })
    }

    /// The mean, then the components one after the other.
    pub fn weights(&self) -> Vec<f32> {
        self.mean.iter().chain(&self.components).map(|v| *v as f32).collect()
    }

    /// Directions kept.
    pub fn rank(&self) -> usize {
        self.components.len() / self.mean.len().max(1)
    }

    /// What the components cannot rebuild of a window.
    pub fn residual(&self, window: &[f64]) -> Vec<f64> {
        let mut rest: Vec<f64> = window.iter().zip(&self.mean).map(|(v, m)| v - m).collect();
        for direction in self.components.chunks_exact(self.mean.len()) {
            let along = dot(direction, &rest);
            for (r, d) in rest.iter_mut().zip(direction) {
                *r -= along * d;
            }
        }
        rest
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Modified Gram-Schmidt; `lengths` takes each direction's length before it is normalised.
fn orthonormalise(basis: &mut [f64], size: usize, lengths: &mut [f64]) {
    for (i, slot) in lengths.iter_mut().enumerate() {
        let (done, rest) = basis.split_at_mut(i * size);
        let current = &mut rest[..size];
        for earlier in done.chunks_exact(size) {
            let along = dot(earlier, current);
            for (c, e) in current.iter_mut().zip(earlier) {
                *c -= along * e;
            }
        }
        let length = dot(current, current).sqrt();
        *slot = length;
        for c in current.iter_mut() {
            *c = if length > 1e-300 { *c / length } else { 0.0 };
        }
    }
}

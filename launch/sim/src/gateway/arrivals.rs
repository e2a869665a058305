//! Events that beget events: a Hawkes process with exponential memory (Hawkes, Biometrika 58, 1971),
//! the usual model of order flow.
//!
//! ```
//! use rand::{SeedableRng, rngs::StdRng};
//! use tidewire_sim::gateway::arrivals::Arrivals;
//!
//! let mut rng = StdRng::seed_from_u64(1);
//! let mut arrivals = Arrivals::new(1000.0);
//! let total: u32 = (0..60_000).map(|_| arrivals.step(0.001, 1.0, &mut rng)).sum();
//! assert!((total as f64 / 60.0 - 1000.0).abs() < 100.0, "{total} in a minute");
//! ```

use rand::rngs::StdRng;
use rand_distr::{Distribution, Poisson};

/// Events each event sets off on average: the share of traffic that comes in bursts.
const BRANCHING: f64 = 0.7;

/// How fast excitement fades, 1/s.
const DECAY: f64 = 15.0;

/// Highest intensity over the mean: an exchange throttles its feed, and so do we.
const CAP: f64 = 4.0;

/// When events come.
#[derive(Clone, Debug)]
pub struct Arrivals {
    rate: f64,
    excitement: f64,
}

impl Arrivals {
    /// Arrivals of `rate` events a second in the long run.
    pub fn new(rate: f64) -> Self {
        // Start at the mean, not in silence.
        Self { rate, excitement: rate * BRANCHING }
    }

    /// How many events fall into the next `dt` seconds; `busy` scales the flow from outside.
    pub fn step(&mut self, dt: f64, busy: f64, rng: &mut StdRng) -> u32 {
        let base = self.rate * busy * (1.0 - BRANCHING);
        let intensity = (base + self.excitement).min(CAP * self.rate);
        let mean = intensity * dt;
        let count =
            if mean > 0.0 { Poisson::new(mean).map_or(0, |p| p.sample(rng) as u32) } else { 0 };
        self.excitement =
            self.excitement * (-DECAY * dt).exp() + f64::from(count) * BRANCHING * DECAY;
        count
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn flow_is_bursty_beyond_poisson() {
        let mut rng = StdRng::seed_from_u64(2);
        let mut arrivals = Arrivals::new(1000.0);
        // Counts in bins of 100 ms: a Poisson process has variance = mean.
        let bins: Vec<f64> = (0..3_000)
            .map(|_| (0..100).map(|_| f64::from(arrivals.step(0.001, 1.0, &mut rng))).sum())
            .collect();
        let mean = bins.iter().sum::<f64>() / bins.len() as f64;
        let variance = bins.iter().map(|b| (b - mean).powi(2)).sum::<f64>() / bins.len() as f64;
        assert!(variance > 2.0 * mean, "variance {variance}, mean {mean}");
        assert!((mean - 100.0).abs() < 10.0, "{mean}");
    }
}

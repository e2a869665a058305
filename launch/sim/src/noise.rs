//! Noise and resonance: the small blocks every simulator here is built from.
//!
//! ```
//! use tidewire_sim::noise::Resonator;
//!
//! // A bell: one tap, then it rings at its own frequency and dies out.
//! let mut bell = Resonator::new(100.0, 0.02, 1000.0);
//! let ring: Vec<f64> = (0..1000).map(|n| bell.step(if n == 0 { 1.0 } else { 0.0 })).collect();
//! let early = ring[..100].iter().fold(0.0f64, |m, v| m.max(v.abs()));
//! let late = ring[900..].iter().fold(0.0f64, |m, v| m.max(v.abs()));
//! assert!(early > 0.3 && late < early / 100.0);
//! ```

use std::f64::consts::TAU;

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// One draw from the standard normal distribution.
pub fn gauss(rng: &mut impl Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// What an analogue-to-digital converter with step `lsb` makes of `value`.
pub fn quantise(value: f64, lsb: f64) -> f64 {
    (value / lsb).round() * lsb
}

/// Ornstein–Uhlenbeck process: noise with a memory of `tau` seconds, exact at any step size.
#[derive(Clone, Debug)]
pub struct Wander {
    value: f64,
    mean: f64,
    keep: f64,
    kick: f64,
}

impl Wander {
    /// A process around `mean` with standard deviation `sigma` and correlation time `tau` (s),
    /// stepped `rate` times a second.
    pub fn new(mean: f64, sigma: f64, tau: f64, rate: f64) -> Self {
        let keep = (-1.0 / (tau * rate)).exp();
        Self { value: mean, mean, keep, kick: sigma * (1.0 - keep * keep).sqrt() }
    }

    /// Advances one step and returns the new value.
    pub fn step(&mut self, rng: &mut impl Rng) -> f64 {
        self.value = self.mean + (self.value - self.mean) * self.keep + self.kick * gauss(rng);
        self.value
    }

    /// The value of the last step.
    pub fn value(&self) -> f64 {
        self.value
    }
}

/// A lightly damped mode of a structure: a two-pole filter, impulse-invariant.
#[derive(Clone, Debug)]
pub struct Resonator {
    a1: f64,
    a2: f64,
    gain: f64,
    y1: f64,
    y2: f64,
}

impl Resonator {
    /// A mode at `frequency` Hz with damping ratio `zeta`, stepped `rate` times a second. A unit
    /// impulse makes it ring with an amplitude near one.
    pub fn new(frequency: f64, zeta: f64, rate: f64) -> Self {
        let w = TAU * frequency / rate;
        let r = (-zeta * w).exp();
        let damped = w * (1.0 - zeta * zeta).sqrt();
        Self { a1: 2.0 * r * damped.cos(), a2: -r * r, gain: damped.sin().abs(), y1: 0.0, y2: 0.0 }
    }

    /// Advances one step under `force` and returns the response.
    pub fn step(&mut self, force: f64) -> f64 {
        let y = self.a1 * self.y1 + self.a2 * self.y2 + self.gain * force;
        self.y2 = self.y1;
        self.y1 = y;
        y
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn wander_keeps_its_mean_and_spread() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut wander = Wander::new(5.0, 2.0, 0.1, 100.0);
        let values: Vec<f64> = (0..100_000).map(|_| wander.step(&mut rng)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let var = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
        assert!((mean - 5.0).abs() < 0.2, "{mean}");
        assert!((var.sqrt() - 2.0).abs() < 0.2, "{}", var.sqrt());
    }

    #[test]
    fn quantise_snaps_to_steps() {
        assert_eq!(quantise(0.26, 0.25), 0.25);
        assert_eq!(quantise(-0.13, 0.25), -0.25);
    }
}

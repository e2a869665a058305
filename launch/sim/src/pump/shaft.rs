//! The rotor: speed under load, unbalance and its harmonics, and the casing it shakes.
//!
//! ```
//! use rand::{SeedableRng, rngs::StdRng};
//! use tidewire_sim::pump::shaft::Shaft;
//!
//! let mut rng = StdRng::seed_from_u64(1);
//! let mut shaft = Shaft::new(24.75, 0.7, 1000.0);
//! shaft.step(&mut rng);
//! assert!((shaft.frequency() - 24.75).abs() < 1.0);
//! ```

use std::f64::consts::TAU;

use rand::rngs::StdRng;

use crate::noise::{Resonator, Wander, gauss};

/// Speed lost between no load and full load: the slip of an induction motor, as a share.
const SLIP: f64 = 0.03;

/// Vanes of the impeller: pressure pulses at this multiple of the shaft frequency.
const VANES: f64 = 6.0;

/// Acceleration from unbalance at nominal speed, m/s²: about 4 mm/s, ISO 10816 zone B.
const UNBALANCE: f64 = 0.9;

/// A turning shaft in a casing.
#[derive(Clone, Debug)]
pub struct Shaft {
    nominal: f64,
    rate: f64,
    /// The mean load; speed equals `nominal` there.
    mean_load: f64,
    load: Wander,
    frequency: f64,
    phase: f64,
    modes: [Resonator; 3],
}

impl Shaft {
    /// A shaft at `nominal` Hz under `load` (0 to 1), stepped `rate` times a second.
    pub fn new(nominal: f64, load: f64, rate: f64) -> Self {
        let mode = |hz: f64, zeta: f64| Resonator::new(hz, zeta, rate);
        Self {
            nominal,
            rate,
            mean_load: load,
            load: Wander::new(load, 0.06, 4.0, rate),
            frequency: nominal,
            phase: 0.0,
            // A stiff casing: one mode per direction, a few per cent of critical damping.
            modes: [mode(178.0, 0.03), mode(231.0, 0.05), mode(203.0, 0.03)],
        }
    }

    /// Advances one step; returns acceleration along x, y, z in m/s², without gravity.
    pub fn step(&mut self, rng: &mut StdRng) -> [f64; 3] {
        let load = self.load.step(rng).clamp(0.0, 1.2);
        self.frequency = self.nominal * (1.0 - SLIP * (load - self.mean_load));
        self.phase = (self.phase + self.frequency / self.rate).fract();
        let turn = TAU * self.phase;
        // Centrifugal force goes with the square of speed.
        let unbalance = UNBALANCE * (self.frequency / self.nominal).powi(2);
        let misaligned = 0.25 * (2.0 * turn + 0.6).cos();
        let vanes = 0.18 * load * (VANES * turn + 0.3).sin();
        let mut x = unbalance * turn.cos() + misaligned + vanes + 0.08 * (3.0 * turn).cos();
        let mut y = 0.15 * unbalance * turn.sin() + 0.5 * misaligned;
        let mut z =
            0.8 * unbalance * turn.sin() + 0.7 * misaligned + vanes + 0.06 * (3.0 * turn).sin();
        // Turbulent flow is broadband and grows with load.
        let flow = 0.05 + 0.07 * load;
        x += self.modes[0].step(flow * gauss(rng));
        y += self.modes[1].step(0.6 * flow * gauss(rng));
        z += self.modes[2].step(flow * gauss(rng));
        [x, y, z]
    }

    /// Turns a second, in Hz.
    pub fn frequency(&self) -> f64 {
        self.frequency
    }

    /// Share of the rated load.
    pub fn load(&self) -> f64 {
        self.load.value().clamp(0.0, 1.2)
    }
}

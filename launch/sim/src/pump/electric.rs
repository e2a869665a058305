//! Motor current and casing temperature: both follow the shaft's load.
//!
//! ```
//! use rand::{SeedableRng, rngs::StdRng};
//! use tidewire_sim::pump::electric::{Motor, Thermal};
//!
//! let mut rng = StdRng::seed_from_u64(1);
//! assert!((Motor::new(100.0).step(0.7, &mut rng) - 8.6).abs() < 1.0);
//! assert!((Thermal::new(0.7, 10.0).step(0.7, &mut rng) - 53.5).abs() < 2.0);
//! ```

use std::f64::consts::TAU;

use rand::rngs::StdRng;

use crate::noise::{Wander, gauss, quantise};

/// Step of the temperature sensor in °C (1/16, as common digital thermometers have).
pub const THERMOMETER_LSB: f64 = 0.0625;

/// Step of the current sensor's converter in A.
const AMMETER_LSB: f64 = 0.005;

/// The motor's supply: effective current under load, with ripple.
#[derive(Clone, Debug)]
pub struct Motor {
    rate: f64,
    mains: Wander,
    phase: f64,
}

impl Motor {
    /// A motor sampled `rate` times a second.
    pub fn new(rate: f64) -> Self {
        // Grid frequency wanders by some 20 mHz within minutes.
        Self { rate, mains: Wander::new(50.0, 0.02, 30.0, rate), phase: 0.0 }
    }

    /// Current in A at `load` (0 to 1).
    pub fn step(&mut self, load: f64, rng: &mut StdRng) -> f64 {
        // Rectified ripple sits at twice the mains: sampled at 100 Hz it folds down to a slow beat,
        // and so does the real sensor's.
        self.phase = (self.phase + 2.0 * self.mains.step(rng) / self.rate).fract();
        let ripple = 0.12 * (TAU * self.phase).sin();
        // Magnetising current in quadrature with the load's.
        let effective = (4.1f64.powi(2) + (10.8 * load).powi(2)).sqrt();
        quantise(effective + ripple + 0.05 * gauss(rng), AMMETER_LSB)
    }
}

/// One heat capacity between the losses and the ambient air.
#[derive(Clone, Debug)]
pub struct Thermal {
    rate: f64,
    celsius: f64,
    ambient: Wander,
}

impl Thermal {
    /// Heat per kelvin, J/K.
    const CAPACITY: f64 = 9_000.0;
    /// Kelvin per watt to the air.
    const RESISTANCE: f64 = 0.05;

    /// A casing in balance at `load`, sampled `rate` times a second.
    pub fn new(load: f64, rate: f64) -> Self {
        let ambient = 24.0;
        let celsius = ambient + Self::losses(load) * Self::RESISTANCE;
        Self { rate, celsius, ambient: Wander::new(ambient, 0.8, 300.0, rate) }
    }

    /// Heat in W: iron losses, and copper losses with the square of load.
    fn losses(load: f64) -> f64 {
        320.0 + 550.0 * load * load
    }

    /// What the sensor's amplifier sees at `load`, in °C, before its converter.
    pub fn step(&mut self, load: f64, rng: &mut StdRng) -> f64 {
        let ambient = self.ambient.step(rng);
        let out = (self.celsius - ambient) / Self::RESISTANCE;
        self.celsius += (Self::losses(load) - out) / Self::CAPACITY / self.rate;
        self.celsius + 0.06 * gauss(rng)
    }
}

//! A motor-driven pump: three-axis vibration, motor current and casing temperature.
//!
//! The shaft turns a little slower under load ([`shaft`]); unbalance, misalignment and the vanes
//! show at multiples of its frequency, flow noise shakes a mode of the casing, and a damaged
//! bearing adds an impulse train ([`bearing`]). Current and temperature follow the same load
//! ([`electric`]).
//!
//! ```
//! use tidewire_sim::pump::{Options, Pump};
//!
//! let options = Options { seed: 1, ..Options::default() };
//! let (mut a, mut b) = (Pump::new(&options), Pump::new(&options));
//! assert!((0..500).all(|_| a.vibration() == b.vibration()), "one seed, one signal");
//! ```

pub mod bearing;
pub mod electric;
pub mod shaft;

mod node;

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Kind, Plan};
use crate::noise::{gauss, quantise};
use bearing::Bearing;
use electric::{Motor, Thermal};
use shaft::Shaft;

pub use node::run;

/// Vibration samples a second; current comes at a tenth, temperature at a hundredth of it.
pub const RATE: f64 = 1000.0;

/// Standard gravity in m/s² (CGPM 1901).
const GRAVITY: f64 = 9.80665;

/// ±16 g over 16 bits: the step of a common MEMS accelerometer, in m/s².
const ACCELEROMETER_LSB: f64 = 32.0 * GRAVITY / 65536.0;

/// What a launch file or `tidewire sim pump` may set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Collection point: the key of every sample.
    pub point: String,
    /// Seed of noise and faults.
    pub seed: u64,
    /// Nominal shaft frequency in Hz (1,485 rpm: a four-pole motor on 50 Hz).
    pub shaft_hz: f64,
    /// How much of the rated load it carries on average, 0 to 1.
    pub load: f64,
    /// What breaks and when.
    pub faults: Plan,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            point: "plant/pump1".into(),
            seed: 1,
            shaft_hz: 24.75,
            load: 0.7,
            faults: Plan {
                kinds: vec![Kind::Bearing, Kind::StuckCurrent, Kind::StuckTemperature, Kind::Drift],
                ..Plan::default()
            },
        }
    }
}

/// Acceleration of the bearing housing in m/s², gravity along z included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Acceleration {
    /// Horizontal, across the shaft.
    pub x: f32,
    /// Along the shaft.
    pub y: f32,
    /// Vertical.
    pub z: f32,
}

/// The machine: step it through [`Pump::vibration`], read the slow sensors in between.
#[derive(Clone, Debug)]
pub struct Pump {
    rng: StdRng,
    shaft: Shaft,
    bearing: Bearing,
    motor: Motor,
    thermal: Thermal,
    severity: f64,
    drift: f64,
    stuck_current: bool,
    stuck_temperature: bool,
    last_current: f64,
    last_temperature: f64,
}

impl Pump {
    /// A warm pump in its steady state.
    pub fn new(options: &Options) -> Self {
        let mut pump = Self {
            rng: StdRng::seed_from_u64(options.seed),
            shaft: Shaft::new(options.shaft_hz, options.load, RATE),
            bearing: Bearing::new(RATE),
            motor: Motor::new(RATE / 10.0),
            thermal: Thermal::new(options.load, RATE / 100.0),
            severity: 0.0,
            drift: 0.0,
            stuck_current: false,
            stuck_temperature: false,
            last_current: 0.0,
            last_temperature: 0.0,
        };
        pump.last_current = pump.current();
        pump.last_temperature = pump.temperature();
        pump
    }

    /// Applies the fault going on at `t` seconds, or none.
    pub fn fault(&mut self, fault: Option<&Fault>, t: f64) {
        let kind = fault.map(|f| f.kind);
        let progress = fault.map_or(0.0, |f| f.progress(t));
        // Damage is there at once and grows to four times its first size.
        self.severity = if kind == Some(Kind::Bearing) { 0.25 + 0.75 * progress } else { 0.0 };
        let lasted = fault.map_or(0.0, |f| t - f.start_s);
        self.drift = if kind == Some(Kind::Drift) { 0.8 * lasted } else { 0.0 };
        self.stuck_current = kind == Some(Kind::StuckCurrent);
        self.stuck_temperature = kind == Some(Kind::StuckTemperature);
    }

    /// Advances one millisecond and returns the accelerometer's sample.
    pub fn vibration(&mut self) -> Acceleration {
        let forced = self.shaft.step(&mut self.rng);
        let knock = self.bearing.step(self.shaft.frequency(), self.severity, &mut self.rng);
        // The load zone is below the shaft: the outer race rings mostly vertically.
        let [x, y, z] =
            [forced[0] + 0.5 * knock, forced[1] + 0.2 * knock, forced[2] + knock + GRAVITY];
        let mut sense =
            |value: f64| quantise(value + 0.04 * gauss(&mut self.rng), ACCELEROMETER_LSB) as f32;
        Acceleration { x: sense(x), y: sense(y), z: sense(z) }
    }

    /// Motor current in A; call at a tenth of the vibration rate.
    pub fn current(&mut self) -> f64 {
        let amperes = self.motor.step(self.shaft.load(), &mut self.rng);
        if !self.stuck_current {
            self.last_current = amperes;
        }
        self.last_current
    }

    /// Casing temperature in °C; call at a hundredth of the vibration rate.
    pub fn temperature(&mut self) -> f64 {
        let celsius = self.thermal.step(self.shaft.load(), &mut self.rng) + self.drift;
        if !self.stuck_temperature {
            self.last_temperature = quantise(celsius, electric::THERMOMETER_LSB);
        }
        self.last_temperature
    }

    /// Shaft frequency now, in Hz.
    pub fn shaft_hz(&self) -> f64 {
        self.shaft.frequency()
    }
}

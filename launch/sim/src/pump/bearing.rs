//! A rolling bearing with a spot on its outer race: each ball that rolls over it knocks, and the
//! housing rings (McFadden and Smith, "Model for the vibration produced by a single point defect
//! in a rolling element bearing", JSV 96, 1984).
//!
//! ```
//! use tidewire_sim::pump::bearing;
//!
//! // A 6205: nine balls; the outer race sees 3.58 of them per turn.
//! assert!((bearing::bpfo(24.75) - 88.7).abs() < 0.5);
//! ```

use rand::rngs::StdRng;

use crate::noise::{Resonator, gauss};

/// Ball passes on the outer race per turn of the shaft: 6205 (9 balls of 7.94 mm on 39 mm).
const PASSES_PER_TURN: f64 = 9.0 / 2.0 * (1.0 - 7.94 / 39.04);

/// Peak acceleration of a knock at full severity, m/s².
const KNOCK: f64 = 14.0;

/// Ball-pass frequency of the outer race in Hz, for a shaft at `shaft_hz`.
pub fn bpfo(shaft_hz: f64) -> f64 {
    PASSES_PER_TURN * shaft_hz
}

/// The damaged bearing and the housing mode its knocks excite.
#[derive(Clone, Debug)]
pub struct Bearing {
    rate: f64,
    until_knock: f64,
    mode: Resonator,
}

impl Bearing {
    /// A bearing stepped `rate` times a second.
    pub fn new(rate: f64) -> Self {
        Self { rate, until_knock: 1.0, mode: Resonator::new(382.0, 0.11, rate) }
    }

    /// Advances one step; `severity` is 0 (whole) to 1. Returns acceleration in m/s².
    pub fn step(&mut self, shaft_hz: f64, severity: f64, rng: &mut StdRng) -> f64 {
        self.until_knock -= bpfo(shaft_hz) / self.rate;
        let mut force = 0.0;
        if self.until_knock <= 0.0 {
            // Balls slip by about one per cent, so knocks are nearly, not quite, periodic.
            self.until_knock += 1.0 + 0.01 * gauss(rng);
            force = severity * KNOCK * (1.0 + 0.15 * gauss(rng));
        }
        self.mode.step(force)
    }
}

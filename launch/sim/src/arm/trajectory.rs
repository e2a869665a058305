//! Point-to-point moves with trapezoidal speed, all joints synchronised, with pauses in between.
//!
//! ```
//! use tidewire_sim::arm::trajectory::Trajectory;
//!
//! let mut trajectory = Trajectory::new(1);
//! trajectory.advance(10.0);
//! let [_, velocity, _] = trajectory.at(10.0);
//! assert!(velocity.iter().all(|v| v.abs() <= 2.0));
//! ```

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::dynamics::JOINTS;

/// Highest joint speed, rad/s.
const SPEED: f64 = 1.6;

/// Highest joint acceleration, rad/s².
const ACCELERATION: f64 = 4.0;

/// The work space used: centre and half-width of each joint's range, rad.
const RANGE: [(f64, f64); JOINTS] =
    [(0.0, 1.4), (-1.2, 0.5), (1.4, 0.6), (-1.5, 0.7), (-1.57, 0.5), (0.0, 1.5)];

/// One move from pose to pose along s(t) in 0..1.
#[derive(Clone, Debug)]
struct Move {
    from: [f64; JOINTS],
    to: [f64; JOINTS],
    start: f64,
    /// Time spent speeding up, and slowing down again.
    ramp: f64,
    /// From the first motion to the last.
    lasts: f64,
    pause: f64,
}

impl Move {
    fn new(from: [f64; JOINTS], to: [f64; JOINTS], start: f64, pause: f64) -> Self {
        let far = (0..JOINTS).map(|j| (to[j] - from[j]).abs()).fold(1e-3, f64::max);
        // The slowest joint decides; short moves never reach full speed.
        let ramp = (SPEED / ACCELERATION).min((far / ACCELERATION).sqrt());
        let cruise = (far / (ACCELERATION * ramp) - ramp).max(0.0);
        Self { from, to, start, ramp, lasts: 2.0 * ramp + cruise, pause }
    }

    fn end(&self) -> f64 {
        self.start + self.lasts + self.pause
    }

    /// Way, speed and acceleration along the move, as shares of it.
    fn along(&self, t: f64) -> (f64, f64, f64) {
        let (t, ramp, lasts) = (t - self.start, self.ramp, self.lasts);
        let peak = 1.0 / (lasts - ramp);
        let acceleration = peak / ramp;
        if t <= 0.0 {
            (0.0, 0.0, 0.0)
        } else if t < ramp {
            (0.5 * acceleration * t * t, acceleration * t, acceleration)
        } else if t < lasts - ramp {
            (peak * (t - 0.5 * ramp), peak, 0.0)
        } else if t < lasts {
            let left = lasts - t;
            (1.0 - 0.5 * acceleration * left * left, acceleration * left, -acceleration)
        } else {
            (1.0, 0.0, 0.0)
        }
    }
}

/// Endless seeded moves; keeps the current and the last one, so a little of the past can be asked.
#[derive(Clone, Debug)]
pub struct Trajectory {
    rng: StdRng,
    last: Move,
    current: Move,
}

impl Trajectory {
    /// Starts at rest in the middle of the work space.
    pub fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ 0x0a12);
        let home = RANGE.map(|(centre, _)| centre);
        let last = Move::new(home, home, -2.0, 0.0);
        let current = Self::draw(&mut rng, home, 0.5);
        Self { rng, last, current }
    }

    fn draw(rng: &mut StdRng, from: [f64; JOINTS], start: f64) -> Move {
        let to = RANGE.map(|(centre, half)| centre + rng.random_range(-half..half));
        let pause = rng.random_range(0.2..0.8);
        Move::new(from, to, start, pause)
    }

    /// Plans as far as `t` seconds.
    pub fn advance(&mut self, t: f64) {
        while t >= self.current.end() {
            let next = Self::draw(&mut self.rng, self.current.to, self.current.end());
            self.last = std::mem::replace(&mut self.current, next);
        }
    }

    /// Position (rad), velocity (rad/s) and acceleration (rad/s²) of each joint at `t`.
    pub fn at(&self, t: f64) -> [[f64; JOINTS]; 3] {
        let current = if t < self.current.start { &self.last } else { &self.current };
        let (way, speed, acceleration) = current.along(t);
        let span: [f64; JOINTS] = std::array::from_fn(|j| current.to[j] - current.from[j]);
        [
            std::array::from_fn(|j| current.from[j] + span[j] * way),
            span.map(|d| d * speed),
            span.map(|d| d * acceleration),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn velocity_is_the_slope_of_position_and_keeps_the_limit() {
        let mut trajectory = Trajectory::new(9);
        let h = 1e-5;
        for tick in 1..2_000 {
            let t = tick as f64 * 0.01;
            trajectory.advance(t);
            let (a, b) = (trajectory.at(t - h)[0], trajectory.at(t + h)[0]);
            let velocity = trajectory.at(t)[1];
            for j in 0..JOINTS {
                let slope = (b[j] - a[j]) / (2.0 * h);
                assert!(
                    (slope - velocity[j]).abs() < 1e-3,
                    "joint {j} at {t}: {slope} and {}",
                    velocity[j]
                );
                assert!(velocity[j].abs() <= SPEED + 1e-9);
            }
        }
    }
}

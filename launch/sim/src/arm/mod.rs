//! A six-joint robot arm moving between poses: joint states, and an IMU on the wrist that feels it.
//!
//! Moves have trapezoidal speed and all joints arrive together ([`trajectory`]); efforts come from
//! inertia, gravity and friction, the IMU from forward kinematics ([`dynamics`]).
//!
//! ```
//! use tidewire_sim::arm::{Arm, Options};
//!
//! let mut arm = Arm::new(&Options::default());
//! arm.advance(0.25);
//! let joints = arm.joints();
//! let imu = arm.imu();
//! assert!(joints.position.iter().all(|q| q.abs() < 3.2));
//! let norm: f64 = imu.orientation.iter().map(|q| q * q).sum();
//! assert!((norm - 1.0).abs() < 1e-9, "an orientation is a unit quaternion");
//! ```

pub mod dynamics;
pub mod trajectory;

mod node;

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Kind, Plan};
use crate::noise::gauss;
use dynamics::{JOINTS, Wrist};
use trajectory::Trajectory;

pub use node::run;

/// IMU samples a second; joint states come at half of it.
pub const RATE: f64 = 200.0;

/// What a launch file or `tidewire sim arm` may set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Collection point: the key of every sample.
    pub point: String,
    /// Seed of poses, noise and faults.
    pub seed: u64,
    /// What breaks and when; by default nothing does.
    pub faults: Plan,
}

impl Default for Options {
    fn default() -> Self {
        Self { point: "plant/arm1".into(), seed: 1, faults: Plan::default() }
    }
}

/// What the drives report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Joints {
    /// rad.
    pub position: [f64; JOINTS],
    /// rad/s.
    pub velocity: [f64; JOINTS],
    /// N·m.
    pub effort: [f64; JOINTS],
}

/// What the wrist's IMU reports, in its own frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Inertial {
    /// Unit quaternion (x, y, z, w) from the IMU's frame to the base's.
    pub orientation: [f64; 4],
    /// rad/s.
    pub angular_velocity: [f64; 3],
    /// m/s²; specific force, so gravity shows as +9.8 upwards.
    pub linear_acceleration: [f64; 3],
}

/// The arm along its endless trajectory.
#[derive(Clone, Debug)]
pub struct Arm {
    rng: StdRng,
    trajectory: Trajectory,
    t: f64,
    gyro_bias: [f64; 3],
    hit: Option<f64>,
}

impl Arm {
    /// An arm at rest in its home pose.
    pub fn new(options: &Options) -> Self {
        let mut rng = StdRng::seed_from_u64(options.seed);
        let gyro_bias = [0; 3].map(|_| 0.002 * gauss(&mut rng));
        Self { rng, trajectory: Trajectory::new(options.seed), t: 0.0, gyro_bias, hit: None }
    }

    /// Moves on to `t` seconds after the start; `t` grows.
    pub fn advance(&mut self, t: f64) {
        self.t = t;
        self.trajectory.advance(t);
    }

    /// Applies the fault going on, or none.
    pub fn fault(&mut self, fault: Option<&Fault>) {
        self.hit = fault.filter(|f| f.kind == Kind::Collision).map(|f| self.t - f.start_s);
    }

    /// Joint states now.
    pub fn joints(&mut self) -> Joints {
        let [position, velocity, acceleration] = self.trajectory.at(self.t);
        let mut effort = dynamics::effort(&position, &velocity, &acceleration);
        if self.hit.is_some() {
            // Something leans on the elbow.
            effort[2] -= 45.0;
        }
        let mut noisy =
            |values: [f64; JOINTS], sigma: f64| values.map(|v| v + sigma * gauss(&mut self.rng));
        Joints {
            position: noisy(position, 2e-5),
            velocity: noisy(velocity, 2e-3),
            effort: noisy(effort, 0.25),
        }
    }

    /// The IMU now.
    pub fn imu(&mut self) -> Inertial {
        let wrist = Wrist::at(&self.trajectory, self.t);
        let mut force = wrist.specific_force;
        if let Some(since) = self.hit {
            // The shock rings out within a fifth of a second.
            force[0] += 18.0 * (-since / 0.06).exp() * (220.0 * since).cos();
        }
        let rng = &mut self.rng;
        let bias = self.gyro_bias;
        Inertial {
            orientation: wrist.orientation,
            angular_velocity: std::array::from_fn(|i| {
                wrist.angular_velocity[i] + bias[i] + 0.003 * gauss(rng)
            }),
            linear_acceleration: force.map(|v| v + 0.03 * gauss(rng)),
        }
    }
}

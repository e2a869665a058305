//! Where the wrist is, what it feels, and what the drives must push: a UR5-sized arm.
//!
//! Denavit–Hartenberg parameters as the maker publishes them; inertia is a diagonal estimate, which
//! is enough for efforts that look and react right (no Coriolis terms).
//!
//! ```
//! use tidewire_sim::arm::dynamics::effort;
//!
//! // Stretched out level, the shoulder carries the arm's weight.
//! let level = effort(&[0.0; 6], &[0.0; 6], &[0.0; 6]);
//! let upright = effort(&[0.0, -1.5708, 0.0, 0.0, 0.0, 0.0], &[0.0; 6], &[0.0; 6]);
//! assert!(level[1].abs() > 60.0 && upright[1].abs() < 3.0);
//! ```

use super::trajectory::Trajectory;

/// Joints of the arm.
pub const JOINTS: usize = 6;

type Vector = [f64; 3];
type Matrix = [[f64; 3]; 3];

const GRAVITY: f64 = 9.80665;

/// (d in m, a in m, alpha in quarter turns) of each joint.
const LINKS: [(f64, f64, i8); JOINTS] = [
    (0.0892, 0.0, 1),
    (0.0, -0.425, 0),
    (0.0, -0.392, 0),
    (0.1093, 0.0, 1),
    (0.0948, 0.0, -1),
    (0.0825, 0.0, 0),
];

/// Inertia each drive turns, kg·m², gearing included.
const INERTIA: [f64; JOINTS] = [3.4, 3.6, 1.5, 0.25, 0.2, 0.1];

/// N·m per rad/s.
const VISCOUS: [f64; JOINTS] = [8.0, 8.0, 5.0, 2.0, 2.0, 1.5];

/// Dry friction, N·m.
const COULOMB: [f64; JOINTS] = [5.0, 5.0, 3.5, 1.2, 1.2, 0.9];

/// Moments of weight, kg·m: of the upper arm, the forearm and the wrist about the joint that lifts
/// them.
const MOMENT: [f64; 3] = [4.9, 2.1, 0.2];

/// Effort in N·m at the joints for a motion.
pub fn effort(q: &[f64; JOINTS], qd: &[f64; JOINTS], qdd: &[f64; JOINTS]) -> [f64; JOINTS] {
    let upper = q[1];
    let fore = upper + q[2];
    let wrist = fore + q[3];
    let lift = [MOMENT[0] * upper.cos(), MOMENT[1] * fore.cos(), MOMENT[2] * wrist.sin()];
    let gravity = [0.0, lift[0] + lift[1] + lift[2], lift[1] + lift[2], lift[2], 0.0, 0.0]
        .map(|m| GRAVITY * m);
    std::array::from_fn(|j| {
        // tanh rounds dry friction off around standstill.
        INERTIA[j] * qdd[j] + gravity[j] + VISCOUS[j] * qd[j] + COULOMB[j] * (qd[j] / 0.02).tanh()
    })
}

/// The wrist frame's motion at one time.
#[derive(Clone, Debug)]
pub struct Wrist {
    /// Unit quaternion (x, y, z, w) from wrist to base.
    pub orientation: [f64; 4],
    /// rad/s in the wrist's frame.
    pub angular_velocity: Vector,
    /// m/s² in the wrist's frame, gravity included.
    pub specific_force: Vector,
}

impl Wrist {
    /// The wrist along `trajectory` at `t` seconds.
    pub fn at(trajectory: &Trajectory, t: f64) -> Self {
        // Second difference of position: the trajectory is analytic, so only rounding limits h.
        let h = 1e-3;
        let position = |t: f64| forward(&trajectory.at(t)[0]).1;
        let [q, qd, _] = trajectory.at(t);
        let (rotation, here, axes) = forward(&q);
        let (before, after) = (position(t - h), position(t + h));
        let mut acceleration: Vector =
            std::array::from_fn(|i| (after[i] - 2.0 * here[i] + before[i]) / (h * h));
        acceleration[2] += GRAVITY;
        let spin: Vector = std::array::from_fn(|i| (0..JOINTS).map(|j| axes[j][i] * qd[j]).sum());
        Self {
            orientation: quaternion(&rotation),
            angular_velocity: transposed(&rotation, &spin),
            specific_force: transposed(&rotation, &acceleration),
        }
    }
}

/// Rotation and position of the wrist, and each joint's axis, in the base's frame.
fn forward(q: &[f64; JOINTS]) -> (Matrix, Vector, [Vector; JOINTS]) {
    let mut r: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let mut p = [0.0; 3];
    let mut axes = [[0.0; 3]; JOINTS];
    for (j, &(d, a, quarter)) in LINKS.iter().enumerate() {
        axes[j] = [r[0][2], r[1][2], r[2][2]];
        let (s, c) = q[j].sin_cos();
        let (sa, ca) = (f64::from(quarter), f64::from(1 - quarter.abs()));
        let step = [[c, -s * ca, s * sa], [s, c * ca, -c * sa], [0.0, sa, ca]];
        let shift = [a * c, a * s, d];
        for i in 0..3 {
            p[i] += (0..3).map(|k| r[i][k] * shift[k]).sum::<f64>();
        }
        r = std::array::from_fn(|i| {
            std::array::from_fn(|k| (0..3).map(|m| r[i][m] * step[m][k]).sum())
        });
    }
    (r, p, axes)
}

fn transposed(r: &Matrix, v: &Vector) -> Vector {
    std::array::from_fn(|i| (0..3).map(|k| r[k][i] * v[k]).sum())
}

/// The quaternion of a rotation matrix, by its largest component (Shepperd 1978).
fn quaternion(r: &Matrix) -> [f64; 4] {
    let trace = r[0][0] + r[1][1] + r[2][2];
    let (x, y, z, w);
    if trace > r[0][0].max(r[1][1]).max(r[2][2]) {
        w = 0.5 * (1.0 + trace).sqrt();
        let k = 0.25 / w;
        (x, y, z) = ((r[2][1] - r[1][2]) * k, (r[0][2] - r[2][0]) * k, (r[1][0] - r[0][1]) * k);
        return [x, y, z, w];
    }
    let i = (0..3).max_by(|a, b| r[*a][*a].total_cmp(&r[*b][*b])).unwrap_or(0);
    let (j, k) = ((i + 1) % 3, (i + 2) % 3);
    let big = 0.5 * (1.0 + r[i][i] - r[j][j] - r[k][k]).sqrt();
    let scale = 0.25 / big;
    let mut out = [0.0; 4];
    out[i] = big;
    out[j] = (r[j][i] + r[i][j]) * scale;
    out[k] = (r[k][i] + r[i][k]) * scale;
    out[3] = (r[k][j] - r[j][k]) * scale;
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_rest_the_imu_feels_gravity_and_nothing_else() {
        let mut trajectory = Trajectory::new(3);
        trajectory.advance(0.1);
        let wrist = Wrist::at(&trajectory, 0.1);
        let force = wrist.specific_force.iter().map(|v| v * v).sum::<f64>().sqrt();
        assert!((force - GRAVITY).abs() < 1e-6, "{force}");
        assert!(wrist.angular_velocity.iter().all(|w| w.abs() < 1e-12));
    }

    #[test]
    fn the_gyro_is_the_turning_of_the_orientation() {
        let mut trajectory = Trajectory::new(5);
        let h = 1e-5;
        for tick in 60..400 {
            let t = tick as f64 * 0.011;
            trajectory.advance(t);
            let a = forward(&trajectory.at(t - h)[0]).0;
            let b = forward(&trajectory.at(t + h)[0]).0;
            // R^T dR/dt is the skew matrix of the rate in the body's frame.
            let here = forward(&trajectory.at(t)[0]).0;
            let entry = |i: usize, k: usize| -> f64 {
                (0..3).map(|m| here[m][i] * (b[m][k] - a[m][k]) / (2.0 * h)).sum()
            };
            let rate = [entry(2, 1), entry(0, 2), entry(1, 0)];
            let wrist = Wrist::at(&trajectory, t);
            for (i, rate) in rate.into_iter().enumerate() {
                assert!((rate - wrist.angular_velocity[i]).abs() < 1e-3, "axis {i} at {t}");
            }
        }
    }
}

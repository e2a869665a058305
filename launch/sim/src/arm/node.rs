use std::sync::atomic::AtomicBool;

use tidewire_bus::Participant;
use tidewire_qos::Qos;
use tidewire_types::sensor::{Imu, JointState};

use super::{Arm, Options, RATE};
use crate::error::SimError;
use crate::pace::Pacer;
use crate::source::{Stats, Truth, Wiring};

/// Publishes `imu` (200 Hz), `joint_states` (100 Hz) and `truth` until `stop` is set.
pub fn run(
    participant: &Participant,
    options: &Options,
    wiring: &Wiring,
    stop: &AtomicBool,
    stats: &Stats,
) -> Result<(), SimError> {
    let imu = wiring.writer::<Imu>(participant, "imu", Qos::reliable(), stats)?;
    let joint_states =
        wiring.writer::<JointState>(participant, "joint_states", Qos::reliable(), stats)?;
    let mut truth =
        Truth::new(participant, wiring, stats, &options.point, &options.faults, options.seed)?;
    imu.wait(wiring, participant, stop)?;
    joint_states.wait(wiring, participant, stop)?;
    truth.wait(participant, stop)?;
    stats.set_ready();

    let mut arm = Arm::new(options);
    let mut tick = 0u64;
    let mut pacer = Pacer::new(RATE);
    loop {
        let due = pacer.wait(stop);
        if due == 0 {
            imu.finish();
            joint_states.finish();
            truth.finish();
            return Ok(());
        }
        for _ in 0..due {
            let t = tick as f64 / RATE;
            arm.advance(t);
            arm.fault(truth.advance(t));
            let inertial = arm.imu();
            imu.write(&Imu {
                point: options.point.clone(),
                orientation: inertial.orientation,
                angular_velocity: inertial.angular_velocity,
                linear_acceleration: inertial.linear_acceleration,
            });
            if tick.is_multiple_of(2) {
                let joints = arm.joints();
                joint_states.write(&JointState {
                    point: options.point.clone(),
                    position: joints.position,
                    velocity: joints.velocity,
                    effort: joints.effort,
                });
            }
            tick += 1;
        }
    }
}

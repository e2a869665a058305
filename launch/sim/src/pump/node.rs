use std::sync::atomic::AtomicBool;

use tidewire_bus::Participant;
use tidewire_qos::Qos;
use tidewire_types::sensor::{Current, Temperature, Vibration};

use super::{Options, Pump, RATE};
use crate::error::SimError;
use crate::pace::Pacer;
use crate::source::{Stats, Truth, Wiring};

/// Publishes `vibration` (1 kHz), `current` (100 Hz), `temperature` (10 Hz) and `truth` until
/// `stop` is set.
pub fn run(
    participant: &Participant,
    options: &Options,
    wiring: &Wiring,
    stop: &AtomicBool,
    stats: &Stats,
) -> Result<(), SimError> {
    let vibration = wiring.writer::<Vibration>(participant, "vibration", Qos::reliable(), stats)?;
    let current = wiring.writer::<Current>(participant, "current", Qos::reliable(), stats)?;
    let temperature =
        wiring.writer::<Temperature>(participant, "temperature", Qos::reliable(), stats)?;
    let mut truth =
        Truth::new(participant, wiring, stats, &options.point, &options.faults, options.seed)?;
    vibration.wait(wiring, participant, stop)?;
    current.wait(wiring, participant, stop)?;
    temperature.wait(wiring, participant, stop)?;
    truth.wait(participant, stop)?;
    stats.set_ready();

    let mut pump = Pump::new(options);
    let mut tick = 0u64;
    let mut pacer = Pacer::new(RATE);
    loop {
        let due = pacer.wait(stop);
        if due == 0 {
            vibration.finish();
            current.finish();
            temperature.finish();
            truth.finish();
            return Ok(());
        }
        for _ in 0..due {
            let t = tick as f64 / RATE;
            pump.fault(truth.advance(t), t);
            let a = pump.vibration();
            vibration.write(&Vibration { point: options.point.clone(), x: a.x, y: a.y, z: a.z });
            if tick.is_multiple_of(10) {
                current.write(&Current { point: options.point.clone(), amperes: pump.current() });
            }
            if tick.is_multiple_of(100) {
                temperature.write(&Temperature {
                    point: options.point.clone(),
                    celsius: pump.temperature(),
                });
            }
            tick += 1;
        }
    }
}

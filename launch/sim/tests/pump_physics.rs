//! The pump's signal holds what the physics says, and nothing a seed does not decide.

use std::f64::consts::TAU;

use tidewire_sim::fault::{Fault, Kind};
use tidewire_sim::pump::{Options, Pump, RATE, bearing};

fn signal(seed: u64, seconds: usize, fault: Option<Kind>) -> Vec<f64> {
    let mut pump = Pump::new(&Options { seed, ..Options::default() });
    let fault = fault.map(|kind| Fault { id: 1, kind, start_s: 0.0, end_s: seconds as f64 });
    (0..seconds * RATE as usize)
        .map(|n| {
            pump.fault(fault.as_ref(), n as f64 / RATE);
            f64::from(pump.vibration().z)
        })
        .collect()
}

/// Amplitude at `hz` (Goertzel over a Hann window).
fn amplitude(signal: &[f64], hz: f64) -> f64 {
    let n = signal.len() as f64;
    let (mut re, mut im) = (0.0, 0.0);
    for (i, v) in signal.iter().enumerate() {
        let window = 1.0 - (TAU * i as f64 / n).cos();
        let angle = TAU * hz * i as f64 / RATE;
        re += v * window * angle.cos();
        im -= v * window * angle.sin();
    }
    2.0 * re.hypot(im) / n
}

/// The strongest frequency between `low` and `high` in steps of a quarter hertz.
fn peak(signal: &[f64], low: f64, high: f64) -> f64 {
    let steps = ((high - low) * 4.0) as usize;
    let at = |i: &usize| low + *i as f64 * 0.25;
    let best =
        (0..steps).max_by(|a, b| amplitude(signal, at(a)).total_cmp(&amplitude(signal, at(b))));
    at(&best.unwrap())
}

fn kurtosis(signal: &[f64]) -> f64 {
    let n = signal.len() as f64;
    let mean = signal.iter().sum::<f64>() / n;
    let moment = |p: i32| signal.iter().map(|v| (v - mean).powi(p)).sum::<f64>() / n;
    moment(4) / moment(2).powi(2)
}

/// Above 300 Hz by a second difference: what envelope analysis looks at.
fn high_pass(signal: &[f64]) -> Vec<f64> {
    signal.windows(3).map(|w| w[0] - 2.0 * w[1] + w[2]).collect()
}

#[test]
fn the_spectrum_peaks_at_the_shaft_frequency() {
    let signal = signal(1, 8, None);
    let peak = peak(&signal, 10.0, 60.0);
    assert!((peak - 24.75).abs() < 0.75, "{peak} Hz");
}

#[test]
fn the_casing_rings_at_its_own_mode() {
    let signal = signal(2, 8, None);
    let band = |low: usize| (low..low + 20).map(|hz| amplitude(&signal, hz as f64)).sum::<f64>();
    assert!(band(193) > 2.0 * band(260), "{} and {}", band(193), band(260));
}

#[test]
fn gravity_pulls_on_the_vertical_axis() {
    let signal = signal(3, 4, None);
    let mean = signal.iter().sum::<f64>() / signal.len() as f64;
    assert!((mean - 9.80665).abs() < 0.05, "{mean}");
}

#[test]
fn a_bearing_fault_raises_kurtosis_and_the_ball_pass_line() {
    let (healthy, faulty) =
        (high_pass(&signal(4, 8, None)), high_pass(&signal(4, 8, Some(Kind::Bearing))));
    assert!(kurtosis(&healthy) < 3.5, "{}", kurtosis(&healthy));
    assert!(
        kurtosis(&faulty) > kurtosis(&healthy) + 1.0,
        "{} and {}",
        kurtosis(&healthy),
        kurtosis(&faulty)
    );
    let envelope = |s: &[f64]| s.iter().map(|v| v.abs()).collect::<Vec<_>>();
    let line = |s: &[f64]| {
        let bpfo = bearing::bpfo(24.75);
        (0..17)
            .map(|i| amplitude(&envelope(s), bpfo - 2.0 + 0.25 * f64::from(i)))
            .fold(0.0, f64::max)
    };
    assert!(line(&faulty) > 5.0 * line(&healthy), "{} and {}", line(&faulty), line(&healthy));
}

#[test]
fn one_seed_one_signal() {
    assert_eq!(signal(5, 1, None), signal(5, 1, None));
    assert_ne!(signal(5, 1, None), signal(6, 1, None));
}

#[test]
fn stuck_sensors_repeat_and_drift_creeps() {
    let fault = |kind| Fault { id: 1, kind, start_s: 0.0, end_s: 10.0 };
    let mut pump = Pump::new(&Options::default());
    pump.fault(Some(&fault(Kind::StuckCurrent)), 1.0);
    let (a, b) = (pump.current(), (0..50).map(|_| pump.current()).last().unwrap());
    assert_eq!(a, b);
    pump.fault(None, 2.0);
    assert!((0..50).any(|_| pump.current() != a));

    let before = pump.temperature();
    pump.fault(Some(&fault(Kind::Drift)), 9.0);
    assert!(pump.temperature() > before + 5.0);
}

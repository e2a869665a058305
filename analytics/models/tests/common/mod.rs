//! Series for tests: noise, a vibrating pump, windows of either.
#![allow(dead_code)]

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tidewire_models::{FitOptions, Kind, Model, ModelSpec, TrainingSet};
use tidewire_stream::{Row, SeriesKey, SeriesProfile, Window, WindowSpec, Windows};

pub const MS: i64 = 1_000_000;

pub fn noise(rng: &mut StdRng) -> f64 {
    // Sum of uniforms: near enough to normal, with unit deviation.
    (0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0
}

/// Three axes of a pump at 1 kHz: shaft harmonics that wander, resonance, noise. From `fault` on, a
/// bearing defect knocks 90 times a second and rings at 310 Hz.
pub fn vibration(rows: usize, seed: u64, fault: Option<usize>) -> Vec<Vec<f64>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut phase, mut speed, mut ring, mut next) = (0.0_f64, 24.0_f64, 0.0_f64, 0.0_f64);
    (0..rows)
        .map(|i| {
            let t = i as f64 / 1000.0;
            speed += 0.002 * noise(&mut rng) + 0.001 * (24.0 - speed);
            phase += std::f64::consts::TAU * speed / 1000.0;
            ring *= 0.93;
            if fault.is_some_and(|f| i >= f) && t >= next {
                ring = 3.0 + 0.3 * noise(&mut rng);
                next = t + 1.0 / 90.0;
            }
            let knock = ring * (std::f64::consts::TAU * 310.0 * t).sin();
            let base = phase.sin() + 0.4 * (2.0 * phase + 0.5).sin() + 0.2 * (5.0 * phase).sin();
            vec![
                base + 0.25 * noise(&mut rng) + knock,
                0.8 * base + 0.25 * noise(&mut rng) + 0.6 * knock,
                9.81 + 0.3 * (2.0 * phase).cos() + 0.2 * noise(&mut rng) + 0.3 * knock,
            ]
        })
        .collect()
}

/// Rows `period` ns apart.
pub fn rows(values: Vec<Vec<f64>>, period: i64) -> Vec<Row> {
    let row = |(i, values)| Row { time: i as i64 * period, sequence: i as u64 + 1, values };
    values.into_iter().enumerate().map(row).collect()
}

pub fn cut(key: &SeriesKey, rows: &[Row], spec: &WindowSpec) -> Vec<Window> {
    let mut windows = Windows::new(spec.clone()).unwrap();
    let mut out = Vec::new();
    for row in rows {
        windows.push(key, row.clone(), row.time, &mut out);
    }
    windows.flush(&mut out);
    out
}

pub fn set(fields: &[&str], spec: &WindowSpec, series: &[(&SeriesKey, &[Row])]) -> TrainingSet {
    let mut set = TrainingSet {
        fields: fields.iter().map(|f| f.to_string()).collect(),
        length: spec.length,
        ..TrainingSet::default()
    };
    for (key, rows) in series {
        let mut profile = SeriesProfile::default();
        rows.iter().for_each(|r| profile.observe(r));
        set.profiles.insert((*key).clone(), profile);
        set.windows.insert((*key).clone(), cut(key, rows, spec));
    }
    set
}

pub fn spec(kind: Kind, window: &WindowSpec) -> ModelSpec {
    ModelSpec {
        id: format!("test-{kind}"),
        topic: "t".into(),
        type_name: "test::Type".into(),
        kind,
        window: window.clone(),
    }
}

pub fn quick() -> FitOptions {
    FitOptions { epochs: 6, windows: 768, ..FitOptions::default() }
}

pub fn train(kind: Kind, set: &TrainingSet, window: &WindowSpec) -> Model {
    Model::train(spec(kind, window), set, &quick(), &mut |_| {}).unwrap()
}

//! Each detector finds its fault and leaves normal operation alone.

mod common;

use std::sync::Arc;

use common::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tidewire_models::{Kind, Model, Score, Scorer};
use tidewire_stream::{Row, SeriesKey, Window, WindowSpec};

const AXES: [&str; 3] = ["x", "y", "z"];

fn pump(n: u8) -> SeriesKey {
    SeriesKey::new("t", &format!("pump{n}"), "")
}

fn fast() -> WindowSpec {
    WindowSpec { length: 64, hop: 32, lateness: 0, ..WindowSpec::default() }
}

fn vibration_model(kind: Kind) -> Arc<Model> {
    let data: Vec<Vec<Row>> = (1..=2).map(|s| rows(vibration(12_000, s, None), MS)).collect();
    let set = set(&AXES, &fast(), &[(&pump(1), &data[0]), (&pump(2), &data[1])]);
    Arc::new(train(kind, &set, &fast()))
}

fn score(model: &Arc<Model>, windows: &[Window]) -> Vec<Option<Score>> {
    Scorer::new(model.clone()).score(windows).unwrap()
}

fn flagged(scores: &[Option<Score>]) -> Vec<usize> {
    (0..scores.len()).filter(|i| scores[*i].as_ref().is_some_and(|s| s.ratio() > 1.0)).collect()
}

#[test]
fn a_bearing_fault_is_found_by_reconstruction_and_normal_running_is_not_flagged() {
    for kind in [Kind::Autoencoder, Kind::Pca] {
        let model = vibration_model(kind);
        let normal = cut(&pump(1), &rows(vibration(20_000, 77, None), MS), &fast());
        let alarms = flagged(&score(&model, &normal));
        assert!(alarms.is_empty(), "{kind}: {} of {} normal windows", alarms.len(), normal.len());

        let worn = cut(&pump(1), &rows(vibration(8_000, 78, Some(4_000)), MS), &fast());
        let scores = score(&model, &worn);
        let first = flagged(&scores)[0];
        assert!(worn[first].end >= 4_000 * MS, "{kind}: before the fault");
        assert!(worn[first].end <= 4_300 * MS, "{kind}: {} ms late", worn[first].end / MS - 4_000);
        let last = scores.last().unwrap().as_ref().unwrap();
        assert_eq!(last.kind, kind);
        assert!(last.leading().contains(&0), "the knocks are strongest on x: {last:?}");
    }
}

#[test]
fn a_pump_that_training_never_saw_is_calibrated_before_it_is_judged() {
    let model = vibration_model(Kind::Pca);
    let mut data = vibration(12_000, 5, Some(8_000));
    for row in &mut data {
        row[0] = 3.0 * row[0] + 2.0; // another mounting: three times the amplitude
    }
    let windows = cut(&pump(9), &rows(data, MS), &fast());
    let scores = score(&model, &windows);
    let alarms = flagged(&scores);
    assert!(scores[..20].iter().all(|s| s.as_ref().is_none_or(|s| s.ratio() < 1.0)));
    let first = windows[alarms[0]].end;
    assert!((8_000 * MS..8_500 * MS).contains(&first), "first alarm at {} ms", first / MS);
}

#[test]
fn a_slow_ramp_is_drift() {
    let slow = WindowSpec { length: 32, hop: 4, lateness: 0, ..WindowSpec::default() };
    let series = |seed, ramp: f64| -> Vec<Row> {
        let mut rng = StdRng::seed_from_u64(seed);
        let at = |i: usize, rng: &mut StdRng| {
            let wander = 0.2 * (i as f64 / 90.0).sin();
            let drift = ramp * (i as f64 - 300.0).max(0.0) / 10.0;
            vec![61.0 + wander + drift + 0.08 * noise(rng)]
        };
        rows((0..700).map(|i| at(i, &mut rng)).collect(), 100 * MS)
    };
    let training = series(1, 0.0);
    let set = set(&["celsius"], &slow, &[(&pump(1), &training)]);
    let model = Arc::new(train(Kind::Autoencoder, &set, &slow));
    assert!(flagged(&score(&model, &cut(&pump(1), &series(2, 0.0), &slow))).is_empty());
    let windows = cut(&pump(1), &series(3, 0.08), &slow);
    let alarms = flagged(&score(&model, &windows));
    let first = windows[alarms[0]].end / MS;
    assert!(
        (30_000..42_000).contains(&first),
        "a ramp of 0.08 K/s from 30 s on, found at {first} ms"
    );
}

#[test]
fn a_stuck_sensor_is_a_flatline_though_it_rebuilds_well() {
    let model = vibration_model(Kind::Autoencoder);
    let mut data = vibration(3_000, 9, None);
    let held = data[1_000][1];
    data[1_000..].iter_mut().for_each(|row| row[1] = held);
    let windows = cut(&pump(2), &rows(data, MS), &fast());
    let scores = score(&model, &windows);
    let first = flagged(&scores)[0];
    assert!((1_000 * MS..1_200 * MS).contains(&windows[first].end));
    let flat = scores.iter().flatten().find(|s| s.kind == Kind::Flatline).unwrap();
    assert_eq!(flat.leading(), [1]);
}

#[test]
fn a_flash_crash_is_a_shock_in_its_own_symbol_only() {
    let window = WindowSpec { length: 64, hop: 8, lateness: 0, ..WindowSpec::default() };
    let walk = |seed, price: f64, crash: bool| -> Vec<Row> {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut log = price.ln();
        let quotes = (0..3_000).map(|i| {
            log += 1e-4 * noise(&mut rng);
            let dip = if crash && (2_000..2_120).contains(&i) {
                -0.04 * (1.0 - ((i - 2_060) as f64 / 60.0).abs())
            } else {
                0.0
            };
            let mid = (log + dip).exp();
            vec![mid * 0.9999, mid * 1.0001]
        });
        rows(quotes.collect(), 20 * MS)
    };
    let symbol = |s| SeriesKey::new("t", "gateway", s);
    let (a, b) = (walk(1, 30.0, false), walk(2, 4_000.0, false));
    let set = set(&["bid", "ask"], &window, &[(&symbol("A"), &a), (&symbol("B"), &b)]);
    let model = Arc::new(train(Kind::Shock, &set, &window));
    let calm = cut(&symbol("A"), &walk(3, 31.0, false), &window);
    assert!(flagged(&score(&model, &calm)).is_empty());
    let crash = cut(&symbol("B"), &walk(4, 3_900.0, true), &window);
    let first = crash[flagged(&score(&model, &crash))[0]].end / (20 * MS);
    assert!((2_000..2_060).contains(&first), "found at row {first}, before the bottom");
}

#[test]
fn a_silence_is_stale_by_what_training_saw() {
    let model = vibration_model(Kind::Pca);
    let scorer = Scorer::new(model);
    assert!(scorer.silence(&pump(1), 300 * MS).unwrap().ratio() < 1.0);
    let dead = scorer.silence(&pump(1), 5_000 * MS).unwrap();
    assert!(dead.ratio() > 1.0);
    assert_eq!((dead.kind, dead.value), (Kind::Stale, 5.0));
    assert!(scorer.silence(&pump(9), 5_000 * MS).unwrap().ratio() > 1.0, "also for a new series");
}

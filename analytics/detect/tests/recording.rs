//! A model trained from a recording finds what was injected into another one, and nothing else.

mod common;

use std::sync::Arc;

use common::*;
use tidewire_detect::score::{Seen, Tolerance, match_events};
use tidewire_detect::{DetectError, DetectStats, Detection, Phase, TrainOptions, scan, train};
use tidewire_models::{Kind, ModelError};
use tidewire_store::{Store, StoreOptions};
use tidewire_types::sensor::{Current, Temperature, Vibration};

const FAULTS: [(usize, usize); 2] = [(6_000, 9_000), (18_000, 20_000)];

fn detections(
    dir: &std::path::Path,
    file: std::path::PathBuf,
) -> (Vec<Detection>, Arc<DetectStats>) {
    let stats = Arc::new(DetectStats::default());
    let mut found = Vec::new();
    let types = tidewire_types::registry();
    scan(dir, &types, &options(file), (None, None), &stats, |d| found.push(d)).unwrap();
    (found, stats)
}

#[test]
fn injected_faults_are_found_and_the_healthy_pump_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let recording = dir.path().join("run");
    record(&recording, 25, 40, &FAULTS);
    for kind in [Kind::Autoencoder, Kind::Pca] {
        let file = trained(&dir.path().join(kind.name()), kind);
        let (found, stats) = detections(&recording, file);
        let seen: Vec<Seen> =
            found.iter().map(|d| Seen { anomaly: d.anomaly.clone(), noticed: d.noticed }).collect();
        let books = match_events(&truths(&FAULTS), &seen, Tolerance::default());
        assert_eq!((books.injected, books.found, books.missed), (2, 2, 0), "{kind}: {books:?}");
        assert_eq!(books.false_alarms, 0, "{kind}: {books:?}");
        assert!(books.delay_ms_p50.unwrap() < 300.0, "{kind}: {books:?}");

        let first = &found[0].anomaly;
        assert_eq!((first.point.as_str(), first.topic.as_str()), ("pump1", "vibration"));
        assert_eq!(first.model, format!("vibration-{kind}/{kind}"));
        assert!(first.score > first.threshold && !first.fields.is_empty(), "{first:?}");
        let closed: Vec<_> = found.iter().filter(|d| d.phase == Phase::Closed).collect();
        assert_eq!(closed.len(), 2, "every event is closed");
        let end = (closed[0].anomaly.end_ns - START) / MS;
        assert!((8_800..9_600).contains(&end), "{kind}: the first fault ends at 9 s, not {end} ms");
        let counts = stats.snapshot();
        assert_eq!((counts.samples, counts.opened, counts.closed), (50_000, 2, 2));
        assert_eq!((counts.undecodable, counts.invalid, counts.late), (0, 0, 0));
    }
}

#[test]
fn the_same_recording_gives_the_same_detections_twice() {
    let dir = tempfile::tempdir().unwrap();
    let recording = dir.path().join("run");
    record(&recording, 12, 40, &FAULTS[..1]);
    let file = trained(dir.path(), Kind::Pca);
    assert_eq!(detections(&recording, file.clone()).0, detections(&recording, file).0);
}

#[test]
fn a_feed_that_falls_silent_is_reported_until_it_speaks_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = trained(dir.path(), Kind::Pca);
    let recording = dir.path().join("run");
    let store = Store::open(&recording, StoreOptions::default()).unwrap();
    let id = topic::<tidewire_types::sensor::Vibration>(&store, "vibration");
    for point in ["pump1", "pump2"] {
        for (i, v) in vibration(point, 12, 7, |_| false).iter().enumerate() {
            if point == "pump1" && (5_000..8_000).contains(&i) {
                continue;
            }
            store.append(id, &sample(v, point, START + i as i64 * MS, i as u64 + 1)).unwrap();
        }
    }
    store.close().unwrap();
    let (found, _) = detections(&recording, file);
    let stale: Vec<_> = found.iter().filter(|d| d.anomaly.model.ends_with("/stale")).collect();
    assert_eq!(stale.len(), 2, "{found:?}");
    let noticed = (stale[0].noticed - START) / MS;
    assert!((6_900..7_400).contains(&noticed), "noticed at {noticed} ms");
    let last = &stale[1].anomaly;
    assert_eq!(last.point, "pump1");
    assert_eq!((last.start_ns - START) / MS, 4_999);
    assert!((7_800..8_100).contains(&((last.end_ns - START) / MS)), "{last:?}");
}

#[test]
fn rows_of_any_time_are_learned_from_and_scored() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let recording = dir.path().join("run");
    let store = Store::open(&recording, StoreOptions::default())?;
    let id = topic::<Vibration>(&store, "vibration");
    // A clock that begins at the very beginning, and is set after 90 rows.
    for (i, v) in vibration("pump1", 4, 7, |_| false).iter().enumerate() {
        let time = if i < 90 { i64::MIN } else { START } + i as i64 * MS;
        store.append(id, &sample(v, "pump1", time, i as u64 + 1))?;
    }
    store.close()?;
    let types = tidewire_types::registry();
    let model = train(&recording, &types, &train_options(Kind::Pca), &mut |_| {})?;
    assert_eq!(model.header().training.rows, 4_000);
    let file = dir.path().join("vibration.twm");
    model.save(&file)?;
    let (_, stats) = detections(&recording, file);
    let counts = stats.snapshot();
    assert_eq!((counts.samples, counts.late), (4_000, 0));
    Ok(())
}

#[test]
fn faults_can_be_left_out_of_the_training() {
    let dir = tempfile::tempdir().unwrap();
    let recording = dir.path().join("mixed");
    record(&recording, 24, 3, &FAULTS);
    let types = tidewire_types::registry();
    let all = train_options(Kind::Pca);
    let clean = TrainOptions { exclude_faults: Some("truth".into()), ..all.clone() };
    let rows = |o: &TrainOptions| {
        train(&recording, &types, o, &mut |_| {}).unwrap().header().training.rows
    };
    assert_eq!(rows(&all), 48_000);
    // Both faults and two seconds after each, on pump 1 only.
    assert_eq!(rows(&clean), 48_000 - (3_000 + 2_000 + 1) - (2_000 + 2_000 + 1));
}

#[test]
fn training_can_be_narrowed_to_fields_points_and_a_range() {
    let dir = tempfile::tempdir().unwrap();
    record(dir.path(), 12, 3, &[]);
    let types = tidewire_types::registry();
    let options = TrainOptions {
        fields: vec!["z".into(), "x".into()],
        points: vec!["pump2".into()],
        start: Some(START + 2_000 * MS),
        end: Some(START + 10_000 * MS),
        ..train_options(Kind::Pca)
    };
    let model = train(dir.path(), &types, &options, &mut |_| {}).unwrap();
    let header = model.header();
    assert_eq!(header.fields, ["z", "x"]);
    assert_eq!(header.training.series, ["pump2"]);
    assert_eq!((header.training.rows, header.training.start), (8_000, START + 2_000 * MS));
    assert_eq!((header.window.length, header.window.hop), (64, 16));
}

#[test]
fn what_cannot_be_trained_is_said_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    record(dir.path(), 2, 3, &[]);
    let types = tidewire_types::registry();
    let fail = |o: TrainOptions| train(dir.path(), &types, &o, &mut |_| {}).unwrap_err();
    let error = fail(TrainOptions { topic: "vibrations".into(), ..train_options(Kind::Pca) });
    assert!(error.to_string().contains("it has: vibration, truth"), "{error}");
    let error = fail(TrainOptions { fields: vec!["w".into()], ..train_options(Kind::Pca) });
    assert!(error.to_string().contains("choose from: x, y, z"), "{error}");
    let error = fail(TrainOptions { end: Some(START), ..train_options(Kind::Pca) });
    assert!(matches!(error, DetectError::NothingToLearn { .. }), "{error}");
}

#[test]
fn a_model_of_another_type_is_refused_before_anything_runs() {
    let dir = tempfile::tempdir().unwrap();
    let file = trained(dir.path(), Kind::Pca);
    let recording = dir.path().join("other");
    let store = Store::open(&recording, StoreOptions::default()).unwrap();
    topic::<Temperature>(&store, "vibration");
    topic::<Current>(&store, "current");
    store.close().unwrap();
    let types = tidewire_types::registry();
    let stats = Arc::new(DetectStats::default());
    let error = scan(&recording, &types, &options(file), (None, None), &stats, |_| {}).unwrap_err();
    assert!(matches!(error, DetectError::Model(ModelError::WrongType { .. })), "{error}");
    assert!(error.to_string().contains("tidewire::sensor::Temperature"), "{error}");
}

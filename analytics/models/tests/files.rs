//! Model files come back as they were, or are refused for a stated reason.

mod common;

use std::sync::Arc;

use common::*;
use tidewire_models::{Kind, Model, ModelError, Scorer};
use tidewire_stream::{SeriesKey, WindowSpec};

fn window() -> WindowSpec {
    WindowSpec { length: 32, hop: 16, lateness: 0, ..WindowSpec::default() }
}

fn key() -> SeriesKey {
    SeriesKey::new("t", "pump1", "")
}

fn model(kind: Kind) -> Model {
    let data = rows(vibration(4_000, 3, None), MS);
    train(kind, &set(&["x", "y", "z"], &window(), &[(&key(), &data)]), &window())
}

#[test]
fn a_saved_model_scores_exactly_as_before() {
    let dir = tempfile::tempdir().unwrap();
    let windows = cut(&key(), &rows(vibration(3_000, 8, Some(2_000)), MS), &window());
    for kind in Kind::ALL {
        let before = model(kind);
        let path = dir.path().join(format!("{kind}.twm"));
        before.save(&path).unwrap();
        let after = Model::load(&path).unwrap();
        assert_eq!(before.header(), after.header());
        let score = |m: Model| Scorer::new(Arc::new(m)).score(&windows).unwrap();
        assert!(score(before) == score(after), "{kind}");
        assert!(std::fs::metadata(&path).unwrap().len() < 64 * 1024, "{kind} is small");
    }
}

#[test]
fn another_type_or_other_fields_are_refused_with_both_sides() {
    let model = model(Kind::Pca);
    let fields: Vec<String> = ["x", "y", "z"].map(String::from).to_vec();
    model.check_schema("test::Type", &fields).unwrap();
    let error = model.check_schema("test::Other", &fields).unwrap_err();
    assert!(matches!(error, ModelError::WrongType { .. }));
    let text = error.to_string();
    assert!(text.contains("test::Type") && text.contains("test::Other"), "{text}");
    assert!(model.check_schema("test::Type", &fields[..2]).is_err());
}

#[test]
fn every_truncation_and_every_damage_is_refused() {
    let bytes = model(Kind::Autoencoder).to_bytes().unwrap();
    for length in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
        let error = Model::from_bytes(&bytes[..length], "m.twm").unwrap_err();
        let expected = if length < 8 {
            matches!(error, ModelError::NotAModel { .. })
        } else {
            matches!(error, ModelError::Truncated { .. })
        };
        assert!(expected, "{length} bytes: {error}");
        assert!(error.to_string().starts_with("m.twm"), "{error}");
    }
    for at in (20..bytes.len()).step_by(211) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        let error = Model::from_bytes(&damaged, "m.twm").unwrap_err();
        assert!(matches!(error, ModelError::Checksum { .. }), "byte {at}: {error}");
    }
}

#[test]
fn a_newer_format_and_a_missing_file_say_so() {
    let mut bytes = model(Kind::Stale).to_bytes().unwrap();
    bytes[8] = 9;
    let error = Model::from_bytes(&bytes, "m.twm").unwrap_err();
    assert!(matches!(error, ModelError::NewerFormat { found: 9, known: 1, .. }), "{error}");
    let error = Model::load(std::path::Path::new("nowhere/m.twm")).unwrap_err();
    assert!(error.to_string().contains("nowhere/m.twm"), "{error}");
}

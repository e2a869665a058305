//! What a store does not open, and what it says then.

mod common;

use std::fs;
use std::path::Path;
use std::time::Duration;

use common::*;
use tidewire_store::{Manifest, Store, StoreError, StoreOptions, StoreReader, TopicMeta, verify};

fn set_format(dir: &Path, version: &str) {
    let path = dir.join("tidewire.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"format\": 1", &format!("\"format\": {version}"))).unwrap();
}

#[test]
fn a_recording_from_a_newer_version_is_refused_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    Store::open(dir.path(), fast()).unwrap().close().unwrap();
    set_format(dir.path(), "2");
    for error in [
        Store::open(dir.path(), fast()).unwrap_err(),
        StoreReader::open(dir.path()).unwrap_err(),
        verify(dir.path(), |_| {}).unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::NewerVersion { found: 2, supported: 1, .. }));
        let text = error.to_string();
        assert!(text.contains("format version 2") && text.contains("open it with"), "{text}");
        assert!(text.contains(&dir.path().display().to_string()));
    }
}

#[test]
fn a_manifest_without_sense_is_refused_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    Store::open(dir.path(), fast()).unwrap().close().unwrap();
    let path = dir.path().join("tidewire.json");
    let good = fs::read_to_string(&path).unwrap();
    for bad in ["", "{", "[]", &good.replace("3600", "0"), &good.replace("tidewire rec", "x")] {
        fs::write(&path, bad).unwrap();
        let error = StoreReader::open(dir.path()).unwrap_err();
        assert!(matches!(error, StoreError::Manifest { .. }), "{error}");
        assert!(error.to_string().contains("tidewire.json"), "{error}");
    }
    fs::write(&path, &good).unwrap();
    assert_eq!(Manifest::read(dir.path()).unwrap().period_s, 3600);
}

#[test]
fn what_is_no_recording_is_said_to_be_none() {
    let dir = tempfile::tempdir().unwrap();
    let error = StoreReader::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::NotARecording { .. }));
    let error = StoreReader::open(dir.path().join("nowhere")).unwrap_err();
    assert!(matches!(error, StoreError::NotARecording { .. }));
    fs::write(dir.path().join("letters.txt"), "dear").unwrap();
    let error = Store::open(dir.path(), fast()).unwrap_err();
    assert!(matches!(error, StoreError::NotEmpty { .. }), "{error}");
    assert!(!dir.path().join("lock").exists(), "nothing is left in a folder of something else");
}

#[test]
fn a_second_writer_is_told_who_writes() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), fast()).unwrap();
    let error = Store::open(dir.path(), fast()).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, StoreError::Locked { .. }));
    assert!(text.contains(&format!("process {} is recording", std::process::id())), "{text}");
    let reader = StoreReader::open(dir.path()).unwrap();
    assert_eq!(reader.topics(), []);
    drop(store);
    Store::open(dir.path(), fast()).unwrap();
}

#[test]
fn options_that_cannot_work_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let bad = [
        StoreOptions { period: Duration::from_millis(1500), ..fast() },
        StoreOptions { period: Duration::ZERO, ..fast() },
        StoreOptions { block_bytes: 0, ..fast() },
    ];
    for options in bad {
        let error = Store::open(dir.path(), options).unwrap_err();
        assert!(matches!(error, StoreError::Option { .. }), "{error}");
    }
}

#[test]
fn ids_of_another_store_and_closed_stores_are_refused() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = Store::open(one.path(), fast()).unwrap();
    let id = first.register_topic(&TopicMeta::raw("a", "A")).unwrap();
    let second = Store::open(two.path(), fast()).unwrap();
    let error = second.append(id, &sample("p", 0, 0, b"")).unwrap_err();
    assert!(matches!(error, StoreError::UnknownTopicId(0)));
}

//! Damage is reported with its file and place, the rest stays readable, and nothing crashes.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tidewire_store::{Scan, Store, StoreError, StoreOptions, StoreReader, TopicMeta, verify};

const HOUR: i64 = 3_600_000_000_000;

/// Two points, two periods, sealed.
fn sealed(dir: &Path) {
    let store = Store::open(dir, fast()).unwrap();
    let topic = store.register_topic(&vibration_topic()).unwrap();
    for i in 0..800u64 {
        let point = ["a", "b"][i as usize % 2];
        let time = (i as i64 / 400) * HOUR + i as i64;
        store.append(topic, &sample(point, time, i, &vibration_payload(point, i))).unwrap();
    }
    store.close().unwrap();
}

/// One journal segment and no shard, as a kill leaves it.
fn unsealed(dir: &Path, samples: u64) -> PathBuf {
    let store = Store::open(dir, lazy()).unwrap();
    let topic = store.register_topic(&TopicMeta::raw("raw", "Raw")).unwrap();
    for i in 0..samples {
        store.append(topic, &sample("p", i as i64, i, &[i as u8; 20])).unwrap();
        if i % 10 == 9 {
            store.sync().unwrap();
        }
    }
    store.sync().unwrap();
    store.abandon();
    only_file(&dir.join("journal"))
}

fn only_file(dir: &Path) -> PathBuf {
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

fn shards(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for period in fs::read_dir(dir.join("shards")).unwrap() {
        for shard in fs::read_dir(period.unwrap().path()).unwrap() {
            found.push(shard.unwrap().path().join("data.mdb"));
        }
    }
    found.sort();
    found
}

/// What can be read, and how many errors came with it.
fn readable(dir: &Path) -> (usize, usize) {
    let reader = StoreReader::open(dir).unwrap();
    let (mut samples, mut errors) = (0, 0);
    for chunk in reader.scan(&Scan::topic("vibration")).unwrap() {
        match chunk.and_then(|chunk| chunk.samples()) {
            Ok(found) => samples += found.len(),
            Err(StoreError::Damaged { .. }) => errors += 1,
            Err(other) => panic!("{other}"),
        }
    }
    (samples, errors)
}

#[test]
fn a_truncated_shard_is_reported_and_the_others_stay_readable() {
    let dir = tempfile::tempdir().unwrap();
    sealed(dir.path());
    assert_eq!(readable(dir.path()), (800, 0));
    let shards = shards(dir.path());
    assert_eq!(shards.len(), 4);
    let whole = fs::read(&shards[1]).unwrap();
    for len in [1, 100, 4096, 8192, whole.len() / 2, whole.len() - 1] {
        fs::write(&shards[1], &whole[..len]).unwrap();
        let report = verify(dir.path(), |_| {}).unwrap();
        assert!(report.problems.iter().all(|p| p.file == shards[1]), "{:?}", report.problems);
        assert!(!report.is_clean() && !report.problems[0].remedy.is_empty());
        assert_eq!(readable(dir.path()), (600, 1), "cut at {len}");
        let reader = StoreReader::open(dir.path()).unwrap();
        assert_eq!(reader.problems()[0].file, shards[1]);
    }
    fs::write(&shards[1], b"this was never LMDB".repeat(1000)).unwrap();
    assert!(!verify(dir.path(), |_| {}).unwrap().is_clean());
    assert_eq!(readable(dir.path()), (600, 1));
    fs::write(&shards[1], &whole).unwrap();
    assert_eq!(verify(dir.path(), |_| {}).unwrap().problems, []);
    assert_eq!(readable(dir.path()), (800, 0));
}

#[test]
fn flipped_bytes_in_a_shard_never_go_unseen_where_they_matter() {
    let dir = tempfile::tempdir().unwrap();
    sealed(dir.path());
    let shard = &shards(dir.path())[0];
    let whole = fs::read(shard).unwrap();
    let clean = verify(dir.path(), |_| {}).unwrap();
    let mut random = StdRng::seed_from_u64(7);
    let mut seen = 0;
    for _ in 0..400 {
        let mut bad = whole.clone();
        let at = random.random_range(0..bad.len());
        bad[at] ^= 1 << random.random_range(0..8);
        fs::write(shard, &bad).unwrap();
        let report = verify(dir.path(), |_| {}).unwrap();
        // A flip in a free page or in an old meta page changes nothing that is read.
        if report.is_clean() {
            assert_eq!(report, clean, "flip at {at}");
        } else {
            seen += 1;
            assert!(report.problems.iter().all(|p| p.file == *shard));
        }
    }
    assert!(seen > 40, "only {seen} of 400 flips were in live bytes");
}

#[test]
fn a_flipped_byte_in_a_block_is_named_by_the_reader_too() {
    let dir = tempfile::tempdir().unwrap();
    sealed(dir.path());
    let shard = &shards(dir.path())[0];
    let mut bytes = fs::read(shard).unwrap();
    // The block's plain text point, inside its data.
    let at = bytes.windows(2).rposition(|w| w == b"a\0").unwrap();
    bytes[at] ^= 0x20;
    fs::write(shard, &bytes).unwrap();
    let report = verify(dir.path(), |_| {}).unwrap();
    let text = report.problems[0].to_string();
    assert!(text.contains("checksum") && text.contains("data.mdb, offset"), "{text}");
    let (samples, errors) = readable(dir.path());
    assert!(samples < 800 && errors >= 1);
}

#[test]
fn a_torn_journal_is_cut_and_said_to_be_torn() {
    let dir = tempfile::tempdir().unwrap();
    let path = unsealed(dir.path(), 50);
    let whole = fs::read(&path).unwrap();
    let cut = whole.len() - 30;
    fs::write(&path, &whole[..cut]).unwrap();
    let report = verify(dir.path(), |_| {}).unwrap();
    assert_eq!((report.problems.len(), report.journal_samples), (0, 49));
    assert_eq!(report.torn_bytes, 70);
    let store = Store::open(dir.path(), lazy()).unwrap();
    let recovery = store.recovery().clone();
    assert_eq!((recovery.replayed, recovery.torn_bytes), (49, 70));
    assert_eq!(recovery.problems, []);
    store.close().unwrap();
    assert_eq!(read_all(dir.path(), "raw").len(), 49);
}

#[test]
fn a_bad_record_in_the_middle_is_reported_and_what_follows_survives() {
    let dir = tempfile::tempdir().unwrap();
    let path = unsealed(dir.path(), 50);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(20).position(|w| w == [20u8; 20]).unwrap();
    bytes[at + 3] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let report = verify(dir.path(), |_| {}).unwrap();
    assert_eq!(report.problems.len(), 1);
    let problem = &report.problems[0];
    assert_eq!((problem.file.as_path(), problem.offset), (path.as_path(), at as u64 - 80));
    assert!(problem.what.contains("1 samples are lost"), "{problem}");
    let reader = StoreReader::open(dir.path()).unwrap();
    assert_eq!(reader.problems().len(), 1);
    assert_eq!(reader.topics()[0].samples, 49);
    let store = Store::open(dir.path(), lazy()).unwrap();
    assert_eq!(store.recovery().problems.len(), 1);
    assert_eq!(store.recovery().replayed, 49);
    store.close().unwrap();
    assert_eq!(read_all(dir.path(), "raw").len(), 49);
    assert!(only_file(&dir.path().join("journal")).to_str().unwrap().ends_with(".damaged"));
}

#[test]
fn garbage_journals_and_lost_journals_do_not_reuse_seqs() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), lazy()).unwrap();
    let topic = store.register_topic(&TopicMeta::raw("raw", "Raw")).unwrap();
    for i in 0..100u64 {
        store.append(topic, &sample("p", i as i64, i, &[1])).unwrap();
    }
    store.seal().unwrap();
    store.abandon();
    // The journal vanishes, and then the catalog's reservations do as well.
    fs::remove_dir_all(dir.path().join("journal")).unwrap();
    fs::create_dir(dir.path().join("journal")).unwrap();
    let store = Store::open(dir.path(), lazy()).unwrap();
    for i in 100..200u64 {
        store.append(topic, &sample("p", i as i64, i, &[1])).unwrap();
    }
    store.sync().unwrap();
    store.abandon();
    assert_eq!(read_all(dir.path(), "raw").len(), 200);
    let store = Store::open(dir.path(), lazy()).unwrap();
    assert_eq!(store.recovery().replayed, 100);
    store.close().unwrap();
    assert_eq!(read_all(dir.path(), "raw").len(), 200);
}

#[test]
fn random_bytes_anywhere_never_panic() {
    let template = tempfile::tempdir().unwrap();
    sealed(template.path());
    let extra = StoreOptions { block_bytes: 1 << 20, ..lazy() };
    let store = Store::open(template.path(), extra).unwrap();
    let topic = store.register_topic(&vibration_topic()).unwrap();
    for i in 0..50u64 {
        store.append(topic, &sample("a", i as i64, i, &vibration_payload("a", i))).unwrap();
    }
    store.sync().unwrap();
    store.abandon();
    let mut random = StdRng::seed_from_u64(99);
    for round in 0..60 {
        let dir = tempfile::tempdir().unwrap();
        copy(template.path(), dir.path());
        let mut files = shards(dir.path());
        files.push(only_file(&dir.path().join("journal")));
        files.push(dir.path().join("catalog.twl"));
        let path = &files[random.random_range(0..files.len())];
        let mut bytes = fs::read(path).unwrap();
        for _ in 0..random.random_range(1..30) {
            let at = random.random_range(0..bytes.len());
            let run = random.random_range(1..50).min(bytes.len() - at);
            random.fill(&mut bytes[at..at + run]);
        }
        if random.random_bool(0.3) {
            bytes.truncate(random.random_range(0..bytes.len()));
        }
        fs::write(path, &bytes).unwrap();
        let report = verify(dir.path(), |_| {}).unwrap();
        // A shard that verify finds wrong is not mapped here: LMDB trusts its pages.
        if report.problems.iter().any(|p| p.file.ends_with("data.mdb")) {
            continue;
        }
        if let Ok(reader) = StoreReader::open(dir.path()) {
            let all: &[&str] = &[];
            let merged = reader.merged(all, None, None).unwrap().count();
            assert!(merged <= 850, "round {round}");
        }
        if let Ok(store) = Store::open(dir.path(), lazy()) {
            store.abandon();
        }
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

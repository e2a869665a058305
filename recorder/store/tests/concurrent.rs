//! A reader beside a writer: counts never go back, are exact, and are one consistent cut.

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::*;
use tidewire_store::{Scan, Store, StoreOptions, StoreReader, TopicMeta, verify};

#[test]
fn a_reader_beside_a_writer_sees_monotone_exact_counts() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { segment_bytes: 32 << 10, ..fast() };
    let store = Store::open(dir.path(), options).unwrap();
    let topics = ["a", "b"].map(|t| store.register_topic(&TopicMeta::raw(t, "T")).unwrap());
    let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
    let rounds = std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut reader = StoreReader::open(dir.path()).unwrap();
            let (mut last, mut rounds) = (0, 0);
            while !stop.load(Ordering::SeqCst) || rounds < 20 {
                let acknowledged = store.acknowledged();
                reader.refresh().unwrap();
                assert_eq!(reader.problems(), []);
                let through = reader.through();
                assert!(through >= acknowledged, "{through} < {acknowledged}");
                assert!(through >= last);
                last = through;
                let counted: u64 = reader.topics().iter().map(|t| t.samples).sum();
                assert_eq!(counted, through, "exactly the samples up to one seq");
                let mut found = 0;
                for topic in ["a", "b"] {
                    for chunk in reader.scan(&Scan::topic(topic)).unwrap() {
                        found += chunk.unwrap().samples().unwrap().len() as u64;
                    }
                }
                assert_eq!(found, through);
                // Samples carry their place in the order of appends: a cut has no holes.
                if rounds % 8 == 0 {
                    let all = reader.merged(&["a", "b"], None, None).unwrap();
                    assert!(all.map(|s| s.unwrap().1.info.sequence).eq(1..=through));
                }
                rounds += 1;
            }
            rounds
        });
        scope.spawn(|| {
            let begun = Instant::now();
            let mut i = 0u64;
            while begun.elapsed() < Duration::from_secs(2) {
                i += 1;
                let point = ["p", "q", "r"][i as usize % 3];
                let s = sample(point, i as i64 * 10_000_000, i, &i.to_le_bytes());
                store.append(topics[i as usize % 2], &s).unwrap();
                if i.is_multiple_of(16) {
                    std::thread::sleep(Duration::from_micros(300));
                }
            }
            store.sync().unwrap();
            written.store(i, Ordering::SeqCst);
            stop.store(true, Ordering::SeqCst);
        });
        reading.join().unwrap()
    });
    let written = written.load(Ordering::SeqCst);
    assert!(rounds >= 20 && written > 1000, "{rounds} rounds, {written} samples");
    let report = verify(dir.path(), |_| {}).unwrap();
    assert_eq!((report.problems.len(), report.samples()), (0, written));
    store.close().unwrap();
    assert_eq!(read_all(dir.path(), "a").len() + read_all(dir.path(), "b").len(), written as usize);
}

#[test]
fn verifying_a_recording_that_grows_finds_nothing_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), fast()).unwrap();
    let topic = store.register_topic(&TopicMeta::raw("a", "A")).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut i = 0u64;
            while !stop.load(Ordering::SeqCst) {
                i += 1;
                store.append(topic, &sample("p", i as i64, i, &i.to_le_bytes())).unwrap();
                if i.is_multiple_of(16) {
                    std::thread::sleep(Duration::from_micros(300));
                }
            }
        });
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(20));
            assert_eq!(verify(dir.path(), |_| {}).unwrap().problems, []);
        }
        stop.store(true, Ordering::SeqCst);
    });
}

#[test]
fn many_threads_may_append() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), fast()).unwrap();
    let topic = store.register_topic(&TopicMeta::raw("a", "A")).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4u64 {
            let store = &store;
            scope.spawn(move || {
                for i in 0..500u64 {
                    let point = format!("p{thread}");
                    store.append(topic, &sample(&point, i as i64, i, &[thread as u8])).unwrap();
                }
                store.sync().unwrap();
            });
        }
    });
    assert_eq!(store.stats().samples, 2000);
    store.close().unwrap();
    assert_eq!(read_all(dir.path(), "a").len(), 2000);
}

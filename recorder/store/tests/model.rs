//! Random operations against a plain map: whatever is done in whatever order, a recording holds the
//! samples that were appended, and no others.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tidewire_idl::{InstanceState, Sample};
use tidewire_store::{PartitionBy, Scan, Store, StoreOptions, StoreReader, TopicMeta, verify};

/// (topic, source time, point, sequence) → sample: sequences are unique.
type Model = BTreeMap<(usize, i64, String, u64), Sample>;

const TOPICS: [&str; 3] = ["vibration", "raw/a", "raw b"];

fn metas() -> [TopicMeta; 3] {
    [vibration_topic(), TopicMeta::raw(TOPICS[1], "A"), TopicMeta::raw(TOPICS[2], "B")]
}

fn options(random: &mut StdRng) -> StoreOptions {
    StoreOptions {
        block_bytes: random.random_range(1..8000),
        block_age: Duration::from_millis(random.random_range(1..100)),
        shard_interval: Duration::from_millis(random.random_range(1..50)),
        segment_bytes: random.random_range(1000..50_000),
        max_open_shards: random.random_range(1..5),
        partition: [PartitionBy::Point, PartitionBy::FirstSegment, PartitionBy::Hash(2)]
            [random.random_range(0..3)],
        // Many small operations: the order of syncs is not what this test is about.
        fsync: false,
        period: Duration::from_secs([1, 60, 3600][random.random_range(0..3)]),
        ..fast()
    }
}

fn random_sample(random: &mut StdRng, topic: usize, sequence: u64) -> Sample {
    let point = ["site/a", "site/b", "c"][random.random_range(0..3)];
    let base = sequence as i64 * 20_000_000;
    let time = match random.random_range(0..20) {
        0 => base - random.random_range(0..5_000_000_000),
        1 => random.random_range(-5_000_000_000..5_000_000_000),
        _ => base,
    };
    let payload = match topic {
        0 if random.random_bool(0.95) => vibration_payload(point, sequence),
        _ => (0..random.random_range(0..200)).map(|_| random.random()).collect(),
    };
    let mut s = sample(point, time, sequence, &payload);
    s.info.key.0[0] = random.random_range(0..3);
    if random.random_bool(0.02) {
        s.info.state = InstanceState::Disposed;
    }
    s
}

fn check(reader: &StoreReader, model: &Model, random: &mut StdRng) {
    for (t, name) in TOPICS.iter().enumerate() {
        let expected: Vec<&Sample> =
            model.iter().filter(|(key, _)| key.0 == t).map(|(_, s)| s).collect();
        let found = scan_all(reader, name);
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "topic {name}");
        let summary = reader.topics().into_iter().find(|s| s.meta.name == *name).unwrap();
        assert_eq!(summary.samples, expected.len() as u64);
        assert_eq!(summary.bytes, expected.iter().map(|s| s.payload.len() as u64).sum::<u64>());
        assert_eq!(summary.first, expected.first().map(|s| s.info.source_time));
        assert_eq!(summary.last, expected.last().map(|s| s.info.source_time));
    }
    let (low, high) = (random.random_range(-1..20) * 400_000_000, 9_000_000_000);
    let merged = reader.merged(&TOPICS, Some(low), Some(high)).unwrap();
    let merged: Vec<(usize, Sample)> = merged.map(|s| s.unwrap()).collect();
    assert!(merged.is_sorted_by_key(|(_, s)| s.info.source_time));
    let inside = |key: &&(usize, i64, String, u64)| (low..high).contains(&key.1);
    assert_eq!(merged.len(), model.keys().filter(inside).count());
    let scan = Scan {
        start: Some(low),
        end: Some(high),
        points: Some(vec!["site/b".into()]),
        ..Scan::topic(TOPICS[1])
    };
    let found: usize =
        reader.scan(&scan).unwrap().map(|c| c.unwrap().samples().unwrap().len()).sum();
    let wanted = model.keys().filter(inside).filter(|k| k.0 == 1 && k.2 == "site/b").count();
    assert_eq!(found, wanted);
}

#[test]
fn a_recording_is_a_map() {
    for seed in 0..4 {
        let mut random = StdRng::seed_from_u64(seed);
        let dir = tempfile::tempdir().unwrap();
        let mut model = Model::new();
        let mut sequence = 0;
        let mut follower: Option<StoreReader> = None;
        for _ in 0..random.random_range(2..5) {
            let store = Store::open(dir.path(), options(&mut random)).unwrap();
            assert_eq!(store.recovery().problems, [], "seed {seed}");
            let ids = metas().map(|meta| store.register_topic(&meta).unwrap());
            for _ in 0..random.random_range(1..4) {
                for _ in 0..random.random_range(0..200) {
                    let topic = random.random_range(0..3);
                    let s = random_sample(&mut random, topic, sequence);
                    sequence += 1;
                    store.append(ids[topic], &s).unwrap();
                    let place = (s.info.source_time, s.info.point.to_string(), s.info.sequence);
                    model.insert((topic, place.0, place.1, place.2), s);
                }
                store.sync().unwrap();
                match random.random_range(0..4) {
                    0 => store.seal().unwrap(),
                    1 => std::thread::sleep(Duration::from_millis(random.random_range(0..60))),
                    _ => {}
                }
                let mut reader = match follower.take() {
                    Some(reader) => reader,
                    None => StoreReader::open(dir.path()).unwrap(),
                };
                reader.refresh().unwrap();
                assert_eq!(reader.problems(), [], "seed {seed}");
                check(&reader, &model, &mut random);
                if random.random_bool(0.7) {
                    follower = Some(reader);
                }
            }
            if random.random_bool(0.5) {
                store.close().unwrap();
            } else {
                store.abandon();
            }
            let report = verify(dir.path(), |_| {}).unwrap();
            assert_eq!(report.problems, [], "seed {seed}");
            assert_eq!(report.samples(), model.len() as u64);
        }
    }
}

//! What goes in comes out: sealed or not, in order or not, of a known type or not.

mod common;

use common::*;
use tidewire_idl::{InstanceState, Sample};
use tidewire_store::{
    Encoding, PartitionBy, Scan, Store, StoreError, StoreOptions, StoreReader, TopicMeta, verify,
};

fn write(store: &Store, meta: &TopicMeta, samples: &[Sample]) {
    let topic = store.register_topic(meta).unwrap();
    for sample in samples {
        store.append(topic, sample).unwrap();
    }
}

fn vibrations(n: u64) -> Vec<Sample> {
    let points = ["plant/pump1", "plant/pump2", "arm"];
    let one = |i: u64| {
        let point = points[i as usize % 3];
        sample(point, 1_000_000 * i as i64, i, &vibration_payload(point, i))
    };
    (0..n).map(one).collect()
}

#[test]
fn unsealed_sealed_and_reopened_samples_are_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let samples = vibrations(1000);
    let mut expected = samples.clone();
    order(&mut expected);
    let store = Store::open(dir.path(), lazy()).unwrap();
    write(&store, &vibration_topic(), &samples);
    store.sync().unwrap();
    assert_eq!(read_all(dir.path(), "vibration"), expected, "from the journal");
    store.seal().unwrap();
    assert_eq!(read_all(dir.path(), "vibration"), expected, "from shards");
    let first = store.stats();
    assert_eq!((first.samples, first.lag), (1000, 0));
    store.close().unwrap();
    assert_eq!(read_all(dir.path(), "vibration"), expected, "after closing");
    let store = Store::open(dir.path(), lazy()).unwrap();
    assert_eq!(store.recovery().replayed, 0);
    write(&store, &vibration_topic(), &samples[..10]);
    store.close().unwrap();
    let reader = StoreReader::open(dir.path()).unwrap();
    let topic = &reader.topics()[0];
    assert_eq!((topic.samples, topic.alive), (1010, 1010));
    assert_eq!(topic.points, ["arm", "plant/pump1", "plant/pump2"]);
    assert_eq!((topic.first, topic.last), (Some(0), Some(999_000_000)));
    let report = verify(dir.path(), |_| {}).unwrap();
    assert_eq!(report.problems, []);
    assert_eq!((report.sealed_samples, report.journal_samples), (1010, 0));
}

#[test]
fn known_types_are_columnar_with_statistics_and_small() {
    let dir = tempfile::tempdir().unwrap();
    let samples: Vec<Sample> = (0..5000)
        .map(|i| sample("pump", 1_000_000 * i as i64, i, &vibration_payload("pump", i)))
        .collect();
    let store = Store::open(dir.path(), StoreOptions { block_bytes: 64 << 10, ..lazy() }).unwrap();
    write(&store, &vibration_topic(), &samples);
    store.close().unwrap();
    let reader = StoreReader::open(dir.path()).unwrap();
    let (mut bytes, mut seen) = (0, 0);
    for chunk in reader.scan(&Scan::topic("vibration")).unwrap() {
        let chunk = chunk.unwrap();
        let header = chunk.header();
        assert_eq!(header.encoding, Encoding::Columnar);
        bytes += header.data_len;
        let stats = chunk.stats();
        let names: Vec<&str> = stats.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["x", "y", "z", "t", "q[0]", "q[1]", "q[2]"]);
        let (first, last) = (seen, seen + header.count as u64 - 1);
        let t = stats[3].1;
        assert_eq!((t.count, t.min, t.max), (header.count, first as f64 - 5.0, last as f64 - 5.0));
        let sum: f64 = (first..=last).map(|i| i as f64 * 1.5).sum();
        assert_eq!(stats[2].1.sum, sum);
        seen += u64::from(header.count);
    }
    assert_eq!(seen, 5000);
    assert!(bytes / 5000 < 4, "{bytes} bytes for 5000 regular samples");
    let mut found = read_all(dir.path(), "vibration");
    order(&mut found);
    assert_eq!(found, samples);
}

#[test]
fn payloads_that_do_not_fit_their_type_come_back_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let good = vibration_payload("pump", 7);
    let mut big_endian = vec![0, 0, 0, 0];
    big_endian.extend_from_slice(&5u32.to_be_bytes());
    big_endian.extend_from_slice(b"pump\0\0\0\0");
    big_endian.extend_from_slice(&1.5f32.to_be_bytes());
    big_endian.extend_from_slice(&2.5f32.to_be_bytes());
    big_endian.resize(28, 0);
    big_endian.extend_from_slice(&3.5f64.to_be_bytes());
    big_endian.extend_from_slice(&77i64.to_be_bytes());
    big_endian.extend_from_slice(&[0, 1, 0, 2, 0, 3]);
    let dirty_padding = {
        let mut p = good.clone();
        p[13] = 0xee;
        p
    };
    let padded_end = {
        let mut p = good.clone();
        let pad = (4 - p.len() % 4) % 4;
        p[3] = pad as u8;
        p.resize(p.len() + pad, 0);
        p
    };
    let claims_padding = {
        let mut p = good.clone();
        p[3] = ((4 - p.len() % 4) % 4) as u8;
        p
    };
    let mut mutable = good.clone();
    mutable[1] = 3;
    let long_string = [0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3].to_vec();
    let trailing = [good.clone(), vec![1, 2, 3]].concat();
    let odd: Vec<Vec<u8>> = vec![
        good.clone(),
        big_endian,
        dirty_padding,
        padded_end,
        claims_padding,
        mutable,
        long_string,
        trailing,
        good[..20].to_vec(),
        vec![0, 1],
        Vec::new(),
    ];
    // Mixed with enough good ones for the block to be columnar, each alone, and each in pairs.
    for round in 0..odd.len() + 1 {
        let dir = dir.path().join(round.to_string());
        let store = Store::open(&dir, lazy()).unwrap();
        let mut samples = Vec::new();
        for i in 0..40u64 {
            let payload = match round.checked_sub(1) {
                None => &odd[i as usize % odd.len()],
                Some(one) if i % 3 == 0 => &odd[one],
                Some(_) => &good,
            };
            samples.push(sample("pump", i as i64, i, payload));
        }
        samples[5].info.state = InstanceState::Disposed;
        samples[6].info.state = InstanceState::Unregistered;
        write(&store, &vibration_topic(), &samples);
        store.close().unwrap();
        assert_eq!(read_all(&dir, "vibration"), samples, "round {round}");
        assert_eq!(verify(&dir, |_| {}).unwrap().problems, []);
        let reader = StoreReader::open(&dir).unwrap();
        assert_eq!((reader.topics()[0].samples, reader.topics()[0].alive), (40, 38));
    }
}

#[test]
fn unknown_types_of_any_size_are_kept_as_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), fast()).unwrap();
    let sizes = [0, 1, 64, 65_536, 3, 1_000_000, 17, 5 << 20];
    let samples: Vec<Sample> = (0..40)
        .map(|i| {
            let size = sizes[i as usize % sizes.len()];
            let payload: Vec<u8> = (0..size).map(|k| (k as u64 * 31 + i) as u8).collect();
            sample("camera", i as i64, i, &payload)
        })
        .collect();
    write(&store, &TopicMeta::raw("image", "sensor_msgs::Image"), &samples);
    store.close().unwrap();
    assert_eq!(read_all(dir.path(), "image"), samples);
    assert_eq!(verify(dir.path(), |_| {}).unwrap().problems, []);
}

#[test]
fn late_and_absurd_times_find_their_shards() {
    let dir = tempfile::tempdir().unwrap();
    let hour = 3_600_000_000_000i64;
    let times =
        [5 * hour, 5 * hour + 1, hour, 5 * hour, -1, 0, 4 * hour, i64::MIN, i64::MAX, 5 * hour - 1];
    let samples: Vec<Sample> =
        times.iter().zip(0..).map(|(&t, i)| sample("p", t, i, &i.to_le_bytes())).collect();
    let store = Store::open(dir.path(), StoreOptions { max_open_shards: 1, ..fast() }).unwrap();
    write(&store, &TopicMeta::raw("a", "A"), &samples);
    store.sync().unwrap();
    let mut expected = samples.clone();
    order(&mut expected);
    assert_eq!(read_all(dir.path(), "a"), expected);
    store.close().unwrap();
    assert_eq!(read_all(dir.path(), "a"), expected);
    let periods = std::fs::read_dir(dir.path().join("shards")).unwrap().count();
    assert_eq!(periods, 7);
    let reader = StoreReader::open(dir.path()).unwrap();
    let merged: Vec<Sample> =
        reader.merged(&["a"], None, None).unwrap().map(|s| s.unwrap().1).collect();
    assert_eq!(merged, expected);
    let scan = Scan { start: Some(0), end: Some(5 * hour), ..Scan::topic("a") };
    let some: usize =
        reader.scan(&scan).unwrap().map(|c| c.unwrap().samples().unwrap().len()).sum();
    assert_eq!(some, 4);
}

#[test]
fn merged_topics_come_in_time_order_from_sealed_and_unsealed_alike() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), lazy()).unwrap();
    let a = store.register_topic(&TopicMeta::raw("a", "A")).unwrap();
    let b = store.register_topic(&TopicMeta::raw("b", "B")).unwrap();
    let mut expected = Vec::new();
    for i in 0..3000u64 {
        // Two topics, three points, times that run back by up to 40 every so often.
        let time = (i as i64 / 2) - (i as i64 % 7) * 6;
        let s = sample(["p", "qq", "rrr"][i as usize % 3], time, i, &i.to_le_bytes());
        store.append(if i % 2 == 0 { a } else { b }, &s).unwrap();
        expected.push(((i % 2) as usize, s));
        if i % 1000 == 700 {
            store.seal().unwrap();
        }
    }
    store.sync().unwrap();
    expected.sort_by_key(|(_, s)| (s.info.source_time, s.info.writer, s.info.sequence));
    let reader = StoreReader::open(dir.path()).unwrap();
    let merged: Vec<_> =
        reader.merged(&["a", "b"], None, None).unwrap().map(|s| s.unwrap()).collect();
    assert_eq!(merged, expected);
    let swapped: Vec<_> =
        reader.merged(&["b"], Some(100), Some(200)).unwrap().map(|s| s.unwrap()).collect();
    let only: Vec<_> = expected
        .iter()
        .filter(|(t, s)| *t == 1 && (100..200).contains(&s.info.source_time))
        .map(|(_, s)| (0, s.clone()))
        .collect();
    assert_eq!(swapped, only);
    let all: &[&str] = &[];
    assert_eq!(reader.merged(all, None, None).unwrap().count(), 3000);
}

/// A value and its end that came in one message: of the same time, and the value alone has a number.
#[test]
fn an_end_without_a_number_comes_after_its_value() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), lazy()).unwrap();
    let topic = store.register_topic(&TopicMeta::raw("a", "A")).unwrap();
    let value = sample("p", 10, 5, b"value");
    let mut end = sample("p", 10, 0, b"");
    end.info.state = InstanceState::Disposed;
    store.append(topic, &value).unwrap();
    // They lie in different blocks.
    store.seal().unwrap();
    store.append(topic, &end).unwrap();
    store.sync().unwrap();
    let reader = StoreReader::open(dir.path()).unwrap();
    let merged: Vec<Sample> =
        reader.merged(&["a"], None, None).unwrap().map(|s| s.unwrap().1).collect();
    assert_eq!(merged, [value, end]);
}

#[test]
fn every_partition_keeps_every_point() {
    for (partition, shards) in
        [(PartitionBy::Point, 40), (PartitionBy::FirstSegment, 4), (PartitionBy::Hash(3), 3)]
    {
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions { partition, max_open_shards: 2, ..fast() };
        let store = Store::open(dir.path(), options).unwrap();
        let samples: Vec<Sample> = (0..400u64)
            .map(|i| sample(&format!("site{}/p{}", i % 4, i % 40), i as i64, i, b"x"))
            .collect();
        write(&store, &TopicMeta::raw("a", "A"), &samples);
        store.close().unwrap();
        let period = std::fs::read_dir(dir.path().join("shards")).unwrap().next().unwrap();
        assert_eq!(std::fs::read_dir(period.unwrap().path()).unwrap().count(), shards);
        let reader = StoreReader::open(dir.path()).unwrap();
        assert_eq!(reader.topics()[0].points.len(), 40);
        let scan = Scan { points: Some(vec!["site1/p5".into()]), ..Scan::topic("a") };
        let found: usize =
            reader.scan(&scan).unwrap().map(|c| c.unwrap().samples().unwrap().len()).sum();
        assert_eq!(found, 10);
        // A reopened recording keeps its partition, whatever the options say.
        let store = Store::open(dir.path(), fast()).unwrap();
        assert_eq!(store.manifest().partition, partition);
    }
}

#[test]
fn a_type_that_becomes_known_shares_the_topic() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), lazy()).unwrap();
    let samples = vibrations(90);
    let unknown = TopicMeta { keyed: true, ..TopicMeta::raw("vibration", "test::Vibration") };
    write(&store, &unknown, &samples[..40]);
    write(&store, &vibration_topic(), &samples[40..]);
    let again = store.register_topic(&vibration_topic()).unwrap();
    assert_eq!(again, store.register_topic(&vibration_topic()).unwrap());
    store.close().unwrap();
    assert_eq!(read_all(dir.path(), "vibration").len(), 90);
    let reader = StoreReader::open(dir.path()).unwrap();
    assert_eq!(reader.topics().len(), 1);
    assert_eq!(reader.topics()[0].samples, 90);
    assert!(reader.topics()[0].meta.descriptor.is_some());
}

#[test]
fn a_snapshot_stays_what_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), lazy()).unwrap();
    let samples = vibrations(600);
    write(&store, &vibration_topic(), &samples[..300]);
    store.sync().unwrap();
    let mut reader = StoreReader::open(dir.path()).unwrap();
    let chunks = reader.scan(&Scan::topic("vibration")).unwrap();
    write(&store, &vibration_topic(), &samples[300..]);
    store.seal().unwrap();
    // Its tail is sealed by now, with later samples in the same blocks: neither lost nor doubled.
    assert_eq!(scan_all(&reader, "vibration").len(), 300);
    reader.refresh().unwrap();
    assert_eq!(scan_all(&reader, "vibration").len(), 600);
    assert_eq!(chunks.map(|c| c.unwrap().samples().unwrap().len()).sum::<usize>(), 300);
}

#[test]
fn unknown_topics_are_named_with_those_there_are() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), fast()).unwrap();
    write(&store, &TopicMeta::raw("vibration", "V"), &vibrations(1));
    store.sync().unwrap();
    let reader = StoreReader::open(dir.path()).unwrap();
    let error = reader.scan(&Scan::topic("vibrations")).unwrap_err();
    assert!(matches!(error, StoreError::UnknownTopic { .. }));
    assert_eq!(error.to_string(), "no topic \"vibrations\" in the recording; it has: vibration");
    assert!(reader.merged(&["nothing"], None, None).is_err());
}

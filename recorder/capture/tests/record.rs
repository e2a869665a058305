//! What is written on the bus is in the recording, once, with its bytes, key, point and time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tidewire_bus::{Participant, RawTopic, Transports, now_ns, testing};
use tidewire_capture::{CaptureOptions, CaptureStats, Recorder};
use tidewire_idl::{
    Encoding, InstanceState, KeyHash, KeyReader, Sample, TypeRegistry, TypeSupport,
};
use tidewire_qos::{Qos, Reliability};
use tidewire_store::{Scan, Store, StoreReader};
use tidewire_types::sensor::{Temperature, Vibration};

const PATIENCE: Duration = Duration::from_secs(20);

fn participant(domain: u16, name: &str, transports: Transports) -> Participant {
    Participant::builder().domain(domain).name(name).transports(transports).build().unwrap()
}

fn recorder(
    bus: &Participant,
    dir: &Path,
    options: CaptureOptions,
    types: TypeRegistry,
) -> Recorder {
    let store = Store::open(dir, Default::default()).unwrap();
    Recorder::start(bus, store, options, types).unwrap()
}

/// Waits until the recorder's books say so; fails the test if they never do.
fn until(recorder: &Recorder, what: &str, done: impl Fn(&CaptureStats) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done(&recorder.stats()) {
        assert!(Instant::now() < deadline, "{what}: {:#?}", recorder.stats());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn stored(dir: &Path, topic: &str) -> Vec<Sample> {
    let reader = StoreReader::open(dir).unwrap();
    let mut samples = Vec::new();
    for chunk in reader.scan(&Scan::topic(topic)).unwrap() {
        samples.extend(chunk.unwrap().samples().unwrap());
    }
    samples.sort_by_key(|s| (s.info.source_time, s.info.sequence));
    samples
}

fn encoded<T: TypeSupport>(data: &T) -> Vec<u8> {
    let mut payload = Vec::new();
    data.encode(Encoding::default(), &mut payload);
    payload
}

/// RELIABLE, on a machine that may be slow.
fn patient() -> Qos {
    let max_blocking_time = tidewire_qos::Duration::from_secs(20);
    Qos { reliability: Reliability::Reliable { max_blocking_time }, ..Qos::reliable() }
}

fn both_ways(transports: Transports) {
    let domain = testing::free_domain();
    let site = participant(domain, "plant", transports);
    let desk = participant(domain, "desk", transports);
    let dir = tempfile::tempdir().unwrap();
    let recorder =
        recorder(&desk, dir.path(), CaptureOptions::default(), tidewire_types::registry());

    let vibration = site.writer::<Vibration>("plant/vibration", &patient()).unwrap();
    let raw = RawTopic::new("plant/blob", "vendor::Blob", false);
    let blob = site.raw_writer(&raw, &patient()).unwrap();
    vibration.wait_for_readers(1, PATIENCE).unwrap();
    blob.wait_for_readers(1, PATIENCE).unwrap();

    let start = now_ns();
    let mut expected = Vec::new();
    for i in 0..500i64 {
        let point = ["pump1", "pump2", "pump3"][i as usize % 3];
        let data = Vibration { point: point.into(), x: i as f32, ..Default::default() };
        vibration.write_at(&data, start + i).unwrap();
        expected.push((start + i, point, data.key_hash(), encoded(&data)));
        // RTPS pads payloads to whole words (RTPS 2.5, 9.4.1), so only such lengths come back as sent.
        let bytes: Vec<u8> =
            [0, 1, 0, 0].into_iter().chain((0..i % 16 * 4).map(|b| b as u8)).collect();
        blob.write(&bytes, start + i, None).unwrap();
    }
    until(&recorder, "1000 samples", |stats| stats.recorded() == 1000);
    let stats = recorder.stop(PATIENCE).unwrap();

    let found = stored(dir.path(), "plant/vibration");
    assert_eq!(found.len(), expected.len());
    for (found, (time, point, key, payload)) in found.iter().zip(&expected) {
        assert_eq!(found.info.source_time, *time);
        assert_eq!(&*found.info.point, *point);
        assert_eq!(found.info.key, *key);
        assert_eq!(found.payload, *payload);
        assert_eq!(found.info.writer, vibration.guid());
    }
    let blobs = stored(dir.path(), "plant/blob");
    assert_eq!(blobs.len(), 500);
    for (i, found) in blobs.iter().enumerate() {
        assert_eq!(found.payload.len(), 4 + i % 16 * 4);
        match transports.shm {
            true => assert_eq!(&*found.info.point, "plant"),
            // The DDS backend announces no participant names: digits of the GUID stand in.
            false => assert_eq!(u32::from_str_radix(&found.info.point, 16).err(), None),
        }
    }
    for (topic, known) in [("plant/vibration", true), ("plant/blob", false)] {
        let stats = stats.topic(topic).unwrap();
        assert_eq!((stats.received, stats.recorded, stats.acknowledged), (500, 500, 500));
        assert_eq!((stats.lost, stats.rejected, stats.malformed), (0, 0, 0));
        assert_eq!(stats.known_type, known);
        assert_eq!(stats.latency.count, 500);
    }
    let reader = StoreReader::open(dir.path()).unwrap();
    let topics: BTreeMap<_, _> =
        reader.topics().into_iter().map(|t| (t.meta.name.clone(), t)).collect();
    let meta = &topics["plant/vibration"].meta;
    assert_eq!(meta.descriptor.as_ref(), Some(&*Vibration::descriptor()));
    assert!(meta.keyed);
    let qos: Qos = serde_json::from_value(meta.qos.clone()).unwrap();
    assert_eq!(qos.reliability, patient().reliability);
    assert_eq!(topics["plant/vibration"].points, ["pump1", "pump2", "pump3"]);
}

#[test]
fn samples_of_any_source_time_are_recorded() {
    let transports = Transports { dds: false, shm: true };
    let bus = participant(testing::free_domain(), "plant", transports);
    let dir = tempfile::tempdir().unwrap();
    let recorder = recorder(&bus, dir.path(), CaptureOptions::default(), TypeRegistry::new());
    let writer = bus.raw_writer(&RawTopic::new("t", "vendor::Blob", false), &patient()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    let times = [i64::MIN, now_ns(), i64::MAX];
    for time in times {
        writer.write(&[0, 1, 0, 0, 7, 7, 7, 7], time, None).unwrap();
    }
    until(&recorder, "three samples", |stats| stats.recorded() == 3);
    assert!(!recorder.has_ended());
    let stats = recorder.stop(PATIENCE).unwrap();
    assert_eq!(stats.topics[0].latency.max_ns, Some(i64::MAX), "{stats:#?}");
    let found: Vec<i64> = stored(dir.path(), "t").iter().map(|s| s.info.source_time).collect();
    assert_eq!(found, times);
}

#[test]
fn everything_is_recorded_over_shared_memory() {
    both_ways(Transports { dds: true, shm: true });
}

#[test]
fn everything_is_recorded_over_dds() {
    both_ways(Transports { dds: true, shm: false });
}

#[test]
fn writers_of_different_qos_on_one_topic_are_each_recorded_once() {
    let domain = testing::free_domain();
    let site = participant(domain, "plant", Transports { dds: true, shm: true });
    let desk = participant(domain, "desk", Transports { dds: true, shm: true });
    // Written before anyone listens: only a reader that asks for history gets it.
    let early = site.writer::<Temperature>("t", &Qos::event()).unwrap();
    for i in 0..10 {
        early.write(&Temperature { point: "early".into(), celsius: f64::from(i) }).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let recorder =
        recorder(&desk, dir.path(), CaptureOptions::default(), tidewire_types::registry());
    until(&recorder, "history", |stats| stats.recorded() == 10);

    let strict = site.writer::<Temperature>("t", &Qos::reliable()).unwrap();
    let mut loose_qos = Qos::sensor_data();
    loose_qos.history = tidewire_qos::policy::History::KeepLast(100);
    let loose = site.writer::<Temperature>("t", &loose_qos).unwrap();
    for writer in [&strict, &loose] {
        writer.wait_for_readers(1, PATIENCE).unwrap();
    }
    // The new writers' own readers come when discovery has told of their QoS.
    until(&recorder, "three writers", |stats| stats.topics[0].writers == 3);
    std::thread::sleep(Duration::from_millis(300));
    for i in 0..50 {
        for (writer, point) in [(&early, "early"), (&strict, "strict"), (&loose, "loose")] {
            writer.write(&Temperature { point: point.into(), celsius: f64::from(i) }).unwrap();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    until(&recorder, "160 samples", |stats| stats.recorded() >= 160);
    let stats = recorder.stop(PATIENCE).unwrap();
    let mut counts = BTreeMap::new();
    for sample in stored(dir.path(), "t") {
        *counts.entry(sample.info.point.to_string()).or_insert(0) += 1;
    }
    let expected = [("early", 60), ("loose", 50), ("strict", 50)];
    assert_eq!(counts, expected.map(|(p, n)| (p.to_owned(), n)).into(), "{stats:#?}");
}

#[test]
fn disposes_are_recorded_at_their_point() {
    let domain = testing::free_domain();
    let bus = participant(domain, "plant", Transports { dds: true, shm: true });
    let dir = tempfile::tempdir().unwrap();
    let recorder =
        recorder(&bus, dir.path(), CaptureOptions::default(), tidewire_types::registry());
    let writer = bus.writer::<Temperature>("t", &Qos::reliable()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    let data = Temperature { point: "pump1".into(), celsius: 20.0 };
    writer.write(&data).unwrap();
    writer.dispose(&data).unwrap();
    until(&recorder, "two samples", |stats| stats.recorded() == 2);
    let stats = recorder.stop(PATIENCE).unwrap();
    assert_eq!(stats.topics[0].disposes, 1);
    let found = stored(dir.path(), "t");
    let gone = found.iter().find(|s| s.info.state == InstanceState::Disposed).unwrap();
    assert_eq!(&*gone.info.point, "pump1");
    assert_eq!(gone.info.key, data.key_hash());
    let keys = KeyReader::new(&Temperature::descriptor()).unwrap();
    assert_eq!(keys.key_hash_of_key(&gone.payload).unwrap(), data.key_hash());
    assert_ne!(gone.info.key, KeyHash::default());
}

#[test]
fn options_choose_topics_and_a_second_type_is_told() {
    let domain = testing::free_domain();
    let bus = participant(domain, "plant", Transports { dds: true, shm: true });
    let dir = tempfile::tempdir().unwrap();
    let options = CaptureOptions {
        topics: vec!["plant/*".into()],
        exclude: vec!["*/camera".into()],
        ..Default::default()
    };
    let recorder = recorder(&bus, dir.path(), options, TypeRegistry::new());
    let write = |topic: &str, ty: &str| {
        let writer = bus.raw_writer(&RawTopic::new(topic, ty, false), &Qos::event()).unwrap();
        writer.write(&[0, 1, 0, 0, 7], now_ns(), None).unwrap();
        writer
    };
    let _writers = [
        write("plant/a", "A"),
        write("plant/camera", "Image"),
        write("_tidewire/plant", "A"),
        write("exchange/quote", "Quote"),
    ];
    until(&recorder, "one sample", |stats| stats.recorded() == 1);
    let _other = write("plant/a", "B");
    until(&recorder, "a problem", |stats| !stats.problems.is_empty());
    let stats = recorder.stop(PATIENCE).unwrap();
    assert_eq!(stats.topics.len(), 1);
    assert_eq!(stats.topics[0].topic, "plant/a");
    assert!(stats.problems[0].contains("is recorded with type A"), "{:?}", stats.problems);
}

#[test]
fn a_recorder_that_comes_back_records_no_history_twice() {
    let bus = testing::free_domain();
    let site = participant(bus, "plant", Transports { dds: true, shm: true });
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let writer = site.writer::<Temperature>("state", &Qos::event()).unwrap();
    let write = |i: i32| {
        writer
            .write(&Temperature { point: format!("pump{}", i % 3), celsius: f64::from(i) })
            .unwrap();
    };
    let options = CaptureOptions::default();
    (0..10).for_each(write);
    let first = participant(bus, "recorder", Transports { dds: true, shm: true });
    let recorder_1 = recorder(&first, &dir, options.clone(), tidewire_types::registry());
    until(&recorder_1, "history", |s| s.topics.iter().any(|t| t.recorded == 10));
    recorder_1.stop(Duration::from_millis(200)).unwrap();
    drop(first);

    (10..13).for_each(write);
    let second = participant(bus, "recorder", Transports { dds: true, shm: true });
    let recorder_2 = recorder(&second, &dir, options, tidewire_types::registry());
    until(&recorder_2, "what came meanwhile", |s| s.topics.iter().any(|t| t.recorded == 3));
    let stats = recorder_2.stop(Duration::from_millis(200)).unwrap();
    assert_eq!(stats.topics[0].repeated, 10);
    let celsius: Vec<f64> = stored(&dir, "state")
        .iter()
        .map(|sample| Temperature::decode(&sample.payload).unwrap().celsius)
        .collect();
    assert_eq!(celsius, (0..13).map(f64::from).collect::<Vec<_>>());
}

#[test]
fn a_recording_ends_when_it_is_told_to_while_sources_write_on() {
    let domain = testing::free_domain();
    let dir = tempfile::tempdir().unwrap();
    let desk = participant(domain, "desk", Transports { dds: true, shm: true });
    let recorder =
        recorder(&desk, dir.path(), CaptureOptions::default(), tidewire_types::registry());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let site = participant(domain, "plant", Transports { dds: true, shm: true });
            let writer = site.writer::<Temperature>("t", &patient()).unwrap();
            while !done.load(Ordering::Relaxed) {
                writer.write(&Temperature { point: "pump1".into(), celsius: 20.0 }).unwrap();
                std::thread::sleep(Duration::from_micros(200));
            }
        });
        until(&recorder, "samples", |stats| stats.recorded() > 100);
        let cutoff = now_ns() + 200_000_000;
        let stats = recorder.stop_by(cutoff);
        done.store(true, Ordering::Relaxed);
        let (stats, found) = (stats.unwrap(), stored(dir.path(), "t"));
        assert_eq!(found.len() as u64, stats.recorded());
        assert!(found.iter().all(|sample| sample.info.reception_time <= cutoff));
    });
}

#[test]
fn a_filter_records_part_of_a_topic_and_says_when_it_cannot() {
    let domain = testing::free_domain();
    let bus = participant(domain, "plant", Transports { dds: true, shm: true });
    let dir = tempfile::tempdir().unwrap();
    let options = CaptureOptions {
        filters: vec![
            "plant/vib*:=x >= 5 AND point = 'p'".parse().unwrap(),
            "plant/wrong:=speed > 3".parse().unwrap(),
            "plant/blob:=size > 3".parse().unwrap(),
        ],
        ..CaptureOptions::default()
    };
    let recorder = recorder(&bus, dir.path(), options, tidewire_types::registry());
    let writer = bus.writer::<Vibration>("plant/vibration", &Qos::event()).unwrap();
    let all = bus.writer::<Vibration>("plant/all", &Qos::event()).unwrap();
    let _wrong = bus.writer::<Vibration>("plant/wrong", &Qos::event()).unwrap();
    let raw = RawTopic::new("plant/blob", "vendor::Blob", false);
    let _blob = bus.raw_writer(&raw, &Qos::event()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    all.wait_for_readers(1, PATIENCE).unwrap();
    for i in 0..10u8 {
        let sample = Vibration { point: "p".into(), x: f32::from(i), ..Default::default() };
        writer.write(&sample).unwrap();
        all.write(&sample).unwrap();
    }
    until(&recorder, "all samples and problems", |stats| {
        let seen = stats.topic("plant/vibration").is_some_and(|t| t.recorded + t.filtered == 10);
        seen && stats.topic("plant/all").is_some_and(|t| t.recorded == 10)
            && stats.problems.len() == 2
    });
    let stats = recorder.stop(Duration::from_secs(5)).unwrap();
    let t = stats.topic("plant/vibration").unwrap();
    assert_eq!((t.recorded, t.received, t.filtered, t.lost), (5, 5, 5, 0));
    assert_eq!(stored(dir.path(), "plant/vibration").len(), 5);
    let told = stats.problems.join("\n");
    for word in ["has no member `speed`", "plant/wrong", "vendor::Blob is not known", "add its IDL"]
    {
        assert!(told.contains(word), "{told}");
    }
    assert!(stats.topic("plant/wrong").is_none() && stats.topic("plant/blob").is_none());
    for wrong in ["x > 3", ":=x > 3", "t:=x >"] {
        assert!(wrong.parse::<tidewire_capture::TopicFilter>().is_err(), "{wrong}");
    }
}

//! What was recorded comes back: the same bytes, keys and order, under the names asked for.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tidewire_bus::{Participant, RawReader, RawTopic, Transports, now_ns, testing};
use tidewire_capture::{CaptureOptions, Recorder};
use tidewire_idl::{InstanceState, KeyHash, Sample, SampleInfo, TypeSupport};
use tidewire_qos::{DataRepresentation, History, Qos, Reliability};
use tidewire_replay::{Progress, ReplayError, ReplayOptions, Summary};
use tidewire_store::{Store, TopicMeta};
use tidewire_types::market::Quote;

const PATIENCE: Duration = Duration::from_secs(20);
const BOTH: Transports = Transports { dds: true, shm: true };
const DDS: Transports = Transports { dds: true, shm: false };

fn participant(domain: u16, name: &str, transports: Transports) -> Participant {
    Participant::builder().domain(domain).name(name).transports(transports).build().unwrap()
}

fn all() -> Qos {
    let mut qos = Qos::reliable();
    qos.history = History::KeepAll;
    qos
}

fn take(reader: &RawReader, count: usize) -> Vec<Sample> {
    let deadline = Instant::now() + PATIENCE;
    let mut samples = Vec::new();
    while samples.len() < count && Instant::now() < deadline {
        samples.extend(reader.recv_timeout(Duration::from_millis(200)).unwrap());
    }
    samples
}

/// Two topics, `a` and `b/x`, with a sample each per ms for 100 ms, numbered in the last byte.
fn recording(dir: &Path) {
    let store = Store::open(dir, Default::default()).unwrap();
    let meta = |name: &str| TopicMeta {
        qos: serde_json::to_value(Qos::reliable()).unwrap(),
        ..TopicMeta::raw(name, "Number")
    };
    for name in ["a", "b/x"] {
        let topic = store.register_topic(&meta(name)).unwrap();
        for i in 0..100u8 {
            let time = 1_000_000_000 + i64::from(i) * 1_000_000;
            store.append(topic, &sample(i, time)).unwrap();
        }
    }
    store.close().unwrap();
}

fn sample(i: u8, source_time: i64) -> Sample {
    let info = SampleInfo {
        source_time,
        reception_time: 0,
        writer: Default::default(),
        sequence: u64::from(i) + 1,
        key: KeyHash::default(),
        state: InstanceState::Alive,
        point: Arc::from("test"),
    };
    Sample { info, payload: vec![0, 1, 0, 0, i].into() }
}

fn number(name: &str) -> RawTopic {
    RawTopic::new(name, "Number", false)
}

fn run(bus: &Participant, options: &ReplayOptions) -> Result<Summary, ReplayError> {
    tidewire_replay::run(bus, options, &AtomicBool::new(false), &mut |_| ())
}

fn played(summary: &Summary) -> Vec<(&str, u64)> {
    summary.topics.iter().map(|t| (t.topic.as_str(), t.samples)).collect()
}

fn round_trip(transports: Transports) {
    let domain = testing::free_domain();
    let exchange = participant(domain, "exchange", transports);
    let desk = participant(domain, "desk", transports);
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Default::default()).unwrap();
    let types = tidewire_types::registry();
    let recorder = Recorder::start(&desk, store, CaptureOptions::default(), types).unwrap();
    let max_blocking_time = tidewire_qos::Duration::from_secs(20);
    let reliability = Reliability::Reliable { max_blocking_time };
    let patient = Qos { reliability, ..Qos::reliable() };
    let writer = exchange.writer::<Quote>("quotes", &patient).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    for i in 0..300u32 {
        let data = Quote {
            point: "gateway".into(),
            symbol: format!("S{}", i % 20),
            bid: 100.0 + f64::from(i),
            bid_size: i,
            ..Default::default()
        };
        writer.write(&data).unwrap();
        if i % 50 == 49 {
            writer.dispose(&data).unwrap();
        }
    }
    let deadline = Instant::now() + PATIENCE;
    while recorder.stats().recorded() < 306 {
        assert!(Instant::now() < deadline, "{:#?}", recorder.stats());
        std::thread::sleep(Duration::from_millis(5));
    }
    recorder.stop(PATIENCE).unwrap();
    drop((writer, exchange));

    let reader = tidewire_store::StoreReader::open(dir.path()).unwrap();
    let recorded: Vec<Sample> =
        reader.merged(&["quotes"], None, None).unwrap().map(|item| item.unwrap().1).collect();
    assert_eq!(recorded.len(), 306);

    // A raw reader that knows the type tells instances apart over DDS too.
    // A domain of their own: RustDDS ends a writer a while after it is dropped, and meanwhile
    // still offers its samples to new readers.
    let elsewhere = testing::free_domain();
    let ear = participant(elsewhere, "ear", transports);
    let topic = RawTopic::new("quotes", Quote::TYPE_NAME, true);
    let listener = ear.raw_reader_of(&topic, &Quote::descriptor(), &all()).unwrap();
    let player = participant(elsewhere, "player", transports);
    let options = ReplayOptions {
        rate: 20.0,
        keep_timestamps: true,
        wait: 10.0,
        ..ReplayOptions::new(dir.path())
    };
    let summary = run(&player, &options).unwrap();
    assert_eq!(played(&summary), [("quotes", 306)]);
    assert!(summary.acknowledged);
    let heard = take(&listener, 306);
    assert_eq!(heard.len(), 306);
    for (heard, recorded) in heard.iter().zip(&recorded) {
        assert_eq!(heard.payload, recorded.payload);
        assert_eq!(heard.info.key, recorded.info.key);
        assert_eq!(heard.info.state, recorded.info.state);
        if recorded.info.state == InstanceState::Alive {
            assert_eq!(heard.info.source_time, recorded.info.source_time);
        }
    }
    // The player is gone: its instances may be unregistered, but there is no further sample.
    while let Some(extra) = listener.take().unwrap() {
        assert_ne!(extra.info.state, InstanceState::Alive, "{extra:?}");
    }
}

#[test]
fn bytes_keys_and_order_come_back_over_shared_memory() {
    round_trip(BOTH);
}

#[test]
fn bytes_keys_and_order_come_back_over_dds() {
    round_trip(DDS);
}

/// Samples of two writers, XCDR2 and XCDR1 in turn, the last of each an end; the QoS kept is that of
/// the latter.
fn mixed(dir: &Path) -> Vec<Sample> {
    let store = Store::open(dir, Default::default()).unwrap();
    let qos = serde_json::to_value(Qos::reliable()).unwrap();
    let meta = TopicMeta { keyed: true, qos, ..TopicMeta::raw("mixed", "Number") };
    let topic = store.register_topic(&meta).unwrap();
    let samples: Vec<Sample> = (0..40u8)
        .map(|i| {
            let mut sample = sample(i, 1_000_000 * i64::from(i));
            sample.info.key = KeyHash([i + 1; 16]);
            sample.info.state = if i < 38 { InstanceState::Alive } else { InstanceState::Disposed };
            sample.payload = vec![0, [7, 1][i as usize % 2], 0, 0, i, 0, 0, 0].into();
            sample
        })
        .collect();
    samples.iter().for_each(|sample| _ = store.append(topic, sample).unwrap());
    store.close().unwrap();
    samples
}

/// Readers elsewhere are told which representation they get, and refuse another one.
#[test]
fn samples_of_both_representations_reach_readers_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let recorded = mixed(dir.path());
    // A profile says nothing of the representation; the last one is durable.
    for profile in [None, Some("Reliable"), Some("Event")] {
        let domain = testing::free_domain();
        let ear = participant(domain, "ear", DDS);
        let listener = |accepted: &[DataRepresentation]| {
            let qos = Qos { data_representation: accepted.to_vec(), ..all() };
            ear.raw_reader(&RawTopic::new("mixed", "Number", true), &qos).unwrap()
        };
        let both = listener(&[DataRepresentation::Xcdr1, DataRepresentation::Xcdr2]);
        let second = listener(&[DataRepresentation::Xcdr2]);
        let player = participant(domain, "player", DDS);
        let options = ReplayOptions {
            rate: f64::INFINITY,
            wait: 20.0,
            qos: profile.map(str::to_owned),
            ..ReplayOptions::new(dir.path())
        };
        let summary = run(&player, &options).unwrap();
        assert_eq!(played(&summary), [("mixed", 40)], "{profile:?}");
        assert_eq!(summary.topics[0].readers, 2, "{profile:?}");
        // Two writers: each has its own order.
        let heard = |reader: &RawReader, count: usize| {
            let mut heard: Vec<_> =
                take(reader, count).into_iter().map(|s| (s.info.state, s.payload)).collect();
            heard.sort_by_key(|(_, payload)| payload[4]);
            heard
        };
        let expected = |step: usize| -> Vec<_> {
            recorded.iter().step_by(step).map(|s| (s.info.state, s.payload.clone())).collect()
        };
        assert_eq!(heard(&both, 40), expected(1), "{profile:?}");
        assert_eq!(heard(&second, 20), expected(2), "{profile:?}");
    }
}

#[test]
fn topics_are_chosen_and_renamed() {
    let dir = tempfile::tempdir().unwrap();
    recording(dir.path());
    let bus = participant(testing::free_domain(), "player", BOTH);
    let base =
        || ReplayOptions { rate: f64::INFINITY, wait: 0.0, ..ReplayOptions::new(dir.path()) };
    let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let summary = run(&bus, &ReplayOptions { topics: list(&["a"]), ..base() }).unwrap();
    assert_eq!(played(&summary), [("a", 100)]);
    let summary = run(&bus, &ReplayOptions { regex: Some("^b/".into()), ..base() }).unwrap();
    assert_eq!(played(&summary), [("b/x", 100)]);
    let summary = run(&bus, &ReplayOptions { exclude: list(&["b/*"]), ..base() }).unwrap();
    assert_eq!(played(&summary), [("a", 100)]);

    let reader = bus.raw_reader(&number("test/a"), &all()).unwrap();
    let remap = vec!["a:=test/a".parse().unwrap()];
    // More than a clock can hold.
    let wait = f64::MAX;
    let summary = run(&bus, &ReplayOptions { remap, wait, topics: list(&["a"]), ..base() });
    assert_eq!(played(&summary.unwrap()), [("test/a", 100)]);
    let heard: Vec<u8> = take(&reader, 100).iter().map(|s| s.payload[4]).collect();
    assert_eq!(heard, (0..100).collect::<Vec<u8>>());
}

#[test]
fn offsets_cut_the_recording() {
    let dir = tempfile::tempdir().unwrap();
    recording(dir.path());
    let bus = participant(testing::free_domain(), "player", BOTH);
    let options = ReplayOptions {
        rate: f64::INFINITY,
        wait: 5.0,
        start_offset: 0.020,
        end_offset: Some(0.029),
        topics: vec!["a".into()],
        ..ReplayOptions::new(dir.path())
    };
    let reader = bus.raw_reader(&number("a"), &all()).unwrap();
    let before = now_ns();
    assert_eq!(run(&bus, &options).unwrap().samples, 10);
    let heard = take(&reader, 10);
    assert_eq!(
        heard.iter().map(|s| s.payload[4]).collect::<Vec<_>>(),
        (20..30).collect::<Vec<_>>()
    );
    assert!(heard.iter().all(|s| s.info.source_time >= before), "stamped as they are written");
}

#[test]
fn samples_of_any_source_time_are_played() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Default::default()).unwrap();
    let topic = store.register_topic(&TopicMeta::raw("a", "Number")).unwrap();
    for (i, time) in [(0, i64::MIN), (1, 0), (2, i64::MAX)] {
        store.append(topic, &sample(i, time)).unwrap();
    }
    store.close().unwrap();
    let bus = participant(testing::free_domain(), "player", BOTH);
    let options =
        ReplayOptions { rate: f64::INFINITY, wait: 0.0, ..ReplayOptions::new(dir.path()) };
    let mut last = Progress::default();
    let play = tidewire_replay::run(&bus, &options, &AtomicBool::new(false), &mut |p| last = p);
    assert_eq!(played(&play.unwrap()), [("a", 3)]);
    assert_eq!((last.position_ns, last.duration_ns), (i64::MAX, i64::MAX));
}

#[test]
fn a_loop_goes_round_until_stopped_and_keeps_the_pace() {
    let dir = tempfile::tempdir().unwrap();
    recording(dir.path());
    let bus = participant(testing::free_domain(), "player", BOTH);
    let options =
        ReplayOptions { loop_: true, rate: 2.0, wait: 0.0, ..ReplayOptions::new(dir.path()) };
    let stop = AtomicBool::new(false);
    let mut reports: Vec<Progress> = Vec::new();
    let summary = tidewire_replay::run(&bus, &options, &stop, &mut |progress| {
        reports.push(progress);
        if progress.round >= 3 {
            stop.store(true, Ordering::Relaxed);
        }
    })
    .unwrap();
    assert!(summary.rounds >= 3 && summary.samples >= 400, "{summary:?}");
    // 99 ms recorded take at least half of that, every full round.
    assert!(summary.elapsed_ns >= (summary.rounds - 1) * 49_000_000, "{summary:?}");
    assert_eq!(reports[0].duration_ns, 99_000_000);
    assert!(reports.iter().all(|p| p.position_ns <= p.duration_ns));
}

#[test]
fn mistakes_are_told_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    recording(dir.path());
    let bus = participant(testing::free_domain(), "player", BOTH);
    let base = || ReplayOptions { wait: 0.0, ..ReplayOptions::new(dir.path()) };
    let told = |options: ReplayOptions| run(&bus, &options).unwrap_err().to_string();
    let error = told(ReplayOptions { topics: vec!["c".into()], ..base() });
    assert_eq!(error, "topics: no topic \"c\" in this recording; it has \"a\", \"b/x\"");
    let error = told(ReplayOptions { remap: vec!["c:=d".parse().unwrap()], ..base() });
    assert!(error.starts_with("remap: no topic \"c\""), "{error}");
    let error = told(ReplayOptions { exclude: vec!["*".into()], ..base() });
    assert!(error.starts_with("no recorded topic passes"), "{error}");
    assert!(told(ReplayOptions { rate: 0.0, ..base() }).starts_with("rate: 0 is not above 0"));
    assert!(told(ReplayOptions { regex: Some("(".into()), ..base() }).starts_with("regex: "));
    let error = told(ReplayOptions { start_offset: 5.0, ..base() });
    assert!(error.contains("past the recording's end; it lasts 0.099 s"), "{error}");
    let error = told(ReplayOptions { dir: dir.path().join("nothing"), ..base() });
    assert!(error.contains("not a recording"), "{error}");
    assert!("a=b".parse::<tidewire_replay::Remap>().is_err());
}

//! The recorder as durability service: late readers get what writers have left, also when these were
//! killed, and PERSISTENT samples when the service was, too. Writers and services that are killed
//! are this test's binary, run again.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tidewire_bus::{Change, InstanceState, Participant, Reader, Transports, testing};
use tidewire_capture::{CaptureOptions, CaptureStats, DurableOptions, Recorder};
use tidewire_qos::Qos;
use tidewire_qos::policy::{Durability, History};
use tidewire_store::Store;
use tidewire_types::bench::{Block64, KeyedSeq};
use tidewire_types::sensor::Temperature;

const PATIENCE: Duration = Duration::from_secs(30);
const NOTHING: [u8; 0] = [];
const DDS: Transports = Transports { dds: true, shm: false };
const BOTH: Transports = Transports { dds: true, shm: true };

fn participant(domain: u16, name: &str, transports: Transports) -> Participant {
    Participant::builder().domain(domain).name(name).transports(transports).build().unwrap()
}

/// Offered and requested alike.
fn qos(durability: Durability, depth: u32) -> Qos {
    let mut qos = Qos { durability, ..Qos::event() };
    qos.durability_service.history = History::KeepLast(depth);
    qos
}

fn service(bus: &Participant, dir: &Path, depth: Option<u32>) -> Recorder {
    let store = Store::open(dir, Default::default()).unwrap();
    let durable = Some(DurableOptions { depth });
    let options = CaptureOptions { durable, ..CaptureOptions::default() };
    Recorder::start(bus, store, options, tidewire_types::registry()).unwrap()
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn until(recorder: &Recorder, what: &str, done: impl Fn(&CaptureStats) -> bool) {
    wait(what, || done(&recorder.stats()));
}

fn temperature(pump: usize, celsius: f64) -> Temperature {
    Temperature { point: format!("pump{pump}"), celsius }
}

/// Everything there is, each instance's values in the order they come.
fn values(reader: &Reader<Temperature>) -> BTreeMap<String, Vec<f64>> {
    let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    while let Some(sample) = reader.take().unwrap() {
        values.entry(sample.data.point).or_default().push(sample.data.celsius);
    }
    values
}

fn expected<const N: usize>(all: [(usize, &[f64]); N]) -> BTreeMap<String, Vec<f64>> {
    all.into_iter().map(|(pump, values)| (format!("pump{pump}"), values.to_vec())).collect()
}

/// A child that is killed, at the latest when the test ends.
struct Other(Child);

impl Other {
    fn start(task: &str, domain: u16, transports: Transports, dir: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["as_the_other_process", "--exact", "--nocapture"])
            .env("TIDEWIRE_TEST_TASK", task)
            .env("TIDEWIRE_TEST_DOMAIN", domain.to_string())
            .env("TIDEWIRE_TEST_SHM", transports.shm.to_string())
            .env("TIDEWIRE_TEST_DIR", dir)
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    /// `kill -9`.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn as_the_other_process() {
    let Ok(task) = std::env::var("TIDEWIRE_TEST_TASK") else { return };
    let var = |name: &str| std::env::var(name).unwrap();
    let domain = var("TIDEWIRE_TEST_DOMAIN").parse().unwrap();
    let transports = Transports { shm: var("TIDEWIRE_TEST_SHM") == "true", ..DDS };
    let bus = participant(domain, &format!("plant/{task}"), transports);
    let dir = var("TIDEWIRE_TEST_DIR");
    let _recorder;
    let _writer;
    match task.as_str() {
        "service" => _recorder = service(&bus, Path::new(&dir), None),
        _ => {
            let durability = match task.as_str() {
                "transient" => Durability::Transient,
                _ => Durability::Persistent,
            };
            let writer = bus.writer::<Temperature>(&task, &qos(durability, 2)).unwrap();
            writer.wait_for_readers(1, PATIENCE).unwrap();
            for i in 0..10 {
                writer.write(&temperature(i % 2, i as f64)).unwrap();
            }
            _writer = writer;
        }
    }
    loop {
        std::thread::park();
    }
}

/// The last values of what the other process writes.
fn left() -> BTreeMap<String, Vec<f64>> {
    expected([(0, &[6.0, 8.0]), (1, &[7.0, 9.0])])
}

fn writer_is_killed(transports: Transports) {
    let domain = testing::free_domain();
    let dir = tempfile::tempdir().unwrap();
    let keeper = participant(domain, "plant/keeper", transports);
    let recorder = service(&keeper, dir.path(), Some(2));
    let mut writer = Other::start("transient", domain, transports, dir.path());
    until(&recorder, "ten samples", |stats| stats.recorded() == 10);
    writer.kill();
    let desk = participant(domain, "desk", transports);
    let late = desk.reader::<Temperature>("transient", &qos(Durability::Transient, 1)).unwrap();
    assert!(late.wait_for_historical_data(PATIENCE).unwrap());
    assert_eq!(values(&late), left());
    // A second life of the writer, and a reader that comes while it lives.
    let plant = participant(domain, "plant/again", transports);
    let again = plant.writer::<Temperature>("transient", &qos(Durability::Transient, 2)).unwrap();
    again.wait_for_readers(2, PATIENCE).unwrap();
    again.write(&temperature(1, 10.0)).unwrap();
    until(&recorder, "the eleventh", |stats| stats.recorded() == 11);
    let later = desk.reader::<Temperature>("transient", &qos(Durability::Transient, 1)).unwrap();
    assert!(later.wait_for_historical_data(PATIENCE).unwrap());
    assert_eq!(values(&later), expected([(0, &[6.0, 8.0]), (1, &[9.0, 10.0])]));
    again.write(&temperature(0, 11.0)).unwrap();
    for (reader, news) in [(&late, vec![10.0, 11.0]), (&later, vec![11.0])] {
        let mut got = Vec::new();
        wait("what is new", || {
            while let Some(sample) = reader.take().unwrap() {
                got.push(sample.data.celsius);
            }
            got.contains(&11.0)
        });
        assert_eq!(got, news, "and nothing twice");
    }
    until(&recorder, "the twelfth", |stats| stats.recorded() == 12);
    let stats = recorder.stop(PATIENCE).unwrap();
    let durable = stats.durable.unwrap();
    assert_eq!((durable.kept, durable.answered, durable.served), (4, 2, 8));
}

#[test]
fn what_a_killed_writer_left_is_served_over_dds() {
    writer_is_killed(DDS);
}

#[test]
fn what_a_killed_writer_left_is_served_over_shared_memory() {
    writer_is_killed(BOTH);
}

/// Both are killed: PERSISTENT samples are in the recording, TRANSIENT ones were in memory.
fn service_is_killed(transports: Transports) {
    let domain = testing::free_domain();
    let dir = tempfile::tempdir().unwrap();
    let mut killed = Other::start("service", domain, transports, dir.path());
    let mut writers: Vec<_> = ["transient", "persistent"]
        .map(|task| Other::start(task, domain, transports, dir.path()))
        .into();
    wait("twenty samples on disk", || {
        let reader = tidewire_store::StoreReader::open(dir.path());
        reader.is_ok_and(|reader| reader.topics().iter().map(|t| t.samples).sum::<u64>() == 20)
    });
    writers.iter_mut().for_each(Other::kill);
    killed.kill();
    // A reader that comes while nobody is there.
    let desk = participant(domain, "desk", transports);
    let early = desk.reader::<Temperature>("persistent", &qos(Durability::Persistent, 1)).unwrap();
    let keeper = participant(domain, "plant/keeper", transports);
    let recorder = service(&keeper, dir.path(), Some(2));
    let late = desk.reader::<Temperature>("persistent", &qos(Durability::Persistent, 1)).unwrap();
    let gone = desk.reader::<Temperature>("transient", &qos(Durability::Transient, 1)).unwrap();
    for reader in [&early, &late, &gone] {
        assert!(reader.wait_for_historical_data(PATIENCE).unwrap());
    }
    assert_eq!(values(&early), left());
    assert_eq!(values(&late), left());
    assert_eq!(values(&gone), BTreeMap::new(), "TRANSIENT ends with the service");
    assert_eq!(recorder.stop(PATIENCE).unwrap().recorded(), 0, "what it served was not recorded");
}

#[test]
fn persistent_samples_outlive_the_service_over_dds() {
    service_is_killed(DDS);
}

#[test]
fn persistent_samples_outlive_the_service_over_shared_memory() {
    service_is_killed(BOTH);
}

#[test]
fn of_a_disposed_instance_the_end_is_told_until_it_is_cleaned_up() {
    let domain = testing::free_domain();
    let dir = tempfile::tempdir().unwrap();
    let keeper = participant(domain, "plant/keeper", BOTH);
    let recorder = service(&keeper, dir.path(), None);
    let mut transient = qos(Durability::Transient, 4);
    let plant = participant(domain, "plant", BOTH);
    let writer = plant.writer::<Temperature>("pumps", &transient).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    writer.write(&temperature(0, 1.0)).unwrap();
    writer.write(&temperature(1, 2.0)).unwrap();
    writer.dispose(&temperature(0, 0.0)).unwrap();
    until(&recorder, "both and the end of one", |stats| stats.recorded() == 3);
    let desk = participant(domain, "desk", BOTH);
    transient.history = History::KeepAll;
    let late = |told: usize| {
        let reader = desk.reader::<Temperature>("pumps", &transient).unwrap();
        assert!(reader.wait_for_historical_data(PATIENCE).unwrap());
        let changes: Vec<_> = std::iter::from_fn(|| reader.take_change().unwrap()).collect();
        assert_eq!(changes.len(), told, "{changes:?}");
        changes
    };
    match late(3).last() {
        Some(Change::Ended { info, key: Some(key) }) => {
            assert_eq!((info.state, key.point.as_str()), (InstanceState::Disposed, "pump0"));
            assert_eq!(info.writer, writer.guid(), "whose it is, not the service's");
        }
        other => panic!("no end: {other:?}"),
    }
    drop(writer);
    until(&recorder, "the clean-up", |stats| stats.durable.unwrap().kept == 1);
    late(1);
}

#[test]
fn a_topic_without_key_has_one_instance_and_readers_get_what_they_match() {
    let domain = testing::free_domain();
    let dir = tempfile::tempdir().unwrap();
    let keeper = participant(domain, "plant/keeper", BOTH);
    let recorder = service(&keeper, dir.path(), Some(3));
    let plant = participant(domain, "plant", BOTH);
    let writer = plant.writer::<Block64>("blocks", &qos(Durability::Transient, 3)).unwrap();
    let local = plant.writer::<Block64>("local", &qos(Durability::TransientLocal, 3)).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    local.wait_for_readers(1, PATIENCE).unwrap();
    for i in 0..9 {
        writer.write(&Block64 { data: [i; 64] }).unwrap();
        local.write(&Block64 { data: [i; 64] }).unwrap();
    }
    until(&recorder, "all samples", |stats| stats.recorded() == 18);
    drop((writer, local));
    let desk = participant(domain, "desk", BOTH);
    let get = |topic: &str, durability| {
        let reader = desk.reader::<Block64>(topic, &qos(durability, 1)).unwrap();
        assert!(reader.wait_for_historical_data(PATIENCE).unwrap());
        let mut got = Vec::new();
        while let Some(sample) = reader.take().unwrap() {
            got.push(sample.data.data[0]);
        }
        got
    };
    assert_eq!(get("blocks", Durability::Transient), [6, 7, 8]);
    assert_eq!(get("blocks", Durability::Persistent), NOTHING, "more than was offered");
    assert_eq!(get("local", Durability::Transient), NOTHING, "the writer's alone");
    assert_eq!(get("unknown", Durability::Transient), NOTHING);
    drop(recorder);
}

/// Its hash is all zeros, which stands for "not known" where the type is not.
#[test]
fn the_instance_with_key_zero_is_kept_and_restored_like_others() {
    let domain = testing::free_domain();
    let dir = tempfile::tempdir().unwrap();
    let keeper = participant(domain, "plant/keeper", BOTH);
    let persistent = qos(Durability::Persistent, 2);
    let recorder = service(&keeper, dir.path(), Some(2));
    let plant = participant(domain, "plant", BOTH);
    let writer = plant.writer::<KeyedSeq>("numbers", &persistent).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    for seq in 0..8 {
        writer.write(&KeyedSeq { seq, keyval: seq % 2, baggage: vec![] }).unwrap();
    }
    until(&recorder, "all samples", |stats| stats.recorded() == 8);
    drop(writer);
    let desk = participant(domain, "desk", BOTH);
    let late = || {
        let reader = desk.reader::<KeyedSeq>("numbers", &persistent).unwrap();
        assert!(reader.wait_for_historical_data(PATIENCE).unwrap());
        let mut got = [vec![], vec![]];
        while let Some(sample) = reader.take().unwrap() {
            got[sample.data.keyval as usize].push(sample.data.seq);
        }
        got
    };
    assert_eq!(late(), [[4, 6], [5, 7]]);
    recorder.stop(PATIENCE).unwrap();
    let recorder = service(&keeper, dir.path(), Some(2));
    assert_eq!(late(), [[4, 6], [5, 7]], "of a service that has read the recording");
    assert_eq!(recorder.stop(PATIENCE).unwrap().durable.unwrap().kept, 4);
}

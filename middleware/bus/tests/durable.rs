//! Late readers of TRANSIENT topics: history first, each sample once, whatever else comes meanwhile.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};

use common::*;
use tidewire_bus::{
    DurabilityService, Guid, InstanceState, KeyHash, Participant, RawReader, Reader, Sample,
    SampleInfo, Transports, now_ns, testing,
};
use tidewire_idl::{Encoding, TypeSupport};
use tidewire_qos::Qos;
use tidewire_qos::policy::{DestinationOrder, Durability, History};
use tidewire_types::sensor::Temperature;

const NOTHING: [f64; 0] = [];

fn transient() -> Qos {
    let mut qos = Qos { durability: Durability::Transient, ..everything() };
    qos.durability_service.history = History::KeepAll;
    qos
}

fn participant(domain: u16, name: &str, transports: Transports) -> Participant {
    Participant::builder().domain(domain).name(name).transports(transports).build().unwrap()
}

fn temperature(pump: usize, celsius: f64) -> Temperature {
    Temperature { point: format!("pump{pump}"), celsius }
}

/// What a writer that is gone has left.
fn left(pump: usize, celsius: f64, source_time: i64) -> Sample {
    let value = temperature(pump, celsius);
    let mut payload = Vec::new();
    value.encode(Encoding::default(), &mut payload);
    let info = SampleInfo {
        source_time,
        reception_time: source_time,
        writer: Guid([9; 16]),
        sequence: celsius as u64,
        key: value.key_hash(),
        state: InstanceState::Alive,
        point: "gone".into(),
    };
    Sample { info, payload: payload.into() }
}

/// Serves `kept` to whoever asks; on its own thread, until dropped. Answers wait for `go`.
struct Service {
    stop: std::sync::Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Service {
    fn start(bus: &Participant, kept: Vec<Sample>, go: Option<Receiver<()>>) -> Self {
        let service = DurabilityService::new(bus).unwrap();
        let stop = std::sync::Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut go = go;
            while !told.load(Ordering::Acquire) {
                std::thread::sleep(std::time::Duration::from_millis(5));
                let requests = service.requests();
                if requests.is_empty() {
                    continue;
                }
                if let Some(go) = go.take()
                    && go.recv().is_err()
                {
                    return;
                }
                for request in &requests {
                    service.answer(request, kept.iter().map(|s| (s.clone(), 0))).unwrap();
                }
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking());
    }
}

fn drain(reader: &Reader<Temperature>) -> Vec<f64> {
    std::iter::from_fn(|| reader.take().unwrap()).map(|sample| sample.data.celsius).collect()
}

/// What comes until `last` does, and shortly after.
fn up_to(reader: &Reader<Temperature>, last: f64) -> Vec<f64> {
    let mut got = Vec::new();
    wait("the last sample", || {
        got.extend(drain(reader));
        got.contains(&last)
    });
    settle();
    got.extend(drain(reader));
    got
}

#[test]
fn live_samples_wait_for_history_and_come_once() {
    for transports in [DDS, BOTH] {
        // Under KEEP_LAST what comes over DDS is judged at once, and history apart.
        for (order, history) in [
            (DestinationOrder::ByReceptionTimestamp, History::KeepAll),
            (DestinationOrder::BySourceTimestamp, History::KeepAll),
            (DestinationOrder::BySourceTimestamp, History::KeepLast(6)),
        ] {
            let domain = testing::free_domain();
            let [plant, desk, keeper] =
                ["plant", "desk", "keeper"].map(|name| participant(domain, name, transports));
            let qos = Qos { destination_order: order, ..transient() };
            let writer = plant.writer::<Temperature>("pumps", &qos).unwrap();
            let start = now_ns();
            let mut kept: Vec<Sample> =
                (1..=4).map(|i| left(i % 2, i as f64, start - 100 + i as i64)).collect();
            // The service has also what the writer writes before the answer.
            let recorder = keeper.raw_reader(&raw_temperature(), &everything()).unwrap();
            writer.wait_for_readers(1, PATIENCE).unwrap();
            for i in 5..=8 {
                writer.write(&temperature(i % 2, i as f64)).unwrap();
            }
            wait("the recorder", || {
                recorder.take_into(&mut kept, 10);
                kept.len() == 8
            });
            let (go, wait_for_go) = channel();
            let _service = Service::start(&keeper, kept, Some(wait_for_go));
            wait("the service to be found", || !desk.durability_services().is_empty());
            let reader =
                desk.reader::<Temperature>("pumps", &Qos { history, ..qos.clone() }).unwrap();
            writer.wait_for_readers(2, PATIENCE).unwrap();
            for i in 9..=12 {
                writer.write(&temperature(i % 2, i as f64)).unwrap();
            }
            settle();
            assert_eq!(drain(&reader), NOTHING, "{transports:?} {order:?}");
            go.send(()).unwrap();
            assert!(reader.wait_for_historical_data(PATIENCE).unwrap());
            let all: Vec<f64> = (1..=12).map(f64::from).collect();
            assert_eq!(up_to(&reader, 12.0), all, "{transports:?} {order:?}");
            assert_eq!(reader.lost(), 0);
        }
    }
}

fn raw_temperature() -> tidewire_bus::RawTopic {
    tidewire_bus::RawTopic::new("pumps", Temperature::TYPE_NAME, true)
}

#[test]
fn what_was_taken_before_a_service_came_is_not_followed_by_older_values() {
    let domain = testing::free_domain();
    let [plant, desk, keeper] =
        ["plant", "desk", "keeper"].map(|name| participant(domain, name, BOTH));
    let last = Qos { history: History::KeepLast(1), ..transient() };
    let readers =
        [&last, &transient()].map(|qos| desk.reader::<Temperature>("pumps", qos).unwrap());
    let writer = plant.writer::<Temperature>("pumps", &transient()).unwrap();
    writer.wait_for_readers(2, PATIENCE).unwrap();
    let long_ago = now_ns() - 1_000_000_000;
    writer.write(&temperature(0, 50.0)).unwrap();
    readers.iter().for_each(|reader| assert_eq!(up_to(reader, 50.0), [50.0]));
    let kept = vec![left(0, 1.0, long_ago), left(1, 2.0, long_ago + 1), left(1, 3.0, long_ago + 2)];
    let _service = Service::start(&keeper, kept, None);
    let [one, all] = &readers;
    readers.iter().for_each(|r| assert!(r.wait_for_historical_data(PATIENCE).unwrap()));
    assert_eq!(drain(one), [3.0], "the last of the other instance");
    assert_eq!(drain(all), [1.0, 2.0, 3.0], "whoever wants everything gets it, if late");
}

#[test]
fn a_service_that_goes_or_says_nothing_holds_nobody_up_for_good() {
    let domain = testing::free_domain();
    let [plant, desk, keeper] =
        ["plant", "desk", "keeper"].map(|name| participant(domain, name, BOTH));
    let writer = plant.writer::<Temperature>("pumps", &transient()).unwrap();
    let service = DurabilityService::new(&keeper).unwrap();
    wait("the service to be found", || !desk.durability_services().is_empty());
    let reader = desk.reader::<Temperature>("pumps", &transient()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    writer.write(&temperature(0, 1.0)).unwrap();
    settle();
    assert_eq!(drain(&reader), NOTHING);
    // It never answers.
    let sample = reader.recv_timeout(PATIENCE).unwrap().expect("patience ends");
    assert_eq!(sample.data.celsius, 1.0);
    let second = desk.reader::<Temperature>("pumps", &transient()).unwrap();
    settle();
    assert_eq!(drain(&second), NOTHING, "it waits as the first did");
    drop(service);
    wait("the service to be gone", || desk.durability_services().is_empty());
    assert_eq!(up_to(&second, 1.0), [1.0]);
    assert!(!second.wait_for_historical_data(std::time::Duration::from_millis(50)).unwrap());
}

#[test]
fn large_and_many_samples_of_unknown_type_come_back_whole() {
    for transports in [DDS, BOTH] {
        let domain = testing::free_domain();
        let [desk, keeper] = ["desk", "keeper"].map(|name| participant(domain, name, transports));
        // More than RustDDS keeps messages for a reader that has not come yet.
        let mut kept: Vec<Sample> = (0..20_000)
            .map(|i| {
                let mut sample = left(0, f64::from(i), i64::from(i));
                sample.payload = payload(&[i as u32]).into();
                sample.info.key = KeyHash::default();
                sample
            })
            .collect();
        let large = payload(&vec![7; 400_000]);
        kept[10_000].payload = large.clone().into();
        let _service = Service::start(&keeper, kept.clone(), None);
        let reader: RawReader = desk.raw_reader(&raw("blob", false), &transient()).unwrap();
        assert!(reader.wait_for_historical_data(PATIENCE).unwrap());
        let mut got = Vec::new();
        while reader.take_into(&mut got, 1000) > 0 {}
        assert_eq!(got.len(), kept.len(), "{transports:?}");
        for (got, kept) in got.iter().zip(&kept) {
            assert_eq!(got.payload, kept.payload);
            assert_eq!(got.info.source_time, kept.info.source_time);
            assert_eq!(
                (got.info.writer, got.info.sequence),
                (kept.info.writer, kept.info.sequence)
            );
        }
        assert_eq!(reader.lost(), 0);
    }
}

#[test]
fn two_services_and_readers_that_ask_for_less() {
    let domain = testing::free_domain();
    let [one, two, desk] = ["one", "two", "desk"].map(|name| participant(domain, name, BOTH));
    let kept: Vec<Sample> = (1..=6).map(|i| left(i % 2, i as f64, i as i64)).collect();
    let _first = Service::start(&one, kept[..5].to_vec(), None);
    let _second = Service::start(&two, kept[3..].to_vec(), None);
    wait("both services", || desk.durability_services().len() == 2);
    let reader = desk.reader::<Temperature>("pumps", &transient()).unwrap();
    assert!(reader.wait_for_historical_data(PATIENCE).unwrap());
    assert_eq!(drain(&reader), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let less = Qos { durability: Durability::TransientLocal, ..transient() };
    for qos in [less, everything()] {
        let reader = desk.reader::<Temperature>("pumps", &qos).unwrap();
        assert!(reader.wait_for_historical_data(PATIENCE).unwrap());
        settle();
        assert_eq!(drain(&reader), NOTHING);
    }
    // The answers' topics are nobody's business.
    assert!(desk.topics().iter().all(|topic| topic.name == "pumps"), "{:?}", desk.topics());
}

/// The reader that history came by is deleted, which on Cyclone DDS waits for what is being delivered: that must
/// not wait in turn for a lock of the reader that the history was for.
#[test]
fn history_ends_while_writers_write_on() {
    let domain = testing::free_domain();
    let [plant, desk, keeper] =
        ["plant", "desk", "keeper"].map(|name| participant(domain, name, DDS));
    let _service = Service::start(&keeper, vec![left(1, 1.0, 1)], None);
    wait("the service to be found", || !desk.durability_services().is_empty());
    let qos = Qos { history: History::KeepLast(1), ..transient() };
    let writer = plant.writer::<Temperature>("pumps", &qos).unwrap();
    let (tell, told) = channel();
    // Where it hangs, it cannot be joined.
    std::thread::spawn(move || {
        for _ in 0..20 {
            let reader = desk.reader::<Temperature>("pumps", &transient()).unwrap();
            let mut got = Vec::new();
            wait("history and what is written", || {
                got.extend(drain(&reader));
                got.contains(&1.0) && got.contains(&2.0)
            });
        }
        tell.send(()).unwrap();
    });
    let deadline = std::time::Instant::now() + 4 * PATIENCE;
    while told.try_recv().is_err() {
        assert!(std::time::Instant::now() < deadline, "a late reader hangs");
        let _ = writer.write(&temperature(2, 2.0));
        std::thread::sleep(std::time::Duration::from_micros(50));
    }
}

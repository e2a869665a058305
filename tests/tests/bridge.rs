//! Two sites, two DDS domains, one zenoh network: directly and through a router.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tidewire_bridge::{BridgeOptions, BridgeStats, Mode};
use tidewire_bus::testing::free_domain;
use tidewire_bus::{Change, Participant, RawTopic, Reader, Transports, Writer, now_ns};
use tidewire_idl::{Encoding, InstanceState, TypeSupport};
use tidewire_qos::{DataRepresentation, Qos};
use tidewire_tests::{Child, PATIENCE, Peer};
use tidewire_types::event::Anomaly;

/// A bridge on a thread; stopped and joined when dropped.
struct Bridge {
    stop: Arc<AtomicBool>,
    stats: Arc<BridgeStats>,
    thread: Option<JoinHandle<()>>,
}

impl Bridge {
    fn start(options: BridgeOptions) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stats = Arc::new(BridgeStats::default());
        let (up, ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn({
            let (stop, stats) = (stop.clone(), stats.clone());
            move || {
                let types = tidewire_types::registry();
                let ready = || up.send(()).unwrap();
                tidewire_bridge::run(&options, &types, &stop, &stats, ready).unwrap();
            }
        });
        ready.recv_timeout(PATIENCE).expect("the bridge starts");
        Self { stop, stats, thread: Some(thread) }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().into_iter().for_each(|thread| thread.join().unwrap());
    }
}

struct Sites {
    plant: Participant,
    exchange: Participant,
}

impl Sites {
    fn new() -> Self {
        let domains = [free_domain(), free_domain()];
        let join = |i: usize, name: &str| {
            Participant::builder().domain(domains[i]).name(name).build().unwrap()
        };
        let (plant, exchange) = (join(0, "plant/detector"), join(1, "exchange/detector"));
        Self { plant, exchange }
    }

    fn options(&self, site: &str) -> BridgeOptions {
        let participant = if site == "plant" { &self.plant } else { &self.exchange };
        BridgeOptions {
            site: site.into(),
            domain: participant.domain(),
            allow: vec!["anomaly".into(), "shared*".into()],
            deny: vec!["shared/secret".into()],
            ..BridgeOptions::default()
        }
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Bridges of plant and exchange, directly.
fn joined(sites: &Sites) -> [Bridge; 2] {
    let endpoint = format!("tcp/127.0.0.1:{}", free_port());
    let plant =
        Bridge::start(BridgeOptions { listen: vec![endpoint.clone()], ..sites.options("plant") });
    let exchange =
        Bridge::start(BridgeOptions { connect: vec![endpoint], ..sites.options("exchange") });
    [plant, exchange]
}

fn anomaly(point: &str, score: f64) -> Anomaly {
    Anomaly { point: point.into(), topic: "vibration".into(), score, ..Anomaly::default() }
}

fn take(reader: &Reader<Anomaly>) -> Anomaly {
    reader.recv_timeout(PATIENCE).unwrap().expect("a sample crosses").data
}

fn nothing_more(reader: &Reader<Anomaly>) {
    let extra = reader.recv_timeout(Duration::from_millis(700)).unwrap();
    assert!(extra.is_none(), "a sample came twice or came back: {extra:?}");
}

/// Both directions, once each, nothing comes back.
fn crosses_both_ways(sites: &Sites) {
    let qos = Qos::event();
    let plant_in = sites.plant.reader::<Anomaly>("anomaly", &qos).unwrap();
    let exchange_in = sites.exchange.reader::<Anomaly>("anomaly", &qos).unwrap();
    let plant_out = sites.plant.writer::<Anomaly>("anomaly", &qos).unwrap();
    let exchange_out = sites.exchange.writer::<Anomaly>("anomaly", &qos).unwrap();

    plant_out.write(&anomaly("plant/pump1", 3.0)).unwrap();
    let here = take(&plant_in);
    let there = take(&exchange_in);
    assert_eq!(here, there);
    assert_eq!(there.score, 3.0);

    exchange_out.write(&anomaly("exchange/gateway", 4.0)).unwrap();
    assert_eq!(take(&exchange_in).point, "exchange/gateway");
    assert_eq!(take(&plant_in).point, "exchange/gateway");
    nothing_more(&plant_in);
    nothing_more(&exchange_in);
}

#[test]
fn peers_carry_a_topic_both_ways_once() {
    let sites = Sites::new();
    let _bridges = joined(&sites);
    crosses_both_ways(&sites);
}

#[test]
fn clients_meet_at_a_router_and_survive_its_restart() {
    let sites = Sites::new();
    let endpoint = format!("tcp/127.0.0.1:{}", free_port());
    let router = |endpoint: &str| {
        let router = Child::spawn(Peer::python("router.py").arg(endpoint));
        router.event("ready", PATIENCE);
        router
    };
    let first = router(&endpoint);
    let client = |site: &str| {
        Bridge::start(BridgeOptions {
            mode: Mode::Client,
            connect: vec![endpoint.clone()],
            ..sites.options(site)
        })
    };
    let (_plant, _exchange) = (client("plant"), client("exchange"));
    crosses_both_ways(&sites);

    drop(first);
    let _second = router(&endpoint);
    let qos = Qos::event();
    let reader = sites.exchange.reader::<Anomaly>("anomaly", &qos).unwrap();
    let writer = sites.plant.writer::<Anomaly>("anomaly", &qos).unwrap();
    let deadline = Instant::now() + PATIENCE;
    // The bridges come back by themselves; until then samples of this kind are not carried.
    for round in 0.. {
        writer.write(&anomaly("plant/after", f64::from(round))).unwrap();
        let got = reader.recv_timeout(Duration::from_millis(300)).unwrap();
        if got.is_some_and(|sample| sample.data.point == "plant/after") {
            break;
        }
        assert!(Instant::now() < deadline, "the bridges did not reconnect");
    }
}

/// Four instances are written before the other site comes, which gets the last sample of each.
fn late_with_history(sites: &Sites, writer: &Writer<Anomaly>) -> (Reader<Anomaly>, [Bridge; 2]) {
    let endpoint = format!("tcp/127.0.0.1:{}", free_port());
    let plant =
        Bridge::start(BridgeOptions { listen: vec![endpoint.clone()], ..sites.options("plant") });
    for i in 0..4 {
        writer.write(&anomaly(&format!("plant/pump{i}"), 1.0)).unwrap();
    }
    let deadline = Instant::now() + PATIENCE;
    while plant.stats.sent.load(Ordering::Relaxed) < 4 {
        assert!(Instant::now() < deadline, "the bridge did not read its own site");
        std::thread::sleep(Duration::from_millis(20));
    }
    let exchange =
        Bridge::start(BridgeOptions { connect: vec![endpoint], ..sites.options("exchange") });
    let reader = sites.exchange.reader::<Anomaly>("anomaly", &Qos::event()).unwrap();
    let mut points: Vec<String> = (0..4).map(|_| take(&reader).point).collect();
    points.sort();
    assert_eq!(points, ["plant/pump0", "plant/pump1", "plant/pump2", "plant/pump3"]);
    (reader, [plant, exchange])
}

#[test]
fn a_late_site_gets_the_history_of_each_instance_and_disposes_cross() {
    let sites = Sites::new();
    let qos = Qos::event();
    let writer = sites.plant.writer::<Anomaly>("anomaly", &qos).unwrap();
    let (reader, _bridges) = late_with_history(&sites, &writer);

    writer.dispose(&anomaly("plant/pump2", 0.0)).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let (info, key) = loop {
        match reader.take_change().unwrap() {
            Some(Change::Ended { info, key }) => break (info, key),
            Some(Change::Data(sample)) => panic!("history came twice: {sample:?}"),
            None => assert!(Instant::now() < deadline, "the dispose did not cross"),
        }
        sites.exchange.wait(Duration::from_millis(50));
    };
    assert_eq!(info.state, InstanceState::Disposed);
    assert_eq!(key.expect("the key crosses").point, "plant/pump2");
}

#[test]
fn instances_of_a_known_type_are_told_apart_over_dds() {
    let sites = Sites::new();
    // Shared memory carries the key with a sample, DDS only within it.
    let far = Participant::builder()
        .domain(sites.plant.domain())
        .name("plant/far")
        .transports(Transports { dds: true, shm: false })
        .build()
        .unwrap();
    let writer = far.writer::<Anomaly>("anomaly", &Qos::event()).unwrap();
    late_with_history(&sites, &writer);
}

#[test]
fn a_denied_topic_stays_at_home() {
    let sites = Sites::new();
    let qos = Qos::event();
    let _bridges = joined(&sites);
    let reader = |topic: &str| sites.exchange.reader::<Anomaly>(topic, &qos).unwrap();
    let writer = |topic: &str| sites.plant.writer::<Anomaly>(topic, &qos).unwrap();
    let (open, secret, other) = (reader("shared/open"), reader("shared/secret"), reader("private"));
    let writers = [writer("shared/secret"), writer("private"), writer("shared/open")];
    for writer in &writers {
        writer.write(&anomaly("plant/pump1", 1.0)).unwrap();
    }
    assert_eq!(take(&open).point, "plant/pump1");
    nothing_more(&secret);
    nothing_more(&other);
    assert_eq!(Anomaly::TYPE_NAME, "tidewire::event::Anomaly");
}

#[test]
fn a_topic_crosses_in_each_representation() {
    let sites = Sites::new();
    let bridges = joined(&sites);
    let raw = RawTopic::new("anomaly", Anomaly::TYPE_NAME, Anomaly::KEYED);
    let reader = sites.exchange.raw_reader(&raw, &Qos::event()).unwrap();
    let ways = [
        (DataRepresentation::Xcdr1, Encoding::XCDR1),
        (DataRepresentation::Xcdr2, Encoding::XCDR2),
    ];
    for (representation, encoding) in ways {
        let qos = Qos { data_representation: vec![representation], ..Qos::event() };
        let writer = sites.plant.raw_writer(&raw, &qos).unwrap();
        let mut payload = Vec::new();
        anomaly("plant/pump1", 1.0).encode(encoding, &mut payload);
        writer.write(&payload, now_ns(), None).unwrap();
        let there = reader.recv_timeout(PATIENCE).unwrap().expect("a sample crosses");
        assert_eq!(there.payload, payload, "{encoding:?}");
    }
    assert_eq!(bridges[1].stats.refused.load(Ordering::Relaxed), 0);
}

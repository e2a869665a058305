//! The node on a real bus: samples go in, an anomaly comes out on its topic.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::*;
use tidewire_bus::testing::free_domain;
use tidewire_bus::{Participant, Transports};
use tidewire_detect::{DetectStats, run};
use tidewire_models::Kind;
use tidewire_qos::Qos;
use tidewire_types::event::Anomaly;
use tidewire_types::sensor::Vibration;

#[test]
fn a_worn_pump_on_the_bus_becomes_an_anomaly_on_the_bus() {
    let dir = tempfile::tempdir().unwrap();
    let file = trained(dir.path(), Kind::Autoencoder);
    let domain = free_domain();
    let join = |name: &str| {
        let transports = Transports { dds: true, shm: true };
        Participant::builder().domain(domain).name(name).transports(transports).build().unwrap()
    };
    let plant = join("plant");
    let writer = plant.writer::<Vibration>("vibration", &Qos::reliable()).unwrap();
    let reader = plant.reader::<Anomaly>("anomaly", &Qos::event()).unwrap();

    let stop = Arc::new(AtomicBool::new(false));
    let stats = Arc::new(DetectStats::default());
    let node = std::thread::spawn({
        let (stop, stats, participant) = (stop.clone(), stats.clone(), join("detector"));
        move || run(&participant, &tidewire_types::registry(), &options(file), &stop, &stats)
    });
    writer.wait_for_readers(1, Duration::from_secs(20)).unwrap();

    // Three seconds of it, the last one worn, somewhat faster than real time.
    for (i, v) in vibration("pump1", 3, 21, |i| i >= 2_000).iter().enumerate() {
        writer.write_at(v, START + i as i64 * MS).unwrap();
        if i % 50 == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut anomalies = Vec::new();
    while anomalies.is_empty() && Instant::now() < deadline {
        anomalies.extend(reader.recv_timeout(Duration::from_millis(200)).unwrap());
    }
    stop.store(true, Ordering::Relaxed);
    node.join().unwrap().unwrap();
    let first = &anomalies.first().expect("an anomaly within 20 s").data;
    assert_eq!((first.point.as_str(), first.topic.as_str()), ("pump1", "vibration"));
    assert!((first.start_ns - START) / MS >= 1_950, "{first:?}");
    assert_eq!(first.model, "vibration-autoencoder/autoencoder");
    let counts = stats.snapshot();
    assert!(counts.opened >= 1 && counts.samples > 2_000, "{counts:?}");
    assert_eq!(counts.unpublished, 0);
}

//! Sources on a real bus: everything written arrives, truth is told, rows keep their values.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tidewire_bus::testing::free_domain;
use tidewire_bus::{Participant, RawTopic};
use tidewire_idl::{Value, decode};
use tidewire_qos::Qos;
use tidewire_sim::fault::{Kind, Plan};
use tidewire_sim::{Stats, Wiring, csv, gateway, pump};
use tidewire_types::event::FaultTruth;
use tidewire_types::market::{Quote, Trade};
use tidewire_types::sensor::{Reading, Vibration};

fn join(domain: u16, name: &str) -> Participant {
    Participant::builder().domain(domain).name(name).build().unwrap()
}

fn waiting_for(name: &str) -> Wiring {
    Wiring { wait_for: vec![name.into()], ..Wiring::default() }
}

fn written(stats: &Stats, topic: &str) -> u64 {
    stats.topics().iter().find(|t| t.topic == topic).map_or(0, |t| t.written)
}

/// Takes until there are `wanted`, or nothing comes for five seconds.
fn count(mut take: impl FnMut() -> usize, wanted: u64) -> u64 {
    let (mut got, mut last) = (0, Instant::now());
    while got < wanted && last.elapsed() < Duration::from_secs(5) {
        match take() {
            0 => std::thread::sleep(Duration::from_millis(2)),
            n => {
                got += n as u64;
                last = Instant::now();
            }
        }
    }
    got
}

#[test]
fn every_event_of_the_gateway_arrives() {
    let domain = free_domain();
    let (ours, theirs) = (join(domain, "exchange/gateway"), join(domain, "recorder"));
    let quotes = theirs.reader::<Quote>("quotes", &Qos::reliable()).unwrap();
    let trades = theirs.reader::<Trade>("trades", &Qos::reliable()).unwrap();
    let _truth = theirs.reader::<FaultTruth>("truth", &Qos::event()).unwrap();
    let (stop, stats) = (AtomicBool::new(false), Stats::default());
    let options = gateway::Options { rate: 2000.0, ..Default::default() };
    let (mut got_quotes, mut got_trades) = (0, 0);
    std::thread::scope(|scope| {
        let node =
            scope.spawn(|| gateway::run(&ours, &options, &waiting_for("recorder"), &stop, &stats));
        while written(&stats, "quotes") < 1500 && !node.is_finished() {
            got_quotes += usize::from(quotes.take().unwrap().is_some()) as u64;
            got_trades += usize::from(trades.take().unwrap().is_some()) as u64;
        }
        stop.store(true, Ordering::Relaxed);
        node.join().unwrap().unwrap();
    });
    let wanted = written(&stats, "quotes");
    got_quotes += count(|| usize::from(quotes.take().unwrap().is_some()), wanted - got_quotes);
    let wanted_trades = written(&stats, "trades");
    got_trades +=
        count(|| usize::from(trades.take().unwrap().is_some()), wanted_trades - got_trades);
    assert_eq!((got_quotes, got_trades), (wanted, wanted_trades));
    assert!(wanted_trades > 0);
}

#[test]
fn a_fault_is_announced_and_ended_under_one_key() {
    let domain = free_domain();
    let (ours, theirs) = (join(domain, "plant/pump1"), join(domain, "watcher"));
    let truth = theirs.reader::<FaultTruth>("truth", &Qos::event()).unwrap();
    let vibration = theirs.reader::<Vibration>("vibration", &Qos::reliable()).unwrap();
    let (stop, stats) = (AtomicBool::new(false), Stats::default());
    let faults = Plan { kinds: vec![Kind::Bearing], first_s: 0.1, every_s: 4.0, lasts_s: 2.0 };
    let options = pump::Options { faults, ..Default::default() };
    let wiring =
        Wiring { remap: [("current".into(), "motor/current".into())].into(), ..Wiring::default() };
    let mut told = Vec::new();
    std::thread::scope(|scope| {
        let node = scope.spawn(|| pump::run(&ours, &options, &wiring, &stop, &stats));
        let begun = Instant::now();
        while told.len() < 2 && begun.elapsed() < Duration::from_secs(20) && !node.is_finished() {
            while vibration.take().unwrap().is_some() {}
            told.extend(truth.recv_timeout(Duration::from_millis(20)).unwrap());
        }
        stop.store(true, Ordering::Relaxed);
        node.join().unwrap().unwrap();
    });
    let [start, end] = &told[..2] else { panic!("two announcements") };
    assert_eq!((start.data.kind.as_str(), start.data.topic.as_str()), ("bearing", "vibration"));
    assert_eq!((start.data.end_ns, start.info.key), (0, end.info.key));
    assert!(end.data.end_ns >= start.data.start_ns + 250_000_000);
    assert!(written(&stats, "motor/current") > 0, "remapped: {:?}", stats.topics());
}

#[test]
fn csv_rows_keep_their_values_and_labels_go_apart() {
    let dir = std::env::temp_dir().join(format!("tidewire-csv-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join("run.csv");
    let text = "datetime;Flow RateRMS;Pressure;anomaly\n2020-03-09 12:14:36;76.5;-0.25;0.0\n2020-03-09 12:14:37;77;0.5;1.0\n";
    std::fs::write(&file, text).unwrap();
    let idl = dir.join("made.idl");
    let options = csv::Options {
        file,
        topic: "rig".into(),
        point: "bench1".into(),
        speed: 0.0,
        idl_out: Some(idl.clone()),
        ..Default::default()
    };
    let domain = free_domain();
    let (ours, theirs) = (join(domain, "rig"), join(domain, "recorder"));
    let rows =
        theirs.raw_reader(&RawTopic::new("rig", "csv::Row", true), &Qos::reliable()).unwrap();
    let labels = theirs.reader::<Reading>("rig_label", &Qos::reliable()).unwrap();
    let (stop, stats) = (AtomicBool::new(false), Stats::default());
    let registry = tidewire_types::registry();
    csv::run(&ours, &options, &registry, &waiting_for("recorder"), &stop, &stats).unwrap();

    let mut made = tidewire_idl::TypeRegistry::new();
    made.add_file(&idl).unwrap();
    let desc = made.get("csv::Row").unwrap();
    let wait = Duration::from_secs(30);
    for (flow, pressure, second) in [(76.5, -0.25, 0), (77.0, 0.5, 1)] {
        let sample = rows.recv_timeout(wait).unwrap().unwrap();
        let value = decode(&desc, &sample.payload).unwrap();
        assert_eq!(value.get("point"), Some(&Value::String("bench1".into())));
        assert_eq!(value.get("flow_rate_rms"), Some(&Value::F64(flow)));
        assert_eq!(value.get("pressure"), Some(&Value::F64(pressure)));
        assert_eq!(sample.info.source_time, 1_583_756_076_000_000_000 + second * 1_000_000_000);
    }
    let label = labels.recv_timeout(wait).unwrap().unwrap();
    assert_eq!((label.data.channel.as_str(), label.data.value), ("anomaly", 0.0));
    assert_eq!(written(&stats, "rig"), 2);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn columns_that_do_not_fit_the_type_are_all_named() {
    let domain = free_domain();
    let ours = join(domain, "rig");
    let file = std::env::temp_dir().join(format!("tidewire-misfit-{}.csv", std::process::id()));
    std::fs::write(&file, "time;celsius;humidity\n2020-03-09 12:14:36;20;50\n").unwrap();
    let options = csv::Options {
        file: file.clone(),
        type_name: "tidewire::sensor::Current".into(),
        ..Default::default()
    };
    let (stop, stats) = (AtomicBool::new(false), Stats::default());
    let error =
        csv::run(&ours, &options, &tidewire_types::registry(), &Wiring::default(), &stop, &stats)
            .unwrap_err();
    let told = error.to_string();
    assert!(
        told.contains("amperes") && told.contains("celsius") && told.contains("humidity"),
        "{told}"
    );
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn a_reader_that_never_comes_is_named() {
    let domain = free_domain();
    let ours = join(domain, "rig");
    let wiring = Wiring { patience: Duration::from_millis(300), ..waiting_for("recorder") };
    let (stop, stats) = (AtomicBool::new(false), Stats::default());
    let error = pump::run(&ours, &pump::Options::default(), &wiring, &stop, &stats).unwrap_err();
    assert!(error.to_string().contains("`recorder` does not read topic `vibration`"), "{error}");
}

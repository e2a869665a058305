//! Every sample once: typed and raw, keyed and unkeyed, over each transport and over both.

mod common;

use common::*;
use tidewire_bus::{Backend, Change, InstanceState, KeyHash, Transports};
use tidewire_qos::Qos;
use tidewire_types::bench::Block64;
use tidewire_types::sensor::Temperature;

fn temperature(point: &str, celsius: f64) -> Temperature {
    Temperature { point: point.into(), celsius }
}

fn each_raw_sample_comes_once(transports: Transports) {
    let (a, b) = pair(transports);
    for keyed in [false, true] {
        let topic = raw(if keyed { "raw/keyed" } else { "raw/unkeyed" }, keyed);
        let reader = b.raw_reader(&topic, &everything()).unwrap();
        let writer = a.raw_writer(&topic, &everything()).unwrap();
        writer.wait_for_readers(1, PATIENCE).unwrap();
        let before = tidewire_bus::now_ns();
        for i in 0..100 {
            writer.write(&payload(&[i % 4, i]), before + i64::from(i), None).unwrap();
        }
        let mut got = Vec::new();
        wait("100 samples", || {
            reader.take_into(&mut got, 1000);
            got.len() >= 100
        });
        settle();
        assert_eq!(reader.take().unwrap(), None, "{transports:?}: nothing comes twice");
        for (i, sample) in got.iter().enumerate() {
            assert_eq!(sample.payload, payload(&[i as u32 % 4, i as u32]));
            assert_eq!(sample.info.source_time, before + i as i64);
            assert!(sample.info.reception_time >= before);
            assert_eq!(sample.info.writer, writer.guid());
            assert_eq!(sample.info.sequence, i as u64 + 1);
            if transports.shm || Backend::chosen().unwrap() == Backend::Cyclone {
                assert_eq!(&*sample.info.point, "plant/a");
            } else {
                assert_eq!(sample.info.point.len(), 8, "RustDDS announces no name");
            }
        }
        assert_eq!((reader.received(), reader.lost(), writer.written()), (100, 0, 100));
        assert_eq!(reader.matched_writers(), 1);
    }
}

fn each_typed_sample_comes_once(transports: Transports) {
    let (a, b) = pair(transports);
    let reader = b.reader::<Temperature>("plant/temperature", &everything()).unwrap();
    let writer = a.writer::<Temperature>("plant/temperature", &everything()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    let points = ["pump1", "pump2", "pump3"];
    for i in 0..30 {
        writer.write(&temperature(points[i % 3], i as f64)).unwrap();
    }
    writer.dispose(&temperature("pump2", 0.0)).unwrap();
    let mut keys = std::collections::BTreeMap::new();
    for i in 0..30 {
        let sample = reader.recv_timeout(PATIENCE).unwrap().expect("30 samples");
        assert_eq!(sample.data, temperature(points[i % 3], i as f64));
        assert_ne!(sample.info.key, KeyHash::default());
        keys.insert(points[i % 3], sample.info.key);
    }
    assert_eq!(keys.values().collect::<std::collections::BTreeSet<_>>().len(), 3);
    let mut end = None;
    wait("the dispose", || {
        end = reader.take_change().unwrap();
        end.is_some()
    });
    let Some(Change::Ended { info, key }) = end else { panic!("{end:?} is no end") };
    assert_eq!(info.state, InstanceState::Disposed);
    assert_eq!(info.key, keys["pump2"]);
    assert_eq!(key.unwrap().point, "pump2");
    assert_eq!(reader.lost(), 0);
}

fn each_block_comes_once(transports: Transports) {
    let (a, b) = pair(transports);
    let reader = b.reader::<Block64>("block", &everything()).unwrap();
    let writer = a.writer::<Block64>("block", &everything()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    for i in 0..20u8 {
        if i % 2 == 0 {
            writer.write(&Block64 { data: [i; 64] }).unwrap();
        } else {
            let mut loan = writer.loan().unwrap();
            loan.data.fill(i);
            loan.send().unwrap();
        }
    }
    drop(writer.loan().unwrap());
    for i in 0..20u8 {
        let sample = reader.recv_timeout(PATIENCE).unwrap().expect("20 blocks");
        assert_eq!(sample.data.data, [i; 64]);
        assert_eq!(sample.info.sequence, u64::from(i) + 1);
    }
    settle();
    assert!(reader.take().unwrap().is_none());
    assert_eq!(reader.lost(), 0, "a loan that is dropped is no lost sample");
}

#[test]
fn over_dds() {
    each_raw_sample_comes_once(DDS);
    each_typed_sample_comes_once(DDS);
    each_block_comes_once(DDS);
}

#[test]
fn over_shared_memory() {
    each_raw_sample_comes_once(SHM);
    each_typed_sample_comes_once(SHM);
    each_block_comes_once(SHM);
}

#[test]
fn over_both() {
    each_raw_sample_comes_once(BOTH);
    each_typed_sample_comes_once(BOTH);
    each_block_comes_once(BOTH);
}

#[test]
fn a_participant_hears_itself_once_over_each_transport() {
    for transports in [DDS, SHM, BOTH] {
        let (a, _b) = pair(transports);
        let topic = raw("self", true);
        let reader = a.raw_reader(&topic, &everything()).unwrap();
        let writer = a.raw_writer(&topic, &everything()).unwrap();
        writer.wait_for_readers(1, PATIENCE).unwrap();
        writer.write(&payload(&[1, 2]), 5, None).unwrap();
        let sample = reader.recv_timeout(PATIENCE).unwrap().expect("our own sample");
        assert_eq!((word(&sample, 1), &*sample.info.point), (2, "plant/a"));
        settle();
        assert!(reader.take().unwrap().is_none());
    }
}

#[test]
fn a_writer_whose_readers_are_all_here_sends_no_dds_data() {
    let domain = tidewire_bus::testing::free_domain();
    let make = |name: &str, transports| {
        tidewire_bus::Participant::builder()
            .domain(domain)
            .name(name)
            .transports(transports)
            .build()
            .unwrap()
    };
    let (a, b) = (make("a", BOTH), make("b", BOTH));
    let topic = raw("quiet", false);
    let here = b.raw_reader(&topic, &everything()).unwrap();
    let writer = a.raw_writer(&topic, &everything()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    // The DDS match is known too, and still nothing goes out.
    wait("DDS discovery", || b.topics().iter().any(|t| t.name == "quiet" && t.writers.len() == 1));
    for i in 0..100 {
        writer.write(&payload(&[i]), 0, None).unwrap();
    }
    for i in 0..100 {
        assert_eq!(word(&here.recv_timeout(PATIENCE).unwrap().unwrap(), 0), i);
    }
    assert_eq!(writer.dds_data_written(), 0);
    // A reader without shared memory stands for one on another host.
    let far = make("far", DDS);
    let there = far.raw_reader(&topic, &everything()).unwrap();
    writer.wait_for_readers(2, PATIENCE).unwrap();
    for i in 100..200 {
        writer.write(&payload(&[i]), 0, None).unwrap();
    }
    for i in 100..200 {
        assert_eq!(word(&here.recv_timeout(PATIENCE).unwrap().unwrap(), 0), i);
        assert_eq!(word(&there.recv_timeout(PATIENCE).unwrap().unwrap(), 0), i);
    }
    assert_eq!(writer.dds_data_written(), 100);
    settle();
    assert!(here.take().unwrap().is_none() && there.take().unwrap().is_none());
    assert_eq!((here.lost(), there.lost()), (0, 0));
    // And quiet again once it has gone.
    drop(there);
    wait("the far reader to go", || writer.matched_readers() == 1);
    writer.write(&payload(&[200]), 0, None).unwrap();
    assert_eq!(writer.dds_data_written(), 100);
}

#[test]
fn sensor_data_reaches_a_reader_that_keeps_the_last_five() {
    for transports in [DDS, SHM] {
        let (a, b) = pair(transports);
        let reader = b.reader::<Temperature>("t", &Qos::sensor_data()).unwrap();
        let writer = a.writer::<Temperature>("t", &Qos::sensor_data()).unwrap();
        writer.wait_for_readers(1, PATIENCE).unwrap();
        let mut seen = None;
        wait("a reading", || {
            writer.write(&temperature("p", 1.0)).unwrap();
            seen = reader.take().unwrap();
            seen.is_some()
        });
        assert_eq!(seen.unwrap().data.celsius, 1.0);
    }
}

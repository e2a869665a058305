//! Late joiners of durable topics, and what others do not get.

mod common;

use std::collections::BTreeMap;

use common::*;
use tidewire_bus::Reader;
use tidewire_qos::Qos;
use tidewire_qos::policy::History;
use tidewire_types::bench::Block64;
use tidewire_types::sensor::Temperature;

fn temperature(point: usize, celsius: f64) -> Temperature {
    Temperature { point: format!("pump{point}"), celsius }
}

fn last(depth: u32) -> Qos {
    Qos { history: History::KeepLast(depth), ..Qos::event() }
}

#[test]
fn a_late_joiner_gets_the_last_sample_of_every_instance() {
    for transports in [DDS, SHM, BOTH] {
        let (a, b) = pair(transports);
        let writer = a.writer::<Temperature>("late", &last(1)).unwrap();
        // Instance 0 is written long before the others, and much less often.
        for i in 0..100 {
            writer.write(&temperature(0, f64::from(i))).unwrap();
        }
        for i in 0..300 {
            writer.write(&temperature(1 + i % 3, i as f64)).unwrap();
        }
        let reader = b.reader::<Temperature>("late", &last(1)).unwrap();
        let mut latest = BTreeMap::new();
        wait("four instances with their last samples", || {
            while let Some(sample) = reader.take().unwrap() {
                latest.insert(sample.data.point, sample.data.celsius);
            }
            latest.len() == 4 && latest["pump3"] == 299.0
        });
        assert_eq!(latest.into_values().collect::<Vec<_>>(), [99.0, 297.0, 298.0, 299.0]);
        // What is written from now on comes too, once.
        writer.write(&temperature(7, 7.0)).unwrap();
        let sample = reader.recv_timeout(PATIENCE).unwrap().expect("a live sample");
        assert_eq!(sample.data, temperature(7, 7.0), "{transports:?}");
        settle();
        assert!(reader.take().unwrap().is_none());
        assert_eq!(reader.lost(), 0);
    }
}

#[test]
fn a_second_late_joiner_repeats_nothing_to_the_first() {
    let (a, b) = pair(BOTH);
    let writer = a.writer::<Temperature>("late", &last(4)).unwrap();
    for i in 0..20 {
        writer.write(&temperature(i % 2, i as f64)).unwrap();
    }
    let drain = |reader: &tidewire_bus::Reader<Temperature>, count: usize| {
        let mut got = Vec::new();
        wait("history", || {
            while let Some(sample) = reader.take().unwrap() {
                got.push(sample.data.celsius);
            }
            got.len() >= count
        });
        settle();
        assert!(reader.take().unwrap().is_none());
        got
    };
    let first = b.reader::<Temperature>("late", &last(4)).unwrap();
    let expected: Vec<f64> = (12..20).map(f64::from).collect();
    assert_eq!(drain(&first, 8), expected);
    let second = b.reader::<Temperature>("late", &last(4)).unwrap();
    assert_eq!(drain(&second, 8), expected);
    assert!(first.take().unwrap().is_none());
    assert_eq!((first.lost(), second.lost()), (0, 0));
}

#[test]
fn a_volatile_reader_gets_nothing_old() {
    // Over DDS it does: RustDDS writers send their history to every reader.
    for transports in [SHM, BOTH] {
        let (a, b) = pair(transports);
        let topic = raw("old", false);
        let writer = a.raw_writer(&topic, &Qos::event()).unwrap();
        for i in 0..5 {
            writer.write(&payload(&[i]), 0, None).unwrap();
        }
        let reader = b.raw_reader(&topic, &Qos::reliable()).unwrap();
        writer.wait_for_readers(1, PATIENCE).unwrap();
        settle();
        writer.write(&payload(&[9]), 0, None).unwrap();
        let sample = reader.recv_timeout(PATIENCE).unwrap().expect("the new one");
        assert_eq!(word(&sample, 0), 9, "{transports:?}");
    }
}

#[test]
fn a_late_joiner_gets_the_whole_history_though_another_reader_is_full() {
    let (a, b) = pair(SHM);
    let mut qos = last(64);
    qos.reliability = tidewire_qos::Reliability::Reliable {
        max_blocking_time: tidewire_qos::Duration::from_millis(250),
    };
    let writer = a.writer::<Temperature>("late", &qos).unwrap();
    let mut narrow = qos.clone();
    narrow.history = History::KeepAll;
    narrow.resource_limits.max_samples = Some(16);
    let stopped = b.reader::<Temperature>("late", &narrow).unwrap();
    const COUNT: usize = 20;
    let mut refused = 0;
    for i in 0..COUNT {
        refused += u32::from(writer.write(&temperature(0, i as f64)).is_err());
    }
    assert!(refused > 0, "the reader that does not take is full");
    let reader = b.reader::<Temperature>("late", &last(64)).unwrap();
    let mut got = Vec::new();
    wait("the history", || {
        while let Some(sample) = reader.take().unwrap() {
            got.push(sample.data.celsius);
        }
        got.len() >= COUNT
    });
    assert_eq!(got, (0..COUNT).map(|i| i as f64).collect::<Vec<_>>());
    drop(stopped);
}

/// iceoryx2 knows it before the writer does, which cannot look while a loan is out: what is sent then must
/// not come before the history, nor instead of it.
#[test]
fn who_comes_in_anothers_place_while_a_sample_is_filled_gets_the_history_first() {
    let (a, b) = pair(SHM);
    let keeps = Qos { history: History::KeepAll, ..last(64) };
    let writer = a.writer::<Block64>("loaned", &last(64)).unwrap();
    let taken = |reader: &Reader<Block64>, count: usize| {
        let mut got = Vec::new();
        wait("all samples", || {
            while let Some(sample) = reader.take().unwrap() {
                got.push(sample.data.data[0]);
            }
            got.len() >= count
        });
        got
    };
    let first = b.reader::<Block64>("loaned", &keeps).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    for i in 1..=5 {
        writer.write(&Block64 { data: [i; 64] }).unwrap();
    }
    assert_eq!(taken(&first, 5), [1, 2, 3, 4, 5]);
    let mut loan = writer.loan().unwrap();
    drop(first);
    let second = b.reader::<Block64>("loaned", &keeps).unwrap();
    loan.data.fill(6);
    loan.send().unwrap();
    drop(writer);
    assert_eq!(taken(&second, 6), [1, 2, 3, 4, 5, 6]);
    assert_eq!(second.lost(), 0);
}

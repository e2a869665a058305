//! Bursts, queues, waiting.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::*;
use tidewire_bus::Transports;
use tidewire_qos::Qos;
use tidewire_qos::policy::{History, Reliability};

fn burst(transports: Transports) {
    const COUNT: u32 = 20_000;
    let (a, b) = pair(transports);
    let topic = raw("burst", false);
    let reader = b.raw_reader(&topic, &everything()).unwrap();
    let writer = a.raw_writer(&topic, &everything()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    // RustDDS acknowledges more than it keeps, if nobody gets a processor to take it. How much that is it must
    // see first: nobody knows the type.
    let taken = Arc::new(AtomicU32::new(0));
    let seen = taken.clone();
    let feeder = std::thread::spawn(move || {
        for i in 0..COUNT {
            wait("room", || {
                let taken = seen.load(Ordering::Relaxed);
                i - taken < if taken < 300 { 500 } else { 4_000 }
            });
            let mut words = [0; 16];
            words[0] = i;
            writer.write(&payload(&words), i64::from(i), None).unwrap();
        }
        writer
    });
    let mut got = Vec::with_capacity(COUNT as usize);
    wait("the whole burst", || {
        reader.take_into(&mut got, usize::MAX);
        taken.store(got.len() as u32, Ordering::Relaxed);
        got.len() >= COUNT as usize
    });
    let _writer = feeder.join().unwrap();
    assert!(got.iter().enumerate().all(|(i, sample)| word(sample, 0) == i as u32));
    settle();
    assert_eq!((reader.take().unwrap(), reader.lost()), (None, 0), "{transports:?}");
}

#[test]
fn a_reliable_burst_is_lossless_over_dds() {
    burst(DDS);
}

#[test]
fn a_reliable_burst_is_lossless_over_shared_memory() {
    burst(SHM);
}

#[test]
fn a_reader_that_sleeps_through_thousands_of_samples_has_them_all() {
    // RustDDS alone would keep 64.
    let (a, b) = pair(DDS);
    let topic = raw("sleep", true);
    let reader = b.raw_reader(&topic, &everything()).unwrap();
    let writer = a.raw_writer(&topic, &everything()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    // So many tell it how large the others will be.
    let put = |i| writer.write(&payload(&[i % 7, i]), 0, None).unwrap();
    let mut got = Vec::new();
    let mut take = |count| {
        wait("all", || {
            reader.take_into(&mut got, usize::MAX);
            got.len() >= count
        });
    };
    (0..300).for_each(put);
    take(300);
    (300..3_000).for_each(put);
    assert!(writer.wait_for_acknowledgments(PATIENCE));
    take(3_000);
    assert_eq!(reader.lost(), 0);
}

#[test]
fn keep_last_over_dds_keeps_the_newest_of_what_was_not_taken() {
    let (a, b) = pair(DDS);
    let topic = raw("last", false);
    let qos = Qos { history: History::KeepLast(3), ..everything() };
    let reader = b.raw_reader(&topic, &qos).unwrap();
    let writer = a.raw_writer(&topic, &everything()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    for i in 0..10 {
        writer.write(&payload(&[i]), 0, None).unwrap();
    }
    assert!(writer.wait_for_acknowledgments(PATIENCE));
    settle();
    let mut got = Vec::new();
    wait("the newest", || {
        reader.take_into(&mut got, 100);
        got.last().is_some_and(|sample| word(sample, 0) == 9)
    });
    assert_eq!(got.iter().map(|s| word(s, 0)).collect::<Vec<_>>(), [7, 8, 9]);
}

#[test]
fn waiting_ends_when_a_sample_comes_and_misses_none() {
    for transports in [DDS, SHM, BOTH] {
        let (a, b) = pair(transports);
        let topic = raw("wake", false);
        let reader = b.raw_reader(&topic, &everything()).unwrap();
        let writer = a.raw_writer(&topic, &everything()).unwrap();
        writer.wait_for_readers(1, PATIENCE).unwrap();
        let feeder = std::thread::spawn(move || {
            for i in 0..50 {
                std::thread::sleep(Duration::from_millis(u64::from(i % 3)));
                writer.write(&payload(&[i]), 0, None).unwrap();
            }
            writer
        });
        let mut got = Vec::new();
        while got.len() < 50 {
            reader.take_into(&mut got, 100);
            if got.len() < 50 {
                // Also without end.
                let patience = if got.len() % 2 == 0 { PATIENCE } else { Duration::MAX };
                assert!(b.wait(patience), "{transports:?}: a wake-up was missed");
            }
        }
        feeder.join().unwrap();
    }
}

#[test]
fn async_readers_are_woken() {
    let (a, b) = pair(BOTH);
    let topic = raw("async", false);
    let reader = b.raw_reader(&topic, &everything()).unwrap();
    let writer = a.raw_writer(&topic, &everything()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    let feeder = std::thread::spawn(move || {
        for i in 0..20 {
            std::thread::sleep(Duration::from_millis(1));
            writer.write(&payload(&[i]), 0, None).unwrap();
        }
        writer
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        for i in 0..20 {
            let sample = tokio::time::timeout(PATIENCE, reader.recv()).await.unwrap().unwrap();
            assert_eq!(word(&sample, 0), i);
        }
    });
    feeder.join().unwrap();
}

/// Longer than a thread is likely to be without a processor, so that nothing is due in between.
const SEPARATION: tidewire_qos::Duration = tidewire_qos::Duration::from_secs(1);

#[test]
fn a_time_based_filter_thins_a_stream() {
    let reliable = everything().reliability;
    // Under RELIABLE the last sample comes, too. Without it any may get lost on the wire.
    for (transports, reliability, expected) in [
        (DDS, reliable, &[0, 10, 20, 30, 40, 49][..]),
        (SHM, reliable, &[0, 10, 20, 30, 40, 49]),
        (SHM, Reliability::BestEffort, &[0, 10, 20, 30, 40]),
    ] {
        let (a, b) = pair(transports);
        let topic = raw("thin", false);
        let qos = Qos { time_based_filter: SEPARATION, reliability, ..everything() };
        let reader = b.raw_reader(&topic, &qos).unwrap();
        let writer = a.raw_writer(&topic, &everything()).unwrap();
        writer.wait_for_readers(1, PATIENCE).unwrap();
        reader.wait_for_writers(1, PATIENCE).unwrap();
        for tenth in 0..50 {
            writer.write(&payload(&[tenth]), 1 + i64::from(tenth) * 100_000_000, None).unwrap();
        }
        let mut got = Vec::new();
        wait("all of them", || {
            reader.take_into(&mut got, 100);
            got.len() >= expected.len()
        });
        std::thread::sleep(Duration::from_millis(1300));
        reader.take_into(&mut got, 100);
        let got: Vec<u32> = got.iter().map(|sample| word(sample, 0)).collect();
        assert_eq!(got, expected, "{transports:?} {reliability:?}");
    }
}

/// Whoever waits for the last sample is woken when it comes, however it waits.
#[test]
fn the_last_sample_that_a_time_based_filter_holds_wakes_whoever_waits() {
    for transports in [DDS, SHM] {
        let (a, b) = pair(transports);
        let topic = raw("last", false);
        let brief = tidewire_qos::Duration::from_millis(100);
        let qos = Qos { time_based_filter: brief, ..everything() };
        let (blocking, asynchronous, called) = (
            b.raw_reader(&topic, &qos).unwrap(),
            b.raw_reader(&topic, &qos).unwrap(),
            b.raw_reader(&topic, &qos).unwrap(),
        );
        let (found, heard) = std::sync::mpsc::channel();
        called
            .on_data(move |reader| {
                while let Ok(Some(sample)) = reader.take() {
                    let _ = found.send(word(&sample, 0));
                }
            })
            .unwrap();
        let writer = a.raw_writer(&topic, &everything()).unwrap();
        writer.wait_for_readers(3, PATIENCE).unwrap();
        for value in [1, 2, 3] {
            writer.write(&payload(&[value]), i64::from(value), None).unwrap();
        }
        let next = || blocking.recv_timeout(PATIENCE).unwrap().map(|sample| word(&sample, 0));
        assert_eq!((next(), next()), (Some(1), Some(3)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            for value in [1, 3] {
                let sample = tokio::time::timeout(PATIENCE, asynchronous.recv()).await;
                assert_eq!(word(&sample.unwrap().unwrap(), 0), value);
            }
        });
        for value in [1, 3] {
            assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), value);
        }
    }
}

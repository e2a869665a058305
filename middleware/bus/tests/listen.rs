//! Listeners: called with what comes, on every transport. This test runs its own binary again as a process
//! that loses packets.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use tidewire_bus::{Backend, Participant, RawTopic, Transports, testing};
use tidewire_qos::{History, Qos, Reliability};
use tidewire_types::bench::{Block64, KeyedSeq};
use tidewire_types::sensor::Temperature;

const PATIENCE: Duration = Duration::from_secs(20);

/// Shared memory, and DDS on every backend there is.
fn ways() -> Vec<(Transports, Backend)> {
    let shm = Transports { dds: false, shm: true };
    let dds = Transports { dds: true, shm: false };
    let backends = [Backend::RustDds, Backend::Cyclone].into_iter().filter(|b| b.is_built_in());
    let mut ways = vec![(shm, Backend::RustDds)];
    ways.extend(backends.map(|backend| (dds, backend)));
    ways
}

fn pair((transports, backend): (Transports, Backend)) -> (Participant, Participant) {
    let domain = testing::free_domain();
    let join = |name| {
        let builder = Participant::builder().domain(domain).name(name);
        builder.transports(transports).dds(backend).build().unwrap()
    };
    (join("near"), join("far"))
}

fn all() -> Qos {
    let max_blocking_time = tidewire_qos::Duration::from_secs(10);
    let reliability = Reliability::Reliable { max_blocking_time };
    Qos { history: History::KeepAll, reliability, ..Qos::reliable() }
}

#[test]
fn a_listener_takes_every_sample_in_order() {
    for way in ways() {
        let (near, far) = pair(way);
        let reader = far.reader::<KeyedSeq>("seq", &all()).unwrap();
        let writer = near.writer::<KeyedSeq>("seq", &all()).unwrap();
        let (found, heard) = mpsc::channel();
        reader
            .on_data(move |reader| {
                while let Some(sample) = reader.take().unwrap() {
                    found.send(sample.data.seq).unwrap();
                }
            })
            .unwrap();
        writer.wait_for_readers(1, PATIENCE).unwrap();
        for seq in 0..500 {
            writer.write(&KeyedSeq { seq, keyval: 1, baggage: vec![7; 100] }).unwrap();
        }
        for seq in 0..500 {
            assert_eq!(heard.recv_timeout(PATIENCE), Ok(seq), "{way:?}");
        }
        assert_eq!((reader.received(), reader.lost()), (500, 0), "{way:?}");
    }
}

/// RustDDS acknowledges what it has got, taken or not, so it must have room for what comes meanwhile. How much
/// it takes from the type.
#[test]
fn what_comes_while_a_listener_is_busy_is_not_lost() {
    const COUNT: u32 = 4_000;
    let (near, far) = pair((Transports { dds: true, shm: false }, Backend::RustDds));
    let reader = far.reader::<Temperature>("busy", &all()).unwrap();
    let writer = near.writer::<Temperature>("busy", &all()).unwrap();
    let (begin, begun) = mpsc::channel();
    let (found, heard) = mpsc::channel();
    let (go, may_go) = mpsc::channel();
    reader
        .on_data(move |reader| {
            while let Some(sample) = reader.take().unwrap() {
                if sample.data.celsius == 0.0 {
                    begin.send(()).unwrap();
                    may_go.recv().unwrap();
                }
                found.send(sample.data.celsius).unwrap();
            }
        })
        .unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    let put = |i: u32| {
        let value = Temperature { point: format!("p{}", i % 3), celsius: f64::from(i) };
        writer.write(&value).unwrap();
    };
    put(0);
    begun.recv_timeout(PATIENCE).unwrap();
    (1..COUNT).for_each(put);
    assert!(writer.wait_for_acknowledgments(PATIENCE));
    go.send(()).unwrap();
    for i in 0..COUNT {
        assert_eq!(heard.recv_timeout(PATIENCE), Ok(f64::from(i)));
    }
    assert_eq!(reader.lost(), 0);
}

#[test]
fn a_listener_may_answer_with_a_sample() {
    const ROUNDS: u8 = 200;
    for way in ways() {
        let (near, far) = pair(way);
        let (ask, answer) = (Qos::reliable(), Qos::reliable());
        let ping = near.writer::<Block64>("ping", &ask).unwrap();
        let pong = near.reader::<Block64>("pong", &answer).unwrap();
        let heard = far.reader::<Block64>("ping", &ask).unwrap();
        let back = far.writer::<Block64>("pong", &answer).unwrap();
        back.wait_for_readers(1, PATIENCE).unwrap();
        ping.wait_for_readers(1, PATIENCE).unwrap();
        heard
            .on_data(move |reader| {
                while let Some(sample) = reader.take().unwrap() {
                    back.write(&sample.data).unwrap();
                }
            })
            .unwrap();
        for round in 0..ROUNDS {
            ping.write(&Block64 { data: [round; 64] }).unwrap();
            let sample = pong.recv_timeout(PATIENCE).unwrap().expect("an answer");
            assert_eq!(sample.data.data, [round; 64], "{way:?}");
        }
    }
}

/// A listener answers each of `rounds` questions with more than a window holds.
fn answers_more_than_a_window_holds(way: (Transports, Backend), rounds: u32) {
    const BURST: u32 = 60;
    let (near, far) = pair(way);
    let ask = near.writer::<Block64>("ask", &all()).unwrap();
    let answers = near.reader::<KeyedSeq>("answers", &all()).unwrap();
    let heard = far.reader::<Block64>("ask", &all()).unwrap();
    let back = far.writer::<KeyedSeq>("answers", &all()).unwrap();
    ask.wait_for_readers(1, PATIENCE).unwrap();
    back.wait_for_readers(1, PATIENCE).unwrap();
    heard
        .on_data(move |reader| {
            while reader.take().unwrap().is_some() {
                for seq in 0..BURST {
                    back.write(&KeyedSeq { seq, keyval: 0, baggage: vec![1; 50_000] }).unwrap();
                }
            }
        })
        .unwrap();
    for round in 0..rounds {
        ask.write(&Block64 { data: [0; 64] }).unwrap();
        for seq in 0..BURST {
            let sample = answers.recv_timeout(PATIENCE).unwrap().expect("an answer").data;
            let found = (sample.seq, sample.baggage.len());
            assert_eq!(found, (seq, 50_000), "{way:?} in round {round}");
        }
    }
}

#[test]
fn a_listener_may_write_more_than_a_window_holds() {
    for way in ways() {
        answers_more_than_a_window_holds(way, 1);
    }
}

/// Cyclone DDS would make do with a smaller window after each loss.
#[test]
fn and_where_packets_are_lost() {
    // In permille, of those that a process sends.
    const LOSSY: &str = "<CycloneDDS><Domain Id=\"any\"><Internal><Test>\
                         <XmitLossiness>50</XmitLossiness></Test></Internal></Domain></CycloneDDS>";
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["as_the_process_that_loses_packets", "--exact", "--nocapture"])
        .env("TIDEWIRE_TEST_LOSSY", "")
        .env("CYCLONEDDS_URI", LOSSY)
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn as_the_process_that_loses_packets() {
    if std::env::var_os("TIDEWIRE_TEST_LOSSY").is_none() {
        return;
    }
    for way in ways().into_iter().filter(|(_, backend)| *backend == Backend::Cyclone) {
        answers_more_than_a_window_holds(way, 6);
    }
}

#[test]
fn what_waits_already_is_found_and_nothing_is_called_afterwards() {
    for way in ways() {
        let (near, far) = pair(way);
        let topic = RawTopic::new("raw", "bench::Raw", false);
        let reader = far.raw_reader(&topic, &all()).unwrap();
        let writer = near.raw_writer(&topic, &all()).unwrap();
        writer.wait_for_readers(1, PATIENCE).unwrap();
        let write = |byte: u8| {
            writer.write(&[0, 1, 0, 0, byte, 0, 0, 0], tidewire_bus::now_ns(), None).unwrap();
        };
        write(1);
        reader.wait_for_writers(1, PATIENCE).unwrap();
        let (found, heard) = mpsc::channel();
        let listen = |found: mpsc::Sender<u8>| {
            reader.on_data(move |reader| {
                while let Some(sample) = reader.take().unwrap() {
                    let _ = found.send(sample.payload[4]);
                }
            })
        };
        listen(found.clone()).unwrap();
        assert_eq!(heard.recv_timeout(PATIENCE), Ok(1), "{way:?}");
        // Another one in its place, then none.
        listen(found).unwrap();
        write(2);
        assert_eq!(heard.recv_timeout(PATIENCE), Ok(2), "{way:?}");
        reader.no_listener();
        write(3);
        let sample = reader.recv_timeout(PATIENCE).unwrap().expect("for whoever takes");
        assert_eq!((sample.payload[4], heard.try_recv().is_err()), (3, true), "{way:?}");
    }
}

#[test]
fn a_reader_may_go_while_its_listener_runs_or_inside_it() {
    for way in ways() {
        let (near, far) = pair(way);
        // A topic each, so that nobody takes the last one's reader for this one's.
        for topic in ["first", "second", "third"] {
            let writer = near.writer::<Block64>(topic, &all()).unwrap();
            let reader = Arc::new(far.reader::<Block64>(topic, &all()).unwrap());
            let calls = Arc::new(AtomicU64::new(0));
            let (own, counted) = (std::sync::Mutex::new(Some(reader.clone())), calls.clone());
            let (found, heard) = mpsc::channel();
            reader
                .on_data(move |reader| {
                    counted.fetch_add(1, Ordering::Relaxed);
                    if reader.take().unwrap().is_some() {
                        reader.no_listener();
                        // The last one, once the test has dropped its own.
                        drop(own.lock().unwrap().take());
                        let _ = found.send(());
                    }
                })
                .unwrap();
            writer.wait_for_readers(1, PATIENCE).unwrap();
            drop(reader);
            writer.write(&Block64 { data: [1; 64] }).unwrap();
            heard.recv_timeout(PATIENCE).unwrap();
            assert!(calls.load(Ordering::Relaxed) >= 1);
        }
    }
}

#[test]
fn a_listener_that_panics_is_called_no_more_and_nothing_else_suffers() {
    for way in ways() {
        let (near, far) = pair(way);
        let reader = far.reader::<Block64>("blocks", &all()).unwrap();
        let writer = near.writer::<Block64>("blocks", &all()).unwrap();
        writer.wait_for_readers(1, PATIENCE).unwrap();
        let (found, heard) = mpsc::channel();
        reader
            .on_data(move |reader| {
                if reader.take().unwrap().is_some() {
                    let _ = found.send(());
                    panic!("in a listener, on purpose");
                }
            })
            .unwrap();
        writer.write(&Block64 { data: [1; 64] }).unwrap();
        heard.recv_timeout(PATIENCE).unwrap();
        writer.write(&Block64 { data: [2; 64] }).unwrap();
        let sample = reader.recv_timeout(PATIENCE).unwrap().expect("delivered all the same");
        assert_eq!(sample.data.data[0], 2, "{way:?}");
    }
}

//! Policies the bus keeps itself, the same over every transport.

mod common;

use std::collections::BTreeSet;

use common::*;
use tidewire_bus::{Change, Participant, RawTopic, Reader, now_ns, testing};
use tidewire_idl::{Encoding, InstanceState, KeyHash, TypeSupport};
use tidewire_qos::policy::{DestinationOrder, LivelinessKind};
use tidewire_qos::{Duration, History, Library, Liveliness, Qos};
use tidewire_types::bench::KeyedSeq;
use tidewire_types::sensor::Temperature;

fn temperature(point: &str, celsius: f64) -> Temperature {
    Temperature { point: point.into(), celsius }
}

fn taken(reader: &Reader<Temperature>) -> Vec<(String, f64)> {
    let next = || reader.take().unwrap().map(|s| (s.data.point, s.data.celsius));
    std::iter::from_fn(next).collect()
}

fn sleep(ms: u64) {
    std::thread::sleep(std::time::Duration::from_millis(ms));
}

#[test]
fn samples_whose_lifespan_is_over_are_not_delivered() {
    for transports in [DDS, SHM, BOTH] {
        let (a, b) = pair(transports);
        let qos = Qos { lifespan: Duration::from_millis(200), ..Qos::reliable() };
        let writer = a.writer::<Temperature>("short", &qos).unwrap();
        let reader = b.reader::<Temperature>("short", &Qos::reliable()).unwrap();
        writer.wait_for_readers(1, PATIENCE).unwrap();
        let far = now_ns() + 3_600_000_000_000;
        writer.write(&temperature("p", 1.0)).unwrap();
        writer.write_at(&temperature("p", 2.0), far).unwrap();
        sleep(600);
        writer.write_at(&temperature("p", 3.0), far + 1).unwrap();
        let mut got = Vec::new();
        wait("the last sample", || {
            got.extend(taken(&reader).into_iter().map(|(_, celsius)| celsius));
            got.last() == Some(&3.0)
        });
        assert_eq!(got, [2.0, 3.0], "{transports:?}");
        assert_eq!(reader.lost(), 0, "expired is not lost");
    }
}

#[test]
fn late_joiners_get_no_expired_history() {
    for transports in [DDS, SHM, BOTH] {
        let (a, b) = pair(transports);
        let qos = Qos { lifespan: Duration::from_secs(60), ..Qos::event() };
        let writer = a.writer::<Temperature>("short", &qos).unwrap();
        let hour_ago = now_ns() - 3_600_000_000_000;
        writer.write_at(&temperature("old", 1.0), hour_ago).unwrap();
        writer.write(&temperature("young", 2.0)).unwrap();
        let reader = b.reader::<Temperature>("short", &Qos::event()).unwrap();
        let mut got = Vec::new();
        wait("history", || {
            got.extend(taken(&reader));
            !got.is_empty()
        });
        settle();
        got.extend(taken(&reader));
        assert_eq!(got, [("young".to_owned(), 2.0)], "{transports:?}");
    }
}

#[test]
fn a_reader_by_source_time_passes_over_what_comes_late() {
    for transports in [DDS, SHM, BOTH] {
        let (a, b) = pair(transports);
        let order = DestinationOrder::BySourceTimestamp;
        let qos = Qos { destination_order: order, ..Qos::reliable() };
        let writer = a.writer::<Temperature>("ordered", &qos).unwrap();
        let ordered = b.reader::<Temperature>("ordered", &qos).unwrap();
        let plain = b.reader::<Temperature>("ordered", &Qos::reliable()).unwrap();
        writer.wait_for_readers(2, PATIENCE).unwrap();
        let sent = [("p", 10), ("p", 30), ("q", 20), ("p", 25), ("p", 30), ("q", 19), ("p", 40)];
        for (point, time) in sent {
            writer
                .write_at(&temperature(point, time as f64), 1_800_000_000_000_000_000 + time)
                .unwrap();
        }
        let times = |reader: &Reader<Temperature>, last: f64| {
            let mut got: Vec<f64> = Vec::new();
            wait("the last sample", || {
                got.extend(taken(reader).into_iter().map(|(_, celsius)| celsius));
                got.last() == Some(&last)
            });
            got
        };
        assert_eq!(times(&ordered, 40.0), [10.0, 30.0, 20.0, 30.0, 40.0], "{transports:?}");
        assert_eq!(times(&plain, 40.0).len(), sent.len(), "{transports:?}");
    }
}

#[test]
fn without_the_type_there_is_no_order_by_source_time() {
    let (a, _b) = pair(BOTH);
    let topic = RawTopic::new("ordered", Temperature::TYPE_NAME, true);
    let order = DestinationOrder::BySourceTimestamp;
    let qos = Qos { destination_order: order, ..Qos::reliable() };
    let refused = a.raw_reader(&topic, &qos).map(drop).unwrap_err().to_string();
    assert!(refused.contains("DESTINATION_ORDER") && refused.contains("type"), "{refused}");
    let unkeyed = RawTopic { keyed: false, ..topic };
    a.raw_reader(&unkeyed, &qos).unwrap();
}

#[test]
fn what_a_profile_wants_of_a_participant_is_refused_where_it_would_be_ignored() {
    let library = Library::parse(
        "line.xml",
        "<dds><qos_library name=\"L\"><qos_profile name=\"Line\"><domain_participant_qos>
         <user_data><value>AQID</value></user_data>
         </domain_participant_qos></qos_profile></qos_library></dds>",
    );
    let line = library.unwrap().profile("Line").unwrap();
    let builder = Participant::builder().domain(testing::free_domain()).name("plant/line");
    let refused = builder.profile(line).build().map(drop).unwrap_err().to_string();
    assert!(refused.contains("USER_DATA") && refused.contains("plant/line"), "{refused}");
}

#[test]
fn a_reader_with_a_deadline_that_never_takes_still_holds_its_writer_back() {
    let (a, b) = pair(SHM);
    let mut qos = everything();
    qos.deadline = Duration::from_millis(40);
    qos.reliability = tidewire_qos::policy::Reliability::Reliable {
        max_blocking_time: Duration::from_millis(300),
    };
    let reader = b.reader::<Temperature>("held", &qos).unwrap();
    let writer = a.writer::<Temperature>("held", &qos).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    let full = (0..20_000).position(|i| writer.write(&temperature("p", f64::from(i))).is_err());
    let written = full.expect("the reader's queue and its memory are bounded");
    let mut got = 0;
    wait("all that was written", || {
        got += taken(&reader).len();
        got >= written
    });
    assert_eq!(got, written, "the sample that timed out is not delivered");
}

/// A key of zeros has a hash of zeros, as what has no key at all.
#[test]
fn the_instance_with_key_zero_is_one_like_others() {
    for transports in [DDS, SHM] {
        let (a, b) = pair(transports);
        let lease = if transports == SHM { Duration::from_secs(10) } else { Duration::INFINITE };
        let liveliness = Liveliness { kind: LivelinessKind::Automatic, lease };
        let requested = Qos { liveliness, time_based_filter: HOUR, ..everything() };
        let reader = b.reader::<KeyedSeq>("zero", &requested).unwrap();
        let writers = [(); 2].map(|()| {
            let writer = a.writer::<KeyedSeq>("zero", &Qos { liveliness, ..everything() }).unwrap();
            writer.wait_for_readers(1, PATIENCE).unwrap();
            writer
        });
        reader.wait_for_writers(2, PATIENCE).unwrap();
        for (seq, keyval) in [(1, 0), (2, 1), (3, 0)] {
            writers[seq as usize % 2].write(&KeyedSeq { seq, keyval, baggage: vec![] }).unwrap();
            writers[0].write(&KeyedSeq { seq: 9, keyval, baggage: vec![] }).unwrap();
        }
        writers.iter().for_each(|writer| assert!(writer.wait_for_acknowledgments(PATIENCE)));
        settle();
        drop(writers);
        let (mut got, mut ended) = (Vec::new(), BTreeSet::new());
        wait("all there is", || {
            while let Some(change) = reader.take_change().unwrap() {
                match change {
                    Change::Data(sample) => got.push(sample.data.keyval),
                    Change::Ended { info, .. } => {
                        assert_eq!(info.state, InstanceState::Unregistered);
                        ended.insert(info.key);
                    }
                }
            }
            transports == DDS && got.len() == 2 || ended.len() == 2
        });
        got.sort_unstable();
        // One of each instance passes the filter; and where it ends, its last.
        let expected: &[u32] = if transports == DDS { &[0, 1] } else { &[0, 0, 1, 1] };
        assert_eq!(got, expected);
        assert_eq!(ended.contains(&KeyHash::default()), transports == SHM);
    }
}

/// A value that a filter by time holds is not lost when its instance ends.
#[test]
fn the_last_value_comes_before_the_end_of_its_instance() {
    for transports in [DDS, SHM, BOTH] {
        for history in [History::KeepAll, History::KeepLast(8)] {
            let (a, b) = pair(transports);
            let qos = Qos { history, time_based_filter: HOUR, ..everything() };
            let reader = b.reader::<Temperature>("ending", &qos).unwrap();
            let writer = a.writer::<Temperature>("ending", &everything()).unwrap();
            writer.wait_for_readers(1, PATIENCE).unwrap();
            for celsius in [1.0, 2.0, 3.0] {
                writer.write(&temperature("p", celsius)).unwrap();
            }
            writer.dispose(&temperature("p", 0.0)).unwrap();
            writer.write(&temperature("q", 5.0)).unwrap();
            let mut got = Vec::new();
            wait("the last sample", || {
                while let Some(change) = reader.take_change().unwrap() {
                    got.push(match change {
                        Change::Data(sample) => Some(sample.data.celsius),
                        _ => None,
                    });
                }
                got.last() == Some(&Some(5.0))
            });
            assert_eq!(got, [Some(1.0), Some(3.0), None, Some(5.0)], "{transports:?} {history}");
        }
    }
}

/// What came first over one transport is not delivered after what came later over the other.
#[test]
fn the_newest_value_comes_last_whichever_way_it_came() {
    let (near, b) = pair(BOTH);
    let far = Participant::builder().domain(b.domain()).name("plant/far").transports(DDS);
    let far = far.build().unwrap();
    let order = DestinationOrder::BySourceTimestamp;
    let qos = Qos { destination_order: order, ..everything() };
    let last = Qos { history: History::KeepLast(4), ..qos.clone() };
    let reader = b.reader::<Temperature>("both", &last).unwrap();
    let [over_shm, over_dds] =
        [&near, &far].map(|of| of.writer::<Temperature>("both", &qos).unwrap());
    over_shm.wait_for_readers(1, PATIENCE).unwrap();
    over_dds.wait_for_readers(1, PATIENCE).unwrap();
    reader.wait_for_writers(2, PATIENCE).unwrap();
    let mut time = now_ns();
    // Whichever the reader asks first.
    for round in 0..4 {
        if round % 2 == 1 {
            assert!(reader.take().unwrap().is_none());
        }
        over_dds.write_at(&temperature("p", 1.0), time + 1).unwrap();
        assert!(over_dds.wait_for_acknowledgments(PATIENCE));
        settle();
        // Of the future, so that it has not waited.
        time += 3_600_000_000_000;
        over_shm.write_at(&temperature("p", 2.0), time).unwrap();
        let got: Vec<f64> = taken(&reader).into_iter().map(|(_, celsius)| celsius).collect();
        assert_eq!(got, [1.0, 2.0], "round {round}");
    }
}

const HOUR: Duration = Duration::from_secs(3600);

/// What a raw writer does not say of its instances, a reader that knows the type finds out.
#[test]
fn instances_of_raw_writers_are_told_apart() {
    let (a, b) = pair(SHM);
    let newest = Qos { history: History::KeepLast(1), ..everything() };
    let reader = b.reader::<Temperature>("raw", &newest).unwrap();
    let topic = RawTopic::new("raw", Temperature::TYPE_NAME, true);
    let all = b.raw_reader_of(&topic, &Temperature::descriptor(), &everything()).unwrap();
    let passing = Qos { time_based_filter: HOUR, ..everything() };
    let filtered = b.reader::<Temperature>("raw", &passing).unwrap();
    let writer = a.raw_writer(&topic, &everything()).unwrap();
    writer.wait_for_readers(3, PATIENCE).unwrap();
    for (point, celsius) in [("p", 1.0), ("q", 2.0), ("p", 3.0)] {
        let mut payload = Vec::new();
        temperature(point, celsius).encode(Encoding::XCDR1, &mut payload);
        writer.write(&payload, now_ns(), None).unwrap();
    }
    sleep(20);
    assert_eq!(taken(&reader), [("q".to_owned(), 2.0), ("p".to_owned(), 3.0)]);
    assert_eq!(taken(&filtered), [("p".to_owned(), 1.0), ("q".to_owned(), 2.0)]);
    let keys: Vec<_> = std::iter::from_fn(|| all.take().unwrap()).map(|s| s.info.key).collect();
    assert_eq!(keys, ["p", "q", "p"].map(|point| temperature(point, 0.0).key_hash()));
}

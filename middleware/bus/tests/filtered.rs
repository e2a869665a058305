//! Content-filtered readers, the same over every transport.

mod common;

use common::*;
use tidewire_bus::{BusError, Change, InstanceState, RawTopic, Reader};
use tidewire_idl::TypeSupport;
use tidewire_qos::Qos;
use tidewire_qos::policy::History;
use tidewire_types::bench::Block64;
use tidewire_types::sensor::Temperature;

fn temperature(point: &str, celsius: f64) -> Temperature {
    Temperature { point: point.into(), celsius }
}

/// Takes until the value `last` has come.
fn until(reader: &Reader<Temperature>, last: f64) -> Vec<f64> {
    let mut got = Vec::new();
    wait("the last sample", || {
        got.extend(std::iter::from_fn(|| reader.take().unwrap()).map(|s| s.data.celsius));
        got.last() == Some(&last)
    });
    got
}

#[test]
fn only_what_matches_is_delivered_and_nothing_counts_as_lost() {
    for transports in [DDS, SHM, BOTH] {
        let (a, b) = pair(transports);
        let writer = a.writer::<Temperature>("t", &everything()).unwrap();
        let expression = "celsius >= %0 AND point LIKE 'p%'";
        let hot =
            b.reader_filtered::<Temperature>("t", &everything(), expression, &["50"]).unwrap();
        let topic = RawTopic::new("t", Temperature::TYPE_NAME, true);
        let ty = Temperature::descriptor();
        let raw = b.raw_reader_filtered(&topic, &ty, &everything(), "celsius < 3", &[]).unwrap();
        let all = b.reader::<Temperature>("t", &everything()).unwrap();
        writer.wait_for_readers(3, PATIENCE).unwrap();
        for i in 0..100 {
            writer.write(&temperature(if i % 2 == 0 { "p" } else { "q" }, f64::from(i))).unwrap();
        }
        let expected: Vec<f64> = (50..100).filter(|i| i % 2 == 0).map(f64::from).collect();
        assert_eq!(until(&hot, 98.0), expected, "{transports:?}");
        assert_eq!(until(&all, 99.0).len(), 100);
        assert!(hot.take().unwrap().is_none());
        assert_eq!((hot.received(), hot.lost()), (25, 0), "{transports:?}");
        wait("those that do not pass", || hot.filtered() == 75);
        assert_eq!((all.filtered(), all.filter().is_none()), (0, true));
        let mut few = Vec::new();
        wait("raw samples", || {
            raw.take_into(&mut few, 100);
            raw.filtered() == 97
        });
        assert_eq!((few.len(), raw.lost()), (3, 0), "{transports:?}");

        // Other parameters, for what comes from now on.
        hot.set_expression_parameters(&["10"]).unwrap();
        assert_eq!(hot.filter().unwrap().parameters(), ["10"]);
        for celsius in [5.0, 20.0] {
            writer.write(&temperature("p", celsius)).unwrap();
        }
        assert_eq!(until(&hot, 20.0), [20.0], "{transports:?}");
        let wrong = hot.set_expression_parameters(&["warm"]).unwrap_err();
        assert!(matches!(wrong, BusError::Filter(_)), "{wrong}");
        assert_eq!(hot.filter().unwrap().parameters(), ["10"]);
        let none = all.set_expression_parameters(&["1"]).unwrap_err().to_string();
        assert!(none.contains("no filter"), "{none}");
    }
}

#[test]
fn what_does_not_match_takes_no_place_in_the_dds_queue() {
    let (a, b) = pair(DDS);
    let qos = Qos { history: History::KeepLast(2), ..Qos::reliable() };
    let writer = a.writer::<Temperature>("t", &everything()).unwrap();
    let reader =
        b.reader_filtered::<Temperature>("t", &qos, "celsius > 100 OR celsius = 9", &[]).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    for celsius in [101.0, 102.0, 1.0, 2.0, 3.0, 4.0] {
        writer.write(&temperature("p", celsius)).unwrap();
    }
    wait("six samples", || reader.filtered() == 4);
    let taken = std::iter::from_fn(|| reader.take().unwrap()).map(|s| s.data.celsius);
    assert_eq!(taken.collect::<Vec<_>>(), [101.0, 102.0]);
    assert_eq!(reader.lost(), 0);
}

#[test]
fn history_is_filtered_too() {
    for transports in [DDS, SHM, BOTH] {
        let (a, b) = pair(transports);
        let writer = a.writer::<Temperature>("t", &Qos::event()).unwrap();
        for (point, celsius) in [("p", 1.0), ("q", 20.0), ("r", 30.0)] {
            writer.write(&temperature(point, celsius)).unwrap();
        }
        let reader =
            b.reader_filtered::<Temperature>("t", &Qos::event(), "celsius > 10", &[]).unwrap();
        let mut got = Vec::new();
        wait("history", || {
            got.extend(std::iter::from_fn(|| reader.take().unwrap()).map(|s| s.data.celsius));
            got.len() == 2 && reader.filtered() == 1
        });
        got.sort_by(f64::total_cmp);
        assert_eq!(got, [20.0, 30.0], "{transports:?}");
        assert_eq!(reader.lost(), 0);
    }
}

#[test]
fn ends_of_instances_pass_unless_their_key_says_otherwise() {
    for transports in [DDS, SHM] {
        let (a, b) = pair(transports);
        let writer = a.writer::<Temperature>("t", &everything()).unwrap();
        let make = |expression: &str| {
            b.reader_filtered::<Temperature>("t", &everything(), expression, &[]).unwrap()
        };
        let by_value = make("celsius > 10");
        let by_key = make("point = 'q' AND celsius > 0");
        writer.wait_for_readers(2, PATIENCE).unwrap();
        writer.write(&temperature("p", 1.0)).unwrap();
        writer.write(&temperature("q", 2.0)).unwrap();
        writer.dispose(&temperature("p", 0.0)).unwrap();
        writer.dispose(&temperature("q", 0.0)).unwrap();
        let changes = |reader: &Reader<Temperature>, count: usize| {
            let mut got = Vec::new();
            wait("changes", || {
                while let Some(change) = reader.take_change().unwrap() {
                    got.push(match change {
                        Change::Data(sample) => (sample.data.point, InstanceState::Alive),
                        Change::Ended { info, key } => (key.unwrap().point, info.state),
                    });
                }
                got.len() == count
            });
            got
        };
        let ended = |point: &str| (point.to_owned(), InstanceState::Disposed);
        assert_eq!(changes(&by_value, 2), [ended("p"), ended("q")], "{transports:?}");
        let alive = ("q".to_owned(), InstanceState::Alive);
        assert_eq!(changes(&by_key, 2), [alive, ended("q")], "{transports:?}");
        assert_eq!((by_value.filtered(), by_key.filtered()), (2, 2), "{transports:?}");
    }
}

#[test]
fn samples_read_in_place_are_filtered_where_they_lie() {
    let (a, b) = pair(SHM);
    let writer = a.writer::<Block64>("blocks", &everything()).unwrap();
    let reader =
        b.reader_filtered::<Block64>("blocks", &everything(), "data[63] = 7", &[]).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    for last in [1, 7, 3, 7] {
        let mut loan = writer.loan().unwrap();
        loan.data[63] = last;
        loan.send().unwrap();
    }
    let mut got = 0;
    wait("two blocks", || {
        while let Some(sample) = reader.take_loaned().unwrap() {
            assert_eq!(sample.data[63], 7);
            got += 1;
        }
        got == 2 && reader.filtered() == 2
    });
    assert_eq!(reader.lost(), 0);
}

#[test]
fn a_wrong_expression_makes_no_reader() {
    let (a, _b) = pair(SHM);
    let wrong = a
        .reader_filtered::<Temperature>("t", &Qos::reliable(), "celcius > 3", &[])
        .map(drop)
        .unwrap_err();
    let text = wrong.to_string();
    assert!(matches!(wrong, BusError::Filter(_)), "{text}");
    assert!(text.contains("filter:1:1") && text.contains("did you mean `celsius`?"), "{text}");
}

#[test]
fn what_cannot_be_read_passes_so_that_decoding_tells() {
    let (a, b) = pair(SHM);
    let topic = RawTopic::new("t", Temperature::TYPE_NAME, true);
    let writer = a.raw_writer(&topic, &everything()).unwrap();
    let reader = b.reader_filtered::<Temperature>("t", &everything(), "celsius > 3", &[]).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    writer.write(&[0, 1, 0, 0, 200, 0, 0, 0, 1, 1, 1, 1], tidewire_bus::now_ns(), None).unwrap();
    let mut told = None;
    wait("an error", || {
        told = reader.take().err();
        told.is_some()
    });
    assert!(told.unwrap().to_string().contains("cannot be decoded"));
}

//! Statuses of readers and writers (DDS 1.4, 2.2.4.1): each counts once, whichever transport tells.

use tidewire_bus::{Matched, StatusMask, now_ns};
use tidewire_qos::policy::{History, Policy};
use tidewire_qos::{Duration, Qos};
use tidewire_types::bench::Block64;
use tidewire_types::sensor::Temperature;

use crate::common::*;
use crate::face::*;

#[test]
fn who_is_matched_counts_once() {
    on_all(|a, b, transports| {
        let (topic, qos) = (raw("matched", true), everything());
        let reader = b.raw_reader(&topic, &qos).unwrap();
        assert_eq!(reader.subscription_matched(), Matched::default());
        let writer = a.raw_writer(&topic, &qos).unwrap();
        writer.wait_for_readers(1, PATIENCE).unwrap();
        reader.wait_for_writers(1, PATIENCE).unwrap();
        // The other transport may tell later.
        settle();
        let one = |last| Matched {
            total: 1,
            total_change: 1,
            current: 1,
            current_change: 1,
            last: Some(last),
        };
        let news = StatusMask::SUBSCRIPTION_MATCHED | StatusMask::LIVELINESS_CHANGED;
        assert_eq!(reader.status_changes(), news, "{transports:?}");
        let lively = reader.liveliness_changed();
        assert_eq!((lively.alive_count, lively.alive_count_change), (1, 1), "{transports:?}");
        assert_eq!(reader.liveliness_changed().alive_count_change, 0);
        assert_eq!(writer.status_changes(), StatusMask::PUBLICATION_MATCHED);
        assert_eq!(reader.subscription_matched(), one(writer.guid()), "{transports:?}");
        assert_eq!(writer.publication_matched(), one(reader.guid()), "{transports:?}");
        assert_eq!(reader.matched_publications(), [writer.guid()]);
        assert_eq!(writer.matched_subscriptions(), [reader.guid()]);
        assert!(reader.status_changes().is_empty() && writer.status_changes().is_empty());
        let seen = Matched { total_change: 0, current_change: 0, ..one(writer.guid()) };
        assert_eq!(reader.subscription_matched(), seen);

        let gone = writer.guid();
        drop(writer);
        wait("its end", || reader.status_changes().contains(StatusMask::SUBSCRIPTION_MATCHED));
        settle();
        let left = Matched { current: 0, current_change: -1, last: Some(gone), ..seen };
        assert_eq!(reader.subscription_matched(), left, "{transports:?}");
        let next = a.raw_writer(&topic, &qos).unwrap();
        reader.wait_for_writers(1, PATIENCE).unwrap();
        settle();
        let matched = reader.subscription_matched();
        assert_eq!((matched.total, matched.total_change, matched.current), (2, 1, 1));
        assert_eq!(matched.last, Some(next.guid()));
    });
}

#[test]
fn endpoints_of_one_participant_match_too() {
    on_all(|a, _, transports| {
        let writer = a.writer::<Temperature>("own", &everything()).unwrap();
        let reader = a.reader::<Temperature>("own", &everything()).unwrap();
        reader.wait_for_writers(1, PATIENCE).unwrap();
        writer.wait_for_readers(1, PATIENCE).unwrap();
        settle();
        assert_eq!(reader.subscription_matched().total, 1, "{transports:?}");
        assert_eq!(writer.publication_matched().last, Some(reader.guid()), "{transports:?}");
    });
}

#[test]
fn another_type_on_the_topic_is_no_match() {
    on_all(|a, b, transports| {
        let reader = b.reader::<Block64>("types", &everything()).unwrap();
        let other = tidewire_bus::RawTopic::new("types", "test::Other", false);
        let witness = b.raw_reader(&other, &everything()).unwrap();
        let writer = a.raw_writer(&other, &everything()).unwrap();
        wait("the witness", || witness.subscription_matched().current == 1);
        settle();
        assert_eq!(reader.subscription_matched(), Matched::default(), "{transports:?}");
        assert_eq!(writer.publication_matched().total, 1, "{transports:?}");
    });
}

#[test]
fn what_does_not_fit_is_told_once_by_policy() {
    on_all(|a, b, transports| {
        let topic = raw("misfit", false);
        let reader = b.raw_reader(&topic, &Qos::event()).unwrap();
        let writer = a.raw_writer(&topic, &Qos::sensor_data()).unwrap();
        wait("both sides' word", || {
            reader.status_changes().contains(StatusMask::REQUESTED_INCOMPATIBLE_QOS)
                && writer.status_changes().contains(StatusMask::OFFERED_INCOMPATIBLE_QOS)
        });
        settle();
        for found in [reader.requested_incompatible_qos(), writer.offered_incompatible_qos()] {
            assert_eq!((found.total, found.total_change), (1, 1), "{transports:?}");
            let policies = [(Policy::Durability, 1), (Policy::Reliability, 1)];
            assert_eq!(found.policies, policies, "{transports:?}");
            assert!(policies.iter().any(|(policy, _)| Some(*policy) == found.last_policy));
        }
        assert_eq!(reader.requested_incompatible_qos().total_change, 0);
        assert!(reader.status_changes().is_empty() && writer.status_changes().is_empty());
        assert_eq!(reader.subscription_matched(), Matched::default());
        assert_eq!(writer.publication_matched(), Matched::default());
        let _second = a.raw_writer(&topic, &Qos::reliable()).unwrap();
        wait("the second", || reader.requested_incompatible_qos().total == 2);
        let found = reader.requested_incompatible_qos();
        assert_eq!(found.policies, [(Policy::Durability, 2), (Policy::Reliability, 1)]);
        assert_eq!(found.last_policy, Some(Policy::Durability));
    });
}

#[test]
fn lost_samples_are_a_status() {
    let (a, b) = pair(SHM);
    let qos = Qos { history: History::KeepLast(1), ..Qos::sensor_data() };
    let reader = b.reader::<Block64>("lossy", &qos).unwrap();
    let writer = a.writer::<Block64>("lossy", &qos).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    // What is lost before the first sample comes is not known to have been.
    writer.write(&block(0)).unwrap();
    assert!(reader.recv_timeout(PATIENCE).unwrap().is_some());
    for round in 1..=2 {
        (0..1_000).for_each(|value| writer.write(&block(value)).unwrap());
        while reader.take().unwrap().is_some() {}
        assert!(reader.status_changes().contains(StatusMask::SAMPLE_LOST));
        let lost = reader.sample_lost();
        assert!(lost.total_change > 0 && lost.total == reader.lost(), "{lost:?}");
        assert!(round == 1 || lost.total_change < lost.total);
        assert_eq!(reader.sample_lost().total_change, 0);
        assert!(!reader.status_changes().contains(StatusMask::SAMPLE_LOST));
    }
}

#[test]
fn missed_deadlines_are_a_status_of_both_sides() {
    on_all(|a, b, _| {
        let timed = Qos { deadline: Duration::from_millis(100), ..everything() };
        let reader = b.reader::<Temperature>("timed", &timed).unwrap();
        let writer = a.writer::<Temperature>("timed", &timed).unwrap();
        writer.wait_for_readers(1, PATIENCE).unwrap();
        reader.wait_for_writers(1, PATIENCE).unwrap();
        writer.write_at(&temperature(1, 1), now_ns()).unwrap();
        wait("both to miss", || {
            reader.status_changes().contains(StatusMask::REQUESTED_DEADLINE_MISSED)
                && writer.status_changes().contains(StatusMask::OFFERED_DEADLINE_MISSED)
        });
        let (requested, offered) =
            (reader.requested_deadline_missed(), writer.offered_deadline_missed());
        assert!(requested.total_change > 0 && requested.total_change == requested.total);
        assert!(offered.total_change > 0 && offered.last == requested.last);
        wait("another", || reader.requested_deadline_missed().total > requested.total);
    });
}

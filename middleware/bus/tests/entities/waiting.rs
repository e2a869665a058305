//! Wait sets and their conditions (DDS 1.4, 2.2.2.1.6 to 2.2.2.1.9).

use std::time::Duration as Span;

use tidewire_bus::{BusError, Condition, ReadError, SampleStateKind as Ss, States, StatusMask};
use tidewire_qos::policy::History;
use tidewire_qos::{Duration, Qos};
use tidewire_types::sensor::Temperature;

use crate::common::*;
use crate::face::*;

#[test]
fn data_and_matches_wake_whoever_waits() {
    on_all(|a, b, transports| {
        let reader = b.cached_reader::<Temperature>("wake", &everything()).unwrap();
        let set = b.wait_set();
        let matched = reader.status_condition(StatusMask::SUBSCRIPTION_MATCHED);
        let fresh = reader.read_condition(States::NOT_READ);
        set.attach(&matched).unwrap();
        set.attach(&fresh).unwrap();
        assert!(set.wait(Span::from_millis(5)).is_empty(), "nothing has happened");
        let writer = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| set.wait(PATIENCE));
            std::thread::sleep(Span::from_millis(20));
            let writer = a.writer::<Temperature>("wake", &everything()).unwrap();
            let active = waiting.join().unwrap();
            assert!(active.len() == 1 && active[0] == matched, "{transports:?} {active:?}");
            writer
        });
        assert_eq!(reader.subscription_matched().current, 1);
        writer.wait_for_readers(1, PATIENCE).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| set.wait(PATIENCE));
            std::thread::sleep(Span::from_millis(20));
            writer.write(&temperature(1, 5)).unwrap();
            let active = waiting.join().unwrap();
            assert!(active.len() == 1 && active[0] == fresh, "{transports:?} {active:?}");
        });
        assert_eq!(reader.read_with(&fresh, 9).unwrap().len(), 1);
        assert!(set.wait(Span::from_millis(5)).is_empty(), "read by now");
        // Both at once.
        writer.write(&temperature(1, 6)).unwrap();
        drop(writer);
        wait("both", || set.wait(PATIENCE).len() == 2);
        assert_eq!(set.wait(PATIENCE), [Condition::from(&matched), Condition::from(&fresh)]);
    });
}

/// Nobody writes when a filter by time gives up the last sample.
#[test]
fn the_last_sample_of_a_filter_by_time_wakes_whoever_waits() {
    on_all(|a, b, _| {
        let time_based_filter = Duration::from_millis(300);
        let requested = Qos { time_based_filter, ..everything() };
        let reader = b.cached_reader::<Temperature>("last", &requested).unwrap();
        let writer = a.writer::<Temperature>("last", &everything()).unwrap();
        writer.wait_for_readers(1, PATIENCE).unwrap();
        (1..=3).for_each(|value| writer.write(&temperature(1, value)).unwrap());
        wait("the first", || reader.read(9, States::NOT_READ).unwrap().len() == 1);
        let (set, fresh) = (b.wait_set(), reader.read_condition(States::NOT_READ));
        set.attach(&fresh).unwrap();
        let (woken, heard) = std::sync::mpsc::channel();
        std::thread::spawn(move || woken.send(set.wait(Span::from_secs(3600)).len()));
        assert_eq!(heard.recv_timeout(PATIENCE), Ok(1));
        let seen = reader.read(9, States::NOT_READ).unwrap();
        assert_eq!(seen[0].data, Some(temperature(1, 3)));
    });
}

#[test]
fn queries_look_at_values_and_states() {
    on_all(|a, b, _| {
        let reader = b.cached_reader::<Temperature>("query", &everything()).unwrap();
        let writer = a.writer::<Temperature>("query", &everything()).unwrap();
        writer.wait_for_readers(1, PATIENCE).unwrap();
        reader.wait_for_writers(1, PATIENCE).unwrap();
        let hot = reader.query_condition(States::NOT_READ, "celsius > %0", &["50"]).unwrap();
        let set = b.wait_set();
        set.attach(&hot).unwrap();
        (1..=40).for_each(|value| writer.write(&temperature(1, value)).unwrap());
        wait("all", || {
            reader.read(99, States::ANY.samples(Ss::NotRead)).is_ok() && reader.received() == 40
        });
        assert!(set.wait(Span::from_millis(20)).is_empty(), "none is hot");
        writer.write(&temperature(2, 60)).unwrap();
        assert!(set.wait(PATIENCE)[0] == hot);
        let taken = reader.take_with(&hot, 9).unwrap();
        assert_eq!(
            taken.iter().map(|s| s.data.as_ref().unwrap().celsius).collect::<Vec<_>>(),
            [60.0]
        );
        assert!(set.wait(Span::from_millis(5)).is_empty());
        // Everything was read, so that only states stand in the way now.
        let read = reader.query_condition(States::ANY, "celsius > %0", &["38"]).unwrap();
        assert_eq!(reader.read_with(&read, 9).unwrap().len(), 2);
        read.set_query_parameters(&["39"]).unwrap();
        assert_eq!(reader.read_with(&read, 9).unwrap().len(), 1);
        assert!(read.set_query_parameters(&["hot"]).is_err());
        assert!(reader.query_condition(States::ANY, "kelvin > 3", &[]).is_err());
        let other = b.cached_reader::<Temperature>("other", &everything()).unwrap();
        assert!(matches!(other.read_with(&hot, 9), Err(ReadError::Condition(_))));
    });
}

/// Who sleeps hears of what another thread has come upon.
#[test]
fn rejections_losses_and_ends_wake_whoever_waits() {
    on_all(|a, b, transports| {
        let mut few = everything();
        few.resource_limits.max_samples = Some(16);
        let reader = b.cached_reader::<Temperature>("rejects", &few).unwrap();
        let writer = a.writer::<Temperature>("rejects", &everything()).unwrap();
        writer.wait_for_readers(1, PATIENCE).unwrap();
        reader.wait_for_writers(1, PATIENCE).unwrap();
        let (rejected, ended) = (
            reader.status_condition(StatusMask::SAMPLE_REJECTED),
            reader.read_condition(States::NOT_ALIVE),
        );
        let asleep = |condition: Condition, act: &mut dyn FnMut()| {
            let set = b.wait_set();
            set.attach(condition.clone()).unwrap();
            std::thread::scope(|scope| {
                let waiting = scope.spawn(|| set.wait(PATIENCE));
                std::thread::sleep(Span::from_millis(20));
                act();
                assert!(waiting.join().unwrap() == [condition], "{transports:?}");
            });
        };
        asleep((&rejected).into(), &mut || {
            (0..17).for_each(|value| writer.write(&temperature(1, value)).unwrap());
        });
        assert_eq!(reader.sample_rejected().total, 1);
        assert_eq!(reader.take(99, States::ANY).unwrap().len(), 16);
        let mut writer = Some(writer);
        asleep((&ended).into(), &mut || {
            writer = None;
            wait("another thread to notice", || reader.subscription_matched().current == 0);
        });
    });
    let (a, b) = pair(SHM);
    let qos = Qos { history: History::KeepLast(1), ..Qos::sensor_data() };
    let reader = b.reader::<Temperature>("lossy", &qos).unwrap();
    let writer = a.writer::<Temperature>("lossy", &qos).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    writer.write(&temperature(1, 0)).unwrap();
    assert!(reader.recv_timeout(PATIENCE).unwrap().is_some());
    (0..1_000).for_each(|value| writer.write(&temperature(1, value)).unwrap());
    let set = b.wait_set();
    set.attach(&reader.status_condition(StatusMask::SAMPLE_LOST)).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| set.wait(PATIENCE));
        std::thread::sleep(Span::from_millis(20));
        while reader.take().unwrap().is_some() {}
        assert_eq!(waiting.join().unwrap().len(), 1);
    });
}

#[test]
fn a_guard_is_the_applications() {
    on_all(|a, b, _| {
        let (guard, set) = (a.guard_condition(), a.wait_set());
        set.attach(&guard).unwrap();
        set.attach(&guard).unwrap();
        assert_eq!(set.conditions().len(), 1, "once");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| set.wait(PATIENCE));
            std::thread::sleep(Span::from_millis(10));
            guard.set_trigger_value(true);
            assert!(waiting.join().unwrap()[0] == guard);
        });
        assert_eq!(set.wait(Span::ZERO).len(), 1, "until it is made false");
        guard.set_trigger_value(false);
        assert!(set.wait(Span::from_millis(5)).is_empty());
        guard.set_trigger_value(true);
        assert!(set.detach(&guard) && !set.detach(&guard));
        assert!(set.wait(Span::from_millis(5)).is_empty());

        let refused = b.wait_set().attach(&guard).unwrap_err();
        assert!(
            matches!(&refused, BusError::OtherParticipant { theirs, .. } if theirs == "plant/a")
        );
        assert!(refused.to_string().contains("for each participant"), "{refused}");
    });
}

#[test]
fn a_condition_attached_to_a_waiting_set_counts_at_once() {
    let (a, _) = pair(SHM);
    let (guard, set) = (a.guard_condition(), a.wait_set());
    guard.set_trigger_value(true);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| set.wait(PATIENCE));
        std::thread::sleep(Span::from_millis(20));
        set.attach(&guard).unwrap();
        assert!(waiting.join().unwrap()[0] == guard);
    });
}

#[test]
fn conditions_do_not_keep_their_entities() {
    let (a, b) = pair(SHM);
    let writer = a.writer::<Temperature>("gone", &everything()).unwrap();
    let reader = b.cached_reader::<Temperature>("gone", &everything()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    let (set, any) = (b.wait_set(), reader.read_condition(States::ANY));
    set.attach(&any).unwrap();
    writer.write(&temperature(1, 1)).unwrap();
    assert!(set.wait(PATIENCE)[0] == any);
    drop(reader);
    wait("the reader's end", || writer.matched_readers() == 0);
    assert!(set.wait(Span::from_millis(5)).is_empty());
    assert!(matches!(set.attach(&any), Err(BusError::Gone)));
}

/// Plain readers have DATA_AVAILABLE while something waits, cached ones until somebody reads.
#[test]
fn available_data_is_a_status() {
    on_all(|a, b, transports| {
        let plain = b.reader::<Temperature>("available", &everything()).unwrap();
        let cached = b.cached_reader::<Temperature>("available", &everything()).unwrap();
        let writer = a.writer::<Temperature>("available", &everything()).unwrap();
        writer.wait_for_readers(2, PATIENCE).unwrap();
        plain.wait_for_writers(1, PATIENCE).unwrap();
        cached.wait_for_writers(1, PATIENCE).unwrap();
        let set = b.wait_set();
        let of_plain = plain.status_condition(StatusMask::DATA_AVAILABLE);
        let of_cached = cached.status_condition(StatusMask::DATA_AVAILABLE);
        set.attach(&of_plain).unwrap();
        set.attach(&of_cached).unwrap();
        assert!(set.wait(Span::from_millis(5)).is_empty());
        writer.write(&temperature(1, 1)).unwrap();
        wait("both", || set.wait(PATIENCE).len() == 2);
        assert_eq!(of_plain.changes(), StatusMask::DATA_AVAILABLE);
        assert!(cached.read(9, States::ANY.samples(Ss::Read)).unwrap().is_empty());
        assert!(
            set.wait(PATIENCE) == [Condition::from(&of_plain)],
            "a read was made: {transports:?}"
        );
        assert!(plain.take().unwrap().is_some());
        assert!(set.wait(Span::from_millis(5)).is_empty());
    });
}

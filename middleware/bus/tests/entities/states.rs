//! Samples, views and instances: their states, and reading by them (DDS 1.4, 2.2.2.5.1 and 2.2.2.5.3).

use tidewire_bus::{
    BusError, InstanceStateKind as Is, Participant, ReadError, SampleStateKind as Ss, States,
    ViewStateKind as Vs,
};
use tidewire_idl::TypeSupport;
use tidewire_qos::policy::{History, Ownership};
use tidewire_qos::{Duration, Qos};
use tidewire_types::sensor::Temperature;

use crate::common::*;
use crate::face::*;

fn until(reader: &R, what: &str, enough: impl Fn(&R) -> bool) {
    wait(what, || enough(reader));
}

#[test]
fn samples_are_read_stay_and_are_taken() {
    of_all_kinds(|bench| {
        let (writer, reader) = bench.matched("read", &everything(), &everything());
        writer.put(1, 10);
        writer.put(1, 11);
        until(&reader, "two samples", |reader| {
            reader.lookup(1).is_some() && values(&reader.read(States::ANY)).len() == 2
        });
        assert_eq!(values(&reader.read(States::NOT_READ)), [0; 0]);
        writer.put(1, 12);
        until(&reader, "the third", |reader| {
            !reader.read(States::ANY.samples(Ss::Read)).is_empty()
                && reader.take(States::ANY.samples(Ss::NotRead)).iter().any(|s| s.value == Some(12))
        });
        let taken = reader.take(States::ANY);
        assert_eq!(values(&taken), [10, 11], "those that were read are there still");
        assert!(taken.iter().all(|seen| seen.states.sample_state == Ss::Read));
        assert!(taken.iter().all(|seen| seen.states.view_state == Vs::NotNew));
        assert!(taken.iter().all(|seen| seen.states.instance_state == Is::Alive));
        assert_eq!(taken.iter().map(|s| s.states.sample_rank).collect::<Vec<_>>(), [1, 0]);
        assert!(reader.take(States::ANY).is_empty());
    });
}

/// Whether the first instance has this state.
fn is(bench: &Bench, state: Is) -> impl Fn(&R) -> bool {
    let handle = bench.handle(1);
    move |reader| {
        let of = reader.read_instance(handle);
        of.is_ok_and(|seen| seen.last().is_some_and(|s| s.states.instance_state == state))
    }
}

/// The whole life of an instance, over the wire: written, disposed, written again, left by its writer.
#[test]
fn instances_end_and_come_back() {
    of_all_kinds(|bench| {
        if !bench.keyed {
            return;
        }
        let (writer, reader) = bench.matched("life", &everything(), &everything());
        writer.put(1, 1);
        writer.end(1, true).unwrap();
        until(&reader, "the dispose", is(bench, Is::NotAliveDisposed));
        let seen = reader.take(States::NOT_ALIVE);
        assert_eq!((seen[0].value, seen[1].value, seen[1].key), (Some(1), None, Some(1)));
        assert_eq!(seen[1].info.key, bench.handle(1));

        writer.put(1, 2);
        writer.put(2, 3);
        until(&reader, "both instances", |reader| {
            reader.lookup(2).is_some() && is(bench, Is::Alive)(reader)
        });
        let seen = reader.read_instance(bench.handle(1)).unwrap();
        assert_eq!(seen[0].states.disposed_generation_count, 1);
        assert_eq!(seen[0].states.no_writers_generation_count, 0);
        drop(writer);
        until(&reader, "the writer's end", is(bench, Is::NotAliveNoWriters));
        let seen = reader.take(States::ANY);
        assert_eq!(values(&seen).len(), 2);
        assert_eq!(seen.iter().filter(|s| s.value.is_none()).count(), 2, "both instances ended");
        assert!(seen.iter().all(|s| s.states.instance_state == Is::NotAliveNoWriters));
        assert_eq!((reader.lookup(1), reader.lookup(2)), (None, None), "taken to the last");
        let gone = reader.read_instance(bench.handle(1));
        assert!(matches!(gone, Err(ReadError::Instance { .. })), "{gone:?}");
    });
}

/// Topics without a key have one instance, which ends with its last writer and comes back with the next.
#[test]
fn the_last_writer_takes_the_instance_along() {
    of_all_kinds(|bench| {
        let (first, reader) = bench.matched("last", &everything(), &everything());
        let second = bench.writer("last", &everything());
        second.meets(1);
        reader.meets(2);
        first.put(1, 1);
        second.put(1, 2);
        until(&reader, "both samples", |reader| values(&reader.read(States::ANY)).len() == 2);
        drop(first);
        wait("the first writer's end", || reader_writers(&reader) == 1);
        settle();
        assert!(reader.read(States::NOT_ALIVE).is_empty(), "the second writes it still");
        drop(second);
        until(&reader, "no writers", |reader| !reader.read(States::NOT_ALIVE).is_empty());
        let seen = reader.read(States::ANY);
        assert_eq!(seen.len(), 3, "two values and the end: {seen:?}");
        assert_eq!((seen[2].value, seen[2].info.sequence), (None, 0));

        let third = bench.writer("last", &everything());
        third.meets(1);
        reader.meets(1);
        third.put(1, 3);
        until(&reader, "the third", |reader| {
            values(&reader.read(States::ANY.instances([Is::Alive]))).contains(&3)
        });
        let seen = reader.read(States::ANY);
        let last = seen.iter().find(|seen| seen.value == Some(3)).unwrap();
        assert_eq!(last.states.no_writers_generation_count, 1);
        assert_eq!(seen[0].states.absolute_generation_rank, 1);
    });
}

fn reader_writers(reader: &R) -> u64 {
    match reader {
        R::Keyed(reader) => reader.subscription_matched().current,
        R::Plain(reader) => reader.subscription_matched().current,
        R::Raw(reader, _) => reader.subscription_matched().current,
    }
}

/// The next in strength writes the instance too, though it is not heard.
#[test]
fn an_instance_is_not_left_while_a_weaker_writer_writes_it() {
    of_all_kinds(|bench| {
        // Under KEEP_LAST what comes over DDS is judged as it comes, else when it is taken.
        for history in [History::KeepAll, History::KeepLast(8)] {
            a_weaker_writer_writes_on(bench, history);
        }
    });
}

fn a_weaker_writer_writes_on(bench: &Bench, history: History) {
    let owned = |strength| Qos {
        ownership: Ownership::Exclusive,
        ownership_strength: strength,
        ..everything()
    };
    let (topic, asked) = (format!("owned/{history}"), Qos { history, ..owned(0) });
    let (strong, reader) = bench.matched(&topic, &owned(2), &asked);
    let weak = bench.writer(&topic, &owned(1));
    weak.meets(1);
    reader.meets(2);
    strong.put(1, 1);
    until(&reader, "the owner's sample", |reader| reader.lookup(1).is_some());
    weak.put(1, 2);
    weak.is_acknowledged();
    settle();
    assert_eq!(values(&reader.read(States::ANY)), [1], "the weaker is not heard");
    drop(strong);
    wait("the owner's end", || reader_writers(&reader) == 1);
    settle();
    assert!(reader.read(States::NOT_ALIVE).is_empty(), "the weaker one writes it still");
    weak.put(1, 3);
    until(&reader, "the weaker one", |reader| values(&reader.read(States::ANY)) == [1, 3]);
    let seen = reader.read(States::ANY);
    assert_eq!(seen[1].states.no_writers_generation_count, 0);
    drop(weak);
    until(&reader, "no writers", |reader| !reader.read(States::NOT_ALIVE).is_empty());
}

/// What a filter by time holds of a writer comes before that is gone, and not after it.
#[test]
fn the_last_value_comes_before_its_writer_is_gone() {
    of_all_kinds(|bench| {
        let an_hour = Duration::from_secs(3600);
        let requested = Qos { time_based_filter: an_hour, ..everything() };
        let (writer, reader) = bench.matched("held", &everything(), &requested);
        (1..=3).for_each(|value| writer.put(1, value));
        writer.is_acknowledged();
        until(&reader, "the first", |reader| values(&reader.read(States::ANY)) == [1]);
        drop(writer);
        until(&reader, "no writers", |reader| !reader.read(States::NOT_ALIVE).is_empty());
        settle();
        let seen = reader.read(States::ANY);
        let of: Vec<_> = seen.iter().map(|seen| seen.value).collect();
        assert_eq!(of, [Some(1), Some(3), None]);
        assert!(seen.iter().all(|seen| seen.states.instance_state == Is::NotAliveNoWriters));
    });
}

/// A writer that writes and goes: its samples come before its end, however close that follows.
#[test]
fn what_was_written_before_the_end_comes_before_it() {
    of_all_kinds(|bench| {
        let reader = bench.reader("brief", &everything()).unwrap();
        for round in 0..10 {
            let writer = bench.writer("brief", &everything());
            writer.meets(1);
            reader.meets(1);
            (0..20).for_each(|value| writer.put(1, value));
            writer.is_acknowledged();
            drop(writer);
            until(&reader, "the end", is(bench, Is::NotAliveNoWriters));
            let seen = reader.take(States::ANY);
            let kind = (bench.transports, bench.typed, bench.keyed);
            assert_eq!(values(&seen), (0..20).collect::<Vec<_>>(), "round {round}: {kind:?}");
            assert!(seen.len() == 21 && seen[20].value.is_none(), "round {round}: {seen:?}");
            assert!(seen.iter().all(|s| s.states.absolute_generation_rank == 0));
            assert_eq!(reader.lookup(1), None);
        }
    });
}

#[test]
fn unregistering_ends_an_instance_that_nobody_else_writes() {
    of_all_kinds(|bench| {
        if !bench.keyed {
            return;
        }
        for autodispose in [true, false] {
            let mut qos = everything();
            qos.writer_data_lifecycle.autodispose_unregistered_instances = autodispose;
            let (writer, reader) =
                bench.matched(&format!("unregister/{autodispose}"), &qos, &everything());
            writer.put(1, 1);
            if writer.end(1, false).is_err() {
                assert!(!autodispose && bench.transports.dds, "RustDDS alone refuses");
                continue;
            }
            until(&reader, "the end", |reader| !reader.read(States::NOT_ALIVE).is_empty());
            let state = reader.read(States::ANY)[0].states.instance_state;
            let expected = if autodispose { Is::NotAliveDisposed } else { Is::NotAliveNoWriters };
            assert_eq!(state, expected, "autodispose={autodispose} {:?}", bench.transports);
        }
    });
}

#[test]
fn instances_are_looked_up_and_walked() {
    of_all_kinds(|bench| {
        let (writer, reader) = bench.matched("walk", &everything(), &everything());
        let instances: &[u8] = if bench.keyed { &[1, 2, 3] } else { &[0] };
        for round in 0..2 {
            instances.iter().for_each(|i| writer.put(*i, 10 * round + u32::from(*i)));
        }
        let all = 2 * instances.len();
        until(&reader, "all samples", |reader| reader.read(States::ANY).len() == all);
        let mut walked = Vec::new();
        let mut previous = None;
        loop {
            let of_one = reader.read_next_instance(previous);
            let Some(first) = of_one.first() else { break };
            assert!(of_one.len() == 2 && of_one.iter().all(|seen| seen.info.key == first.info.key));
            previous = Some(first.info.key);
            walked.push(first.info.key);
        }
        assert!(walked.len() == instances.len() && walked.is_sorted(), "{walked:?}");
        for instance in instances {
            let handle = reader.lookup(*instance).unwrap();
            assert_eq!(handle, bench.handle(*instance));
            assert_eq!(reader.key_value(handle), bench.keyed.then_some(*instance));
        }
        if bench.keyed {
            assert_eq!(reader.lookup(9), None);
            assert_eq!(values(&reader.take_instance(bench.handle(2)).unwrap()), [2, 12]);
        }
        let mut left = reader.take_next_instance(None).len();
        left += reader.take_next_instance(None).len();
        assert_eq!(left, if bench.keyed { 4 } else { 2 });
        assert!(reader.read(States::ANY).is_empty());
    });
}

#[test]
fn a_key_must_be_known() {
    let (a, _) = pair(SHM);
    let topic = raw("unknown", true);
    let refused = a.raw_cached_reader(&topic, None, &everything()).err().unwrap();
    assert!(refused.to_string().contains("give the type"), "{refused}");
    let refused = a.raw_reader(&topic, &everything()).unwrap().cached().err().unwrap();
    assert!(matches!(refused, BusError::UnknownKey(topic) if topic == "unknown"));
}

/// What cannot be decoded is told once and costs nothing else.
#[test]
fn a_broken_sample_is_dropped_with_an_error() {
    on_all(|a: &Participant, b: &Participant, _| {
        let topic = tidewire_bus::RawTopic::new("broken", Temperature::TYPE_NAME, true);
        let writer = a.raw_writer(&topic, &everything()).unwrap();
        let reader = b.reader::<Temperature>("broken", &everything()).unwrap().cached().unwrap();
        writer.wait_for_readers(1, PATIENCE).unwrap();
        reader.wait_for_writers(1, PATIENCE).unwrap();
        let value = temperature(1, 5);
        let (mut good, hash) = (Vec::new(), Some(value.key_hash()));
        value.encode(Default::default(), &mut good);
        // A string that is longer than the payload.
        let mut broken = good.clone();
        broken[4..8].copy_from_slice(&1_000_u32.to_le_bytes());
        writer.write(&good, 1, hash).unwrap();
        writer.write(&broken, 2, hash).unwrap();
        writer.write(&good, 3, hash).unwrap();
        wait("all three", || reader.received() == 3);
        let error = reader.take(9, States::ANY).unwrap_err();
        assert!(matches!(error, ReadError::Decode { .. }), "{error}");
        let rest = reader.take(9, States::ANY).unwrap();
        assert_eq!(rest.len(), 2, "nothing else was lost");
        assert!(rest.iter().all(|sample| sample.info.key == value.key_hash()));
        let next = reader.read_next_instance(None, 9, States::ANY).unwrap();
        assert!(next.is_empty() && reader.key_value(Default::default()).unwrap().is_none());
        assert!(rest.iter().all(|sample| sample.states.sample_state == Ss::NotRead));
    });
}

#[test]
fn writers_register_instances() {
    let (a, _) = pair(SHM);
    let writer = a.writer::<Temperature>("registered", &everything()).unwrap();
    let value = temperature(1, 5);
    assert_eq!(writer.lookup_instance(&value), None);
    let handle = writer.register_instance(&value).unwrap();
    assert_eq!(handle, value.key_hash());
    assert_eq!(writer.lookup_instance(&temperature(1, 7)), Some(handle), "only the key counts");
    assert_eq!(writer.key_value(handle).unwrap().point, "p1");
    writer.write(&value).unwrap();
    writer.unregister(&value).unwrap();
    assert_eq!(writer.lookup_instance(&value), None);
    let plain = a.writer::<tidewire_types::bench::Block64>("plain", &everything()).unwrap();
    assert!(plain.register_instance(&block(1)).is_err());
}

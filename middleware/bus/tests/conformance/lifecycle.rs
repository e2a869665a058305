//! Instances that end, writers that go.

use std::time::{Duration as Span, Instant};

use tidewire_idl::InstanceState;
use tidewire_qos::support::Support;
use tidewire_qos::{Duration, Qos};

use crate::cases::Found;
use crate::common::{everything, wait};
use crate::face::{Combination, Told, instance};

/// A writer that goes is no longer matched.
pub fn automatic(c: &Combination<'_>) -> Found {
    let (writer, reader) = c.matched("automatic", &everything(), &everything()).unwrap();
    writer.put(1, 5);
    assert_eq!(reader.up_to(5), [5]);
    drop(writer);
    wait("the writer's end", || reader.writers() == 0);
    Found::kept()
}

/// Both sides count the periods in which an instance had no sample, whether or not anybody takes.
pub fn deadline(c: &Combination<'_>) -> Found {
    // Over DDS more threads may have to wait for a processor.
    let period: u64 = if c.is_shm() { 500 } else { 1_500 };
    let timed = Qos { deadline: Duration::from_millis(period), ..everything() };
    if !c.typed && c.keyed {
        let error = c.reader("refused", &timed).err().unwrap().to_string();
        assert!(error.contains("DEADLINE"), "{error}");
        return Found {
            support: Support::Refused,
            note: "a reader that does not know the key cannot watch instances".into(),
        };
    }
    let (writer, reader) = c.matched("timed", &timed, &timed).unwrap();
    assert_eq!((writer.missed(), reader.missed()), Default::default(), "nothing was due");
    let start = Instant::now();
    let (mut last, mut longest) = (start, Span::ZERO);
    let puts = std::cell::Cell::new(0);
    let put = |instance, value| {
        writer.put(instance, value);
        puts.set(puts.get() + 1);
    };
    put(2, 0);
    while start.elapsed() < Span::from_millis(period * 9 / 5) {
        put(1, 1);
        longest = longest.max(last.elapsed());
        last = Instant::now();
        std::thread::sleep(Span::from_millis(20));
    }
    let mut got = Vec::new();
    if c.keyed {
        wait("the other instance to be missed", || {
            put(1, 1);
            longest = longest.max(last.elapsed());
            last = Instant::now();
            let both = [writer.missed(), reader.missed()];
            both.iter().all(|missed| missed.total > 0)
        });
        let missed = [writer.missed(), reader.missed()];
        // The machine may have kept us from writing in time.
        let in_time = longest.max(last.elapsed()) < Span::from_millis(period * 4 / 5);
        for missed in missed {
            assert!(!in_time || missed.last == instance(2), "{missed:?}");
        }
        writer.end(2, true).unwrap();
        writer.end(1, true).unwrap();
        wait("both ends", || {
            got.extend(reader.drain());
            got.iter().filter(|told| told.state != InstanceState::Alive).count() == 2
        });
        let ended = (writer.missed().total, reader.missed().total);
        std::thread::sleep(Span::from_millis(period * 7 / 5));
        let after = (writer.missed().total, reader.missed().total);
        assert_eq!(after, ended, "nothing is due of what has ended");
    } else {
        let missed = (writer.missed().total, reader.missed().total);
        let in_time = longest.max(last.elapsed()) < Span::from_millis(period * 4 / 5);
        assert!(!in_time || missed == (0, 0), "{missed:?}");
        wait("both to miss", || writer.missed().total > 1 && reader.missed().total > 1);
    }
    wait("every sample, as waiting for the deadline loses nothing", || {
        got.extend(reader.drain());
        got.iter().filter(|told| told.state == InstanceState::Alive).count() == puts.get()
    });
    Found::kept()
}

pub fn autodispose(c: &Combination<'_>) -> Found {
    if !c.keyed {
        return Found::nothing("a topic without a key has no instances to end");
    }
    let (writer, reader) = c.matched("ends", &everything(), &everything()).unwrap();
    for dispose in [true, false] {
        writer.put(1, 5);
        writer.end(1, dispose).unwrap();
        writer.put(2, 6);
        let mut got = Vec::new();
        wait("the other instance", || {
            got.extend(reader.drain());
            got.last().is_some_and(|told: &Told| told.value == 6)
        });
        let states: Vec<_> = got.iter().map(|told| (told.instance, told.state)).collect();
        // Shared memory tells unregistering from disposing; over DDS both bits are set in one.
        let ended = match states[1] {
            (1, InstanceState::Disposed) => InstanceState::Disposed,
            (1, InstanceState::Unregistered) if !dispose => InstanceState::Unregistered,
            other => panic!("{other:?}"),
        };
        assert_eq!(states, [(1, InstanceState::Alive), (1, ended), (2, InstanceState::Alive)]);
    }
    Found::mostly(
        "at unregister_instance; a writer that is deleted leaves its instances without a writer",
    )
}

pub fn no_autodispose(c: &Combination<'_>) -> Found {
    if !c.keyed {
        return Found::nothing("a topic without a key has no instances to end");
    }
    let mut qos = Qos { ..everything() };
    qos.writer_data_lifecycle.autodispose_unregistered_instances = false;
    let (writer, reader) = c.matched("unregisters", &qos, &everything()).unwrap();
    writer.put(1, 5);
    assert_eq!(reader.up_to(5), [5]);
    if let Err(error) = writer.end(1, false) {
        assert!(!c.is_shm(), "{error}");
        return Found {
            support: tidewire_qos::support::Support::Refused,
            note: "unregistering is refused when it is called: RustDDS would dispose".into(),
        };
    }
    let mut got = Vec::new();
    wait("the end", || {
        got.extend(reader.drain());
        !got.is_empty()
    });
    assert_eq!(got[0].state, InstanceState::Unregistered);
    Found::kept()
}

//! Instances that end, writers that go.

use tidewire_idl::InstanceState;
use tidewire_qos::Qos;

use crate::cases::Found;
use crate::common::{everything, wait};
use crate::face::{Combination, Told};

/// A writer that goes is no longer matched.
pub fn automatic(c: &Combination<'_>) -> Found {
    let (writer, reader) = c.matched("automatic", &everything(), &everything()).unwrap();
    writer.put(1, 5);
    assert_eq!(reader.up_to(5), [5]);
    drop(writer);
    wait("the writer's end", || reader.writers() == 0);
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
    Found::kept()
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

//! What the bus does on the Cyclone backend and cannot do on RustDDS. The other tests run on either:
//! `TIDEWIRE_DDS=cyclone cargo test -p tidewire-bus --features cyclone`.
#![cfg(feature = "cyclone")]

mod common;

use std::time::Duration;

use common::*;
use tidewire_bus::{Backend, BusError, InstanceState, Participant, RawTopic, testing};
use tidewire_idl::{TypeHandle, TypeRegistry, TypeSupport};
use tidewire_qos::policy::{History, LivelinessKind, Ownership};
use tidewire_qos::{Durability, Liveliness, Qos, WriterDataLifecycle};
use tidewire_types::sensor::Temperature;

fn join(domain: u16, name: &str, backend: Backend) -> Participant {
    let builder = Participant::builder().domain(domain).name(name).transports(DDS);
    builder.dds(backend).build().unwrap()
}

#[test]
fn both_backends_share_a_domain() {
    let domain = testing::free_domain();
    let (cyclone, rust) =
        (join(domain, "plant/c", Backend::Cyclone), join(domain, "plant/r", Backend::RustDds));
    let topic = RawTopic::new("both", "plant::Both", true);
    let readers = [&cyclone, &rust].map(|bus| bus.raw_reader(&topic, &everything()).unwrap());
    let writers = [&cyclone, &rust].map(|bus| bus.raw_writer(&topic, &everything()).unwrap());
    for writer in &writers {
        writer.wait_for_readers(2, PATIENCE).unwrap();
    }
    for reader in &readers {
        reader.wait_for_writers(2, PATIENCE).unwrap();
    }
    for (i, writer) in writers.iter().enumerate() {
        writer.write(&payload(&[1, i as u32]), 1, None).unwrap();
    }
    for reader in &readers {
        let mut got: Vec<_> = (0..2)
            .map(|_| reader.recv_timeout(PATIENCE).unwrap().expect("two samples").payload)
            .collect();
        got.sort();
        assert_eq!(got, [payload(&[1, 0]), payload(&[1, 1])]);
    }
}

/// Cyclone takes them for of two types, as one alone announces its own, and converts each sample.
#[test]
fn typed_and_raw_endpoints_of_one_participant_meet() {
    let bus = join(testing::free_domain(), "plant/c", Backend::Cyclone);
    let topic = RawTopic::new("both", Temperature::TYPE_NAME, true);
    for durability in [Durability::Volatile, Durability::TransientLocal] {
        let topic = RawTopic { name: format!("both/{durability}"), ..topic.clone() };
        let qos = Qos { durability, ..everything() };
        let writer = bus.writer::<Temperature>(&topic.name, &qos).unwrap();
        let early = bus.raw_reader(&topic, &qos).unwrap();
        writer.wait_for_readers(1, PATIENCE).unwrap();
        for celsius in [1.0, 2.0, 3.0] {
            writer.write(&Temperature { point: "p".into(), celsius }).unwrap();
        }
        let mut readers = vec![early];
        if durability == Durability::TransientLocal {
            readers.push(bus.raw_reader(&topic, &qos).unwrap());
        }
        for reader in &readers {
            let got: Vec<f64> = (0..3)
                .map(|_| {
                    let sample = reader.recv_timeout(PATIENCE).unwrap().expect("three samples");
                    Temperature::decode(&sample.payload).unwrap().celsius
                })
                .collect();
            assert_eq!(got, [1.0, 2.0, 3.0], "{durability}");
        }
    }
}

/// Its sample is what brings it back, and is judged as of a writer that is there.
#[test]
fn an_owner_that_was_silent_is_heard_with_its_first_sample() {
    let domain = testing::free_domain();
    let (a, b) = (join(domain, "a", Backend::Cyclone), join(domain, "b", Backend::Cyclone));
    let qos = |lease, strength| Qos {
        history: History::KeepLast(1),
        ownership: Ownership::Exclusive,
        ownership_strength: strength,
        liveliness: Liveliness { kind: LivelinessKind::ManualByTopic, lease },
        ..everything()
    };
    let long = tidewire_qos::Duration::from_secs(60);
    let strong = qos(tidewire_qos::Duration::from_millis(200), 5);
    let [strong, weak] =
        [strong, qos(long, 1)].map(|qos| a.writer::<Temperature>("owned", &qos).unwrap());
    let reader = b.reader::<Temperature>("owned", &qos(long, 0)).unwrap();
    strong.wait_for_readers(1, PATIENCE).unwrap();
    weak.wait_for_readers(1, PATIENCE).unwrap();
    let value = |celsius| Temperature { point: "p".into(), celsius };
    let comes = |celsius| {
        wait("the sample", || {
            let taken = std::iter::from_fn(|| reader.take().unwrap());
            taken.last().is_some_and(|sample| sample.data.celsius == celsius)
        });
    };
    for round in 0..3 {
        strong.write(&value(f64::from(round))).unwrap();
        comes(f64::from(round));
        wait("its silence", || reader.liveliness_changed().not_alive_count == 1);
        weak.write(&value(f64::from(10 + round))).unwrap();
        comes(f64::from(10 + round));
    }
}

#[test]
fn an_instance_is_unregistered_without_being_disposed() {
    let domain = testing::free_domain();
    let (a, b) = (join(domain, "a", Backend::Cyclone), join(domain, "b", Backend::Cyclone));
    let topic = RawTopic::new("left", "plant::Left", true);
    let qos = Qos {
        writer_data_lifecycle: WriterDataLifecycle { autodispose_unregistered_instances: false },
        ..everything()
    };
    let reader = b.raw_reader(&topic, &everything()).unwrap();
    let writer = a.raw_writer(&topic, &qos).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    writer.write(&payload(&[7]), 1, None).unwrap();
    writer.unregister(&payload(&[7]), None, 2).unwrap();
    let states: Vec<InstanceState> = (0..2)
        .map(|_| reader.recv_timeout(PATIENCE).unwrap().expect("two changes").info.state)
        .collect();
    assert_eq!(states, [InstanceState::Alive, InstanceState::Unregistered]);
}

#[test]
fn a_type_nobody_announced_is_asked_for_in_vain_with_a_reason() {
    let domain = testing::free_domain();
    let (a, b) = (join(domain, "a", Backend::Cyclone), join(domain, "b", Backend::RustDds));
    let short = Duration::from_millis(50);
    let nobody = a.discovered_type("nothing", short).unwrap_err();
    assert!(matches!(nobody, BusError::NobodyThere { .. }), "{nobody}");
    let topic = RawTopic::new("plain", "plant::Plain", false);
    let _of_b = b.raw_writer(&topic, &everything()).unwrap();
    let _of_a = a.raw_writer(&topic, &everything()).unwrap();
    for (bus, what) in [(&a, "no TypeInformation"), (&b, "RustDDS backend")] {
        wait("discovery", || bus.topics().iter().any(|t| t.writers.len() == 2));
        let error = bus.discovered_type("plain", short).unwrap_err().to_string();
        assert!(error.contains(what) && error.contains("IDL"), "{error}");
    }
}

/// Temperature as somebody else may have it.
fn another(celsius: &str, point: u32) -> TypeHandle {
    let mut types = TypeRegistry::new();
    let members = format!("@key string<{point}> point; @unit(\"degC\") {celsius} celsius;");
    let idl = format!(
        "module tidewire {{ module sensor {{ @final struct Temperature {{ {members} }}; }}; }};"
    );
    types.add_str("another.idl", &idl).unwrap();
    types.get(Temperature::TYPE_NAME).unwrap()
}

#[test]
fn endpoints_are_matched_by_type_and_not_by_its_name_alone() {
    let domain = testing::free_domain();
    let (a, b) = (join(domain, "a", Backend::Cyclone), join(domain, "b", Backend::Cyclone));
    let topic = RawTopic::new("warm", Temperature::TYPE_NAME, true);
    let same = a.writer::<Temperature>("warm", &everything()).unwrap();
    let shorter = a.raw_writer_of(&topic, &another("double", 31), &everything()).unwrap();
    let other = a.raw_writer_of(&topic, &another("float", 63), &everything()).unwrap();
    let untold = a.raw_writer(&topic, &everything()).unwrap();
    let reader = b.reader::<Temperature>("warm", &everything()).unwrap();
    let raw = b.raw_reader(&topic, &everything()).unwrap();
    raw.wait_for_writers(4, PATIENCE).unwrap();
    reader.wait_for_writers(3, PATIENCE).unwrap();
    for writer in [&shorter, &untold] {
        writer.wait_for_readers(2, PATIENCE).unwrap();
    }
    same.wait_for_readers(2, PATIENCE).unwrap();
    other.wait_for_readers(1, PATIENCE).unwrap();
    let warm = Temperature { point: "p".into(), celsius: 20.5 };
    let mut bytes = vec![0, 1, 0, 0];
    bytes.extend([2, 0, 0, 0, b'p', 0, 0, 0]);
    let short = [&bytes[..], &20.5f32.to_le_bytes()].concat();
    bytes.extend(warm.celsius.to_le_bytes());
    // The one that must not come is written first.
    other.write(&short, 1, None).unwrap();
    same.write(&warm).unwrap();
    for writer in [&shorter, &untold] {
        writer.write(&bytes, 1, None).unwrap();
    }
    for _ in 0..3 {
        let sample = reader.recv_timeout(PATIENCE).unwrap().expect("three samples");
        assert_eq!(sample.data, warm);
    }
    for _ in 0..4 {
        assert!(raw.recv_timeout(PATIENCE).unwrap().is_some(), "who asks for no type gets all");
    }
    assert_eq!((reader.matched_writers(), raw.matched_writers()), (3, 4));
    assert!(reader.take().unwrap().is_none());
}

#[test]
fn our_own_types_are_read_from_discovery() {
    let domain = testing::free_domain();
    let (a, b) = (join(domain, "a", Backend::Cyclone), join(domain, "b", Backend::Cyclone));
    let _writer = a.writer::<Temperature>("warm", &everything()).unwrap();
    wait("discovery", || b.topics().iter().any(|t| t.name == "warm"));
    assert_eq!(*b.discovered_type("warm", PATIENCE).unwrap(), *Temperature::descriptor());
}

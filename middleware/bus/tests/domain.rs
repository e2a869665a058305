//! Who is there, what does not fit, what survives.

mod common;

use std::net::UdpSocket;
use std::time::Duration;

use common::*;
use tidewire_bus::{BusError, Event, Participant, WriteError, testing};
use tidewire_qos::Qos;
use tidewire_qos::policy::{Durability, Policy};
use tidewire_types::sensor::Temperature;

#[test]
fn topics_tell_names_types_keys_and_who_is_on_them() {
    let (a, b) = pair(BOTH);
    let _writer = a.writer::<Temperature>("plant/temperature", &Qos::event()).unwrap();
    let _reader = b.raw_reader(&raw("other", false), &Qos::reliable()).unwrap();
    wait("both topics at a", || a.topics().len() == 2);
    wait("both topics at b", || b.topics().len() == 2);
    let topics = b.topics();
    let temperature = topics.iter().find(|t| t.name == "plant/temperature").unwrap();
    assert_eq!(temperature.type_name, "tidewire::sensor::Temperature");
    assert!(temperature.keyed);
    let writer = &temperature.writers[0];
    assert_eq!(&*writer.participant_name, "plant/a");
    assert!(writer.local && !writer.own);
    assert_eq!(writer.qos.durability, Qos::event().durability);
    let found = b.find_topic("plant/temperature", PATIENCE).unwrap();
    assert!(found.keyed);
    let names: Vec<String> = b.participants().iter().map(|p| p.name.to_string()).collect();
    assert!(names.contains(&"plant/a".into()) && names.contains(&"plant/b".into()), "{names:?}");
    let nobody = b.find_topic("nowhere", Duration::from_millis(10)).unwrap_err();
    assert!(nobody.to_string().contains("nowhere"));
}

#[test]
fn who_uses_shared_memory_alone_is_listed_and_others_once() {
    let domain = testing::free_domain();
    let join = |name: &str, transports| {
        Participant::builder().domain(domain).name(name).transports(transports).build().unwrap()
    };
    let (alone, both, watcher) = (join("a", SHM), join("b", BOTH), join("c", BOTH));
    let (topic, qos) = (raw("shared", false), Qos::reliable());
    let writer = alone.raw_writer(&topic, &qos).unwrap();
    let _reader = both.raw_reader(&topic, &qos).unwrap();
    let _other = both.raw_writer(&topic, &qos).unwrap();
    let known =
        |prefix| watcher.participants().iter().any(|p| p.prefix == prefix && p.vendor.is_some());
    wait("discovery", || known(both.guid_prefix()));
    let found = || watcher.topics().into_iter().find(|t| t.name == "shared");
    wait("all of them", || {
        found().is_some_and(|topic| (topic.writers.len(), topic.readers.len()) == (2, 1))
    });
    settle();
    let found = found().unwrap();
    assert_eq!((found.writers.len(), found.readers.len(), found.keyed), (2, 1, false));
    let its = found.writers.iter().find(|w| w.guid == writer.guid()).unwrap();
    assert_eq!((&*its.participant_name, &*its.type_name, its.local), ("a", "test::Raw", true));
    assert!(its.qos.reliability.is_reliable());
}

#[test]
fn an_incompatible_pair_is_reported_and_exchanges_nothing() {
    for transports in [DDS, BOTH] {
        let (a, b) = pair(transports);
        let events = b.events();
        let topic = raw("misfit", false);
        let reader = b.raw_reader(&topic, &Qos::event()).unwrap();
        let writer = a.raw_writer(&topic, &Qos::reliable()).unwrap();
        let (offered, requested) = loop {
            let event = events.recv_timeout(PATIENCE).expect("an Incompatible event");
            if let Event::Incompatible { local, remote, offered, requested } = event {
                assert_eq!((local, remote), (reader.guid(), writer.guid()));
                break (offered, requested);
            }
        };
        assert!(offered.durability < requested.durability);
        writer.write(&payload(&[1]), 0, None).unwrap();
        settle();
        assert!(reader.take().unwrap().is_none(), "{transports:?}");
    }
}

#[test]
fn policies_nobody_keeps_are_refused_by_name() {
    let (a, _b) = pair(DDS);
    let mut qos = Qos::reliable();
    qos.entity_factory.autoenable_created_entities = false;
    let refused = a.reader::<Temperature>("t", &qos);
    let Err(BusError::Policy { policy: Policy::EntityFactory, .. }) = refused else {
        panic!("a disabled entity was accepted")
    };
    // No durability service is found without DDS.
    let (a, _b) = pair(SHM);
    let qos = Qos { durability: Durability::Transient, ..Qos::reliable() };
    let refused = a.writer::<Temperature>("t", &qos).err().unwrap().to_string();
    assert!(refused.contains("DURABILITY = TRANSIENT"), "{refused}");
}

#[test]
fn wrong_use_gets_a_clear_error() {
    let (a, _b) = pair(SHM);
    let unkeyed = a.raw_writer(&raw("u", false), &Qos::reliable()).unwrap();
    assert!(matches!(unkeyed.dispose(&payload(&[1]), None, 0), Err(WriteError::NoKey(_))));
    assert!(matches!(unkeyed.write(&[0, 1], 0, None), Err(WriteError::Header { len: 2, .. })));
    let typed = a.writer::<Temperature>("t", &Qos::reliable()).unwrap();
    let long = Temperature { point: "x".repeat(64), celsius: 0.0 };
    let error = typed.write(&long).unwrap_err().to_string();
    assert!(error.contains("point"), "{error}");
    let none = Participant::builder()
        .transports(tidewire_bus::Transports { dds: false, shm: false })
        .name("mute")
        .build();
    assert!(matches!(none, Err(BusError::NoTransport(name)) if name == "mute"));
    assert!(Participant::builder().domain(233).build().is_err());
    let error = Participant::builder().interface("nothere0".to_owned()).build().unwrap_err();
    assert!(error.to_string().contains("nothere0"));
    let rustdds = Participant::builder().dds(tidewire_bus::Backend::RustDds);
    let error = rustdds.peers(["10.9.8.7"]).build().unwrap_err();
    assert!(error.to_string().contains("10.9.8.7"));
}

#[test]
fn without_a_place_for_shared_memory_dds_carries_everything() {
    let domain = testing::free_domain();
    let options = tidewire_shm::ShmOptions {
        root: Some("/proc/no/shared/memory/here".into()),
        ..Default::default()
    };
    let a = Participant::builder().domain(domain).shm_options(options).build().unwrap();
    assert_eq!(a.transports(), DDS);
    let b = Participant::builder().domain(domain).name("b").build().unwrap();
    let topic = raw("anyway", false);
    let reader = b.raw_reader(&topic, &everything()).unwrap();
    let writer = a.raw_writer(&topic, &everything()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    writer.write(&payload(&[3]), 0, None).unwrap();
    assert_eq!(word(&reader.recv_timeout(PATIENCE).unwrap().unwrap(), 0), 3);
}

#[test]
fn loopback_only_still_finds_its_neighbours() {
    let domain = testing::free_domain();
    let make = |name: &str| {
        Participant::builder()
            .domain(domain)
            .name(name)
            .transports(DDS)
            .loopback_only()
            .build()
            .unwrap()
    };
    let (a, b) = (make("a"), make("b"));
    let topic = raw("lo", true);
    let reader = b.raw_reader(&topic, &everything()).unwrap();
    let writer = a.raw_writer(&topic, &everything()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    writer.write(&payload(&[4]), 0, None).unwrap();
    assert_eq!(word(&reader.recv_timeout(PATIENCE).unwrap().unwrap(), 0), 4);
}

/// A small generator, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[test]
fn malformed_datagrams_do_not_stop_the_traffic() {
    let (a, b) = pair(DDS);
    let topic = raw("tough", true);
    let reader = b.raw_reader(&topic, &everything()).unwrap();
    let writer = a.raw_writer(&topic, &everything()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let base = 7400 + 250 * a.domain();
    // Discovery multicast, user multicast, and unicast of both participants.
    let ports = [base, base + 1, base + 10, base + 11, base + 12, base + 13];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut datagram = Vec::new();
    for round in 0..3_000u32 {
        datagram.clear();
        let len = random.next() as usize % 200;
        if round % 4 != 0 {
            // A true RTPS header, some vendor and prefix, then submessages with lengths that lie.
            datagram.extend_from_slice(b"RTPS\x02\x03\x01\x10");
            let prefix = if round % 3 == 0 { a.guid_prefix() } else { [random.next() as u8; 12] };
            datagram.extend_from_slice(&prefix);
            let kinds =
                [0x01, 0x06, 0x07, 0x08, 0x09, 0x0c, 0x0d, 0x0e, 0x0f, 0x12, 0x13, 0x15, 0x16];
            for _ in 0..1 + random.next() % 3 {
                datagram.push(kinds[random.next() as usize % kinds.len()]);
                datagram.push(random.next() as u8 & 0x0f);
                let length = match random.next() % 3 {
                    0 => len as u16,
                    1 => random.next() as u16,
                    _ => 24,
                };
                datagram.extend_from_slice(&length.to_le_bytes());
                datagram.extend((0..len).map(|_| {
                    let byte = random.next();
                    if byte.is_multiple_of(3) { 0 } else { byte as u8 }
                }));
            }
            // Endpoint ids that exist, so that the payload is looked at.
            if datagram.len() > 40 && round % 2 == 0 {
                let writer_id = &writer.guid().0[12..];
                let at = 28 + 4;
                datagram[at..at + 4].copy_from_slice(writer_id);
            }
        } else {
            datagram.extend((0..len).map(|_| random.next() as u8));
        }
        for port in ports {
            let _ = socket.send_to(&datagram, ("127.0.0.1", port));
        }
    }
    for i in 0..500 {
        writer.write(&payload(&[i % 3, i]), 0, None).unwrap();
    }
    let mut seen = std::collections::BTreeSet::new();
    wait("500 samples through the noise", || {
        while let Some(sample) = reader.take().unwrap() {
            if sample.info.writer == writer.guid() && sample.payload.len() == 12 {
                seen.insert(word(&sample, 1));
            }
        }
        (0..500).all(|i| seen.contains(&i))
    });
    a.check().unwrap();
    b.check().unwrap();
    // New endpoints still find each other.
    let topic = raw("after", false);
    let reader = b.raw_reader(&topic, &everything()).unwrap();
    let writer = a.raw_writer(&topic, &everything()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    writer.write(&payload(&[8]), 0, None).unwrap();
    assert_eq!(word(&reader.recv_timeout(PATIENCE).unwrap().unwrap(), 0), 8);
}

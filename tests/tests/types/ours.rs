//! What we announce is read by a peer that has never heard of it, or has the same type.

use serde_json::Value;
use tidewire_bus::testing::free_domain;
use tidewire_bus::{Backend, Participant, RawTopic, RawWriter, Transports};
use tidewire_idl::xtypes::{Relation, TypeObjects};
use tidewire_idl::{Encoding, Representation, TypeHandle};
use tidewire_qos::{DataRepresentation, Qos};
use tidewire_tests::{Child, PATIENCE, Peer};

use crate::{COUNT, twin};

/// A writer of ours that announces its type, and the values peers would write.
struct Ours {
    _bus: Participant,
    writer: RawWriter,
    ty: TypeHandle,
    values: Vec<Value>,
    /// Whether it is announced, under the hashes that the peers have.
    same: bool,
}

impl Ours {
    fn new(domain: u16, topic: &str, word: &str) -> Self {
        let count = COUNT.to_string();
        let told = Child::spawn(Peer::python("peer.py").args(["values", "-", "-", word, &count]));
        let ty = twin(word);
        let objects = TypeObjects::of(&ty).ok();
        let theirs = told.event("type", PATIENCE);
        let same = objects.is_some_and(|objects| {
            let hash = |relation| objects.hash(relation).to_string();
            theirs["minimal"] == hash(Relation::Minimal)
                && theirs["complete"] == hash(Relation::Complete)
        });
        let values = (0..COUNT).map(|_| told.event("value", PATIENCE)["value"].take()).collect();

        let builder = Participant::builder().domain(domain).name("types").dds(Backend::Cyclone);
        let builder = builder.transports(Transports { dds: true, shm: false });
        let bus = builder.build().expect("the domain is joined");
        let topic = RawTopic::new(topic, &ty.name, true);
        let xcdr2 = vec![DataRepresentation::Xcdr2];
        let qos = Qos { data_representation: xcdr2, ..Qos::reliable() };
        let writer = bus.raw_writer_of(&topic, &ty, &qos).expect("a writer");
        Self { _bus: bus, writer, ty, values, same }
    }

    /// Every value comes to `reader`, in order within its instance.
    fn reach(&self, reader: &Child) {
        self.writer.wait_for_readers(1, PATIENCE).expect("the peer's reader is found");
        let encoding = Encoding { representation: Representation::Xcdr2, ..Encoding::default() };
        for (i, value) in self.values.iter().enumerate() {
            let value = tidewire_idl::Value::from_json(&self.ty, value).expect("it fits the type");
            let payload = tidewire_idl::encode(&self.ty, &value, encoding).expect("as above");
            self.writer.write(&payload, i as i64 + 1, None).expect("there is room");
        }
        let mut received: Vec<_> = (0..COUNT)
            .map(|_| reader.event("received", PATIENCE))
            .map(|mut it| (it["source"].as_i64(), it["value"].take()))
            .collect();
        received.sort_by_key(|(time, _)| *time);
        let received: Vec<Value> = received.into_iter().map(|(_, value)| value).collect();
        assert_eq!(received, self.values);
    }
}

/// A peer that knows nothing but the topic's name.
fn read_without_idl(word: &str) {
    let (domain, topic) = (free_domain(), "works/ours");
    let ours = Ours::new(domain, topic, word);
    assert!(ours.same, "its hashes differ");
    let reader = Peer::cyclone("read", domain, topic, "-", COUNT);
    assert_eq!(reader.event("type", PATIENCE)["name"], format!("works::{word}"));
    ours.reach(&reader);
}

#[test]
fn a_peer_reads_our_appendable_type_without_its_idl() {
    read_without_idl("Machine");
}

#[test]
fn a_peer_reads_our_mutable_type_without_its_idl() {
    read_without_idl("Batch");
}

#[test]
fn a_peer_reads_our_final_type_without_its_idl() {
    read_without_idl("Drive");
}

#[test]
fn a_peer_with_the_same_type_is_matched_by_it() {
    let (domain, topic) = (free_domain(), "works/ours");
    let ours = Ours::new(domain, topic, "Machine");
    assert!(ours.same, "its hashes differ");
    ours.reach(&Peer::cyclone("sub", domain, topic, "Machine", COUNT));
}

#[test]
fn a_peer_whose_hash_of_a_part_would_differ_is_matched_by_name() {
    let (domain, topic) = (free_domain(), "works/ours");
    let ours = Ours::new(domain, topic, "Gauge");
    assert!(!ours.same, "a part of it has typedefs and @nested, which are not kept");
    ours.reach(&Peer::cyclone("sub", domain, topic, "Gauge", COUNT));
}

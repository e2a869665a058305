//! DDS Security: who has a certificate exchanges samples, who has none is kept out, and the wire tells
//! nothing.

mod common;
#[path = "common/keys.rs"]
mod keys;
#[path = "common/other.rs"]
mod other;
#[path = "common/wire.rs"]
mod wire;

use std::sync::Arc;

use bytes::Bytes;
use common::{Collect, domain, key, large, payload, wait};
use keys::Keys;
use other::{Other, spec, sum};
use tidewire_cyclone::{DdsError, DdsOptions, DdsParticipant, DdsReader, DdsWriter};
use tidewire_qos::Security;
use wire::Wire;

#[test]
fn as_the_other_side() {
    other::run();
}

/// A participant with a reader of `to_us` and a writer of `to_them`.
struct Us {
    bus: DdsParticipant,
    writer: DdsWriter,
    reader: DdsReader,
    got: Arc<Collect>,
}

impl Us {
    fn join(domain: u16, security: Option<Security>) -> Self {
        let bus = start(domain, security).unwrap();
        let got = Arc::new(Collect::default());
        Self {
            writer: bus.writer(&spec("to_them")).unwrap(),
            reader: bus.reader(&spec("to_us"), got.clone()).unwrap(),
            got,
            bus,
        }
    }

    fn write(&self, sample: &Bytes) -> u64 {
        self.writer.write(sample.clone(), key(sample), 1).unwrap()
    }

    fn meets(&self, other: &mut Other) {
        other.tell("await");
        other.event("matched");
        wait("a match", || !self.writer.matched().is_empty() && !self.reader.matched().is_empty());
    }
}

fn start(domain: u16, security: Option<Security>) -> Result<DdsParticipant, DdsError> {
    let mut options = DdsOptions::new(domain, "us");
    options.security = security;
    DdsParticipant::start(options)
}

/// Samples of every size, both ways, with their bytes and numbers: how many.
fn exchange(us: &Us, other: &mut Other) -> usize {
    us.meets(other);
    let sizes = [8, 64, 1000, 1476, 60_000, 1 << 20];
    for size in sizes {
        let sequence = us.write(&large(size));
        let line = other.event("got");
        assert_eq!(line["sequence"], sequence, "{line}");
        assert_eq!((&line["length"], &line["sum"]), (&size.into(), &sum(&large(size)).into()));
        let before = us.got.len();
        other.tell(&format!("write {size}"));
        let written = other.event("written");
        wait("their sample", || us.got.len() > before);
        let sample = us.got.samples().pop().unwrap();
        assert_eq!(written["sequence"], sample.sequence, "{written}");
        assert_eq!(sample.payload, large(size));
    }
    sizes.len()
}

fn exchange_under(offset: u32, from: &[(&str, &str)]) {
    let keys = Keys::new(&["us", "them"]);
    for (kind, protection) in from {
        let text = |kind: &str, value: &str| format!("<{kind}>{value}</{kind}>");
        let usual = if *kind == "rtps_protection_kind" { "SIGN" } else { "ENCRYPT" };
        keys.edit("governance.xml", &text(kind, usual), &text(kind, protection));
    }
    let domain = domain(offset);
    let us = Us::join(domain, Some(keys.of("us")));
    exchange(&us, &mut Other::start(domain, &keys.folder("them")));
}

#[test]
fn two_with_certificates_exchange_samples() {
    exchange_under(70, &[]);
}

#[test]
fn they_do_under_every_kind_of_protection() {
    exchange_under(71, &[("rtps_protection_kind", "ENCRYPT")]);
    exchange_under(72, &[("metadata_protection_kind", "NONE")]);
    exchange_under(73, &[("metadata_protection_kind", "SIGN"), ("data_protection_kind", "NONE")]);
    exchange_under(
        74,
        &[
            ("rtps_protection_kind", "NONE"),
            ("metadata_protection_kind", "NONE"),
            ("data_protection_kind", "SIGN"),
        ],
    );
}

#[test]
fn who_has_no_certificate_neither_hears_nor_is_heard() {
    let keys = Keys::new(&["us", "them"]);
    let domain = domain(75);
    let stranger = start(domain, None).unwrap();
    let writers = ["to_us", "to_them"].map(|topic| stranger.writer(&spec(topic)).unwrap());
    let us = Us::join(domain, Some(keys.of("us")));
    let mut other = Other::start(domain, &keys.folder("them"));
    // A second stranger shows that the first one can be heard.
    let witness = start(domain, None).unwrap();
    let heard = Arc::new(Collect::default());
    let _readers =
        ["to_us", "to_them"].map(|topic| witness.reader(&spec(topic), heard.clone()).unwrap());
    for writer in &writers {
        wait("the witness", || !writer.matched().is_empty());
        for size in [12, 2000] {
            writer.write(large(size), key(&large(size)), 1).unwrap();
        }
    }
    let exchanged = exchange(&us, &mut other);
    wait("what the stranger wrote", || heard.len() >= 4);
    // Ours have found each other and nobody else, and what each got was the other's.
    other.tell("count");
    let count = other.event("count");
    assert_eq!((&count["readers"], &count["writers"]), (&1.into(), &1.into()), "{count}");
    // That strangers are there can be seen, but not what they have.
    let known = us.bus.discovered();
    assert!(known.participants.contains_key(&stranger.prefix()));
    let endpoints = known.writers.keys().chain(known.readers.keys());
    assert_eq!(endpoints.filter(|guid| guid.prefix() == stranger.prefix()).count(), 0, "{known:?}");
    assert_eq!(us.got.len(), exchanged);
    other.silent("got");
    // Strangers have heard the stranger alone.
    assert_eq!(heard.len(), 4);
    assert!(heard.samples().iter().all(|sample| sample.writer.prefix() == stranger.prefix()));
}

#[test]
fn who_has_a_certificate_of_another_authority_is_kept_out() {
    let (keys, theirs) = (Keys::new(&["us", "them"]), Keys::new(&["intruder"]));
    let domain = domain(76);
    let mut intruder = Other::start(domain, &theirs.folder("intruder"));
    intruder.tell("write 40");
    intruder.event("written");
    let us = Us::join(domain, Some(keys.of("us")));
    let mut other = Other::start(domain, &keys.folder("them"));
    let exchanged = exchange(&us, &mut other);
    intruder.tell("write 44");
    intruder.event("written");
    let more = exchange(&us, &mut other);
    assert_eq!(us.got.len(), exchanged + more);
    assert_eq!(us.writer.matched().len(), 1);
    intruder.tell("count");
    let count = intruder.event("count");
    assert_eq!((&count["readers"], &count["writers"]), (&0.into(), &0.into()), "{count}");
    intruder.silent("got");
}

#[test]
fn permissions_name_the_topics() {
    let keys = Keys::new(&["us"]);
    let all = |verb: &str| format!("<{verb}><topics><topic>*</topic></topics></{verb}>");
    let one = |verb: &str, topic: &str| all(verb).replace('*', topic);
    keys.edit("us/permissions.xml", &all("publish"), &one("publish", "plant/*"));
    keys.edit("us/permissions.xml", &all("subscribe"), &one("subscribe", "commands"));
    let bus = start(domain(77), Some(keys.of("us"))).unwrap();
    let sink = || Arc::new(Collect::default());
    let _writer = bus.writer(&spec("plant/pump")).unwrap();
    let _reader = bus.reader(&spec("commands"), sink()).unwrap();
    for error in [
        bus.writer(&spec("commands")).map(drop).unwrap_err(),
        bus.writer(&spec("secret")).map(drop).unwrap_err(),
        bus.reader(&spec("plant/pump"), sink()).map(drop).unwrap_err(),
        bus.reader(&spec("secret"), sink()).map(drop).unwrap_err(),
    ] {
        assert!(matches!(error, DdsError::Denied { .. }), "{error}");
    }
    let error = bus.writer(&spec("commands")).map(drop).unwrap_err().to_string();
    assert!(error.contains("no writer on topic `commands`"), "{error}");
    assert!(error.contains("added to <publish>"), "{error}");
    // And what is allowed still goes.
    let _second = bus.writer(&spec("plant/arm")).unwrap();
}

#[test]
fn the_wire_tells_nothing() {
    let Some(wire) = Wire::tap() else { return };
    // Without security, to know what would be seen.
    let open = domain(78);
    let (a, b) = (start(open, None).unwrap(), start(open, None).unwrap());
    let got = Arc::new(Collect::default());
    let _reader = b.reader(&spec("a_topic_in_the_open"), got.clone()).unwrap();
    let writer = a.writer(&spec("a_topic_in_the_open")).unwrap();
    wait("a match", || !writer.matched().is_empty());
    let sample = payload([0, 1], b"key.a sample in the open");
    // The tap may be kept from a processor while other tests fill its buffer.
    for count in 1..=20 {
        writer.write(sample.clone(), key(&sample), 1).unwrap();
        wait("the sample", || got.len() == count);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }

    let keys = Keys::new(&["us", "them"]);
    let us = Us::join(domain(79), Some(keys.of("us")));
    let _more = us.bus.writer(&spec("a_topic_under_lock")).unwrap();
    let mut other = Other::start(domain(79), &keys.folder("them"));
    us.meets(&mut other);
    let sample = payload([0, 1], b"key.a sample under lock.");
    for _ in 0..5 {
        us.write(&sample);
        assert_eq!(other.event("got")["sum"], sum(&sample));
    }
    let packets = wire.packets();
    for open in ["a sample in the open", "a_topic_in_the_open"] {
        assert!(wire::tell(&packets, open) > 0, "{open}: not among {} packets", packets.len());
    }
    for secret in ["a sample under lock", "a_topic_under_lock"] {
        assert_eq!(wire::tell(&packets, secret), 0, "{secret}");
    }
}

#[test]
fn permissions_that_expire_end_the_participant_and_say_so() {
    let keys = Keys::new(&["us", "them"]);
    let document = std::fs::read_to_string(keys.folder("us/permissions.xml")).unwrap();
    let last = document.split("<not_after>").nth(1).unwrap().split('<').next().unwrap();
    let soon =
        std::process::Command::new("date").args(["-u", "-d", "+15 seconds", "+%FT%TZ"]).output();
    let soon = String::from_utf8(soon.unwrap().stdout).unwrap();
    keys.edit("us/permissions.xml", last, soon.trim());
    let domain = domain(80);
    let us = Us::join(domain, Some(keys.of("us")));
    let mut other = Other::start(domain, &keys.folder("them"));
    us.meets(&mut other);
    us.write(&large(12));
    other.event("got");
    wait("the end", || us.bus.check().is_err());
    let error = us.bus.check().unwrap_err().to_string();
    assert!(error.contains("have expired") && error.contains("issued anew"), "{error}");
    let error = us.writer.write(large(12), key(&large(12)), 1).unwrap_err().to_string();
    assert!(error.contains("have expired"), "{error}");
    let error = us.bus.writer(&spec("another")).map(drop).unwrap_err().to_string();
    assert!(error.contains("have expired"), "{error}");
    // Nothing is left behind that would not let a new one in.
    drop(us);
    keys.edit("us/permissions.xml", soon.trim(), last);
    let us = Us::join(domain, Some(keys.of("us")));
    exchange(&us, &mut other);
}

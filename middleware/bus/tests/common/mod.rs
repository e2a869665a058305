//! What the tests of the bus share.
#![allow(dead_code)]

use std::time::{Duration, Instant};

use tidewire_bus::{Participant, RawTopic, Sample, Transports, testing};
use tidewire_qos::Qos;

/// Long enough for a loaded machine; nothing waits it out unless it fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub const DDS: Transports = Transports { dds: true, shm: false };
pub const SHM: Transports = Transports { dds: false, shm: true };
pub const BOTH: Transports = Transports { dds: true, shm: true };

/// Two participants of one domain, `plant/a` and `plant/b`.
pub fn pair(transports: Transports) -> (Participant, Participant) {
    pair_of(transports, transports)
}

pub fn pair_of(a: Transports, b: Transports) -> (Participant, Participant) {
    let domain = testing::free_domain();
    let make = |name: &str, transports| {
        Participant::builder().domain(domain).name(name).transports(transports).build().unwrap()
    };
    (make("plant/a", a), make("plant/b", b))
}

pub fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Nothing more may come: long enough that what is on its way arrives.
pub fn settle() {
    std::thread::sleep(Duration::from_millis(300));
}

pub fn raw(name: &str, keyed: bool) -> RawTopic {
    RawTopic::new(name, "test::Raw", keyed)
}

/// An XCDR1 little-endian payload of four-byte words.
pub fn payload(words: &[u32]) -> Vec<u8> {
    let mut bytes = vec![0, 1, 0, 0];
    for word in words {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes
}

pub fn word(sample: &Sample, index: usize) -> u32 {
    let at = 4 + 4 * index;
    u32::from_le_bytes(sample.payload[at..at + 4].try_into().unwrap())
}

/// RELIABLE, KEEP_ALL, without a limit that a slow test could run into.
pub fn everything() -> Qos {
    let mut qos = Qos::reliable();
    qos.reliability = tidewire_qos::policy::Reliability::Reliable {
        max_blocking_time: tidewire_qos::Duration::from_secs(10),
    };
    qos.resource_limits.max_samples = None;
    qos
}

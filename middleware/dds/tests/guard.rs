//! What reaches a participant's sockets: fragments that would cost gigabytes do not.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidewire_dds::{DdsOptions, DdsParticipant, DdsSample, Sink};
use tidewire_idl::{Guid, KeyHash};
use tidewire_qos::Qos;
use tidewire_transport::{EndpointSpec, Prefix};

/// Keeps what the last sample says of itself.
#[derive(Default)]
struct Last(parking_lot::Mutex<Option<Bytes>>);

impl Sink for Last {
    fn key_of(&self, _: &[u8]) -> KeyHash {
        KeyHash::default()
    }
    fn key_of_disposed(&self, _: &[u8]) -> KeyHash {
        KeyHash::default()
    }
    fn deliver(&self, sample: DdsSample) {
        *self.0.lock() = Some(sample.payload);
    }
    fn flush(&self) {}
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited 60 s for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn domain(offset: u32) -> u16 {
    (60 + (std::process::id() + offset) % 170) as u16
}

fn participant(domain: u16) -> DdsParticipant {
    DdsParticipant::start(DdsOptions::new(domain, "test")).unwrap()
}

/// Two participants that know each other.
fn pair(domain: u16) -> (DdsParticipant, DdsParticipant) {
    let (a, b) = (participant(domain), participant(domain));
    let knows = |a: &DdsParticipant, b: &DdsParticipant| {
        a.with_discovered(|known| known.participants.contains_key(&b.prefix()))
    };
    wait("both to know each other", || knows(&a, &b) && knows(&b, &a));
    (a, b)
}

/// The ports of a domain that participants listen on alone (RTPS 2.5, 9.6.2.3).
fn ports(domain: u16) -> std::ops::Range<u16> {
    let first = 7400 + 250 * domain;
    first + 10..first + 250
}

/// One DATA_FRAG to the builtin endpoint that learns of writers.
fn fragment(sender: Prefix, sample_size: u32) -> Vec<u8> {
    let mut message = b"RTPS\x02\x04\x01\x12".to_vec();
    message.extend(sender);
    message.extend([0x16, 1, 64, 0, 0, 0, 28, 0]);
    message.extend([0, 0, 3, 0xc7, 0, 0, 3, 0xc2, 0, 0, 0, 0, 0, 0, 1, 0]);
    message.extend([1, 0, 0, 0, 1, 0, 32, 0]);
    message.extend(sample_size.to_le_bytes());
    message.extend([0; 32]);
    message
}

/// Most memory this process ever had, in MiB.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

#[test]
fn fragments_of_strangers_and_of_huge_samples_cost_nothing() {
    let domain = domain(0);
    let (a, b) = pair(domain);
    let before = most_memory();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for (sender, size) in [(*b"nobody knows", 200 << 20), (a.prefix(), 1 << 30)] {
        for port in ports(domain).take(4) {
            socket.send_to(&fragment(sender, size), ("127.0.0.1", port)).unwrap();
        }
    }
    // What comes through the same sockets later has been handled later.
    let spec = EndpointSpec::new("after", "T", false);
    let writer = a.writer(&spec).unwrap();
    wait("discovery", || b.with_discovered(|known| known.writers.contains_key(&writer.guid())));
    let grown = most_memory() - before;
    assert!(grown < 256, "{grown} MiB more");
}

/// One NACK_FRAG of a reader: that it lacks `fragment` of the writer's first sample.
fn wish(reader: Guid, writer: Guid, fragment: u32, count: u8) -> Vec<u8> {
    let mut message = b"RTPS\x02\x04\x01\x12".to_vec();
    message.extend(reader.prefix());
    message.extend([0x12, 1, 32, 0]);
    message.extend([&reader.0[12..], &writer.0[12..], &[0, 0, 0, 0, 1, 0, 0, 0]].concat());
    message.extend(fragment.to_le_bytes());
    message.extend([1, 0, 0, 0, 0, 0, 0, 0x80, count, 0, 0, 0]);
    message
}

#[test]
fn a_wish_for_a_fragment_that_cannot_be_ends_nobody() {
    let domain = domain(3);
    let (a, b) = pair(domain);
    let mut spec = EndpointSpec::new("wishes", "T", false);
    spec.qos = Qos::reliable();
    let last = Arc::new(Last::default());
    let reader = b.reader(&spec, last.clone()).unwrap();
    let writer = a.writer(&spec).unwrap();
    wait("a match", || !writer.matched().is_empty());
    let before = most_memory();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let write = |number: u8| {
        let payload = Bytes::copy_from_slice(&[0, 1, 0, 0, number, 0, 0, 0]);
        writer.write(payload.clone(), KeyHash::default(), 0).unwrap();
        wait("the sample", || last.0.lock().as_ref() == Some(&payload));
    };
    write(0);
    for (number, fragment) in [(1, u32::MAX), (2, 0)] {
        let message = wish(reader.guid(), writer.guid(), fragment, number);
        for port in ports(domain).take(4) {
            socket.send_to(&message, ("127.0.0.1", port)).unwrap();
        }
        write(number);
    }
    a.check().unwrap();
    let grown = most_memory() - before;
    assert!(grown < 256, "{grown} MiB more");
}

#[test]
fn a_sample_of_8_mb_arrives_in_its_fragments() {
    let (a, b) = pair(domain(1));
    let mut spec = EndpointSpec::new("large", "T", false);
    spec.qos = Qos::reliable();
    let last = Arc::new(Last::default());
    let _reader = b.reader(&spec, last.clone()).unwrap();
    let writer = a.writer(&spec).unwrap();
    wait("a match", || !writer.matched().is_empty());
    let body = (0..2_000_000u32).flat_map(u32::to_le_bytes);
    let payload: Bytes = [0, 1, 0, 0].into_iter().chain(body).collect();
    let start = Instant::now();
    writer.write(payload.clone(), KeyHash::default(), 0).unwrap();
    wait("the sample", || last.0.lock().is_some());
    println!("8 MB after {:?}", start.elapsed());
    assert!(last.0.lock().as_ref() == Some(&payload));
}

#[test]
fn ports_are_free_again_when_a_participant_is_gone() {
    // Nobody else's here, and its ports lie below those that Linux gives to sockets which ask for none.
    let domain = (20 + std::process::id() % 40) as u16;
    let free = || -> Vec<u16> {
        ports(domain).filter(|port| UdpSocket::bind(("0.0.0.0", *port)).is_ok()).collect()
    };
    let before = free();
    let participant = participant(domain);
    let spec = EndpointSpec::new("kept", "T", false);
    let writer = participant.writer(&spec).unwrap();
    let reader = participant.reader(&spec, Arc::new(Last::default())).unwrap();
    assert_eq!(free().len(), before.len() - 2);
    drop(participant);
    assert_eq!(free(), before);
    reader.pump();
    drop((writer, reader));
}

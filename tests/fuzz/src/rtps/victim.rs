//! The participant that is hit, and a neighbour that tells whether it still works.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tidewire_dds::{DdsOptions, DdsParticipant, DdsReader, DdsSample, DdsWriter, Sink};
use tidewire_idl::{Guid, KeyHash};
use tidewire_qos::Qos;
use tidewire_transport::{EndpointSpec, Prefix};

pub struct Victim {
    participant: DdsParticipant,
    reader: DdsReader,
    heard: Arc<Heard>,
    probe: DdsWriter,
    count: AtomicU64,
    socket: UdpSocket,
    port: u16,
    _neighbour: DdsParticipant,
}

/// What a message may name.
pub struct Target {
    pub prefix: Prefix,
    pub reader: Guid,
}

/// The last number the neighbour sent.
#[derive(Default)]
struct Heard {
    writer: Mutex<Option<Guid>>,
    last: Mutex<u64>,
    news: Condvar,
}

impl Sink for Heard {
    fn key_of(&self, _: &[u8]) -> KeyHash {
        KeyHash::default()
    }
    fn key_of_disposed(&self, _: &[u8]) -> KeyHash {
        KeyHash::default()
    }
    fn deliver(&self, sample: DdsSample) {
        if *self.writer.lock() == Some(sample.writer)
            && let Some(number) = sample.payload.get(4..).and_then(|b| b.first_chunk::<8>())
        {
            *self.last.lock() = u64::from_le_bytes(*number);
        }
    }
    fn flush(&self) {
        self.news.notify_all();
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The unicast ports of a domain that are taken (RTPS 2.5, 9.6.2.3).
fn taken(domain: u16) -> Vec<u16> {
    let base = 7400 + 250 * domain;
    (base + 10..base + 250).filter(|port| UdpSocket::bind(("0.0.0.0", *port)).is_err()).collect()
}

impl Victim {
    pub fn new() -> Self {
        let domain = (20 + std::process::id() % 200) as u16;
        let start = |name| {
            DdsParticipant::start(DdsOptions::new(domain, name)).expect("a participant starts")
        };
        let before = taken(domain);
        let participant = start("victim");
        let ports: Vec<u16> = taken(domain).into_iter().filter(|p| !before.contains(p)).collect();
        // The one for user traffic: the neighbour's samples come there, so that one is heard only
        // after the datagrams before it.
        let port = *ports.iter().max().expect("a participant listens");
        let neighbour = start("neighbour");
        let mut spec = EndpointSpec::new("fuzz", "Fuzz", false);
        spec.qos = Qos::reliable();
        let heard = Arc::new(Heard::default());
        let reader = participant.reader(&spec, heard.clone()).expect("a reader");
        let probe = neighbour.writer(&spec).expect("a writer");
        *heard.writer.lock() = Some(probe.guid());
        wait("a match", || !probe.matched().is_empty() && !reader.matched().is_empty());
        Self {
            participant,
            reader,
            heard,
            probe,
            count: AtomicU64::new(0),
            socket: UdpSocket::bind("127.0.0.1:0").expect("loopback"),
            port,
            _neighbour: neighbour,
        }
    }

    pub fn target(&self) -> Target {
        Target { prefix: self.participant.prefix(), reader: self.reader.guid() }
    }

    pub fn hit(&self, datagram: &[u8]) {
        // A datagram too long for UDP hits nobody.
        let _ = self.socket.send_to(datagram, ("127.0.0.1", self.port));
    }

    /// Waits until a sample that was sent after everything else has come.
    pub fn still_receives(&self) {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
            let body = [&[0, 1, 0, 0][..], &number.to_le_bytes()].concat();
            let sent = self.probe.write(Bytes::from(body), KeyHash::default(), 0);
            assert!(sent.is_ok(), "the neighbour cannot write: {sent:?}");
            let mut last = self.heard.last.lock();
            while *last < number {
                if self.heard.news.wait_for(&mut last, Duration::from_secs(2)).timed_out() {
                    break;
                }
            }
            if *last >= number {
                return;
            }
            drop(last);
            if let Err(error) = self.participant.check() {
                panic!("the participant died: {error}");
            }
        }
        panic!("the participant receives nothing any more");
    }
}

//! Beside the Python package of Cyclone DDS: samples both ways, and types read from discovery.

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use bytes::Bytes;
use common::{Collect, domain, peer, python, wait};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tidewire_cyclone::{DdsEvent, DdsOptions, DdsParticipant, DdsSample, DdsStatus, Sink};
use tidewire_idl::{InstanceState, KeyHash, KeyReader, TypeRegistry};
use tidewire_qos::policy::{Liveliness, LivelinessKind};
use tidewire_qos::{Duration as Span, Qos};
use tidewire_transport::EndpointSpec;

const PATIENCE: Duration = Duration::from_secs(30);

/// A peer and the lines it prints; ends when dropped.
struct Peer {
    child: Child,
    lines: Receiver<Value>,
}

impl Peer {
    fn start(role: &str, domain: u16, topic: &str, ty: &str, count: usize) -> Self {
        Self::with(&[], role, domain, topic, ty, count)
    }

    fn with(
        policies: &[&str],
        role: &str,
        domain: u16,
        topic: &str,
        ty: &str,
        count: usize,
    ) -> Self {
        let mut command = peer(role, domain, topic, ty, count);
        command.args(policies);
        Self::run(command)
    }

    fn run(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python runs");
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = send.send(serde_json::from_str(&line).expect("a JSON line"));
            }
        });
        Self { child, lines }
    }

    fn event(&self, name: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("a line of the peer");
            if line["event"] == name {
                return line;
            }
        }
    }

    /// The bytes of `count` lines of this event.
    fn bytes(&self, event: &str, count: usize) -> Vec<String> {
        (0..count).map(|_| self.event(event)["bytes"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// RTPS aligns a payload to 4 bytes (RTPS 2.5, 9.4.5.4): what a peer puts on the wire.
fn padded(sample: &str) -> String {
    format!("{sample:0<width$}", width = sample.len().next_multiple_of(8))
}

/// A reader in Python takes instance by instance; order within one is what DDS promises.
fn by_instance(samples: &[String]) -> Vec<String> {
    let mut samples = samples.to_vec();
    // header, length 7, "line-0\0", padding, number
    samples.sort_by(|a, b| a[8..40].cmp(&b[8..40]));
    samples
}

#[test]
fn a_type_is_read_from_discovery_and_decodes_what_comes() {
    const COUNT: usize = 12;
    let number = domain(40);
    let participant = DdsParticipant::start(DdsOptions::new(number, "reader")).unwrap();
    let _publisher = Peer::start("pub", number, "works/machine", "Machine", COUNT);
    let found = || {
        let known = participant.discovered();
        known.writers.into_values().find(|writer| writer.topic == "works/machine")
    };
    wait("the peer's writer", || found().is_some());
    let writer = found().unwrap();
    assert_eq!(writer.type_name, "works::Machine");
    let ty = participant.type_of(&writer.guid, PATIENCE).unwrap();
    assert_eq!(ty.name, "works::Machine");

    let mut spec = EndpointSpec::new("works/machine", "works::Machine", true);
    spec.qos = Qos::reliable();
    let sink = Arc::new(Collect::default());
    let _reader = participant.reader(&spec, sink.clone()).unwrap();
    wait("all samples", || sink.len() >= COUNT);
    let keys = KeyReader::new(&ty).expect("it has a key");
    for (i, sample) in sink.samples().iter().take(COUNT).enumerate() {
        let value = tidewire_idl::decode(&ty, &sample.payload).unwrap().to_json();
        assert_eq!(
            value["place"],
            json!({ "hall": format!("hall {}", i % 2), "position": [i as f64, 0.5, -1.0] })
        );
        assert_eq!(value["serial"], i % 3);
        assert_eq!(value["mode"], ["idle", "running", "failed"][i % 3]);
        assert_eq!(value["trace"].as_array().unwrap().len(), i % 8);
        assert_eq!(value["grid"], json!([[i, 2, 3], [4, 5, -(i as i64)]]));
        let note = if i % 2 == 1 { json!(format!("note {i}")) } else { Value::Null };
        assert_eq!(value["note"], note);
        let reading = value["reading"].to_string();
        let expected = [format!("{i}"), format!("{}", i as f64 * 0.5), format!("cause {i}")];
        assert!(reading.contains(&expected[i % 3]), "{reading}");
        assert!(keys.key_hash(&sample.payload).is_ok());
    }
}

#[test]
fn keyed_and_unkeyed_samples_of_a_peer_arrive_byte_for_byte() {
    const COUNT: usize = 200;
    for (at, ty, keyed) in [(41, "Valve", true), (42, "Tick", false)] {
        let number = domain(at);
        let participant = DdsParticipant::start(DdsOptions::new(number, "reader")).unwrap();
        let mut spec = EndpointSpec::new("works/topic", format!("works::{ty}"), keyed);
        spec.qos = Qos::reliable();
        let sink = Arc::new(Collect::default());
        let _reader = participant.reader(&spec, sink.clone()).unwrap();
        let publisher = Peer::start("pub", number, "works/topic", ty, COUNT);
        let sent = publisher.bytes("sent", COUNT);
        wait("all samples", || sink.len() >= COUNT);
        let got: Vec<String> =
            sink.samples().iter().take(COUNT).map(|sample| hex(&sample.payload)).collect();
        let wire: Vec<String> = sent.iter().map(|sample| padded(sample)).collect();
        assert_eq!(got, wire);
        let info = participant.discovered();
        assert_eq!(info.participants.values().next().map(|p| p.vendor), Some([1, 0x10]));
    }
}

#[test]
fn samples_of_ours_reach_a_peer_byte_for_byte() {
    const COUNT: usize = 100;
    let (from, number) = (domain(43), domain(44));
    // What the peer's own program writes is what we write.
    let maker = Peer::start("pub", from, "works/valve", "Valve", COUNT);
    let listener = DdsParticipant::start(DdsOptions::new(from, "listener")).unwrap();
    let mut spec = EndpointSpec::new("works/valve", "works::Valve", true);
    spec.qos = Qos::reliable();
    let _reader = listener.reader(&spec, Arc::new(Collect::default())).unwrap();
    let samples = maker.bytes("sent", COUNT);

    let participant = DdsParticipant::start(DdsOptions::new(number, "writer")).unwrap();
    let writer = participant.writer(&spec).unwrap();
    let subscriber = Peer::start("sub", number, "works/valve", "Valve", COUNT);
    wait("the peer's reader", || !writer.matched().is_empty());
    std::thread::sleep(Duration::from_millis(500));
    for (i, sample) in samples.iter().enumerate() {
        let mut key = KeyHash::default();
        key.0[0] = (i % 6) as u8;
        writer.write(bytes(sample).into(), key, 1).unwrap();
    }
    let received = subscriber.bytes("received", COUNT);
    assert_eq!(by_instance(&received), by_instance(&samples));
}

#[test]
fn partitions_keep_a_peer_apart_from_some_readers() {
    const COUNT: usize = 20;
    let number = domain(45);
    let participant = DdsParticipant::start(DdsOptions::new(number, "reader")).unwrap();
    let of = |partition: &str| {
        let mut spec = EndpointSpec::new("works/parts", "works::Valve", true);
        spec.qos = Qos { partition: vec![partition.to_owned()], ..Qos::reliable() };
        let sink = Arc::new(Collect::default());
        (participant.reader(&spec, sink.clone()).unwrap(), sink)
    };
    let readers = ["plant/e*", "plant/north", "plant/west", ""].map(of);
    let policies = ["partition=plant/east,plant/north"];
    let publisher = Peer::with(&policies, "pub", number, "works/parts", "Valve", COUNT);
    publisher.event("done");
    wait("all samples", || readers[0].1.len() + readers[1].1.len() >= 2 * COUNT);
    let counts = readers.each_ref().map(|(_, sink)| sink.len());
    assert_eq!(counts, [COUNT, COUNT, 0, 0]);
    let known = participant.discovered();
    let announced: Vec<_> = known.writers.values().map(|writer| &writer.qos.partition).collect();
    assert_eq!(announced, [&["plant/east", "plant/north"]]);
}

#[test]
fn a_peer_that_falls_silent_is_told_of() {
    let number = domain(46);
    let participant = DdsParticipant::start(DdsOptions::new(number, "reader")).unwrap();
    let (send, statuses) = channel();
    let send = Mutex::new(send);
    participant.observe(move |event| {
        if let DdsEvent::Status { status, .. } = event {
            let _ = send.lock().send(*status);
        }
    });
    let mut spec = EndpointSpec::new("works/silent", "works::Valve", true);
    let (kind, lease) = (LivelinessKind::ManualByTopic, Span::from_secs(1));
    spec.qos = Qos { liveliness: Liveliness { kind, lease }, ..Qos::reliable() };
    let sink = Arc::new(Collect::default());
    let _reader = participant.reader(&spec, sink.clone()).unwrap();
    let publisher = Peer::with(&["manual=1"], "pub", number, "works/silent", "Valve", 5);
    publisher.event("done");
    // It lives on without a word.
    let silent = |status: &DdsStatus| {
        matches!(status, DdsStatus::LivelinessChanged { is_alive: Some(false), .. })
    };
    let status = loop {
        let status = statuses.recv_timeout(PATIENCE).expect("its silence to be told of");
        if silent(&status) && sink.len() == 5 {
            break status;
        }
    };
    let DdsStatus::LivelinessChanged { writer: Some(writer), alive: 0, not_alive: 1, .. } = status
    else {
        panic!("{status:?}")
    };
    assert!(participant.discovered().writers.contains_key(&writer), "it has not left");
}

/// A value written and disposed at once, as `dds_writedispose` does. Its key is not what it begins with.
const WRITE_DISPOSE: &str = r#"
import json, sys, time
from dataclasses import dataclass
import cyclonedds.idl.annotations as annotate
from cyclonedds.core import Policy, Qos
from cyclonedds.domain import DomainParticipant
from cyclonedds.idl import IdlStruct
from cyclonedds.idl.types import float64
from cyclonedds.pub import DataWriter
from cyclonedds.topic import Topic
from cyclonedds.util import duration

@dataclass
@annotate.final
@annotate.autoid("sequential")
class Gauge(IdlStruct, typename="works::Gauge"):
    v: float64
    point: str
    annotate.key("point")

qos = Qos(Policy.Reliability.Reliable(duration(seconds=10)), Policy.History.KeepAll)
participant = DomainParticipant(int(sys.argv[1]))
writer = DataWriter(participant, Topic(participant, "works/gauge", Gauge, qos=qos), qos=qos)
while not writer.get_matched_subscriptions():
    time.sleep(0.02)
time.sleep(0.5)
writer.write(Gauge(1.5, "pump"))
writer.write_dispose(Gauge(2.5, "pump"))
writer.write(Gauge(3.5, "pump"))
print(json.dumps({"event": "done"}))
sys.stdin.read()
"#;

/// Knows the type.
struct Keyed(KeyReader, Mutex<Vec<DdsSample>>);

impl Sink for Keyed {
    fn key_of(&self, payload: &[u8]) -> KeyHash {
        self.0.key_hash(payload).unwrap_or_default()
    }
    fn key_of_disposed(&self, key_payload: &[u8]) -> KeyHash {
        self.0.key_hash_of_key(key_payload).unwrap_or_default()
    }
    fn key_payload(&self, payload: &[u8]) -> Option<Bytes> {
        self.0.key_payload(payload).ok().map(Bytes::from)
    }
    fn deliver(&self, sample: DdsSample) {
        self.1.lock().push(sample);
    }
    fn flush(&self) {}
}

#[test]
fn a_value_that_is_disposed_as_it_is_written_is_both() {
    let mut types = TypeRegistry::new();
    let idl = "module works { @final struct Gauge { double v; @key string point; }; };";
    types.add_str("gauge.idl", idl).unwrap();
    let ty = types.get("works::Gauge").unwrap();
    let keys = KeyReader::new(&ty).expect("it has a key");
    let number = domain(47);
    let participant = DdsParticipant::start(DdsOptions::new(number, "reader")).unwrap();
    let mut spec = EndpointSpec::new("works/gauge", "works::Gauge", true);
    spec.qos = Qos::reliable();
    let sink = Arc::new(Keyed(keys, Mutex::default()));
    let _reader = participant.reader(&spec, sink.clone()).unwrap();
    let mut command = python();
    command.args(["-c", WRITE_DISPOSE, &number.to_string()]);
    let publisher = Peer::run(command);
    publisher.event("done");
    wait("the last value", || {
        let samples = sink.1.lock();
        samples.last().is_some_and(|last| last.sequence == 3)
    });
    let samples = sink.1.lock().clone();
    use InstanceState::{Alive, Disposed};
    let changes: Vec<_> = samples.iter().map(|sample| (sample.sequence, sample.state)).collect();
    assert_eq!(changes, [(1, Alive), (2, Alive), (0, Disposed), (3, Alive)]);
    let value = tidewire_idl::decode(&ty, &samples[1].payload).unwrap().to_json();
    assert_eq!(value, json!({ "v": 2.5, "point": "pump" }));
    assert!(samples.iter().all(|sample| sample.key == samples[0].key), "{samples:?}");
    assert_ne!(samples[0].key, KeyHash::default());
    assert_eq!(samples[2].source_time, samples[1].source_time);
    let key = sink.0.key_hash_of_key(&samples[2].payload);
    assert_eq!(key.unwrap(), samples[0].key, "the end carries the key, to be passed on");
}

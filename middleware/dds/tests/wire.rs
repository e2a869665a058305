//! Two participants of one process talk over UDP: bytes, keys, disposes, bursts, late joiners.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tidewire_dds::{
    DdsEvent, DdsOptions, DdsParticipant, DdsSample, DdsWriteError, DdsWriter, Sink,
};
use tidewire_idl::{InstanceState, KeyHash};
use tidewire_qos::Qos;
use tidewire_qos::policy::{DataRepresentation, Reliability};
use tidewire_transport::{EndpointSpec, now_ns};

/// RELIABLE, however long a thread has to wait for a processor.
fn patient() -> Qos {
    let max_blocking_time = tidewire_qos::Duration::from_secs(10);
    Qos { reliability: Reliability::Reliable { max_blocking_time }, ..Qos::reliable() }
}

/// Key = first 4 bytes of the body.
#[derive(Default)]
struct Collect(Mutex<Vec<DdsSample>>);

fn key(payload: &[u8]) -> KeyHash {
    let mut hash = KeyHash::default();
    if let Some(bytes) = payload.get(4..8) {
        hash.0[..4].copy_from_slice(bytes);
    }
    hash
}

impl Sink for Collect {
    fn key_of(&self, payload: &[u8]) -> KeyHash {
        key(payload)
    }
    fn key_of_disposed(&self, key_payload: &[u8]) -> KeyHash {
        key(key_payload)
    }
    fn deliver(&self, sample: DdsSample) {
        self.0.lock().push(sample);
    }
    fn flush(&self) {}
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(30), "waited 30 s for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn domain(offset: u32) -> u16 {
    (60 + (std::process::id() + offset) % 170) as u16
}

fn pair(offset: u32) -> (DdsParticipant, DdsParticipant) {
    let start = |name| DdsParticipant::start(DdsOptions::new(domain(offset), name)).unwrap();
    (start("a"), start("b"))
}

fn payload(header: [u8; 2], body: &[u8]) -> Bytes {
    [&header[..], &[0, 0], body].concat().into()
}

fn matched(writer: &DdsWriter) {
    wait("a matched reader", || !writer.matched().is_empty());
}

#[test]
fn every_encapsulation_arrives_byte_for_byte() {
    let (a, b) = pair(0);
    for (header, representation) in [
        ([0, 0], DataRepresentation::Xcdr1),
        ([0, 1], DataRepresentation::Xcdr1),
        ([0, 3], DataRepresentation::Xcdr1),
        ([0, 6], DataRepresentation::Xcdr2),
        ([0, 7], DataRepresentation::Xcdr2),
        ([0, 9], DataRepresentation::Xcdr2),
        ([0, 11], DataRepresentation::Xcdr2),
    ] {
        for keyed in [false, true] {
            let topic = format!("bytes/{}/{keyed}", header[1]);
            let mut spec = EndpointSpec::new(topic, "T", keyed);
            spec.qos = Qos::reliable();
            let sink = Arc::new(Collect::default());
            let _reader = b.reader(&spec, sink.clone()).unwrap();
            spec.qos.data_representation = vec![representation];
            let writer = a.writer(&spec).unwrap();
            matched(&writer);
            // RTPS pads submessages to four bytes, so a payload off the wire has such a length.
            let sent: Vec<Bytes> =
                (0..5u8).map(|i| payload(header, &[i, 0, 0, 0, 9, 8, 7, 6])).collect();
            for (i, bytes) in sent.iter().enumerate() {
                writer
                    .write(bytes.clone(), key(bytes), 1_700_000_000_000_000_001 + i as i64)
                    .unwrap();
            }
            wait("five samples", || sink.0.lock().len() == 5);
            let got = sink.0.lock();
            for (i, sample) in got.iter().enumerate() {
                assert_eq!(sample.payload, sent[i], "{header:?} keyed {keyed}");
                assert_eq!(sample.source_time, 1_700_000_000_000_000_001 + i as i64);
                assert_eq!(sample.sequence, i as u64 + 1);
                assert_eq!(sample.writer, writer.guid());
                assert_eq!(sample.key, if keyed { key(&sent[i]) } else { KeyHash::default() });
            }
        }
    }
}

#[test]
fn dispose_carries_the_serialised_key() {
    let (a, b) = pair(1);
    let mut spec = EndpointSpec::new("dispose", "T", true);
    spec.qos = Qos::reliable();
    let sink = Arc::new(Collect::default());
    let _reader = b.reader(&spec, sink.clone()).unwrap();
    let writer = a.writer(&spec).unwrap();
    matched(&writer);
    let data = payload([0, 1], &[5, 0, 0, 0, 1, 1]);
    let gone = payload([0, 1], &[5, 0, 0, 0]);
    writer.write(data.clone(), key(&data), 1).unwrap();
    writer.dispose(gone.clone(), key(&gone), 2).unwrap();
    wait("data and dispose", || sink.0.lock().len() == 2);
    let got = sink.0.lock();
    assert_eq!(got[1].state, InstanceState::Disposed);
    assert_eq!(got[1].payload, gone);
    assert_eq!(got[1].key, got[0].key);
}

#[test]
fn a_payload_of_another_representation_than_announced_is_refused() {
    let (a, _b) = pair(2);
    let writer = a.writer(&EndpointSpec::new("refuse", "T", false)).unwrap();
    let refused = writer.write(payload([0, 7], &[1]), KeyHash::default(), 0);
    assert!(matches!(refused, Err(DdsWriteError::Representation { found: "XCDR2", .. })));
    assert!(matches!(
        writer.write(Bytes::from_static(&[0]), KeyHash::default(), 0),
        Err(DdsWriteError::Header(1))
    ));
}

#[test]
fn a_reliable_burst_of_20_000_arrives_whole_and_in_order() {
    let (a, b) = pair(3);
    for keyed in [false, true] {
        let mut spec = EndpointSpec::new(format!("burst/{keyed}"), "T", keyed);
        spec.qos = patient();
        spec.plain_size = Some(64);
        let sink = Arc::new(Collect::default());
        let _reader = b.reader(&spec, sink.clone()).unwrap();
        spec.qos.resource_limits.max_samples = None;
        let writer = a.writer(&spec).unwrap();
        matched(&writer);
        let start = Instant::now();
        for i in 0..20_000u32 {
            let mut body = [0u8; 64];
            body[..4].copy_from_slice(&(i % 16).to_le_bytes());
            body[4..8].copy_from_slice(&i.to_le_bytes());
            let bytes = payload([0, 1], &body);
            let key = key(&bytes);
            writer.write(bytes, key, i64::from(i)).unwrap();
            // RustDDS acknowledges more than it keeps, if our thread gets no processor meanwhile.
            if i % 500 == 0 {
                wait("room", || i as usize - sink.0.lock().len().min(i as usize) < 4_000);
            }
        }
        let written = start.elapsed();
        wait("the burst", || sink.0.lock().len() >= 20_000);
        println!("keyed {keyed}: written in {written:?}, all received after {:?}", start.elapsed());
        let got = sink.0.lock();
        assert_eq!(got.len(), 20_000);
        assert!(got.iter().enumerate().all(|(i, s)| s.sequence == i as u64 + 1));
    }
}

/// RustDDS keeps what readers have received for those of the topic that come later.
#[test]
fn a_second_volatile_reader_gets_what_is_written_after_it_was_made() {
    let (a, b) = pair(9);
    for keyed in [false, true] {
        let mut spec = EndpointSpec::new(format!("second/{keyed}"), "T", keyed);
        spec.qos = patient();
        let [first, second, third] = [(); 3].map(|()| Arc::new(Collect::default()));
        let sequences = |sink: &Collect| -> Vec<u64> {
            sink.0.lock().iter().map(|sample| sample.sequence).collect()
        };
        let _first = b.reader(&spec, first.clone()).unwrap();
        let writer = a.writer(&spec).unwrap();
        matched(&writer);
        let bytes = payload([0, 1], &[5, 0, 0, 0, 1, 1, 1, 1]);
        let put = |source_time| writer.write(bytes.clone(), key(&bytes), source_time).unwrap();
        for _ in 0..5 {
            put(now_ns());
        }
        wait("the first reader's", || sequences(&first) == [1, 2, 3, 4, 5]);
        let _second = b.reader(&spec, second.clone()).unwrap();
        wait("a second match", || writer.matched().len() == 2);
        put(now_ns());
        wait("the second reader's", || !sequences(&second).is_empty());
        assert_eq!(sequences(&second), [6], "keyed {keyed}");
        // RustDDS tells when a sample came of topics without key alone; of others it is new by its stamp.
        put(now_ns() + 3_600_000_000_000);
        wait("the seventh", || sequences(&first).len() == 7);
        let _third = b.reader(&spec, third.clone()).unwrap();
        wait("a third match", || writer.matched().len() == 3);
        put(now_ns());
        wait("the third reader's", || sequences(&third).last() == Some(&8));
        let expected: &[u64] = if keyed { &[7, 8] } else { &[8] };
        assert_eq!(sequences(&third), expected, "keyed {keyed}");
    }
}

#[test]
fn a_late_joiner_finds_every_instance_although_history_is_per_writer() {
    let (a, b) = pair(4);
    let mut spec = EndpointSpec::new("late", "T", true);
    spec.qos = Qos::event();
    let writer = a.writer(&spec).unwrap();
    for i in 0..400u32 {
        let mut body = [0u8; 8];
        body[..4].copy_from_slice(&(i % 4).to_le_bytes());
        let bytes = payload([0, 1], &body);
        writer.write(bytes.clone(), key(&bytes), 0).unwrap();
    }
    let sink = Arc::new(Collect::default());
    let _reader = b.reader(&spec, sink.clone()).unwrap();
    wait("the history", || sink.0.lock().len() >= 400);
    let keys: std::collections::BTreeSet<_> = sink.0.lock().iter().map(|s| s.key).collect();
    assert_eq!(keys.len(), 4);
}

#[test]
fn discovery_names_topics_types_and_policies_of_others() {
    let (a, b) = pair(5);
    let mut spec = EndpointSpec::new("found", "plant::Vibration", true);
    spec.qos = Qos::event();
    let writer = a.writer(&spec).unwrap();
    wait("discovery", || b.discovered().writers.contains_key(&writer.guid()));
    let found = b.discovered().writers[&writer.guid()].clone();
    assert_eq!((found.topic.as_str(), found.type_name.as_str()), ("found", "plant::Vibration"));
    assert!(found.guid.is_keyed());
    assert_eq!(found.qos.reliability, spec.qos.reliability);
    assert_eq!(found.qos.durability, spec.qos.durability);
    assert_eq!(b.with_discovered(|d| d.keyed("found")), Some(true));
    drop(writer);
    wait("the writer to go", || b.discovered().writers.is_empty());
}

#[test]
fn another_type_on_the_same_topic_is_not_delivered() {
    let (a, b) = pair(6);
    let mut spec = EndpointSpec::new("types", "Mine", false);
    spec.qos = Qos::reliable();
    let sink = Arc::new(Collect::default());
    let reader = b.reader(&spec, sink.clone()).unwrap();
    let mine = a.writer(&spec).unwrap();
    spec.type_name = "Other".into();
    let other = a.writer(&spec).unwrap();
    matched(&mine);
    matched(&other);
    wait("both writers", || b.discovered().writers.len() == 2);
    for writer in [&other, &mine] {
        writer.write(payload([0, 1], &[1]), KeyHash::default(), 0).unwrap();
    }
    wait("one of two", || reader.foreign() == 1 && sink.0.lock().len() == 1);
    assert_eq!(sink.0.lock()[0].writer, mine.guid());
}

#[test]
fn a_poller_needs_no_receive_thread_and_leaves_unknown_writers_to_it() {
    let (a, b) = pair(7);
    let mut spec = EndpointSpec::new("polled", "T", false);
    spec.qos = Qos::reliable();
    let sink = Arc::new(Collect::default());
    let reader = b.reader(&spec, sink.clone()).unwrap();
    let writer = a.writer(&spec).unwrap();
    matched(&writer);
    wait("the reader's match", || !reader.matched().is_empty());
    // Holds b's receive thread in the middle of its news.
    let (gate, held) = (Arc::new(Mutex::new(())), Arc::new(AtomicBool::new(false)));
    let closed = gate.lock();
    let (inside, told) = (gate.clone(), held.clone());
    b.observe(move |event| {
        if matches!(event, DdsEvent::WriterFound(found) if found.topic == "hold") {
            told.store(true, Ordering::Release);
            drop(inside.lock());
        }
    });
    let _hold = a.writer(&EndpointSpec::new("hold", "T", false)).unwrap();
    wait("the receive thread to be held", || held.load(Ordering::Acquire));
    let count = || sink.0.lock().len();
    let write = |writer: &DdsWriter, byte| {
        writer.write(payload([0, 1], &[byte; 4]), KeyHash::default(), 0).unwrap();
    };
    write(&writer, 1);
    wait("a sample that only the poller can take", || {
        reader.pump();
        count() == 1
    });
    // Of another type, which only the receive thread's news can tell.
    spec.type_name = "Other".into();
    let stranger = a.writer(&spec).unwrap();
    matched(&stranger);
    write(&stranger, 2);
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(500) {
        reader.pump();
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!((count(), reader.foreign()), (1, 0), "nobody can judge it yet");
    drop(closed);
    wait("the stranger's sample to be judged", || reader.foreign() == 1);
    assert_eq!(count(), 1);
}

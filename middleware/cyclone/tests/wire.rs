//! Two participants of one process talk over UDP: bytes, keys, disposes, bursts, late joiners.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::{Collect, Slow, domain, key, large, numbered, patient, payload, wait};
use tidewire_cyclone::{DdsOptions, DdsParticipant, DdsWriteError, DdsWriter};
use tidewire_idl::{InstanceState, KeyHash};
use tidewire_qos::Qos;
use tidewire_qos::policy::{DataRepresentation, History};
use tidewire_transport::EndpointSpec;

fn pair(offset: u32) -> (DdsParticipant, DdsParticipant) {
    let start = |name| DdsParticipant::start(DdsOptions::new(domain(offset), name)).unwrap();
    (start("a"), start("b"))
}

fn matched(writer: &DdsWriter) {
    wait("a matched reader", || !writer.matched().is_empty());
}

fn reliable(topic: impl Into<String>, keyed: bool) -> EndpointSpec {
    let mut spec = EndpointSpec::new(topic, "T", keyed);
    spec.qos = patient();
    spec
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
            let mut spec = reliable(format!("bytes/{}/{keyed}", header[1]), keyed);
            let sink = Arc::new(Collect::default());
            let _reader = b.reader(&spec, sink.clone()).unwrap();
            spec.qos.data_representation = vec![representation];
            let writer = a.writer(&spec).unwrap();
            matched(&writer);
            // With options, which are kept as well.
            let sent: Vec<Bytes> = (0..5u8)
                .map(|i| [&header[..], &[0, 0x10], &[i, 0, 0, 0, 9, 8, 7, 6]].concat().into())
                .collect();
            for (i, bytes) in sent.iter().enumerate() {
                let time = 1_700_000_000_000_000_001 + i as i64;
                assert_eq!(writer.write(bytes.clone(), key(bytes), time).unwrap(), i as u64 + 1);
            }
            wait("five samples", || sink.len() == 5);
            for (i, sample) in sink.samples().iter().enumerate() {
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
fn dispose_and_unregister_carry_the_serialised_key_and_are_told_apart() {
    let (a, b) = pair(1);
    let spec = reliable("dispose", true);
    let sink = Arc::new(Collect::default());
    let _reader = b.reader(&spec, sink.clone()).unwrap();
    let writer = a.writer(&spec).unwrap();
    matched(&writer);
    let data = payload([0, 1], &[5, 0, 0, 0, 1, 1, 0, 0]);
    let gone = payload([0, 1], &[5, 0, 0, 0]);
    writer.write(data.clone(), key(&data), 1).unwrap();
    writer.dispose(gone.clone(), key(&gone), 2).unwrap();
    writer.write(data.clone(), key(&data), 3).unwrap();
    writer.unregister(gone.clone(), key(&gone), 4, false).unwrap();
    writer.unregister(gone.clone(), key(&gone), 5, true).unwrap();
    wait("five changes", || sink.len() == 5);
    use InstanceState::{Alive, Disposed, Unregistered};
    let expected = [Alive, Disposed, Alive, Unregistered, Disposed];
    for (i, (sample, state)) in sink.samples().iter().zip(expected).enumerate() {
        assert_eq!(sample.state, state, "change {i}");
        assert_eq!(sample.sequence, i as u64 + 1);
        assert_eq!(sample.key, key(&data));
        assert_eq!(sample.payload, if state == Alive { &data } else { &gone });
    }
    let refused = a.writer(&reliable("unkeyed", false)).unwrap().dispose(gone, key(&data), 0);
    assert!(matches!(refused, Err(DdsWriteError::NoKey(_))));
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
        let spec = reliable(format!("burst/{keyed}"), keyed);
        let sink = Arc::new(Collect::default());
        let _reader = b.reader(&spec, sink.clone()).unwrap();
        let writer = a.writer(&spec).unwrap();
        matched(&writer);
        for i in 0..20_000u32 {
            let bytes = numbered(i % 16, i);
            let key = key(&bytes);
            writer.write(bytes, key, i64::from(i)).unwrap();
        }
        assert!(writer.wait_for_acknowledgments(Duration::from_secs(30)));
        wait("the burst", || sink.len() >= 20_000);
        let got = sink.samples();
        assert_eq!(got.len(), 20_000);
        assert!(got.iter().enumerate().all(|(i, s)| s.sequence == i as u64 + 1));
    }
}

#[test]
fn a_sample_of_4_mb_arrives_in_fragments_and_whole() {
    let (a, b) = pair(4);
    let spec = reliable("large", false);
    let sink = Arc::new(Collect::default());
    let _reader = b.reader(&spec, sink.clone()).unwrap();
    let writer = a.writer(&spec).unwrap();
    matched(&writer);
    let sent = [large(4 << 20), large((4 << 20) + 4), large(65_536)];
    for bytes in &sent {
        writer.write(bytes.clone(), KeyHash::default(), 1).unwrap();
    }
    wait("three samples", || sink.len() == 3);
    for (i, sample) in sink.samples().iter().enumerate() {
        assert_eq!(sample.sequence, i as u64 + 1);
        assert!(sample.payload == sent[i], "sample {i} differs");
    }
}

#[test]
fn a_payload_of_odd_length_is_padded_and_its_header_says_so() {
    let (a, b) = pair(5);
    let spec = reliable("odd", false);
    let sink = Arc::new(Collect::default());
    let _reader = b.reader(&spec, sink.clone()).unwrap();
    let writer = a.writer(&spec).unwrap();
    matched(&writer);
    writer.write(payload([0, 1], &[7, 8, 9]), KeyHash::default(), 1).unwrap();
    wait("a sample", || sink.len() == 1);
    assert_eq!(&sink.samples()[0].payload[..], [0, 1, 0, 1, 7, 8, 9, 0]);
}

#[test]
fn a_late_joiner_gets_the_last_of_each_instance() {
    let (a, b) = pair(6);
    let mut spec = reliable("late", true);
    spec.qos = Qos { history: History::KeepLast(2), ..Qos::event() };
    let writer = a.writer(&spec).unwrap();
    for i in 0..400u32 {
        let bytes = numbered(i % 4, i);
        writer.write(bytes.clone(), key(&bytes), 0).unwrap();
    }
    let sink = Arc::new(Collect::default());
    let _reader = b.reader(&spec, sink.clone()).unwrap();
    wait("the history", || sink.len() >= 8);
    let mut instances = BTreeMap::<KeyHash, Vec<u64>>::new();
    for sample in sink.samples() {
        instances.entry(sample.key).or_default().push(sample.sequence);
    }
    let expected: Vec<Vec<u64>> = (1..=4).map(|i| vec![392 + i, 396 + i]).collect();
    assert_eq!(instances.into_values().collect::<Vec<_>>(), expected);
}

#[test]
fn a_full_reader_makes_the_writer_wait_and_then_time_out() {
    let (a, b) = pair(7);
    let spec = EndpointSpec { qos: Qos::reliable(), ..reliable("held", false) };
    let (slow, inside, release) = Slow::new();
    let _reader = b.reader(&spec, slow).unwrap();
    let writer = a.writer(&spec).unwrap();
    matched(&writer);
    let bytes = large(64 << 10);
    writer.write(bytes.clone(), KeyHash::default(), 1).unwrap();
    inside.recv_timeout(Duration::from_secs(30)).unwrap();
    // What is unacknowledged has a limit, which this is well beyond.
    let refused = (0..1000).find_map(|_| writer.write(bytes.clone(), KeyHash::default(), 1).err());
    assert!(matches!(refused, Some(DdsWriteError::Timeout)), "{refused:?}");
    drop(release);
    wait("room again", || writer.write(bytes.clone(), KeyHash::default(), 1).is_ok());
}

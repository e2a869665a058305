//! What the store's tests share: samples that can be told apart, fast options, and reading all.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tidewire_idl::{
    Definition, Extensibility, Guid, InstanceState, KeyHash, Member, Primitive, Sample, SampleInfo,
    TypeDescriptor, TypeRef,
};
use tidewire_store::{Scan, StoreOptions, StoreReader, TopicMeta};

/// Short waits, small blocks: everything happens often.
pub fn fast() -> StoreOptions {
    StoreOptions {
        commit_interval: Duration::from_millis(1),
        block_bytes: 2 << 10,
        block_age: Duration::from_millis(50),
        shard_interval: Duration::from_millis(20),
        map_bytes: 1 << 20,
        min_free_bytes: 0,
        ..StoreOptions::default()
    }
}

/// Nothing is sealed unless a test asks for it.
pub fn lazy() -> StoreOptions {
    StoreOptions {
        block_bytes: 64 << 20,
        block_age: Duration::from_secs(3600),
        shard_interval: Duration::from_secs(3600),
        ..fast()
    }
}

pub fn sample(point: &str, time: i64, sequence: u64, payload: &[u8]) -> Sample {
    Sample {
        info: SampleInfo {
            source_time: time,
            reception_time: time.wrapping_add(1_000),
            writer: Guid([point.len() as u8; 16]),
            sequence,
            key: KeyHash([7; 16]),
            state: InstanceState::Alive,
            point: point.into(),
        },
        payload: payload.to_vec().into(),
    }
}

/// struct Vibration { string point; float x, y, z; long long t; unsigned short q[3]; };
pub fn vibration() -> TypeDescriptor {
    let member = |name: &str, id, ty| Member {
        name: name.to_owned(),
        id,
        ty,
        key: id == 0,
        optional: false,
        must_understand: false,
        default: None,
        unit: None,
    };
    let number = |p| TypeRef::Primitive(p);
    let members = vec![
        member("point", 0, TypeRef::String { bound: Some(63) }),
        member("x", 1, number(Primitive::F32)),
        member("y", 2, number(Primitive::F32)),
        member("z", 3, number(Primitive::F64)),
        member("t", 4, number(Primitive::I64)),
        member("q", 5, TypeRef::Array { element: Box::new(number(Primitive::U16)), dims: vec![3] }),
    ];
    let root = Definition::Struct { extensibility: Extensibility::Final, base: None, members };
    TypeDescriptor {
        name: "test::Vibration".into(),
        types: BTreeMap::from([("test::Vibration".to_owned(), root)]),
        inexact: Default::default(),
    }
}

pub fn vibration_topic() -> TopicMeta {
    TopicMeta {
        keyed: true,
        descriptor: Some(vibration()),
        ..TopicMeta::raw("vibration", "test::Vibration")
    }
}

/// CDR of a `Vibration`, little-endian XCDR1.
pub fn vibration_payload(point: &str, i: u64) -> Vec<u8> {
    let mut out = vec![0, 1, 0, 0];
    let align = |out: &mut Vec<u8>, to: usize| {
        while !(out.len() - 4).is_multiple_of(to) {
            out.push(0);
        }
    };
    out.extend_from_slice(&(point.len() as u32 + 1).to_le_bytes());
    out.extend_from_slice(point.as_bytes());
    out.push(0);
    align(&mut out, 4);
    out.extend_from_slice(&((i as f32) * 0.25).to_le_bytes());
    out.extend_from_slice(&(-(i as f32)).to_le_bytes());
    align(&mut out, 8);
    out.extend_from_slice(&((i as f64) * 1.5).to_le_bytes());
    out.extend_from_slice(&(i as i64 - 5).to_le_bytes());
    for k in 0..3u16 {
        out.extend_from_slice(&(i as u16 % 50 + k).to_le_bytes());
    }
    out
}

/// Every sample of a topic by its scan, ordered by (time, point, sequence).
pub fn read_all(dir: &Path, topic: &str) -> Vec<Sample> {
    let reader = StoreReader::open(dir).unwrap();
    assert!(reader.problems().is_empty(), "{:?}", reader.problems());
    scan_all(&reader, topic)
}

pub fn scan_all(reader: &StoreReader, topic: &str) -> Vec<Sample> {
    let mut samples = Vec::new();
    for chunk in reader.scan(&Scan::topic(topic)).unwrap() {
        let chunk = chunk.unwrap();
        let found = chunk.samples().unwrap();
        assert_eq!(chunk.header().count as usize, found.len());
        assert!(found.is_sorted_by_key(|s| s.info.source_time));
        samples.extend(found);
    }
    order(&mut samples);
    samples
}

pub fn order(samples: &mut [Sample]) {
    samples.sort_by(|a, b| {
        let key = |s: &Sample| (s.info.source_time, s.info.point.clone(), s.info.sequence);
        key(a).cmp(&key(b))
    });
}

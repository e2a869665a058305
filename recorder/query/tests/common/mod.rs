//! Recordings for the tests, with the values that went into them.
#![allow(dead_code)]

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use tidewire_idl::{
    Encoding, InstanceState, Sample, SampleInfo, TypeHandle, TypeRegistry, Value, encode,
};
use tidewire_store::{Store, StoreOptions, TopicId, TopicMeta};

/// 2026-01-31T12:00:00Z.
pub const NOON: i64 = 1_769_860_800_000_000_000;

pub const MS: i64 = 1_000_000;

const IDL: &str = r#"
module plant {
  enum State { IDLE, RUNNING };
  struct Axes { @unit("m/s^2") float x; float y; };
  struct Pump {
    @key string<63> point;
    State state;
    Axes accel;
    double position[3];
    long motorCurrent;
    unsigned long long total;
    boolean on;
    sequence<long> codes;
    string note;
  };
};
"#;

pub fn pump() -> TypeHandle {
    let mut types = TypeRegistry::new();
    types.add_str("plant.idl", IDL).unwrap();
    types.get("plant::Pump").unwrap()
}

/// The values of sample `i` of `point`.
pub fn values(point: &str, i: i64) -> Json {
    json!({
        "point": point,
        "state": if i % 3 == 0 { "IDLE" } else { "RUNNING" },
        "accel": { "x": i as f32 * 0.5, "y": -1.25 },
        "position": [i, i * 2, i * 3],
        "motorCurrent": i - 50,
        "total": u64::MAX - i as u64,
        "on": i % 2 == 0,
        "codes": [i, i + 1],
        "note": format!("no. {i}, \"quoted\""),
    })
}

pub fn payload(values: &Json) -> Vec<u8> {
    let ty = pump();
    encode(&ty, &Value::from_json(&ty, values).unwrap(), Encoding::default()).unwrap()
}

pub fn sample(point: &str, time: i64, payload: Vec<u8>) -> Sample {
    Sample {
        info: SampleInfo {
            source_time: time,
            reception_time: time + 1_000,
            writer: Default::default(),
            sequence: 1,
            key: Default::default(),
            state: InstanceState::Alive,
            point: Arc::from(point),
        },
        payload: payload.into(),
    }
}

pub fn open(dir: &Path) -> Store {
    // Small blocks, so that even short recordings have several.
    Store::open(dir, StoreOptions { block_bytes: 2_000, ..StoreOptions::default() }).unwrap()
}

pub fn register(store: &Store, name: &str, known: bool) -> TopicId {
    store
        .register_topic(&TopicMeta {
            name: name.into(),
            type_name: "plant::Pump".into(),
            keyed: true,
            descriptor: known.then(|| (*pump()).clone()),
            qos: Json::Null,
        })
        .unwrap()
}

/// Sample `i` of each point comes at noon plus `i` ms.
pub fn record(store: &Store, topic: TopicId, points: &[&str], range: std::ops::Range<i64>) {
    for i in range {
        for point in points {
            let sample = sample(point, NOON + i * MS, payload(&values(point, i)));
            store.append(topic, &sample).unwrap();
        }
    }
}

/// `plant/pumps` with 100 samples of pump1 and pump2: the first 80 sealed, the rest in the journal.
pub fn pumps() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let topic = register(&store, "plant/pumps", true);
    record(&store, topic, &["pump1", "pump2"], 0..80);
    store.seal().unwrap();
    record(&store, topic, &["pump1", "pump2"], 80..100);
    store.sync().unwrap();
    store.abandon();
    dir
}

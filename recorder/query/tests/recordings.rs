//! Recordings as they come: of unknown types, damaged samples, changed types, still being written.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use common::{MS, NOON, open, payload, record, register, sample, values};
use serde_json::{Value, json};
use tidewire_idl::{InstanceState, TypeRegistry};
use tidewire_query::{Engine, Format};
use tidewire_store::TopicMeta;

#[test]
fn an_unknown_type_is_a_table_of_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let topic = store.register_topic(&TopicMeta::raw("Square", "ShapeType")).unwrap();
    for i in 0..10u8 {
        let bytes = vec![0, 1, 0, 0, i, 0xff];
        store.append(topic, &sample("cyclone", NOON + i64::from(i), bytes)).unwrap();
    }
    store.close().unwrap();
    let engine = Engine::open(dir.path()).unwrap();
    let table = engine.sql_blocking("SELECT * FROM square ORDER BY time LIMIT 1").unwrap();
    assert_eq!(
        table.to_json(),
        json!([{
            "time": "2026-01-31T12:00:00.000000000Z",
            "point": "cyclone",
            "size": 6,
            "payload": "0001000000ff",
        }])
    );
    assert_eq!(engine.count("Square").unwrap(), 10);
}

#[test]
fn a_sample_that_does_not_decode_is_a_row_of_nulls_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let topic = register(&store, "pumps", true);
    record(&store, topic, &["pump1"], 0..3);
    let mut torn = payload(&values("pump1", 3));
    torn.truncate(torn.len() / 2);
    store.append(topic, &sample("pump1", NOON + 3 * MS, torn)).unwrap();
    record(&store, topic, &["pump1"], 4..6);
    store.close().unwrap();
    let engine = Engine::open(dir.path()).unwrap();
    let table = engine.sql_blocking("SELECT motorCurrent AS c FROM pumps ORDER BY time").unwrap();
    let currents: Vec<Value> = table.rows().map(|row| row[0].clone()).collect();
    assert_eq!(currents, [json!(-50), json!(-49), json!(-48), Value::Null, json!(-46), json!(-45)]);
    assert!(table.notes()[0].contains("1 samples of \"pumps\""), "{:?}", table.notes());
}

#[test]
fn disposes_are_no_rows() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let topic = register(&store, "pumps", true);
    record(&store, topic, &["pump1"], 0..5);
    let mut gone = sample("pump1", NOON + 10 * MS, vec![0, 1, 0, 0]);
    gone.info.state = InstanceState::Disposed;
    store.append(topic, &gone).unwrap();
    store.seal().unwrap();
    record(&store, topic, &["pump1"], 5..7);
    store.append(topic, &gone).unwrap();
    store.close().unwrap();
    let engine = Engine::open(dir.path()).unwrap();
    for sql in
        ["SELECT count(*) FROM pumps", "SELECT count(*) FROM pumps WHERE time > '2000-01-01'"]
    {
        assert_eq!(engine.sql_blocking(sql).unwrap().value(0, "count(*)"), Some(json!(7)), "{sql}");
    }
    assert_eq!(engine.sql_blocking("SELECT note FROM pumps").unwrap().len(), 7);
    let last = engine.sql_blocking("SELECT max(time) AS t FROM pumps").unwrap();
    assert_eq!(last.value(0, "t"), Some(json!("2026-01-31T12:00:00.006000000Z")));
    assert_eq!(engine.count("pumps").unwrap(), 7);
}

#[test]
fn a_type_that_changed_keeps_the_columns_both_have() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let old = register(&store, "pumps", true);
    record(&store, old, &["pump1"], 0..2);
    let mut types = TypeRegistry::new();
    types
        .add_str(
            "new.idl",
            "struct Next { @key string<63> point; double level; long motorCurrent; };",
        )
        .unwrap();
    let next = types.get("Next").unwrap();
    let new = store
        .register_topic(&TopicMeta {
            descriptor: Some((*next).clone()),
            keyed: true,
            ..TopicMeta::raw("pumps", "Next")
        })
        .unwrap();
    let value = json!({ "point": "pump1", "level": 0.5, "motorCurrent": 7 });
    let value = tidewire_idl::Value::from_json(&next, &value).unwrap();
    let bytes = tidewire_idl::encode(&next, &value, Default::default()).unwrap();
    store.append(new, &sample("pump1", NOON + 5 * MS, bytes)).unwrap();
    store.close().unwrap();
    let engine = Engine::open(dir.path()).unwrap();
    let table =
        engine.sql_blocking("SELECT level, motorCurrent AS c FROM pumps ORDER BY time").unwrap();
    assert_eq!(
        table.to_json(),
        json!([
            { "level": null, "c": -50 },
            { "level": null, "c": -49 },
            { "level": 0.5, "c": 7 },
        ])
    );
}

#[test]
fn each_statement_sees_one_snapshot_of_a_recording_being_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let topic = register(&store, "pumps", true);
    record(&store, topic, &["pump1", "pump2"], 0..1);
    store.sync().unwrap();
    let engine = Engine::open(dir.path()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for i in 1..2_000 {
                record(&store, topic, &["pump1", "pump2"], i..i + 1);
                if i % 400 == 0 {
                    store.seal().unwrap();
                }
            }
            store.sync().unwrap();
            done.store(true, Ordering::Release);
        });
        let mut before = 0;
        loop {
            let finished = done.load(Ordering::Acquire);
            // The index, the chunks' headers and the decoded rows must tell of the same snapshot,
            // without a gap: sample i has the position i.
            let table = engine
                .sql_blocking(
                    "SELECT (SELECT count(*) FROM pumps) AS indexed, count(note) AS decoded,
                            count(DISTINCT position[0]) AS distinct_i, max(position[0]) AS last
                     FROM pumps WHERE point = 'pump1'",
                )
                .unwrap();
            let number = |name| table.value(0, name).and_then(|v| v.as_f64()).unwrap() as u64;
            let decoded = number("decoded");
            assert_eq!(number("distinct_i"), decoded);
            assert_eq!(number("last") + 1, decoded);
            assert!(number("indexed") == 2 * decoded || number("indexed") == 2 * decoded - 1);
            assert!(decoded >= before);
            before = decoded;
            if finished {
                assert_eq!(decoded, 2_000);
                break;
            }
        }
    });
}

#[test]
fn long_results_are_written_as_they_come() {
    let dir = common::pumps();
    let engine = Engine::open(dir.path()).unwrap();
    let sql = r#"SELECT time, point, note FROM "plant/pumps" ORDER BY time, point"#;
    let table = engine.sql_blocking(sql).unwrap();
    let mut csv = Vec::new();
    assert_eq!(engine.write_blocking(sql, Format::Csv, &mut csv).unwrap(), 200);
    let csv = String::from_utf8(csv).unwrap();
    assert_eq!(csv, table.to_csv());
    assert!(csv.contains("\"no. 7, \"\"quoted\"\"\"\r\n"));
    let mut json = Vec::new();
    assert_eq!(engine.write_blocking(sql, Format::Json, &mut json).unwrap(), 200);
    assert_eq!(serde_json::from_slice::<Value>(&json).unwrap(), table.to_json());
    let mut none = Vec::new();
    let sql = r#"SELECT 1 AS x FROM "plant/pumps" WHERE point = 'nobody'"#;
    engine.write_blocking(sql, Format::Json, &mut none).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&none).unwrap(), json!([]));
}

#[tokio::test]
async fn the_engine_works_on_and_beside_another_runtime() {
    let dir = common::pumps();
    let engine = Engine::open(dir.path()).unwrap();
    let sql = r#"SELECT count(*) AS n FROM "plant/pumps""#;
    assert_eq!(engine.sql(sql).await.unwrap().value(0, "n"), Some(json!(200)));
    assert_eq!(engine.sql_blocking(sql).unwrap().value(0, "n"), Some(json!(200)));
}

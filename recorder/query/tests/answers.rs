//! What SQL says of a recording is what was recorded.

mod common;

use common::{MS, NOON, pumps};
use serde_json::{Value, json};
use tidewire_idl::Definition;
use tidewire_query::{Engine, Table};
use tidewire_store::TopicMeta;

fn ask(sql: &str) -> Table {
    let dir = pumps();
    Engine::open(dir.path()).unwrap().sql_blocking(sql).unwrap_or_else(|e| panic!("{sql}\n{e}"))
}

fn rows(sql: &str) -> Value {
    ask(sql).to_json()
}

#[test]
fn every_column_of_every_row_is_as_written() {
    let table = ask(r#"SELECT * FROM "plant/pumps" ORDER BY time, point"#);
    assert_eq!(
        table.columns(),
        [
            "time",
            "point",
            "state",
            "accel.x",
            "accel.y",
            "position[0]",
            "position[1]",
            "position[2]",
            "motorCurrent",
            "total",
            "on",
            "codes",
            "note",
        ]
    );
    assert_eq!(table.len(), 200);
    for (row, found) in table.to_json().as_array().unwrap().iter().enumerate() {
        let i = row as i64 / 2;
        let point = ["pump1", "pump2"][row % 2];
        let written = common::values(point, i);
        assert_eq!(found["point"], point);
        assert_eq!(found["time"], format!("2026-01-31T12:00:00.{:03}000000Z", i));
        assert_eq!(found["state"], written["state"]);
        assert_eq!(found["accel.x"].as_f64(), written["accel"]["x"].as_f64());
        for k in 0..3 {
            let written = written["position"][k].as_f64();
            assert_eq!(found[format!("position[{k}]")].as_f64(), written);
        }
        for column in ["motorCurrent", "total", "on", "codes", "note"] {
            assert_eq!(found[column], written[column], "{column}");
        }
    }
}

#[test]
fn members_need_no_quotes_whatever_their_spelling() {
    let table = rows(
        r#"SELECT p.accel.x AS a, position[2] AS b, MotorCurrent AS c FROM "plant/pumps" p
           WHERE motorcurrent = 10 AND p.point = 'pump2'"#,
    );
    assert_eq!(table, json!([{ "a": 30.0, "b": 180.0, "c": 10 }]));
}

#[test]
fn time_ranges_and_points_select_exactly() {
    let from = NOON + 70 * MS;
    for (filter, expected) in [
        ("time >= '2026-01-31T12:00:00.070Z'", 60),
        ("time > '2026-01-31T12:00:00.070Z'", 58),
        ("time < '2026-01-31T12:00:00.070Z'", 140),
        ("time <= '2026-01-31T12:00:00.070Z'", 142),
        ("time = '2026-01-31T12:00:00.070Z'", 2),
        ("time BETWEEN '2026-01-31T12:00:00.070Z' AND '2026-01-31T12:00:00.089Z'", 40),
        ("time >= '2026-01-31T12:00:00.0705Z' AND point = 'pump1'", 29),
        ("point IN ('pump1', 'nobody')", 100),
        ("point = 'nobody'", 0),
        ("point = 'pump1' AND point = 'pump2'", 0),
        ("point = 'pump1' OR time < '2026-01-31T12:00:00.010Z'", 110),
        ("point LIKE 'pump%' AND accel.x >= 35 AND accel.x < 36", 4),
        ("accel.x > 1000", 0),
        ("NOT accel.x < 49", 4),
    ] {
        let count = rows(&format!(r#"SELECT count(*) AS n FROM "plant/pumps" WHERE {filter}"#));
        assert_eq!(count, json!([{ "n": expected }]), "{filter}");
        let table = ask(&format!(r#"SELECT time, note FROM "plant/pumps" WHERE {filter}"#));
        assert_eq!(table.len(), expected, "{filter}");
    }
    let first = rows(&format!(
        r#"SELECT min(time) AS t FROM "plant/pumps" WHERE time >= to_timestamp_nanos({from})"#
    ));
    assert_eq!(first, json!([{ "t": "2026-01-31T12:00:00.070000000Z" }]));
}

#[test]
fn aggregates_agree_with_the_model() {
    let table = rows(
        r#"SELECT point, count(*) AS n, avg(accel.x) AS mean, sum(motorCurrent) AS total,
                  min(position[1]) AS low, max(position[1]) AS high,
                  stddev_pop(motorCurrent) AS sd,
                  approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY position[0]) AS median
           FROM "plant/pumps" GROUP BY point ORDER BY point"#,
    );
    for (row, point) in ["pump1", "pump2"].into_iter().enumerate() {
        let row = &table[row];
        assert_eq!(row["point"], point);
        assert_eq!(row["n"], 100);
        assert_eq!(row["mean"], 24.75);
        assert_eq!(row["total"], -50);
        assert_eq!((row["low"].as_f64(), row["high"].as_f64()), (Some(0.0), Some(198.0)));
        let (sd, model) = (row["sd"].as_f64().unwrap(), ((100.0f64 * 100.0 - 1.0) / 12.0).sqrt());
        assert!((sd - model).abs() < 1e-9);
        assert!((row["median"].as_f64().unwrap() - 49.5).abs() < 1.0);
    }
}

#[test]
fn time_bins_windows_and_joins_work() {
    let bins = rows(
        r#"SELECT date_bin(interval '25 milliseconds', time) AS t, count(*) AS n
           FROM "plant/pumps" GROUP BY t ORDER BY t"#,
    );
    assert_eq!(bins.as_array().unwrap().len(), 4);
    assert_eq!(bins[3], json!({ "t": "2026-01-31T12:00:00.075000000Z", "n": 50 }));

    let steps = rows(
        r#"SELECT DISTINCT motorCurrent - lag(motorCurrent) OVER w AS step FROM "plant/pumps"
           WINDOW w AS (PARTITION BY point ORDER BY time) ORDER BY step"#,
    );
    assert_eq!(steps, json!([{ "step": 1 }, { "step": null }]));

    let joined = rows(
        r#"SELECT count(*) AS n FROM "plant/pumps" a
           JOIN "plant/pumps" b ON a.time = b.time WHERE a.point < b.point"#,
    );
    assert_eq!(joined, json!([{ "n": 100 }]));
}

#[test]
fn counting_and_extreme_times_are_read_from_the_index() {
    let plan =
        ask(r#"EXPLAIN SELECT count(*), min(time), max(time) FROM "plant/pumps""#).to_text(None);
    assert!(!plan.contains("TopicScan"), "{plan}");
    let table = rows(r#"SELECT count(*) AS n, min(time) AS a, max(time) AS b FROM "plant/pumps""#);
    assert_eq!(
        table,
        json!([{
            "n": 200,
            "a": "2026-01-31T12:00:00.000000000Z",
            "b": "2026-01-31T12:00:00.099000000Z",
        }])
    );
    let plan = ask(r#"EXPLAIN SELECT count(*) FROM "plant/pumps"
           WHERE time > '2026-01-31T12:00:00Z' AND point = 'pump1'"#);
    let plan = plan.to_text(None);
    assert!(plan.contains("columns=[]") && !plan.contains("FilterExec"), "{plan}");
}

#[test]
fn a_limit_reads_no_more_than_it_needs() {
    let plan = ask(r#"EXPLAIN SELECT time FROM "plant/pumps" LIMIT 5"#).to_text(None);
    assert!(plan.contains("limit=5"), "{plan}");
    assert_eq!(ask(r#"SELECT * FROM "plant/pumps" LIMIT 5"#).len(), 5);
    assert_eq!(ask(r#"SELECT * FROM "plant/pumps" LIMIT 0"#).len(), 0);
}

#[test]
fn tables_and_columns_can_be_listed() {
    let table = rows("SHOW TABLES");
    assert_eq!(table[0]["topic"], "plant/pumps");
    assert_eq!(table[0]["type"], "plant::Pump");
    assert_eq!(table[0]["samples"], 200);
    assert_eq!(table[0]["points"], "pump1 pump2");
    let columns = rows(r#"DESCRIBE "plant/pumps""#);
    assert_eq!(columns[3]["column_name"], "accel.x");
    let catalog = rows("SELECT table_name FROM information_schema.tables ORDER BY table_name");
    assert!(catalog.to_string().contains("plant/pumps"));
}

/// What others call their topics and members is shown on terminals.
#[test]
fn control_characters_in_names_are_not_printed() {
    let mut ty = (*common::pump()).clone();
    let pump = ty.types.get_mut("plant::Pump").unwrap();
    let Definition::Struct { members, .. } = pump else { panic!("it is a struct") };
    members.iter_mut().find(|m| m.name == "note").unwrap().name = "no\u{1b}[2Jte".into();
    let dir = tempfile::tempdir().unwrap();
    let store = common::open(dir.path());
    let meta = TopicMeta {
        keyed: true,
        descriptor: Some(ty),
        ..TopicMeta::raw("Plant\u{1b}[2J", "plant::Pump")
    };
    let topic = store.register_topic(&meta).unwrap();
    common::record(&store, topic, &["pump1"], 0..3);
    store.sync().unwrap();
    store.abandon();
    let engine = Engine::open(dir.path()).unwrap();
    let table = engine.sql_blocking("SELECT * FROM \"plant\u{1b}[2J\"").unwrap();
    assert!(table.columns().iter().any(|name| name == "no\u{1b}[2Jte"), "{:?}", table.columns());
    let text = table.to_text(None);
    assert!(text.contains("note: \"plant\u{fffd}[2J\" is recorded as \"Plant\u{fffd}[2J\"\n"));
    assert!(text.contains("no\u{fffd}[2Jte"), "{text:?}");
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
}

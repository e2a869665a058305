//! A recorded experiment of a water circuit: played, watched, recorded and asked about.

use std::time::Duration;

use serde_json::Value;
use tidewire_tests::{Child, data, text, tidewire};

/// Rows of the shipped launch file's experiment, without the header.
const EXPERIMENT: &str = "valve1/0.csv";

fn query(dir: &str, sql: &str) -> Vec<Value> {
    let output = tidewire(&["query", "-d", dir, "--json", sql]).output().unwrap();
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_fault_of_a_real_test_bed_is_noticed_and_shown_beside_its_sensors() {
    let Some(skab) = data("skab") else { return };
    let csv = std::fs::read_to_string(skab.join(EXPERIMENT)).unwrap();
    let rows = csv.lines().filter(|line| !line.trim().is_empty()).count() as u64 - 1;
    let scratch = tempfile::tempdir().unwrap();
    let folder = format!("data:={}", text(&skab));
    let out = text(scratch.path());
    let experiment = format!("run:={EXPERIMENT}");
    let args = ["up", "launch/skab.yaml", "--json", "-o", out, &folder, &experiment, "speed:=300"];
    let mut run = Child::spawn(&mut tidewire(&args));
    let lines = run.rest(Duration::from_secs(120));
    let report: Value = serde_json::from_str(lines.last().expect("one JSON object")).unwrap();
    assert!(run.wait(Duration::from_secs(10)).success(), "{report}");
    for row in report["topics"].as_array().expect("topics") {
        let written = row["written"].as_u64().expect("written");
        for count in ["received", "recorded", "queried"] {
            assert_eq!(row[count].as_u64(), Some(written), "{count}: {row}");
        }
        if row["topic"] == "skab" {
            assert_eq!(written, rows, "one sample per row of the file");
        }
    }

    let bench = scratch.path().join("bench");
    let bench = text(&bench);
    let hits = query(
        bench,
        "SELECT a.point, count(*) AS n FROM anomaly a JOIN skab_label l \
         ON l.time BETWEEN to_timestamp_nanos(a.start_ns) AND to_timestamp_nanos(a.end_ns) \
         WHERE l.channel = 'anomaly' AND l.value = 1 GROUP BY a.point",
    );
    assert!(!hits.is_empty(), "no anomaly meets the labelled fault");
    let beside = query(
        bench,
        "SELECT s.time, s.pressure, s.volume_flow_rate_rms, a.score FROM skab s JOIN anomaly a \
         ON s.time BETWEEN to_timestamp_nanos(a.start_ns) AND to_timestamp_nanos(a.end_ns) \
         ORDER BY s.time LIMIT 10",
    );
    assert_eq!(beside.len(), 10);
    assert!(beside[0]["volume_flow_rate_rms"].is_f64(), "{}", beside[0]);
}

//! Beside Cyclone DDS: its topics are listed, echoed, recorded and replayed, with and without
//! knowing their types, and our types reach its readers, sample by sample.

use std::path::Path;

use serde_json::Value;
use tidewire_bus::testing::free_domain;
use tidewire_tests::interop::tools::{self, interrupt, record, run};
use tidewire_tests::{Child, PATIENCE, Peer, root, text, tidewire, until};

const COUNT: usize = 200;

/// The CDR of every recorded sample of a topic, in hex, in time order.
fn recorded(dir: &Path, topic: &str) -> Vec<String> {
    tools::recorded(dir, topic).iter().map(|payload| hex(payload)).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Publishes from Cyclone while we record; gives what the peer says it sent.
fn record_from_cyclone(ty: &str, topic: &str, dir: &Path, types: Option<&Path>) -> Vec<String> {
    let number = free_domain();
    let recorder = record(number, topic, dir, types);
    let mut publisher = Peer::cyclone("pub", number, topic, ty, COUNT);
    let sent: Vec<String> = (0..COUNT)
        .map(|_| publisher.event("sent", PATIENCE)["bytes"].as_str().expect("hex").to_owned())
        .collect();
    publisher.event("done", PATIENCE);
    until("all samples are recorded", || recorded(dir, topic).len() >= COUNT);
    publisher.close_stdin();
    publisher.wait(PATIENCE);
    interrupt(recorder);
    sent
}

/// Data samples only: the peer's exit unregisters its instances, which is recorded too.
fn replay_to_cyclone(ty: &str, topic: &str, dir: &Path) -> Vec<String> {
    let number = free_domain();
    let subscriber = Peer::cyclone("sub", number, topic, ty, COUNT);
    subscriber.event("ready", PATIENCE);
    run(&["replay", text(dir), "--domain", &number.to_string(), "--rate", "10", "--wait", "20"]);
    (0..COUNT)
        .map(|_| subscriber.event("received", PATIENCE)["bytes"].as_str().expect("hex").to_owned())
        .collect()
}

/// RTPS aligns a payload to 4 bytes (RTPS 2.5, 9.4.5.4): what Cyclone puts on the wire.
fn padded(sample: &str) -> String {
    format!("{sample:0<width$}", width = sample.len().next_multiple_of(8))
}

/// Order within an instance is what DDS promises a reader.
fn by_instance(samples: &[String], key_of: impl Fn(&str) -> String) -> Vec<(String, Vec<String>)> {
    let mut instances = std::collections::BTreeMap::<String, Vec<String>>::new();
    for sample in samples {
        instances.entry(key_of(sample)).or_default().push(sample.clone());
    }
    instances.into_iter().collect()
}

fn valve_key(sample: &str) -> String {
    // header, length 7, "line-0\0", padding, number
    sample[8..40].to_owned()
}

fn round_trip(ty: &str, topic: &str, types: Option<&Path>, key: impl Fn(&str) -> String) {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let sent = record_from_cyclone(ty, topic, &dir, types);
    let kept: Vec<String> = recorded(&dir, topic).into_iter().take(COUNT).collect();
    let wire: Vec<String> = sent.iter().map(|sample| padded(sample)).collect();
    assert_eq!(by_instance(&kept, &key), by_instance(&wire, &key), "recorded bytes differ");
    run(&["verify", text(&dir)]);
    let played = replay_to_cyclone(ty, topic, &dir);
    assert_eq!(by_instance(&played, &key), by_instance(&sent, &key), "replayed bytes differ");
}

#[test]
fn a_keyed_topic_of_an_unknown_type_is_recorded_and_replayed_byte_for_byte() {
    round_trip("Valve", "works/valve", None, valve_key);
}

#[test]
fn a_keyed_topic_of_a_known_type_is_recorded_and_replayed_byte_for_byte() {
    let types = root().join("tests/interop/works.idl");
    round_trip("Valve", "works/valve", Some(&types), valve_key);
}

#[test]
fn a_topic_without_key_is_recorded_and_replayed_byte_for_byte() {
    round_trip("Tick", "works/tick", None, |_| String::new());
}

#[test]
fn sql_sees_the_fields_of_a_type_given_as_idl() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let types = root().join("tests/interop/works.idl");
    record_from_cyclone("Valve", "works/valve", &dir, Some(&types));
    let sql = "SELECT line, count(*) AS n, max(position) AS top FROM \"works/valve\" \
               WHERE position IS NOT NULL GROUP BY line ORDER BY line";
    let output = run(&["query", "-d", text(&dir), "--format", "json", sql]);
    let rows: Value = serde_json::from_slice(&output.stdout).expect("JSON on standard output");
    assert_eq!(rows.as_array().map(Vec::len), Some(3), "{rows}");
    assert_eq!(rows[0]["line"], "line-0");
    assert_eq!(rows[0]["n"], 67);
    assert_eq!(rows[0]["top"], 198.0 * 0.25);
}

#[test]
fn topic_tools_see_a_foreign_topic() {
    let domain = free_domain();
    let number = domain.to_string();
    let types = root().join("tests/interop/works.idl");
    let echo = Child::spawn(&mut tidewire(&[
        "topic",
        "echo",
        "works/valve",
        "-n",
        "3",
        "--json",
        "--domain",
        &number,
        "--types",
        text(&types),
    ]));
    let publisher = Peer::cyclone("pub", domain, "works/valve", "Valve", COUNT);
    publisher.event("matched", PATIENCE);
    let first: Value = serde_json::from_str(&echo.line(PATIENCE)).expect("a JSON line");
    let data = &first["value"];
    assert!(data["line"].as_str().is_some_and(|line| line.starts_with("line-")), "{first}");

    let list = run(&["topic", "list", "--json", "--domain", &number]);
    let listed = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(listed.contains("works/valve"), "{listed}");
    assert!(listed.contains("works::Valve"), "{listed}");
}

#[test]
fn our_types_reach_a_cyclone_reader_with_the_bytes_we_record() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let domain = free_domain();
    let number = domain.to_string();
    let subscriber = Peer::cyclone("sub", domain, "vibration", "Vibration", COUNT);
    subscriber.event("ready", PATIENCE);
    let recorder = record(domain, "vibration", &dir, None);
    let mut pump = Child::spawn(&mut tidewire(&[
        "sim",
        "pump",
        "--domain",
        &number,
        "--point",
        "plant/pump1",
    ]));
    let received: Vec<String> = (0..COUNT)
        .map(|_| subscriber.event("received", PATIENCE)["bytes"].as_str().expect("hex").to_owned())
        .collect();
    pump.signal(libc::SIGINT);
    assert!(pump.wait(PATIENCE).success());
    interrupt(recorder);
    // Both sides joined a running writer, each at its own time: the runs must overlap exactly.
    let kept = recorded(&dir, "vibration");
    let start = kept.iter().position(|bytes| *bytes == received[0]);
    let start = start.or_else(|| received.iter().position(|bytes| Some(bytes) == kept.first()));
    let start = start.expect("one side's first sample is among the other's");
    if kept.get(start) == Some(&received[0]) {
        let same = kept[start..].iter().zip(&received).filter(|(a, b)| a == b).count();
        assert_eq!(same, received.len().min(kept.len() - start));
    } else {
        let same = received[start..].iter().zip(&kept).filter(|(a, b)| a == b).count();
        assert_eq!(same, (received.len() - start).min(kept.len()));
    }
}

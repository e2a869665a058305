//! What a peer announces is echoed, recorded and queried value by value.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tidewire_bus::testing::free_domain;
use tidewire_idl::xtypes::{Relation, TypeObjects};
use tidewire_tests::interop::tools::{interrupt, recorded};
use tidewire_tests::{Child, PATIENCE, Peer, text, tidewire, until};

use crate::{COUNT, twin};

fn on_cyclone(args: &[&str]) -> Command {
    let mut command = tidewire(args);
    command.env("TIDEWIRE_DDS", "cyclone");
    command
}

fn output(args: &[&str]) -> Output {
    let output = on_cyclone(args).output().expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tidewire {args:?}: {}\n{said}", output.status);
    output
}

fn output_json(args: &[&str]) -> Value {
    serde_json::from_slice(&output(args).stdout).expect("JSON on standard output")
}

/// A publisher that begins when it has found a reader, and the values it writes.
struct Publisher(Child);

impl Publisher {
    fn start(domain: u16, topic: &str, ty: &str, policies: &[&str]) -> Self {
        let args = ["pub", &domain.to_string(), topic, ty, &COUNT.to_string()].map(str::to_owned);
        Self(Child::spawn(Peer::python("peer.py").args(args).args(policies)))
    }

    /// All of them, once they are written.
    fn values(&self) -> Vec<Value> {
        let sent = (0..COUNT).map(|_| self.0.event("sent", PATIENCE)["value"].take()).collect();
        self.0.event("done", PATIENCE);
        sent
    }

    fn leave(mut self) {
        self.0.close_stdin();
        assert!(self.0.wait(PATIENCE).success());
    }
}

fn echoed_by_itself(ty: &str) {
    let (domain, topic) = (free_domain(), format!("works/{ty}"));
    let (number, count) = (domain.to_string(), COUNT.to_string());
    let echo = ["topic", "echo", &topic, "-n", &count, "--json", "--domain", &number];
    let mut echo = Child::spawn(&mut on_cyclone(&echo));
    let publisher = Publisher::start(domain, &topic, ty, &[]);
    let sent = publisher.values();
    for wanted in &sent {
        let line: Value = serde_json::from_str(&echo.line(PATIENCE)).expect("a JSON line");
        assert_eq!(line["value"], *wanted, "{line}");
    }
    assert!(echo.wait(PATIENCE).success());

    let info = output_json(&["topic", "info", &topic, "--json", "--domain", &number]);
    let twin = twin(ty);
    assert_eq!(info["type_known"], false);
    assert_eq!(info["type_announced"]["name"], format!("works::{ty}"));
    let hash = TypeObjects::of(&twin).ok().map(|it| it.hash(Relation::Complete).to_string());
    assert_eq!(info["type_hash"], json!(hash), "{info}");
    publisher.leave();
}

#[test]
fn an_appendable_type_with_a_bit_of_everything_is_echoed_value_by_value() {
    echoed_by_itself("Machine");
}

#[test]
fn a_mutable_type_with_a_key_is_echoed_value_by_value() {
    echoed_by_itself("Batch");
}

#[test]
fn a_type_with_typedefs_is_echoed_value_by_value() {
    echoed_by_itself("Gauge");
}

/// Records a topic of which nobody knows the type.
fn record(domain: u16, topic: &str, dir: &Path) -> Child {
    let domain = domain.to_string();
    Child::spawn(&mut on_cyclone(&["record", topic, "-o", text(dir), "--domain", &domain]))
}

fn rows(dir: &Path, sql: &str) -> Vec<Value> {
    let rows = output_json(&["query", "-d", text(dir), "--format", "json", sql]);
    rows.as_array().expect("an array of rows").clone()
}

#[test]
fn a_recording_of_an_unknown_type_has_its_columns() {
    let (domain, scratch) = (free_domain(), tempfile::tempdir().unwrap());
    let dir = scratch.path().join("recording");
    let recorder = record(domain, "works/drive", &dir);
    let publisher = Publisher::start(domain, "works/drive", "Drive", &[]);
    let sent = publisher.values();
    until("all samples are recorded", || recorded(&dir, "works/drive").len() >= COUNT);
    interrupt(recorder);
    publisher.leave();
    output(&["verify", text(&dir)]);

    let sql = "SELECT number, count, torque, speed, mode, \"axes[0]\", \"axes[1]\", \"axes[2]\" \
               FROM \"works/drive\" ORDER BY count";
    let wanted: Vec<Value> = sent
        .iter()
        .map(|it| {
            json!({
                "number": it["number"], "count": it["count"], "torque": it["torque"],
                "speed": it["speed"], "mode": it["mode"], "axes[0]": it["axes"][0],
                "axes[1]": it["axes"][1], "axes[2]": it["axes"][2],
            })
        })
        .collect();
    assert_eq!(rows(&dir, sql), wanted);
    let sql = "SELECT mode, count(*) AS n, max(torque) AS top FROM \"works/drive\" \
               WHERE number = 1 GROUP BY mode";
    let top = sent.iter().filter(|it| it["number"] == 1).filter_map(|it| it["torque"].as_f64());
    let top = top.fold(0.0, f64::max);
    assert_eq!(rows(&dir, sql), [json!({ "mode": "running", "n": COUNT / 3, "top": top })]);
}

#[test]
fn nested_and_optional_members_of_an_unknown_type_can_be_queried() {
    let (domain, scratch) = (free_domain(), tempfile::tempdir().unwrap());
    let dir = scratch.path().join("recording");
    let recorder = record(domain, "works/batch", &dir);
    let publisher = Publisher::start(domain, "works/batch", "Batch", &[]);
    let sent = publisher.values();
    until("all samples are recorded", || recorded(&dir, "works/batch").len() >= COUNT);
    interrupt(recorder);
    publisher.leave();

    let ty = twin("Batch");
    let kept = recorded(&dir, "works/batch");
    let kept: Vec<Value> = kept
        .iter()
        .take(COUNT)
        .map(|payload| tidewire_idl::decode(&ty, payload).expect("a sample").to_json())
        .collect();
    assert_eq!(kept, sent);
    let sql = "SELECT number, count(*) AS n FROM \"works/batch\" WHERE done GROUP BY number \
               ORDER BY number";
    let count = |number: i64| {
        let fits = |it: &&Value| it["number"] == number && it["done"] == true;
        json!({ "number": number, "n": sent.iter().filter(fits).count() })
    };
    assert_eq!(rows(&dir, sql), [-1, 0, 1].map(count));
}

/// Its key is known from discovery alone, and only with it can owners be told apart.
#[test]
fn an_exclusive_topic_of_an_unknown_type_is_recorded_from_its_owner() {
    let (domain, scratch) = (free_domain(), tempfile::tempdir().unwrap());
    let (dir, topic) = (scratch.path().join("recording"), "works/drive");
    let recorder = record(domain, topic, &dir);
    let publish = |strength: &str| Publisher::start(domain, topic, "Drive", &[strength]);
    let mut wanted = Vec::new();
    let mut arrived = |publisher: &Publisher| {
        wanted.extend(publisher.values());
        until("its samples are recorded", || recorded(&dir, topic).len() >= wanted.len());
    };
    let weak = publish("strength=1");
    arrived(&weak);
    let strong = publish("strength=5");
    arrived(&strong);
    // Instances have a stronger owner, who lives: what these write is nobody's.
    let late = publish("strength=3");
    late.values();
    late.leave();
    weak.leave();
    strong.leave();
    let heir = publish("strength=2");
    let sent = heir.values();
    // The ends of instances are recorded, too.
    let data = || {
        let sql = "SELECT count FROM \"works/drive\" WHERE count IS NOT NULL ORDER BY time";
        let all = rows(&dir, sql);
        all.into_iter().map(|row| row["count"].clone()).collect::<Vec<_>>()
    };
    wanted.extend(sent);
    let wanted: Vec<Value> = wanted.into_iter().map(|mut it| it["count"].take()).collect();
    until("the heir's samples are recorded", || data().len() >= wanted.len());
    interrupt(recorder);
    heir.leave();
    assert_eq!(data(), wanted);
}

//! Commands on a bus where others come and go.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tidewire_bus::testing::free_domain;
use tidewire_bus::{Participant, RawTopic, RawWriter, now_ns};
use tidewire_qos::Qos;
use tidewire_qos::policy::Ownership;
use tidewire_types::sensor::Temperature;

/// What anything here gets before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);

fn join(domain: u16, name: &str) -> Participant {
    Participant::builder().domain(domain).name(name).build().unwrap()
}

fn write(participant: &Participant, topic: &str) -> RawWriter {
    let topic = RawTopic::new(topic, "plant::Pump", false);
    participant.raw_writer(&topic, &Qos::reliable()).unwrap()
}

fn start(args: &[&str], domain: u16) -> Child {
    Command::new(env!("CARGO_BIN_EXE_tidewire"))
        .args(args)
        .args(["--domain", &domain.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn finish(mut child: Child) -> Output {
    let mut status = None;
    let deadline = Instant::now() + PATIENCE;
    while status.is_none() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
        status = child.try_wait().unwrap();
    }
    if status.is_none() {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert!(status.is_some(), "it does not end: {}", text(&output.stderr));
    output
}

fn say(args: &[&str], domain: u16) -> Output {
    finish(start(args, domain))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn is_there(participant: &Participant, name: &str) -> bool {
    participant.participants().iter().any(|p| &*p.name == name)
}

#[test]
fn a_list_that_is_watched_ends_with_its_reader() {
    let domain = free_domain();
    let here = join(domain, "plant/pump1");
    let _first = write(&here, "first");
    let mut child = start(&["topic", "list", "--watch", "--json"], domain);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    drop(out);
    let _second = write(&here, "second");
    let output = finish(child);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn what_comes_late_is_waited_for() {
    for (args, name) in [
        (["topic", "info", "late", "--timeout", "40s"], "topic-info"),
        (["node", "info", "plant/late", "--timeout", "40s"], "node-info"),
        (["why", "late", "--timeout", "40s", "--json"], "why"),
    ] {
        let domain = free_domain();
        let here = join(domain, "plant/pump1");
        let _other = write(&here, "other");
        let child = start(&args, domain);
        until("the command joins", || is_there(&here, name));
        // Longer than it takes discovery for quiet.
        std::thread::sleep(Duration::from_secs(1));
        let late = join(domain, "plant/late");
        let _writer = write(&late, "late");
        let topic = RawTopic::new("late", "plant::Pump", false);
        let _reader = late.raw_reader(&topic, &Qos::reliable()).unwrap();
        let output = finish(child);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {told}");
        assert!(text(&output.stdout).contains("plant/late"), "{}", text(&output.stdout));
    }
}

#[test]
fn several_participants_of_a_name_are_one_line_of_json_each() {
    let domain = free_domain();
    let twins = [join(domain, "twin"), join(domain, "twin")];
    let _single = join(domain, "single");
    let _writer = write(&twins[0], "first");
    let one = say(&["node", "info", "single", "--json"], domain).stdout;
    let one: Value = serde_json::from_slice(&one).unwrap();
    assert_eq!(one["node"], "single");
    let two = text(&say(&["node", "info", "twin", "--json"], domain).stdout);
    let two: Vec<Value> =
        two.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    assert_eq!(two.len(), 2);
    assert!(two.iter().all(|object| object["node"] == "twin" && object["writers"].is_array()));
}

#[test]
fn names_of_others_cannot_drive_the_terminal() {
    let domain = free_domain();
    let wild = "wild\x1b[2J";
    let here = join(domain, wild);
    let _writer = write(&here, wild);
    for args in [
        &["topic", "list"][..],
        &["topic", "info", wild],
        &["node", "list"],
        &["node", "info", wild],
        &["why", wild, "--timeout", "1s"],
        &["topic", "echo", "no-such", "--timeout", "1s"],
    ] {
        let output = say(args, domain);
        let told = text(&output.stdout) + &text(&output.stderr);
        assert!(told.contains("wild\\u{1b}[2J") && !told.contains('\x1b'), "{args:?}: {told:?}");
    }
}

/// Instances of such topics have an owner, so that their readers must know the type.
fn owned() -> Qos {
    Qos { ownership: Ownership::Exclusive, ..Qos::reliable() }
}

#[test]
fn a_topic_that_cannot_be_measured_ends_no_other() {
    let domain = free_domain();
    let here = join(domain, "plant/pump1");
    let known = here.writer::<Temperature>("temperature", &owned()).unwrap();
    let secret = RawTopic::new("secret", "plant::Secret", true);
    let _unknown = here.raw_writer(&secret, &owned()).unwrap();
    let measure = |args: &[&str]| {
        let args = [&["topic"][..], args, &["--for", "300ms", "--json"]].concat();
        let mut child = start(&args, domain);
        until("it ends", || {
            known.write(&Temperature { point: "pump1".into(), celsius: 61.5 }).unwrap();
            child.try_wait().unwrap().is_some()
        });
        finish(child)
    };
    for tool in ["hz", "bw", "delay"] {
        for topics in [&["*"][..], &["secret", "temperature"]] {
            let output = measure(&[&[tool][..], topics].concat());
            let told = text(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{tool} {topics:?}: {told}");
            let warnings = told.lines().filter(|line| line.starts_with("warning: "));
            assert_eq!(warnings.count(), 1, "{told}");
            for words in ["`secret` cannot be measured", "OWNERSHIP", "plant::Secret", "--types"] {
                assert!(told.contains(words), "{told}");
            }
            let line: Value = serde_json::from_slice(&output.stdout).expect("one topic");
            assert_eq!(line["topic"], "temperature");
            assert!(line["samples"].as_u64() > Some(0), "{line}");
        }
        for topics in [&["secret"][..], &["secr*"]] {
            let output = measure(&[&[tool][..], topics].concat());
            let told = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{tool} {topics:?}: {told}");
            assert!(told.contains("`secret` cannot be measured"), "{told}");
            assert!(told.contains("error: ") && output.stdout.is_empty(), "{told}");
        }
    }
}

#[test]
fn types_that_are_given_are_used_to_measure() {
    let domain = free_domain();
    let here = join(domain, "plant/pump1");
    let secret = RawTopic::new("secret", "plant::Secret", true);
    let writer = here.raw_writer(&secret, &owned()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let idl = "module plant { struct Secret { @key octet id; }; };";
    std::fs::write(dir.path().join("secret.idl"), idl).unwrap();
    let types = dir.path().display().to_string();
    let args = ["topic", "hz", "secret", "--types", &types, "--for", "300ms", "--json"];
    let mut child = start(&args, domain);
    until("it ends", || {
        writer.write(b"\0\x01\0\0\x07", now_ns(), None).unwrap();
        child.try_wait().unwrap().is_some()
    });
    let output = finish(child);
    let told = text(&output.stderr);
    assert!(output.status.success() && !told.contains("cannot be measured"), "{told}");
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(line["samples"].as_u64() > Some(0), "{line}");
}

#[test]
fn ros_names_are_written_too() {
    let domain = free_domain();
    let here = join(domain, "listener");
    let topic = RawTopic::new("rt/chatter", "std_msgs::msg::dds_::String_", false);
    let reader = here.raw_reader(&topic, &Qos::reliable()).unwrap();
    let words = ["topic", "pub", "--ros", "/chatter", "std_msgs/msg/String", "{data: hi}"];
    let child = start(&[&words[..], &["--once", "--timeout", "40s"]].concat(), domain);
    let sample = reader.recv_timeout(PATIENCE).unwrap().expect("it comes");
    let output = finish(child);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(sample.payload.ends_with(b"\x03\0\0\0hi\0"), "{:?}", sample.payload);
}

fn ends_well_when_interrupted(child: Child) {
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = finish(child);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn viewers_and_bridges_have_the_name_they_are_given() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("run.rrd").display().to_string();
    let domain = free_domain();
    let here = join(domain, "plant/pump1");
    for (args, name) in [
        (&["view", "--save", &file, "--name", "eyes"][..], "eyes"),
        (&["bridge", "--site", "plant", "--name", "crossing"], "tidewire-bridge:crossing"),
        (&["bridge", "--site", "plant"], "tidewire-bridge:plant"),
    ] {
        let child = start(args, domain);
        until(name, || is_there(&here, name));
        ends_well_when_interrupted(child);
    }
}

#[test]
fn the_viewer_reads_topics_of_exclusive_ownership() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("run.rrd").display().to_string();
    let domain = free_domain();
    let here = join(domain, "plant/pump1");
    let owned = Qos { ownership: Ownership::Exclusive, ..Qos::reliable() };
    let writer = here.writer::<Temperature>("temperature", &owned).unwrap();
    let child = start(&["view", "--save", &file], domain);
    writer.wait_for_readers(1, PATIENCE).unwrap();
    ends_well_when_interrupted(child);
}

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use tidewire_idl::Encoding;
use tidewire_store::StoreReader;

use super::exchange::assert_bytes;
use super::{Vendor, Work, assert_same, by_instance};
use crate::{Child, PATIENCE, root, text, tidewire, until};
use tidewire_bus::testing::free_domain;

/// Runs the binary to its end.
///
/// # Panics
/// It fails.
pub fn run(args: &[&str]) -> Output {
    let output = tidewire(args).output().expect("the binary runs");
    assert!(
        output.status.success(),
        "tidewire {args:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// As [`run`], with `--json`: what it prints.
///
/// # Panics
/// It fails, or prints no JSON.
pub fn run_json(args: &[&str]) -> Value {
    let output = run(&[args, &["--json"]].concat());
    serde_json::from_slice(&output.stdout).expect("JSON on standard output")
}

/// The payload of every recorded sample of a topic, in time order.
///
/// # Panics
/// The recording is damaged.
pub fn recorded(dir: &Path, topic: &str) -> Vec<Vec<u8>> {
    let Ok(reader) = StoreReader::open(dir) else { return Vec::new() };
    let Ok(samples) = reader.merged(&[topic], None, None) else { return Vec::new() };
    samples.map(|sample| sample.expect("a readable sample").1.payload.to_vec()).collect()
}

/// Starts recording a topic.
pub fn record(domain: u16, topic: &str, dir: &Path, types: Option<&Path>) -> Child {
    let domain = domain.to_string();
    let mut args = vec!["record", topic, "-o", text(dir), "--domain", &domain];
    if let Some(types) = types {
        args.extend(["--types", text(types)]);
    }
    Child::spawn(&mut tidewire(&args))
}

/// Ends a recorder the way a person does.
///
/// # Panics
/// It fails.
pub fn interrupt(mut recorder: Child) {
    recorder.signal(libc::SIGINT);
    let status = recorder.wait(PATIENCE);
    assert!(status.success(), "record ended with {status}");
}

/// Lists, tells of and prints a topic that only the vendor's program is on, its IDL given.
///
/// # Panics
/// A tool does not see what is there.
pub fn the_tools_serve_their_topics(vendor: Vendor, name: &str) {
    let domain = free_domain();
    let Some(peer) = vendor.start(domain) else { return };
    let work = Work::of("Valve");
    let number = domain.to_string();
    let types = root().join("tests/interop/works.idl");
    let on = ["--domain", &number, "--types", text(&types)];
    peer.tell("writer w works/valve Valve transient_local", "created");

    // Discovery may take longer than the tools look.
    let mut listed = Value::Null;
    until("the topic is listed", || {
        let list = run_json(&[&["topic", "list"][..], &on].concat());
        let mut topics = list.as_array().into_iter().flatten();
        listed = topics.find(|t| t["topic"] == "works/valve").cloned().unwrap_or_default();
        !listed.is_null()
    });
    assert_eq!(listed["type"], "works::Valve");
    assert_eq!(listed["keyed"], true);
    assert_eq!(listed["type_known"], true);
    assert_eq!(listed["writers"], 1);

    let mut info = Value::Null;
    until("its writer is told of", || {
        info = run_json(&[&["topic", "info", "works/valve"][..], &on].concat());
        info["writers"][0].is_object()
    });
    let qos = &info["writers"][0]["qos"];
    assert!(qos["reliability"].to_string().to_lowercase().contains("reliable"), "{info}");
    assert!(qos["durability"].to_string().to_lowercase().contains("local"), "{info}");

    let mut nodes = Value::Null;
    until("its participant is listed", || {
        nodes = run_json(&["node", "list", "--domain", &number]);
        nodes.as_array().is_some_and(|nodes| !nodes.is_empty())
    });
    let vendors: Vec<&Value> =
        nodes.as_array().into_iter().flatten().map(|n| &n["vendor"]).collect();
    assert_eq!(vendors, [name], "{nodes}");

    let echo = Child::spawn(&mut tidewire(
        &[&["topic", "echo", "works/valve", "-n", "20", "--json"][..], &on].concat(),
    ));
    peer.tell("write w 0 20", "written");
    let values = (0..20).map(|_| {
        let line: Value = serde_json::from_str(&echo.line(PATIENCE)).expect("a JSON line");
        line["value"].clone()
    });
    let wanted = by_instance(&work, (0..20).map(|i| work.json(i, 0)));
    assert_same(&by_instance(&work, values), &wanted);
    peer.quit();
}

/// Records a topic of an unknown type from the vendor's program, and replays it to another one.
///
/// # Panics
/// A byte differs.
pub fn unknown_types_are_recorded_and_replayed(vendor: Vendor, word: &'static str) {
    const COUNT: u32 = 100;
    let domain = free_domain();
    let Some(peer) = vendor.start(domain) else { return };
    let work = Work::of(word);
    let scratch = tempfile::tempdir().expect("the temporary directory can be written");
    let dir = scratch.path().join("recording");
    let recorder = record(domain, "works", &dir, None);
    peer.tell(&format!("writer w works {word}"), "created");
    peer.tell("await w 1", "matched");
    // The recorder's side may match a moment later than theirs.
    std::thread::sleep(Duration::from_millis(500));
    peer.tell(&format!("write w 0 {COUNT}"), "written");
    until("all samples are recorded", || recorded(&dir, "works").len() >= COUNT as usize);
    peer.quit();
    interrupt(recorder);
    run(&["verify", text(&dir)]);

    let wanted = by_instance(&work, (0..COUNT).map(|i| work.json(i, 0)));
    let kept = recorded(&dir, "works");
    // Their exit unregisters instances, which is recorded too.
    let kept: Vec<Value> = kept.iter().take(COUNT as usize).map(|p| work.decode(p)).collect();
    assert_same(&by_instance(&work, kept), &wanted);

    let domain = free_domain();
    let Some(peer) = vendor.start(domain) else { return };
    peer.tell(&format!("reader r works {word}"), "created");
    run(&["replay", text(&dir), "--domain", &domain.to_string(), "--rate", "10", "--wait", "20"]);
    let told = peer.received(COUNT as usize);
    let got = by_instance(&work, told.iter().map(|line| line["value"].clone()));
    assert_same(&got, &wanted);
    for line in &told {
        let i = (0..COUNT).find(|i| work.json(*i, 0) == line["value"]).expect("compared above");
        let hex = line["bytes"].as_str().expect("the peer shows bytes");
        let octet = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
        let got: Vec<u8> = (0..hex.len()).step_by(2).map(octet).collect();
        assert_bytes(&work, &got, &work.payload(i, 0, Encoding::XCDR1), i);
    }
    peer.quit();
}

//! What scripts rely on: options, JSON, exit codes, and that what is printed works as printed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tidewire_bus::testing::free_domain;
use tidewire_bus::{Change, InstanceState, Participant, RawTopic, Sample};
use tidewire_idl::TypeSupport;
use tidewire_qos::{Durability, Qos};
use tidewire_store::StoreReader;
use tidewire_tests::{
    Child, EPOCH, HelpPage, PATIENCE, Recording, Said, binary, say, text, tidewire, until,
};
use tidewire_types::event::{Health, Log};
use tidewire_types::sensor::{Temperature, Vibration};

fn scratch() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Half a second of two topics: 100 vibrations, one each 5 ms, and 10 temperatures, each 50 ms.
fn recording(dir: &TempDir) -> PathBuf {
    let path = dir.path().join("recording");
    let store = Recording::open(&path);
    Recording::append(&store, "vibration", 100, 5_000_000, |i| Vibration {
        point: "plant/pump1".into(),
        x: i as f32,
        y: 0.5,
        z: -1.0,
    });
    Recording::append(&store, "plant/temperature", 10, 50_000_000, |i| Temperature {
        point: if i % 2 == 0 { "plant/a, \"b\"" } else { "plant/pump1" }.into(),
        celsius: 20.0 + i as f64,
    });
    store.close().unwrap();
    path
}

// --- options -----------------------------------------------------------------------------------

#[test]
fn every_bus_facing_command_takes_the_same_options_and_every_command_json() {
    let pages = HelpPage::all();
    let leaves: Vec<_> = pages.iter().filter(|page| page.subcommands.is_empty()).collect();
    let bus: BTreeSet<String> =
        leaves.iter().filter(|page| page.takes("--domain")).map(|page| page.command()).collect();
    for command in [
        "topic list",
        "topic info",
        "topic echo",
        "topic hz",
        "topic bw",
        "topic delay",
        "topic pub",
        "record",
        "replay",
        "detect",
        "view",
        "bridge",
        "ingress",
        "sim pump",
        "sim arm",
        "sim gateway",
        "sim csv",
    ] {
        assert!(bus.contains(&format!("tidewire {command}")), "{command} is on no bus: {bus:?}");
    }
    for page in &leaves {
        assert!(page.takes("--json"), "{} takes no --json", page.command());
        assert!(page.takes("--help"), "{}", page.command());
        if bus.contains(&page.command()) {
            for option in ["--domain", "--types", "--qos", "--interface", "--name"] {
                assert!(page.takes(option), "{} takes no {option}", page.command());
            }
        }
    }
    for (command, options) in [
        ("record", &["--for", "--output", "-o"][..]),
        ("query", &["-d", "--format"]),
        ("up", &["--for"]),
        (
            "replay",
            &["--rate", "--loop", "--start-offset", "--topics", "--regex", "--exclude", "--remap"],
        ),
    ] {
        let page = leaves.iter().find(|page| page.path == [command]).unwrap();
        for option in options {
            assert!(page.takes(option), "{command} takes no {option}");
        }
    }
}

#[test]
fn options_work_before_and_after_the_command() {
    assert!(say(&["--json", "qos", "list"]).fine().json().is_array());
    assert!(say(&["qos", "list", "--json"]).fine().json().is_array());
    say(&["--version"]).fine();
    say(&[]).fails(2);
}

// --- JSON --------------------------------------------------------------------------------------

#[test]
fn listings_of_files_are_json_on_request() {
    let dir = scratch();
    let recording = recording(&dir);
    let info = say(&["info", text(&recording), "--json"]).fine().json();
    let vibration = info["topics"].as_array().unwrap().iter().find(|t| t["topic"] == "vibration");
    let vibration = vibration.unwrap();
    assert_eq!(vibration["samples"], 100);
    assert_eq!(vibration["first"], EPOCH);
    assert_eq!(vibration["last"], EPOCH + 99 * 5_000_000);
    assert_eq!(vibration["points"], json!(["plant/pump1"]));
    assert_eq!(vibration["type"], "tidewire::sensor::Vibration");
    let verify = say(&["verify", text(&recording), "--json"]).fine().json();
    assert_eq!((&verify["ok"], &verify["samples"]), (&json!(true), &json!(110)));
    assert_eq!(verify["problems"], json!([]));

    let profiles = say(&["qos", "list", "--json"]).fine().json();
    assert!(profiles.as_array().is_some_and(|names| names.iter().all(Value::is_string)));
    let names = say(&["idl", "print", "--json"]).fine().json();
    assert!(names.as_array().unwrap().contains(&json!("tidewire::sensor::Vibration")), "{names}");
    let ty = say(&["idl", "print", "tidewire::sensor::Vibration", "--json"]).fine().json();
    assert_eq!(ty["name"], "tidewire::sensor::Vibration");
    let check = say(&["idl", "check", "idl/types", "--json"]).fine().json();
    assert_eq!(check[0]["ok"], true);
    let same = say(&["qos", "check", "Event", "Event", "--json"]).fine().json();
    assert_eq!(same, json!({"match": true, "mismatches": []}));
    let fine = say(&["check", "launch/demo.yaml", "--json"]).fine().json();
    assert_eq!((&fine["ok"], &fine["problems"]), (&json!(true), &json!([])));
}

#[test]
fn doctor_says_of_each_thing_whether_it_works_and_how_to_mend_it() {
    let said = say(&["doctor", "--json"]);
    let checks = said.json();
    let checks = checks.as_array().unwrap();
    let names: Vec<_> = checks.iter().filter_map(|check| check["name"].as_str()).collect();
    for name in ["multicast", "socket buffers", "shared memory", "durability", "disk", "viewer"] {
        assert!(names.contains(&name), "{name} is not looked at: {names:?}");
    }
    for check in checks {
        let verdict = check["verdict"].as_str().unwrap();
        assert!(["ok", "warn", "fail"].contains(&verdict), "{check}");
        assert_eq!(check["remedy"].is_null(), verdict == "ok", "{check}");
    }
    let failed = checks.iter().any(|check| check["verdict"] == "fail");
    assert_eq!(said.code, Some(i32::from(failed)), "{said}");
    let text = say(&["doctor"]);
    assert!(names.iter().all(|name| text.out.contains(name)), "{text}");
    let nowhere = say(&["doctor", "--dir", "/no/such/folder", "--json"]).fails(1).json();
    let disk = nowhere.as_array().unwrap().iter().find(|check| check["name"] == "disk").unwrap();
    assert_eq!(disk["verdict"], "fail");
}

#[test]
fn a_bench_prints_one_json_line_per_figure() {
    let dir = scratch();
    let args = ["bench", "store", "--json", "--samples", "2000", "--dir", text(dir.path())];
    let said = say(&args).fine();
    assert!(said.out.lines().count() >= 2, "{said}");
    for line in said.out.lines() {
        let figure: Value = serde_json::from_str(line).unwrap();
        let keys: Vec<_> = figure.as_object().unwrap().keys().map(String::as_str).collect();
        let known = ["name", "unit", "ours", "peer", "theirs", "ratio", "ratio_range"];
        assert_eq!(keys, known, "{line}");
        let number = |value: &Value| value.as_f64().unwrap();
        assert!(number(&figure["ours"]) > 0.0 && number(&figure["theirs"]) > 0.0, "{line}");
        let range = figure["ratio_range"].as_array().unwrap();
        let [low, ratio, high] = [&range[0], &figure["ratio"], &range[1]].map(number);
        assert!(0.0 < low && low <= ratio && ratio <= high, "{line}");
    }
}

// --- launch files ------------------------------------------------------------------------------

#[test]
fn a_launch_file_is_drawn_in_two_languages_and_told_in_json() {
    let mermaid = say(&["graph", "launch/demo.yaml"]).fine().out;
    assert!(mermaid.trim_start().starts_with("flowchart"), "{mermaid}");
    let dot = say(&["graph", "launch/demo.yaml", "--format", "dot"]).fine().out;
    assert!(dot.starts_with("digraph") && dot.trim_end().ends_with('}'), "{dot}");
    for node in ["pump1", "pump2", "pump3", "arm1", "gateway", "plant-recorder", "exchange-bridge"]
    {
        assert!(mermaid.contains(node) && dot.contains(node), "{node} is not drawn");
    }
    for (open, close) in [('{', '}'), ('[', ']')] {
        assert_eq!(dot.matches(open).count(), dot.matches(close).count(), "{dot}");
    }
    // An argument changes the picture.
    assert!(mermaid.contains("viewer"));
    let blind = say(&["graph", "launch/demo.yaml", "view:=false"]).fine().out;
    assert!(!blind.contains("viewer"), "{blind}");
    let graph = say(&["graph", "launch/demo.yaml", "--json"]).fine().json();
    assert_eq!(graph["nodes"].as_array().map(Vec::len), Some(12), "{graph}");
    say(&["graph", "launch/demo.yaml", "--format", "png"]).fails(2).tells(&["mermaid", "dot"]);
}

#[test]
fn the_commands_to_try_next_work_as_printed() {
    let dir = scratch();
    let domain = free_domain();
    let file = dir.path().join("short.yaml");
    let yaml = format!(
        "sites: {{plant: {{domain: {domain}}}}}\n\
         nodes:\n  \
           recorder: {{kind: record, site: plant}}\n  \
           pump: {{kind: pump, site: plant, needs: recorder, params: {{faults: {{kinds: []}}}}}}\n"
    );
    std::fs::write(&file, yaml).unwrap();
    // A folder as people have them.
    let out = dir.path().join("my recordings");
    let said = say(&["up", text(&file), "--for", "2s", "-o", text(&out)]).fine();
    assert!(said.out.contains("books balance"), "{said}");
    let next = said.out.split("Try next:\n").nth(1).unwrap_or_else(|| panic!("{said}"));
    let commands: Vec<&str> =
        next.lines().map(str::trim).filter(|line| line.starts_with("tidewire ")).collect();
    assert_eq!(commands.len(), 3, "{said}");
    let verbs: Vec<_> = commands.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(verbs, ["query", "replay", "view"]);

    let table = Said::of(&mut shell_of(commands[0])).fine();
    assert!(table.out.contains("plant/pump"), "{table}");
    Said::of(&mut shell_of(commands[1])).fine();
    // A viewer stays until it is closed. Which viewer is this machine's affair; ask for none that
    // needs a screen.
    let mut view = shell_of(&format!("exec {} --web", commands[2]));
    let log = dir.path().join("view.log");
    view.stderr(std::fs::File::create(&log).unwrap());
    let mut view = Child::spawn(&mut view);
    let deadline = Instant::now() + PATIENCE;
    let told = || std::fs::read_to_string(&log).unwrap();
    while !told().contains("played to the end") {
        assert!(Instant::now() < deadline, "{}", told());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(told().contains("http://127.0.0.1:"), "{}", told());
    view.signal(libc::SIGINT);
    assert!(view.wait(PATIENCE).success(), "{}", told());
}

/// A command line in a shell that finds the binary, as the one who reads it would run it.
fn shell_of(line: &str) -> Command {
    let folder = binary().parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&path)));
    let mut command = Command::new("sh");
    command.args(["-c", line]).env("PATH", path.unwrap()).current_dir(tidewire_tests::root());
    command
}

#[test]
fn a_recording_is_saved_as_a_rerun_file() {
    let dir = scratch();
    let recording = recording(&dir);
    let file = dir.path().join("recording.rrd");
    say(&["view", "-d", text(&recording), "--rate", "inf", "--save", text(&file)]).fine();
    let bytes = std::fs::read(&file).unwrap();
    assert!(bytes.starts_with(b"RRF"), "{:?}", &bytes[..bytes.len().min(8)]);
    for name in ["vibration", "plant/temperature", "celsius"] {
        let found = bytes.windows(name.len()).any(|window| window == name.as_bytes());
        assert!(found, "{name} is not in the file of {} bytes", bytes.len());
    }
    let nowhere = text(dir.path()).to_owned() + "/no/such/folder/f.rrd";
    say(&["view", "-d", text(&recording), "--save", &nowhere]).fails(1).tells(&["/no/such/folder"]);
}

// --- topics ------------------------------------------------------------------------------------

#[test]
fn topic_tools_and_a_recorder_tell_of_the_same_samples_in_json() {
    let dir = scratch();
    let number = free_domain().to_string();
    let pump =
        ["sim", "pump", "--point", "plant/p", "--faults", "none", "--json", "--domain", &number];
    let pump = Child::spawn(&mut tidewire(&pump));
    let on = |command: &[&str], more: &[&str]| {
        say(&[command, more, &["--json", "--domain", &number]].concat()).fine()
    };
    let echo = on(&["topic", "echo", "temperature"], &["-n", "3"]).out;
    let mut sequences = Vec::new();
    for line in echo.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&line["point"], &line["state"]),
            (&json!("plant/p"), &json!("alive")),
            "{line}"
        );
        assert_eq!(line["value"]["point"], "plant/p");
        assert!(line["value"]["celsius"].is_f64() && line["time"].is_i64(), "{line}");
        assert!(line["received"].as_i64() >= line["time"].as_i64(), "{line}");
        sequences.push(line["sequence"].as_u64().unwrap());
    }
    assert_eq!(sequences.len(), 3, "{echo}");
    assert!(sequences.windows(2).all(|pair| pair[1] == pair[0] + 1), "{echo}");

    let some = ["-n", "3", "--filter", "celsius > 0 AND point LIKE 'plant/_'"];
    let echo = on(&["topic", "echo", "temperature"], &some).out;
    assert_eq!(echo.lines().count(), 3, "{echo}");
    let none = ["--filter", "celsius < -300", "--timeout", "5s", "--domain", &number];
    say(&[&["topic", "echo", "temperature"][..], &none].concat())
        .fails(1)
        .tells(&["no sample on `temperature` passes the filter", "kept"]);

    let list = on(&["topic", "list"], &[]).json();
    let vibration = list.as_array().unwrap().iter().find(|t| t["topic"] == "vibration").unwrap();
    assert_eq!(vibration["type"], "tidewire::sensor::Vibration");
    assert_eq!(vibration["writers"], 1, "{vibration}");
    assert_eq!((&vibration["keyed"], &vibration["type_known"]), (&json!(true), &json!(true)));
    let info = on(&["topic", "info", "vibration"], &[]).json();
    assert_eq!(info["writers"][0]["local"], true, "{info}");
    assert_eq!(info["mismatches"], json!([]), "{info}");
    let hz = on(&["topic", "hz", "vibration"], &["--for", "500ms"]).json();
    assert!(hz["samples"].as_u64() > Some(1) && hz["hz"].as_f64() > Some(0.0), "{hz}");
    let bw = on(&["topic", "bw", "vibration"], &["--for", "500ms", "--window", "50"]).json();
    assert!(bw["bytes_per_s"].as_f64() > Some(0.0), "{bw}");
    assert!(bw["size_min"].as_u64() > Some(4) && bw["size_min"] == bw["size_max"], "{bw}");
    let delay = on(&["topic", "delay", "vibration"], &["--for", "500ms"]).json();
    let us = |key: &str| delay[key].as_f64().unwrap_or_else(|| panic!("{key}: {delay}"));
    assert!(us("delay_us_min") <= us("delay_us_p50") && us("delay_us_p50") <= us("delay_us_max"));
    assert_eq!(delay["same_clock"], true, "{delay}");
    let all = on(&["topic", "hz", "vibration", "temp*"], &["--for", "3s"]).out;
    let names: Vec<Value> = all
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["topic"].clone())
        .collect();
    assert_eq!(names, [json!("temperature"), json!("vibration")], "{all}");
    for tool in ["hz", "bw", "delay"] {
        let table =
            say(&["topic", tool, "vibration", "--for", "300ms", "--domain", &number]).fine().out;
        assert!(table.starts_with("TOPIC") && table.contains("\nvibration "), "{table}");
    }

    let out = dir.path().join("recording");
    let books = on(&["record", "vibration", "-o", text(&out)], &["--for", "1s"]).json();
    let topics = books["topics"].as_object().unwrap();
    assert_eq!(topics.keys().collect::<Vec<_>>(), ["vibration"], "only what was asked for");
    assert_eq!(topics["vibration"]["recorded"], topics["vibration"]["received"]);
    let part = dir.path().join("part");
    let filter = "vibration:=x > 0";
    let books =
        on(&["record", "vibration", "-o", text(&part)], &["--for", "1s", "--filter", filter])
            .json();
    let vibration = &books["topics"]["vibration"];
    assert!(vibration["filtered"].as_u64() > Some(0), "{books}");
    let sql = "SELECT count(*) AS n, min(x) > 0 AS above FROM vibration";
    let rows = say(&["query", "-d", text(&part), "--json", sql]).fine().json();
    assert_eq!(
        (&rows[0]["n"], &rows[0]["above"]),
        (&vibration["recorded"], &json!(true)),
        "{rows}"
    );
    let count =
        say(&["query", "-d", text(&out), "--format", "csv", "SELECT count(*) FROM vibration"]);
    let count: u64 = count.fine().out.lines().nth(1).unwrap().parse().unwrap();
    assert_eq!(topics["vibration"]["recorded"], count);
    let pump = finish(pump);
    assert!(pump["topics"]["vibration"]["written"].as_u64() >= Some(count), "{pump}");
}

#[test]
fn what_is_published_arrives_as_it_was_given() {
    let domain = free_domain();
    let number = domain.to_string();
    let bus = Participant::builder().domain(domain).name("reader").build().unwrap();
    let reader = bus.reader::<Temperature>("t", &Qos::event()).unwrap();
    let publish = |more: &[&str]| {
        let args = ["topic", "pub", "t", "tidewire::sensor::Temperature"];
        tidewire(&[&args, more, &["--timeout", "30s", "--json", "--domain", &number]].concat())
    };
    // What comes until the child has ended: a writer that ends waits for its readers, not for ever.
    let hear = |mut child: Child, count: usize| {
        let deadline = Instant::now() + PATIENCE;
        let mut heard = Vec::new();
        while heard.len() < count {
            assert!(Instant::now() < deadline, "{} of {count} came", heard.len());
            bus.wait(Duration::from_millis(20));
            while let Some(change) = reader.take_change().unwrap() {
                heard.push(match change {
                    Change::Data(sample) => (sample.data.point, sample.data.celsius),
                    Change::Ended { key, info } => {
                        assert_eq!(info.state, InstanceState::Disposed);
                        (format!("{} ended", key.unwrap().point), 0.0)
                    }
                });
            }
        }
        let lines = child.rest(PATIENCE).concat();
        assert!(child.wait(PATIENCE).success(), "{lines}");
        let summary: Value = serde_json::from_str(&lines).unwrap();
        assert_eq!(summary["written"], count, "{summary}");
        assert_eq!(summary["acknowledged"], true, "{summary}");
        heard
    };
    let value = |point: &str, celsius| (point.to_owned(), celsius);
    let many =
        Child::spawn(&mut publish(&["{point: p1, celsius: 61.5}", "-n", "3", "--rate", "50"]));
    assert_eq!(hear(many, 3), vec![value("p1", 61.5); 3]);
    let end = Child::spawn(&mut publish(&["{point: p1}", "--dispose"]));
    assert_eq!(hear(end, 1), [value("p1 ended", 0.0)]);

    let lines = "{\"point\": \"a\", \"celsius\": 1}\n\n{point: b, celsius: -2.5}\n{}\n";
    let mut child = Child::spawn(&mut publish(&["-"]));
    std::io::Write::write_all(&mut child.close_stdin().unwrap(), lines.as_bytes()).unwrap();
    let heard = hear(child, 3);
    assert_eq!(heard, [value("a", 1.0), value("b", -2.5), value("", 0.0)]);

    let nobody = ["topic", "pub", "tt", "tidewire::sensor::Temperature", "{}", "--once"];
    say(&[&nobody[..], &["--timeout", "5s", "--domain", &number]].concat())
        .fails(1)
        .tells(&["nobody reads topic `tt`", "did you mean `t`?"]);
    // Each waits for the other: the reader for a writer, the writer for a reader.
    let echo = ["topic", "echo", "later", "-n", "1", "--json", "--domain", &number];
    let mut echo = Child::spawn(&mut tidewire(&echo));
    let once = ["topic", "pub", "later", "tidewire::sensor::Temperature", "{point: x}", "--once"];
    say(&[&once[..], &["--timeout", "30s", "--domain", &number]].concat()).fine();
    let line: Value = serde_json::from_str(&echo.rest(PATIENCE).concat()).unwrap();
    assert_eq!(line["value"]["point"], "x", "{line}");
    assert!(echo.wait(PATIENCE).success());
}

#[test]
fn why_and_node_tell_who_is_there_and_what_keeps_them_apart() {
    let domain = free_domain();
    let number = domain.to_string();
    let join = |name| Participant::builder().domain(domain).name(name).build().unwrap();
    let (pump, display) = (join("plant/pump1"), join("plant/display"));
    let topic = RawTopic::new("vibration", "tidewire::sensor::Vibration", true);
    let _writer = pump.raw_writer(&topic, &Qos::sensor_data()).unwrap();
    let _reader = display.raw_reader(&topic, &Qos::sensor_data()).unwrap();
    let other = RawTopic::new("rt/state", "State", false);
    let _lonely = display.raw_reader(&other, &Qos::reliable()).unwrap();
    let ask = |args: &[&str]| say(&[args, &["--json", "--domain", &number]].concat());

    let why = ask(&["why", "vibration"]).fine().json();
    let pair = &why["pairs"][0];
    assert_eq!(pair["writer"]["participant"], "plant/pump1", "{why}");
    assert_eq!((&pair["match"], &pair["way"]), (&json!(true), &json!("shm")), "{why}");

    let strict = display.raw_reader(&topic, &Qos::reliable()).unwrap();
    let said = ask(&["why", "vibration"]).fails(1);
    let why = said.json();
    let pairs = why["pairs"].as_array().unwrap();
    assert_eq!(pairs.iter().filter(|pair| pair["match"] == true).count(), 1, "{why}");
    let apart = pairs.iter().find(|pair| pair["match"] == false).unwrap();
    assert_eq!(apart["reasons"][0]["what"], "RELIABILITY", "{why}");
    assert!(apart["reasons"][0]["remedy"].as_str().is_some_and(|r| r.contains("RELIABLE")));
    let said = say(&["why", "vibration", "--domain", &number]).fails(1).out;
    for words in
        ["no match plant/pump1 -> plant/display", "offered BEST_EFFORT", "by shared memory"]
    {
        assert!(said.contains(words), "{said}");
    }
    drop(strict);
    let said = say(&["why", "rt/state", "--domain", &number]).fails(1).out;
    assert!(said.contains("nobody writes it"), "{said}");
    say(&["why", "state", "--domain", &number]).fails(1).tells(&["there is `rt/state`"]);
    say(&["why", "vibratoin", "--domain", &number]).fails(1).tells(&["`vibration`?"]);

    let node =
        |name: &str, writers: u32| json!({ "node": name, "writers": writers, "vendor": "RustDDS" });
    let wanted = [node("plant/display", 0), node("plant/pump1", 1)];
    // The vendor is told by discovery, which may take longer than the tool looks.
    let mut nodes = Value::Null;
    until("both nodes are told of with their vendor", || {
        nodes = ask(&["node", "list"]).fine().json();
        let told = nodes.as_array().unwrap().iter();
        let told = told
            .map(|n| json!({ "node": n["node"], "writers": n["writers"], "vendor": n["vendor"] }));
        told.eq(wanted.iter().cloned())
    });
    let node = ask(&["node", "info", "plant/display"]).fine().json();
    let read: BTreeSet<&str> =
        node["readers"].as_array().unwrap().iter().filter_map(|r| r["topic"].as_str()).collect();
    assert_eq!(read, BTreeSet::from(["rt/state", "vibration"]), "{node}");
    let prefix = nodes[1]["prefix"].as_str().unwrap();
    let node = ask(&["node", "info", prefix]).fine().json();
    assert_eq!(node["writers"][0]["topic"], "vibration", "{node}");
    ask(&["node", "info", "plant/pump9"]).fails(1).tells(&["`plant/pump9`", "plant/pump1"]);
}

#[test]
fn durable_topics_that_nobody_serves_are_told_with_the_remedy() {
    let domain = free_domain();
    let number = domain.to_string();
    let ask = |args: &[&str]| say(&[args, &["--json", "--domain", &number]].concat()).fine().json();
    let doctor = || -> Value {
        let checks = say(&["doctor", "--json", "--domain", &number]).json();
        let checks = checks.as_array().unwrap();
        checks.iter().find(|check| check["name"] == "durability").unwrap().clone()
    };
    let quiet = doctor();
    assert_eq!(quiet["verdict"], "ok", "{quiet}");

    let plant = Participant::builder().domain(domain).name("plant").build().unwrap();
    let durable = |durability| Qos { durability, ..Qos::reliable() };
    let topic = |name: &str| RawTopic::new(name, "tidewire::sensor::Vibration", true);
    let level = plant.raw_writer(&topic("level"), &durable(Durability::Transient)).unwrap();
    let _display = plant.raw_reader(&topic("level"), &durable(Durability::Transient)).unwrap();
    // Kept by the writer itself: nobody is missing.
    let _kept = plant.raw_writer(&topic("kept"), &durable(Durability::TransientLocal)).unwrap();
    let unserved = doctor();
    assert_eq!(unserved["verdict"], "warn", "{unserved}");
    assert!(unserved["found"].as_str().unwrap().contains("`level` (TRANSIENT)"), "{unserved}");
    assert!(!unserved["found"].as_str().unwrap().contains("kept"), "{unserved}");
    let remedy = "tidewire record --durable";
    assert!(unserved["remedy"].as_str().unwrap().contains(remedy), "{unserved}");
    for command in [&["why", "level"][..], &["topic", "info", "level"]] {
        assert!(ask(command)["unserved"].as_str().is_some_and(|told| told.contains(remedy)));
        let said = say(&[command, &["--domain", &number]].concat()).fine();
        assert!(said.out.contains(remedy), "{said}");
    }
    assert_eq!(ask(&["topic", "info", "kept"])["unserved"], Value::Null);

    let dir = scratch();
    let out = dir.path().join("recording");
    let record = ["record", "-o", text(&out), "--durable", "--json", "--domain", &number];
    let service = Child::spawn(&mut tidewire(&record));
    until("the service comes", || !plant.durability_services().is_empty());
    // Each is a participant of its own, and may look for less time than discovery takes.
    until("the doctor finds the service", || doctor()["verdict"] == "ok");
    let served = doctor();
    assert!(served["found"].as_str().unwrap().contains("`level` (TRANSIENT)"), "{served}");
    for command in [&["topic", "info", "level"][..], &["why", "level"]] {
        until("the service is found", || ask(command)["unserved"].is_null());
    }
    drop(level);
    finish(service);
}

/// Ends a node the way a person does and returns the JSON it ends with.
fn finish(mut child: Child) -> Value {
    child.signal(libc::SIGINT);
    let lines = child.rest(PATIENCE).concat();
    assert!(child.wait(PATIENCE).success(), "{lines}");
    serde_json::from_str(&lines).unwrap_or_else(|error| panic!("{error}: {lines}"))
}

// --- queries -----------------------------------------------------------------------------------

#[test]
fn the_formats_of_a_query_agree() {
    let dir = scratch();
    let recording = recording(&dir);
    let sql = "SELECT time, point, celsius FROM \"plant/temperature\" ORDER BY time";
    let ask =
        |format: &str| say(&["query", "-d", text(&recording), "--format", format, sql]).fine();
    let rows = ask("json").json();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 10);
    assert_eq!(rows[0]["point"], "plant/a, \"b\"");
    assert_eq!(rows[9]["celsius"], 29.0);
    let csv = ask("csv").out;
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("time,point,celsius"));
    let table = ask("table").out;
    for (row, line) in rows.iter().zip(lines) {
        // Times are written the same way everywhere.
        let time = row["time"].as_str().unwrap();
        assert!(line.starts_with(&format!("{time},")), "{time} and {line}");
        let point = row["point"].as_str().unwrap();
        let quoted = if point.contains('"') { "\"plant/a, \"\"b\"\"\"" } else { point };
        assert!(line.contains(&format!(",{quoted},")), "{line}");
        let celsius = row["celsius"].as_f64().unwrap();
        assert_eq!(line.rsplit(',').next().unwrap().parse::<f64>().unwrap(), celsius);
        assert!(table.contains(time) && table.contains(point), "{row}: {table}");
    }
    assert_eq!(csv.lines().count(), 11);
    let json = say(&["query", "-d", text(&recording), "--json", sql]).fine().json();
    assert_eq!(json.as_array(), Some(rows));
    let none =
        say(&["query", "-d", text(&recording), "--json", "SELECT * FROM vibration WHERE x < -1"]);
    assert_eq!(none.fine().json(), json!([]));
    let tables =
        say(&["query", "-d", text(&recording), "--format", "csv", "SHOW TABLES"]).fine().out;
    assert!(tables.contains("vibration") && tables.contains("plant/temperature"), "{tables}");
    // The statement may come from a pipe.
    let line = format!(
        "echo 'SELECT max(x) AS top FROM vibration' | tidewire query -d '{}' -f csv -",
        text(&recording)
    );
    let out = Said::of(&mut shell_of(&line)).fine().out;
    assert_eq!(out.lines().collect::<Vec<_>>(), ["top", "99"]);
    // A reader that goes away early is no failure.
    let line =
        format!("tidewire query -d '{}' 'SELECT * FROM vibration' | head -n 1", text(&recording));
    Said::of(&mut shell_of(&line)).fine();
}

// --- replay ------------------------------------------------------------------------------------

/// Reads what a replay writes: vibrations under some name, and everything else it may write, so
/// that a replay finds a reader for each of its topics and begins at once.
struct Listener {
    number: String,
    samples: Receiver<Sample>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    fn new(topic: &str) -> Self {
        let domain = free_domain();
        let bus = Participant::builder().domain(domain).name("listener").build().unwrap();
        let read = |name: &str, type_name: &str| {
            bus.raw_reader(&RawTopic::new(name, type_name, true), &Qos::reliable()).unwrap()
        };
        let reader = read(topic, Vibration::TYPE_NAME);
        let other = read("plant/temperature", Temperature::TYPE_NAME);
        let (send, samples) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        // A reader takes what comes while it comes: a writer that ends waits a while, not for ever.
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                bus.wait(Duration::from_millis(50));
                while let Some(sample) = reader.take().unwrap() {
                    if sample.info.state == InstanceState::Alive {
                        send.send(sample).ok();
                    }
                }
                while other.take().unwrap().is_some() {}
            }
        });
        Self { number: domain.to_string(), samples, stop, thread: Some(thread) }
    }

    fn replay(&self, recording: &Path, more: &[&str]) -> Value {
        let args = ["replay", text(recording), "--json", "--domain", &self.number, "--wait", "20"];
        say(&[&args, more].concat()).fine().json()
    }

    /// The data samples that came: `count` of them, and not one more.
    fn heard(&self, count: usize) -> Vec<Sample> {
        let next = || self.samples.recv_timeout(PATIENCE).ok();
        let heard: Vec<Sample> = std::iter::from_fn(next).take(count).collect();
        assert_eq!(heard.len(), count, "samples that came");
        let more = self.samples.recv_timeout(Duration::from_millis(200));
        assert!(more.is_err(), "more than {count} samples came");
        heard
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().into_iter().for_each(|thread| thread.join().unwrap());
    }
}

fn played(summary: &Value) -> Vec<(&str, &str, u64)> {
    let topics = summary["topics"].as_array().unwrap();
    let mut played: Vec<_> = topics
        .iter()
        .map(|t| {
            let word = |key: &str| t[key].as_str().unwrap();
            (word("recorded"), word("topic"), t["samples"].as_u64().unwrap())
        })
        .collect();
    played.sort_unstable();
    played
}

#[test]
fn replay_chooses_topics_by_name_pattern_and_regex() {
    let dir = scratch();
    let recording = recording(&dir);
    let on = Listener::new("vibration");
    let (temperature, vibration) =
        (("plant/temperature", "plant/temperature", 10), ("vibration", "vibration", 100));
    let fast = ["--rate", "inf"];
    let play = |more: &[&str]| on.replay(&recording, &[&fast[..], more].concat());
    assert_eq!(played(&play(&[])), [temperature, vibration]);
    on.heard(100);
    assert_eq!(played(&play(&["--topics", "vibration"])), [vibration]);
    on.heard(100);
    assert_eq!(played(&play(&["--topics", "plant/*"])), [temperature]);
    on.heard(0);
    assert_eq!(
        played(&play(&["--topics", "vibration", "plant/temperature"])),
        [temperature, vibration]
    );
    assert_eq!(played(&play(&["--regex", "^vib.*n$"])), [vibration]);
    assert_eq!(played(&play(&["--exclude", "vib*"])), [temperature]);
    assert_eq!(played(&play(&["--topics", "*", "--exclude", "plant/*"])), [vibration]);
}

#[test]
fn replay_renames_skips_and_keeps_bytes_order_and_time() {
    let dir = scratch();
    let recording = recording(&dir);
    let on = Listener::new("test/v");
    let reader = StoreReader::open(&recording).unwrap();
    let recorded: Vec<_> =
        reader.merged(&["vibration"], None, None).unwrap().map(|s| s.unwrap().1).collect();

    let begun = tidewire_bus::now_ns();
    let args = ["--topics", "vibration", "--remap", "vibration:=test/v", "--rate", "5"];
    let summary = on.replay(&recording, &args);
    assert_eq!(played(&summary), [("vibration", "test/v", 100)]);
    assert_eq!(summary["acknowledged"], true, "{summary}");
    let heard = on.heard(100);
    let bytes = |samples: &[Sample]| -> Vec<Vec<u8>> {
        samples.iter().map(|sample| sample.payload.to_vec()).collect()
    };
    assert!(bytes(&heard) == bytes(&recorded), "replayed bytes differ from the recorded");
    assert!(heard.iter().zip(&recorded).all(|(a, b)| a.info.key == b.info.key), "keys differ");
    // Stamped anew, never ahead of the recorded rhythm.
    assert!(heard.iter().all(|sample| sample.info.source_time >= begun));
    let elapsed = summary["elapsed_ns"].as_i64().unwrap();
    assert!(elapsed >= 99 * 5_000_000 / 5, "played in {elapsed} ns, faster than five times");

    let args = ["--topics", "vibration", "--remap", "vibration:=test/v", "--rate", "inf"];
    on.replay(&recording, &[&args[..], &["--keep-timestamps"]].concat());
    let heard = on.heard(100);
    assert!(heard.iter().zip(&recorded).all(|(a, b)| a.info.source_time == b.info.source_time));

    let late = on.replay(&recording, &[&args[..], &["--start-offset", "0.25"]].concat());
    assert_eq!(played(&late), [("vibration", "test/v", 50)]);
    assert!(bytes(&on.heard(50)) == bytes(&recorded[50..]));
    let middle = ["--start-offset", "0.1", "--end-offset", "0.2"];
    on.replay(&recording, &[&args[..], &middle].concat());
    // From 100 to 200 ms, both ends included.
    assert!(bytes(&on.heard(21)) == bytes(&recorded[20..=40]));
}

#[test]
fn replay_loops_until_it_is_interrupted() {
    let dir = scratch();
    let recording = recording(&dir);
    let on = Listener::new("vibration");
    let args = ["replay", text(&recording), "--loop", "--rate", "20", "--json"];
    let args = [&args[..], &["--domain", &on.number]].concat();
    let replay = Child::spawn(&mut tidewire(&args));
    for heard in 0..250 {
        assert!(on.samples.recv_timeout(PATIENCE).is_ok(), "only {heard} samples");
    }
    let summary = finish(replay);
    assert!(summary["rounds"].as_u64() >= Some(3), "{summary}");
    assert!(summary["samples"].as_u64() >= Some(250), "{summary}");
}

#[test]
fn a_topic_is_a_table_of_the_same_name_with_time_point_and_its_fields() {
    let dir = scratch();
    let path = dir.path().join("recording");
    let store = Recording::open(&path);
    Recording::append(&store, "site/log", 3, 1_000, |i| Log {
        point: "plant".into(),
        text: format!("line {i}"),
        ..Log::default()
    });
    Recording::append(&store, "health", 2, 1_000, |_| Health {
        point: "plant".into(),
        ..Health::default()
    });
    store.close().unwrap();
    let sql = "SELECT text FROM \"site/log\" ORDER BY time";
    let rows = say(&["query", "-d", text(&path), "--json", sql]).fine().json();
    assert_eq!(rows, json!([{"text": "line 0"}, {"text": "line 1"}, {"text": "line 2"}]));
    let columns =
        say(&["query", "-d", text(&path), "--format", "csv", "SELECT * FROM health LIMIT 1"]);
    let header = columns.fine().out.lines().next().unwrap_or_default().to_owned();
    assert!(header.starts_with("time,point,"), "{header}");
}

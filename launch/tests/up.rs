//! `tidewire up` for real: processes, a recording, balanced books, clean ends.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn launch_file(dir: &Path, domain: u16) -> String {
    let file = dir.join("small.yaml");
    let text = format!(
        "sites: {{plant: {{domain: {domain}}}}}\n\
         nodes:\n  \
           recorder: {{kind: record, site: plant, respawn: {{policy: always, backoff: 100ms}}}}\n  \
           pump1: {{kind: pump, site: plant, needs: recorder, params: {{faults: {{kinds: [bearing], first_s: 0.2, every_s: 3, lasts_s: 1}}}}}}\n  \
           arm1: {{kind: arm, site: plant, needs: recorder}}\n"
    );
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

fn up(file: &str, out: &Path, more: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_tidewire"))
        .args(["up", file, "--json", "-o", &out.display().to_string()])
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn summary(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.trim())
        .unwrap_or_else(|e| panic!("{e}: {text}\n{}", String::from_utf8_lossy(&output.stderr)))
}

/// Samples in the recording so far.
fn recorded(out: &Path) -> u64 {
    let reader = tidewire_store::StoreReader::open(out.join("plant"));
    reader.map_or(0, |reader| reader.topics().iter().map(|topic| topic.samples).sum())
}

fn pids_of(out: &Path) -> Vec<i32> {
    // A node's command line holds its specification, and that the folder of the run.
    let wanted = out.display().to_string();
    let mut pids = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(" node run ") && line.contains(&wanted) {
            pids.push(pid);
        }
    }
    pids
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_books_of_a_short_run_balance() {
    let dir = tempfile::tempdir().unwrap();
    let domain = tidewire_bus::testing::free_domain();
    let out = dir.path().join("run");
    let output =
        up(&launch_file(dir.path(), domain), &out, &["--for", "3s"]).wait_with_output().unwrap();
    let summary = summary(&output);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{summary}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let topics = summary["topics"].as_array().unwrap();
    for name in ["vibration", "current", "temperature", "imu", "joint_states", "truth"] {
        let book = topics
            .iter()
            .find(|b| b["topic"] == name)
            .unwrap_or_else(|| panic!("no {name} in {summary}"));
        let written = book["written"].as_u64().unwrap();
        assert!(written > 0, "{book}");
        for count in ["received", "recorded", "queried"] {
            assert_eq!(book[count].as_u64(), Some(written), "{book}");
        }
        assert_eq!(book["site"], "plant");
    }
    assert!(summary["anomalies"]["injected"].as_u64().unwrap() >= 1);
    assert!(summary["bytes_per_sample"].as_f64().unwrap() > 0.0);
    assert!(pids_of(&out).is_empty(), "nodes outlive the launcher");
}

#[test]
fn a_killed_recorder_comes_back_and_the_gap_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let domain = tidewire_bus::testing::free_domain();
    let out = dir.path().join("run");
    let child = up(&launch_file(dir.path(), domain), &out, &["--for", "6s"]);
    wait_until("samples", || recorded(&out) > 0);
    let recorder = pids_of(&out)[0];
    Command::new("kill").args(["-9", &recorder.to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let summary = summary(&output);
    assert!(told.contains("recorder was down for"), "{told}");
    for book in summary["topics"].as_array().unwrap() {
        assert_eq!(book["recorded"], book["queried"], "{book}");
        assert!(book["recorded"].as_u64() > Some(0), "{book}");
    }
    let verify = Command::new(env!("CARGO_BIN_EXE_tidewire"))
        .args(["verify", &out.join("plant").display().to_string()])
        .output()
        .unwrap();
    assert_eq!(verify.status.code(), Some(0), "{}", String::from_utf8_lossy(&verify.stdout));
}

#[test]
fn an_interrupt_ends_cleanly() {
    let dir = tempfile::tempdir().unwrap();
    let domain = tidewire_bus::testing::free_domain();
    let out = dir.path().join("run");
    let child = up(&launch_file(dir.path(), domain), &out, &["--for", "0"]);
    wait_until("samples", || recorded(&out) > 0);
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(summary(&output)["samples_per_s"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_node_that_cannot_start_is_told_with_its_last_words() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("broken.yaml");
    std::fs::write(&file, "nodes:\n  bad: {run: [sh, -c, 'echo I give up; exit 3'], respawn: {policy: never}, ready: {log: never}}\n").unwrap();
    let out = dir.path().join("run");
    let output =
        up(&file.display().to_string(), &out, &["--for", "5s"]).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("node `bad` failed to start") && told.contains("I give up"), "{told}");
}

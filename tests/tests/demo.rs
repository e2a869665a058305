//! The demo graph end to end: books that balance, faults that are found, a recorder that is killed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use tidewire_store::StoreReader;
use tidewire_tests::{Child, tidewire};

/// Of `launch/demo.yaml`.
const DOMAINS: [&str; 2] = ["42", "43"];

/// Graphs share the demo's two DDS domains: one at a time.
fn turn() -> impl Drop {
    struct Turn(std::fs::File);
    impl Drop for Turn {
        fn drop(&mut self) {
            self.0.unlock().ok();
        }
    }
    let file = std::fs::File::create(std::env::temp_dir().join("tidewire-demo-test.lock")).unwrap();
    file.lock().unwrap();
    Turn(file)
}

fn up(out: &Path, extra: &[&str]) -> Child {
    let out = out.to_str().expect("a UTF-8 path");
    let mut args = vec!["up", "launch/demo.yaml", "--json", "-o", out, "view:=false"];
    args.extend(extra);
    Child::spawn(&mut tidewire(&args))
}

fn report(mut run: Child, limit: Duration) -> (Value, bool) {
    let lines = run.rest(limit);
    let last = lines.last().expect("one JSON object");
    let report = serde_json::from_str(last).unwrap_or_else(|e| panic!("{e}: {last}"));
    (report, run.wait(Duration::from_secs(10)).success())
}

fn assert_balanced(report: &Value) -> u64 {
    let topics = report["topics"].as_array().expect("topics");
    assert!(topics.len() >= 7, "{report}");
    topics
        .iter()
        .map(|row| {
            let count = |key: &str| row[key].as_u64().unwrap_or_else(|| panic!("{key} in {row}"));
            let written = count("written");
            assert_eq!(written, count("received"), "{row} in {report}");
            assert_eq!(written, count("recorded"), "{row}");
            assert_eq!(written, count("queried"), "{row}");
            written
        })
        .sum()
}

/// What the demo may leave in its domains: nothing.
fn residue() -> Vec<PathBuf> {
    let list = |dir: PathBuf| std::fs::read_dir(dir).into_iter().flatten().flatten();
    let in_shm = list("/dev/shm".into()).map(|entry| entry.path());
    let ours = in_shm.filter(|path| path.to_string_lossy().contains("tidewire"));
    let found = ours.flat_map(|path| match path.is_dir() {
        true => list(path).map(|entry| entry.path()).collect(),
        false => vec![path],
    });
    let of_the_demo = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        DOMAINS.iter().any(|domain| {
            name.contains(&format!("_{domain}_")) || name.split('.').next() == Some(domain)
        })
    };
    found.filter(of_the_demo).collect()
}

#[test]
fn the_books_balance_to_the_sample() {
    let _turn = turn();
    let scratch = tempfile::tempdir().unwrap();
    let run = up(scratch.path(), &["--for", "20s"]);
    let (report, ok) = report(run, Duration::from_secs(120));
    let total = assert_balanced(&report);
    assert!(ok, "{report}");
    let rate = report["samples_per_s"].as_f64().expect("samples_per_s");
    // How many there are at most in 20 s is the machine's; far fewer would be a source that stands.
    assert!(total > 10_000, "the sources run: {total} samples, {rate}/s");
    assert!(report["bytes_per_sample"].as_f64().expect("bytes_per_sample") > 0.0);
    for key in ["injected", "found", "missed", "false"] {
        assert!(report["anomalies"][key].is_u64(), "{key} in {report}");
    }
}

#[test]
fn an_interrupt_ends_the_graph_cleanly_and_leaves_nothing_behind() {
    let _turn = turn();
    let before = residue();
    let scratch = tempfile::tempdir().unwrap();
    let run = up(scratch.path(), &["--for", "0"]);
    wait_for_samples(scratch.path());
    assert!(residue().len() > before.len(), "the demo is not in {DOMAINS:?}");
    run.signal(libc::SIGINT);
    let (report, ok) = report(run, Duration::from_secs(60));
    assert_balanced(&report);
    assert!(ok, "{report}");
    let left: Vec<_> = residue().into_iter().filter(|path| !before.contains(path)).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

fn recordings(out: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![out.to_owned()];
    while let Some(folder) = folders.pop() {
        if folder.join("tidewire.json").exists() {
            found.push(folder);
            continue;
        }
        let entries = std::fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
        folders.extend(entries.map(|e| e.path()).filter(|path| path.is_dir()));
    }
    found
}

fn samples(dir: &Path) -> u64 {
    StoreReader::open(dir)
        .map_or(0, |reader| reader.topics().iter().map(|topic| topic.samples).sum())
}

fn wait_for_samples(out: &Path) -> PathBuf {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(dir) = recordings(out).into_iter().find(|dir| samples(dir) > 5_000) {
            return dir;
        }
        assert!(Instant::now() < deadline, "nothing was recorded");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The recorder among the descendants of the launcher, by its command line.
fn recorder_of(dir: &Path) -> rustix::process::Pid {
    let name = dir.to_string_lossy().into_owned();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(Result::ok)
        .find_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).into_owned();
            let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            let told = line.contains(&name)
                || String::from_utf8_lossy(&environment).contains(&format!("={name}"));
            (line.contains("record") && told).then(|| rustix::process::Pid::from_raw(pid))?
        })
        .expect("a recorder process that writes there")
}

#[test]
fn a_killed_recorder_comes_back_and_loses_nothing_it_acknowledged() {
    let _turn = turn();
    let scratch = tempfile::tempdir().unwrap();
    let run = up(scratch.path(), &["--for", "20s"]);
    let dir = wait_for_samples(scratch.path());
    let victim = recorder_of(&dir);
    let before = samples(&dir);
    rustix::process::kill_process(victim, rustix::process::Signal::KILL).unwrap();
    let (report, _) = report(run, Duration::from_secs(120));
    let verify = tidewire(&["verify", dir.to_str().unwrap()]).output().unwrap();
    assert!(
        verify.status.success(),
        "verify after the kill: {}",
        String::from_utf8_lossy(&verify.stderr)
    );
    let after = samples(&dir);
    assert!(after > before + 5_000, "recording went on: {before} before, {after} at the end");
    // What was seen on disk before the kill is still there: the recording only grew, and what the
    // summary counted by SQL is what lies there.
    let site = dir.file_name().unwrap().to_str().unwrap();
    let queried: u64 = report["topics"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["site"] == site)
        .map(|row| row["queried"].as_u64().unwrap())
        .sum();
    assert_eq!(queried, after);
}

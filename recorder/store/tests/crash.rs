//! Kill -9 at random moments: every acknowledged sample is there exactly once.
//!
//! The victim is this test binary itself, started again with a folder in its environment.

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tidewire_store::{Store, StoreOptions, StoreReader, TopicMeta, verify};

const DIR: &str = "TIDEWIRE_STORE_VICTIM";
const START: &str = "TIDEWIRE_STORE_START";

/// Appends numbered samples for ever and prints how many are acknowledged.
#[test]
fn victim() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let start: u64 = std::env::var(START).unwrap().parse().unwrap();
    let options = StoreOptions { segment_bytes: 64 << 10, ..fast() };
    let store = Store::open(&dir, options).unwrap();
    assert_eq!(store.recovery().problems, []);
    let known = store.register_topic(&vibration_topic()).unwrap();
    let raw = store.register_topic(&TopicMeta::raw("raw", "Raw")).unwrap();
    let mut out = std::io::stdout();
    let mut appended: Vec<(u64, u64)> = Vec::new();
    let mut told = 0;
    for i in start.. {
        let point = ["a", "b", "c"][i as usize % 3];
        let s = sample(point, i as i64 * 50_000_000, i, &vibration_payload(point, i));
        let topic = if i % 5 == 0 { raw } else { known };
        appended.push((store.append(topic, &s).unwrap(), i));
        let acknowledged = store.acknowledged();
        if acknowledged > told {
            told = acknowledged;
            let done = appended.partition_point(|(seq, _)| *seq <= acknowledged);
            if let Some((_, last)) = appended.drain(..done).next_back() {
                // Past the test harness's capture: a line must be whole or absent.
                out.write_all(format!("acknowledged {last}\n").as_bytes()).unwrap();
                out.flush().unwrap();
            }
        }
        if i % 64 == 0 {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

fn start(dir: &Path, from: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "victim", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .env(START, from.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Kills the victim after `life` and returns the last number it called acknowledged.
fn kill(mut child: Child, life: Duration) -> Option<u64> {
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let pid = child.id();
    let killer = std::thread::spawn(move || {
        let begun = Instant::now();
        while begun.elapsed() < life {
            std::thread::sleep(Duration::from_millis(1));
        }
        // `Child::kill` is SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap()
    });
    let mut last = None;
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        // The harness may print the test's name in front of the first line.
        if let Some((_, number)) = line.trim_end().rsplit_once("acknowledged ") {
            last = Some(number.parse().unwrap());
        }
        line.clear();
    }
    let status = killer.join().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "victim {pid}");
    last
}

fn numbers(dir: &Path) -> Vec<u64> {
    let reader = StoreReader::open(dir).unwrap();
    assert_eq!(reader.problems(), []);
    let all: &[&str] = &[];
    let samples = reader.merged(all, None, None).unwrap();
    let mut numbers = Vec::new();
    for entry in samples {
        let (_, s) = entry.unwrap();
        let i = s.info.sequence;
        assert_eq!(&*s.info.point, ["a", "b", "c"][i as usize % 3]);
        assert_eq!(s.info.source_time, i as i64 * 50_000_000);
        assert_eq!(s.payload, vibration_payload(&s.info.point, i));
        numbers.push(i);
    }
    numbers
}

#[test]
fn killed_at_random_moments_nothing_acknowledged_is_lost_or_doubled() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = StdRng::seed_from_u64(0x7469_6465);
    let mut next = 0;
    // All numbers of earlier rounds that must be there for good.
    let mut kept: BTreeSet<u64> = BTreeSet::new();
    // Where processors are scarce a victim may be killed before it says anything: then there are more.
    for round in 0..40 {
        if round >= 10 && next > 100 {
            break;
        }
        let child = start(dir.path(), next);
        let life = Duration::from_millis(random.random_range(5..400));
        let acknowledged = kill(child, life);
        if !dir.path().join("tidewire.json").exists() {
            continue;
        }
        let report = verify(dir.path(), |_| {}).unwrap();
        assert_eq!(report.problems, [], "round {round}");
        // Before recovery: a reader alone must already see all of it.
        let found = numbers(dir.path());
        let set: BTreeSet<u64> = found.iter().copied().collect();
        assert_eq!(set.len(), found.len(), "doubled in round {round}");
        kept.extend(acknowledged.map(|last| next..=last).into_iter().flatten());
        let lost: Vec<_> = kept.difference(&set).take(5).collect();
        assert!(lost.is_empty(), "round {round} lost {lost:?}, acknowledged {acknowledged:?}");
        assert_eq!(report.samples(), set.len() as u64);
        // What was seen once stays, acknowledged or not.
        kept = set;
        next = kept.last().map_or(0, |last| last + 1);
    }
    assert!(next > 100, "the victim lived long enough to say something");
    let store = Store::open(dir.path(), fast()).unwrap();
    assert_eq!(store.recovery().problems, []);
    store.close().unwrap();
    let found = numbers(dir.path());
    assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), kept);
    assert_eq!(found.len(), kept.len());
    let report = verify(dir.path(), |_| {}).unwrap();
    assert_eq!((report.problems.len(), report.journal_samples), (0, 0));
}

#[test]
fn abandoned_in_process_at_every_stage_nothing_is_lost_or_doubled() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = StdRng::seed_from_u64(42);
    let mut written = 0u64;
    for round in 0..30 {
        let options = if round % 2 == 0 { fast() } else { lazy() };
        let store = Store::open(dir.path(), options).unwrap();
        assert_eq!(store.recovery().problems, []);
        let topic = store.register_topic(&vibration_topic()).unwrap();
        let until = written + random.random_range(0..300);
        for i in written..until {
            let point = ["a", "b", "c"][i as usize % 3];
            let s = sample(point, i as i64 * 50_000_000, i, &vibration_payload(point, i));
            store.append(topic, &s).unwrap();
        }
        store.sync().unwrap();
        written = until;
        if random.random_bool(0.3) {
            store.seal().unwrap();
        }
        if random.random_bool(0.2) {
            store.close().unwrap();
        } else {
            store.abandon();
        }
        let found = numbers(dir.path());
        assert!(found.iter().copied().eq(0..written), "round {round}");
        assert_eq!(verify(dir.path(), |_| {}).unwrap().problems, []);
    }
}

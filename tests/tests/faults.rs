//! What a hostile network, a full disk and sudden death do to a recorder: no damage, no lie.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tidewire_bus::testing::free_domain;
use tidewire_bus::{Guid, Participant, Transports};
use tidewire_qos::Qos;
use tidewire_store::StoreReader;
use tidewire_tests::{
    Child, Datagrams, PATIENCE, SmallDisk, rtps_ports, say, text, tidewire, until,
};
use tidewire_types::sensor::Temperature;

fn samples(dir: &Path, topic: &str) -> u64 {
    let Ok(reader) = StoreReader::open(dir) else { return 0 };
    reader.topics().iter().find(|t| t.meta.name == topic).map_or(0, |t| t.samples)
}

/// Waits until a topic has this many samples in the recording.
fn await_samples(dir: &Path, topic: &str, count: u64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = samples(dir, topic);
        if found >= count {
            return;
        }
        assert!(Instant::now() < deadline, "{topic}: only {found} of {count} samples are recorded");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Starts a command whose standard error goes to a file.
fn start(args: &[&str], log: &Path) -> Child {
    Child::spawn(tidewire(args).stderr(File::create(log).unwrap()))
}

fn log(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn interrupt(mut child: Child, log_file: &Path) -> Vec<String> {
    child.signal(libc::SIGINT);
    let lines = child.rest(PATIENCE);
    let status = child.wait(PATIENCE);
    let told = log(log_file);
    assert!(status.success(), "ended with {status}: {told}");
    assert!(!told.contains("panicked"), "{told}");
    lines
}

/// The most memory a process ever had, in MiB (`VmHWM` of `/proc/PID/status`).
fn most_memory(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

/// Throws datagrams at every port the domain's participants listen on.
struct Flood {
    socket: UdpSocket,
    ports: Vec<u16>,
    datagrams: Datagrams,
    sent: u64,
}

impl Flood {
    fn new(domain: u16, datagrams: Datagrams) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        // What goes to a group stays on this host.
        rustix::net::sockopt::set_ip_multicast_if(&socket, &std::net::Ipv4Addr::LOCALHOST).unwrap();
        Self { socket, ports: rtps_ports(domain, 4), datagrams, sent: 0 }
    }

    fn throw(&mut self, count: usize) {
        for datagram in self.datagrams.by_ref().take(count) {
            for (i, port) in self.ports.iter().enumerate() {
                self.sent +=
                    u64::from(self.socket.send_to(&datagram, ("127.0.0.1", *port)).is_ok());
                if i < 2 {
                    // A host without multicast refuses this.
                    self.socket.send_to(&datagram, ("239.255.0.1", *port)).ok();
                }
            }
        }
    }
}

#[test]
fn malformed_datagrams_disturb_nobody() {
    shell_a_recorder(Datagrams::new(2026));
}

#[test]
fn fragments_of_absurd_samples_disturb_nobody() {
    shell_a_recorder(Datagrams::fragments(2026));
}

/// Records while datagrams rain on everybody in the domain.
fn shell_a_recorder(datagrams: Datagrams) {
    const ROUNDS: u32 = 40;
    let scratch = tempfile::tempdir().unwrap();
    let (dir, errors) = (scratch.path().join("recording"), scratch.path().join("recorder.log"));
    let domain = free_domain();
    let number = domain.to_string();
    let recorder = start(&["record", "-o", text(&dir), "--json", "--domain", &number], &errors);
    let pump_errors = scratch.path().join("pump.log");
    let pump = start(&["sim", "pump", "--faults", "none", "--domain", &number], &pump_errors);
    // Its samples come over DDS alone, through the sockets that are being shelled.
    let transports = Transports { dds: true, shm: false };
    let outsider =
        Participant::builder().domain(domain).name("elsewhere/boiler").transports(transports);
    let outsider = outsider.build().unwrap();
    let writer = outsider.writer::<Temperature>("outside", &Qos::reliable()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    await_samples(&dir, "vibration", 100);

    let datagrams = datagrams.in_the_name_of(outsider.guid_prefix());
    let mut flood = Flood::new(domain, datagrams);
    for round in 0..ROUNDS {
        flood.throw(100);
        let celsius = f64::from(round);
        writer.write(&Temperature { point: "elsewhere/boiler".into(), celsius }).unwrap();
    }
    assert!(flood.sent > 4_000, "only {} datagrams could be sent", flood.sent);

    let seen = samples(&dir, "vibration");
    await_samples(&dir, "vibration", seen + 500);
    await_samples(&dir, "outside", u64::from(ROUNDS));
    // Who comes now finds everything as well, if not in the first second.
    until("a newcomer finds both topics", || {
        let list = say(&["topic", "list", "--json", "--domain", &number]).fine().json();
        let topics = list.as_array().unwrap();
        let there = |name: &str| topics.iter().any(|t| t["topic"] == name && t["writers"] == 1);
        there("vibration") && there("outside")
    });
    let memory = most_memory(recorder.pid());
    assert!(memory < 1024, "the recorder took {memory} MiB");
    interrupt(pump, &pump_errors);
    let books = interrupt(recorder, &errors).concat();
    let books: Value = serde_json::from_str(&books).unwrap();
    assert_eq!(books["topics"]["outside"]["recorded"], ROUNDS);
    assert_eq!(books["topics"]["vibration"]["recorded"], samples(&dir, "vibration"));
    assert!(books["topics"]["vibration"]["lost"].is_null(), "{books}");
    say(&["verify", text(&dir)]).fine();
}

#[test]
fn a_full_disk_is_told_and_recording_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount(160) else { return };
    let scratch = tempfile::tempdir().unwrap();
    let (dir, errors) = (disk.path().join("recording"), scratch.path().join("recorder.log"));
    let number = free_domain().to_string();
    let recorder = start(&["record", "-o", text(&dir), "--json", "--domain", &number], &errors);
    let pump_errors = scratch.path().join("pump.log");
    let pump = start(&["sim", "pump", "--faults", "none", "--domain", &number], &pump_errors);
    await_samples(&dir, "vibration", 500);

    let ballast = disk.fill();
    until("the full disk is told", || log(&errors).contains("disk is full"));
    let told = log(&errors);
    assert!(told.contains(text(&dir)) && told.contains("make room"), "{told}");
    let safe = samples(&dir, "vibration");
    say(&["verify", text(&dir)]).fine();
    say(&["query", "-d", text(&dir), "SELECT count(*) FROM vibration"]).fine();

    std::fs::remove_file(ballast).unwrap();
    await_samples(&dir, "vibration", safe + 1_000);
    interrupt(pump, &pump_errors);
    let books = interrupt(recorder, &errors).concat();
    let books: Value = serde_json::from_str(&books).unwrap();
    assert_eq!(books["topics"]["vibration"]["recorded"], samples(&dir, "vibration"));
    assert_eq!(books["topics"]["vibration"]["received"], samples(&dir, "vibration"));
    say(&["verify", text(&dir)]).fine();
}

#[test]
fn a_recorder_that_ends_on_a_full_disk_keeps_what_it_acknowledged() {
    let Some(disk) = SmallDisk::mount(160) else { return };
    let scratch = tempfile::tempdir().unwrap();
    let (dir, errors) = (disk.path().join("recording"), scratch.path().join("recorder.log"));
    let number = free_domain().to_string();
    let mut recorder = start(&["record", "-o", text(&dir), "--domain", &number], &errors);
    let pump_errors = scratch.path().join("pump.log");
    let mut pump = start(&["sim", "pump", "--faults", "none", "--domain", &number], &pump_errors);
    await_samples(&dir, "vibration", 500);
    let ballast = disk.fill();
    until("the full disk is told", || log(&errors).contains("disk is full"));
    let safe = samples(&dir, "vibration");
    recorder.signal(libc::SIGINT);
    let status = recorder.wait(PATIENCE);
    let told = log(&errors);
    assert_eq!(status.code(), Some(1), "{told}");
    let last = told.rsplit("error: ").next().unwrap_or_default();
    assert!(last.contains(text(&dir)) && last.contains("disk is full"), "{told}");
    assert!(last.contains("make room"), "no remedy: {told}");
    pump.signal(libc::SIGINT);
    pump.wait(PATIENCE);
    say(&["verify", text(&dir)]).fine();
    assert!(samples(&dir, "vibration") >= safe, "{} of {safe}", samples(&dir, "vibration"));
    // With room again the recording is taken up where it was.
    std::fs::remove_file(ballast).unwrap();
    say(&["record", "-o", text(&dir), "--for", "100ms", "--domain", &number]).fine();
    say(&["verify", text(&dir)]).fine();
    assert!(samples(&dir, "vibration") >= safe);
}

#[test]
fn a_disk_that_is_too_small_from_the_start_is_told_at_once() {
    let Some(disk) = SmallDisk::mount(24) else { return };
    let scratch = tempfile::tempdir().unwrap();
    let (dir, errors) = (disk.path().join("recording"), scratch.path().join("recorder.log"));
    let number = free_domain().to_string();
    let mut recorder = start(&["record", "-o", text(&dir), "--domain", &number], &errors);
    let pump_errors = scratch.path().join("pump.log");
    let mut pump = start(&["sim", "pump", "--faults", "none", "--domain", &number], &pump_errors);
    until("the full disk is told", || log(&errors).contains("disk is full"));
    assert!(log(&errors).contains(text(&dir)), "{}", log(&errors));
    recorder.signal(libc::SIGINT);
    assert_eq!(recorder.wait(PATIENCE).code(), Some(1), "{}", log(&errors));
    pump.signal(libc::SIGINT);
    pump.wait(PATIENCE);
    say(&["verify", text(&dir)]).fine();
}

/// A recorder as the launcher starts it: it reports what it has acknowledged over a socket.
struct Told {
    child: Child,
    lines: std::io::Lines<BufReader<std::os::unix::net::UnixStream>>,
}

impl Told {
    fn start(dir: &Path, domain: u16, scratch: &Path) -> Self {
        let socket = scratch.join("control");
        std::fs::remove_file(&socket).ok();
        let listener = UnixListener::bind(&socket).unwrap();
        let spec =
            json!({"name": "recorder", "kind": "record", "domain": domain, "params": {"dir": dir}});
        let mut command = tidewire(&["node", "run", &spec.to_string()]);
        let child = Child::spawn(command.env("TIDEWIRE_CONTROL", &socket));
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { child, lines: BufReader::new(stream).lines() }
    }

    /// The next report's acknowledged samples by topic.
    fn acknowledged(&mut self) -> BTreeMap<String, u64> {
        loop {
            let line = self.lines.next().expect("the recorder reports").unwrap();
            let message: Value = serde_json::from_str(&line).unwrap();
            let Some(topics) = message["stats"]["topics"].as_object() else { continue };
            let count = |t: &Value| t["recorded"].as_u64().unwrap_or(0);
            return topics.iter().map(|(name, t)| (name.clone(), count(t))).collect();
        }
    }
}

#[test]
fn killed_recorders_leave_everything_they_acknowledged() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let domain = free_domain();
    let pump_errors = scratch.path().join("pump.log");
    let number = domain.to_string();
    let pump = start(&["sim", "pump", "--faults", "none", "--domain", &number], &pump_errors);
    let mut promised = BTreeMap::<String, u64>::new();
    for round in 0..3u64 {
        let mut recorder = Told::start(&dir, domain, scratch.path());
        // Somewhere between a few commits and a sealed block or two.
        let enough = 200 + rand::random_range(0..2500);
        let acknowledged = loop {
            let acknowledged = recorder.acknowledged();
            if acknowledged.get("vibration").is_some_and(|count| *count >= enough) {
                break acknowledged;
            }
        };
        recorder.child.signal(libc::SIGKILL);
        recorder.child.wait(PATIENCE);
        for (topic, count) in acknowledged {
            *promised.entry(topic).or_default() += count;
        }
        say(&["verify", text(&dir)]).fine();
        for (topic, count) in &promised {
            let found = samples(&dir, topic);
            assert!(
                found >= *count,
                "round {round} (killed after {enough}): {found} of {count} {topic}"
            );
        }
    }
    interrupt(pump, &pump_errors);
    assert!(promised.contains_key("temperature"), "{promised:?}");
    assert_runs(&dir, "vibration", 3);
}

/// Each writer's samples: none twice, and no hole but where a recorder was away.
fn assert_runs(dir: &Path, topic: &str, runs: usize) {
    let reader = StoreReader::open(dir).unwrap();
    let mut sequences = BTreeMap::<Guid, Vec<u64>>::new();
    for sample in reader.merged(&[topic], None, None).unwrap() {
        let info = sample.unwrap().1.info;
        sequences.entry(info.writer).or_default().push(info.sequence);
    }
    for (writer, mut numbers) in sequences {
        numbers.sort_unstable();
        let doubled = numbers.windows(2).filter(|pair| pair[0] == pair[1]).count();
        let holes = numbers.windows(2).filter(|pair| pair[1] > pair[0] + 1).count();
        assert_eq!(doubled, 0, "{writer}: samples recorded twice");
        assert!(holes < runs, "{writer}: {holes} holes in {runs} runs");
    }
}

//! Writers in a process that is stopped, goes on, and is killed. This test runs its own binary again
//! as that process.

mod common;

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use common::*;
use tidewire_bus::{Change, Participant, Reader, Transports};
use tidewire_idl::InstanceState;
use tidewire_qos::policy::{LivelinessKind, Ownership};
use tidewire_qos::{Duration, Liveliness, Qos};
use tidewire_types::sensor::Temperature;

const TOPIC: &str = "plant/temperature";

/// Cyclone DDS says after four fifths of it that a writer is alive, which a loaded machine may delay.
const LEASE: std::time::Duration = std::time::Duration::from_millis(2_500);

fn lively() -> Qos {
    let lease = Duration::from_nanos(LEASE.as_nanos() as u64);
    let liveliness = Liveliness { kind: LivelinessKind::Automatic, lease };
    Qos { liveliness, ownership: Ownership::Exclusive, ..everything() }
}

fn temperature(celsius: f64) -> Temperature {
    Temperature { point: "pump1".into(), celsius }
}

/// The process that is stopped: writes once, and when it has found that its liveliness was lost, says
/// so.
#[test]
fn as_the_other_process() {
    let Ok(transports) = std::env::var("TIDEWIRE_TEST_LIVELINESS") else { return };
    let transports = if transports == "shm" { SHM } else { DDS };
    let domain = std::env::var("TIDEWIRE_TEST_DOMAIN").unwrap().parse().unwrap();
    let bus = Participant::builder().domain(domain).transports(transports).build().unwrap();
    let qos = Qos { ownership_strength: 9, ..lively() };
    let writer = bus.writer::<Temperature>(TOPIC, &qos).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    writer.write(&temperature(1.0)).unwrap();
    // A loaded machine may make it lose some before.
    let before = writer.liveliness_lost().total;
    println!("written");
    wait("its liveliness to be lost", || writer.liveliness_lost().total > before);
    writer.write(&temperature(3.0)).unwrap();
    println!("lost");
    std::thread::sleep(2 * PATIENCE);
}

struct Other {
    process: Child,
    says: Lines<BufReader<ChildStdout>>,
}

impl Other {
    fn start(domain: u16, transports: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["as_the_other_process", "--exact", "--nocapture"])
            .env("TIDEWIRE_TEST_LIVELINESS", transports)
            .env("TIDEWIRE_TEST_DOMAIN", domain.to_string())
            .env(tidewire_bus::BACKEND_VARIABLE, "cyclone")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let says = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, says }
    }

    fn waits_until_it_says(&mut self, word: &str) {
        assert!(
            self.says.by_ref().any(|line| line.unwrap().contains(word)),
            "it never said {word}"
        );
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Everything the reader is told, in order: a value, or the end of the instance.
fn told(reader: &Reader<Temperature>) -> Option<Result<f64, InstanceState>> {
    match reader.take_change().unwrap()? {
        Change::Data(sample) => Some(Ok(sample.data.celsius)),
        Change::Ended { info, key } => {
            assert_eq!(info.key, tidewire_idl::TypeSupport::key_hash(&temperature(0.0)));
            assert!(key.is_none(), "nobody sent it");
            Some(Err(info.state))
        }
    }
}

fn a_stopped_process_is_noticed(transports: Transports, name: &str) {
    let domain = tidewire_bus::testing::free_domain();
    let bus = Participant::builder().domain(domain).transports(transports).build().unwrap();
    let reader = bus.reader::<Temperature>(TOPIC, &lively()).unwrap();
    let mut other = Other::start(domain, name);
    other.waits_until_it_says("written");
    let counts = || {
        let status = reader.liveliness_changed();
        (status.alive_count, status.not_alive_count)
    };
    let mut all = Vec::new();
    let mut next = |what: &str, expected| {
        wait(what, || {
            all.extend(told(&reader));
            all.last() == Some(&expected)
        });
    };
    next("the first sample", Ok(1.0));
    wait("it to be alive", || counts() == (1, 0));

    other.signal("-STOP");
    // Nobody asks for the status: the reader looks for itself.
    next("the end of its instance", Err(InstanceState::Unregistered));
    assert_eq!(counts(), (0, 1));
    assert!(reader.liveliness_changed().last.is_some());
    let weak = bus.writer::<Temperature>(TOPIC, &lively()).unwrap();
    weak.wait_for_readers(1, PATIENCE).unwrap();
    weak.write(&temperature(2.0)).unwrap();
    next("the weaker writer", Ok(2.0));

    // On Cyclone DDS it may have said a while before it was stopped that it is alive, and has not been
    // stopped for its lease yet.
    std::thread::sleep(LEASE + LEASE / 5);
    other.signal("-CONT");
    other.waits_until_it_says("lost");
    next("the stronger writer", Ok(3.0));
    wait("both to be alive", || counts() == (2, 0));

    let changes = reader.liveliness_changed().changes;
    other.signal("-KILL");
    wait("the other to be gone", || counts() == (1, 0) || counts() == (1, 1));
    assert!(reader.liveliness_changed().changes > changes);
    drop(weak);
    next("the end of the instance", Err(InstanceState::Unregistered));
}

#[test]
fn a_stopped_process_is_noticed_over_shared_memory() {
    a_stopped_process_is_noticed(SHM, "shm");
}

#[test]
#[cfg(feature = "cyclone")]
fn a_stopped_process_is_noticed_over_cyclone() {
    tidewire_bus::Backend::Cyclone.choose();
    a_stopped_process_is_noticed(DDS, "dds");
}

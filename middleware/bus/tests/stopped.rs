//! A process that is stopped and goes on: this test runs its own binary again as that process.

mod common;

use std::process::{Child, Command};

use common::*;
use rustix::process::{Pid, Signal, kill_process};
use tidewire_bus::Participant;
use tidewire_types::sensor::Temperature;

/// Killed if the test fails.
struct Other(Child);

impl Other {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The other side: answers what it reads, when this process was started for it, else does nothing.
#[test]
fn as_the_stopped_process() {
    let Ok(domain) = std::env::var("TIDEWIRE_TEST_STOPPED") else { return };
    let domain = domain.parse().unwrap();
    let bus = Participant::builder().domain(domain).transports(DDS).build().unwrap();
    let reader = bus.reader::<Temperature>("there", &everything()).unwrap();
    let writer = bus.writer::<Temperature>("back", &everything()).unwrap();
    // VOLATILE: an answer before is for nobody.
    writer.wait_for_readers(1, PATIENCE).unwrap();
    loop {
        if let Some(sample) = reader.recv_timeout(PATIENCE).unwrap() {
            writer.write(&sample.data).unwrap();
        }
    }
}

/// epoll_wait(2) ends with EINTR then, which RustDDS takes for the end of its event loop.
#[test]
fn goes_on_reading_and_writing() {
    let domain = tidewire_bus::testing::free_domain();
    let other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "as_the_stopped_process", "--nocapture"])
        .env("TIDEWIRE_TEST_STOPPED", domain.to_string())
        .spawn();
    let other = Other(other.unwrap());
    let bus = Participant::builder().domain(domain).transports(DDS).build().unwrap();
    let writer = bus.writer::<Temperature>("there", &everything()).unwrap();
    let reader = bus.reader::<Temperature>("back", &everything()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    reader.wait_for_writers(1, PATIENCE).unwrap();
    for round in 0..4 {
        let sent = Temperature { point: "p".into(), celsius: f64::from(round) };
        writer.write(&sent).unwrap();
        let back = reader.recv_timeout(PATIENCE).unwrap().expect("an answer");
        assert_eq!(back.data, sent, "after {round} stops");
        other.signal(Signal::STOP);
        std::thread::sleep(std::time::Duration::from_millis(100));
        other.signal(Signal::CONT);
    }
}

/// A reader of the topic `there` on both transports, when this process was started for it.
#[test]
fn as_the_killed_process() {
    let Ok(domain) = std::env::var("TIDEWIRE_TEST_KILLED") else { return };
    let bus = Participant::builder().domain(domain.parse().unwrap()).build().unwrap();
    let _reader = bus.reader::<Temperature>("there", &everything()).unwrap();
    std::thread::sleep(PATIENCE * 4);
}

/// A killed process is not heard of for its lease, 50 s on RustDDS, in which RELIABLE writers wait for
/// its readers. Those who shared memory with it know better, and say so.
#[test]
fn a_killed_process_is_gone_for_those_elsewhere() {
    let domain = tidewire_bus::testing::free_domain();
    let make =
        |transports| Participant::builder().domain(domain).transports(transports).build().unwrap();
    let (elsewhere, beside) = (make(DDS), make(BOTH));
    let writer = elsewhere.writer::<Temperature>("there", &everything()).unwrap();
    for round in 0..2 {
        let other = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "as_the_killed_process", "--nocapture"])
            .env("TIDEWIRE_TEST_KILLED", domain.to_string())
            .spawn();
        let other = Other(other.unwrap());
        writer.wait_for_readers(1, PATIENCE).unwrap();
        // The reader may be found before the one that only stands beside it.
        wait(&format!("all three in round {round}"), || elsewhere.participants().len() == 3);
        drop(other);
        wait("its leaving", || elsewhere.participants().len() == 2);
        wait("its reader's leaving", || writer.matched_readers() == 0);
    }
    wait("its leaving here", || beside.participants().len() == 2);
}

//! Two processes: this test runs its own binary again as the other side.

mod common;

use std::process::{Child, Command, Stdio};

use common::*;
use tidewire_bus::{Participant, Transports};
use tidewire_types::sensor::Temperature;

const COUNT: u32 = 2_000;

/// Kills the other side if the test fails.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn parse(transports: &str) -> Transports {
    match transports {
        "dds" => DDS,
        "shm" => SHM,
        _ => BOTH,
    }
}

/// The other side: writes when this process was started for it, else does nothing.
#[test]
fn as_the_other_process() {
    let Ok(transports) = std::env::var("TIDEWIRE_TEST_WRITER") else { return };
    let domain = std::env::var("TIDEWIRE_TEST_DOMAIN").unwrap().parse().unwrap();
    let bus = Participant::builder()
        .domain(domain)
        .name("other/process")
        .transports(parse(&transports))
        .build()
        .unwrap();
    let writer = bus.writer::<Temperature>("plant/temperature", &everything()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    for i in 0..COUNT {
        let point = format!("pump{}", i % 3);
        writer.write(&Temperature { point, celsius: f64::from(i) }).unwrap();
    }
    writer.wait_for_acknowledgments(PATIENCE);
    if transports == "both" {
        assert_eq!(writer.dds_data_written(), 0);
    }
    // The reader goes first: then nothing of ours can have been lost.
    wait("the reader to go", || writer.matched_readers() == 0);
}

fn receive(transports: &str) {
    let domain = tidewire_bus::testing::free_domain();
    let bus =
        Participant::builder().domain(domain).name("reader").transports(parse(transports)).build();
    let bus = bus.unwrap();
    let reader = bus.reader::<Temperature>("plant/temperature", &everything()).unwrap();
    let mut other = Other(
        Command::new(std::env::current_exe().unwrap())
            .args(["as_the_other_process", "--exact", "--nocapture"])
            .env("TIDEWIRE_TEST_WRITER", transports)
            .env("TIDEWIRE_TEST_DOMAIN", domain.to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    );
    for i in 0..COUNT {
        let sample = reader.recv_timeout(PATIENCE).unwrap().expect("a sample of the other process");
        assert_eq!(sample.data.celsius, f64::from(i));
        if transports != "dds" {
            assert_eq!(&*sample.info.point, "other/process");
        }
    }
    settle();
    assert!(reader.take().unwrap().is_none());
    assert_eq!(reader.lost(), 0);
    drop(reader);
    assert!(other.0.wait().unwrap().success());
}

#[test]
fn another_process_is_heard_over_dds() {
    receive("dds");
}

#[test]
fn another_process_is_heard_over_shared_memory() {
    receive("shm");
}

#[test]
fn another_process_is_heard_once_over_both_and_sends_no_dds_data() {
    receive("both");
}

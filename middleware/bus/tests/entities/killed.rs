//! A writer that is killed: this test runs its own binary again as that writer.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tidewire_bus::{InstanceStateKind, Participant, States, StatusMask, Transports};
use tidewire_types::sensor::Temperature;

use crate::common::*;
use crate::face::temperature;

/// Over DDS a participant that says nothing more is there until its lease is over: up to a minute.
const LEASE: Duration = Duration::from_secs(120);

fn transports() -> Transports {
    if std::env::var("TIDEWIRE_TEST_ENTITIES_OVER").is_ok_and(|over| over == "dds") {
        DDS
    } else {
        SHM
    }
}

struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The other side: writes when this process was started for it, else does nothing.
#[test]
fn as_the_writer_to_be_killed() {
    let Ok(domain) = std::env::var("TIDEWIRE_TEST_ENTITIES_DOMAIN") else { return };
    let bus = Participant::builder()
        .domain(domain.parse().unwrap())
        .name("other/process")
        .transports(transports())
        .build()
        .unwrap();
    let writer = bus.writer::<Temperature>("killed", &everything()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    (1..=3).for_each(|value| writer.write(&temperature(1, value)).unwrap());
    loop {
        std::thread::park();
    }
}

fn kill_its_writer(over: &str, transports: Transports) {
    let domain = tidewire_bus::testing::free_domain();
    let bus = Participant::builder().domain(domain).name("reader").transports(transports);
    let bus = bus.build().unwrap();
    let reader = bus.cached_reader::<Temperature>("killed", &everything()).unwrap();
    let set = bus.wait_set();
    let ended = reader.read_condition(States::NOT_ALIVE);
    set.attach(&ended).unwrap();
    let mut other = Other(
        Command::new(std::env::current_exe().unwrap())
            .args(["killed::as_the_writer_to_be_killed", "--exact", "--nocapture"])
            .env("TIDEWIRE_TEST_ENTITIES_DOMAIN", domain.to_string())
            .env("TIDEWIRE_TEST_ENTITIES_OVER", over)
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    );
    wait("its samples", || reader.read(9, States::ALIVE).unwrap().len() == 3);
    assert_eq!(reader.subscription_matched().current, 1);
    other.0.kill().unwrap();
    other.0.wait().unwrap();
    let active = set.wait(LEASE);
    assert!(active.len() == 1 && active[0] == ended, "its end was not noticed within {LEASE:?}");
    let taken = reader.take_with(&ended, 9).unwrap();
    assert_eq!(taken.len(), 4, "nothing it wrote is lost");
    let states = taken[3].states;
    assert_eq!(states.instance_state, InstanceStateKind::NotAliveNoWriters);
    assert!(taken[3].data.is_none() && taken[3].key.as_ref().unwrap().point == "p1");
    assert!(reader.status_changes().contains(StatusMask::SUBSCRIPTION_MATCHED));
    assert_eq!(reader.subscription_matched().current, 0);
}

#[test]
fn on_shared_memory_the_instances_of_a_killed_writer_have_no_writers() {
    kill_its_writer("shm", SHM);
}

#[test]
fn over_dds_the_instances_of_a_killed_writer_have_no_writers() {
    kill_its_writer("dds", DDS);
}

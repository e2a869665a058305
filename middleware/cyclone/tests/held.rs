//! A writer without room, which holds Cyclone's lock of it for as long as it waits: no other one may notice.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration as StdDuration;

use common::{Collect, Slow, domain, numbered, wait};
use tidewire_cyclone::{DdsOptions, DdsParticipant};
use tidewire_idl::KeyHash;
use tidewire_qos::policy::Reliability;
use tidewire_qos::{Duration, Qos};
use tidewire_transport::EndpointSpec;

const PATIENCE: StdDuration = StdDuration::from_secs(30);

fn spec(topic: &str) -> EndpointSpec {
    let mut spec = EndpointSpec::new(topic, "T", true);
    spec.qos = Qos::reliable();
    spec.qos.reliability = Reliability::Reliable { max_blocking_time: Duration::from_secs(25) };
    spec
}

#[test]
fn readers_are_found_while_a_writer_has_no_room() {
    let start = |name| DdsParticipant::start(DdsOptions::new(domain(60), name)).unwrap();
    let (a, b, c) = (start("a"), start("b"), start("c"));
    let (slow, inside, release) = Slow::new();
    let _slow = b.reader(&spec("held"), slow).unwrap();
    let [held, free] = ["held", "free"].map(|topic| a.writer(&spec(topic)).unwrap());
    wait("a match", || !held.matched().is_empty());
    let large = common::large(64 << 10);
    held.write(large.clone(), KeyHash::default(), 1).unwrap();
    inside.recv_timeout(PATIENCE).unwrap();
    let written = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| common::write_on(&held, &large, &written));
        let seen = common::until_no_room(&written);
        let _another = c.reader(&spec("held"), Arc::new(Collect::default())).unwrap();
        wait("another reader of what is held", || held.matched().len() == 2);
        let sink = Arc::new(Collect::default());
        let others = c.reader(&spec("free"), sink.clone()).unwrap();
        wait("a reader of the other topic", || free.matched() == [others.guid()]);
        let sample = numbered(1, 1);
        free.write(sample.clone(), common::key(&sample), 1).unwrap();
        wait("the other's sample", || sink.len() == 1);
        drop(others);
        wait("its reader to go", || free.matched().is_empty());
        assert!(
            !writing.is_finished() && written.load(Ordering::Acquire) == seen,
            "it waits still"
        );
        drop(release);
        writing.join().unwrap();
    });
}

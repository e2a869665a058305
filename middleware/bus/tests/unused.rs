//! What is not used costs nothing: no thread looks after statuses that nobody waits for.
//!
//! That a sample takes no allocation more is told by `launch/bench/tests/allocations.rs`.

mod common;

use common::*;
use tidewire_bus::{States, StatusMask};
use tidewire_types::bench::Block64;

fn threads(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|comm| comm.trim() == name).count()
}

#[test]
fn statuses_and_caches_run_nothing_until_somebody_asks() {
    let (a, b) = pair(BOTH);
    let reader = b.reader::<Block64>("quiet", &everything()).unwrap();
    let writer = a.writer::<Block64>("quiet", &everything()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    writer.write(&Block64::default()).unwrap();
    assert!(reader.recv_timeout(PATIENCE).unwrap().is_some());
    assert_eq!(reader.subscription_matched().current, 1);
    let (set, guard) = (b.wait_set(), b.guard_condition());
    set.attach(&guard).unwrap();
    assert_eq!(threads("tidewire-watch"), 0);
    set.attach(&reader.status_condition(StatusMask::SUBSCRIPTION_MATCHED)).unwrap();
    wait("the thread of the participant that asked", || threads("tidewire-watch") == 1);
    let cached = a.cached_reader::<Block64>("quiet", &everything()).unwrap();
    wait("the thread of the other", || threads("tidewire-watch") == 2);
    assert!(cached.read(1, States::ANY).unwrap().is_empty());
}

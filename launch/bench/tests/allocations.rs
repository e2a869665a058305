//! The loan path allocates nothing that iceoryx2 does not allocate itself.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use iceoryx2::prelude::*;
use tidewire_bus::{Participant, Transports, testing};
use tidewire_qos::{History, Qos};
use tidewire_types::bench::Block64;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Counts the allocations of each thread.
struct Counting;

// SAFETY: hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const SAMPLES: u64 = 2_000;

fn counted(mut carry_one: impl FnMut(u8)) -> u64 {
    for i in 0..200 {
        carry_one(i as u8);
    }
    let before = ALLOCATIONS.get();
    for i in 0..SAMPLES {
        carry_one(i as u8);
    }
    ALLOCATIONS.get() - before
}

fn raw() -> u64 {
    let node = NodeBuilder::new()
        .signal_handling_mode(SignalHandlingMode::Disabled)
        .create::<ipc::Service>()
        .unwrap();
    let name = format!("tidewire-allocations/{}", std::process::id());
    let service = node
        .service_builder(&name.as_str().try_into().unwrap())
        .publish_subscribe::<[u8; 64]>()
        .open_or_create()
        .unwrap();
    let subscriber = service.subscriber_builder().create().unwrap();
    let publisher = service.publisher_builder().create().unwrap();
    counted(|fill| {
        publisher.loan_uninit().unwrap().write_payload([fill; 64]).send().unwrap();
        assert_eq!(subscriber.receive().unwrap().unwrap().payload()[63], fill);
    })
}

fn ours(transports: Transports) -> u64 {
    let domain = testing::free_domain();
    let join = |name| {
        Participant::builder().domain(domain).name(name).transports(transports).build().unwrap()
    };
    let (near, far) = (join("near"), join("far"));
    // Under KEEP_LAST a sample that waits while the thread is not run is copied.
    let qos = Qos { history: History::KeepAll, ..Qos::reliable() };
    let reader = far.reader::<Block64>("blocks", &qos).unwrap();
    let writer = near.writer::<Block64>("blocks", &qos).unwrap();
    writer.wait_for_readers(1, Duration::from_secs(10)).unwrap();
    counted(|fill| {
        let mut loan = writer.loan().unwrap();
        loan.data.fill(fill);
        loan.send().unwrap();
        assert_eq!(reader.take_loaned().unwrap().expect("just sent").data[63], fill);
    })
}

#[test]
fn the_loan_path_adds_no_allocation_to_iceoryx2s() {
    let raw = raw();
    for dds in [false, true] {
        let ours = ours(Transports { dds, shm: true });
        assert!(ours <= raw, "{ours} allocations for {SAMPLES} samples, raw iceoryx2 makes {raw}");
    }
}

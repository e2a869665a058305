//! Async: streams of samples and statuses, waiting for conditions.

use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream;
use tidewire_bus::{ReaderStatus, States, StatusMask, WriterStatus};
use tidewire_types::sensor::Temperature;

use crate::common::*;
use crate::face::*;

async fn next<S: Stream + Unpin>(stream: &mut S) -> S::Item {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await.expect("it has no end")
}

fn block_on<R>(future: impl Future<Output = R>) -> R {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.expect("in time") })
}

#[test]
fn samples_and_statuses_come_as_streams() {
    on_all(|a, b, _| {
        let plain = b.reader::<Temperature>("stream", &everything()).unwrap();
        let cached = b.cached_reader::<Temperature>("stream", &everything()).unwrap();
        let mut matched = cached.status_stream(StatusMask::ALL).unwrap();
        let writer = a.writer::<Temperature>("stream", &everything()).unwrap();
        let mut served = writer.status_stream(StatusMask::PUBLICATION_MATCHED).unwrap();
        block_on(async {
            let ReaderStatus::SubscriptionMatched(found) = next(&mut matched).await else {
                panic!("another status")
            };
            assert_eq!((found.total, found.last), (1, Some(writer.guid())));
            let mut readers = 0;
            while readers < 2 {
                let WriterStatus::PublicationMatched(found) = next(&mut served).await else {
                    panic!("another status")
                };
                readers = found.current;
            }
        });
        plain.wait_for_writers(1, PATIENCE).unwrap();
        let (mut of_plain, mut of_cached) =
            (plain.stream().unwrap(), cached.stream(States::ANY).unwrap());
        std::thread::scope(|scope| {
            scope.spawn(|| (1..=50).for_each(|i| writer.write(&temperature(1, i)).unwrap()));
            block_on(async {
                for value in 1..=50 {
                    let sample = next(&mut of_plain).await.unwrap();
                    assert_eq!(sample.data.celsius, f64::from(value));
                    let sample = next(&mut of_cached).await.unwrap();
                    assert_eq!(sample.data.unwrap().celsius, f64::from(value));
                }
            });
        });
        drop(served);
        drop(writer);
        block_on(async {
            let ended = next(&mut of_cached).await.unwrap();
            assert!(ended.data.is_none() && ended.key.unwrap().point == "p1");
            let ReaderStatus::SubscriptionMatched(found) = next(&mut matched).await else {
                panic!("another status")
            };
            assert_eq!((found.current, found.current_change), (0, -1));
        });
    });
}

#[test]
fn a_wait_set_waits_without_a_thread() {
    let (a, _) = pair(DDS);
    let (set, guard) = (a.wait_set(), a.guard_condition());
    set.attach(&guard).unwrap();
    let trigger = guard.clone();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(20));
        trigger.set_trigger_value(true);
    });
    assert!(block_on(set.wait_async()).unwrap()[0] == guard);
    thread.join().unwrap();
}

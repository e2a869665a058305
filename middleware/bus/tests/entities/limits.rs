//! What a cached reader keeps: HISTORY, RESOURCE_LIMITS with SAMPLE_REJECTED, LIFESPAN,
//! READER_DATA_LIFECYCLE.

use std::time::Duration as Span;

use tidewire_bus::{BusError, RejectedReason, States};
use tidewire_qos::policy::{History, Policy};
use tidewire_qos::{Duration, Qos};

use crate::common::*;
use crate::face::*;

fn all_of(reader: &R, last: u32) -> Vec<u32> {
    let mut got = Vec::new();
    wait("the last sample", || {
        got.extend(values(&reader.take(States::ANY)));
        got.contains(&last)
    });
    got
}

#[test]
fn a_full_reliable_reader_rejects_and_loses_nothing() {
    of_all_kinds(|bench| {
        let mut few = everything();
        few.resource_limits.max_samples = Some(20);
        let (writer, reader) = bench.matched("full", &everything(), &few);
        std::thread::scope(|scope| {
            scope.spawn(|| (1..=300).for_each(|value| writer.put(1, value)));
            wait("a rejection", || {
                !reader.read(States::ANY).is_empty() && reader.rejected().total > 0
            });
            assert_eq!(reader.read(States::ANY).len(), 20);
            assert_eq!(all_of(&reader, 300), (1..=300).collect::<Vec<_>>());
        });
        let rejected = reader.rejected();
        assert_eq!(rejected.last_reason, RejectedReason::BySamplesLimit);
        assert_eq!(rejected.last_instance, bench.handle(1));
        assert_eq!(reader.rejected().total_change, 0, "read before");
        assert_eq!(reader.lost(), 0);
    });
}

#[test]
fn a_full_best_effort_reader_drops_what_comes() {
    of_all_kinds(|bench| {
        let mut few = Qos { history: History::KeepAll, ..Qos::sensor_data() };
        few.resource_limits.max_samples_per_instance = Some(3);
        few.resource_limits.max_samples = None;
        let (writer, reader) = bench.matched("drops", &everything(), &few);
        let mut value = 0;
        wait("rejections", || {
            value += 1;
            writer.put(1, value);
            reader.take_some(0);
            reader.rejected().total >= 3
        });
        let kept = values(&reader.read(States::ANY));
        assert!(kept.len() == 3 && kept.is_sorted() && kept[2] < value - 2, "{kept:?} of {value}");
        assert_eq!(values(&reader.take(States::ANY)), kept);
        wait("the next to be kept", || {
            writer.put(1, 1_000_000);
            values(&reader.take(States::ANY)).contains(&1_000_000)
        });
        let rejected = reader.rejected();
        assert_eq!(rejected.last_reason, RejectedReason::BySamplesPerInstanceLimit);
    });
}

#[test]
fn instances_beyond_the_limit_are_rejected_for_good() {
    of_all_kinds(|bench| {
        if !bench.keyed {
            return;
        }
        let mut few = everything();
        few.resource_limits.max_instances = Some(2);
        let (writer, reader) = bench.matched("instances", &everything(), &few);
        for instance in 1..=3 {
            writer.put(instance, u32::from(instance));
        }
        writer.put(1, 4);
        let mut got = all_of(&reader, 4);
        got.sort_unstable();
        assert_eq!(got, [1, 2, 4]);
        let rejected = reader.rejected();
        assert_eq!((rejected.total, rejected.last_instance), (1, bench.handle(3)));
        assert_eq!(rejected.last_reason, RejectedReason::ByInstancesLimit);
    });
}

/// The reader keeps the last of each instance whether or not anybody reads, and holds no writer back.
#[test]
fn keep_last_goes_on_while_nobody_reads() {
    of_all_kinds(|bench| {
        let last = Qos { history: History::KeepLast(2), ..everything() };
        let (writer, reader) = bench.matched("last", &everything(), &last);
        let put = |values: std::ops::RangeInclusive<u32>| {
            values.for_each(|value| writer.put((value % 2) as u8, value));
        };
        // What RustDDS has room for of a type nobody knows, until it has seen how large the samples are.
        put(1..=300);
        wait("the first", || values(&reader.read(States::ANY)).contains(&300));
        // Far more than a queue on shared memory holds.
        put(301..=4_000);
        wait("the last", || values(&reader.read(States::ANY)).contains(&4_000));
        let mut got = values(&reader.take(States::ANY));
        got.sort_unstable();
        let kept: &[u32] =
            if bench.keyed { &[3_997, 3_998, 3_999, 4_000] } else { &[3_999, 4_000] };
        assert_eq!(got, kept);
        assert_eq!((reader.lost(), reader.rejected().total), (0, 0));
    });
}

#[test]
fn expired_samples_leave_the_cache() {
    of_all_kinds(|bench| {
        let short = Qos { lifespan: Duration::from_millis(700), ..everything() };
        let (writer, reader) = bench.matched("short", &short, &everything());
        writer.put(1, 1);
        // A slow machine may be late for the sample itself.
        std::thread::sleep(Span::from_millis(50));
        reader.read(States::ANY);
        wait("its end", || reader.read(States::ANY).is_empty());
        wait("the next", || {
            writer.put(1, 2);
            reader.read(States::ANY).iter().any(|seen| seen.value == Some(2))
        });
    });
}

/// Cached readers keep READER_DATA_LIFECYCLE, others refuse it.
#[test]
fn ended_instances_are_purged() {
    of_all_kinds(|bench| {
        let mut soon = everything();
        soon.reader_data_lifecycle.autopurge_disposed_samples_delay = Duration::from_millis(300);
        soon.reader_data_lifecycle.autopurge_nowriter_samples_delay = Duration::from_millis(300);
        let refused = bench.reading.reader::<tidewire_types::bench::Block64>("refused", &soon);
        assert!(matches!(
            refused.err(),
            Some(BusError::Policy { policy: Policy::ReaderDataLifecycle, .. })
        ));
        let (writer, reader) = bench.matched("soon", &everything(), &soon);
        if bench.keyed {
            writer.put(1, 1);
            writer.put(2, 2);
            writer.end(1, true).unwrap();
            wait("the purge", || {
                reader.lookup(2).is_some()
                    && reader.lookup(1).is_some()
                    && reader.read_instance(bench.handle(1)).unwrap().is_empty()
            });
            assert_eq!(values(&reader.read(States::ANY)), [2], "the other lives");
            assert_eq!(reader.lookup(1), Some(bench.handle(1)), "its writer may come back to it");
        } else {
            writer.put(0, 1);
            wait("the sample", || values(&reader.read(States::ANY)) == [1]);
        }
        drop(writer);
        wait("everything to go", || {
            reader.lookup(2).is_none() && reader.read(States::ANY).is_empty()
        });
        assert_eq!(reader.lookup(1), None);
    });
}

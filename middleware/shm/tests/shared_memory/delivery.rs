//! Samples arrive whole, once, in order, in place.

use std::time::Duration;

use tidewire_idl::{InstanceState, KeyHash};
use tidewire_qos::Durability;
use tidewire_transport::{EndpointSpec, HISTORY, HISTORY_START, SampleMeta};

use crate::support::*;

const WAIT: Duration = Duration::from_secs(5);

#[test]
fn a_sample_comes_back_with_its_meta_on_both_lanes() {
    let place = Place::new();
    let domain = place.join(1, "p");
    for spec in [reliable("t/r", WAIT), best_effort("t/b")] {
        let mut reader = domain.reader(&spec, guid(2)).unwrap();
        let mut writer = domain.writer(&spec, guid(1)).unwrap();
        let meta = SampleMeta {
            writer: guid(1),
            sequence: 3,
            source_time: -7,
            expires: 5,
            key: KeyHash([5; 16]),
            state: InstanceState::Disposed,
            flags: 0,
        };
        let delivered = writer.send(&meta, b"\0\x01\0\0key").unwrap();
        assert_eq!((delivered.readers, delivered.missed), (1, 0));
        let sample = reader.take().unwrap().unwrap();
        assert_eq!((sample.meta(), &sample[..]), (meta, &b"\0\x01\0\0key"[..]));
        assert!(reader.take().unwrap().is_none());
        assert_eq!((writer.matched(), reader.matched()), (1, 1));
        assert_eq!(writer.reader_participants(), [[1; 12]]);
    }
}

#[test]
fn the_cdr_body_is_16_byte_aligned_everywhere() {
    let place = Place::new();
    let domain = place.join(1, "p");
    let spec = reliable("t", WAIT);
    let mut writer = domain.writer(&spec, guid(1)).unwrap();
    let aligned = |bytes: &[u8]| bytes[4..].as_ptr().addr().is_multiple_of(16);
    let heap = writer.loan(&meta(1, 1), 100).unwrap();
    assert!(!heap.is_shared() && aligned(&heap));
    drop(heap);
    let mut reader = domain.reader(&spec, guid(2)).unwrap();
    for len in [12, 68, 100, 1028, 65_540] {
        let mut loan = writer.loan(&meta(1, 1), len).unwrap();
        assert!(loan.is_shared() && aligned(&loan) && loan.len() == len);
        loan.copy_from_slice(&payload(1, len));
        loan.send().unwrap();
        let sample = reader.take().unwrap().unwrap();
        assert!(aligned(&sample));
        assert_eq!(checked(&sample), 1);
    }
}

#[test]
fn a_dropped_loan_sends_nothing_and_costs_no_chunk() {
    let place = Place::new();
    let domain = place.join(1, "p");
    let spec = reliable("t", WAIT);
    let mut reader = domain.reader(&spec, guid(2)).unwrap();
    let mut writer = domain.writer(&spec, guid(1)).unwrap();
    for _ in 0..10_000 {
        drop(writer.loan(&meta(1, 1), 64).unwrap());
    }
    assert!(reader.take().unwrap().is_none());
    assert_eq!(send(&mut writer, 1).unwrap(), 1);
}

#[test]
fn a_late_reader_gets_what_is_sent_after_it_came() {
    let place = Place::new();
    let domain = place.join(1, "p");
    let spec = reliable("t", WAIT);
    let mut writer = domain.writer(&spec, guid(1)).unwrap();
    assert_eq!(send(&mut writer, 1).unwrap(), 0);
    assert_eq!(writer.matched(), 0);
    let other = place.join(2, "q");
    let mut reader = other.reader(&spec, guid(2)).unwrap();
    assert_eq!(writer.matched(), 1);
    assert_eq!(send(&mut writer, 2).unwrap(), 1);
    assert_eq!(drain(&mut reader), [2]);
    assert_eq!(reader.lost(), 0);
    drop(reader);
    assert_eq!(send(&mut writer, 3).unwrap(), 0);
    let mut again = other.reader(&spec, guid(3)).unwrap();
    assert_eq!(send(&mut writer, 4).unwrap(), 1);
    assert_eq!(drain(&mut again), [4]);
}

#[test]
fn readers_of_both_kinds_and_places_each_see_a_sample_once() {
    let place = Place::new();
    let (here, there) = (place.join(1, "p"), place.join(2, "q"));
    let (strict, loose) = (reliable("t", WAIT), best_effort("t"));
    let mut readers = [
        here.reader(&strict, guid(2)).unwrap(),
        here.reader(&loose, guid(3)).unwrap(),
        there.reader(&strict, guid(4)).unwrap(),
        there.reader(&loose, guid(5)).unwrap(),
    ];
    let mut writer = here.writer(&strict, guid(1)).unwrap();
    for sequence in 1..=5 {
        assert_eq!(send(&mut writer, sequence).unwrap(), 4);
    }
    for reader in &mut readers {
        assert_eq!(drain(reader), [1, 2, 3, 4, 5]);
    }
    // A BEST_EFFORT writer is not what RELIABLE readers asked for.
    let mut weak = here.writer(&loose, guid(9)).unwrap();
    assert_eq!(weak.matched(), 2);
    assert_eq!(weak.send(&meta(9, 1), &payload(1, 64)).unwrap().readers, 2);
    let seen: Vec<_> = readers.iter_mut().map(|r| drain(r).len()).collect();
    assert_eq!(seen, [0, 1, 0, 1]);
    assert_eq!((readers[0].matched(), readers[1].matched()), (1, 2));
}

#[test]
fn sizes_may_grow_from_one_sample_to_the_next_and_keep_their_order() {
    let place = Place::new();
    let domain = place.join(1, "p");
    let spec = reliable("t", WAIT);
    let mut reader = domain.reader(&spec, guid(2)).unwrap();
    let mut writer = domain.writer(&spec, guid(1)).unwrap();
    let sizes = [12, 600, 100, 5_000, 70_000, 4 << 20, 12, (4 << 20) + 1, 3];
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for (sequence, len) in (1..).zip(sizes) {
                writer.send(&meta(1, sequence), &payload(sequence, len)).unwrap();
            }
        });
        let mut seen = Vec::new();
        until("all sizes", || {
            while let Some(sample) = reader.take().unwrap() {
                seen.push((checked(&sample), sample.len()));
            }
            seen.len() == sizes.len()
        });
        let expected: Vec<_> = (1..).zip(sizes.map(|len| len.max(12))).collect();
        assert_eq!(seen, expected);
    });
    assert_eq!(reader.lost(), 0);
}

#[test]
fn sizes_that_grow_while_a_reader_is_stopped_keep_their_order() {
    let place = Place::new();
    let (here, there) = (place.join(1, "p"), place.join(2, "q"));
    let spec = reliable("t", Duration::from_millis(20));
    let mut reader = there.reader(&spec, guid(9)).unwrap();
    // Their places among the reader's publishers come first, and those who come next get them.
    let mut others = [1, 2, 3].map(|id| here.writer(&spec, guid(id)).unwrap());
    let mut writer = here.writer(&spec, guid(4)).unwrap();
    for (id, other) in (1..).zip(&mut others) {
        other.send(&meta(id, 1), &payload(1, 64)).unwrap();
    }
    writer.send(&meta(4, 1), &payload(1, 64)).unwrap();
    assert_eq!(drain(&mut reader), [1, 1, 1, 1]);
    drop(others);
    for _ in 0..200 {
        assert!(reader.take().unwrap().is_none(), "looks until all are forgotten");
    }
    for (sequence, len) in [(2, 64), (3, 64), (4, 5_000), (5, 64), (6, 70_000), (7, 64)] {
        writer.send(&meta(4, sequence), &payload(sequence, len)).unwrap();
    }
    assert_eq!((drain(&mut reader), reader.lost()), (vec![2, 3, 4, 5, 6, 7], 0));
    writer.send(&meta(4, 10), &payload(10, 64)).unwrap();
    assert_eq!((drain(&mut reader), reader.lost()), (vec![10], 2));
}

#[test]
fn samples_outlive_their_writer_even_if_nobody_looked_yet() {
    let place = Place::new();
    let (here, there) = (place.join(1, "p"), place.join(2, "q"));
    let spec = reliable("t", WAIT);
    let mut reader = there.reader(&spec, guid(2)).unwrap();
    let mut writer = here.writer(&spec, guid(1)).unwrap();
    for sequence in 1..=3 {
        send(&mut writer, sequence).unwrap();
    }
    drop(writer);
    let first = reader.take().unwrap().unwrap();
    assert_eq!(drain(&mut reader), [2, 3]);
    drop((here, reader, there));
    assert_eq!(checked(&first), 1);
}

#[test]
fn history_in_between_is_no_loss() {
    let place = Place::new();
    let (here, there) = (place.join(1, "p"), place.join(2, "q"));
    let spec = reliable("t", WAIT);
    let mut reader = there.reader(&spec, guid(3)).unwrap();
    let mut writer = here.writer(&spec, guid(1)).unwrap();
    send(&mut writer, 10).unwrap();
    let old = SampleMeta { flags: HISTORY, ..meta(1, 4) };
    writer.send(&old, &payload(4, 64)).unwrap();
    send(&mut writer, 11).unwrap();
    assert_eq!((drain(&mut reader), reader.lost()), (vec![10, 4, 11], 0));
    send(&mut writer, 14).unwrap();
    assert_eq!((drain(&mut reader), reader.lost()), (vec![14], 2));
}

#[test]
fn history_that_a_stopped_late_joiner_had_no_room_for_is_lost() {
    let place = Place::new();
    let (here, there) = (place.join(1, "p"), place.join(2, "q"));
    let mut spec = reliable("t", Duration::from_millis(5));
    spec.qos.durability = Durability::TransientLocal;
    let mut writer = here.writer(&spec, guid(1)).unwrap();
    spec.qos.resource_limits.max_samples = Some(16);
    let mut reader = there.reader(&spec, guid(3)).unwrap();
    // It has a place for one sample more while one is on its way.
    let fit = (5..=40)
        .take_while(|&sequence| {
            let start = if sequence == 5 { HISTORY_START } else { 0 };
            let old = SampleMeta { flags: HISTORY | start, ..meta(1, sequence) };
            writer.send(&old, &payload(sequence, 64)).is_ok()
        })
        .count() as u64;
    assert!((16..30).contains(&fit));
    assert_eq!((drain(&mut reader).len() as u64, reader.lost()), (fit, 0));
    send(&mut writer, 41).unwrap();
    assert_eq!((drain(&mut reader), reader.lost()), (vec![41], 36 - fit));
    let old = SampleMeta { flags: HISTORY, ..meta(1, 40) };
    writer.send(&old, &payload(40, 64)).unwrap();
    send(&mut writer, 43).unwrap();
    assert_eq!((drain(&mut reader), reader.lost()), (vec![40, 43], 37 - fit));
}

#[test]
fn the_same_topic_name_with_another_type_is_another_topic() {
    let place = Place::new();
    let domain = place.join(1, "p");
    let spec = reliable("t", WAIT);
    let others = [
        EndpointSpec { type_name: "test::Other".into(), ..spec.clone() },
        EndpointSpec { keyed: true, ..spec.clone() },
    ];
    let mut writer = domain.writer(&spec, guid(1)).unwrap();
    for other in &others {
        let mut reader = domain.reader(other, guid(2)).unwrap();
        assert_eq!(send(&mut writer, 1).unwrap(), 0);
        assert!(reader.take().unwrap().is_none());
    }
}

#[test]
fn a_reader_may_collect_more_samples_than_can_be_on_loan() {
    let place = Place::new();
    let domain = place.join(1, "p");
    let mut spec = reliable("t", WAIT);
    spec.max_payload = Some(8192);
    let mut reader = domain.reader(&spec, guid(2)).unwrap();
    let mut writer = domain.writer(&spec, guid(1)).unwrap();
    let mut kept = Vec::new();
    for sequence in 1..=500 {
        writer.send(&meta(1, sequence), &payload(sequence, 8192)).unwrap();
        kept.push(reader.take().unwrap().unwrap().into_bytes());
    }
    for (sequence, bytes) in (1..).zip(&kept) {
        assert_eq!(&bytes[..], payload(sequence, 8192));
    }
}

#[test]
fn two_hundred_topics_between_two_participants() {
    let place = Place::new();
    let (here, there) = (place.join(1, "p"), place.join(2, "q"));
    let mut pairs: Vec<_> = (0..200)
        .map(|n| {
            let spec = reliable(&format!("topic/{n}"), WAIT);
            (there.reader(&spec, guid(2)).unwrap(), here.writer(&spec, guid(1)).unwrap())
        })
        .collect();
    for (sequence, (_, writer)) in (1..).zip(&mut pairs) {
        assert_eq!(send(writer, sequence).unwrap(), 1);
    }
    for (sequence, (reader, _)) in (1..).zip(&mut pairs) {
        assert_eq!(drain(reader), [sequence]);
    }
    drop((pairs, here, there));
    assert_eq!(place.residue(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn waiting_readers_are_woken_by_each_writer() {
    let place = Place::new();
    let (here, there) = (place.join(1, "p"), place.join(2, "q"));
    let spec = reliable("t", WAIT);
    let mut reader = there.reader(&spec, guid(2)).unwrap();
    let writers: Vec<_> = (10..14).map(|id| here.writer(&spec, guid(id)).unwrap()).collect();
    const EACH: u64 = 2_000;
    std::thread::scope(|scope| {
        for (id, mut writer) in (10..).zip(writers) {
            scope.spawn(move || {
                for sequence in 1..=EACH {
                    writer.send(&meta(id, sequence), &payload(sequence, 64)).unwrap();
                }
            });
        }
        let mut next = [1; 4];
        let mut idle = 0;
        while next.iter().sum::<u64>() < 4 * (EACH + 1) {
            let seen = there.epoch();
            while let Some(sample) = reader.take().unwrap() {
                let of = &mut next[usize::from(sample.meta().writer.0[0] - 10)];
                assert_eq!(checked(&sample), *of);
                *of += 1;
            }
            if next.iter().sum::<u64>() < 4 * (EACH + 1) && !there.wait(seen, WAIT) {
                idle += 1;
                assert!(idle < 3, "no wake-up although samples are missing: {next:?}");
            }
        }
    });
    assert_eq!(reader.lost(), 0);
}

#[test]
fn readers_beyond_the_narrow_lane_get_every_sample_too() {
    let place = Place::new();
    let (here, there) = (place.join(1, "p"), place.join(2, "q"));
    for (spec, kept) in [(reliable("r", WAIT), 200), (best_effort("b"), 64)] {
        let mut writer = here.writer(&spec, guid(1)).unwrap();
        let mut readers: Vec<_> =
            (0..45).map(|id| there.reader(&spec, guid(100 + id)).unwrap()).collect();
        assert_eq!(writer.matched(), 45);
        for sequence in 1..=kept {
            // The last samples are longer than those before: chunks grow on every lane.
            let len = if sequence > kept / 2 { 3_000 } else { 64 };
            let delivered = writer.send(&meta(1, sequence), &payload(sequence, len)).unwrap();
            assert_eq!((delivered.readers, delivered.missed), (45, 0));
            if sequence % 16 == 0 {
                for reader in &mut readers {
                    assert_eq!(drain(reader), (sequence - 15..=sequence).collect::<Vec<_>>());
                }
            }
        }
        // Places are free again for whoever comes.
        readers.truncate(3);
        readers.extend((0..45).map(|id| there.reader(&spec, guid(100 + id)).unwrap()));
        assert_eq!(writer.send(&meta(1, kept + 1), &payload(1, 64)).unwrap().readers, 48);
    }
}

#[test]
fn samples_of_many_writers_that_are_gone_stay_readable() {
    let place = Place::new();
    let there = place.join(2, "q");
    let spec = reliable("t", WAIT);
    let mut reader = there.reader(&spec, guid(2)).unwrap();
    let mut held = Vec::new();
    // More than iceoryx2 can keep mapped after their ends, in rounds of what can be there at once.
    for ids in [10..60, 60..110, 110..160] {
        let here = place.join(1, "p");
        for id in ids {
            let mut writer = here.writer(&spec, guid(id)).unwrap();
            for sequence in 1..=2 {
                writer.send(&meta(id, sequence), &payload(sequence, 200)).unwrap();
                held.push(reader.take().unwrap().expect("just sent"));
            }
        }
        assert!(reader.take().unwrap().is_none());
        // Their memory goes with their participant; the reader hears of it when it looks again.
        drop(here);
        assert!(reader.take().unwrap().is_none());
    }
    for (index, sample) in held.iter().enumerate() {
        let (id, sequence) = (10 + (index / 2) as u8, 1 + index as u64 % 2);
        assert_eq!((sample.meta().writer, checked(sample)), (guid(id), sequence));
    }
    drop(held);
    let here = place.join(1, "p");
    let mut writer = here.writer(&spec, guid(1)).unwrap();
    assert_eq!(send(&mut writer, 1).unwrap(), 1);
    assert_eq!(drain(&mut reader), [1]);
}

#[test]
fn samples_may_be_dropped_by_other_threads_while_the_reader_goes_on() {
    let place = Place::new();
    let (here, there) = (place.join(1, "p"), place.join(2, "q"));
    let spec = reliable("t", WAIT);
    let mut reader = there.reader(&spec, guid(2)).unwrap();
    let mut writer = here.writer(&spec, guid(1)).unwrap();
    const COUNT: u64 = 20_000;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for sequence in 1..=COUNT {
                writer.send(&meta(1, sequence), &payload(sequence, 64)).unwrap();
            }
        });
        let droppers: Vec<_> = (0..3)
            .map(|_| {
                let (give, take) = std::sync::mpsc::sync_channel::<tidewire_shm::ShmSample>(20);
                scope.spawn(move || take.into_iter().map(|s| checked(&s)).sum::<u64>());
                give
            })
            .collect();
        let mut next = 1;
        while next <= COUNT {
            let Some(sample) = reader.take().unwrap() else {
                std::thread::yield_now();
                continue;
            };
            assert_eq!(sample.meta().sequence, next);
            droppers[next as usize % 3].send(sample).unwrap();
            next += 1;
        }
    });
    assert_eq!(reader.lost(), 0);
}

#[test]
fn a_longer_sample_waits_for_no_reader_that_has_taken_everything() {
    let place = Place::new();
    let (here, there) = (place.join(1, "p"), place.join(2, "q"));
    // Without a limit: whoever waits in vain waits for ever.
    let spec = reliable("t", Duration::MAX);
    let (told, hear) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // One reader sleeps until it is woken, the other is on the writer's own thread.
        let mut sleeper = there.reader(&spec, guid(2)).unwrap();
        let mut reader = here.reader(&spec, guid(3)).unwrap();
        let mut writer = here.writer(&spec, guid(1)).unwrap();
        let sleeping = std::thread::spawn(move || {
            let mut taken = 0;
            while taken < 40 {
                let seen = there.epoch();
                taken += drain(&mut sleeper).len();
                if taken < 40 {
                    there.wait(seen, Duration::from_secs(3600));
                }
            }
        });
        for round in 0..4 {
            for sequence in round * 10 + 1..=round * 10 + 10 {
                let payload = payload(sequence, 100 << (4 * round));
                assert_eq!(writer.send(&meta(1, sequence), &payload).unwrap().readers, 2);
                assert_eq!(drain(&mut reader), [sequence]);
            }
            // Long enough that the sleeper sleeps.
            std::thread::sleep(Duration::from_millis(20));
        }
        sleeping.join().unwrap();
        told.send(()).unwrap();
    });
    hear.recv_timeout(Duration::from_secs(60)).expect("the writer waits for its readers for ever");
}

#[test]
fn writers_that_are_gone_are_forgotten() {
    let place = Place::new();
    let (here, there) = (place.join(1, "p"), place.join(2, "q"));
    let spec = reliable("t", WAIT);
    let mut reader = there.reader(&spec, guid(9)).unwrap();
    let of_here = |id: u16| {
        let mut writer = guid(1);
        writer.0[12..14].copy_from_slice(&id.to_be_bytes());
        SampleMeta { writer, ..meta(1, 1) }
    };
    let stays = of_here(1000);
    let mut writer = here.writer(&spec, stays.writer).unwrap();
    writer.send(&stays, &payload(1, 64)).unwrap();
    for gone in (0..300).map(of_here) {
        let mut writer = here.writer(&spec, gone.writer).unwrap();
        writer.send(&gone, &payload(1, 64)).unwrap();
        assert!(!drain(&mut reader).is_empty());
    }
    assert!(reader.remembered() < 100, "{}", reader.remembered());
    writer.send(&SampleMeta { sequence: 3, ..stays }, &payload(3, 64)).unwrap();
    assert_eq!((drain(&mut reader), reader.lost()), (vec![3], 1));
}

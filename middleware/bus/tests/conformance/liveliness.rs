//! Writers that say that they are alive, and those that do not (DDS 1.4, 2.2.3.11).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration as Span, Instant};

use tidewire_idl::InstanceState;
use tidewire_qos::policy::{LivelinessKind, Ownership, Policy};
use tidewire_qos::{Duration, Liveliness, Qos};

use crate::cases::Found;
use crate::common::{everything, wait};
use crate::face::{Combination, R, W};
use crate::refusals::refused;

/// Long enough for a loaded machine, which on the way over DDS delays more threads.
fn lease_of(c: &Combination<'_>) -> Span {
    Span::from_millis(if c.is_shm() { 600 } else { 2_000 })
}

fn lively(kind: LivelinessKind, lease: Span) -> Qos {
    let lease = Duration::from_nanos(lease.as_nanos() as u64);
    Qos { liveliness: Liveliness { kind, lease }, ..everything() }
}

/// Matched writers alive, and not.
fn counts(reader: &R) -> (u32, u32) {
    let status = reader.liveliness();
    (status.alive_count, status.not_alive_count)
}

/// Does `assert` often for more than a lease. What `see` says after the first time and at the end, if all that was
/// in time: the machine may have kept us from it, three times.
fn keep_up<T>(lease: Span, mut assert: impl FnMut(), see: impl Fn() -> T) -> Option<[T; 2]> {
    (0..3).find_map(|_| try_to_keep_up(lease, &mut assert, &see))
}

fn try_to_keep_up<T>(lease: Span, mut assert: impl FnMut(), see: impl Fn() -> T) -> Option<[T; 2]> {
    struct Ends<'a>(&'a AtomicBool);
    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let ends = Ends(&over);
        // Others' threads may be late as well: some that do nothing else tell of it.
        let witnesses: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| longest_gap(|| !over.load(Ordering::Relaxed), || {})))
            .collect();
        assert();
        let (start, first) = (Instant::now(), see());
        let own = longest_gap(|| start.elapsed() < 2 * lease, &mut assert);
        let end = see();
        drop(ends);
        let others = witnesses.into_iter().map(|witness| witness.join().unwrap());
        let late = own.max(start.elapsed().saturating_sub(2 * lease)).max(others.max().unwrap());
        (late < lease / 5).then_some([first, end])
    })
}

/// How long it took at most from one `act` to the next, which are to come every 20 ms.
fn longest_gap(mut goes_on: impl FnMut() -> bool, mut act: impl FnMut()) -> Span {
    let (mut last, mut longest) = (Instant::now(), Span::ZERO);
    while goes_on() {
        std::thread::sleep(Span::from_millis(20));
        act();
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    longest
}

/// AUTOMATIC: nobody need do anything, and a lease that is too long is a misfit.
pub fn lease(c: &Combination<'_>) -> Found {
    let qos = lively(LivelinessKind::Automatic, lease_of(c));
    if c.is_rustdds() {
        refused(c, Policy::Liveliness, &qos, "writer");
        let found = refused(c, Policy::Liveliness, &qos, "reader");
        let mut enough = qos;
        enough.liveliness.lease = Duration::from_secs(3);
        c.fits("of a writer", &enough, &everything());
        return found;
    }
    // Cyclone DDS 11.0.1 takes a writer for silent when another one of its participant with the same
    // lease leaves.
    c.alone(|c| {
        let (writer, reader) = c.matched("automatic", &qos, &qos).unwrap();
        wait("it to be seen alive", || counts(&reader) == (1, 0));
        let see = || (reader.liveliness().changes, writer.lost_liveliness().total);
        if let Some([first, end]) = keep_up(lease_of(c), || {}, see)
            && end.1 == 0
        {
            assert_eq!(end, first, "a writer that has nothing to say");
        }
        drop(writer);
        wait("the writer's end", || counts(&reader) == (0, 0));
    });
    Found::kept()
}

/// The writer that is silent for its lease is not alive on either side, its instances end, a weaker
/// one takes over; until it is asserted.
pub fn manual_by_topic(c: &Combination<'_>) -> Found {
    let mut qos = lively(LivelinessKind::ManualByTopic, lease_of(c));
    if c.is_rustdds() {
        return refused(c, Policy::Liveliness, &qos, "writer reader");
    }
    let apart = c.typed || !c.keyed;
    if apart {
        qos.ownership = Ownership::Exclusive;
    }
    let (writer, reader) =
        c.matched("manual", &Qos { ownership_strength: 5, ..qos.clone() }, &qos).unwrap();
    let weak = c.writer("manual", &Qos { ownership_strength: 1, ..qos }).unwrap();
    weak.meets(1);
    reader.meets(2);
    let assert = || {
        writer.put(1, 1);
        weak.assert_liveliness();
    };
    let see = || (counts(&reader), writer.lost_liveliness().total);
    let kept_up = keep_up(lease_of(c), assert, see);
    if let Some([first, end]) = kept_up {
        assert_eq!(end, ((2, 0), first.1));
    }
    let before = (writer.lost_liveliness().total, reader.liveliness().changes);
    wait("both sides to see it silent", || {
        weak.assert_liveliness();
        counts(&reader) == (1, 1) && writer.lost_liveliness().total > before.0
    });
    assert!(reader.liveliness().changes > before.1);
    let mut got = Vec::new();
    if c.typed && c.keyed {
        wait("the end of the instance", || {
            weak.assert_liveliness();
            got.extend(reader.drain());
            got.last().is_some_and(|told| told.state == InstanceState::Unregistered)
        });
        assert_eq!(got.last().map(|told| told.instance), Some(1));
        let lived = got.iter().rev().skip(1).all(|told| told.state == InstanceState::Alive);
        assert!(lived || kept_up.is_none());
    } else {
        reader.drain();
    }
    weak.put(1, 2);
    assert_eq!(reader.up_to(2), [2], "the weaker takes over");
    wait("its return", || {
        weak.assert_liveliness();
        come_back(c, &writer);
        counts(&reader) == (2, 0)
    });
    if apart {
        wait("the stronger to be heard, and the weaker no more", || {
            writer.put(1, 3);
            weak.put(1, 4);
            settle_briefly();
            reader.drain().iter().map(|told| told.value).eq([3])
        });
    }
    assert_eq!(reader.lost(), 0);
    found(c)
}

/// Cyclone DDS takes nothing but a sample for the return of a writer that has fallen silent.
fn come_back(c: &Combination<'_>, writer: &W) {
    if c.is_shm() { writer.assert_liveliness() } else { writer.put(1, 9) }
}

fn found(c: &Combination<'_>) -> Found {
    match c.is_shm() {
        true => Found::kept(),
        false => Found::mostly("a writer that fell silent is heard of again with its next sample"),
    }
}

fn settle_briefly() {
    std::thread::sleep(Span::from_millis(50));
}

/// One assertion is for all writers of the participant; by the participant itself, or by a write.
pub fn manual_by_participant(c: &Combination<'_>) -> Found {
    let qos = lively(LivelinessKind::ManualByParticipant, lease_of(c));
    if c.is_rustdds() {
        return refused(c, Policy::Liveliness, &qos, "writer reader");
    }
    c.alone(|c| {
        let (quiet, reader) = c.matched("manual", &qos, &qos).unwrap();
        let (loud, other) = c.matched("other", &qos, &qos).unwrap();
        let return_both = || {
            wait("both to be alive", || {
                if !c.is_shm() {
                    come_back(c, &quiet);
                }
                come_back(c, &loud);
                counts(&reader) == (1, 0) && counts(&other) == (1, 0)
            });
        };
        // To find the second pair can take longer than the lease of the first.
        return_both();
        let lost = [&quiet, &loud].map(|writer| writer.lost_liveliness().total);
        let see = || (counts(&reader), counts(&other), quiet.lost_liveliness().total);
        let kept_up = |assert: &dyn Fn()| {
            if let Some([first, end]) = keep_up(lease_of(c), assert, see) {
                assert_eq!(end, ((1, 0), (1, 0), first.2));
            }
        };
        kept_up(&|| c.assert_liveliness());
        kept_up(&|| loud.put(0, 1));
        wait("both to fall silent", || counts(&reader) == (0, 1) && counts(&other) == (0, 1));
        wait("both to know", || {
            quiet.lost_liveliness().total > lost[0] && loud.lost_liveliness().total > lost[1]
        });
        return_both();
    });
    found(c)
}

/// A kind offered must be as strong as the one requested, and the lease no longer.
pub fn matching(c: &Combination<'_>) -> Found {
    if c.is_rustdds() {
        return Found::nothing("only AUTOMATIC liveliness is accepted");
    }
    let of = |kind, secs| {
        let lease = Duration::from_secs(secs);
        Qos { liveliness: Liveliness { kind, lease }, ..everything() }
    };
    use LivelinessKind::{Automatic, ManualByParticipant, ManualByTopic};
    c.alone(|c| {
        c.fits("stronger", &of(ManualByTopic, 10), &of(Automatic, 10));
        c.fits("shorter", &of(Automatic, 10), &of(Automatic, 20));
        c.fits_not("weaker", &of(ManualByParticipant, 10), &of(ManualByTopic, 10));
        c.fits_not("longer", &of(Automatic, 20), &of(Automatic, 10));
    });
    Found::kept()
}

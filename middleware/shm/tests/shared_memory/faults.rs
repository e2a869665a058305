//! Processes that come, go, stop and die.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use tidewire_shm::{ShmDomain, ShmError};

use crate::child::Process;
use crate::support::*;

const SIGSTOP: i32 = 19;
const SIGCONT: i32 = 18;

#[test]
fn another_process_reads_and_is_woken() {
    let place = Place::new();
    let domain = place.join(1, "p");
    let mut child = Process::start(&place, "reader", 2);
    let mut writer = domain.writer(&reliable("t", Duration::from_secs(20)), guid(1)).unwrap();
    assert_eq!(writer.reader_participants(), [[2; 12]]);
    for sequence in 1..=1_000 {
        assert_eq!(send(&mut writer, sequence).unwrap(), 1);
        if sequence % 100 == 0 {
            child.hear(&format!("got {sequence}"));
        }
    }
}

#[test]
fn all_samples_of_a_process_that_ends_arrive() {
    let place = Place::new();
    let domain = place.join(1, "p");
    let mut child = Process::start(&place, "writer", 2);
    let mut reader = domain.reader(&reliable("t", Duration::from_secs(1)), guid(1)).unwrap();
    let mut seen = Vec::new();
    until("all samples", || {
        seen.extend(drain(&mut reader));
        seen.len() == 1_000
    });
    assert_eq!(seen, (1..=1_000).collect::<Vec<_>>());
    child.end();
    until("its leaving", || domain.locals().len() == 1);
    drop((reader, domain));
    assert_eq!(place.residue(), Vec::<PathBuf>::new());
}

#[test]
fn a_killed_reader_stops_counting_and_the_writer_goes_on() {
    let place = Place::new();
    let domain = place.join(1, "p");
    let spec = reliable("t", Duration::from_secs(20));
    let mut child = Process::start(&place, "idle reader", 2);
    let mut reader = domain.reader(&spec, guid(3)).unwrap();
    let mut writer = domain.writer(&spec, guid(1)).unwrap();
    assert_eq!(writer.matched(), 2);
    // Fill the victim's buffer to the brim, so that the next write has to wait for it.
    for sequence in 1..=1_024 {
        assert_eq!(send(&mut writer, sequence).unwrap(), 2);
        assert_eq!(drain(&mut reader), [sequence]);
    }
    child.kill();
    // No timeout, although nobody takes anything there any more: the janitor ends the wait.
    for sequence in 1_025..=3_000 {
        send(&mut writer, sequence).unwrap();
        assert_eq!(drain(&mut reader), [sequence]);
    }
    until("the victim's leaving", || domain.locals().len() == 1 && writer.matched() == 1);
    assert_eq!(send(&mut writer, 3_001).unwrap(), 1);
    // A successor is served from now on.
    let mut next = Process::start(&place, "reader", 4);
    assert_eq!(send(&mut writer, 3_100).unwrap(), 2);
    next.hear("got 3100");
}

#[test]
fn a_stopped_reader_costs_one_timeout_and_catches_up() {
    let place = Place::new();
    let domain = place.join(1, "p");
    let spec = reliable("t", Duration::from_millis(50));
    let mut child = Process::start(&place, "reader", 2);
    let mut reader = domain.reader(&spec, guid(3)).unwrap();
    let mut writer = domain.writer(&spec, guid(1)).unwrap();
    child.signal(SIGSTOP);
    let mut timeouts = 0;
    for sequence in 1..=1_500 {
        match send(&mut writer, sequence) {
            Ok(readers) => assert_eq!(readers, 2),
            Err(ShmError::WriteTimeout { readers: 1, .. }) => timeouts += 1,
            Err(error) => panic!("{error}"),
        }
        assert_eq!(drain(&mut reader), [sequence]);
    }
    assert_eq!(timeouts, 1_500 - 1_024);
    assert_eq!(domain.locals().len(), 2, "stopped is not dead");
    child.signal(SIGCONT);
    child.hear("got 1000");
    assert_eq!(send(&mut writer, 2_000).unwrap(), 2);
    child.hear("got 2000");
}

#[test]
fn a_killed_writer_leaves_its_reader_whole() {
    let place = Place::new();
    let domain = place.join(1, "p");
    let mut reader = domain.reader(&reliable("t", Duration::from_secs(1)), guid(1)).unwrap();
    for id in 2..5 {
        let mut child = Process::start(&place, "endless writer", id);
        let mut seen = 0;
        until("some samples", || {
            seen += drain(&mut reader).len();
            seen > 100
        });
        child.kill();
        until("its leaving", || {
            drain(&mut reader);
            domain.locals().len() == 1 && reader.matched() == 0
        });
        assert!(domain.is_local(&[id; 12]), "late samples of the dead still count as local");
    }
}

#[test]
fn whoever_comes_next_clears_up_after_all_were_killed() {
    let place = Place::new();
    let mut dead =
        [Process::start(&place, "reader", 2), Process::start(&place, "endless writer", 3)];
    dead.iter_mut().for_each(Process::kill);
    assert!(!place.residue().is_empty());
    let domain = place.join(1, "p");
    assert_eq!(domain.locals().len(), 1);
    drop(domain);
    assert_eq!(place.residue(), Vec::<PathBuf>::new());
}

#[test]
fn a_domain_of_the_dead_is_cleared_by_a_neighbour() {
    let place = Place::new();
    let mut dead = Process::start(&place, "endless writer", 2);
    dead.kill();
    assert!(!place.residue().is_empty());
    drop(ShmDomain::join(place.domain + 1000, [1; 12], "neighbour", &place.options()).unwrap());
    assert_eq!(place.residue(), Vec::<PathBuf>::new());
}

#[test]
fn a_newcomer_among_the_living_sees_no_dead() {
    let place = Place::new();
    let _living = Process::start(&place, "reader", 2);
    let mut dead = Process::start(&place, "idle reader", 3);
    dead.kill();
    let domain = place.join(1, "p");
    let present: Vec<_> = domain.locals().iter().map(|p| p.prefix[0]).collect();
    assert_eq!(present, [1, 2]);
}

/// iceoryx2 waits for ever for a segment that has no size yet: who is killed between making and sizing one
/// must not take along those who clear up after it.
#[test]
fn a_segment_whose_maker_was_killed_too_early_holds_nobody_up() {
    let place = Place::new();
    let domain = place.join(1, "p");
    let mut reader = domain.reader(&reliable("t", Duration::from_secs(1)), guid(1)).unwrap();
    let mut child = Process::start(&place, "endless writer", 2);
    until("a sample", || !drain(&mut reader).is_empty());
    child.signal(SIGSTOP);
    // As if it had just begun to connect to another reader.
    let ours = place
        .residue()
        .into_iter()
        .find(|path| path.extension().is_some_and(|e| e == "connection"));
    let ours = ours.unwrap().to_str().unwrap().strip_suffix(".connection").unwrap().to_owned();
    let (rest, last) = ours.split_at(ours.len() - 1);
    let unborn = PathBuf::from(format!("{rest}{}.connection", if last == "1" { "2" } else { "1" }));
    let made = OpenOptions::new().write(true).create_new(true).mode(0o200).open(&unborn);
    made.unwrap();
    child.kill();
    until("what it left to be cleared", || !unborn.exists());
    drop((reader, domain));
    assert_eq!(place.residue(), Vec::<PathBuf>::new());
}

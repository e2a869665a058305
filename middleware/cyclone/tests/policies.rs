//! What Cyclone keeps itself: partitions, liveliness, deadlines, announced data; and ways to discover.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration as StdDuration;

use common::{Collect, Slow, domain, numbered, wait};
use parking_lot::Mutex;
use tidewire_cyclone::{DdsEvent, DdsOptions, DdsParticipant, DdsSample, DdsStatus, Sink};
use tidewire_idl::{Guid, InstanceState, KeyHash};
use tidewire_qos::policy::{LivelinessKind, Ownership, Reliability};
use tidewire_qos::{Duration, Liveliness, Qos};
use tidewire_transport::EndpointSpec;

const PATIENCE: StdDuration = StdDuration::from_secs(30);

fn pair(offset: u32) -> (DdsParticipant, DdsParticipant) {
    let start = |name| DdsParticipant::start(DdsOptions::new(domain(offset), name)).unwrap();
    (start("a"), start("b"))
}

fn spec(topic: &str, qos: Qos) -> EndpointSpec {
    let mut spec = EndpointSpec::new(topic, "T", true);
    spec.qos = qos;
    spec
}

/// Status changes of a participant's endpoints.
fn statuses(participant: &DdsParticipant) -> Receiver<(Guid, DdsStatus)> {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    participant.observe(move |event| {
        if let DdsEvent::Status { local, status } = event {
            let _ = tell.lock().send((*local, *status));
        }
    });
    told
}

#[test]
fn endpoints_of_one_partition_meet_by_name_or_pattern_and_others_do_not() {
    let (a, b) = pair(50);
    let of = |names: &[&str]| Qos {
        partition: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Qos::reliable()
    };
    let readers: Vec<_> = [&["east"][..], &["ea*"], &["west"], &[]]
        .into_iter()
        .map(|names| {
            let sink = Arc::new(Collect::default());
            (b.reader(&spec("parts", of(names)), sink.clone()).unwrap(), sink)
        })
        .collect();
    let writer = a.writer(&spec("parts", of(&["east", "north"]))).unwrap();
    wait("two of four readers", || writer.matched().len() == 2);
    let sample = numbered(1, 1);
    writer.write(sample.clone(), common::key(&sample), 1).unwrap();
    wait("two readers to have it", || {
        readers.iter().map(|(_, sink)| sink.len()).sum::<usize>() == 2
    });
    let counts: Vec<usize> = readers.iter().map(|(_, sink)| sink.len()).collect();
    assert_eq!(counts, [1, 1, 0, 0]);
    let seen = b.discovered();
    assert_eq!(seen.writers[&writer.guid()].qos.partition, ["east", "north"]);
}

#[test]
fn a_writer_that_does_not_assert_its_liveliness_is_told_of_on_both_sides() {
    let (a, b) = pair(51);
    let lease = Duration::from_millis(200);
    let qos = Qos {
        liveliness: Liveliness { kind: LivelinessKind::ManualByTopic, lease },
        ..Qos::reliable()
    };
    let (at_writer, at_reader) = (statuses(&a), statuses(&b));
    let reader = b.reader(&spec("alive", qos.clone()), Arc::new(Collect::default())).unwrap();
    let writer = a.writer(&spec("alive", qos)).unwrap();
    wait("a match", || !writer.matched().is_empty() && !reader.matched().is_empty());
    writer.assert_liveliness().unwrap();
    let (local, lost) = at_writer.recv_timeout(PATIENCE).unwrap();
    assert_eq!((local, lost), (writer.guid(), DdsStatus::LivelinessLost { total: 1 }));
    let mut seen = Vec::new();
    wait("the reader to see it come and go", || {
        seen.extend(at_reader.try_iter().map(|(local, status)| {
            assert_eq!(local, reader.guid());
            status
        }));
        matches!(
            seen.last(),
            Some(DdsStatus::LivelinessChanged {
                writer: Some(gone),
                is_alive: Some(false),
                alive: 0,
                not_alive: 1,
            }) if *gone == writer.guid()
        )
    });
    // An assertion alone is not enough for Cyclone's readers. A loaded machine may find it silent again.
    let sample = numbered(1, 1);
    let before = seen.len();
    wait("the reader to see it back", || {
        writer.write(sample.clone(), common::key(&sample), 1).unwrap();
        seen.extend(at_reader.try_iter().map(|(_, status)| status));
        seen[before..].iter().any(|status| {
            let DdsStatus::LivelinessChanged { is_alive, alive, not_alive, .. } = status else {
                return false;
            };
            (*is_alive, *alive, *not_alive) == (Some(true), 1, 0)
        })
    });
}

#[test]
fn a_missed_deadline_is_told_to_the_writer() {
    let (a, _b) = pair(52);
    let told = statuses(&a);
    let qos = Qos { deadline: Duration::from_millis(100), ..Qos::reliable() };
    let writer = a.writer(&spec("deadline", qos)).unwrap();
    let sample = numbered(1, 1);
    writer.write(sample.clone(), common::key(&sample), 1).unwrap();
    let (local, missed) = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(local, writer.guid());
    assert!(matches!(missed, DdsStatus::OfferedDeadlineMissed { total: 1.. }), "{missed:?}");
}

#[test]
fn samples_with_a_latency_budget_wait_for_each_other_but_not_for_ever() {
    let (a, b) = pair(58);
    let qos = Qos { latency_budget: Duration::from_millis(40), ..Qos::reliable() };
    let sink = Arc::new(Collect::default());
    let _reader = b.reader(&spec("packed", qos.clone()), sink.clone()).unwrap();
    let writer = a.writer(&spec("packed", qos)).unwrap();
    wait("a match", || !writer.matched().is_empty());
    for round in 1..=3 {
        for i in 0..100 {
            let sample = numbered(i % 3, i);
            writer.write(sample.clone(), common::key(&sample), 1).unwrap();
        }
        wait("a hundred more without being asked", || sink.len() == round * 100);
    }
    let last = numbered(1, 1);
    writer.write(last.clone(), common::key(&last), 1).unwrap();
    drop(writer);
    wait("the last, sent when its writer goes", || sink.len() == 301);
    assert!(sink.samples().iter().enumerate().all(|(i, s)| s.sequence == i as u64 + 1));
}

#[test]
fn a_packed_writer_without_room_holds_up_no_other() {
    let (a, b) = pair(59);
    let c = DdsParticipant::start(DdsOptions::new(domain(59), "c")).unwrap();
    let mut qos = Qos { latency_budget: Duration::from_millis(40), ..Qos::reliable() };
    qos.reliability = Reliability::Reliable { max_blocking_time: Duration::from_secs(25) };
    let (slow, inside, release) = Slow::new();
    let sink = Arc::new(Collect::default());
    let _readers = [
        b.reader(&spec("held", qos.clone()), slow).unwrap(),
        c.reader(&spec("free", qos.clone()), sink.clone()).unwrap(),
    ];
    let [held, free] = ["held", "free"].map(|topic| a.writer(&spec(topic, qos.clone())).unwrap());
    wait("matches", || !held.matched().is_empty() && !free.matched().is_empty());
    let large = common::large(64 << 10);
    held.write(large.clone(), KeyHash::default(), 1).unwrap();
    inside.recv_timeout(PATIENCE).unwrap();
    let written = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| common::write_on(&held, &large, &written));
        let seen = common::until_no_room(&written);
        for count in 1..=5 {
            let sample = numbered(1, count);
            free.write(sample.clone(), common::key(&sample), 1).unwrap();
            wait("the other's sample", || sink.len() == count as usize);
        }
        assert!(
            !writing.is_finished() && written.load(Ordering::Acquire) == seen,
            "it waits still"
        );
        drop(release);
        writing.join().unwrap();
    });
}

#[test]
fn policies_and_data_are_announced_as_they_are() {
    let (a, b) = pair(53);
    let qos = Qos {
        ownership: Ownership::Exclusive,
        ownership_strength: 12,
        user_data: b"serial 7".to_vec(),
        topic_data: b"topic".to_vec(),
        group_data: b"group".to_vec(),
        transport_priority: 5,
        lifespan: Duration::from_secs(7),
        deadline: Duration::from_millis(1500),
        latency_budget: Duration::from_micros(250),
        ..Qos::event()
    };
    let writer = a.writer(&spec("told", qos.clone())).unwrap();
    wait("discovery", || b.discovered().writers.contains_key(&writer.guid()));
    let seen = b.discovered();
    let found = &seen.writers[&writer.guid()].qos;
    let expected = Qos {
        // Not announced by anyone.
        history: found.history,
        resource_limits: found.resource_limits,
        data_representation: found.data_representation.clone(),
        ..qos
    };
    assert_eq!(*found, expected);
    assert_eq!(seen.participants[&a.prefix()].name.as_deref(), Some("a"));
}

#[test]
fn unicast_peers_meet_without_multicast_and_on_loopback_alone() {
    let local = || vec!["127.0.0.1".parse().unwrap()];
    let start = |peers, name| {
        let options =
            DdsOptions { interfaces: local(), peers, ..DdsOptions::new(domain(54), name) };
        DdsParticipant::start(options).unwrap()
    };
    let (a, b) = (start(local(), "a"), start(local(), "b"));
    let sink = Arc::new(Collect::default());
    let _reader = b.reader(&spec("unicast", Qos::reliable()), sink.clone()).unwrap();
    let writer = a.writer(&spec("unicast", Qos::reliable())).unwrap();
    wait("a match", || !writer.matched().is_empty());
    let sample = numbered(1, 1);
    writer.write(sample.clone(), common::key(&sample), 1).unwrap();
    wait("the sample", || sink.len() == 1);
}

#[test]
fn loopback_alone_is_enough_for_discovery() {
    let start = |name| {
        let interfaces = vec!["127.0.0.1".parse().unwrap()];
        DdsParticipant::start(DdsOptions { interfaces, ..DdsOptions::new(domain(55), name) })
            .unwrap()
    };
    let (a, b) = (start("a"), start("b"));
    wait("each other", || {
        a.discovered().participants.contains_key(&b.prefix())
            && b.discovered().participants.contains_key(&a.prefix())
    });
}

#[test]
fn wrong_use_gets_a_clear_error() {
    let error = DdsParticipant::start(DdsOptions::new(233, "a")).err().unwrap().to_string();
    assert!(error.contains("233"), "{error}");
    let nowhere = DdsOptions {
        interfaces: vec!["203.0.113.9".parse().unwrap()],
        ..DdsOptions::new(domain(56), "a")
    };
    let error = DdsParticipant::start(nowhere).err().unwrap().to_string();
    assert!(error.contains("cannot join DDS domain"), "{error}");
    let (a, _b) = pair(56);
    let error = a.writer(&spec("wrong\0name", Qos::reliable())).err().unwrap().to_string();
    assert!(error.contains("NUL"), "{error}");
}

/// Drops the participant in the middle of a delivery, as the last one to hold it.
struct Last(Mutex<Option<DdsParticipant>>, Mutex<std::sync::mpsc::Sender<InstanceState>>);

impl Sink for Last {
    fn key_of(&self, _payload: &[u8]) -> KeyHash {
        KeyHash::default()
    }
    fn key_of_disposed(&self, _payload: &[u8]) -> KeyHash {
        KeyHash::default()
    }
    fn deliver(&self, sample: DdsSample) {
        drop(self.0.lock().take());
        let _ = self.1.lock().send(sample.state);
    }
    fn flush(&self) {}
}

#[test]
fn a_participant_may_be_dropped_where_samples_are_delivered() {
    let (a, b) = pair(57);
    let (tell, told) = channel();
    let sink = Arc::new(Last(Mutex::new(None), Mutex::new(tell)));
    let reader = b.reader(&spec("last", Qos::reliable()), sink.clone()).unwrap();
    let writer = a.writer(&spec("last", Qos::reliable())).unwrap();
    wait("a match", || !writer.matched().is_empty());
    let prefix = b.prefix();
    *sink.0.lock() = Some(b);
    let sample = numbered(1, 1);
    writer.write(sample.clone(), common::key(&sample), 1).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), InstanceState::Alive);
    drop(reader);
    wait("it to leave", || !a.discovered().participants.contains_key(&prefix));
}

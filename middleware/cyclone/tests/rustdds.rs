//! Cyclone and RustDDS, our two backends, meet on the wire: both ways, small and large, late joiners.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Collect, domain, key, large, numbered, patient, payload, wait};
use tidewire_idl::{InstanceState, KeyHash};
use tidewire_qos::policy::{DataRepresentation, History};
use tidewire_qos::{Policy, Qos, check};
use tidewire_transport::EndpointSpec;
use tidewire_transport::dds::{DdsEvent, DdsOptions, DdsStatus};

struct Pair {
    cyclone: tidewire_cyclone::DdsParticipant,
    rust: tidewire_dds::DdsParticipant,
}

fn pair(offset: u32) -> Pair {
    let domain = domain(offset);
    Pair {
        cyclone: tidewire_cyclone::DdsParticipant::start(DdsOptions::new(domain, "cyclone"))
            .unwrap(),
        rust: tidewire_dds::DdsParticipant::start(DdsOptions::new(domain, "rust")).unwrap(),
    }
}

fn spec(topic: &str, keyed: bool, qos: Qos) -> EndpointSpec {
    let mut spec = EndpointSpec::new(topic, "T", keyed);
    spec.qos = qos;
    spec
}

/// Writes `$count` samples and a dispose from `$from` to `$to`, in both representations.
macro_rules! one_way {
    ($from:expr, $to:expr, $keyed:expr) => {
        for (header, representation) in
            [([0, 1], DataRepresentation::Xcdr1), ([0, 7], DataRepresentation::Xcdr2)]
        {
            let topic = format!("way/{}/{}", $keyed, header[1]);
            let qos = Qos { data_representation: vec![representation], ..patient() };
            let sink = Arc::new(Collect::default());
            let reader = $to.reader(&spec(&topic, $keyed, qos.clone()), sink.clone()).unwrap();
            let writer = $from.writer(&spec(&topic, $keyed, qos)).unwrap();
            wait("both to match", || !writer.matched().is_empty() && !reader.matched().is_empty());
            let sent: Vec<_> = (0..500u32)
                .map(|i| payload(header, &[(i % 7).to_le_bytes(), i.to_le_bytes()].concat()))
                .collect();
            for (i, bytes) in sent.iter().enumerate() {
                writer
                    .write(bytes.clone(), key(bytes), 1_700_000_000_000_000_001 + i as i64)
                    .unwrap();
            }
            let gone = payload(header, &3u32.to_le_bytes());
            if $keyed {
                writer.dispose(gone.clone(), key(&gone), 1_800_000_000_000_000_000).unwrap();
            }
            let total = sent.len() + usize::from($keyed);
            wait("all samples", || sink.len() == total);
            let got = sink.samples();
            for (i, (sample, sent)) in got.iter().zip(&sent).enumerate() {
                assert_eq!(sample.payload, *sent);
                assert_eq!(sample.source_time, 1_700_000_000_000_000_001 + i as i64);
                // RustDDS spends a number on making itself known to a reader of Cyclone's.
                let number = got[0].sequence + i as u64;
                assert_eq!((sample.sequence, sample.writer), (number, writer.guid()));
                assert_eq!(sample.state, InstanceState::Alive);
            }
            if $keyed {
                assert_eq!(got[500].state, InstanceState::Disposed);
                assert_eq!((&got[500].payload, got[500].key), (&gone, key(&gone)));
            }
        }
    };
}

#[test]
fn samples_and_disposes_go_both_ways_unchanged() {
    let Pair { cyclone, rust } = pair(20);
    for keyed in [false, true] {
        one_way!(cyclone, rust, keyed);
        one_way!(rust, cyclone, keyed);
    }
}

#[test]
fn samples_of_4_mb_go_both_ways() {
    let Pair { cyclone, rust } = pair(21);
    let there = spec("large/there", false, patient());
    let back = spec("large/back", false, patient());
    let (at_rust, at_cyclone) = (Arc::new(Collect::default()), Arc::new(Collect::default()));
    let rust_reader = rust.reader(&there, at_rust.clone()).unwrap();
    let cyclone_reader = cyclone.reader(&back, at_cyclone.clone()).unwrap();
    let cyclone_writer = cyclone.writer(&there).unwrap();
    let rust_writer = rust.writer(&back).unwrap();
    wait("all to match", || {
        [cyclone_writer.matched(), rust_writer.matched(), rust_reader.matched()]
            .iter()
            .chain([&cyclone_reader.matched()])
            .all(|matched| !matched.is_empty())
    });
    let sent = large(4 << 20);
    for _ in 0..3 {
        cyclone_writer.write(sent.clone(), KeyHash::default(), 1).unwrap();
        rust_writer.write(sent.clone(), KeyHash::default(), 1).unwrap();
        assert!(rust_writer.wait_for_acknowledgments(Duration::from_secs(30)));
    }
    for sink in [at_rust, at_cyclone] {
        wait("three large samples", || sink.len() == 3);
        assert!(sink.samples().iter().all(|sample| sample.payload == sent), "a sample differs");
    }
}

#[test]
fn late_joiners_of_either_get_the_history_of_the_other() {
    let Pair { cyclone, rust } = pair(22);
    let durable = Qos { history: History::KeepLast(3), ..Qos::event() };
    let there = spec("late/there", true, durable.clone());
    let back = spec("late/back", true, durable);
    let cyclone_writer = cyclone.writer(&there).unwrap();
    let rust_writer = rust.writer(&back).unwrap();
    for i in 0..20 {
        let bytes = numbered(i % 2, i);
        cyclone_writer.write(bytes.clone(), key(&bytes), 1).unwrap();
        rust_writer.write(bytes.clone(), key(&bytes), 1).unwrap();
    }
    let (at_rust, at_cyclone) = (Arc::new(Collect::default()), Arc::new(Collect::default()));
    let _rust_reader = rust.reader(&there, at_rust.clone()).unwrap();
    let _cyclone_reader = cyclone.reader(&back, at_cyclone.clone()).unwrap();
    // Cyclone keeps the depth per instance; RustDDS per writer, so it is made to keep everything.
    wait("Cyclone's history", || at_rust.len() == 6);
    wait("RustDDS's history", || at_cyclone.len() == 20);
    let last: Vec<u64> = at_rust.samples().iter().map(|sample| sample.sequence).collect();
    assert_eq!(last, [15, 16, 17, 18, 19, 20]);
}

#[test]
fn each_sees_topics_types_and_policies_of_the_other_and_cyclone_its_name() {
    let Pair { cyclone, rust } = pair(23);
    let qos = Qos { lifespan: tidewire_qos::Duration::from_secs(5), ..Qos::event() };
    let cyclone_writer = cyclone.writer(&spec("found/there", true, qos.clone())).unwrap();
    let rust_writer = rust.writer(&spec("found/back", false, qos.clone())).unwrap();
    wait("discovery", || {
        rust.discovered().writers.contains_key(&cyclone_writer.guid())
            && cyclone.discovered().writers.contains_key(&rust_writer.guid())
    });
    let seen = rust.discovered();
    let found = &seen.writers[&cyclone_writer.guid()];
    assert_eq!((found.topic.as_str(), found.type_name.as_str()), ("found/there", "T"));
    assert!(found.guid.is_keyed());
    assert_eq!((found.qos.lifespan, found.qos.durability), (qos.lifespan, qos.durability));
    let participant = &seen.participants[&cyclone.prefix()];
    assert_eq!(participant.name.as_deref(), Some("cyclone"));
    assert_eq!(participant.vendor, [1, 0x10]);

    let seen = cyclone.discovered();
    let found = &seen.writers[&rust_writer.guid()];
    assert_eq!((found.topic.as_str(), found.type_name.as_str()), ("found/back", "T"));
    assert!(!found.guid.is_keyed());
    assert_eq!((found.qos.lifespan, found.qos.durability), (qos.lifespan, qos.durability));
    assert_eq!(seen.participants[&rust.prefix()].vendor, [1, 0x12]);

    drop((rust_writer, cyclone_writer));
    wait("the writers to go", || {
        rust.discovered().writers.is_empty() && cyclone.discovered().writers.is_empty()
    });
    drop(rust);
    wait("the participant to go", || cyclone.discovered().participants.is_empty());
}

#[test]
fn policies_that_do_not_fit_are_told_with_both_sides() {
    let Pair { cyclone, rust } = pair(24);
    let (tell, told) = std::sync::mpsc::channel();
    let tell = parking_lot::Mutex::new(tell);
    cyclone.observe(move |event| {
        if let DdsEvent::Incompatible { local, remote, offered, requested } = event {
            let policies: Vec<Policy> =
                check(offered, requested).into_iter().map(|mismatch| mismatch.policy).collect();
            let _ = tell.lock().send((*local, *remote, policies));
        }
    });
    let writer = rust.writer(&spec("misfit", false, Qos::reliable())).unwrap();
    let sink = Arc::new(Collect::default());
    let reader = cyclone.reader(&spec("misfit", false, Qos::event()), sink).unwrap();
    // A reader that names no representation takes XCDR2 too: that is no misfit.
    let xcdr2 = Qos { data_representation: vec![DataRepresentation::Xcdr2], ..Qos::reliable() };
    let fits = rust.writer(&spec("fits", false, xcdr2)).unwrap();
    let open = cyclone
        .reader(&spec("fits", false, Qos::reliable()), Arc::new(Collect::default()))
        .unwrap();
    wait("a match", || open.matched() == [fits.guid()]);
    let (local, remote, policies) = told.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!((local, remote), (reader.guid(), writer.guid()));
    assert_eq!(policies, [Policy::Durability]);
    assert!(reader.matched().is_empty());
    assert!(told.try_recv().is_err(), "one misfit is told once");
}

/// The shortest lease the bus lets writers on RustDDS offer.
#[test]
fn a_writer_on_rustdds_says_in_time_that_it_is_alive() {
    let Pair { cyclone, rust } = pair(28);
    let (tell, told) = std::sync::mpsc::channel();
    let tell = parking_lot::Mutex::new(tell);
    cyclone.observe(move |event| {
        if let DdsEvent::Status { status, .. } = event {
            let _ = tell.lock().send(*status);
        }
    });
    let mut qos = Qos::reliable();
    qos.liveliness.lease = tidewire_qos::Duration::from_secs(3);
    let sink = Arc::<Collect>::default();
    let reader = cyclone.reader(&spec("alive", true, qos.clone()), sink).unwrap();
    let writer = rust.writer(&spec("alive", true, qos)).unwrap();
    wait("both to match", || !writer.matched().is_empty() && !reader.matched().is_empty());
    std::thread::sleep(Duration::from_secs(8));
    let statuses: Vec<DdsStatus> = told.try_iter().collect();
    let [DdsStatus::LivelinessChanged { is_alive: Some(true), alive: 1, .. }] = statuses[..] else {
        panic!("{statuses:?}")
    };
}

#[test]
fn rustdds_tells_what_user_data_others_announce() {
    let Pair { cyclone, rust } = pair(29);
    let qos = Qos { user_data: b"line 4".to_vec(), ..Qos::reliable() };
    let writer = cyclone.writer(&spec("told", true, qos.clone())).unwrap();
    let sink = Arc::<Collect>::default();
    let reader = cyclone.reader(&spec("told", true, qos.clone()), sink).unwrap();
    wait("both", || {
        let known = rust.discovered();
        known.writers.contains_key(&writer.guid()) && known.readers.contains_key(&reader.guid())
    });
    let known = rust.discovered();
    assert_eq!(known.writers[&writer.guid()].qos.user_data, qos.user_data);
    assert_eq!(known.readers[&reader.guid()].qos.user_data, qos.user_data);
}

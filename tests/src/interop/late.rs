use std::collections::BTreeMap;

use serde_json::Value;
use tidewire_bus::{InstanceState, KeyHash, now_ns};
use tidewire_idl::{Encoding, KeyReader};
use tidewire_qos::{Durability, History, Qos};

use super::exchange::write;
use super::{Meeting, Vendor, Work, assert_same, by_instance, take};
use crate::PATIENCE;

const WRITTEN: u32 = 60;
const DEPTH: usize = 3;

fn durable(depth: usize) -> Qos {
    Qos {
        durability: Durability::TransientLocal,
        history: History::KeepLast(depth as u32),
        ..Qos::reliable()
    }
}

/// The last `DEPTH` samples of each instance.
fn history(work: &Work) -> BTreeMap<String, Vec<Value>> {
    let mut all = by_instance(work, (0..WRITTEN).map(|i| work.json(i, 0)));
    for samples in all.values_mut() {
        samples.drain(..samples.len() - DEPTH);
    }
    all
}

/// TRANSIENT_LOCAL history, both ways. From them exactly KEEP_LAST of each instance; from us at least
/// that (RustDDS keeps more), and always the newest.
///
/// # Panics
/// History differs.
pub fn late_joiners_get_history(vendor: Vendor, word: &'static str) {
    let Some(meeting) = Meeting::with(vendor) else { return };
    let work = Work::of(word);
    let wanted = history(&work);
    let kept = wanted.values().map(Vec::len).sum::<usize>();
    let peer = &meeting.peer;

    peer.tell(&format!("writer w past {word} transient_local keep_last={DEPTH}"), "created");
    peer.tell(&format!("write w 0 {WRITTEN}"), "written");
    let reader = meeting.reader(&work, "past", &durable(WRITTEN as usize));
    let samples = take(&reader, kept);
    let got = by_instance(&work, samples.iter().map(|sample| work.decode(&sample.payload)));
    assert_same(&got, &wanted);
    // And what comes then comes after.
    peer.tell(&format!("write w {WRITTEN} 1"), "written");
    let next = take(&reader, 1).remove(0);
    assert_eq!(work.decode(&next.payload), work.json(WRITTEN, 0));

    let writer = meeting.writer(&work, "our_past", &durable(DEPTH));
    for i in 0..WRITTEN {
        write(&writer, &work.payload(i, 0, Encoding::XCDR1));
    }
    peer.tell(&format!("reader late our_past {word} transient_local"), "created");
    writer.wait_for_readers(1, PATIENCE).expect("their reader is found");
    // A reader may be told one instance after the other; each ends with its newest sample.
    let all = by_instance(&work, (0..WRITTEN).map(|i| work.json(i, 0)));
    let mut told = BTreeMap::<String, Vec<Value>>::new();
    let complete = |told: &BTreeMap<String, Vec<Value>>| {
        all.iter().all(|(key, all)| told.get(key).and_then(|told| told.last()) == all.last())
    };
    while !complete(&told) {
        let value = peer.received(1)[0]["value"].clone();
        told.entry(work.key(&value)).or_default().push(value);
    }
    for (key, got) in told {
        let written = &all[&key];
        assert!(got.len() >= DEPTH, "{} of {key}", got.len());
        assert_eq!(got, written[written.len() - got.len()..], "{key}");
    }
    meeting.peer.quit();
}

/// Disposing and unregistering instances, both ways, by key.
///
/// # Panics
/// A dispose is missed, or names another instance.
pub fn disposes_go_both_ways(vendor: Vendor, word: &'static str) {
    let Some(meeting) = Meeting::with(vendor) else { return };
    let work = Work::of(word);
    their_disposes(&meeting, &work);
    our_disposes(&meeting, &work, false);
    meeting.peer.quit();
}

/// The same, where we dispose no instance but that of the sample before.
///
/// # Panics
/// A dispose is missed, or names another instance.
pub fn disposes_of_the_last_instance_go_both_ways(vendor: Vendor, word: &'static str) {
    let Some(meeting) = Meeting::with(vendor) else { return };
    let work = Work::of(word);
    their_disposes(&meeting, &work);
    our_disposes(&meeting, &work, true);
    meeting.peer.quit();
}

fn their_disposes(meeting: &Meeting, work: &Work) {
    let peer = &meeting.peer;
    let word = work.word;
    let reader = meeting.reader(work, "theirs", &Qos::reliable());
    peer.tell(&format!("writer w theirs {word}"), "created");
    peer.tell("await w 1", "matched");
    reader.wait_for_writers(1, PATIENCE).expect("their writer is found");
    peer.tell("write w 0 3 size=0", "written");
    let hashes: BTreeMap<String, KeyHash> = take(&reader, 3)
        .iter()
        .map(|sample| (work.key(&work.decode(&sample.payload)), sample.info.key))
        .collect();
    for (command, i) in [("dispose", 1), ("unregister", 2)] {
        peer.tell(&format!("{command} w {i}"), "written");
        let gone = take(&reader, 1).remove(0);
        assert_ne!(gone.info.state, InstanceState::Alive, "{command}");
        assert_eq!(gone.info.key, hashes[&work.key(&work.json(i, 0))], "{command}");
    }
    // An instance comes back to life.
    peer.tell("write w 1 1 size=0", "written");
    let back = take(&reader, 1).remove(0);
    assert_eq!(back.info.state, InstanceState::Alive);
    assert_eq!(work.decode(&back.payload), work.json(1, 0));
}

fn our_disposes(meeting: &Meeting, work: &Work, last: bool) {
    let peer = &meeting.peer;
    let keys = KeyReader::new(&work.ty).expect("a type with a key");
    let writer = meeting.writer(work, "ours", &Qos::reliable());
    peer.tell(&format!("reader r ours {}", work.word), "created");
    writer.wait_for_readers(1, PATIENCE).expect("their reader is found");
    peer.tell("await r 1", "matched");
    for i in 0..3 {
        write(&writer, &work.payload(i, 0, Encoding::XCDR1));
    }
    let payload = work.payload(1, 0, Encoding::XCDR1);
    peer.received(3);
    if last {
        write(&writer, &payload);
        peer.received(1);
    }
    let (key, hash) = (keys.key_payload(&payload), keys.key_hash(&payload));
    let (key, hash) = (key.expect("a key"), hash.expect("a key hash"));
    writer.dispose(&key, Some(hash), now_ns()).expect("disposed");
    let gone = peer.answer("gone", PATIENCE);
    assert_eq!(gone["state"], "disposed", "{gone}");
    assert_eq!(work.key(&gone["key"]), work.key(&work.json(1, 0)), "{gone}");
    write(&writer, &payload);
    assert_eq!(peer.received(1)[0]["value"], work.json(1, 0));
}

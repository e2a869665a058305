use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidewire_bus::{InstanceState, RawWriter, Sample, WriteError, now_ns};
use tidewire_idl::Encoding;
use tidewire_qos::{Qos, Reliability};

use super::{Meeting, Vendor, Work, assert_same, by_instance, in_encoding, option, take};
use crate::PATIENCE;

/// How many bytes the encapsulation header takes (RTPS 2.5, 10.2).
const ENCAPSULATION: usize = 4;

/// What goes from one to the other.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How many samples.
    pub count: u32,
    /// How many octets each holds, where it holds octets.
    pub size: usize,
    /// How they are encoded.
    pub encoding: Encoding,
}

impl Load {
    /// Samples without octets, XCDR1.
    pub const fn small(count: u32) -> Self {
        Self { count, size: 0, encoding: Encoding::XCDR1 }
    }

    /// Samples of `size` octets, XCDR1.
    pub const fn large(count: u32, size: usize) -> Self {
        Self { count, size, encoding: Encoding::XCDR1 }
    }

    /// The same under XCDR2.
    pub const fn xcdr2(self) -> Self {
        Self { encoding: Encoding::XCDR2, ..self }
    }
}

/// Theirs to ours and ours to theirs: values, keys, order within instances, payload bytes.
///
/// # Panics
/// Anything differs.
pub fn both_ways(vendor: Vendor, word: &'static str, load: Load) {
    to_and_fro(vendor, word, load, load);
}

/// As [`both_ways`], with a load of each one's own.
///
/// # Panics
/// Anything differs.
pub fn to_and_fro(vendor: Vendor, word: &'static str, from_them: Load, from_us: Load) {
    let Some(meeting) = Meeting::with(vendor) else { return };
    let work = Work::of(word);
    theirs(&meeting, &work, from_them);
    ours(&meeting, &work, from_us);
    meeting.peer.quit();
}

/// Their samples as our reader gets them.
///
/// # Panics
/// Any differs.
pub fn theirs(meeting: &Meeting, work: &Work, load: Load) {
    let topic = format!("theirs/{}_{}", work.word, load.size);
    let reader = meeting.reader(work, &topic, &Qos::reliable());
    let peer = &meeting.peer;
    peer.tell(&format!("writer w {topic} {} {}", work.word, option(load.encoding)), "created");
    peer.tell("await w 1", "matched");
    reader.wait_for_writers(1, PATIENCE).expect("their writer is found");
    peer.send(&format!("write w 0 {} size={}", load.count, load.size));
    let samples = take(&reader, load.count as usize);
    peer.answer("written", PATIENCE);
    check(work, &samples, load);
    assert_eq!(reader.lost(), 0);
    peer.tell("close w", "closed");
}

/// That `samples` are those of `load`, bytes and keys included.
///
/// # Panics
/// They are not.
pub fn check(work: &Work, samples: &[Sample], load: Load) {
    let wanted = by_instance(work, (0..load.count).map(|i| work.json(i, load.size)));
    let got = by_instance(work, samples.iter().map(|sample| work.decode(&sample.payload)));
    assert_same(&got, &wanted);

    // Their serialiser and ours agree byte for byte.
    let mut numbers = BTreeMap::<String, Vec<u32>>::new();
    for i in (0..load.count).rev() {
        numbers.entry(work.key(&work.json(i, 0))).or_default().push(i);
    }
    let mut hashes = BTreeMap::new();
    for sample in samples {
        assert_eq!(sample.info.state, InstanceState::Alive);
        assert!(sample.info.source_time > 1_700_000_000_000_000_000, "{}", sample.info.source_time);
        let key = work.key(&work.decode(&sample.payload));
        let i = numbers.get_mut(&key).and_then(Vec::pop).expect("as many as were written");
        let same = work.payload(i, load.size, load.encoding);
        // A parameter list may be written in more than one way.
        if !work.mutable() {
            assert_bytes(work, &sample.payload, &same, i);
        }
        // Each instance has one key hash, and no other has it.
        let hash = *hashes.entry(key.clone()).or_insert(sample.info.key);
        assert_eq!(hash, sample.info.key, "key hash of {key}");
    }
    let different: BTreeSet<_> = hashes.values().collect();
    assert_eq!(different.len(), hashes.len(), "instances share a key hash");
}

/// RTPS aligns a payload to 4 bytes (RTPS 2.5, 9.4.5.4); some vendors let a reader see that. The two
/// option bytes may tell how many they are.
fn unpadded(bytes: &[u8], length: usize) -> Vec<u8> {
    let extra = bytes.len().checked_sub(length);
    assert!(extra.is_some_and(|extra| extra < 4), "{} bytes, not {length}", bytes.len());
    let mut bytes = bytes[..length].to_vec();
    bytes[2..4].fill(0);
    bytes
}

/// That sample `i` has the same bytes, but for those that mean nothing.
pub(super) fn assert_bytes(work: &Work, got: &[u8], same: &[u8], i: u32) {
    let differs = differing(work, &unpadded(got, same.len()), same);
    assert!(differs.is_empty(), "bytes {differs:?} of sample {i} differ");
}

/// Where `got` is not `same`, but for gaps before aligned values: their content means nothing, and Fast CDR
/// leaves there what the buffer held before.
fn differing(work: &Work, got: &[u8], same: &[u8]) -> Vec<usize> {
    let different = (0..same.len()).filter(|at| got[*at] != same[*at]);
    different.filter(|at| !is_gap(work, same, *at)).collect()
}

/// Whether the value stays the same whatever byte is there.
fn is_gap(work: &Work, payload: &[u8], at: usize) -> bool {
    let mut other = payload.to_vec();
    other[at] = !other[at];
    let value = |payload| tidewire_idl::decode(&work.ty, payload).ok();
    at >= ENCAPSULATION && value(&other) == value(payload)
}

/// RELIABLE, with time for the first sample: a reader on Cyclone DDS may need a second or two.
fn patient() -> Qos {
    let max_blocking_time = tidewire_qos::Duration::from_secs(5);
    Qos { reliability: Reliability::Reliable { max_blocking_time }, ..Qos::reliable() }
}

/// Our samples as their reader gets them.
///
/// # Panics
/// Any differs.
pub fn ours(meeting: &Meeting, work: &Work, load: Load) {
    let topic = format!("ours/{}_{}", work.word, load.size);
    let writer = meeting.writer(work, &topic, &in_encoding(patient(), load.encoding));
    let peer = &meeting.peer;
    peer.tell(&format!("reader r {topic} {} {}", work.word, option(load.encoding)), "created");
    writer.wait_for_readers(1, PATIENCE).expect("their reader is found");
    peer.tell("await r 1", "matched");
    for i in 0..load.count {
        write(&writer, &work.payload(i, load.size, load.encoding));
    }
    // Lost fragments are repaired a few at a time.
    let patience = if load.size > 1 << 20 { 4 * PATIENCE } else { PATIENCE };
    let told: Vec<Value> = (0..load.count).map(|_| peer.answer("received", patience)).collect();
    let got = by_instance(work, told.iter().map(|line| line["value"].clone()));
    let wanted = by_instance(work, (0..load.count).map(|i| work.json(i, load.size)));
    assert_same(&got, &wanted);
    for line in told.iter().filter(|line| line["bytes"].is_string()) {
        let length = line["length"].as_u64().unwrap_or_default();
        assert_eq!(line["bytes"].as_str().map_or(0, str::len) as u64, 2 * length);
    }
    peer.tell("close r", "closed");
}

/// Writes, however long a reader takes to make room.
///
/// # Panics
/// It takes for ever.
pub fn write(writer: &RawWriter, payload: &[u8]) {
    for _ in 0..PATIENCE.as_secs() {
        match writer.write(payload, now_ns(), None) {
            Ok(()) => return,
            Err(WriteError::Timeout { .. }) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("no reader makes room");
}

/// What a JSON value is where a version of its type does not say.
pub fn default_like(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => serde_json::json!(0.0),
        Value::Number(_) => serde_json::json!(0),
        Value::Array(_) => serde_json::json!([]),
        Value::String(_) => serde_json::json!(""),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_gaps_may_hold_anything() {
        let work = Work::of("Valve");
        let same = work.payload(184, 0, Encoding::XCDR1);
        // "line-1" ends one byte before `number` is aligned; 4 bytes lie between the empty sequence and `opened`.
        let gaps: Vec<_> = (0..same.len()).filter(|at| is_gap(&work, &same, *at)).collect();
        assert_eq!(gaps, [15_usize, 32, 33, 34, 35]);
        let mut got = same.clone();
        for at in gaps {
            got[at] = 0xa5;
        }
        assert!(differing(&work, &got, &same).is_empty());
        got[16] ^= 1;
        assert_eq!(differing(&work, &got, &same), [16_usize]);
    }
}

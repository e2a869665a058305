//! The bytes on disk, as `docs/format.md` draws them. A change here is a new format version.

mod common;

use std::fs;

use common::*;
use tidewire_store::{Store, TopicMeta};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_manifest_is_this_text() {
    let dir = tempfile::tempdir().unwrap();
    Store::open(dir.path(), fast()).unwrap().close().unwrap();
    let text = fs::read_to_string(dir.path().join("tidewire.json")).unwrap();
    let (head, tail) = text.split_once("\"created_ns\": ").unwrap();
    assert_eq!(
        head,
        "{\n  \"kind\": \"tidewire recording\",\n  \"format\": 1,\n  \"period_s\": 3600,\n  \
         \"partition\": \"point\",\n  "
    );
    assert!(tail.trim_end().trim_end_matches('}').trim().parse::<i64>().is_ok());
}

#[test]
fn journal_and_catalog_are_these_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), lazy()).unwrap();
    let topic = store.register_topic(&TopicMeta::raw("t", "T")).unwrap();
    store.append(topic, &sample("p1", 0x0102, 3, b"\x00\x01\x00\x00abcd")).unwrap();
    store.sync().unwrap();
    store.abandon();
    let journal = fs::read(dir.path().join("journal/00000000000000000001.twj")).unwrap();
    let expected = [
        // header: magic, version, length, first seq, follows, reserved, CRC-32
        "54 57 4a 52 4e 4c 0d 0a 01 00 00 00 28 00 00 00",
        "01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
        "00 00 00 00",
    ];
    assert_eq!(hex(&journal[..36]), expected.join(" "));
    assert_eq!(journal[36..40], crc32fast::hash(&journal[..36]).to_le_bytes());
    // mark: length, CRC-32, kind, durable
    assert_eq!(hex(&journal[40..44]), "10 00 00 00");
    assert_eq!(hex(&journal[48..64]), "02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
    // sample: length, CRC-32, kind, state, series, seq, source, reception, sequence, writer, key
    assert_eq!(hex(&journal[64..68]), "50 00 00 00");
    assert_eq!(journal[68..72], crc32fast::hash(&journal[72..]).to_le_bytes());
    let body = [
        "01 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00",
        "02 01 00 00 00 00 00 00 ea 04 00 00 00 00 00 00",
        "03 00 00 00 00 00 00 00 02 02 02 02 02 02 02 02",
        "02 02 02 02 02 02 02 02 07 07 07 07 07 07 07 07",
        "07 07 07 07 07 07 07 07 00 01 00 00 61 62 63 64",
    ];
    assert_eq!(hex(&journal[72..]), body.join(" "));
    let catalog = fs::read(dir.path().join("catalog.twl")).unwrap();
    assert_eq!(hex(&catalog[..16]), "54 57 43 41 54 4c 0d 0a 01 00 00 00 28 00 00 00");
    let json = br#"{"name":"t","type_name":"T","keyed":false,"qos":null}"#;
    assert!(catalog.windows(json.len()).any(|w| w == json));
    // series 0 of topic 0: kind, id, topic, reserved, point
    let series = [4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b'p', b'1'];
    assert!(catalog.windows(series.len()).any(|w| w == series));
}

#[test]
fn shards_lie_by_period_and_point_and_hold_these_keys() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), lazy()).unwrap();
    let topic = store.register_topic(&TopicMeta::raw("t", "T")).unwrap();
    let time = 1_795_305_600_000_000_000 + 5_400_000_000_000; // 2026-11-22 01:30 UTC
    store.append(topic, &sample("plant/pump1", time, 3, b"abcd")).unwrap();
    store.close().unwrap();
    let path = dir.path().join("shards/20261122T010000Z/plant%2Fpump1/data.mdb");
    let bytes = fs::read(path).unwrap();
    let key = |tag: u8| {
        let mut key = vec![tag, 0, 0, 0, 0];
        key.extend_from_slice(&(time as u64 ^ 1 << 63).to_be_bytes());
        key.extend_from_slice(&1u64.to_be_bytes());
        key
    };
    for key in [key(b'B'), key(b'I'), b"S\0\0\0\0".to_vec(), b"W\0\0\0\0".to_vec()] {
        assert!(bytes.windows(key.len()).any(|w| w == key), "{}", hex(&key));
    }
    assert!(bytes.windows(17).any(|w| w == b"\0\0\0\0t\0plant/pump1"));
}

//! Bytes made by Cyclone DDS (`tests/interop/golden/make_golden.py` in the repository's root), not
//! by us: decoding gives the values, encoding gives the bytes.

use std::path::Path;

use serde_json::Value as Json;
use tidewire_idl::{Codec, Encoding, Endian, KeyReader, Representation, TypeRegistry, Value};

const ENCODINGS: [&str; 4] = ["xcdr1_le", "xcdr1_be", "xcdr2_le", "xcdr2_be"];

fn encoding(name: &str) -> Encoding {
    let representation = match &name[..5] {
        "xcdr1" => Representation::Xcdr1,
        _ => Representation::Xcdr2,
    };
    let endian = if name.ends_with("le") { Endian::Little } else { Endian::Big };
    Encoding { representation, endian }
}

fn load(name: &str) -> Vec<Json> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let json: Json = serde_json::from_str(&text).unwrap();
    assert!(json["made_by"].as_str().unwrap().starts_with("Cyclone DDS"));
    json["cases"].as_array().unwrap().clone()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn registry(case: &Json) -> TypeRegistry {
    let mut types = TypeRegistry::new();
    let idl = case["idl"].as_str().unwrap();
    types.add_str("golden.idl", idl).unwrap_or_else(|e| panic!("{e}\n{idl}"));
    types
}

/// Checks all samples of a file; returns how many payloads there were.
fn check(file: &str) -> usize {
    let mut checked = 0;
    for case in load(file) {
        let name = case["type"].as_str().unwrap();
        let descriptor = registry(&case).get(name).unwrap();
        let codec = Codec::new(&descriptor).unwrap();
        for sample in case["samples"].as_array().unwrap() {
            let value = Value::from_json(&descriptor, &sample["value"])
                .unwrap_or_else(|e| panic!("{name}: {e}"));
            for key in ENCODINGS {
                let Some(golden) = sample[key].as_str() else { continue };
                let golden = unhex(golden);
                let decoded = codec.decode(&golden);
                let decoded = decoded.unwrap_or_else(|e| panic!("{name} {key}: {e}\n{sample}"));
                assert_eq!(decoded, value, "{name} {key}");
                let encoded = codec.encode(&value, encoding(key)).unwrap();
                assert_eq!(hex(&encoded), hex(&golden), "{name} {key}\n{value}");
                checked += 1;
            }
        }
    }
    checked
}

#[test]
fn final_types_match_cyclone() {
    assert_eq!(check("final.json"), 7 * 6 * 4);
}

#[test]
fn appendable_types_match_cyclone() {
    assert_eq!(check("appendable.json"), 5 * 6 * 4);
}

#[test]
fn mutable_types_match_cyclone() {
    assert_eq!(check("mutable.json"), 6 * 6 * 4);
}

#[test]
fn bit_bounds_match_cyclone() {
    assert_eq!(check("bit_bound.json"), 2 * 6 * 2);
}

#[test]
fn keys_match_cyclone() {
    assert_eq!(check("keys.json"), 12 * 6 * 4);
    let mut hashes = 0;
    for case in load("keys.json") {
        let name = case["type"].as_str().unwrap();
        let descriptor = registry(&case).get(name).unwrap();
        let keys = KeyReader::new(&descriptor).unwrap();
        let codec = Codec::new(&descriptor).unwrap();
        for sample in case["samples"].as_array().unwrap() {
            for representation in ["xcdr1", "xcdr2"] {
                let little = format!("{representation}_le");
                let payload = unhex(sample[&little].as_str().unwrap());
                let key = unhex(sample["key"][&little].as_str().unwrap());
                assert_eq!(hex(&keys.key_payload(&payload).unwrap()), hex(&key), "{name} {little}");
                codec.decode_key(&key).unwrap();
                let Some(golden) = sample["key_hash"][representation].as_str() else { continue };
                hashes += 1;
                let sent = keys.key_hash_sent(&payload).unwrap();
                assert_eq!(hex(&sent.0), golden, "{name} {representation} {}", sample["value"]);
                let big = unhex(sample[&format!("{representation}_be")].as_str().unwrap());
                assert_eq!(keys.key_hash_sent(&big).unwrap(), sent, "{name} {representation}");
                // Ours is the same for both.
                let Some(golden) = sample["key_hash"]["xcdr1"].as_str() else { continue };
                let hash = keys.key_hash(&payload).unwrap();
                assert_eq!(hex(&hash.0), golden, "{name} {representation} {}", sample["value"]);
                assert_eq!(keys.key_hash_of_key(&key).unwrap(), hash, "{name} {representation}");
                assert_eq!(keys.key_hash(&big).unwrap(), hash, "{name} {representation}");
            }
        }
    }
    assert!(hashes >= 12 * 6, "{hashes} key hashes");
}

/// What Cyclone's Python package cannot make: wide strings, enums of 8 and 16 bits under XCDR1, and
/// hashes of short keys that have no bound. Written by its C library.
#[test]
fn what_only_the_c_library_makes_matches() {
    assert_eq!(check("core.json"), (2 + 2 + 2 + 2 + 1 + 2) * 2);
    let mut hashes = 0;
    for case in load("core.json") {
        let descriptor = registry(&case).get(case["type"].as_str().unwrap()).unwrap();
        let Some(keys) = KeyReader::new(&descriptor) else { continue };
        for sample in case["samples"].as_array().unwrap() {
            for representation in ["xcdr1", "xcdr2"] {
                let payload = unhex(sample[format!("{representation}_le")].as_str().unwrap());
                let hash = keys.key_hash_sent(&payload).unwrap();
                let golden = sample["key_hash"][representation].as_str().unwrap();
                assert_eq!(hex(&hash.0), golden, "{representation} {}", sample["value"]);
                hashes += 1;
            }
        }
    }
    assert_eq!(hashes, (2 + 1 + 2) * 2);
}

#[test]
fn older_and_newer_versions_read_as_cyclone_reads_them() {
    let cases = load("evolution.json");
    assert!(cases.len() >= 24);
    for case in cases {
        let types = registry(&case);
        let reader = types.get(case["reader"].as_str().unwrap()).unwrap();
        let expected = Value::from_json(&reader, &case["read"]).unwrap();
        let payload = unhex(case["payload"].as_str().unwrap());
        let read = tidewire_idl::decode(&reader, &payload);
        let read = read.unwrap_or_else(|e| panic!("{e}: {case}"));
        assert_eq!(read, expected, "{case}");
    }
}

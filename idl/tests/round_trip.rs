//! Whatever the type and the value: what is written is read back, keys and columns agree with the
//! values, and broken bytes are errors.

#[path = "support/random.rs"]
mod random;

use std::sync::Arc;

use random::{Dice, Rng};
use tidewire_idl::{
    Codec, ColumnSink, ColumnType, Columns, Definition, Encoding, KeyReader, TypeDescriptor, Value,
};

const ENCODINGS: [Encoding; 4] =
    [Encoding::XCDR1, Encoding::XCDR1.big_endian(), Encoding::XCDR2, Encoding::XCDR2.big_endian()];

#[test]
fn values_survive_every_encoding_and_json() {
    for seed in 0..1500 {
        let mut rng = Rng(seed);
        let descriptor = random::descriptor(&mut rng);
        let codec = Codec::new(&descriptor).unwrap();
        for _ in 0..3 {
            let value = random::value(&descriptor, &mut rng);
            for encoding in ENCODINGS {
                let payload = codec.encode(&value, encoding).unwrap();
                let back = codec.decode(&payload);
                let back = back.unwrap_or_else(|e| panic!("{seed} {encoding:?}: {e}\n{value}"));
                assert_eq!(back, value, "seed {seed} {encoding:?}");
            }
            let json = value.to_json();
            let back = codec.value_from_json(&json);
            let back = back.unwrap_or_else(|e| panic!("seed {seed}: {e}\n{json}"));
            assert_eq!(back, value, "seed {seed} {json}");
        }
        // A description survives a recording.
        let text = serde_json::to_string(&descriptor).unwrap();
        assert_eq!(serde_json::from_str::<TypeDescriptor>(&text).unwrap(), descriptor);
    }
}

#[test]
fn keys_are_the_same_from_samples_and_from_keys() {
    let mut keyed = 0;
    for seed in 0..1500 {
        let mut rng = Rng(seed);
        let descriptor = random::descriptor(&mut rng);
        let Some(keys) = KeyReader::new(&descriptor) else { continue };
        let codec = Codec::new(&descriptor).unwrap();
        let value = random::value(&descriptor, &mut rng);
        let mut hashes = Vec::new();
        for encoding in ENCODINGS {
            let payload = codec.encode(&value, encoding).unwrap();
            let Ok(hash) = keys.key_hash(&payload) else {
                // Mutable unions have no key form.
                assert!(has_mutable_union(&descriptor), "seed {seed}");
                continue;
            };
            let key = keys.key_payload(&payload).unwrap();
            assert_eq!(keys.key_hash_of_key(&key).unwrap(), hash, "seed {seed} {encoding:?}");
            codec.decode_key(&key).unwrap_or_else(|e| panic!("seed {seed} {encoding:?}: {e}"));
            let other = keys.transcode_key(&key, encoding).unwrap();
            assert_eq!(other, key, "seed {seed} {encoding:?}");
            hashes.push(hash);
            keyed += 1;
        }
        hashes.dedup();
        assert!(hashes.len() <= 1, "seed {seed}: an instance has one hash: {hashes:?}");
    }
    assert!(keyed > 500, "{keyed}");
}

#[test]
fn an_instance_is_the_same_however_it_is_encoded() {
    // XCDR1 pads before the `long long`, XCDR2 does not; it puts a delimiter before the enums.
    let mut types = tidewire_idl::TypeRegistry::new();
    let idl = "@final struct Uneven { @key long a; double value; @key long long b; };\n\
               enum E { ZERO, ONE };\n\
               @mutable struct Deep { @key @id(9) Uneven uneven; @key @id(2) string<5> name; };\n\
               @appendable struct Enums { @key E enums[2]; @key Uneven uneven; };";
    types.add_str("uneven.idl", idl).unwrap();
    let uneven = serde_json::json!({ "a": 1, "value": 0.5, "b": 2 });
    for (name, json) in [
        ("Uneven", uneven.clone()),
        ("Deep", serde_json::json!({ "uneven": uneven, "name": "x" })),
        ("Enums", serde_json::json!({ "enums": ["ZERO", "ONE"], "uneven": uneven })),
    ] {
        let t = types.get(name).unwrap();
        let (codec, keys) = (Codec::new(&t).unwrap(), KeyReader::new(&t).unwrap());
        let value = codec.value_from_json(&json).unwrap();
        let encoded = |encoding| codec.encode(&value, encoding).unwrap();
        let hash = keys.key_hash(&encoded(Encoding::XCDR1)).unwrap();
        for encoding in ENCODINGS {
            let payload = encoded(encoding);
            assert_eq!(keys.key_hash(&payload).unwrap(), hash, "{name} {encoding:?}");
            let key = keys.key_payload(&payload).unwrap();
            assert_eq!(keys.key_hash_of_key(&key).unwrap(), hash, "{name} {encoding:?}");
        }
        let sent = keys.key_hash_sent(&encoded(Encoding::XCDR2)).unwrap();
        assert_ne!(sent, hash, "{name} is no example");
    }
}

#[test]
fn a_union_belongs_to_a_key_as_a_whole() {
    let mut types = tidewire_idl::TypeRegistry::new();
    let idl = "struct P { @key octet id; long rest; };\n\
               union I switch (@key long) { case 3: long i; };\n\
               union U switch (long) { case 0: P p; case 1: I i; default: octet o; };\n\
               struct T { @key U u; double value; };";
    types.add_str("union.idl", idl).unwrap();
    let t = types.get("T").unwrap();
    let (codec, keys) = (Codec::new(&t).unwrap(), KeyReader::new(&t).unwrap());
    let of = |rest: i32| {
        let json = serde_json::json!({ "u": { "p": { "id": 1, "rest": rest } }, "value": 0.5 });
        codec.value_from_json(&json).unwrap()
    };
    for encoding in ENCODINGS {
        let payload = codec.encode(&of(7), encoding).unwrap();
        let key = keys.key_payload(&payload).unwrap();
        assert_eq!(keys.key_hash_of_key(&key), keys.key_hash(&payload), "{encoding:?}");
        assert_eq!(codec.decode_key(&key).unwrap().get("u.p.rest"), Some(&Value::I32(7)));
        let other = codec.encode(&of(8), encoding).unwrap();
        assert_ne!(keys.key_hash(&other), keys.key_hash(&payload), "{encoding:?}");
        // Inside, a discriminator that is the key elsewhere is not all of it.
        let json = serde_json::json!({ "u": { "i": { "i": 77 } } });
        let payload = codec.encode(&codec.value_from_json(&json).unwrap(), encoding).unwrap();
        let key = keys.key_payload(&payload).unwrap();
        assert_eq!(keys.key_hash_of_key(&key), keys.key_hash(&payload), "{encoding:?}");
        assert_eq!(codec.decode_key(&key).unwrap().get("u.i.i"), Some(&Value::I32(77)));
    }
}

fn has_mutable_union(descriptor: &TypeDescriptor) -> bool {
    descriptor.types.values().any(|d| {
        matches!(d, Definition::Union { extensibility: tidewire_idl::Extensibility::Mutable, .. })
    })
}

/// Keeps what it gets as JSON.
struct Sink(Vec<Option<serde_json::Value>>, Vec<usize>);

impl Sink {
    fn put(&mut self, column: usize, value: serde_json::Value) {
        self.0[column] = Some(value);
        self.1[column] += 1;
    }
}

impl ColumnSink for Sink {
    fn null(&mut self, column: usize) {
        self.put(column, serde_json::Value::Null);
    }
    fn bool(&mut self, column: usize, value: bool) {
        self.put(column, value.into());
    }
    fn i64(&mut self, column: usize, value: i64) {
        self.put(column, value.into());
    }
    fn u64(&mut self, column: usize, value: u64) {
        self.put(column, value.into());
    }
    fn f32(&mut self, column: usize, value: f32) {
        self.put(column, Value::F32(value).to_json());
    }
    fn f64(&mut self, column: usize, value: f64) {
        self.put(column, Value::F64(value).to_json());
    }
    fn text(&mut self, column: usize, value: &str) {
        self.put(column, value.into());
    }
    fn bytes(&mut self, column: usize, value: &[u8]) {
        self.put(column, Value::Bytes(value.to_vec()).to_json());
    }
}

#[test]
fn columns_hold_what_decoding_finds() {
    let mut compared = 0;
    for seed in 0..1500 {
        let mut rng = Rng(seed);
        let descriptor = Arc::new(random::descriptor(&mut rng));
        let codec = Codec::new(&descriptor).unwrap();
        let columns = Columns::new(&descriptor);
        let value = random::value(&descriptor, &mut rng);
        for encoding in ENCODINGS {
            let payload = codec.encode(&value, encoding).unwrap();
            let count = columns.columns().len();
            let mut sink = Sink(vec![None; count], vec![0; count]);
            columns.read(&payload, &mut sink).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            assert!(sink.1.iter().all(|n| *n == 1), "seed {seed}: {:?}", sink.1);
            for (column, got) in columns.columns().iter().zip(&sink.0) {
                let got = got.as_ref().unwrap();
                // An absent struct has no members to look up.
                let Some(expected) = value.get(&column.name) else {
                    assert!(got.is_null(), "seed {seed} {}", column.name);
                    continue;
                };
                let expected = match (column.ty, expected) {
                    (_, Value::Null) => serde_json::Value::Null,
                    (ColumnType::Json, v) => v.to_json().to_string().into(),
                    (ColumnType::U64, Value::Bitmask { value, .. }) => (*value).into(),
                    (_, v) => v.to_json(),
                };
                assert_eq!(*got, expected, "seed {seed} {}", column.name);
                compared += 1;
            }
        }
    }
    assert!(compared > 10_000, "{compared}");
}

/// Refuses nothing, keeps nothing.
struct Null;

impl ColumnSink for Null {
    fn null(&mut self, _: usize) {}
    fn bool(&mut self, _: usize, _: bool) {}
    fn i64(&mut self, _: usize, _: i64) {}
    fn u64(&mut self, _: usize, _: u64) {}
    fn f32(&mut self, _: usize, _: f32) {}
    fn f64(&mut self, _: usize, _: f64) {}
    fn text(&mut self, _: usize, _: &str) {}
    fn bytes(&mut self, _: usize, _: &[u8]) {}
}

#[test]
fn cut_and_mutated_payloads_never_panic() {
    let mut errors = 0;
    for seed in 0..400 {
        let mut rng = Rng(seed);
        let descriptor = Arc::new(random::descriptor(&mut rng));
        let codec = Codec::new(&descriptor).unwrap();
        let columns = Columns::new(&descriptor);
        let keys = KeyReader::new(&descriptor);
        let value = random::value(&descriptor, &mut rng);
        for encoding in ENCODINGS {
            let payload = codec.encode(&value, encoding).unwrap();
            let mut inputs: Vec<Vec<u8>> =
                (0..payload.len()).step_by(3).map(|n| payload[..n].to_vec()).collect();
            for _ in 0..40 {
                let mut broken = payload.clone();
                for _ in 0..1 + rng.below(3) {
                    let at = rng.below(broken.len());
                    broken[at] = match rng.below(4) {
                        0 => 0xff,
                        1 => 0,
                        2 => broken[at] ^ (1 << rng.below(8)),
                        _ => rng.next() as u8,
                    };
                }
                inputs.push(broken);
            }
            inputs.push([&payload[..], &[0; 9]].concat());
            for input in inputs {
                if let Err(error) = codec.decode(&input) {
                    errors += 1;
                    assert!(error.offset().is_none_or(|o| o <= input.len() + 8), "{error}");
                    assert!(!error.to_string().is_empty());
                }
                let _ = codec.decode_key(&input);
                let _ = columns.read(&input, &mut Null);
                if let Some(keys) = &keys {
                    let _ = keys.key_hash(&input);
                    let _ = keys.key_payload(&input);
                    let _ = keys.point(&input);
                }
            }
        }
    }
    assert!(errors > 1000, "{errors}");
}

#[test]
fn hostile_descriptions_are_refused() {
    let refuse = |json: serde_json::Value| {
        let descriptor: TypeDescriptor = serde_json::from_value(json).unwrap();
        let error = Codec::new(&descriptor).unwrap_err().to_string();
        assert!(KeyReader::new(&descriptor).is_none());
        let columns = Columns::new(&descriptor);
        assert!(columns.columns().is_empty());
        assert_eq!(columns.read(&[0, 1, 0, 0], &mut Null).unwrap_err().to_string(), error);
        error
    };
    let of = |ty: serde_json::Value| {
        serde_json::json!({ "name": "T", "types": { "T": { "kind": "struct", "extensibility": "final",
            "base": null, "members": [{ "name": "m", "id": 0, "ty": ty }] } } })
    };
    assert!(refuse(of(serde_json::json!({ "named": "T" }))).contains("contains itself"));
    assert!(refuse(of(serde_json::json!({ "named": "X" }))).contains("not contained"));
    let byte = serde_json::json!({ "primitive": "u8" });
    let huge =
        serde_json::json!({ "array": { "element": byte, "dims": [4294967295u32, 4294967295u32] } });
    assert!(refuse(of(huge)).contains("elements"));
    let mut deep = byte;
    for _ in 0..100 {
        deep = serde_json::json!({ "sequence": { "element": deep, "bound": null } });
    }
    assert!(refuse(of(deep)).contains("nest deeper"));
    assert!(refuse(serde_json::json!({ "name": "T", "types": {} })).contains("not contained"));
}

/// Looked at part by part, most of these keys would take years.
#[test]
fn keys_of_many_parts_are_prepared() {
    let nested = (0..20).fold("octet".to_owned(), |element, _| format!("sequence<{element}>"));
    let bounded = (0..20).fold("Empty".to_owned(), |element, _| format!("sequence<{element}, 16>"));
    let mut idl = format!(
        "struct Empty {{ }}; struct Nested {{ @key {nested} m; }};\n\
         struct Bounded {{ @key {bounded} m; }};\n\
         struct Optional0 {{ }};\n"
    );
    for i in 0..40 {
        let next = i + 1;
        let two = format!("@optional Optional{i} a; @optional Optional{i} b;");
        idl += &format!("struct Optional{next} {{ {two} }};\n");
    }
    idl += "struct Doubling { @key octet id; @key Optional40 m; };\n\
            struct Wide { @key sequence<sequence<Optional40, 16>, 16> m; };\n\
            struct Empties { @key octet id; @key Empty m[65536]; };\n";
    let mut types = tidewire_idl::TypeRegistry::new();
    types.add_str("parts.idl", &idl).unwrap();
    let fits = |name: &str| KeyReader::new(&types.get(name).unwrap()).unwrap().always_fits();
    assert_eq!(fits("Nested"), [false; 2]);
    assert_eq!(fits("Bounded"), [false; 2]);
    assert_eq!(fits("Doubling"), [true; 2]);
    assert_eq!(fits("Wide"), [false; 2]);
    assert_eq!(fits("Empties"), [true; 2]);
}

#[test]
fn missing_members_do_not_allocate_without_input() {
    // Each element of 4 bytes on the wire stands for 8 MiB of defaults.
    let mut types = tidewire_idl::TypeRegistry::new();
    types
        .add_str(
            "a.idl",
            "@appendable struct E { double a[1048576]; }; struct T { sequence<E> list; };",
        )
        .unwrap();
    let t = types.get("T").unwrap();
    let mut payload = vec![0, 7, 0, 0];
    payload.extend_from_slice(&4004u32.to_le_bytes());
    payload.extend_from_slice(&1000u32.to_le_bytes());
    payload.extend(std::iter::repeat_n(0, 4000));
    let error = tidewire_idl::decode(&t, &payload).unwrap_err();
    assert_eq!(error.path(), "list[0].a");
    assert!(error.to_string().contains("more memory"), "{error}");
}

//! Fields read one by one are what decoding gives, whatever the type, the value and the encoding.

#[path = "support/random.rs"]
mod random;

use random::{Dice, Rng};
use tidewire_idl::cdr::{FieldStep, FieldType, FieldValue, Fields};
use tidewire_idl::{Codec, Encoding, KeyReader, TypeHandle, TypeRegistry, Value};

const ENCODINGS: [Encoding; 4] =
    [Encoding::XCDR1, Encoding::XCDR1.big_endian(), Encoding::XCDR2, Encoding::XCDR2.big_endian()];

type Leaf = (Vec<FieldStep>, FieldValue<'static>);

/// Every single value and the way to it. `grid` counts indexes that belong to one array.
fn leaves(value: &Value, path: &mut Vec<FieldStep>, out: &mut Vec<Leaf>) {
    let mut below = |step: FieldStep, value: &Value, path: &mut Vec<FieldStep>| {
        path.push(step);
        leaves(value, path, out);
        path.pop();
    };
    let member = |name: &str| FieldStep::Member(name.to_owned());
    match value {
        Value::Null => {}
        Value::Struct(members) => {
            for (name, value) in members {
                below(member(name), value, path);
            }
        }
        Value::Union { discriminator, member: chosen } => {
            below(member("$discriminator"), discriminator, path);
            if let Some((name, value)) = chosen {
                below(member(name), value, path);
            }
        }
        Value::Sequence(items) => {
            for (i, value) in items.iter().enumerate() {
                below(FieldStep::Index(i), value, path);
            }
        }
        // Of how many dimensions is not seen.
        Value::Bytes(_) => {}
        single => out.push((path.clone(), of(single))),
    }
}

fn of(value: &Value) -> FieldValue<'static> {
    match value {
        Value::Bool(v) => FieldValue::Bool(*v),
        Value::U64(v) | Value::Bitmask { value: v, .. } => FieldValue::U64(*v),
        Value::F32(v) => FieldValue::F32(*v),
        Value::F64(v) => FieldValue::F64(*v),
        Value::Char(v) => FieldValue::Char(*v),
        Value::String(v) => FieldValue::Text(v.clone().into()),
        other => FieldValue::I64(other.as_i64().unwrap()),
    }
}

#[test]
fn every_field_is_what_decoding_gives() {
    let (mut read, mut of_keys) = (0, 0);
    for seed in 0..1500 {
        let mut rng = Rng(seed);
        let descriptor = random::descriptor(&mut rng);
        let codec = Codec::new(&descriptor).unwrap();
        let keys = KeyReader::new(&descriptor);
        let value = random::value(&descriptor, &mut rng);
        let mut all = Vec::new();
        leaves(&value, &mut Vec::new(), &mut all);
        // Some of them, in any order: what is not wanted is stepped over.
        let mut chosen: Vec<Leaf> = Vec::new();
        for _ in 0..1 + rng.below(6) {
            if !all.is_empty() {
                chosen.push(all[rng.below(all.len())].clone());
            }
        }
        let mut fields = Fields::new(&descriptor).unwrap();
        let slots: Vec<usize> = chosen
            .iter()
            .map(|(path, _)| fields.add(path).unwrap_or_else(|e| panic!("{seed} {path:?}: {e}")))
            .collect();
        for encoding in ENCODINGS {
            let payload = codec.encode(&value, encoding).unwrap();
            let mut out = vec![FieldValue::Bool(true); fields.len()];
            fields.read(&payload, &mut out).unwrap_or_else(|e| panic!("{seed} {encoding:?}: {e}"));
            for ((path, expected), slot) in chosen.iter().zip(&slots) {
                assert_eq!(out[*slot], *expected, "{seed} {encoding:?} {path:?}\n{value}");
                read += 1;
            }
            let Some(key) = keys.as_ref().and_then(|keys| keys.key_payload(&payload).ok()) else {
                continue;
            };
            let mut out = vec![FieldValue::Bool(true); fields.len()];
            fields.read_key(&key, &mut out).unwrap_or_else(|e| panic!("{seed} key: {e}"));
            for ((path, expected), slot) in chosen.iter().zip(&slots) {
                if fields.get(*slot).unwrap().key {
                    assert_eq!(out[*slot], *expected, "{seed} key {encoding:?} {path:?}\n{value}");
                    of_keys += 1;
                }
            }
        }
        // Broken bytes are errors or other values, never a panic.
        let payload = codec.encode(&value, ENCODINGS[rng.below(4)]).unwrap();
        for _ in 0..8 {
            let mut broken = payload.clone();
            let at = rng.below(broken.len());
            broken[at] = rng.next() as u8;
            broken.truncate(rng.below(broken.len() + 1).max(at));
            let mut out = vec![FieldValue::Null; fields.len()];
            let _ = fields.read(&broken, &mut out);
            let _ = fields.read_key(&broken, &mut out);
        }
    }
    assert!(read > 5000 && of_keys > 200, "{read} {of_keys}");
}

fn types(idl: &str) -> TypeRegistry {
    let mut types = TypeRegistry::new();
    types.add_str("t.idl", idl).unwrap();
    types
}

fn path(text: &str) -> Vec<FieldStep> {
    text.replace('[', ".[")
        .split('.')
        .map(|part| match part.strip_prefix('[') {
            Some(index) => FieldStep::Index(index.trim_end_matches(']').parse().unwrap()),
            None => FieldStep::Member(part.to_owned()),
        })
        .collect()
}

fn one(ty: &TypeHandle, field: &str, payload: &[u8]) -> FieldValue<'static> {
    let mut fields = Fields::new(ty).unwrap();
    fields.add(&path(field)).unwrap();
    let mut out = [FieldValue::Null];
    fields.read(payload, &mut out).unwrap();
    match std::mem::take(&mut out[0]) {
        FieldValue::Text(text) => FieldValue::Text(text.into_owned().into()),
        FieldValue::Null => FieldValue::Null,
        FieldValue::Bool(v) => FieldValue::Bool(v),
        FieldValue::I64(v) => FieldValue::I64(v),
        FieldValue::U64(v) => FieldValue::U64(v),
        FieldValue::F32(v) => FieldValue::F32(v),
        FieldValue::F64(v) => FieldValue::F64(v),
        FieldValue::Char(v) => FieldValue::Char(v),
    }
}

#[test]
fn members_an_older_writer_lacks_have_their_defaults() {
    for kind in ["appendable", "mutable"] {
        let types = types(&format!(
            "enum E {{ X, @default_literal Y }}; struct In {{ long l; @optional long o; }}; \
             union U switch (long) {{ case 0: @default(9) long zero; case 1: long one; }}; \
             @{kind} struct Old {{ @id(1) long a; }}; \
             @{kind} struct New {{ @id(1) long a; @id(2) @default(7) long b; @id(3) string s; \
                @id(4) E e; @id(5) In i[2]; @id(6) sequence<long> q; @id(7) U u; @id(8) @optional long n; }};"
        ));
        let (old, new) = (types.get("Old").unwrap(), types.get("New").unwrap());
        let value = Value::from_json(&old, &serde_json::json!({ "a": 5 })).unwrap();
        for encoding in ENCODINGS {
            let payload = tidewire_idl::encode(&old, &value, encoding).unwrap();
            for (field, expected) in [
                ("a", FieldValue::I64(5)),
                ("b", FieldValue::I64(7)),
                ("s", FieldValue::Text("".into())),
                ("e", FieldValue::I64(1)),
                ("i[1].l", FieldValue::I64(0)),
                ("i[1].o", FieldValue::Null),
                ("q[0]", FieldValue::Null),
                ("u.$discriminator", FieldValue::I64(0)),
                ("u.zero", FieldValue::I64(9)),
                ("u.one", FieldValue::Null),
                ("n", FieldValue::Null),
            ] {
                assert_eq!(one(&new, field, &payload), expected, "{kind} {encoding:?} {field}");
            }
        }
    }
}

#[test]
fn paths_that_lead_nowhere_say_where_and_why() {
    let types = types(
        "struct V { float x; float y; }; enum E { A };
         struct P { string name; V v; V list[3]; sequence<long, 2> s; double grid[2][3]; E e; };",
    );
    let mut fields = Fields::new(&types.get("P").unwrap()).unwrap();
    for (field, step, message, help) in [
        ("nmae", 0, "`P` has no member `nmae`", "did you mean `name`?"),
        ("v.z1z", 1, "`V` has no member `z1z`", "its members are `x`, `y`"),
        ("v", 1, "`v` is a struct `V`, no single value", "such as `v.x`"),
        ("s", 1, "`s` is a sequence, no single value", "such as `s[0]`"),
        ("name.x", 1, "`name` is a string: it has no members", ""),
        ("e[0]", 1, "`e` is an enumeration `E`: it has no elements", ""),
        ("list.x", 1, "`list` is an array: it has no members", "`list[0].x`"),
        ("list[3].x", 1, "`list` has at most 3 elements", "from 0 to 2"),
        ("s[2]", 1, "`s` has at most 2 elements", "from 0 to 1"),
        ("grid[1]", 2, "`grid[1]` lacks an index: the array has 2 of them", "`grid[1][0]`"),
        ("grid[1][3]", 2, "`grid[1]` has at most 3 elements", "from 0 to 2"),
    ] {
        let error = fields.add(&path(field)).unwrap_err();
        assert_eq!(error.step, step, "{field}: {error}");
        assert!(error.message.contains(message), "{field}: {error}");
        assert!(error.help.unwrap_or_default().contains(help), "{field}");
    }
    assert!(fields.is_empty());
    let y = fields.add(&path("list[1].y")).unwrap();
    assert_eq!((fields.add(&path("list[1].y")).unwrap(), fields.len()), (y, 1), "the same field");
    assert_eq!(fields.get(y).unwrap().ty, FieldType::F32);
}

//! The CDR codec on types made of the input.

use std::sync::Arc;

use tidewire_idl::{
    Codec, ColumnSink, Columns, Definition, Encoding, KeyReader, TypeDescriptor, TypeRef, Value,
};

use crate::input::Input;
use crate::memory::bounded;
use crate::random::{self, Dice, Rng};

pub const ENCODINGS: [Encoding; 4] =
    [Encoding::XCDR1, Encoding::XCDR1.big_endian(), Encoding::XCDR2, Encoding::XCDR2.big_endian()];

/// Encapsulation identifiers, the last one unknown (RTPS 2.5, 10.2; XTypes 1.3, table 60).
const HEADERS: [u8; 11] = [0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 12];

/// A type made of the input; `None` if its values would be so large that they tell nothing but that.
pub fn descriptor(input: &mut Input<'_>) -> Option<TypeDescriptor> {
    let descriptor = random::descriptor(input);
    (values(&descriptor, &descriptor.name) <= 5_000).then_some(descriptor)
}

/// How many values one value of a named type holds at most, as [`random::value`] makes them.
fn values(d: &TypeDescriptor, name: &str) -> usize {
    let member = |ty: &TypeRef| values_of(d, ty);
    match d.get(name) {
        Some(Definition::Struct { members, .. }) => {
            members.iter().fold(1, |sum, m| member(&m.ty).saturating_add(sum))
        }
        Some(Definition::Union { cases, .. }) => {
            cases.iter().map(|case| member(&case.member.ty)).max().unwrap_or(0).saturating_add(1)
        }
        _ => 1,
    }
}

fn values_of(d: &TypeDescriptor, ty: &TypeRef) -> usize {
    match ty {
        TypeRef::Named(name) => values(d, name),
        TypeRef::Sequence { element, .. } => values_of(d, element).saturating_mul(4),
        TypeRef::Array { element, dims } => dims
            .iter()
            .fold(values_of(d, element), |product, dim| product.saturating_mul(*dim as usize)),
        _ => 1,
    }
}

/// A random type, and bytes that are no sample of it, or nearly one: they are read or refused, and
/// what was read can be written and read again.
pub fn decode(data: &[u8]) {
    let mut input = Input::new(data);
    let Some(descriptor) = descriptor(&mut input).map(Arc::new) else { return };
    let codec = Codec::new(&descriptor).expect("a valid description");
    let mut payload = if input.chance(2) {
        vec![0, HEADERS[input.below(HEADERS.len())], 0, input.below(4) as u8]
    } else {
        let value = random::value(&descriptor, &mut input);
        let encoding = ENCODINGS[input.below(4)];
        let mut payload = codec.encode(&value, encoding).expect("a value of the type");
        for _ in 0..input.below(6) {
            let at = input.below(payload.len());
            payload[at] = input.next() as u8;
        }
        payload.truncate(payload.len() - input.below(payload.len().min(16)));
        payload
    };
    payload.extend_from_slice(input.rest());
    bounded(payload.len(), || read(&descriptor, &codec, &payload));
}

fn read(descriptor: &Arc<TypeDescriptor>, codec: &Codec, payload: &[u8]) {
    match codec.decode(payload) {
        Ok(value) => rewrite(codec, &value),
        Err(error) => {
            assert!(error.offset().is_none_or(|o| o <= payload.len() + 8), "{error}");
            assert!(!error.to_string().is_empty());
        }
    }
    let _ = codec.decode_key(payload);
    let _ = Columns::new(descriptor).read(payload, &mut Nowhere);
    if let Some(keys) = KeyReader::new(descriptor) {
        let _ = keys.key_hash(payload);
        let _ = keys.key_hash_of_key(payload);
        let _ = keys.point(payload);
        let _ = keys.transcode_key(payload, Encoding::XCDR2);
        if let Ok(key) = keys.key_payload(payload) {
            let hash = keys.key_hash(payload);
            assert_eq!(keys.key_hash_of_key(&key), hash, "a key names another instance");
        }
    }
}

/// Values are compared by their bytes: NaN is not equal to itself.
fn rewrite(codec: &Codec, value: &Value) {
    for encoding in ENCODINGS {
        // What was not UTF-8 may exceed its bound once it is.
        let Ok(payload) = codec.encode(value, encoding) else { continue };
        let back = codec.decode(&payload);
        let back = back.unwrap_or_else(|e| panic!("{encoding:?}: {e}\n{value}\n{payload:02x?}"));
        assert_eq!(codec.encode(&back, encoding).as_ref(), Ok(&payload), "{encoding:?}\n{value}");
    }
}

/// A random value of a random type comes back from every encoding and from JSON, keys agree; JSON
/// that fits no type is refused.
pub fn round_trip(data: &[u8]) {
    let mut input = Input::new(data);
    let Some(descriptor) = descriptor(&mut input).map(Arc::new) else { return };
    let codec = Codec::new(&descriptor).expect("a valid description");
    let value = random::value(&descriptor, &mut input);
    let keys = KeyReader::new(&descriptor);
    let mut hashes = Vec::new();
    for encoding in ENCODINGS {
        let payload = codec.encode(&value, encoding).expect("a value of the type");
        let back = codec.decode(&payload).unwrap_or_else(|e| panic!("{encoding:?}: {e}\n{value}"));
        assert_eq!(back, value, "{encoding:?}");
        Columns::new(&descriptor).read(&payload, &mut Nowhere).expect("what was just written");
        if let Some(keys) = &keys
            && let Ok(hash) = keys.key_hash(&payload)
        {
            let key = keys.key_payload(&payload).expect("it has a hash");
            assert_eq!(keys.key_hash_of_key(&key), Ok(hash), "{encoding:?}");
            assert!(codec.decode_key(&key).is_ok(), "{encoding:?}\n{value}");
            hashes.push(hash);
        }
    }
    hashes.dedup();
    assert!(hashes.len() <= 1, "the encoding changes the instance: {hashes:?}");
    let json = value.to_json();
    let text = json.to_string();
    let parsed: serde_json::Value = serde_json::from_str(&text).expect("JSON of ours");
    assert_eq!(codec.value_from_json(&parsed).as_ref(), Ok(&value), "{text}");
    let mut text = text.into_bytes();
    for _ in 0..1 + input.below(4) {
        let at = input.below(text.len());
        text[at] = b"0\"[]{},:-e1ntfu"[input.below(15)];
    }
    if let Ok(json) = serde_json::from_slice(&text)
        && let Ok(value) = codec.value_from_json(&json)
    {
        rewrite(&codec, &value);
    }
}

/// Refuses nothing, keeps nothing.
struct Nowhere;

impl ColumnSink for Nowhere {
    fn null(&mut self, _: usize) {}
    fn bool(&mut self, _: usize, _: bool) {}
    fn i64(&mut self, _: usize, _: i64) {}
    fn u64(&mut self, _: usize, _: u64) {}
    fn f32(&mut self, _: usize, _: f32) {}
    fn f64(&mut self, _: usize, _: f64) {}
    fn text(&mut self, _: usize, _: &str) {}
    fn bytes(&mut self, _: usize, _: &[u8]) {}
}

/// Noise of several lengths: any bytes are a type and a value.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut rng = Rng(7);
    (1..48).map(|i| (0..i * 12).map(|_| rng.next() as u8).collect()).collect()
}

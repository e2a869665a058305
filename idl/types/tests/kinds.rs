//! Generated code and the dynamic codec, which is checked against Cyclone DDS's bytes, agree on
//! every kind of type and on all shipped types.

#[path = "../../tests/support/random.rs"]
mod random;

mod generated {
    #![allow(clippy::all, clippy::pedantic, clippy::undocumented_unsafe_blocks)]
    #![allow(dead_code, unused_imports, unused_variables, unused_mut, non_camel_case_types)]
    include!(concat!(env!("OUT_DIR"), "/kinds.rs"));
}

use generated::kinds;
use random::{Dice, Rng};
use tidewire_idl::typed::{plain_bytes, plain_mut, plain_ref};
use tidewire_idl::{
    CdrType, Codec, Encoding, KeyHash, KeyReader, PlainCdr, TypeSupport, Value, serde, serde_json,
};
use tidewire_types::{bench, event, line, market, sensor};

const ENCODINGS: [Encoding; 4] =
    [Encoding::XCDR1, Encoding::XCDR1.big_endian(), Encoding::XCDR2, Encoding::XCDR2.big_endian()];

/// Whether the generated `T` reads, writes, keys and refuses as the dynamic codec does.
fn agree<T>()
where
    T: TypeSupport + PartialEq + std::fmt::Debug + Default + serde::Serialize,
    T: serde::de::DeserializeOwned,
{
    let descriptor = T::descriptor();
    let name = T::TYPE_NAME;
    assert_eq!(descriptor.name, name);
    let codec = Codec::new(&descriptor).unwrap();
    let keys = KeyReader::new(&descriptor);
    assert_eq!(keys.is_some(), T::KEYED, "{name}");

    let mut payload = Vec::new();
    T::default().encode(Encoding::XCDR2, &mut payload);
    let default = codec.decode(&payload).unwrap();
    assert_eq!(default, codec.default_value().unwrap(), "{name}: default");

    for seed in 0..60 {
        let mut rng = Rng(seed);
        let value = random::value(&descriptor, &mut rng);
        for encoding in ENCODINGS {
            let golden = codec.encode(&value, encoding).unwrap();
            let typed = T::decode(&golden);
            let typed =
                typed.unwrap_or_else(|e| panic!("{name} {seed} {encoding:?}: {e}\n{value}"));
            let mut made = vec![0xee; 3];
            typed.encode(encoding, &mut made);
            assert_eq!(made[3..], golden, "{name} {seed} {encoding:?}\n{value}");
            typed.validate().unwrap();
            agree_on_key(&typed, &golden, encoding, &keys, &codec);
            agree_on_refusal::<T>(&golden, &codec, &mut rng);
        }
        // serde, through text.
        let golden = codec.encode(&value, Encoding::XCDR1).unwrap();
        let typed = T::decode(&golden).unwrap();
        let text = serde_json::to_string(&typed).unwrap();
        let back: T = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}\n{text}"));
        assert_eq!(back, typed, "{name} {text}");
    }
}

fn agree_on_key<T: TypeSupport>(
    typed: &T,
    payload: &[u8],
    encoding: Encoding,
    keys: &Option<KeyReader>,
    codec: &Codec,
) {
    let name = T::TYPE_NAME;
    let Some(keys) = keys else {
        assert_eq!(typed.key_hash(), KeyHash::default(), "{name}");
        return;
    };
    let mut key = Vec::new();
    typed.encode_key(encoding, &mut key);
    assert_eq!(key, keys.key_payload(payload).unwrap(), "{name} {encoding:?}");
    assert_eq!(typed.key_hash(), keys.key_hash(payload).unwrap(), "{name} {encoding:?}");
    assert_eq!(typed.key_hash(), keys.key_hash_of_key(&key).unwrap(), "{name} {encoding:?}");
    let from_key = T::decode_key(&key).unwrap_or_else(|e| panic!("{name} {encoding:?}: {e}"));
    assert_eq!(from_key.key_hash(), typed.key_hash(), "{name}");
    codec.decode_key(&key).unwrap();
    assert_eq!(typed.point().map(str::to_owned), keys.point(payload).unwrap(), "{name}");
    assert_eq!(typed.point().map(str::to_owned), keys.point_of_key(&key).unwrap(), "{name}");
}

/// Broken bytes: neither panics, and both refuse the same.
fn agree_on_refusal<T: TypeSupport>(payload: &[u8], codec: &Codec, rng: &mut Rng) {
    let cut = &payload[..rng.below(payload.len())];
    assert_eq!(T::decode(cut).is_err(), codec.decode(cut).is_err(), "{} {cut:?}", T::TYPE_NAME);
    for _ in 0..4 {
        let mut broken = payload.to_vec();
        let at = rng.below(broken.len());
        broken[at] = rng.next() as u8;
        let (typed, dynamic) = (T::decode(&broken), codec.decode(&broken));
        // A dynamic value keeps numbers that are no literals; a Rust enum cannot.
        match (&typed, &dynamic) {
            (Err(a), Err(b)) => assert_eq!(a.offset().is_some(), b.offset().is_some()),
            (Ok(_), Err(e)) => panic!("{}: only the dynamic codec refuses: {e}", T::TYPE_NAME),
            (Err(e), Ok(_)) => assert!(e.to_string().contains("is not a literal"), "{e}"),
            (Ok(_), Ok(_)) => {}
        }
        let _ = T::decode_key(&broken);
    }
}

#[test]
fn every_kind_of_type_agrees_with_the_dynamic_codec() {
    agree::<kinds::inner::Point>();
    agree::<kinds::inner::Pair>();
    agree::<kinds::inner::Awkward>();
    agree::<kinds::Growing>();
    agree::<kinds::Loose>();
    agree::<kinds::All>();
    agree::<kinds::AllAppendable>();
    agree::<kinds::AllMutable>();
    agree::<kinds::Optionals>();
    agree::<kinds::Unions>();
    agree::<kinds::OnLong>();
    agree::<kinds::OnShort>();
    agree::<kinds::OnLongLong>();
    agree::<kinds::Derived>();
    agree::<kinds::Keyed>();
    agree::<kinds::KeyedBackwards>();
    agree::<kinds::KeyedAppendable>();
    agree::<kinds::KeyedMutable>();
    agree::<kinds::KeyedSmall>();
    agree::<kinds::KeyedUneven>();
    agree::<kinds::KeyedUnevenDeep>();
    agree::<kinds::PlainNot>();
    agree::<kinds::PlainYes>();
    agree::<kinds::Empty>();
}

#[test]
fn every_shipped_type_agrees_with_the_dynamic_codec() {
    agree::<sensor::Vibration>();
    agree::<sensor::Current>();
    agree::<sensor::Temperature>();
    agree::<sensor::Imu>();
    agree::<sensor::JointState>();
    agree::<sensor::Reading>();
    agree::<market::Quote>();
    agree::<market::Trade>();
    agree::<event::Anomaly>();
    agree::<event::FaultTruth>();
    agree::<event::Health>();
    agree::<event::Log>();
    agree::<bench::Block64>();
    agree::<bench::KeyedBlock64>();
    agree::<bench::Block1K>();
    agree::<line::Field>();
}

#[test]
fn the_registry_knows_what_the_code_knows() {
    let registry = tidewire_types::registry();
    let shipped = registry.names().iter().filter(|name| name.starts_with("tidewire::")).count();
    assert_eq!(shipped, 19);
    assert_eq!(*registry.get("tidewire::market::Trade").unwrap(), *market::Trade::descriptor());
    let imu = registry.get("tidewire/sensor/Imu").unwrap();
    assert_eq!(*imu, *sensor::Imu::descriptor());
}

#[test]
fn enumerations_have_names_both_ways() {
    assert_eq!(market::Side::BUY, market::Side::Buy);
    assert_eq!(market::Side::Sell.to_string(), "SELL");
    assert_eq!(market::Side::from_i32(2), None);
    assert_eq!(kinds::Color::default(), kinds::Color::DarkGreen);
    assert_eq!(kinds::FAVOURITE as i32, 7);
    assert_eq!((kinds::SIZE, kinds::GREETING, kinds::LETTER), (3, "he said \"hi\"", 'x'));
    let both = kinds::Flags::FIRST | kinds::Flags::LAST;
    assert!(both.contains(kinds::Flags::LAST) && both.0 == 0x201);
}

#[test]
fn bounds_are_checked_where_the_rust_type_does_not() {
    let mut value = kinds::All { short_text: "123456789".into(), ..Default::default() };
    let error = value.validate().unwrap_err();
    assert_eq!((error.path(), error.offset()), ("short_text", None));
    value.short_text.clear();
    value.texts = vec!["1234".into()];
    assert_eq!(value.validate().unwrap_err().path(), "texts");
    value.texts.clear();
    value.validate().unwrap();
    assert!(kinds::OnBool::Yes("12345".into()).validate().is_err());
}

#[test]
fn errors_name_member_and_byte() {
    let encode = |color| {
        let mut payload = Vec::new();
        let sample = kinds::All { colors: vec![kinds::Color::Red, color], ..Default::default() };
        sample.encode(Encoding::XCDR1, &mut payload);
        payload
    };
    let (mut payload, other) = (encode(kinds::Color::Red), encode(kinds::Color::Blue));
    let at = payload.iter().zip(&other).position(|(a, b)| a != b).unwrap();
    payload[at] = 99;
    let error = kinds::All::decode(&payload).unwrap_err();
    assert_eq!((error.path(), error.offset()), ("colors[1]", Some(at + 4)));
    assert!(error.to_string().contains("99 is not a literal of kinds::Color"), "{error}");
    let error = sensor::Imu::decode(&[0, 1, 0, 0, 1, 0, 0, 0, 7]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "member `point`, byte 4: a string of 1 bytes does not end with NUL"
    );
}

#[test]
fn plain_types_are_their_own_bytes() {
    fn check<T: PlainCdr + PartialEq + std::fmt::Debug>() {
        let codec = Codec::new(&T::descriptor()).unwrap();
        for seed in 0..20 {
            let value: Value = random::value(&T::descriptor(), &mut Rng(seed));
            let payload = codec.encode(&value, Encoding::XCDR1).unwrap();
            let typed = T::decode(&payload).unwrap();
            assert_eq!(*plain_bytes(&typed), payload[4..]);
            let mut memory = Box::new(typed);
            let bytes = plain_bytes(&*memory).to_vec();
            assert!(plain_ref::<T>(&bytes[1..]).is_none(), "wrong length");
            let copy = typed;
            *memory = copy;
            assert_eq!(plain_ref::<T>(plain_bytes(&*memory)), Some(&typed));
        }
    }
    check::<kinds::PlainYes>();
    check::<bench::Block64>();
    check::<bench::Block1K>();
    check::<bench::Block64K>();
    let mut words = [0u64; 8];
    let (_, bytes, _) = {
        // SAFETY: any bytes are valid `u8`s.
        unsafe { words.align_to_mut::<u8>() }
    };
    plain_mut::<bench::Block64>(bytes).unwrap().data[8] = 5;
    assert_eq!(words[1].to_le_bytes()[0], 5);
    let zero = tidewire_idl::typed::plain_boxed::<bench::Block1M>();
    assert!(zero.data.iter().all(|b| *b == 0));
}

#[test]
fn generated_code_reads_older_and_newer_versions() {
    let mut types = tidewire_idl::TypeRegistry::new();
    let idl = "module kinds { \
        @appendable struct Growing { octet o; long long l; string<5> s; double more; }; \
        @mutable struct Loose { @id(9) long l; @id(77) string unknown; }; };";
    types.add_str("newer.idl", idl).unwrap();
    let older = "@appendable struct Growing { octet o; };";
    types.add_str("older.idl", older).unwrap();
    for encoding in [Encoding::XCDR2, Encoding::XCDR2.big_endian(), Encoding::XCDR1] {
        let encode = |name: &str, json: serde_json::Value| {
            let descriptor = types.get(name).unwrap();
            let value = Value::from_json(&descriptor, &json).unwrap();
            tidewire_idl::encode(&descriptor, &value, encoding).unwrap()
        };
        let newer = encode("kinds::Growing", serde_json::json!({ "o": 1, "l": 2, "s": "x" }));
        let read = kinds::Growing::decode(&newer).unwrap();
        assert_eq!(read, kinds::Growing { o: 1, l: 2, s: "x".into() });
        let older = encode("Growing", serde_json::json!({ "o": 1 }));
        let read = kinds::Growing::decode(&older).unwrap();
        assert_eq!(read, kinds::Growing { o: 1, ..Default::default() });
        let loose = encode("kinds::Loose", serde_json::json!({ "l": 5, "unknown": "?" }));
        let read = kinds::Loose::decode(&loose).unwrap();
        assert_eq!(read, kinds::Loose { l: 5, ..Default::default() });
    }
}

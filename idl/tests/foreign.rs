//! Forms of CDR other vendors write and Cyclone DDS does not, after DDS-XTypes 1.3, 7.4.

use tidewire_idl::{Codec, TypeRegistry, Value};

fn codec(idl: &str) -> Codec {
    let mut types = TypeRegistry::new();
    types.add_str("t.idl", idl).unwrap_or_else(|e| panic!("{e}"));
    Codec::new(&types.get("T").unwrap()).unwrap()
}

fn read(codec: &Codec, payload: &[u8]) -> String {
    codec.decode(payload).unwrap_or_else(|e| panic!("{e}")).to_json().to_string()
}

const MUTABLE: &str = "@mutable struct T { @id(1) long a; @id(2) string s; @id(3) double d; };";

#[test]
fn short_parameter_headers_are_read() {
    let payload = [
        0, 3, 0, 0, // PL_CDR_LE
        1, 0x40, 4, 0, 7, 0, 0, 0, // must understand, id 1
        9, 0, 2, 0, 0xff, 0xff, 0, 0, // unknown, its length not padded
        3, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, // id 3: aligned as if at 0
        2, 0, 6, 0, 2, 0, 0, 0, b'x', 0, 0, 0, // id 2
        2, 0x3f, 0, 0, // end of list
    ];
    assert_eq!(read(&codec(MUTABLE), &payload), r#"{"a":7,"s":"x","d":1.0}"#);
}

#[test]
fn an_unknown_member_that_must_be_understood_refuses_the_sample() {
    let payload = [0, 3, 0, 0, 9, 0x40, 4, 0, 0, 0, 0, 0, 2, 0x3f, 0, 0];
    let error = codec(MUTABLE).decode(&payload).unwrap_err().to_string();
    assert!(error.contains("member id 9 is marked @must_understand"), "{error}");
}

#[test]
fn an_implementations_own_parameter_is_no_member() {
    // Id 1 with FLAG_IMPL_EXTENSION.
    let payload = [0, 3, 0, 0, 1, 0x80, 4, 0, 7, 0, 0, 0, 2, 0x3f, 0, 0];
    assert_eq!(read(&codec(MUTABLE), &payload), r#"{"a":0,"s":"","d":0.0}"#);
}

#[test]
fn any_length_code_is_read() {
    let payload = [
        0, 0x0b, 0, 0, // PL_CDR2_LE
        36, 0, 0, 0, // all members
        1, 0, 0, 0x40, 4, 0, 0, 0, 7, 0, 0, 0, // length code 4 where 2 would do
        2, 0, 0, 0x40, 6, 0, 0, 0, 2, 0, 0, 0, b'x', 0, 0, 0, // 4 where Cyclone writes 5
        5, 0, 0, 0x10, 1, 2, // unknown, 2 bytes
    ];
    let mut with_tail = payload.to_vec();
    with_tail.extend([0, 0]);
    assert_eq!(read(&codec(MUTABLE), &with_tail), r#"{"a":7,"s":"x","d":0.0}"#);
}

#[test]
fn short_headers_of_optional_members_are_read() {
    let codec = codec(
        "@final struct T { octet o; @id(5) @optional double d; @id(6) @optional long l; \
                       octet e; };",
    );
    let payload = [
        0, 1, 0, 0, // CDR_LE
        1, 0, 0, 0, 5, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, // d is there
        6, 0, 0, 0, // l is not
        9,
    ];
    assert_eq!(read(&codec, &payload), r#"{"o":1,"d":1.0,"l":null,"e":9}"#);
}

#[test]
fn announced_padding_is_no_content() {
    let codec = codec("@appendable struct T { octet a; octet b; octet c; };");
    // Under XCDR1 nothing but the end of the payload says that `b` and `c` are missing.
    assert_eq!(read(&codec, &[0, 1, 0, 3, 7, 0, 0, 0]), r#"{"a":7,"b":0,"c":0}"#);
    assert_eq!(read(&codec, &[0, 1, 0, 0, 7, 8, 9, 0]), r#"{"a":7,"b":8,"c":9}"#);
}

#[test]
fn wide_strings_are_a_byte_count_and_utf16() {
    let codec = codec("struct T { wstring w; wchar c; };");
    let value = Value::Struct(vec![
        ("w".into(), Value::String("a€𝄞".into())),
        ("c".into(), Value::Char('€')),
    ]);
    let payload = codec.encode(&value, tidewire_idl::Encoding::XCDR1.big_endian()).unwrap();
    let expected =
        [0, 0, 0, 0, 0, 0, 0, 8, 0, b'a', 0x20, 0xac, 0xd8, 0x34, 0xdd, 0x1e, 0x20, 0xac];
    assert_eq!(payload, expected);
    assert_eq!(codec.decode(&payload).unwrap(), value);
    let unpaired = [0, 1, 0, 0, 2, 0, 0, 0, 0x34, 0xd8, 0, 0];
    assert!(codec.decode(&unpaired).unwrap_err().to_string().contains("not UTF-16"));
}

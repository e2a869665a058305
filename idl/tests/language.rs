//! What the language means: preprocessor, constants, scopes, ids, annotations, messages, values.

use serde_json::json;
use tidewire_idl::{
    Codec, Columns, Definition, Encoding, Extensibility, Member, Primitive, TypeDescriptor,
    TypeRef, TypeRegistry, Value, decode, encode,
};

fn types(idl: &str) -> TypeRegistry {
    let mut types = TypeRegistry::new();
    types.add_str("test.idl", idl).unwrap_or_else(|e| panic!("{e}"));
    types
}

fn members(descriptor: &TypeDescriptor) -> &[Member] {
    match descriptor.root() {
        Definition::Struct { members, .. } => members,
        other => panic!("{other:?}"),
    }
}

#[test]
fn includes_guards_and_macros() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("geo")).unwrap();
    std::fs::write(
        dir.path().join("geo/point.idl"),
        "#ifndef P\n#define P\n#include \"../base.idl\"\nstruct Point { SCALAR x, y; };\n#endif\n",
    )
    .unwrap();
    std::fs::write(dir.path().join("base.idl"), "#define SCALAR double\n").unwrap();
    std::fs::write(
        dir.path().join("main.idl"),
        "#include <geo/point.idl>\n#include \"geo/point.idl\"\n#define ROW(T, N) T row[N]\n\
         #define TWO (1 + \\\n 1)\n#ifdef NOT_DEFINED\nbroken {{{\n#elif TWO >= 2 && !defined(SCALAR)\n\
         broken\n#else\nstruct Line { ROW(Point, TWO); };\n#endif\n",
    )
    .unwrap();
    let mut types = TypeRegistry::new();
    types.include_dir(dir.path());
    types.add_file(dir.path().join("main.idl")).unwrap_or_else(|e| panic!("{e}"));
    let line = types.get("Line").unwrap();
    let element = Box::new(TypeRef::Named("Point".into()));
    assert_eq!(members(&line)[0].ty, TypeRef::Array { element, dims: vec![2] });
    let x = &members(&types.get("Point").unwrap())[0].ty.clone();
    assert_eq!(*x, TypeRef::Primitive(Primitive::F64));
}

#[test]
fn a_directory_is_read_whole() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("nav/msg")).unwrap();
    std::fs::create_dir_all(dir.path().join("idl/deep")).unwrap();
    // `Path` refers to `Pose`, which comes after it.
    std::fs::write(dir.path().join("nav/msg/Path.msg"), "nav/Stamped[] poses\n").unwrap();
    std::fs::write(dir.path().join("nav/msg/Stamped.msg"), "float64 x\nstring<=5 frame\n").unwrap();
    std::fs::write(dir.path().join("idl/a.idl"), "#include \"deep/b.idl\"\nstruct A { B b; };")
        .unwrap();
    std::fs::write(dir.path().join("idl/deep/b.idl"), "@nested struct B { long x; };").unwrap();
    std::fs::write(dir.path().join("idl/readme.txt"), "not IDL").unwrap();
    let mut types = TypeRegistry::new();
    types.add_dir(dir.path()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(types.names(), ["A", "nav::msg::dds_::Path_", "nav::msg::dds_::Stamped_"]);
    for name in ["nav::msg::dds_::Path_", "nav/msg/Path", "nav/Path", "nav::msg::Path"] {
        assert!(types.get(name).is_some(), "{name}");
    }
    assert!(types.get("B").is_some(), "nested types are known, but no topics");
    std::fs::write(dir.path().join("nav/msg/Bad.msg"), "Missing m\n").unwrap();
    let error = TypeRegistry::new().add_dir(dir.path()).unwrap_err().to_string();
    assert!(error.contains("message `nav/Missing` is not here"), "{error}");
    assert!(error.contains("add `nav/msg/Missing.msg`"), "{error}");
}

#[test]
fn messages_have_defaults_arrays_and_constants() {
    let mut types = TypeRegistry::new();
    let text = "# A comment\nuint8 KIND=3\nstring NAME = a # b\nfloat64[3] xyz\nint32[<=4] list\n\
                string word \"x # y\"\nbool on true\nbyte raw -1\n";
    let error = types.add_str("pkg/msg/M.msg", text).unwrap_err().to_string();
    assert!(error.starts_with("error: `-1` is no default for `byte`"), "{error}");
    let text = text.replace("byte raw -1\n", "uint16 hex 0xff\nwstring wide\n");
    types.add_str("pkg/msg/M.msg", &text).unwrap_or_else(|e| panic!("{e}"));
    types.add_str("pkg/msg/Empty.msg", "# nothing\n").unwrap();
    let m = types.get("pkg/M").unwrap();
    let value = Value::from_json(&m, &json!({})).unwrap();
    let expected = json!({ "xyz": [0.0, 0.0, 0.0], "list": [], "word": "x # y", "on": true,
                           "hex": 255, "wide": "" });
    assert_eq!(value.to_json(), expected);
    let empty = types.get("pkg/Empty").unwrap();
    assert_eq!(members(&empty)[0].name, "structure_needs_at_least_one_member");
}

#[test]
fn constants_are_computed() {
    let types = types(
        "const long A = 2; enum E { X, Y }; module m { const long B = ::A * (3 - 1) << 1; };
         struct S { long a[m::B]; string<A | 5> s; @default(-A) long d; @default(E::Y) E e;
                    @default(1.5e1) float f; @default(\"a\" \"b\") string t; @default('\\n') char c; };",
    );
    let s = types.get("S").unwrap();
    assert!(matches!(&members(&s)[0].ty, TypeRef::Array { dims, .. } if *dims == [8]));
    assert_eq!(members(&s)[1].ty, TypeRef::String { bound: Some(7) });
    let value = Codec::new(&s).unwrap().default_value().unwrap();
    assert_eq!(value.get("d"), Some(&Value::I32(-2)));
    assert_eq!(value.get("e").and_then(Value::as_str), Some("Y"));
    assert_eq!(value.get("f"), Some(&Value::F32(15.0)));
    assert_eq!(value.get("t").and_then(Value::as_str), Some("ab"));
    assert_eq!(value.get("c"), Some(&Value::Char('\n')));
}

#[test]
fn names_are_found_from_the_inside_out() {
    let types = types(
        "struct P { long outer; }; module a { struct P { short inner; }; module b { struct S { P p; }; };
         struct T { ::P p; b::S s; }; }; module a { struct U { T t; }; };",
    );
    let s = types.get("a::b::S").unwrap();
    assert_eq!(members(&s)[0].ty, TypeRef::Named("a::P".into()));
    let t = types.get("a::T").unwrap();
    assert_eq!(members(&t)[0].ty, TypeRef::Named("P".into()));
    assert_eq!(types.get("::a::U").unwrap().types.len(), 5);
}

#[test]
fn member_ids_follow_the_standard() {
    let types = types(
        "struct A { long a; @id(5) long b; long c; }; struct B : A { long d; };
         @mutable @autoid(HASH) struct H { long color; @id(3) long x; @hashid(\"other\") long y; };
         @mutable struct J { @hashid long color; };",
    );
    let ids =
        |name: &str| members(&types.get(name).unwrap()).iter().map(|m| m.id).collect::<Vec<_>>();
    assert_eq!(ids("A"), [0, 5, 6]);
    assert_eq!(ids("B"), [7]);
    assert_eq!(ids("J"), [0x0fa5_dd70], "the example of XTypes 1.3, 7.3.1.2.1.1");
}

#[test]
fn extensibility_is_final_unless_annotated() {
    let types = types(
        "struct A { long a; }; @appendable struct B { long a; }; @extensibility(MUTABLE) struct C { long a; };
         @mutable struct D : C { long b; }; struct E : C { long e; };",
    );
    let kinds = ["A", "B", "C", "E"].map(|n| match types.get(n).unwrap().root() {
        Definition::Struct { extensibility, .. } => *extensibility,
        other => panic!("{other:?}"),
    });
    use Extensibility::{Appendable, Final, Mutable};
    assert_eq!(kinds, [Final, Appendable, Mutable, Mutable]);
}

#[test]
fn annotations_unknown_here_are_ignored() {
    let types = types(
        "@verbatim(language=\"c++\", text=\"x()\") @my::own(a=1, b={}) @topic struct A
         { @range(min=0, max=9) @key(FALSE) long a; @unit(\"m\") @external double b; };
         @annotation Foo { long x default 3; };
         #pragma keylist A a\n",
    );
    let a = types.get("A").unwrap();
    assert!(members(&a)[0].key, "keylist");
    assert_eq!(members(&a)[1].unit.as_deref(), Some("m"));
    assert_eq!(Columns::new(&a).columns()[1].unit.as_deref(), Some("m"));
}

#[test]
fn json_of_another_shape_is_refused_with_the_member() {
    let types = types(
        "enum E { RED, GREEN }; struct P { octet o; }; union U switch (long) { case 1: P p; };
         struct S { P p[2]; E e; string<3> s; U u; sequence<octet> raw; };",
    );
    let s = types.get("S").unwrap();
    for (json, error) in [
        (json!({ "p": [{ "o": 1 }] }), "member `p`: expected an array of 2, found an array of 1"),
        (
            json!({ "p": [{ "o": 1 }, { "o": 256 }] }),
            "member `p[1].o`: 256 is outside the range of octet",
        ),
        (json!({ "p": [{}, { "O": 1 }] }), "member `p[1]`: no member `O`: did you mean `o`?"),
        (
            json!({ "e": "GREN" }),
            "member `e`: expected a literal of `E`: did you mean `GREEN`?, found \"GREN\"",
        ),
        (json!({ "s": 3 }), "member `s`: expected a string, found 3"),
        (
            json!({ "raw": "0g" }),
            "member `raw`: expected pairs of hexadecimal digits, found \"0g\"",
        ),
        (
            json!({ "u": { "$discriminator": 2, "p": {} } }),
            "member `u`: expected no member, found member `p`",
        ),
    ] {
        assert_eq!(Value::from_json(&s, &json).unwrap_err().to_string(), error);
    }
    let long = Value::from_json(&s, &json!({ "s": "abcd" })).unwrap();
    let error = encode(&s, &long, Encoding::default()).unwrap_err().to_string();
    assert_eq!(error, "member `s`: 4 elements exceed the bound of 3");
    // A union's member chooses the discriminator.
    let value = Value::from_json(&s, &json!({ "u": { "p": { "o": 9 } }, "e": 1 })).unwrap();
    assert_eq!(value.get("u.p.o"), Some(&Value::U8(9)));
    assert_eq!(value.get("u.$discriminator"), Some(&Value::I32(1)));
    assert_eq!(value.get("e").and_then(Value::as_str), Some("GREEN"));
}

#[test]
fn numbers_json_has_no_form_for_survive() {
    let types = types("struct S { double a, b, c; float d; unsigned long long e; };");
    let s = types.get("S").unwrap();
    let value = Value::Struct(vec![
        ("a".into(), Value::F64(f64::INFINITY)),
        ("b".into(), Value::F64(f64::NEG_INFINITY)),
        ("c".into(), Value::F64(0.1)),
        ("d".into(), Value::F32(0.1)),
        ("e".into(), Value::U64(u64::MAX)),
    ]);
    let json = value.to_json();
    assert_eq!(
        json.to_string(),
        r#"{"a":"Infinity","b":"-Infinity","c":0.1,"d":0.1,"e":18446744073709551615}"#
    );
    assert_eq!(Value::from_json(&s, &json).unwrap(), value);
    let nan = Value::from_json(&s, &json!({ "a": "NaN" })).unwrap();
    let payload = encode(&s, &nan, Encoding::default()).unwrap();
    assert!(decode(&s, &payload).unwrap().get("a").and_then(Value::as_f64).unwrap().is_nan());
}

#[test]
fn a_number_without_literal_keeps_its_value() {
    let old = types("enum E { A, B }; struct S { E e; };").get("S").unwrap();
    let new = types("enum E { A, B, C }; struct S { E e; };").get("S").unwrap();
    let value = Value::from_json(&new, &json!({ "e": "C" })).unwrap();
    let payload = encode(&new, &value, Encoding::default()).unwrap();
    let read = decode(&old, &payload).unwrap();
    assert_eq!(read.get("e"), Some(&Value::Enum { value: 2, name: "2".into() }));
    assert_eq!(encode(&old, &read, Encoding::default()).unwrap(), payload);
    assert_eq!(Value::from_json(&old, &read.to_json()).unwrap(), read);
}

#[test]
fn a_type_of_another_shape_is_noticed() {
    let wrote = types("struct S { double a, b, c; };").get("S").unwrap();
    let reads = types("struct S { double a; };").get("S").unwrap();
    let value = Codec::new(&wrote).unwrap().default_value().unwrap();
    let payload = encode(&wrote, &value, Encoding::default()).unwrap();
    let error = decode(&reads, &payload).unwrap_err().to_string();
    assert!(error.starts_with("byte 12: 16 bytes left after the last member"), "{error}");
    let short = decode(&wrote, &payload[..20]).unwrap_err().to_string();
    assert!(short.starts_with("member `c`, byte 20: 8 bytes needed, 0 left"), "{short}");
}

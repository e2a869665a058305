//! TypeObjects made by Cyclone DDS's IDL compiler (`tests/interop/golden/make_types.py` in the
//! repository's root), not by us: ours are the same, byte by byte.

use std::path::Path;

use serde_json::Value as Json;
use tidewire_idl::xtypes::{Relation, TypeObjectError, TypeObjects};
use tidewire_idl::{TypeDescriptor, TypeHandle, TypeRegistry};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn ty(idl: &str, name: &str) -> TypeHandle {
    let mut types = TypeRegistry::new();
    types.add_str("types.idl", idl).unwrap_or_else(|e| panic!("{e}\n{idl}"));
    types.get(name).unwrap()
}

#[test]
fn type_information_and_type_objects_match_cyclone() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/types.json");
    let golden: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(golden["made_by"].as_str().unwrap().starts_with("Cyclone DDS 11"));
    let cases = golden["cases"].as_array().unwrap();
    for case in cases {
        let name = case["type"].as_str().unwrap();
        let objects = TypeObjects::of(&ty(case["idl"].as_str().unwrap(), name)).unwrap();
        assert_eq!(hex(&objects.mapping()), case["mapping"], "TypeObjects of {name}");
        assert_eq!(hex(&objects.information()), case["information"], "TypeInformation of {name}");
    }
    assert_eq!(cases.len(), 23);
}

#[test]
fn names_and_units_change_the_complete_hash_alone() {
    let of = |idl: &str| TypeObjects::of(&ty(idl, "S")).unwrap();
    let plain = of("@final struct S { float x; };");
    let unit = of("@final struct S { @unit(\"m\") float x; };");
    assert_eq!(plain.hash(Relation::Minimal), unit.hash(Relation::Minimal));
    assert_ne!(plain.hash(Relation::Complete), unit.hash(Relation::Complete));
    let other = of("@final struct S { float y; };");
    assert_ne!(plain.hash(Relation::Minimal), other.hash(Relation::Minimal));
}

#[test]
fn what_does_not_fit_a_type_object_is_refused() {
    let refused = |idl: &str| TypeObjects::of(&ty(idl, "S")).err().unwrap();
    let name = "n".repeat(256);
    let long = refused(&format!("@final struct S {{ float {name}; }};"));
    assert_eq!(long, TypeObjectError::Name(name));
    let label = refused("@final union S switch (long long) { case 4294967296: long x; };");
    assert_eq!(label, TypeObjectError::Label(4_294_967_296));
    let mut parts = (*ty("struct P { long x; }; struct S { P p; };", "S")).clone();
    parts.types.remove("P");
    let missing = TypeObjects::of(&parts).err().unwrap();
    assert_eq!(missing, TypeObjectError::Unknown("P".into()));
    // Others compare parts by their hash alone, which would not be theirs.
    for part in [
        "typedef long L; struct P { L x; };",
        "typedef long L; struct P { sequence<L> x; };",
        "@nested struct P { long x; };",
        "@autoid(HASH) struct P { long x; };",
        "typedef long L; union P switch (L) { case 1: long x; };",
        "@appendable enum P { A, B };",
        "@appendable bitmask P { A, B };",
        "struct P { @external long x; };",
        "struct P { @try_construct(TRIM) string<4> x; };",
        "@default_nested module m { struct Q { long x; }; }; struct P { m::Q x; };",
    ] {
        let inexact = refused(&format!("{part} struct S {{ P p; }};"));
        assert_eq!(inexact, TypeObjectError::Inexact("P".into()), "{part}");
    }
    // A collection is compared by the hash of what it is made of, which may be a typedef.
    for root in [
        "struct P { long x; }; typedef P Q; struct S { sequence<Q> x; };",
        "struct P { long x; }; typedef sequence<P> Q; struct S { sequence<Q> x; };",
        "struct P { long x; }; typedef P Q; struct S { Q x[3]; };",
    ] {
        assert_eq!(refused(root), TypeObjectError::Inexact("S".into()), "{root}");
    }
    let root = ty("typedef long L; struct P { long x; }; struct S { L l; P p; };", "S");
    assert!(TypeObjects::of(&root).is_ok(), "the type itself is compared member by member");
    assert_eq!(root.inexact, ["S".to_owned()].into());
    // Written before any of this was noted.
    let mut old =
        serde_json::to_value(&*ty("struct P { long x; }; struct S { P p; };", "S")).unwrap();
    old.as_object_mut().unwrap().remove("inexact");
    let old: TypeDescriptor = serde_json::from_value(old).unwrap();
    assert_eq!(TypeObjects::of(&old).err().unwrap(), TypeObjectError::Inexact("P".into()));
    assert!(old.is_same(&ty("struct P { long x; }; struct S { P p; };", "S")));
}

//! IDL and ROS 2 messages.

use tidewire_idl::{Codec, Columns, KeyReader, TypeRegistry};

use crate::memory::bounded;

/// Text that is IDL, or a message if it starts with `#msg`: read, or refused with places.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // What is on this machine's disk is not part of the input.
    let text = text.replace("include", "exclude");
    let name = if text.starts_with("#msg") { "p/msg/M.msg" } else { "fuzz.idl" };
    bounded(data.len(), || {
        let mut types = TypeRegistry::new();
        if let Err(error) = types.add_str(name, &text) {
            assert!(!error.to_string().is_empty());
            for d in error.diagnostics() {
                assert!(d.line > 0 && d.column > 0 && d.length > 0, "{error}");
            }
            return;
        }
        for name in types.names() {
            let Some(ty) = types.get(&name) else { panic!("`{name}` is listed and missing") };
            if let Ok(codec) = Codec::new(&ty) {
                let _ = codec.decode(&[0, 1, 0, 0]);
            }
            let _ = Columns::new(&ty);
            let _ = KeyReader::new(&ty);
        }
    });
}

pub const WORDS: &[&str] = &[
    "struct",
    "union",
    "enum",
    "bitmask",
    "module",
    "typedef",
    "const",
    "sequence<",
    "string<",
    "wstring",
    "long long",
    "unsigned",
    "octet",
    "boolean",
    "switch (",
    "case",
    "default:",
    "@key",
    "@optional",
    "@mutable",
    "@appendable",
    "@id(",
    "@default(",
    "@bit_bound(",
    "@position(",
    "@unit(",
    "#define",
    "#if",
    "#ifdef",
    "#elif",
    "#else",
    "#endif",
    "#undef",
    "defined(",
    "#pragma keylist",
    "::",
    "<<",
    "0x",
    "1e999",
    "/*",
    "*/",
    "//",
    "\\\n",
    "[",
    "]",
    "{",
    "};",
    "(",
    ")",
    "99999999999",
];

pub fn seeds() -> Vec<Vec<u8>> {
    let shipped = [
        include_str!("../../../idl/types/bench.idl"),
        include_str!("../../../idl/types/event.idl"),
        include_str!("../../../idl/types/market.idl"),
        include_str!("../../../idl/types/sensor.idl"),
    ];
    let language = [
        "#ifndef A\n#define A 3\n#define LIST(T, N) sequence<T, N>\n#if defined(A) && A > 2\n\
         module m { module n {\n  enum E { X, @value(7) Y }; bitmask B { @position(3) F, G };\n  \
         const long SIZE = (A + 1) << 2; typedef double V[SIZE][2];\n  \
         @mutable struct S { @key @id(4) string<SIZE> name; @optional V v; LIST(LIST(E, 2), 4) l; };\n  \
         @mutable struct T : S { @default(Y) E e; @unit(\"m/s^2\") float f; wstring<3> w; };\n  \
         union U switch (E) { case X: long a; case m::n::Y: S s; default: octet o[4]; };\n\
         }; };\n#else\nstruct Nothing { };\n#endif\n#endif\n",
        "#pragma keylist P a\nstruct P { long a, b[2]; unsigned long long c; }; /* x */ // y\n",
        "struct E { }; struct K { @key sequence<sequence<sequence<sequence<E, 9>>>> k; @key E e[9]; };",
        "struct S; struct R { sequence<S> s; }; struct S { char c; wchar w; boolean b; int8 i; };",
        "#msg comment\nfloat64[3] xyz 0.5 # y\nstring<=5 name \"n\"\nuint8 KIND=3\nint32[<=4] list\n",
    ];
    shipped.iter().chain(&language).map(|text| text.as_bytes().to_vec()).collect()
}

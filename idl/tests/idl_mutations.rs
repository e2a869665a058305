//! No text makes the parser panic, hang or recurse without end.

#[path = "support/random.rs"]
mod random;

use random::{Dice, Rng};
use tidewire_idl::TypeRegistry;

const SEEDS: [&str; 3] = [
    r#"
#ifndef A
#define A 3
#define LIST(T, N) sequence<T, N>
#if defined(A) && A > 2
module m { module n {
  enum E { X, @value(7) Y }; bitmask B { @position(3) F, G };
  const long SIZE = (A + 1) << 2; typedef double V[SIZE][2];
  @mutable struct S { @key @id(4) string<SIZE> name; @optional V v; LIST(LIST(E, 2), 4) list; };
  @mutable struct T : S { @default(Y) E e; @unit("m/s") float f; wstring<3> w; };
  union U switch (E) { case X: long a; case m::n::Y: S s; default: octet o[4]; };
}; };
#else
struct Nothing { };
#endif
#endif
"#,
    "#pragma keylist P a\nstruct P { long a, b[2]; unsigned long long c; }; /* x */ // y\n",
    "struct S; struct R { sequence<S> s; }; struct S { char c; wchar w; boolean b; int8 i; };",
];

#[test]
fn the_seeds_are_valid() {
    for seed in SEEDS {
        TypeRegistry::new().add_str("seed.idl", seed).unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn mutated_texts_are_read_or_refused() {
    let words = [
        "struct",
        "{",
        "}",
        ";",
        "<",
        ">",
        "(",
        ")",
        "sequence<",
        "::",
        "@key",
        "#if",
        "#endif",
        "#define X X X",
        "union",
        "switch",
        "case",
        "1e999",
        "0x",
        "'",
        "\"",
        "/*",
        "-",
        "<<",
        "\\",
        "\n",
        "\u{0}",
        "é",
        "99999999999999999999999999999999999999999999",
    ];
    for (s, seed) in SEEDS.iter().enumerate() {
        for round in 0..1500 {
            let mut rng = Rng((s * 10_000 + round) as u64);
            let mut text: Vec<char> = seed.chars().collect();
            for _ in 0..1 + rng.below(4) {
                let at = rng.below(text.len());
                match rng.below(5) {
                    0 => drop(text.remove(at)),
                    1 => text[at] = char::from(rng.next() as u8),
                    2 => drop(text.splice(at..at, words[rng.below(words.len())].chars())),
                    3 => {
                        let end = (at + rng.below(20)).min(text.len());
                        text.drain(at..end);
                    }
                    _ => {
                        let end = (at + rng.below(30)).min(text.len());
                        let copy: Vec<char> = text[at..end].to_vec();
                        text.splice(at..at, copy);
                    }
                }
                if text.is_empty() {
                    text.push(' ');
                }
            }
            let text: String = text.into_iter().collect();
            if let Err(error) = TypeRegistry::new().add_str("mutated.idl", &text) {
                assert!(!error.to_string().is_empty());
                for d in error.diagnostics() {
                    assert!(d.line > 0 && d.column > 0, "{error}");
                }
            }
        }
    }
}

#[test]
fn bottomless_texts_are_refused() {
    let repeat = |open: &str, middle: &str, close: &str| {
        [&open.repeat(20_000), middle, &close.repeat(20_000)].concat()
    };
    let bombs = [
        repeat("module m { ", "", "};"),
        format!("struct S {{ {} x; }};", repeat("sequence<", "long", ">")),
        format!("const long A = {};", repeat("(", "1", ")")),
        format!("const long A = {}1;", "-".repeat(20_000)),
        format!("const long A = {}1;", "1 + ".repeat(20_000)),
        format!("#if {}\n#endif", repeat("(", "1", ")")),
        format!("#if {}1\n#endif", "!".repeat(20_000)),
        format!("#define F(x) x\nconst long A = {};", repeat("F(", "1", ")")),
        (0..5000).map(|i| format!("#define A{i} A{} A{}\n", i + 1, i + 1)).collect::<String>()
            + "A0",
        "@a(".repeat(20_000),
        format!("struct S {{ long x{}; }};", "[1]".repeat(20_000)),
        (0..5000).map(|i| format!("struct S{} {{ S{i} x; }};", i + 1)).collect::<String>(),
        "struct S0 { long a; };".to_owned()
            + &(0..300).map(|i| format!("struct S{} {{ S{i} a, b; }};", i + 1)).collect::<String>(),
        "struct S0 { long a; };".to_owned()
            + &(0..300).map(|i| format!("struct S{} : S{i} {{ }};", i + 1)).collect::<String>(),
        "typedef long T0[2];".to_owned()
            + &(0..60).map(|i| format!("typedef T{i} T{}[2];", i + 1)).collect::<String>()
            + "struct S { T60 x; };",
        "#define X X\n#define Y Z\n#define Z Y\nX Y".to_owned(),
    ];
    for bomb in bombs {
        let result = TypeRegistry::new().add_str("bomb.idl", &bomb);
        let start: String = bomb.chars().take(60).collect();
        if start.starts_with("const long A = 1 + ") || start.starts_with("#define X X") {
            continue;
        }
        assert!(result.is_err(), "{start}");
    }
}

#[test]
fn mutated_messages_are_read_or_refused() {
    let seed = "# comment\nstd_msgs/Header header\nfloat64[3] xyz 0.5 # y\nstring<=5 name \"n\"\n\
                uint8 KIND=3\nint32[<=4] list\nPoint[] points\n";
    for round in 0..3000 {
        let mut rng = Rng(round);
        let mut bytes = seed.as_bytes().to_vec();
        for _ in 0..1 + rng.below(4) {
            let at = rng.below(bytes.len());
            bytes[at] = b" []<=/#\"'\n0aZ_.\xc3"[rng.below(16)];
        }
        let text = String::from_utf8_lossy(&bytes);
        let _ = TypeRegistry::new().add_str("p/msg/M.msg", &text);
    }
}

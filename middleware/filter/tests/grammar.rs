//! What the grammar takes and refuses, and where it points.

use tidewire_filter::{Filter, FilterError};
use tidewire_idl::{TypeHandle, TypeRegistry};

const IDL: &str = "module m { enum Color { RED, GREEN, BLUE }; enum Other { RED2, NONE };
  struct V { float x; float y; };
  union U switch (long) { case 1: long one; case 2: string two; };
  @bit_bound(8) bitmask Mask { F, G };
  struct T {
    boolean flag; boolean flag2; octet small; long n; unsigned long long big; float f; double d;
    char c; string name; string<8> name2; wstring wide; Color color; Color color2; Other other;
    V v; V vs[2]; long grid[2][3]; sequence<string> names; U u; Mask mask; @optional long maybe;
    long RED; sequence<octet> bytes; };
};";

fn ty() -> TypeHandle {
    let mut types = TypeRegistry::new();
    types.add_str("t.idl", IDL).unwrap();
    types.get("m::T").unwrap()
}

#[test]
fn accepted() {
    let ty = ty();
    for expression in [
        "n = 1",
        "n=1",
        "n <> 1",
        "n < 1 AND n <= 1 and n > 1 And n >= 1",
        "1 < n",
        "-1 < n OR +1 = n",
        "n = 0x1F OR n = 0XfF OR n = -0x1f",
        "big = 18446744073709551615",
        "n = -9223372036854775808",
        "d = 1.5 OR d = .5 OR d = 5. OR d = 1e3 OR d = 1.5E-3 OR d = -2.5e+10",
        "n = 1.5",
        "f = 3",
        "n = d AND f < n AND big > n",
        "flag = TRUE OR flag = false OR flag <> flag2",
        "c = 'x' OR c = '''' OR c = '\\'' OR c <> 'é' OR c = name",
        "name = 'it''s' OR name = `left quote' OR name = ''",
        r"name = 'a\\b' OR name = 'tab\t' OR name = '\%'",
        "name < name2 AND wide = name",
        "name LIKE 'p%_'",
        "wide like '%' AND c LIKE '_'",
        "NOT name LIKE 'a%'",
        "color = 'RED'",
        "color = Color::GREEN OR color = m::Color::GREEN OR color = m::GREEN OR color = ::m::Color::BLUE",
        "color >= 1 AND color < BLUE AND GREEN <= color",
        "color = color2 OR color = n",
        "color BETWEEN 'RED' AND GREEN",
        "n BETWEEN 1 AND 2 AND n NOT BETWEEN 4 AND %0",
        "NOT NOT (n = 1)",
        "((n = 1))",
        "NOT (n = 1 OR (f > 2 AND NOT d < 3))",
        "v.x > 1 AND vs[1].y < 2",
        "grid[1][2] = 7 AND names[3] = 'x' AND bytes[0] = 255",
        "u.one = 1 OR u.two LIKE 'a%' OR u.$discriminator = 2",
        "mask = 3 AND maybe = 1",
        "n = %0 AND name = %1 AND color = %2 AND %3 < d",
        "n = %0 OR n = %0",
        "RED = 1",
        "n\n=\t1\r\nAND d = 2",
        "names[0] < 'z'",
    ] {
        let parameters = ["1", "'x'", "RED", "2"];
        let needed = (0..4).rev().find(|n| expression.contains(&format!("%{n}")));
        // A `%0` in a pattern is none.
        let needed = needed.map_or(0, |n| n + 1);
        if let Err(error) = Filter::new(&ty, expression, &parameters[..needed]) {
            panic!("{expression}\n{error}");
        }
    }
}

#[test]
fn refused_with_the_place() {
    let ty = ty();
    for (expression, column, length, message, help) in [
        ("", 1, 1, "empty", "leave it out"),
        ("   ", 1, 1, "empty", ""),
        ("n", 2, 1, "expected a comparison", "TRUE"),
        ("n =", 4, 1, "expected a field or a value, found the end", ""),
        ("= 1", 1, 1, "expected a field or a value, found `=`", ""),
        ("n = 1 2", 7, 1, "expected `AND`, `OR` or the end, found `2`", ""),
        ("n = 1 AND", 10, 1, "found the end", ""),
        ("n = 1 OR OR n = 2", 10, 2, "found `OR`", ""),
        ("n == 1", 3, 2, "no operator", "write `=`"),
        ("n != 1", 3, 2, "no operator", "write `<>`"),
        ("n = 1 && n = 2", 7, 2, "no operator", "write `AND`"),
        ("n = 1 || n = 2", 7, 2, "no operator", "write `OR`"),
        ("!flag = TRUE", 1, 1, "unexpected `!`", "NOT"),
        ("(n = 1", 1, 1, "never closed", "`)`"),
        ("n = 1)", 6, 1, "`)` without", ""),
        ("(n = 1 n = 2)", 8, 1, "expected `AND`, `OR` or `)`", ""),
        ("name = \"x\"", 8, 1, "unexpected `\"`", "single quotes"),
        ("name = 'x", 8, 1, "does not end", "single quote"),
        ("name = 'x\ny'", 8, 1, "does not end", ""),
        (r"name = 'a\qb'", 10, 2, "unknown escape", r"\\"),
        ("n = 12ab", 5, 4, "`12ab` is no number", ""),
        ("n = 0xZZ", 5, 4, "`0xZZ` is no integer", ""),
        ("n = 18446744073709551616", 5, 20, "no integer of 64 bits", "18446744073709551615"),
        ("d = 1e999", 5, 5, "out of range", ""),
        ("n = 1;", 6, 1, "unexpected `;`", "leave it out"),
        ("n = %100", 5, 4, "`%100` is no parameter", "%0 to %99"),
        ("n = %", 5, 1, "is no parameter", ""),
        ("n = %x", 5, 2, "is no parameter", ""),
        ("n BETWEEN 1", 12, 1, "`AND` and the upper bound", ""),
        ("n NOT 1", 7, 1, "`BETWEEN`", ""),
        ("name NOT LIKE 'a'", 10, 4, "no `NOT LIKE`", "NOT field LIKE"),
        ("SELECT * FROM t", 1, 6, "no SELECT", ""),
        ("n = 1 ORDER BY n", 7, 5, "no ORDER BY", ""),
        ("n[", 3, 1, "number of an element", ""),
        ("n[-1] = 1", 3, 2, "from 0", ""),
        ("grid[0][0 = 1", 11, 1, "expected `]`", ""),
        ("v. = 1", 4, 1, "expected a name", ""),
        ("m:: = 1", 5, 1, "expected a name", ""),
        ("ä = 1", 1, 1, "unexpected `ä`", ""),
        ("name = 'ä' AND nmae = 1", 16, 4, "`m::T` has no member `nmae`", "`name`"),
        ("sped > 3", 1, 4, "`m::T` has no member `sped`", ""),
        ("v.z > 3", 3, 1, "`m::V` has no member `z`", "`x`"),
        ("v > 3", 1, 1, "`v` is a struct `m::V`", "`v.x`"),
        ("names = 'x'", 1, 5, "`names` is a sequence", "`names[0]`"),
        ("vs[2].x = 1", 3, 3, "at most 2 elements", "0 to 1"),
        ("grid[1] = 1", 1, 7, "lacks an index", "`grid[1][0]`"),
        ("n = 'x'", 5, 3, "`n` is an integer, this is a text", "without quotes"),
        ("n = TRUE", 5, 4, "this is a boolean", ""),
        ("name = 3", 8, 1, "`name` is a string", "single quotes"),
        ("name = pump", 8, 4, "no member `pump`", "'pump'"),
        ("name = TRUE", 8, 4, "`name` is a string", ""),
        ("flag = 1", 8, 1, "`flag` is a boolean", "TRUE or FALSE"),
        ("flag = n", 1, 8, "cannot be compared", ""),
        ("name = n", 1, 8, "cannot be compared", ""),
        ("color = other", 1, 13, "cannot be compared", ""),
        ("color = f", 1, 9, "cannot be compared", ""),
        ("c = 'ab'", 5, 4, "`c` is a character", "one character"),
        ("color = 'GREN'", 9, 6, "no enumerator `GREN`", "`GREEN`"),
        ("color = RED2", 9, 4, "no enumerator `RED2`", ""),
        (
            "color = Other::NONE",
            9,
            11,
            "`Other` is not the enumeration `m::Color`",
            "m::Color::NONE",
        ),
        ("color = 1.5", 9, 3, "this is a floating point number", "enumerators"),
        ("color LIKE 'R%'", 1, 5, "LIKE compares texts", ""),
        ("n LIKE '1%'", 1, 1, "LIKE compares texts", ""),
        ("name LIKE name2", 11, 5, "`name` is a string", "LIKE compares with a text"),
        ("'a%' LIKE name", 1, 4, "expected a field", ""),
        ("1 BETWEEN n AND 3", 1, 1, "expected a field", ""),
        ("n BETWEEN d AND 3", 11, 1, "this is a name", ""),
        ("1 = 1", 1, 5, "neither side is a field", ""),
        ("%0 = 1", 1, 6, "neither side is a field", ""),
        ("n = Color::RED", 5, 10, "this is an enumerator", ""),
        ("n = 1\nAND nn = 2", 5, 2, "no member `nn`", ""),
    ] {
        let error = Filter::new(&ty, expression, &[]).unwrap_err();
        let FilterError::Expression(at) = &error else { panic!("{expression}: {error}") };
        assert_eq!((at.column, at.length), (column, length), "{expression}\n{error}");
        assert!(at.message.contains(message), "{expression}\n{error}");
        assert!(at.help.clone().unwrap_or_default().contains(help), "{expression}\n{error}");
    }
    let error = Filter::new(&ty, "n = 1\nAND nn = 2", &[]).unwrap_err();
    assert!(error.to_string().contains("filter:2:5"), "{error}");
}

#[test]
fn parameters_are_checked_where_they_stand() {
    let ty = ty();
    let expression = "n > %0 AND name LIKE %1 AND color <> %2 AND c = %3";
    let mut filter = Filter::new(&ty, expression, &["1", "a%", "RED", "x"]).unwrap();
    assert_eq!((filter.expression(), filter.parameters().len()), (expression, 4));
    filter.set_parameters(&["0x10", "'a%'", "Color::BLUE", "'x'"]).unwrap();
    filter.set_parameters(&["-1.5", "it's", "'GREEN'", "'"]).unwrap_err();
    filter.set_parameters(&["-1.5", "it's", "'GREEN'", "''''"]).unwrap();
    let before = filter.parameters().to_vec();
    for (parameters, index, message) in [
        (["x", "a", "RED", "x"], 0, "this is a name"),
        (["1 2", "a", "RED", "x"], 0, "expected the end"),
        (["", "a", "RED", "x"], 0, "expected a field or a value"),
        (["%1", "a", "RED", "x"], 0, "cannot stand for another"),
        (["1", "'a", "RED", "x"], 1, "does not end"),
        (["1", "a", "PINK", "x"], 2, "no enumerator `PINK`"),
        (["1", "a", "v.x", "x"], 2, "this is a name"),
        (["1", "a", "RED", "xy"], 3, "one character"),
    ] {
        let error = filter.set_parameters(&parameters).unwrap_err();
        let FilterError::Parameter { index: found, diagnostic } = &error else { panic!("{error}") };
        assert_eq!(*found, index, "{error}");
        assert!(diagnostic.message.contains(message), "{error}");
        assert!(error.to_string().contains(&format!("parameter %{index}:1:")), "{error}");
    }
    for given in [&["1"][..], &["1", "a", "RED", "x", "5"][..]] {
        let error = filter.set_parameters(given).unwrap_err();
        assert!(error.to_string().contains("uses 4 parameters"), "{error}");
    }
    assert_eq!(filter.parameters(), before, "a wrong set changes nothing");
}

#[test]
fn nesting_and_length_are_bounded() {
    let ty = ty();
    let deep = |n: usize| format!("{}n = 1{}", "(".repeat(n), ")".repeat(n));
    Filter::new(&ty, &deep(60), &[]).unwrap();
    for expression in [deep(65), deep(20_000), format!("{}n = 1", "NOT ".repeat(15_000))] {
        let error = Filter::new(&ty, &expression, &[]).unwrap_err();
        assert!(error.to_string().contains("nest deeper than 64"), "{error}");
    }
    // Long, but not deep.
    let long = vec!["n = 1"; 5000].join(" OR ");
    let filter = Filter::new(&ty, &long, &[]).unwrap();
    drop(filter.clone());
    let error = Filter::new(&ty, &vec!["n = 1"; 10_000].join(" OR "), &[]).unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
}

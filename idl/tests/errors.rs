//! What people read when their IDL is wrong.

use tidewire_idl::{IdlError, TypeRegistry};

fn error(name: &str, text: &str) -> String {
    TypeRegistry::new().add_str(name, text).unwrap_err().to_string()
}

#[test]
fn a_mistyped_type_is_shown_with_what_was_meant() {
    let text = "module m {\n  struct P {\n    flot x;\n  };\n};\n";
    let expected = "\
error: unknown type `flot`
 --> a.idl:3:5
  |
3 |     flot x;
  |     ^^^^
  = help: did you mean `float`?";
    assert_eq!(error("a.idl", text), expected);
}

#[test]
fn a_missing_semicolon_is_shown_behind_the_last_token() {
    let text = "struct P {\n  float x\n  float y;\n};\n";
    let expected = "\
error: `;` missing, found `float`
 --> a.idl:2:10
  |
2 |   float x
  |          ^
  = help: add `;` here";
    assert_eq!(error("a.idl", text), expected);
}

#[test]
fn a_duplicate_member_is_refused() {
    let expected = "\
error: `P` already has a member `x`
 --> a.idl:1:28
  |
1 | struct P { float x; double x; };
  |                            ^
  = help: rename one of them";
    assert_eq!(error("a.idl", "struct P { float x; double x; };"), expected);
}

#[test]
fn a_missing_include_says_where_it_was_searched() {
    let mut types = TypeRegistry::new();
    types.include_dir("/nowhere/idl");
    let error = types.add_str("here/a.idl", "#include \"geometry.idl\"\n").unwrap_err();
    let expected = "\
error: cannot find include file `geometry.idl`
 --> here/a.idl:1:10
  |
1 | #include \"geometry.idl\"
  |          ^^^^^^^^^^^^^^
  = help: searched in `here`, `/nowhere/idl`; add the directory it is in to the include path";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn an_unterminated_comment_is_shown_where_it_begins() {
    let expected = "\
error: unterminated comment
 --> a.idl:2:1
  |
2 | /* and so on
  | ^^
  = help: add `*/`; everything up to the end of the file is in this comment";
    assert_eq!(error("a.idl", "struct P { float x; };\n/* and so on\nstruct Q {"), expected);
}

#[test]
fn several_errors_are_reported_at_once() {
    let text = "struct P {\n  flot x;\n  dubble y;\n  long ok;\n};\nstruct Q { P p; strin s; };\n";
    let error = TypeRegistry::new().add_str("a.idl", text).unwrap_err();
    let lines: Vec<_> = error.diagnostics().iter().map(|d| (d.line, d.column)).collect();
    assert_eq!(lines, [(2, 3), (3, 3), (6, 17)]);
    let helps: Vec<_> = error.diagnostics().iter().filter_map(|d| d.help.as_deref()).collect();
    let meant = ["float", "double", "string"].map(|t| format!("did you mean `{t}`?"));
    assert_eq!(helps, meant);
}

#[test]
fn names_of_other_languages_are_translated() {
    for (wrong, right) in [("bool", "boolean"), ("int", "long"), ("f64", "double")] {
        let text = format!("struct P {{ {wrong} x; }};");
        let help = format!("= help: IDL calls it `{right}`");
        assert!(error("a.idl", &text).ends_with(&help), "{}", error("a.idl", &text));
    }
}

#[test]
fn what_is_not_supported_is_named() {
    for (text, message) in [
        ("struct P { long double x; };", "`long double` is not supported"),
        ("struct P { fixed<5,2> x; };", "`fixed` is not supported"),
        ("struct P { any x; };", "`any` is not supported"),
        ("struct P { map<long, long> x; };", "`map` is not supported"),
        ("interface I { };", "`interface` is not supported"),
        ("valuetype V { };", "`valuetype` is not supported"),
        ("struct P { @non_serialized long x; };", "`@non_serialized` is not supported"),
        ("struct N { sequence<N> children; };", "`N` contains itself"),
        ("struct P { @key @optional long x; };", "a key member cannot be optional"),
        ("#define F(x) #x\nstruct P { long x; };", "`#` and `##` in macros are not supported"),
    ] {
        let error = error("a.idl", text);
        assert!(error.starts_with(&format!("error: {message}")), "{text}: {error}");
    }
}

#[test]
fn values_outside_their_type_are_refused() {
    for text in [
        "const octet A = 256;",
        "const short A = 1 << 15;",
        "const long A = \"one\";",
        "const string<2> A = \"abc\";",
        "struct P { @default(300) octet x; };",
        "struct P { @default(TRUE) long x; };",
        "enum E { @value(5) A, @value(5) B };",
        "@bit_bound(8) enum E { @value(200) A };",
        "@bit_bound(8) bitmask M { @position(8) A };",
        "struct P { long x[0]; };",
        "struct P { sequence<long, -1> x; };",
        "struct P { @id(1) long a; @id(1) long b; };",
        "union U switch (long) { case 1: long a; case 1: long b; };",
        "union U switch (double) { case 1: long a; };",
        "const long A = 1 / 0;",
        "struct P { long x[1000][1000][1000]; };",
    ] {
        let error = TypeRegistry::new().add_str("a.idl", text).unwrap_err();
        let place = &error.diagnostics()[0];
        assert!(place.line == 1 && place.column > 1, "{text}: {error}");
    }
}

#[test]
fn an_error_inside_an_include_is_shown_there() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("inner.idl"), "struct I { lnog x; };\n").unwrap();
    let main = dir.path().join("main.idl");
    std::fs::write(&main, "#include \"inner.idl\"\nstruct M { I i; };\n").unwrap();
    let error = TypeRegistry::new().add_file(&main).unwrap_err();
    assert!(error.diagnostics()[0].file.ends_with("inner.idl"), "{error}");
    assert_eq!(error.diagnostics()[0].help.as_deref(), Some("did you mean `long`?"));
}

#[test]
fn two_definitions_of_one_name_conflict_across_files() {
    let mut types = TypeRegistry::new();
    types.add_str("a.idl", "struct P { long x; };").unwrap();
    types.add_str("b.idl", "struct P { long x; };").unwrap();
    let error = types.add_str("c.idl", "struct P { short x; };").unwrap_err();
    assert!(matches!(&error, IdlError::Conflict { name, .. } if name == "P"), "{error}");
    assert!(types.add_file("no/such.idl").unwrap_err().to_string().contains("no/such.idl"));
}

#[test]
fn a_wrong_message_is_shown_too() {
    let error = error("pkg/msg/Pose.msg", "float64 x\nflaot64 y  # typo\n");
    let expected = "\
error: unknown type `flaot64`
 --> pkg/msg/Pose.msg:2:1
  |
2 | flaot64 y  # typo
  | ^^^^^^^
  = help: did you mean `float64`?";
    assert_eq!(error, expected);
}

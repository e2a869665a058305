//! The multi-line form `topic echo` prints: YAML's block style.

use std::fmt::{self, Display, Formatter, Write};

use super::Value;

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        block(self, f, 0, false)
    }
}

fn indent(f: &mut Formatter<'_>, depth: usize) -> fmt::Result {
    write!(f, "{:width$}", "", width = depth * 2)
}

/// Whether the value fits behind `name: ` on one line.
fn inline(value: &Value) -> bool {
    match value {
        Value::Struct(members) => members.is_empty(),
        Value::Union { member, .. } => member.is_none(),
        Value::Sequence(items) => items
            .iter()
            .all(|v| !matches!(v, Value::Struct(_) | Value::Union { .. } | Value::Sequence(_))),
        _ => true,
    }
}

/// `continued`: the first line's indentation is already there (after `- `).
fn block(value: &Value, f: &mut Formatter<'_>, depth: usize, continued: bool) -> fmt::Result {
    let mut first = true;
    let mut start = |f: &mut Formatter<'_>| {
        if !std::mem::take(&mut first) {
            f.write_char('\n')?;
        } else if continued {
            return Ok(());
        }
        indent(f, depth)
    };
    match value {
        _ if inline(value) => {
            start(f)?;
            scalar(value, f)
        }
        Value::Struct(members) => {
            for (name, value) in members {
                start(f)?;
                entry(name, value, f, depth)?;
            }
            Ok(())
        }
        Value::Union { discriminator, member } => {
            start(f)?;
            entry("$discriminator", discriminator, f, depth)?;
            if let Some((name, value)) = member {
                start(f)?;
                entry(name, value, f, depth)?;
            }
            Ok(())
        }
        Value::Sequence(items) => {
            for item in items {
                start(f)?;
                f.write_str("- ")?;
                block(item, f, depth + 1, true)?;
            }
            Ok(())
        }
        _ => scalar(value, f),
    }
}

fn entry(name: &str, value: &Value, f: &mut Formatter<'_>, depth: usize) -> fmt::Result {
    f.write_str(name)?;
    f.write_char(':')?;
    if inline(value) {
        f.write_char(' ')?;
        return scalar(value, f);
    }
    f.write_char('\n')?;
    block(value, f, depth + 1, false)
}

fn scalar(value: &Value, f: &mut Formatter<'_>) -> fmt::Result {
    match value {
        Value::Null => f.write_str("null"),
        Value::Bool(v) => v.fmt(f),
        Value::U8(v) => v.fmt(f),
        Value::I8(v) => v.fmt(f),
        Value::I16(v) => v.fmt(f),
        Value::U16(v) => v.fmt(f),
        Value::I32(v) => v.fmt(f),
        Value::U32(v) => v.fmt(f),
        Value::I64(v) => v.fmt(f),
        Value::U64(v) => v.fmt(f),
        // `Debug` keeps the `.0` that tells a float from an integer.
        Value::F32(v) => write!(f, "{v:?}"),
        Value::F64(v) => write!(f, "{v:?}"),
        Value::Char(c) => text(c.encode_utf8(&mut [0; 4]), f),
        Value::String(s) => text(s, f),
        Value::Enum { name, .. } => f.write_str(name),
        Value::Bitmask { value, flags } => {
            let names = if flags.is_empty() { "none".to_owned() } else { flags.join(" | ") };
            write!(f, "{value:#x} ({names})")
        }
        Value::Bytes(bytes) => bytes_text(bytes, f),
        Value::Sequence(items) => {
            f.write_char('[')?;
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    f.write_str(", ")?;
                }
                scalar(item, f)?;
            }
            f.write_char(']')
        }
        Value::Struct(_) => f.write_str("{}"),
        Value::Union { discriminator, .. } => {
            f.write_str("{$discriminator: ")?;
            scalar(discriminator, f)?;
            f.write_char('}')
        }
    }
}

/// Quotes what YAML would read as something else than this text.
fn text(s: &str, f: &mut Formatter<'_>) -> fmt::Result {
    let plain = s.chars().all(|c| c.is_alphanumeric() || "_-./ ".contains(c))
        && s.starts_with(|c: char| c.is_alphabetic() || c == '/')
        && !s.ends_with(' ')
        && !matches!(s, "null" | "true" | "false" | "yes" | "no" | "on" | "off");
    if plain { f.write_str(s) } else { write!(f, "{s:?}") }
}

fn bytes_text(bytes: &[u8], f: &mut Formatter<'_>) -> fmt::Result {
    const SHOWN: usize = 64;
    write!(f, "<{} bytes>", bytes.len())?;
    for (i, byte) in bytes.iter().take(SHOWN).enumerate() {
        let gap = if i % 4 == 0 { " " } else { "" };
        write!(f, "{gap}{byte:02x}")?;
    }
    if bytes.len() > SHOWN { f.write_str(" …") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_values_are_indented() {
        let point =
            |x| Value::Struct(vec![("x".into(), Value::F32(x)), ("n".into(), Value::U8(1))]);
        let value = Value::Struct(vec![
            ("name".into(), Value::String("a: b".into())),
            ("list".into(), Value::Sequence(vec![Value::F64(1.0), Value::F64(2.5)])),
            ("points".into(), Value::Sequence(vec![point(1.0), point(2.0)])),
            ("raw".into(), Value::Bytes(vec![1, 2, 3, 4, 5])),
            ("gone".into(), Value::Null),
        ]);
        let expected = "name: \"a: b\"\nlist: [1.0, 2.5]\npoints:\n  - x: 1.0\n    n: 1\n  - x: 2.0\n    \
                        n: 1\nraw: <5 bytes> 01020304 05\ngone: null";
        assert_eq!(value.to_string(), expected);
    }
}

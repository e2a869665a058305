//! The types plain scalars have (YAML 1.2.2, 10.3.2, core schema).

use serde_json::{Number, Value};

use super::Scalar;

pub(crate) fn is_null(scalar: &Scalar) -> bool {
    scalar.plain && matches!(scalar.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
}

/// The value a plain scalar means; text where it means nothing else.
pub(crate) fn typed(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    if let Ok(integer) = text.strip_prefix('+').unwrap_or(text).parse::<i64>() {
        return integer.into();
    }
    if let Ok(integer) = text.strip_prefix('+').unwrap_or(text).parse::<u64>() {
        return integer.into();
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && let Ok(integer) = i64::from_str_radix(digits, radix)
        {
            return integer.into();
        }
    }
    // Rust also parses `inf` and `nan`, which the core schema writes otherwise and JSON cannot carry.
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
        && text.contains(|c: char| c.is_ascii_digit());
    if numeric
        && let Ok(float) = text.parse::<f64>()
        && let Some(number) = Number::from_f64(float)
    {
        return Value::Number(number);
    }
    Value::String(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::typed;
    use serde_json::json;

    #[test]
    fn the_core_schema() {
        for (text, value) in [
            ("1", json!(1)),
            ("-7", json!(-7)),
            ("+3", json!(3)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("18446744073709551615", json!(u64::MAX)),
            ("1.5", json!(1.5)),
            ("1e3", json!(1000.0)),
            (".5", json!(0.5)),
            ("true", json!(true)),
            ("~", json!(null)),
            ("yes", json!("yes")),
            ("nan", json!("nan")),
            ("-", json!("-")),
            ("1.2.3", json!("1.2.3")),
        ] {
            assert_eq!(typed(text), value, "{text}");
        }
    }
}

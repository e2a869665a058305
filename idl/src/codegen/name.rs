//! IDL names to Rust names.

/// Words that are keywords of Rust in some edition.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

/// An identifier as Rust takes it.
pub(crate) fn ident(name: &str) -> String {
    match name {
        "self" | "Self" | "super" | "crate" | "_" => format!("{name}_"),
        _ if KEYWORDS.contains(&name) => format!("r#{name}"),
        _ => name.to_owned(),
    }
}

/// `UNDER_WAY`, `under_way` and `underWay` to `UnderWay`.
pub(crate) fn camel(name: &str) -> String {
    let shouting = !name.chars().any(|c| c.is_ascii_lowercase());
    let mut out = String::with_capacity(name.len());
    let mut upper = true;
    for c in name.chars() {
        if c == '_' {
            upper = true;
        } else if upper {
            out.push(c.to_ascii_uppercase());
            upper = false;
        } else {
            out.push(if shouting { c.to_ascii_lowercase() } else { c });
            // `X1Y` stays readable: a letter after a digit starts a word when shouting.
            upper = false;
        }
    }
    if out.is_empty() || out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert(0, 'V');
    }
    ident(&out)
}

/// Variant names of literals or members: camel case, or the names as they are where two would fall
/// together.
pub(crate) fn variants<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let made: Vec<String> = names.clone().map(camel).collect();
    let mut sorted = made.clone();
    sorted.sort();
    sorted.dedup();
    if sorted.len() == made.len() { made } else { names.map(ident).collect() }
}

/// Path from inside one module to a type: `super::super::sensor::Imu`.
pub(crate) fn path(from: &[&str], to: &str) -> String {
    let parts: Vec<&str> = to.split("::").collect();
    let (name, module) = parts.split_last().map_or((to, &[][..]), |(n, m)| (*n, m));
    let mut out = String::new();
    if from != module {
        out.push_str(&"super::".repeat(from.len()));
        for part in module {
            out.push_str(&ident(part));
            out.push_str("::");
        }
    }
    if out.is_empty() {
        out.push_str("self::");
    }
    out.push_str(&ident(name));
    out
}

/// A string literal.
pub(crate) fn quote(text: &str) -> String {
    format!("{text:?}")
}

/// Documentation lines.
pub(crate) fn doc(text: &str, indent: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        // Nothing in IDL comments is meant as a link or a test.
        let line = line.replace('[', "\\[").replace(']', "\\]");
        out.push_str(&format!("{indent}/// {}\n", line.trim_end().replace("```", "'''")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_rust() {
        assert_eq!((camel("BUY"), camel("under_way")), ("Buy".into(), "UnderWay".into()));
        assert_eq!((camel("_2D"), camel("self")), ("V2d".into(), "Self_".into()));
        assert_eq!(ident("type"), "r#type");
        // Shouted `A_B` is `AB`, and so is `a_b`: both stay as they are.
        assert_eq!(variants(["A_B", "a_b"].into_iter()), ["A_B", "a_b"]);
    }

    #[test]
    fn paths_climb_out_of_modules() {
        assert_eq!(path(&["a", "b"], "a::c::T"), "super::super::a::c::T");
        assert_eq!(path(&["a"], "a::T"), "self::T");
        assert_eq!(path(&[], "T"), "self::T");
    }
}

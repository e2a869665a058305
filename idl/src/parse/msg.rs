//! ROS 2 `.msg` files: one struct each, named as ROS names it on the wire
//! (`std_msgs::msg::dds_::Header_`).

use std::path::Path;

use super::source::{Problems, Sources, Span};
use super::{Constant, Parsed};
use crate::descriptor::{Definition, Extensibility, Member, Primitive, TypeRef};
use crate::error::{Diagnostics, IdlError};
use crate::suggest::nearest;

const BASIC: &[&str] = &[
    "bool", "byte", "char", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64",
    "uint64", "float32", "float64", "string", "wstring",
];

/// Parses one message; package and name come from the path.
pub(crate) fn parse(path: &Path, text: &str) -> Result<Parsed, IdlError> {
    let mut sources = Sources::default();
    let file = sources.add(path.to_owned(), text);
    let mut problems = Problems::default();
    let package = package(path);
    let name = path.file_stem().map_or("Message".into(), |s| s.to_string_lossy().into_owned());
    let mut reader = Reader { package: &package, problems: &mut problems };
    let mut members: Vec<Member> = Vec::new();
    let mut constants = Vec::new();
    let mut start = 0usize;
    for line in text.split('\n') {
        let span = |part: &str| {
            // Where the part is: both are slices of one text.
            let at = part.as_ptr() as usize - text.as_ptr() as usize;
            Span { file, start: at as u32, end: (at + part.len()) as u32 }
        };
        start += line.len() + 1;
        if start > u32::MAX as usize {
            break;
        }
        reader.line(line, &span, &mut members, &mut constants);
    }
    if members.is_empty() {
        // What ROS generates for an empty message.
        members.push(Member {
            name: "structure_needs_at_least_one_member".into(),
            id: 0,
            ty: TypeRef::Primitive(Primitive::U8),
            key: false,
            optional: false,
            must_understand: false,
            default: None,
            unit: None,
        });
    }
    let diagnostics = problems.render(&sources);
    if !diagnostics.is_empty() {
        return Err(IdlError::Source(Diagnostics(diagnostics)));
    }
    let full = scoped(&package, &name);
    let prefix = full.trim_end_matches('_').to_owned();
    let definition =
        Definition::Struct { extensibility: Extensibility::Final, base: None, members };
    let mut parsed = Parsed::default();
    parsed.types.insert(full, definition);
    parsed.files.push(path.to_owned());
    for (name, ty, value) in constants {
        parsed.constants.push((format!("{prefix}_Constants::{name}"), ty, value));
    }
    Ok(parsed)
}

/// `package/msg/Name.msg`, or `package/Name.msg`.
fn package(path: &Path) -> String {
    let parents = path.ancestors().skip(1).filter_map(|p| p.file_name());
    let name = parents.map(|n| n.to_string_lossy().into_owned()).find(|n| n != "msg");
    name.unwrap_or_else(|| "ros".into())
}

/// The name a ROS message type has on the wire.
pub(crate) fn scoped(package: &str, name: &str) -> String {
    format!("{package}::msg::dds_::{name}_")
}

struct Reader<'a> {
    package: &'a str,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn line(
        &mut self,
        line: &str,
        span: &dyn Fn(&str) -> Span,
        members: &mut Vec<Member>,
        constants: &mut Vec<(String, TypeRef, Constant)>,
    ) {
        let code = strip_comment(line).trim();
        if code.is_empty() || code == "---" {
            return;
        }
        let Some((ty_text, rest)) = code.split_once(char::is_whitespace) else {
            let help = Some("write `type name`".to_owned());
            self.problems.add(span(code), format!("`{code}` has no name"), help);
            return;
        };
        let rest = rest.trim();
        let Some(ty) = self.type_ref(ty_text, span) else { return };
        let name_end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, tail) = rest.split_at(name_end.unwrap_or(rest.len()));
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            self.problems.add(span(rest), "expected a name", None);
            return;
        }
        let tail = tail.trim();
        if let Some(value_text) = tail.strip_prefix('=') {
            if let Some(value) = self.constant(value_text.trim(), &ty, span) {
                constants.push((name.to_owned(), ty, value));
            }
            return;
        }
        if members.iter().any(|m| m.name == name) {
            let help = Some("rename one of them".to_owned());
            self.problems.add(span(name), format!("there is already a field `{name}`"), help);
            return;
        }
        let default = match tail {
            "" => None,
            text => match parse_default(text, &ty) {
                Some(value) => Some(value),
                None => {
                    let message = format!("`{text}` is no default for `{ty_text}`");
                    self.problems.add(span(text), message, None);
                    None
                }
            },
        };
        members.push(Member {
            name: name.to_owned(),
            id: members.len() as u32,
            ty,
            key: false,
            optional: false,
            must_understand: false,
            default,
            unit: None,
        });
    }

    fn type_ref(&mut self, text: &str, span: &dyn Fn(&str) -> Span) -> Option<TypeRef> {
        let Some((element, dimension)) = text.split_once('[') else {
            return self.element(text, span);
        };
        let element = Box::new(self.element(element, span)?);
        let inner = dimension.strip_suffix(']');
        let bound = inner.and_then(|i| i.strip_prefix("<="));
        let number = |text: &str| text.trim().parse::<u32>().ok().filter(|n| *n > 0);
        match (inner, bound.map(number), inner.and_then(number)) {
            (Some(""), ..) => Some(TypeRef::Sequence { element, bound: None }),
            (_, Some(Some(bound)), _) => Some(TypeRef::Sequence { element, bound: Some(bound) }),
            (Some(_), None, Some(length)) => Some(TypeRef::Array { element, dims: vec![length] }),
            _ => {
                let help = Some("write `[]`, `[N]` or `[<=N]`".to_owned());
                self.problems.add(span(dimension), "not an array dimension", help);
                None
            }
        }
    }

    fn element(&mut self, text: &str, span: &dyn Fn(&str) -> Span) -> Option<TypeRef> {
        use Primitive as P;
        let (base, bound) = match text.split_once("<=") {
            Some((base, bound)) => match bound.parse::<u32>() {
                Ok(bound) if bound > 0 => (base, Some(bound)),
                _ => {
                    self.problems.add(span(bound), "a bound is a positive number", None);
                    return None;
                }
            },
            None => (text, None),
        };
        let primitive = match base {
            "string" => return Some(TypeRef::String { bound }),
            "wstring" => return Some(TypeRef::WString { bound }),
            "bool" => P::Bool,
            "byte" => P::Octet,
            "char" | "uint8" => P::U8,
            "int8" => P::I8,
            "int16" => P::I16,
            "uint16" => P::U16,
            "int32" => P::I32,
            "uint32" => P::U32,
            "int64" => P::I64,
            "uint64" => P::U64,
            "float32" => P::F32,
            "float64" => P::F64,
            // ROS 1 names.
            "time" => return Some(TypeRef::Named(scoped("builtin_interfaces", "Time"))),
            "duration" => return Some(TypeRef::Named(scoped("builtin_interfaces", "Duration"))),
            "Header" => return Some(TypeRef::Named(scoped("std_msgs", "Header"))),
            other => {
                let parts: Vec<_> = other.split('/').collect();
                let valid = parts.iter().all(|p| {
                    p.starts_with(|c: char| c.is_ascii_alphabetic())
                        && p.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                });
                return match parts.as_slice() {
                    [name] if valid && name.starts_with(|c: char| c.is_ascii_uppercase()) => {
                        Some(TypeRef::Named(scoped(self.package, name)))
                    }
                    [package, name] | [package, "msg", name] if valid => {
                        Some(TypeRef::Named(scoped(package, name)))
                    }
                    _ => {
                        let help = nearest(other, BASIC.iter().copied())
                            .map(|n| format!("did you mean `{n}`?"));
                        self.problems.add(span(text), format!("unknown type `{other}`"), help);
                        None
                    }
                };
            }
        };
        Some(TypeRef::Primitive(primitive))
    }

    fn constant(
        &mut self,
        text: &str,
        ty: &TypeRef,
        span: &dyn Fn(&str) -> Span,
    ) -> Option<Constant> {
        let value = match (ty, parse_default(text, ty)) {
            (TypeRef::String { .. } | TypeRef::WString { .. }, None) => Some(text.into()),
            (_, value) => value,
        };
        let constant = match value {
            Some(serde_json::Value::Bool(v)) => Some(Constant::Bool(v)),
            Some(serde_json::Value::String(v)) => Some(Constant::Text(v)),
            Some(serde_json::Value::Number(n)) => match (n.as_i64(), n.as_u64(), n.as_f64()) {
                (Some(v), ..) => Some(Constant::Int(v.into())),
                (_, Some(v), _) => Some(Constant::Int(v.into())),
                (.., v) => v.map(Constant::Float),
            },
            _ => None,
        };
        if constant.is_none() {
            self.problems.add(span(text), "this value does not fit its type", None);
        }
        constant
    }
}

/// Without the comment; a `#` in quotes is none.
fn strip_comment(line: &str) -> &str {
    let mut quote = None;
    for (i, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') => return &line[..i],
            (None, '"' | '\'') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            _ => {}
        }
    }
    line
}

fn parse_default(text: &str, ty: &TypeRef) -> Option<serde_json::Value> {
    match ty {
        TypeRef::Primitive(Primitive::Bool) => match text {
            "true" | "True" | "1" => Some(true.into()),
            "false" | "False" | "0" => Some(false.into()),
            _ => None,
        },
        TypeRef::Primitive(Primitive::F32 | Primitive::F64) => {
            let value: f64 = text.parse().ok()?;
            serde_json::Number::from_f64(value).map(Into::into)
        }
        TypeRef::Primitive(p) => {
            let hex = text.strip_prefix("0x").map(|d| i128::from_str_radix(d, 16));
            let value = hex.unwrap_or_else(|| text.parse()).ok()?;
            let (low, high) = super::constant::range(*p)?;
            if !(low..=high).contains(&value) {
                return None;
            }
            match i64::try_from(value) {
                Ok(v) => Some(v.into()),
                Err(_) => Some((value as u64).into()),
            }
        }
        TypeRef::String { .. } | TypeRef::WString { .. } => {
            let quoted = |q: char| text.strip_prefix(q).and_then(|t| t.strip_suffix(q));
            quoted('"').or_else(|| quoted('\'')).map(Into::into)
        }
        // Defaults of arrays are not part of the wire contract; the member stays zero.
        TypeRef::Array { .. } | TypeRef::Sequence { .. } if text.starts_with('[') => {
            serde_json::from_str(text).ok()
        }
        _ => None,
    }
}

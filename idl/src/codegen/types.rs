//! Uses of types: their Rust form, and expressions that write, read, check and default them.

use super::Types;
use super::name::path;
use crate::cdr::plan::{bitmask_bytes, enum_bytes};
use crate::descriptor::{Definition, Extensibility, Primitive, TypeRef};

/// Generates for one module.
pub(crate) struct Scope<'a> {
    pub types: &'a Types,
    pub module: Vec<&'a str>,
}

/// How the generated code names this crate.
pub(crate) const IDL: &str = "::tidewire_idl";

pub(crate) fn rust_primitive(p: Primitive) -> &'static str {
    match p {
        Primitive::Bool => "bool",
        Primitive::U8 | Primitive::Octet => "u8",
        Primitive::I8 => "i8",
        Primitive::I16 => "i16",
        Primitive::U16 => "u16",
        Primitive::I32 => "i32",
        Primitive::U32 => "u32",
        Primitive::I64 => "i64",
        Primitive::U64 => "u64",
        Primitive::F32 => "f32",
        Primitive::F64 => "f64",
        Primitive::Char | Primitive::WChar => "char",
    }
}

/// The method of reader and writer.
pub(crate) fn method(p: Primitive) -> &'static str {
    match p {
        Primitive::WChar => "wchar",
        other => rust_primitive(other),
    }
}

/// Whether reader and writer have methods for slices of it.
fn in_slices(p: Primitive) -> bool {
    !matches!(p, Primitive::Bool | Primitive::Char | Primitive::WChar)
}

fn bound_text(bound: Option<u32>) -> String {
    bound.map_or_else(|| "usize::MAX".to_owned(), |b| b.to_string())
}

impl<'a> Scope<'a> {
    pub fn definition(&self, name: &str) -> Option<&'a Definition> {
        self.types.types.get(name)
    }

    pub fn path(&self, name: &str) -> String {
        path(&self.module, name)
    }

    /// The Rust type.
    pub fn rust(&self, ty: &TypeRef) -> String {
        match ty {
            TypeRef::Primitive(p) => rust_primitive(*p).to_owned(),
            TypeRef::String { .. } | TypeRef::WString { .. } => "::std::string::String".to_owned(),
            TypeRef::Named(name) => self.path(name),
            TypeRef::Sequence { element, .. } => {
                format!("::std::vec::Vec<{}>", self.rust(element))
            }
            TypeRef::Array { element, dims } => {
                let element = self.rust(element);
                dims.iter().rev().fold(element, |inner, dim| format!("[{inner}; {dim}]"))
            }
        }
    }

    /// Whether the Rust type is `Copy`.
    pub fn is_copy(&self, ty: &TypeRef) -> bool {
        match ty {
            TypeRef::Primitive(_) => true,
            TypeRef::String { .. } | TypeRef::WString { .. } | TypeRef::Sequence { .. } => false,
            TypeRef::Array { element, .. } => self.is_copy(element),
            TypeRef::Named(name) => match self.definition(name) {
                Some(Definition::Struct { .. }) => {
                    self.all_members(name).iter().all(|m| self.is_copy(&m.ty))
                }
                Some(Definition::Union { discriminator, cases, .. }) => {
                    self.is_copy(discriminator) && cases.iter().all(|c| self.is_copy(&c.member.ty))
                }
                _ => true,
            },
        }
    }

    /// Whether a value may break a bound that its Rust type does not know.
    pub fn has_bounds(&self, ty: &TypeRef) -> bool {
        match ty {
            TypeRef::Primitive(_) => false,
            TypeRef::String { bound } | TypeRef::WString { bound } => bound.is_some(),
            TypeRef::Sequence { element, bound } => bound.is_some() || self.has_bounds(element),
            TypeRef::Array { element, .. } => self.has_bounds(element),
            TypeRef::Named(name) => match self.definition(name) {
                Some(Definition::Struct { .. }) => {
                    self.all_members(name).iter().any(|m| self.has_bounds(&m.ty))
                }
                Some(Definition::Union { cases, .. }) => {
                    cases.iter().any(|c| self.has_bounds(&c.member.ty))
                }
                _ => false,
            },
        }
    }

    /// Fewest bytes on the wire, as an expression.
    pub fn min_size(&self, ty: &TypeRef) -> String {
        match ty {
            TypeRef::Primitive(p) => p.size().to_string(),
            TypeRef::Named(name) => match self.definition(name) {
                Some(Definition::Enum { bit_bound, .. }) => enum_bytes(*bit_bound).to_string(),
                Some(Definition::Bitmask { bit_bound, .. }) => {
                    bitmask_bytes(*bit_bound).to_string()
                }
                _ => format!("<{} as {IDL}::CdrType>::MIN_SIZE", self.path(name)),
            },
            TypeRef::Array { element, dims } => {
                let count = dims.iter().map(|d| u64::from(*d)).fold(1, u64::saturating_mul);
                format!("{} * {count}", self.min_size(element))
            }
            _ => "4".to_owned(),
        }
    }

    /// A statement that writes the value at `place` (an expression that can be borrowed).
    pub fn write(&self, ty: &TypeRef, place: &str, key: bool, depth: usize) -> String {
        let element_name = format!("e{depth}");
        let inner =
            |element: &TypeRef| self.write(element, &format!("(*{element_name})"), key, depth + 1);
        match ty {
            TypeRef::Primitive(p) => {
                let bare = place.strip_prefix('(').and_then(|p| p.strip_suffix(')'));
                format!("w.{}({});", method(*p), bare.unwrap_or(place))
            }
            TypeRef::String { .. } => format!("w.string(&{place});"),
            TypeRef::WString { .. } => format!("w.wstring(&{place});"),
            TypeRef::Named(_) => {
                let method = if key { "write_key" } else { "write" };
                format!("{IDL}::CdrType::{method}(&{place}, w);")
            }
            TypeRef::Sequence { element, .. } => match &**element {
                TypeRef::Primitive(p) if in_slices(*p) => {
                    format!("w.seq_{}(&{place});", method(*p))
                }
                TypeRef::Primitive(_) => format!(
                    "w.count({place}.len()); for {element_name} in {place}.iter() {{ {} }}",
                    inner(element)
                ),
                _ => format!(
                    "{{ let mark = w.begin_collection(); w.count({place}.len()); \
                     for {element_name} in {place}.iter() {{ {} }} w.end_collection(mark); }}",
                    inner(element)
                ),
            },
            TypeRef::Array { element, dims } => {
                let flat = format!("{place}{}", ".as_flattened()".repeat(dims.len() - 1));
                match &**element {
                    TypeRef::Primitive(p) if in_slices(*p) => {
                        format!("w.array_{}(&{flat}[..]);", method(*p))
                    }
                    TypeRef::Primitive(_) => {
                        format!("for {element_name} in {flat}.iter() {{ {} }}", inner(element))
                    }
                    _ => format!(
                        "{{ let mark = w.begin_collection(); \
                         for {element_name} in {flat}.iter() {{ {} }} w.end_collection(mark); }}",
                        inner(element)
                    ),
                }
            }
        }
    }

    /// An expression of type `Result<T, CdrError>` that reads a value from `r`.
    pub fn read(&self, ty: &TypeRef, key: bool) -> String {
        match ty {
            TypeRef::Primitive(p) => format!("r.{}()", method(*p)),
            TypeRef::String { bound } => format!("r.string({})", bound_text(*bound)),
            TypeRef::WString { bound } => format!("r.wstring({})", bound_text(*bound)),
            TypeRef::Named(name) => {
                let method = if key { "read_key" } else { "read" };
                format!("<{} as {IDL}::CdrType>::{method}(r)", self.path(name))
            }
            TypeRef::Sequence { element, bound } => match &**element {
                TypeRef::Primitive(p) if in_slices(*p) => {
                    format!("r.seq_{}({})", method(*p), bound_text(*bound))
                }
                other => format!(
                    "{IDL}::typed::read_seq(r, {}, {}, {}, |r| {})",
                    bound_text(*bound),
                    // Of a key, elements may be anything.
                    if key { "0".to_owned() } else { self.min_size(other) },
                    !matches!(other, TypeRef::Primitive(_)),
                    self.read(other, key)
                ),
            },
            TypeRef::Array { element, dims } => match &**element {
                TypeRef::Primitive(p) if in_slices(*p) => {
                    let zero = self.zero(ty);
                    let flat = ".as_flattened_mut()".repeat(dims.len() - 1);
                    format!(
                        "{{ let mut a = {zero}; match r.fill_{}(&mut a{flat}[..]) \
                         {{ Ok(()) => Ok(a), Err(e) => Err(e) }} }}",
                        method(*p)
                    )
                }
                other => {
                    let delimited = !matches!(other, TypeRef::Primitive(_));
                    let mut expression = self.read(other, key);
                    for (i, dim) in dims.iter().enumerate().rev() {
                        let outermost = delimited && i == 0;
                        expression = format!(
                            "{IDL}::typed::read_array::<_, {dim}>(r, {outermost}, |r| {expression})"
                        );
                    }
                    expression
                }
            },
        }
    }

    /// An array of zeros.
    fn zero(&self, ty: &TypeRef) -> String {
        match ty {
            TypeRef::Array { element, dims } => {
                let zero = self.zero(element);
                dims.iter().rev().fold(zero, |inner, dim| format!("[{inner}; {dim}]"))
            }
            TypeRef::Primitive(Primitive::F32) => "0f32".into(),
            TypeRef::Primitive(Primitive::F64) => "0f64".into(),
            TypeRef::Primitive(p) => format!("0{}", rust_primitive(*p)),
            _ => "0".into(),
        }
    }

    /// The default value of a type as an expression.
    pub fn default(&self, ty: &TypeRef) -> String {
        match ty {
            TypeRef::Primitive(Primitive::Bool) => "false".into(),
            TypeRef::Primitive(Primitive::Char | Primitive::WChar) => "'\\0'".into(),
            TypeRef::Primitive(_) => self.zero(ty),
            TypeRef::Array { element, dims } => {
                let element_default = self.default(element);
                if matches!(**element, TypeRef::Primitive(_)) {
                    return dims.iter().rev().fold(element_default, |i, d| format!("[{i}; {d}]"));
                }
                dims.iter()
                    .rev()
                    .fold(element_default, |i, _| format!("::std::array::from_fn(|_| {i})"))
            }
            _ => "::std::default::Default::default()".into(),
        }
    }

    /// A member's `@default` (its JSON form) as an expression.
    pub fn default_of(&self, ty: &TypeRef, json: &serde_json::Value) -> String {
        use serde_json::Value as Json;
        match (ty, json) {
            (TypeRef::Primitive(p @ (Primitive::F32 | Primitive::F64)), Json::Number(n)) => {
                let value = n.as_f64().unwrap_or_default();
                format!("{value:?} as {}", rust_primitive(*p))
            }
            (TypeRef::Primitive(_), Json::Number(n)) => n.to_string(),
            (TypeRef::Primitive(_), Json::Bool(v)) => v.to_string(),
            (TypeRef::Primitive(_), Json::String(s)) => {
                format!("{:?}", s.chars().next().unwrap_or('\0'))
            }
            (TypeRef::String { .. } | TypeRef::WString { .. }, Json::String(s)) => {
                format!("::std::string::String::from({s:?})")
            }
            (TypeRef::Named(name), Json::String(literal)) => self.literal(name, literal),
            (TypeRef::Named(name), Json::Number(n)) => format!("{}({n})", self.path(name)),
            (TypeRef::Array { element, dims }, Json::Array(items)) => {
                let inner = match dims.split_first() {
                    Some((_, [])) | None => (**element).clone(),
                    Some((_, rest)) => {
                        TypeRef::Array { element: element.clone(), dims: rest.to_vec() }
                    }
                };
                let items: Vec<_> = items.iter().map(|i| self.default_of(&inner, i)).collect();
                format!("[{}]", items.join(", "))
            }
            (TypeRef::Sequence { element, .. }, Json::Array(items)) => {
                let items: Vec<_> = items.iter().map(|i| self.default_of(element, i)).collect();
                format!("vec![{}]", items.join(", "))
            }
            _ => self.default(ty),
        }
    }

    /// Path of an enumeration's variant.
    pub fn literal(&self, name: &str, literal: &str) -> String {
        let Some(Definition::Enum { literals, .. }) = self.definition(name) else {
            return self.default(&TypeRef::Named(name.to_owned()));
        };
        let variants = super::name::variants(literals.iter().map(|(n, _)| n.as_str()));
        let at = literals.iter().position(|(n, _)| n == literal).unwrap_or(0);
        let variant = variants.get(at).cloned().unwrap_or_default();
        format!("{}::{variant}", self.path(name))
    }

    /// Statements that check the bounds in the value at `place`; errors end the function. `None` if
    /// there are none.
    pub fn check(&self, ty: &TypeRef, place: &str, depth: usize) -> Option<String> {
        if !self.has_bounds(ty) {
            return None;
        }
        let e = format!("e{depth}");
        let loops = |element: &TypeRef, iter: String| {
            let inner = self.check(element, &format!("(*{e})"), depth + 1)?;
            Some(format!("for {e} in {iter} {{ {inner} }}"))
        };
        let bounded = |length: String, bound: &Option<u32>| {
            bound.map(|b| format!("{IDL}::typed::check_bound({length}, {b})?;")).unwrap_or_default()
        };
        Some(match ty {
            TypeRef::Primitive(_) => return None,
            TypeRef::String { bound } => bounded(format!("{place}.len()"), bound),
            TypeRef::WString { bound } => bounded(format!("{place}.encode_utf16().count()"), bound),
            TypeRef::Named(_) => format!("{IDL}::CdrType::validate(&{place})?;"),
            TypeRef::Sequence { element, bound } => {
                let own = bounded(format!("{place}.len()"), bound);
                own + &loops(element, format!("{place}.iter()")).unwrap_or_default()
            }
            TypeRef::Array { element, dims } => {
                let flat = ".as_flattened()".repeat(dims.len() - 1);
                loops(element, format!("{place}{flat}.iter()"))?
            }
        })
    }

    /// Members of a struct, those of its bases first.
    pub fn all_members(&self, name: &str) -> Vec<&'a crate::descriptor::Member> {
        let mut out = Vec::new();
        let mut chain = Vec::new();
        let mut at = Some(name);
        while let Some(name) = at {
            let Some(Definition::Struct { base, members, .. }) = self.definition(name) else {
                break;
            };
            chain.push(members);
            at = base.as_deref();
        }
        for members in chain.iter().rev() {
            out.extend(members.iter());
        }
        out
    }

    /// Size and alignment if the value's memory (as `repr(C)`) is its XCDR1 little-endian body.
    pub fn plain(&self, ty: &TypeRef) -> Option<(u64, u64)> {
        match ty {
            TypeRef::Primitive(Primitive::Bool | Primitive::Char | Primitive::WChar) => None,
            TypeRef::Primitive(p) => Some((p.size() as u64, p.size() as u64)),
            TypeRef::Array { element, dims } => {
                let (size, align) = self.plain(element)?;
                let count = dims.iter().try_fold(1u64, |n, d| n.checked_mul(u64::from(*d)))?;
                Some((size.checked_mul(count)?, align))
            }
            TypeRef::Named(name) => match self.definition(name)? {
                Definition::Struct { extensibility: Extensibility::Final, .. } => {
                    let (mut at, mut most) = (0u64, 1);
                    for member in self.all_members(name) {
                        let (size, align) = self.plain(&member.ty).filter(|_| !member.optional)?;
                        if at % align != 0 {
                            return None;
                        }
                        (at, most) = (at.checked_add(size)?, align.max(most));
                    }
                    (at > 0 && at % most == 0).then_some((at, most))
                }
                _ => None,
            },
            _ => None,
        }
    }
}

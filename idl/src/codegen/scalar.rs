//! Enumerations, bitmasks and constants.

use std::fmt::Write;

use super::name::{doc, ident, quote, variants};
use super::types::{IDL, Scope};
use crate::cdr::plan::{bitmask_bytes, enum_bytes};
use crate::descriptor::{Definition, Primitive, TypeRef};
use crate::parse::Constant;

impl Scope<'_> {
    /// An enumeration.
    pub fn enumeration(&self, full: &str, short: &str) -> String {
        let Some(Definition::Enum { bit_bound, literals, default }) = self.definition(full) else {
            return String::new();
        };
        let names = variants(literals.iter().map(|(n, _)| n.as_str()));
        let name = ident(short);
        let integer = ["i8", "i16", "i32"][enum_bytes(*bit_bound) / 2];
        let mut out = String::new();
        let text = self.types.docs.get(full).cloned().unwrap_or(format!("IDL enum `{full}`."));
        out += &doc(&text, "");
        let _ = writeln!(
            out,
            "#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, \
             {IDL}::serde::Serialize, {IDL}::serde::Deserialize)]\n\
             #[serde(crate = \"{IDL}::serde\")]\n#[repr(i32)]\npub enum {name} {{"
        );
        for ((literal, value), variant) in literals.iter().zip(&names) {
            let text = self.types.docs.get(&format!("{full}::{literal}"));
            out += &doc(text.map_or(&format!("`{literal}`."), |t| t), "    ");
            let _ = writeln!(out, "    #[serde(rename = {})]", quote(literal));
            let _ = writeln!(out, "    {variant} = {value},");
        }
        out += "}\n";
        let default = default.as_ref().or(literals.first().map(|(n, _)| n));
        let default = default.map_or(String::new(), |n| self.literal(full, n));
        let _ = writeln!(
            out,
            "impl ::std::default::Default for {name} {{\n    \
             fn default() -> Self {{ {default} }}\n}}"
        );
        let _ = writeln!(out, "impl {name} {{");
        for ((literal, _), variant) in literals.iter().zip(&names) {
            if ident(literal) != *variant {
                let _ = writeln!(
                    out,
                    "    /// [`Self::{variant}`] by its IDL name.\n    \
                     pub const {}: Self = Self::{variant};",
                    ident(literal)
                );
            }
        }
        let list: Vec<_> = names.iter().map(|v| format!("Self::{v}")).collect();
        let _ = writeln!(
            out,
            "    /// All literals, in order.\n    pub const ALL: [Self; {}] = [{}];",
            names.len(),
            list.join(", ")
        );
        let arms = |f: &dyn Fn(&str, &str) -> String| -> String {
            literals.iter().zip(&names).map(|((l, _), v)| f(l, v)).collect()
        };
        let _ = writeln!(
            out,
            "    /// The IDL literal.\n    pub const fn name(self) -> &'static str {{ match self {{ {} }} }}",
            arms(&|l, v| format!("Self::{v} => {}, ", quote(l)))
        );
        let values: String = literals
            .iter()
            .zip(&names)
            .map(|((_, value), v)| format!("{value} => Some(Self::{v}), "))
            .collect();
        let _ = writeln!(
            out,
            "    /// The literal with this number.\n    \
             pub const fn from_i32(value: i32) -> Option<Self> {{ match value {{ {values} _ => None }} }}\n}}"
        );
        let _ = writeln!(
            out,
            "impl ::std::fmt::Display for {name} {{\n    fn fmt(&self, f: &mut \
             ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {{ f.pad(self.name()) }}\n}}"
        );
        let _ = writeln!(
            out,
            "impl {IDL}::CdrType for {name} {{\n    const MIN_SIZE: usize = {};\n    \
             #[inline]\n    fn write(&self, w: &mut {IDL}::cdr::Writer<'_>) {{ \
             w.{integer}(*self as i32 as {integer}); }}\n    \
             #[inline]\n    fn read(r: &mut {IDL}::cdr::Reader<'_>) -> Result<Self, {IDL}::CdrError> {{\n        \
             let value = i32::from(r.{integer}()?);\n        \
             Self::from_i32(value).ok_or_else(|| r.error({IDL}::CdrErrorKind::Enumerator \
             {{ name: {}.to_owned(), value: i64::from(value) }}))\n    }}\n}}",
            enum_bytes(*bit_bound),
            quote(full)
        );
        let _ = writeln!(out, "{IDL}::big_array_element!({name});");
        out
    }

    /// A bitmask: a number with constants.
    pub fn bitmask(&self, full: &str, short: &str) -> String {
        let Some(Definition::Bitmask { bit_bound, flags }) = self.definition(full) else {
            return String::new();
        };
        let name = ident(short);
        let bytes = bitmask_bytes(*bit_bound);
        let integer = format!("u{}", bytes * 8);
        let mut out = String::new();
        let text = self.types.docs.get(full).cloned().unwrap_or(format!("IDL bitmask `{full}`."));
        out += &doc(&text, "");
        let _ = writeln!(
            out,
            "#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, \
             {IDL}::serde::Serialize, {IDL}::serde::Deserialize)]\n\
             #[serde(crate = \"{IDL}::serde\", transparent)]\n#[repr(transparent)]\n\
             pub struct {name}(pub {integer});\nimpl {name} {{"
        );
        for (flag, position) in flags {
            let text = self.types.docs.get(&format!("{full}::{flag}"));
            out += &doc(text.map_or(&format!("Bit {position}."), |t| t), "    ");
            let _ = writeln!(out, "    pub const {}: Self = Self(1 << {position});", ident(flag));
        }
        let _ = writeln!(
            out,
            "    /// Whether all bits of `other` are set.\n    \
             pub const fn contains(self, other: Self) -> bool {{ self.0 & other.0 == other.0 }}\n}}\n\
             impl ::std::ops::BitOr for {name} {{\n    type Output = Self;\n    \
             fn bitor(self, other: Self) -> Self {{ Self(self.0 | other.0) }}\n}}"
        );
        let _ = writeln!(
            out,
            "impl {IDL}::CdrType for {name} {{\n    const MIN_SIZE: usize = {bytes};\n    \
             #[inline]\n    fn write(&self, w: &mut {IDL}::cdr::Writer<'_>) {{ w.{integer}(self.0); }}\n    \
             #[inline]\n    fn read(r: &mut {IDL}::cdr::Reader<'_>) -> Result<Self, {IDL}::CdrError> {{ \
             r.{integer}().map(Self) }}\n}}"
        );
        let _ = writeln!(out, "{IDL}::big_array_element!({name});");
        out
    }

    /// A constant; `None` if its value has no Rust form.
    pub fn constant(&self, full: &str, ty: &TypeRef, value: &Constant) -> Option<String> {
        let short = full.rsplit("::").next().unwrap_or(full);
        let (ty, value) = match (ty, value) {
            (_, Constant::Float(v)) if !v.is_finite() => return None,
            (TypeRef::Primitive(Primitive::F32), Constant::Float(v)) => {
                ("f32".to_owned(), format!("{:?}", *v as f32))
            }
            (_, Constant::Float(v)) => ("f64".to_owned(), format!("{v:?}")),
            (TypeRef::Primitive(_), Constant::Int(v)) => (self.rust(ty), v.to_string()),
            (TypeRef::Named(name), Constant::Int(v)) => {
                (self.path(name), format!("{}({v})", self.path(name)))
            }
            (_, Constant::Bool(v)) => ("bool".to_owned(), v.to_string()),
            (_, Constant::Text(text)) => ("&str".to_owned(), quote(text)),
            (_, Constant::Char(c)) => ("char".to_owned(), format!("{c:?}")),
            (TypeRef::Named(name), Constant::Literal { name: literal, .. }) => {
                (self.path(name), self.literal(name, literal))
            }
            _ => return None,
        };
        let name = ident(short);
        Some(format!("/// IDL constant `{full}`.\npub const {name}: {ty} = {value};\n"))
    }
}

//! Structs.

use std::fmt::Write;

use super::name::{doc, ident, quote};
use super::types::{IDL, Scope};
use crate::cdr::KeyReader;
use crate::cdr::plan::length_code;
use crate::descriptor::{Definition, Extensibility, Member, TypeDescriptor, TypeRef};
use crate::error::IdlError;
use crate::parse;

/// Longest array serde and `Default` know.
const SERDE_ARRAY: u32 = 32;

impl Scope<'_> {
    /// A struct with all its implementations.
    pub fn structure(&self, full: &str, short: &str) -> Result<String, IdlError> {
        let Some(Definition::Struct { extensibility, .. }) = self.definition(full) else {
            return Ok(String::new());
        };
        let members = self.all_members(full);
        let name = ident(short);
        let plain = self.plain(&TypeRef::Named(full.to_owned())).is_some();
        let mut out = String::new();
        self.declaration(full, &name, &members, plain, &mut out);
        self.default_impl(&name, &members, &mut out);

        let keyed = members.iter().any(|m| m.key);
        let all: Vec<&Member> = members.clone();
        let keys: Vec<&Member> = members.iter().copied().filter(|m| m.key || !keyed).collect();
        let min = match extensibility {
            Extensibility::Final => members
                .iter()
                .map(|m| if m.optional { "1".to_owned() } else { self.min_size(&m.ty) })
                .collect::<Vec<_>>()
                .join(" + "),
            Extensibility::Appendable => "0".to_owned(),
            Extensibility::Mutable => "4".to_owned(),
        };
        let min = if min.is_empty() { "0" } else { &min };
        let _ =
            writeln!(out, "impl {IDL}::CdrType for {name} {{\n    const MIN_SIZE: usize = {min};");
        out += &self.write_fn("write", *extensibility, &all, false);
        out += &self.read_fn("read", *extensibility, &all, &all, false);
        if keyed || members.iter().any(|m| self.is_aggregate(&m.ty)) {
            out += &self.write_key_fn(*extensibility, &keys);
            out += &self.read_fn("read_key", *extensibility, &keys, &all, true);
        }
        out += &self.validate_fn(&members);
        out += "}\n";
        out += &self.topic(full, &name, *extensibility, keyed, &members)?;
        if plain {
            let _ = writeln!(
                out,
                "// SAFETY: `repr(C)`; integers and floats only, each at its natural alignment, no \
                 padding (checked by the\n// generator): the memory is the XCDR1 little-endian body.\n\
                 #[cfg(target_endian = \"little\")]\nunsafe impl {IDL}::PlainCdr for {name} {{}}"
            );
        }
        let _ = writeln!(out, "{IDL}::big_array_element!({name});");
        Ok(out)
    }

    /// Whether a type has a key form of its own.
    pub fn is_aggregate(&self, ty: &TypeRef) -> bool {
        match ty {
            TypeRef::Named(name) => matches!(
                self.definition(name),
                Some(Definition::Struct { .. } | Definition::Union { .. })
            ),
            TypeRef::Sequence { element, .. } | TypeRef::Array { element, .. } => {
                self.is_aggregate(element)
            }
            _ => false,
        }
    }

    /// Whether serde's own implementation does not do.
    pub fn is_big(ty: &TypeRef) -> bool {
        match ty {
            TypeRef::Array { element, dims } => {
                dims.iter().any(|d| *d > SERDE_ARRAY) || Self::is_big(element)
            }
            _ => false,
        }
    }

    fn declaration(
        &self,
        full: &str,
        name: &str,
        members: &[&Member],
        plain: bool,
        out: &mut String,
    ) {
        let text = self.types.docs.get(full).cloned().unwrap_or(format!("IDL struct `{full}`."));
        *out += &doc(&text, "");
        let copy = if members.iter().all(|m| self.is_copy(&m.ty)) { "Copy, " } else { "" };
        let repr = if plain { "#[repr(C)]\n" } else { "" };
        let _ = writeln!(
            out,
            "#[derive(Clone, {copy}Debug, PartialEq, {IDL}::serde::Serialize, \
             {IDL}::serde::Deserialize)]\n#[serde(crate = \"{IDL}::serde\", default)]\n\
             {repr}pub struct {name} {{"
        );
        for member in members {
            let mut text = self
                .types
                .docs
                .get(&format!("{full}::{}", member.name))
                .cloned()
                .unwrap_or_else(|| format!("`{}`", member.name));
            if member.key {
                text += " (key)";
            }
            if let Some(unit) = &member.unit {
                text += &format!(" ({unit})");
            }
            *out += &doc(&text, "    ");
            if Self::is_big(&member.ty) && !member.optional {
                let _ = writeln!(out, "    #[serde(with = \"{IDL}::typed::big_array\")]");
            } else if Self::is_big(&member.ty) {
                let _ = writeln!(out, "    #[serde(with = \"{IDL}::typed::big_array::option\")]");
            }
            let field = ident(&member.name);
            if field != member.name && !field.starts_with("r#") {
                let _ = writeln!(out, "    #[serde(rename = {})]", quote(&member.name));
            }
            let _ = writeln!(out, "    pub {field}: {},", self.field_type(member));
        }
        *out += "}\n";
    }

    fn field_type(&self, member: &Member) -> String {
        let ty = self.rust(&member.ty);
        if member.optional { format!("::std::option::Option<{ty}>") } else { ty }
    }

    fn default_impl(&self, name: &str, members: &[&Member], out: &mut String) {
        let _ = writeln!(
            out,
            "impl ::std::default::Default for {name} {{\n    fn default() -> Self {{\n        Self {{"
        );
        for member in members {
            let value = match &member.default {
                _ if member.optional => "None".to_owned(),
                Some(json) => self.default_of(&member.ty, json),
                None => self.default(&member.ty),
            };
            let _ = writeln!(out, "            {}: {value},", ident(&member.name));
        }
        *out += "        }\n    }\n}\n";
    }

    /// Statements that write members in this order.
    fn write_members(
        &self,
        extensibility: Extensibility,
        members: &[&Member],
        key: bool,
    ) -> String {
        let mut out = String::new();
        let types = |name: &str| self.definition(name);
        for member in members {
            let place = format!("self.{}", ident(&member.name));
            let (id, must) = (member.id, member.must_understand);
            let code = length_code(&member.ty, &types);
            let mutable = extensibility == Extensibility::Mutable;
            let line = match (member.optional, mutable) {
                (false, false) => self.write(&member.ty, &place, key, 0),
                (false, true) => format!(
                    "let p = w.begin_parameter({id}, {must}, {code}); {} w.end_parameter(p);",
                    self.write(&member.ty, &place, key, 0)
                ),
                (true, true) => format!(
                    "if let Some(v) = &{place} {{ \
                     let p = w.begin_parameter({id}, {must}, {code}); {} w.end_parameter(p); }}",
                    self.write(&member.ty, "(*v)", key, 0)
                ),
                (true, false) => format!(
                    "let o = w.begin_optional({id}, {must}, {place}.is_some()); \
                     if let Some(v) = &{place} {{ {} }} w.end_optional(o);",
                    self.write(&member.ty, "(*v)", key, 0)
                ),
            };
            let _ = writeln!(out, "        {line}");
        }
        out
    }

    fn framed(&self, extensibility: Extensibility, body: &str) -> String {
        match extensibility {
            Extensibility::Final => body.to_owned(),
            Extensibility::Appendable => format!(
                "        let mark = w.begin_delimited();\n{body}        w.end_delimited(mark);\n"
            ),
            Extensibility::Mutable => format!(
                "        let mark = w.begin_parameters();\n{body}        w.end_parameters(mark);\n"
            ),
        }
    }

    fn write_fn(
        &self,
        function: &str,
        extensibility: Extensibility,
        members: &[&Member],
        key: bool,
    ) -> String {
        let body = self.framed(extensibility, &self.write_members(extensibility, members, key));
        format!(
            "    #[inline]\n    fn {function}(&self, w: &mut {IDL}::cdr::Writer<'_>) {{\n{body}    }}\n"
        )
    }

    /// Keys are hashed in the order of their ids, and sent in the order of their definition.
    fn write_key_fn(&self, extensibility: Extensibility, keys: &[&Member]) -> String {
        let mut sorted = keys.to_vec();
        sorted.sort_by_key(|m| m.id);
        let same = sorted.iter().map(|m| m.id).eq(keys.iter().map(|m| m.id));
        if same {
            return self.write_fn("write_key", extensibility, keys, true);
        }
        let defined = self.framed(extensibility, &self.write_members(extensibility, keys, true));
        let hashed = self.framed(extensibility, &self.write_members(extensibility, &sorted, true));
        format!(
            "    fn write_key(&self, w: &mut {IDL}::cdr::Writer<'_>) {{\n        \
             if w.is_for_key_hash() {{\n{hashed}        return;\n        }}\n{defined}    }}\n"
        )
    }

    fn read_fn(
        &self,
        function: &str,
        extensibility: Extensibility,
        members: &[&Member],
        all: &[&Member],
        key: bool,
    ) -> String {
        let mut out = format!(
            "    #[inline]\n    #[allow(unused_mut)]\n    fn {function}(r: &mut {IDL}::cdr::Reader<'_>) \
             -> Result<Self, {IDL}::CdrError> {{\n        #[allow(unused_imports)]\n        \
             use {IDL}::cdr::Within as _;\n"
        );
        let value = |member: &Member, mutable: bool| {
            let read = self.read(&member.ty, key);
            let path = quote(&member.name);
            match (member.optional, mutable) {
                (false, _) => format!("{read}.within({path})?"),
                (true, true) => format!("Some({read}.within({path})?)"),
                (true, false) => format!(
                    "{IDL}::typed::read_optional(r, {}, |r| {read}).within({path})?",
                    member.id
                ),
            }
        };
        match extensibility {
            Extensibility::Final => {
                out += "        Ok(Self {\n";
                for member in members {
                    let field = ident(&member.name);
                    let _ = writeln!(out, "            {field}: {},", value(member, false));
                }
                if members.len() < all.len() {
                    out += "            ..::std::default::Default::default()\n";
                }
                out += "        })\n";
            }
            Extensibility::Appendable => {
                out += "        let open = r.begin_delimited()?;\n        \
                        let mut v = <Self as ::std::default::Default>::default();\n";
                for member in members {
                    let field = ident(&member.name);
                    let _ = writeln!(
                        out,
                        "        if r.at_end() {{ r.charge(::std::mem::size_of_val(&v.{field}))?; }} \
                         else {{ v.{field} = {}; }}",
                        value(member, false)
                    );
                }
                out += "        r.end_delimited(open);\n        Ok(v)\n";
            }
            Extensibility::Mutable => {
                let keys: Vec<_> = members.iter().filter(|m| m.key).collect();
                let _ = writeln!(
                    out,
                    "        let open = r.begin_parameters()?;\n        \
                     let mut v = <Self as ::std::default::Default>::default();\n        \
                     let mut keys = [false; {}];\n        let mut found = 0usize;\n        \
                     while let Some(p) = r.next_parameter()? {{\n            match p.id {{",
                    keys.len()
                );
                for member in all {
                    let field = ident(&member.name);
                    if !members.iter().any(|m| m.id == member.id) {
                        let _ = writeln!(out, "                {} => {{}}", member.id);
                        continue;
                    }
                    let seen = keys.iter().position(|k| k.id == member.id);
                    let seen = seen.map_or(String::new(), |i| format!(" keys[{i}] = true;"));
                    let _ = writeln!(
                        out,
                        "                {} => {{ v.{field} = {}; found += 1;{seen} }}",
                        member.id,
                        value(member, true)
                    );
                }
                let _ = writeln!(
                    out,
                    "                id if p.must_understand => return \
                     Err(r.error({IDL}::CdrErrorKind::MustUnderstand {{ id }})),\n                \
                     _ => {{}}\n            }}\n            r.end_parameter(&open, p);\n        }}\n        \
                     r.end_parameters(open);\n        \
                     if found < {} {{ r.charge(::std::mem::size_of::<Self>())?; }}",
                    members.len()
                );
                for (i, member) in keys.iter().enumerate() {
                    let _ = writeln!(
                        out,
                        "        if !keys[{i}] {{ return \
                         Err(r.error({IDL}::CdrErrorKind::KeyMissing).within({})); }}",
                        quote(&member.name)
                    );
                }
                out += "        Ok(v)\n";
            }
        }
        out += "    }\n";
        out
    }

    fn validate_fn(&self, members: &[&Member]) -> String {
        let mut body = String::new();
        for member in members {
            let place = format!("self.{}", ident(&member.name));
            let checks = match member.optional {
                false => self.check(&member.ty, &place, 0),
                true => self
                    .check(&member.ty, "(*v)", 0)
                    .map(|c| format!("if let Some(v) = &{place} {{ {c} }}")),
            };
            if let Some(checks) = checks {
                let _ = writeln!(
                    body,
                    "        (|| -> Result<(), {IDL}::CdrError> {{ {checks} Ok(()) }})().within({})?;",
                    quote(&member.name)
                );
            }
        }
        if body.is_empty() {
            return body;
        }
        format!(
            "    fn validate(&self) -> Result<(), {IDL}::CdrError> {{\n        \
             use {IDL}::cdr::Within as _;\n{body}        Ok(())\n    }}\n"
        )
    }

    /// `TypeSupport` of a struct or union.
    pub fn topic(
        &self,
        full: &str,
        name: &str,
        extensibility: Extensibility,
        keyed: bool,
        members: &[&Member],
    ) -> Result<String, IdlError> {
        let descriptor = self.descriptor(full)?;
        let json = serde_json::to_string(&descriptor)
            .map_err(|e| IdlError::Codegen { name: full.to_owned(), reason: e.to_string() })?;
        let fits = KeyReader::new(&descriptor).map_or([false; 2], |k| k.always_fits());
        let kind = match extensibility {
            Extensibility::Final => "Final",
            Extensibility::Appendable => "Appendable",
            Extensibility::Mutable => "Mutable",
        };
        let point = members
            .iter()
            .find(|m| m.key && m.name == "point" && matches!(m.ty, TypeRef::String { .. }))
            .map_or(String::new(), |m| {
                let field = ident(&m.name);
                format!("    fn point(&self) -> Option<&str> {{ Some(&self.{field}) }}\n")
            });
        Ok(format!(
            "impl {IDL}::TypeSupport for {name} {{\n    \
             const TYPE_NAME: &'static str = {};\n    const KEYED: bool = {keyed};\n    \
             const EXTENSIBILITY: {IDL}::Extensibility = {IDL}::Extensibility::{kind};\n    \
             const KEY_FITS: [bool; 2] = {fits:?};\n    \
             fn descriptor() -> {IDL}::TypeHandle {{\n        \
             static HANDLE: ::std::sync::OnceLock<{IDL}::TypeHandle> = ::std::sync::OnceLock::new();\n        \
             HANDLE.get_or_init(|| {IDL}::typed::descriptor_of({}))\n            .clone()\n    }}\n{point}}}\n",
            quote(full),
            quote(&json),
        ))
    }

    fn descriptor(&self, full: &str) -> Result<TypeDescriptor, IdlError> {
        let empty = std::collections::BTreeMap::new();
        let known = &self.types;
        parse::reachable(full, &known.types, &empty, &known.inexact).ok_or_else(|| {
            IdlError::Codegen {
                name: full.to_owned(),
                reason: "a type it refers to is missing; add the file that defines it".to_owned(),
            }
        })
    }
}

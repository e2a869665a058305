//! Unions: an enum with a variant per member.

use std::fmt::Write;

use super::name::{doc, ident, quote, variants};
use super::types::{IDL, Scope};
use crate::cdr::plan::length_code;
use crate::descriptor::{Case, Definition, Extensibility, Primitive, TypeRef};
use crate::error::IdlError;

/// A case and its Rust shape.
struct Variant<'a> {
    name: String,
    case: &'a Case,
    /// One label and no `default`: the variant alone tells the discriminator.
    alone: bool,
}

impl Scope<'_> {
    /// A union with all its implementations.
    pub fn union(&self, full: &str, short: &str) -> Result<String, IdlError> {
        let Some(Definition::Union { extensibility, discriminator, discriminator_is_key, cases }) =
            self.definition(full)
        else {
            return Ok(String::new());
        };
        let name = ident(short);
        let names = variants(cases.iter().map(|c| c.member.name.as_str()));
        let list: Vec<Variant<'_>> = cases
            .iter()
            .zip(names)
            .map(|(case, name)| Variant {
                name: if name == "Unset" { "Unset_".to_owned() } else { name },
                case,
                alone: case.labels.len() == 1 && !case.is_default,
            })
            .collect();
        let has_default = cases.iter().any(|c| c.is_default);
        let d = self.rust(discriminator);

        let mut out = String::new();
        self.union_declaration(full, &name, &list, &d, has_default, &mut out);
        let default = self.default_discriminator(discriminator);
        let _ = writeln!(
            out,
            "impl ::std::default::Default for {name} {{\n    \
             fn default() -> Self {{ Self::with_discriminator({default}) }}\n}}"
        );
        self.accessors(&name, &list, discriminator, &d, has_default, &mut out);
        let min = match extensibility {
            Extensibility::Final => self.min_size(discriminator),
            Extensibility::Appendable => "0".into(),
            Extensibility::Mutable => "4".into(),
        };
        let _ =
            writeln!(out, "impl {IDL}::CdrType for {name} {{\n    const MIN_SIZE: usize = {min};");
        out += &self.union_write(*extensibility, discriminator, &list);
        out += &match extensibility {
            Extensibility::Mutable => self.mutable_union_read(discriminator, &list, &d),
            _ => self.union_read(*extensibility, discriminator, &list, has_default),
        };
        if *discriminator_is_key {
            let write = self.write(discriminator, "d", false, 0);
            let read = self.read(discriminator, false);
            let _ = writeln!(
                out,
                "    fn write_key(&self, w: &mut {IDL}::cdr::Writer<'_>) {{ \
                 let d = self.discriminator(); {write} }}\n    \
                 fn read_key(r: &mut {IDL}::cdr::Reader<'_>) -> Result<Self, {IDL}::CdrError> {{ \
                 {read}.map(Self::with_discriminator) }}"
            );
        }
        let checks: String = list
            .iter()
            .filter_map(|v| {
                let check = self.check(&v.case.member.ty, "(*value)", 0)?;
                let (name, path) = (&v.name, quote(&v.case.member.name));
                let pattern = if v.alone { format!("{name}(value)") } else { format!("{name} {{ value, .. }}") };
                Some(format!(
                    "            Self::{pattern} => (|| -> Result<(), {IDL}::CdrError> {{ {check} Ok(()) }})()\
                     .within({path}),\n"
                ))
            })
            .collect();
        if !checks.is_empty() {
            let _ = writeln!(
                out,
                "    #[allow(unreachable_patterns)]\n    \
                 fn validate(&self) -> Result<(), {IDL}::CdrError> {{\n        \
                 use {IDL}::cdr::Within as _;\n        match self {{\n{checks}            _ => Ok(()),\n        }}\n    }}"
            );
        }
        out += "}\n";
        out += &self.topic(full, &name, *extensibility, false, &[])?;
        let _ = writeln!(out, "{IDL}::big_array_element!({name});");
        Ok(out)
    }

    fn union_declaration(
        &self,
        full: &str,
        name: &str,
        list: &[Variant<'_>],
        d: &str,
        has_default: bool,
        out: &mut String,
    ) {
        let text = self.types.docs.get(full).cloned().unwrap_or(format!("IDL union `{full}`."));
        *out += &doc(&text, "");
        let copy = if self.is_copy(&TypeRef::Named(full.to_owned())) { "Copy, " } else { "" };
        let _ = writeln!(
            out,
            "#[derive(Clone, {copy}Debug, PartialEq, {IDL}::serde::Serialize, \
             {IDL}::serde::Deserialize)]\n#[serde(crate = \"{IDL}::serde\")]\npub enum {name} {{"
        );
        for v in list {
            let member = &v.case.member;
            let text = self.types.docs.get(&format!("{full}::{}", member.name));
            *out += &doc(text.map_or(&format!("`{}`.", member.name), |t| t), "    ");
            let ty = self.rust(&member.ty);
            let with = match Self::is_big(&member.ty) {
                true => format!("#[serde(with = \"{IDL}::typed::big_array\")] "),
                false => String::new(),
            };
            let _ = writeln!(out, "    #[serde(rename = {})]", quote(&member.name));
            let _ = match v.alone {
                true => writeln!(out, "    {}({with}{ty}),", v.name),
                false => writeln!(
                    out,
                    "    {} {{\n        /// Which of its labels.\n        discriminator: {d},\n        \
                     /// The value.\n        {with}value: {ty},\n    }},",
                    v.name
                ),
            };
        }
        if !has_default {
            let _ = writeln!(
                out,
                "    /// A discriminator without a member.\n    Unset {{\n        /// It.\n        \
                 discriminator: {d},\n    }},"
            );
        }
        *out += "}\n";
    }

    fn accessors(
        &self,
        name: &str,
        list: &[Variant<'_>],
        on: &TypeRef,
        d: &str,
        has_default: bool,
        out: &mut String,
    ) {
        let _ = writeln!(
            out,
            "impl {name} {{\n    /// What chooses the member.\n    \
             pub fn discriminator(&self) -> {d} {{\n        match self {{"
        );
        for v in list {
            let _ = match v.alone {
                true => writeln!(
                    out,
                    "            Self::{}(_) => {},",
                    v.name,
                    self.label(on, v.case.labels[0])
                ),
                false => writeln!(
                    out,
                    "            Self::{} {{ discriminator, .. }} => *discriminator,",
                    v.name
                ),
            };
        }
        if !has_default {
            *out += "            Self::Unset { discriminator } => *discriminator,\n";
        }
        let _ = writeln!(
            out,
            "        }}\n    }}\n\n    /// The member this chooses, with its default value.\n    \
             #[allow(unreachable_patterns)]\n    \
             pub fn with_discriminator(discriminator: {d}) -> Self {{\n        match discriminator {{"
        );
        for v in list {
            let value = match &v.case.member.default {
                Some(json) => self.default_of(&v.case.member.ty, json),
                None => self.default(&v.case.member.ty),
            };
            let made = match v.alone {
                true => format!("Self::{}({value})", v.name),
                false => format!("Self::{} {{ discriminator, value: {value} }}", v.name),
            };
            if let Some(pattern) = self.pattern(on, v) {
                let _ = writeln!(out, "            {pattern} => {made},");
            }
        }
        let rest = match list.iter().find(|v| v.case.is_default) {
            Some(v) => {
                let value = self.default(&v.case.member.ty);
                format!("Self::{} {{ discriminator, value: {value} }}", v.name)
            }
            None => "Self::Unset { discriminator }".to_owned(),
        };
        let _ = writeln!(out, "            _ => {rest},\n        }}\n    }}\n}}");
    }

    /// Labels as a pattern; `None` if there are none.
    fn pattern(&self, on: &TypeRef, v: &Variant<'_>) -> Option<String> {
        let labels: Vec<_> = v.case.labels.iter().map(|l| self.label(on, *l)).collect();
        (!labels.is_empty()).then(|| labels.join(" | "))
    }

    fn label(&self, on: &TypeRef, label: i64) -> String {
        match on {
            TypeRef::Primitive(Primitive::Bool) => (label != 0).to_string(),
            TypeRef::Primitive(Primitive::Char | Primitive::WChar) => {
                let c = u32::try_from(label).ok().and_then(char::from_u32);
                format!("{:?}", c.unwrap_or('\0'))
            }
            TypeRef::Named(name) => match self.definition(name) {
                Some(Definition::Enum { literals, .. }) => {
                    let found = literals.iter().find(|(_, v)| i64::from(*v) == label);
                    found.map_or_else(String::new, |(literal, _)| self.literal(name, literal))
                }
                _ => label.to_string(),
            },
            _ => label.to_string(),
        }
    }

    fn default_discriminator(&self, on: &TypeRef) -> String {
        match on {
            TypeRef::Primitive(Primitive::Bool) => "false".into(),
            TypeRef::Primitive(Primitive::Char | Primitive::WChar) => "'\\0'".into(),
            TypeRef::Primitive(_) => "0".into(),
            _ => "::std::default::Default::default()".into(),
        }
    }

    fn union_write(
        &self,
        extensibility: Extensibility,
        on: &TypeRef,
        list: &[Variant<'_>],
    ) -> String {
        let mutable = extensibility == Extensibility::Mutable;
        let types = |name: &str| self.definition(name);
        let mut discriminator = self.write(on, "d", false, 0);
        if mutable {
            let code = length_code(on, &types);
            discriminator = format!(
                "let p = w.begin_parameter(0, true, {code}); {discriminator} w.end_parameter(p);"
            );
        }
        let (open, close) = match extensibility {
            Extensibility::Final => ("", ""),
            Extensibility::Appendable => {
                ("        let mark = w.begin_delimited();\n", "        w.end_delimited(mark);\n")
            }
            Extensibility::Mutable => {
                ("        let mark = w.begin_parameters();\n", "        w.end_parameters(mark);\n")
            }
        };
        let mut out = format!(
            "    #[allow(unreachable_patterns)]\n    \
             fn write(&self, w: &mut {IDL}::cdr::Writer<'_>) {{\n{open}        \
             let d = self.discriminator();\n        {discriminator}\n        match self {{\n"
        );
        for v in list {
            let member = &v.case.member;
            let mut write = self.write(&member.ty, "(*value)", false, 0);
            if mutable {
                let (id, must, code) =
                    (member.id, member.must_understand, length_code(&member.ty, &types));
                write = format!(
                    "let p = w.begin_parameter({id}, {must}, {code}); {write} w.end_parameter(p);"
                );
            }
            let pattern = match v.alone {
                true => format!("{}(value)", v.name),
                false => format!("{} {{ value, .. }}", v.name),
            };
            let _ = writeln!(out, "            Self::{pattern} => {{ {write} }}");
        }
        let _ = write!(out, "            _ => {{}}\n        }}\n{close}    }}\n");
        out
    }

    fn made(&self, v: &Variant<'_>, read: &str) -> String {
        match v.alone {
            true => format!("Self::{}({read})", v.name),
            false => format!("Self::{} {{ discriminator: d, value: {read} }}", v.name),
        }
    }

    fn union_read(
        &self,
        extensibility: Extensibility,
        on: &TypeRef,
        list: &[Variant<'_>],
        has_default: bool,
    ) -> String {
        let appendable = extensibility == Extensibility::Appendable;
        let mut out = format!(
            "    #[allow(unreachable_patterns)]\n    \
             fn read(r: &mut {IDL}::cdr::Reader<'_>) -> Result<Self, {IDL}::CdrError> {{\n        \
             #[allow(unused_imports)]\n        use {IDL}::cdr::Within as _;\n"
        );
        if appendable {
            out += "        let open = r.begin_delimited()?;\n";
        }
        let _ = writeln!(
            out,
            "        let d = {}.within(\"$discriminator\")?;\n        let value = match d {{",
            self.read(on, false)
        );
        if appendable {
            out += "            d if r.at_end() => { r.charge(::std::mem::size_of::<Self>())?; \
                    Self::with_discriminator(d) }\n";
        }
        let read = |v: &Variant<'_>| {
            let member = &v.case.member;
            format!("{}.within({})?", self.read(&member.ty, false), quote(&member.name))
        };
        for v in list {
            if let Some(pattern) = self.pattern(on, v) {
                let _ = writeln!(out, "            {pattern} => {},", self.made(v, &read(v)));
            }
        }
        match list.iter().find(|v| v.case.is_default) {
            Some(v) if has_default => {
                let _ = writeln!(out, "            _ => {},", self.made(v, &read(v)));
            }
            _ => out += "            _ => Self::Unset { discriminator: d },\n",
        }
        out += "        };\n";
        if appendable {
            out += "        r.end_delimited(open);\n";
        }
        out += "        Ok(value)\n    }\n";
        out
    }

    fn mutable_union_read(&self, on: &TypeRef, list: &[Variant<'_>], d: &str) -> String {
        let mut out = format!(
            "    #[allow(unreachable_patterns)]\n    \
             fn read(r: &mut {IDL}::cdr::Reader<'_>) -> Result<Self, {IDL}::CdrError> {{\n        \
             use {IDL}::cdr::Within as _;\n        let open = r.begin_parameters()?;\n        \
             let mut chosen: Option<{d}> = None;\n        let mut value: Option<Self> = None;\n        \
             while let Some(p) = r.next_parameter()? {{\n            match (chosen, p.id) {{\n                \
             (_, 0) => chosen = Some({}.within(\"$discriminator\")?),\n",
            self.read(on, false)
        );
        for v in list {
            let member = &v.case.member;
            let read = format!("{}.within({})?", self.read(&member.ty, false), quote(&member.name));
            let made = self.made(v, &read);
            if let Some(pattern) = self.pattern(on, v) {
                let pattern = if pattern.contains('|') { format!("({pattern})") } else { pattern };
                let _ = writeln!(
                    out,
                    "                (Some(d @ {pattern}), {}) => value = Some({made}),",
                    member.id
                );
            }
        }
        if let Some(v) = list.iter().find(|v| v.case.is_default) {
            let member = &v.case.member;
            let read = format!("{}.within({})?", self.read(&member.ty, false), quote(&member.name));
            let _ = writeln!(
                out,
                "                (Some(d), {}) => value = Some({}),",
                member.id,
                self.made(v, &read)
            );
        }
        let _ = writeln!(
            out,
            "                _ => {{}}\n            }}\n            r.end_parameter(&open, p);\n        }}\n        \
             r.end_parameters(open);\n        match (value, chosen) {{\n            \
             (Some(value), _) => Ok(value),\n            \
             (None, Some(d)) => {{ r.charge(::std::mem::size_of::<Self>())?; Ok(Self::with_discriminator(d)) }}\n            \
             (None, None) => Err(r.error({IDL}::CdrErrorKind::KeyMissing).within(\"$discriminator\")),\n        }}\n    }}"
        );
        out
    }
}

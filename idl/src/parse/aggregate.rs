//! Structs and unions.

use std::rc::Rc;

use md5::{Digest, Md5};

use super::Constant;
use super::annotate::{Annotations, AutoId};
use super::cursor::{Parser, Reported, Step};
use super::scope::Symbol;
use super::source::Span;
use crate::descriptor::{Case, Definition, Extensibility, Member, Primitive, TypeRef};

impl Parser<'_> {
    pub fn structure(&mut self, annotations: Annotations, doc: Option<Rc<str>>) -> Step<()> {
        self.step();
        let (name, span) = self.identifier("the struct's name")?;
        if self.is(";") {
            self.define(&name, span, Symbol::Forward(span))?;
            return Ok(());
        }
        // Its own name may be used in a sequence inside; recursion is reported at the end.
        let full = self.define(&name, span, Symbol::Type)?;
        self.aliased = false;
        let mut extensibility = annotations.extensibility;
        let mut base = None;
        let mut next_id = 0;
        let mut ids: Vec<(u32, String)> = Vec::new();
        if self.eat(":") {
            let (of, base_span) = self.scoped_name("the base struct")?;
            let Some((of, Symbol::Type)) = self.lookup(&of) else {
                let help = self.suggest_type(&of);
                return self.fail(base_span, format!("unknown base `{of}`"), help);
            };
            let members = self.inherited(&of);
            let Some((of_extensibility, inherited)) = members else {
                let help = Some("a struct inherits from a struct defined before".to_owned());
                return self.fail(base_span, format!("`{of}` cannot be inherited from"), help);
            };
            if extensibility.is_some_and(|e| e != of_extensibility) {
                let help = Some("annotate both the same".to_owned());
                let message = format!("the extensibility of `{full}` differs from its base's");
                return self.fail(span, message, help);
            }
            extensibility = Some(of_extensibility);
            next_id = inherited.last().map_or(0, |(id, _)| id + 1);
            ids = inherited;
            base = Some(of);
        }
        self.expect("{")?;
        let auto_id = annotations.auto_id.unwrap_or_default();
        let mut members: Vec<Member> = Vec::new();
        while !self.is("}") {
            if self.at_end() {
                let help = Some("add `};` where the struct ends".to_owned());
                return self.fail(span, format!("struct `{name}` is not closed"), help);
            }
            if self.problems.full() {
                return Err(Reported);
            }
            let before = self.at;
            if self.members(&full, auto_id, &mut next_id, &mut ids, &mut members).is_err() {
                self.recover();
            }
            if self.at == before {
                self.step();
            }
        }
        self.step();
        let extensibility = extensibility.unwrap_or(Extensibility::Final);
        if annotations.nested {
            self.out.nested.insert(full.clone());
        }
        if annotations.nested || auto_id == AutoId::Hash || self.aliased || self.loose {
            self.out.inexact.insert(full.clone());
        }
        self.document(&full, doc);
        self.out.types.insert(full, Definition::Struct { extensibility, base, members });
        Ok(())
    }

    pub fn document(&mut self, name: &str, doc: Option<Rc<str>>) {
        if let Some(doc) = doc {
            self.out.docs.insert(name.to_owned(), doc.trim().to_owned());
        }
    }

    /// Extensibility and all member ids and names of a base, its own bases' first.
    fn inherited(&self, name: &str) -> Option<(Extensibility, Vec<(u32, String)>)> {
        let mut chain = Vec::new();
        let mut at = Some(name);
        let mut extensibility = None;
        while let Some(name) = at {
            let Definition::Struct { extensibility: e, base, members } =
                self.definition_of(name)?
            else {
                return None;
            };
            extensibility.get_or_insert(*e);
            chain.push(members);
            if chain.len() > super::cursor::MAX_NESTING {
                return None;
            }
            at = base.as_deref();
        }
        let members = chain.iter().rev().flat_map(|m| m.iter());
        Some((extensibility?, members.map(|m| (m.id, m.name.clone())).collect()))
    }

    /// One member declaration: annotations, type, declarators, `;`.
    fn members(
        &mut self,
        owner: &str,
        auto_id: AutoId,
        next_id: &mut u32,
        ids: &mut Vec<(u32, String)>,
        out: &mut Vec<Member>,
    ) -> Step<()> {
        let doc = self.doc();
        let annotations = self.annotations()?;
        let ty = self.type_spec()?;
        if let (true, Some(optional)) = (annotations.key, annotations.optional) {
            let help = Some("a key member is always there: remove one of the two".to_owned());
            return self.fail(optional, "a key member cannot be optional", help);
        }
        loop {
            let (name, span, ty) = self.declarator("the member's name", ty.clone())?;
            if ids.iter().any(|(_, n)| *n == name) {
                let help = Some("rename one of them".to_owned());
                let message = format!("`{owner}` already has a member `{name}`");
                self.problems.add(span, message, help);
            }
            let id = self.member_id(&name, span, &annotations, auto_id, *next_id, ids)?;
            *next_id = id.wrapping_add(1) & 0x0fff_ffff;
            ids.push((id, name.clone()));
            let default = self.default_json(&annotations, &ty)?;
            self.places.insert(format!("{owner}::{name}"), span);
            self.document(&format!("{owner}::{name}"), doc.clone());
            out.push(Member {
                name,
                id,
                ty,
                key: annotations.key,
                optional: annotations.optional.is_some(),
                must_understand: annotations.must_understand,
                default,
                unit: annotations.unit.clone(),
            });
            if !self.eat(",") {
                break;
            }
        }
        self.semicolon();
        Ok(())
    }

    fn member_id(
        &mut self,
        name: &str,
        span: Span,
        annotations: &Annotations,
        auto_id: AutoId,
        next: u32,
        taken: &[(u32, String)],
    ) -> Step<u32> {
        let hashed = annotations.hash_id.as_deref().map(|text| match text {
            "" => name,
            text => text,
        });
        let (id, place) = match (annotations.id, hashed) {
            (Some((id, place)), _) => (id, place),
            (None, Some(text)) => (hash_id(text), span),
            (None, None) if auto_id == AutoId::Hash => (hash_id(name), span),
            _ => (next, span),
        };
        match taken.iter().find(|(i, _)| *i == id) {
            Some((_, other)) => {
                let help = Some("give one of them another `@id`".to_owned());
                let message = format!("member id {id} of `{name}` is that of `{other}` too");
                self.fail(place, message, help)
            }
            None => Ok(id),
        }
    }

    pub fn union(&mut self, annotations: Annotations, doc: Option<Rc<str>>) -> Step<()> {
        self.step();
        let (name, span) = self.identifier("the union's name")?;
        if self.is(";") {
            self.define(&name, span, Symbol::Forward(span))?;
            return Ok(());
        }
        if !self.eat_word("switch") {
            let found = self.describe();
            let at = self.span();
            return self.fail(at, format!("expected `switch`, found {found}"), None);
        }
        self.expect("(")?;
        let discriminator_annotations = self.annotations()?;
        self.aliased = false;
        let at = self.span();
        let discriminator = self.type_spec()?;
        if !self.is_discriminator(&discriminator) {
            let help = Some("use an integer, boolean, char, octet or an enum".to_owned());
            let whole = at.to(self.last_span());
            return self.fail(whole, "this type cannot choose a union's member", help);
        }
        self.expect(")")?;
        self.expect("{")?;
        let full = self.define(&name, span, Symbol::Type)?;
        let extensibility = annotations.extensibility.unwrap_or(Extensibility::Final);
        // Under a parameter list id 0 is the discriminator's. Elsewhere ids do not go over the wire, and
        // types are compared with those of Cyclone DDS, which counts from 0.
        let first = u32::from(extensibility == Extensibility::Mutable);
        let mut cases: Vec<Case> = Vec::new();
        while !self.is("}") {
            if self.at_end() {
                let help = Some("add `};` where the union ends".to_owned());
                return self.fail(span, format!("union `{name}` is not closed"), help);
            }
            if self.problems.full() {
                return Err(Reported);
            }
            let before = self.at;
            if self.case(&full, &discriminator, first, &mut cases).is_err() {
                self.recover();
            }
            if self.at == before {
                self.step();
            }
        }
        self.step();
        if cases.is_empty() {
            return self.fail(span, format!("union `{name}` has no case"), None);
        }
        if annotations.nested {
            self.out.nested.insert(full.clone());
        }
        self.document(&full, doc);
        let hashed = annotations.auto_id == Some(AutoId::Hash);
        if annotations.nested || hashed || self.aliased || self.loose {
            self.out.inexact.insert(full.clone());
        }
        let discriminator_is_key = discriminator_annotations.key;
        let definition =
            Definition::Union { extensibility, discriminator, discriminator_is_key, cases };
        self.out.types.insert(full, definition);
        Ok(())
    }

    fn is_discriminator(&self, ty: &TypeRef) -> bool {
        match ty {
            TypeRef::Primitive(p) => !matches!(p, Primitive::F32 | Primitive::F64),
            TypeRef::Named(name) => {
                matches!(self.definition_of(name), Some(Definition::Enum { .. }))
            }
            _ => false,
        }
    }

    fn case(&mut self, owner: &str, on: &TypeRef, first: u32, cases: &mut Vec<Case>) -> Step<()> {
        let mut labels = Vec::new();
        let mut is_default = false;
        let doc = self.doc();
        loop {
            let at = self.span();
            if self.eat_word("default") {
                if is_default || cases.iter().any(|c| c.is_default) {
                    return self.fail(at, "a union has one `default`", None);
                }
                is_default = true;
            } else if self.eat_word("case") {
                let label = self.label(on)?;
                let taken =
                    cases.iter().flat_map(|c| &c.labels).chain(&labels).any(|l| *l == label);
                if taken {
                    let whole = at.to(self.last_span());
                    return self.fail(whole, "this case is already there", None);
                }
                labels.push(label);
            } else {
                break;
            }
            self.expect(":")?;
        }
        if labels.is_empty() && !is_default {
            let (at, found) = (self.span(), self.describe());
            return self.fail(at, format!("expected `case` or `default`, found {found}"), None);
        }
        let annotations = self.annotations()?;
        let ty = self.type_spec()?;
        let (name, span, ty) = self.declarator("the member's name", ty)?;
        if cases.iter().any(|c| c.member.name == name) {
            let message = format!("`{owner}` already has a member `{name}`");
            return self.fail(span, message, Some("rename one of them".into()));
        }
        let ids: Vec<_> = cases.iter().map(|c| (c.member.id, c.member.name.clone())).collect();
        let next = ids.last().map_or(first, |(id, _)| id + 1);
        let id = self.member_id(&name, span, &annotations, AutoId::Sequential, next, &ids)?;
        let default = self.default_json(&annotations, &ty)?;
        self.places.insert(format!("{owner}::{name}"), span);
        self.document(&format!("{owner}::{name}"), doc);
        let member = Member {
            name,
            id,
            ty,
            key: false,
            optional: false,
            must_understand: annotations.must_understand,
            default,
            unit: annotations.unit,
        };
        cases.push(Case { labels, is_default, member });
        self.semicolon();
        Ok(())
    }

    fn label(&mut self, on: &TypeRef) -> Step<i64> {
        let at = self.span();
        // Literals of the discriminator's enumeration need no scope, wherever it is defined.
        if let (super::lex::Tok::Ident(word), TypeRef::Named(name)) = (self.tok().clone(), on)
            && let Some(Definition::Enum { literals, .. }) = self.definition_of(name)
            && let Some((_, value)) = literals.iter().find(|(n, _)| **n == *word)
            && *self.tok_after(1) == super::lex::Tok::Punct(":")
        {
            let value = i64::from(*value);
            self.step();
            return Ok(value);
        }
        let value = self.expression()?;
        let span = at.to(self.last_span());
        let value = self.convert(value, on, span)?;
        let number = match value {
            Constant::Int(v) => i64::try_from(v).ok(),
            Constant::Bool(v) => Some(i64::from(v)),
            Constant::Char(c) => Some(i64::from(u32::from(c))),
            Constant::Literal { value, .. } => Some(i64::from(value)),
            _ => None,
        };
        match number {
            Some(number) => Ok(number),
            None => self.fail(span, "labels above 9223372036854775807 are not supported", None),
        }
    }
}

/// A member id from a name (XTypes 1.3, 7.3.1.2.1.1): the first 4 bytes of its MD5, little endian,
/// without the 4 highest bits.
fn hash_id(name: &str) -> u32 {
    let digest: [u8; 16] = Md5::digest(name.as_bytes()).into();
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]) & 0x0fff_ffff
}

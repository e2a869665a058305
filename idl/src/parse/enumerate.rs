//! Enumerations and bitmasks.

use std::rc::Rc;

use super::Constant;
use super::annotate::Annotations;
use super::cursor::{Parser, Step};
use super::scope::Symbol;
use super::source::Span;
use crate::descriptor::{Definition, Extensibility};

impl Parser<'_> {
    pub fn enumeration(&mut self, annotations: Annotations, doc: Option<Rc<str>>) -> Step<()> {
        self.step();
        let (name, span) = self.identifier("the enumeration's name")?;
        let full = self.define(&name, span, Symbol::Type)?;
        self.expect("{")?;
        let bit_bound = annotations.bit_bound.map_or(32, |(bits, _)| bits);
        if let Some((bits @ 33.., place)) = annotations.bit_bound {
            let message = format!("an enumeration has at most 32 bits, not {bits}");
            return self.fail(place, message, None);
        }
        let most = (1i128 << (bit_bound - 1)) - 1;
        let mut literals: Vec<(String, i32)> = Vec::new();
        let mut default = None;
        let mut next = 0i128;
        loop {
            if self.is("}") && !literals.is_empty() {
                break;
            }
            let doc = self.doc();
            let literal_annotations = self.annotations()?;
            let (literal, at) = self.identifier("a literal")?;
            let mut place = at;
            if let Some((value, value_place)) = literal_annotations.value {
                (next, place) = (value, value_place);
            } else if self.eat("=") {
                // Not IDL 4.2, but common.
                let from = self.span();
                let value = self.expression()?;
                place = from.to(self.last_span());
                match value {
                    Constant::Int(value) => next = value,
                    _ => return self.fail(place, "a literal's value is a number", None),
                }
            }
            let value = self.literal_value(next, most, place)?;
            next += 1;
            if let Some((other, _)) = literals.iter().find(|(_, v)| *v == value) {
                let message = format!("`{literal}` has the value of `{other}`, {value}");
                return self.fail(place, message, None);
            }
            if literal_annotations.default_literal {
                default = Some(literal.to_string());
            }
            self.document(&format!("{full}::{literal}"), doc);
            let constant = Constant::Literal { of: full.clone(), name: literal.to_string(), value };
            self.define(&literal, at, Symbol::Constant(constant))?;
            literals.push((literal.to_string(), value));
            if !self.eat(",") {
                break;
            }
        }
        self.expect("}")?;
        self.note_extensibility(&annotations, &full);
        self.document(&full, doc);
        self.out.types.insert(full, Definition::Enum { bit_bound, literals, default });
        Ok(())
    }

    fn literal_value(&mut self, value: i128, most: i128, place: Span) -> Step<i32> {
        match i32::try_from(value) {
            Ok(v) if value <= most && value >= -most - 1 => Ok(v),
            _ => {
                let help = Some("raise `@bit_bound`, or lower the value".to_owned());
                self.fail(place, format!("the literal's value {value} exceeds {most}"), help)
            }
        }
    }

    pub fn bitmask(&mut self, annotations: Annotations, doc: Option<Rc<str>>) -> Step<()> {
        self.step();
        let (name, span) = self.identifier("the bitmask's name")?;
        let full = self.define(&name, span, Symbol::Type)?;
        self.expect("{")?;
        let bit_bound = annotations.bit_bound.map_or(32, |(bits, _)| bits);
        let mut flags: Vec<(String, u16)> = Vec::new();
        let mut next = 0u16;
        loop {
            if self.is("}") && !flags.is_empty() {
                break;
            }
            let doc = self.doc();
            let flag_annotations = self.annotations()?;
            let (flag, at) = self.identifier("a flag")?;
            let (position, place) = flag_annotations.position.unwrap_or((next, at));
            if position >= bit_bound {
                let help = Some("raise `@bit_bound`".to_owned());
                let message = format!("bit {position} is outside the {bit_bound} bits");
                return self.fail(place, message, help);
            }
            if flags.iter().any(|(n, p)| *p == position || **n == *flag) {
                return self.fail(place, format!("bit {position} or `{flag}` is taken"), None);
            }
            self.document(&format!("{full}::{flag}"), doc);
            flags.push((flag.to_string(), position));
            next = position + 1;
            if !self.eat(",") {
                break;
            }
        }
        self.expect("}")?;
        self.note_extensibility(&annotations, &full);
        self.document(&full, doc);
        self.out.types.insert(full, Definition::Bitmask { bit_bound, flags });
        Ok(())
    }

    /// That of enumerations and bitmasks is not kept.
    fn note_extensibility(&mut self, annotations: &Annotations, full: &str) {
        if self.loose || annotations.extensibility.is_some_and(|kind| kind != Extensibility::Final)
        {
            self.out.inexact.insert(full.to_owned());
        }
    }
}

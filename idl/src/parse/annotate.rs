//! Annotations (IDL 4.2, 8; DDS-XTypes 1.3, 7.3.1.2).
//!
//! Unknown ones are accepted and ignored, as the standard wants; those that would change bytes in a
//! way not supported here are refused.

use super::Constant;
use super::cursor::{Parser, Step};
use super::lex::Tok;
use super::source::Span;
use crate::descriptor::{Definition, Extensibility, Primitive, TypeRef};

/// Whether ids follow the order or the names of members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AutoId {
    #[default]
    Sequential,
    Hash,
}

/// What the annotations before something say.
#[derive(Debug, Default)]
pub(crate) struct Annotations {
    pub key: bool,
    pub id: Option<(u32, Span)>,
    /// `@hashid`, with its text or empty for the member's name.
    pub hash_id: Option<String>,
    pub optional: Option<Span>,
    pub must_understand: bool,
    pub default: Option<(Constant, Span)>,
    pub default_literal: bool,
    pub unit: Option<String>,
    pub extensibility: Option<Extensibility>,
    pub nested: bool,
    pub auto_id: Option<AutoId>,
    pub bit_bound: Option<(u16, Span)>,
    pub value: Option<(i128, Span)>,
    pub position: Option<(u16, Span)>,
}

impl Parser<'_> {
    /// Reads all annotations here.
    pub fn annotations(&mut self) -> Step<Annotations> {
        let mut out = Annotations::default();
        while self.is("@") {
            let start = self.span();
            self.step();
            if self.is_word("annotation") {
                // A definition of an annotation: of no use here.
                self.recover();
                continue;
            }
            let name = match self.tok().clone() {
                // `@default` is a keyword elsewhere.
                Tok::Ident(word) => {
                    self.step();
                    let mut name = word.to_string();
                    while self.is("::") {
                        self.step();
                        if let Tok::Ident(part) = self.tok().clone() {
                            name = part.to_string();
                            self.step();
                        }
                    }
                    name
                }
                _ => {
                    let span = self.span();
                    return self.fail(span, "expected the name of an annotation", None);
                }
            };
            self.annotation(&name, start, &mut out)?;
        }
        Ok(out)
    }

    fn annotation(&mut self, name: &str, start: Span, out: &mut Annotations) -> Step<()> {
        let has_arguments = self.is("(");
        match name {
            "key" | "Key" => out.key = self.flag()?,
            "optional" | "Optional" => {
                let span = start.to(self.last_span());
                out.optional = self.flag()?.then_some(span);
            }
            "must_understand" | "must_Understand" => out.must_understand = self.flag()?,
            "nested" | "Nested" => out.nested = self.flag()?,
            "topic" => self.skip_arguments(),
            // These change what stands for a type when endpoints are matched.
            "default_nested" => {
                self.loose = true;
                self.skip_arguments();
            }
            "external" | "External" | "shared" | "Shared" | "try_construct" => {
                self.aliased = true;
                self.skip_arguments();
            }
            "default_literal" => {
                self.skip_arguments();
                out.default_literal = true;
            }
            "id" | "ID" => {
                let (value, span) = self.number_argument("id", start)?;
                let fits = u32::try_from(value).ok().filter(|id| *id <= 0x0fff_ffff);
                match fits {
                    Some(id) => out.id = Some((id, span)),
                    None => return self.fail(span, "a member id has 28 bits", None),
                }
            }
            "hashid" => {
                out.hash_id = match has_arguments {
                    true => match self.argument("hashid", start)?.0 {
                        Constant::Text(text) => Some(text),
                        _ => return self.fail(start, "`@hashid` takes a string", None),
                    },
                    false => Some(String::new()),
                };
            }
            "default" => {
                let (value, span) = self.argument("default", start)?;
                out.default = Some((value, span));
            }
            "unit" => match self.argument("unit", start)? {
                (Constant::Text(text), _) => out.unit = Some(text),
                (_, span) => return self.fail(span, "`@unit` takes a string", None),
            },
            "final" | "Final" => out.extensibility = self.kind(Extensibility::Final),
            "appendable" | "Appendable" => {
                out.extensibility = self.kind(Extensibility::Appendable);
            }
            "mutable" | "Mutable" => out.extensibility = self.kind(Extensibility::Mutable),
            "extensibility" | "Extensibility" => {
                let (word, span) = self.word_argument("extensibility", start)?;
                out.extensibility = Some(match &*word {
                    "FINAL" | "FINAL_EXTENSIBILITY" => Extensibility::Final,
                    "APPENDABLE" | "EXTENSIBLE_EXTENSIBILITY" => Extensibility::Appendable,
                    "MUTABLE" | "MUTABLE_EXTENSIBILITY" => Extensibility::Mutable,
                    _ => {
                        let help = Some("write FINAL, APPENDABLE or MUTABLE".to_owned());
                        return self.fail(span, format!("unknown extensibility `{word}`"), help);
                    }
                });
            }
            "autoid" => {
                let hash = match has_arguments {
                    true => self.word_argument("autoid", start)?.0 == "HASH",
                    false => true,
                };
                out.auto_id = Some(if hash { AutoId::Hash } else { AutoId::Sequential });
            }
            "bit_bound" => {
                let (value, span) = self.number_argument("bit_bound", start)?;
                match u16::try_from(value).ok().filter(|b| (1..=64).contains(b)) {
                    Some(bits) => out.bit_bound = Some((bits, span)),
                    None => return self.fail(span, "a bit bound is between 1 and 64", None),
                }
            }
            "value" => out.value = Some(self.number_argument("value", start)?),
            "position" => {
                let (value, span) = self.number_argument("position", start)?;
                match u16::try_from(value).ok().filter(|p| *p < 64) {
                    Some(position) => out.position = Some((position, span)),
                    None => return self.fail(span, "a bit's position is between 0 and 63", None),
                }
            }
            "non_serialized" => {
                let span = start.to(self.last_span());
                let help = Some("remove the member, or the annotation".to_owned());
                return self.fail(span, "`@non_serialized` is not supported", help);
            }
            _ => self.skip_arguments(),
        }
        Ok(())
    }

    fn kind(&mut self, extensibility: Extensibility) -> Option<Extensibility> {
        self.skip_arguments();
        Some(extensibility)
    }

    /// `@key`, `@key(TRUE)`, `@key(value=FALSE)`.
    fn flag(&mut self) -> Step<bool> {
        if !self.is("(") {
            return Ok(true);
        }
        let start = self.span();
        match self.argument("key", start)? {
            (Constant::Bool(value), _) => Ok(value),
            (Constant::Int(value), _) => Ok(value != 0),
            (_, span) => self.fail(span, "expected TRUE or FALSE", None),
        }
    }

    /// The one argument in brackets: a constant, or `value=` and a constant.
    fn argument(&mut self, name: &str, start: Span) -> Step<(Constant, Span)> {
        if !self.eat("(") {
            let help = Some(format!("write `@{name}(…)`"));
            return self.fail(start.to(self.last_span()), format!("`@{name}` needs a value"), help);
        }
        if matches!(self.tok(), Tok::Ident(_)) && *self.tok_after(1) == Tok::Punct("=") {
            self.step();
            self.step();
        }
        let from = self.span();
        // A literal of the member's own enumeration may stand without its scope: keep the word.
        let bare = match (self.tok().clone(), self.tok_after(1)) {
            (Tok::Ident(word), Tok::Punct(")")) if self.lookup(&word).is_none() => Some(word),
            _ => None,
        };
        let value = match bare {
            Some(word) if !matches!(&*word, "TRUE" | "FALSE") => {
                self.step();
                match &*word {
                    // Python's and C++'s spellings.
                    "true" | "True" => Constant::Bool(true),
                    "false" | "False" => Constant::Bool(false),
                    _ => Constant::Literal { of: String::new(), name: word.to_string(), value: 0 },
                }
            }
            _ => self.expression()?,
        };
        let span = from.to(self.last_span());
        self.expect(")")?;
        Ok((value, span))
    }

    fn number_argument(&mut self, name: &str, start: Span) -> Step<(i128, Span)> {
        match self.argument(name, start)? {
            (Constant::Int(value), span) => Ok((value, span)),
            (_, span) => self.fail(span, format!("`@{name}` takes a number"), None),
        }
    }

    fn word_argument(&mut self, name: &str, start: Span) -> Step<(String, Span)> {
        self.expect("(")?;
        let span = self.span();
        let (word, _) = self.scoped_name(&format!("the value of `@{name}`"))?;
        self.expect(")")?;
        let _ = start;
        Ok((word.rsplit("::").next().unwrap_or(&word).to_owned(), span))
    }

    /// Skips a bracket and all in it.
    fn skip_arguments(&mut self) {
        if !self.is("(") {
            return;
        }
        let start = self.span();
        let mut depth = 0usize;
        while !self.at_end() {
            match self.tok() {
                Tok::Punct("(") => depth += 1,
                Tok::Punct(")") => depth -= 1,
                _ => {}
            }
            self.step();
            if depth == 0 {
                return;
            }
        }
        self.problems.add(start, "`(` is not closed", Some("add `)`".into()));
    }

    /// A member's `@default` as the JSON form of its type.
    pub fn default_json(
        &mut self,
        annotations: &Annotations,
        ty: &TypeRef,
    ) -> Step<Option<serde_json::Value>> {
        let Some((value, span)) = annotations.default.clone() else { return Ok(None) };
        let value = match (value, ty) {
            (Constant::Literal { of, name, .. }, TypeRef::Named(ty)) if of.is_empty() => {
                match self.definition_of(ty) {
                    Some(Definition::Enum { literals, .. }) => {
                        let literals = literals.clone();
                        match literals.iter().find(|(n, _)| *n == name) {
                            Some((_, value)) => {
                                Constant::Literal { of: ty.clone(), name, value: *value }
                            }
                            None => {
                                let names = literals.iter().map(|(n, _)| n.as_str());
                                let help = Self::did_you_mean(&name, names);
                                let message = format!("`{name}` is no literal of `{ty}`");
                                return self.fail(span, message, help);
                            }
                        }
                    }
                    _ => return self.fail(span, format!("unknown constant `{name}`"), None),
                }
            }
            (Constant::Literal { of, name, .. }, _) if of.is_empty() => {
                return self.fail(span, format!("unknown constant `{name}`"), None);
            }
            (value, _) => value,
        };
        let value = self.convert(value, ty, span)?;
        Ok(Some(match value {
            Constant::Int(v) => match i64::try_from(v) {
                Ok(v) => v.into(),
                Err(_) => (v as u64).into(),
            },
            Constant::Float(v) => {
                let v =
                    if *ty == TypeRef::Primitive(Primitive::F32) { f64::from(v as f32) } else { v };
                serde_json::Number::from_f64(v).map_or(serde_json::Value::Null, Into::into)
            }
            Constant::Bool(v) => v.into(),
            Constant::Text(text) => text.into(),
            Constant::Char(c) => c.to_string().into(),
            Constant::Literal { name, .. } => name.into(),
        }))
    }
}

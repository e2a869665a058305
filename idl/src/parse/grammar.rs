//! Definitions: modules, typedefs, constants, and the way to the others.

use super::cursor::{Parser, Reported, Step};
use super::lex::Tok;
use super::scope::Symbol;
use crate::descriptor::TypeRef;

const DEFINITIONS: &[&str] =
    &["module", "struct", "union", "enum", "bitmask", "typedef", "const", "native", "interface"];

impl Parser<'_> {
    /// The whole text.
    pub fn specification(&mut self) {
        while !self.at_end() && !self.problems.full() {
            if self.is("}") {
                let span = self.span();
                self.problems.add(span, "`}` closes nothing", Some("remove it".into()));
                self.step();
                self.eat(";");
                continue;
            }
            self.definition_or_recover();
        }
    }

    fn definition_or_recover(&mut self) {
        let before = self.at;
        if let Err(Reported) = self.nested(Self::definition) {
            self.recover();
        }
        if self.at == before {
            self.step();
        }
    }

    fn definition(&mut self) -> Step<()> {
        if let Tok::KeyList(text) = self.tok().clone() {
            let span = self.span();
            self.step();
            let mut words = text.split_whitespace().map(str::to_owned);
            match words.next() {
                Some(name) => {
                    let scope = self.scope.clone();
                    self.key_lists.push((name, scope, words.collect(), span));
                }
                None => self.problems.add(span, "`#pragma keylist` needs a type", None),
            }
            return Ok(());
        }
        if self.eat(";") {
            return Ok(());
        }
        let doc = self.doc();
        let annotations = self.annotations()?;
        let doc = doc.or_else(|| self.doc());
        // Nothing may follow the definition of an annotation.
        if self.at_end() || self.is("}") || matches!(self.tok(), Tok::KeyList(_)) {
            return Ok(());
        }
        let span = self.span();
        let Tok::Ident(word) = self.tok().clone() else {
            let found = self.describe();
            return self.fail(span, format!("expected a definition, found {found}"), None);
        };
        match &*word {
            "module" => self.module()?,
            "struct" => self.structure(annotations, doc)?,
            "union" => self.union(annotations, doc)?,
            "enum" => self.enumeration(annotations, doc)?,
            "bitmask" => self.bitmask(annotations, doc)?,
            "typedef" => self.typedef()?,
            "const" => self.constant()?,
            "interface" | "valuetype" | "component" | "exception" | "bitset" | "native"
            | "home" | "abstract" | "local" | "custom" | "eventtype" | "porttype" | "connector"
            | "import" | "typeid" | "typeprefix" => {
                let help = Some("only data types are supported: remove it".to_owned());
                return self.fail(span, format!("`{word}` is not supported"), help);
            }
            other => {
                let help = match Self::did_you_mean(other, DEFINITIONS.iter().copied()) {
                    Some(help) => help,
                    None => "definitions begin with module, struct, union, enum, bitmask, typedef \
                             or const"
                        .into(),
                };
                return self.fail(span, format!("unknown definition `{other}`"), Some(help));
            }
        }
        self.semicolon();
        Ok(())
    }

    fn module(&mut self) -> Step<()> {
        self.step();
        let (name, span) = self.identifier("the module's name")?;
        self.define(&name, span, Symbol::Module)?;
        self.expect("{")?;
        self.scope.push(name.to_string());
        while !self.at_end() && !self.is("}") && !self.problems.full() {
            self.definition_or_recover();
        }
        self.scope.pop();
        if self.at_end() {
            let help = Some("add `};` where the module ends".to_owned());
            return self.fail(span, format!("module `{name}` is not closed"), help);
        }
        self.expect("}")
    }

    fn typedef(&mut self) -> Step<()> {
        self.step();
        let ty = self.type_spec()?;
        loop {
            let (name, span, ty) = self.declarator("the new type's name", ty.clone())?;
            self.define(&name, span, Symbol::Typedef(ty))?;
            if !self.eat(",") {
                return Ok(());
            }
        }
    }

    fn constant(&mut self) -> Step<()> {
        self.step();
        let at = self.span();
        let ty = self.type_spec()?;
        if matches!(ty, TypeRef::Sequence { .. } | TypeRef::Array { .. }) {
            return self.fail(at.to(self.last_span()), "a constant is a single value", None);
        }
        let (name, span) = self.identifier("the constant's name")?;
        self.expect("=")?;
        let from = self.span();
        let value = self.expression()?;
        let value = self.convert(value, &ty, from.to(self.last_span()))?;
        let full = self.define(&name, span, Symbol::Constant(value.clone()))?;
        self.out.constants.push((full, ty, value));
        Ok(())
    }
}

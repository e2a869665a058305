//! Names and what they stand for.

use super::Constant;
use super::cursor::{Parser, Step};
use super::lex::Tok;
use super::source::Span;
use crate::descriptor::{Definition, TypeRef};

/// What a scoped name stands for.
#[derive(Clone, Debug)]
pub(crate) enum Symbol {
    Module,
    /// A struct, union, enum or bitmask.
    Type,
    /// Announced, not yet defined.
    Forward(Span),
    Typedef(TypeRef),
    Constant(Constant),
}

impl Parser<'_> {
    /// The scoped name of something defined here.
    pub fn qualify(&self, name: &str) -> String {
        match self.scope.as_slice() {
            [] => name.to_owned(),
            scope => format!("{}::{name}", scope.join("::")),
        }
    }

    /// Enters a name; what it stood for may only be completed, not replaced.
    pub fn define(&mut self, name: &str, span: Span, symbol: Symbol) -> Step<String> {
        let full = self.qualify(name);
        let fits = match (self.symbols.get(&full), &symbol) {
            (None, _) => true,
            (Some(Symbol::Module), Symbol::Module) => true,
            (Some(Symbol::Forward(_)), Symbol::Type | Symbol::Forward(_)) => true,
            (Some(Symbol::Type), Symbol::Forward(_)) => return Ok(full),
            _ => false,
        };
        if !fits {
            let help = match self.places.get(&full) {
                Some(_) => "rename one of them; the first definition is above, or in an include",
                None => "rename one of them",
            };
            return self.fail(span, format!("`{full}` is already defined"), Some(help.into()));
        }
        self.places.insert(full.clone(), span);
        self.symbols.insert(full.clone(), symbol);
        Ok(full)
    }

    /// `a::b::C` or `::a::b::C` as written, with its place.
    pub fn scoped_name(&mut self, what: &str) -> Step<(String, Span)> {
        let start = self.span();
        let mut name = String::new();
        if self.eat("::") {
            name.push_str("::");
        }
        loop {
            let (part, span) = self.identifier(what)?;
            name.push_str(&part);
            if !self.is("::") || !matches!(self.tok_after(1), Tok::Ident(_)) {
                return Ok((name, start.to(span)));
            }
            self.step();
            name.push_str("::");
        }
    }

    /// Looks a name up from the innermost scope outwards.
    pub fn lookup(&self, name: &str) -> Option<(String, Symbol)> {
        let exact = |full: &str| match self.symbols.get(full) {
            Some(symbol) => Some(symbol.clone()),
            None if self.known.contains_key(full) => Some(Symbol::Type),
            None => None,
        };
        if let Some(absolute) = name.strip_prefix("::") {
            return exact(absolute).map(|s| (absolute.to_owned(), s));
        }
        for depth in (0..=self.scope.len()).rev() {
            let full = match &self.scope[..depth] {
                [] => name.to_owned(),
                scope => format!("{}::{name}", scope.join("::")),
            };
            if let Some(symbol) = exact(&full) {
                return Some((full, symbol));
            }
        }
        None
    }

    /// The definition of a type, here or in a text read before.
    pub fn definition_of(&self, name: &str) -> Option<&Definition> {
        self.out.types.get(name).or_else(|| self.known.get(name))
    }

    /// Names an unknown one may have meant: those of the language and those in sight.
    pub fn suggest_type(&self, name: &str) -> Option<String> {
        const BASIC: &[&str] = &[
            "boolean", "char", "wchar", "octet", "short", "long", "float", "double", "string",
            "wstring", "sequence", "unsigned", "int8", "int16", "int32", "int64", "uint8",
            "uint16", "uint32", "uint64",
        ];
        // What other languages call them.
        let foreign = match name {
            "bool" => Some("boolean"),
            "byte" | "u8" => Some("octet"),
            "int" | "i32" => Some("long"),
            "uint" | "u32" => Some("unsigned long"),
            "i64" => Some("int64"),
            "u64" => Some("uint64"),
            "i16" => Some("int16"),
            "u16" => Some("uint16"),
            "i8" => Some("int8"),
            "f32" | "float32" => Some("float"),
            "f64" | "float64" => Some("double"),
            "String" | "str" => Some("string"),
            "vector" | "list" | "Vec" => Some("sequence"),
            _ => None,
        };
        if let Some(idl) = foreign {
            return Some(format!("IDL calls it `{idl}`"));
        }
        let types = self
            .symbols
            .iter()
            .filter(|(_, s)| matches!(s, Symbol::Type | Symbol::Typedef(_) | Symbol::Forward(_)));
        let own = types.map(|(n, _)| n.as_str()).chain(self.known.keys().map(String::as_str));
        let last = name.rsplit("::").next().unwrap_or(name);
        let mut names: Vec<&str> = own.collect();
        names.sort_unstable();
        // The right name in the wrong module first.
        if let Some(other) =
            names.iter().find(|n| n.rsplit("::").next() == Some(last) && **n != name)
        {
            return Some(format!("did you mean `{other}`?"));
        }
        let short = names.iter().map(|n| n.rsplit("::").next().unwrap_or(n));
        let candidates = BASIC.iter().copied().chain(short);
        Self::did_you_mean(last, candidates).or_else(|| {
            let help = "define it above, or `#include` the file that defines it";
            Some(help.to_owned())
        })
    }
}

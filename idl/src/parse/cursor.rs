//! The parser's state and its steps over tokens.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::Parsed;
use super::lex::{Tok, Token};
use super::scope::Symbol;
use super::source::{Problems, Span};
use crate::descriptor::Definition;
use crate::suggest::nearest;

/// Nesting of modules, sequences, expressions.
pub(crate) const MAX_NESTING: usize = 48;

/// A problem was reported; the caller recovers.
#[derive(Debug)]
pub(crate) struct Reported;

pub(crate) type Step<T> = Result<T, Reported>;

pub(crate) struct Parser<'a> {
    tokens: Vec<Token>,
    pub at: usize,
    pub problems: &'a mut Problems,
    /// Types of texts read before.
    pub known: &'a BTreeMap<String, Definition>,
    /// Open modules.
    pub scope: Vec<String>,
    pub symbols: HashMap<String, Symbol>,
    pub out: Parsed,
    /// Where types, and their members (`Type::member`), were defined.
    pub places: BTreeMap<String, Span>,
    /// Whether a typedef, or an annotation that is not kept, was used since this was last cleared.
    pub aliased: bool,
    /// Whether an annotation that is not kept was used on a module.
    pub loose: bool,
    /// `#pragma keylist` lines: type as written, scope, keys.
    pub key_lists: Vec<(String, Vec<String>, Vec<String>, Span)>,
    pub nesting: usize,
}

impl<'a> Parser<'a> {
    pub fn new(
        tokens: Vec<Token>,
        known: &'a BTreeMap<String, Definition>,
        problems: &'a mut Problems,
    ) -> Self {
        Self {
            tokens,
            at: 0,
            problems,
            known,
            scope: Vec::new(),
            symbols: HashMap::new(),
            out: Parsed::default(),
            places: BTreeMap::new(),
            aliased: false,
            loose: false,
            key_lists: Vec::new(),
            nesting: 0,
        }
    }

    fn token(&self, at: usize) -> Option<&Token> {
        self.tokens.get(at).or(self.tokens.last())
    }

    pub fn tok(&self) -> &Tok {
        self.token(self.at).map_or(&Tok::End, |t| &t.tok)
    }

    pub fn tok_after(&self, n: usize) -> &Tok {
        self.token(self.at + n).map_or(&Tok::End, |t| &t.tok)
    }

    pub fn span(&self) -> Span {
        self.token(self.at).map_or(Span::default(), |t| t.span)
    }

    /// Where the token before ends.
    pub fn last_span(&self) -> Span {
        match self.at.checked_sub(1) {
            Some(before) => self.token(before).map_or(Span::default(), |t| t.span),
            None => self.span(),
        }
    }

    pub fn doc(&self) -> Option<Rc<str>> {
        self.token(self.at).and_then(|t| t.doc.clone())
    }

    pub fn at_end(&self) -> bool {
        *self.tok() == Tok::End
    }

    pub fn step(&mut self) {
        if self.at < self.tokens.len() {
            self.at += 1;
        }
    }

    pub fn is(&self, punct: &str) -> bool {
        matches!(self.tok(), Tok::Punct(p) if *p == punct)
    }

    pub fn is_word(&self, word: &str) -> bool {
        matches!(self.tok(), Tok::Ident(w) if &**w == word)
    }

    pub fn eat(&mut self, punct: &str) -> bool {
        let found = self.is(punct);
        if found {
            self.step();
        }
        found
    }

    pub fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.step();
        }
        found
    }

    /// What stands here, for messages.
    pub fn describe(&self) -> String {
        match self.tok() {
            Tok::Ident(word) => format!("`{word}`"),
            Tok::Int(v) => format!("`{v}`"),
            Tok::Float(v) => format!("`{v}`"),
            Tok::Text(_) => "a string".into(),
            Tok::Char(_) => "a character".into(),
            Tok::Punct(p) => format!("`{p}`"),
            Tok::KeyList(_) => "`#pragma keylist`".into(),
            Tok::End => "the end of the file".into(),
        }
    }

    pub fn fail<T>(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Step<T> {
        self.problems.add(span, message, help);
        Err(Reported)
    }

    pub fn expect(&mut self, punct: &'static str) -> Step<()> {
        if self.eat(punct) {
            return Ok(());
        }
        let found = self.describe();
        let new_line = self.token(self.at).is_none_or(|t| t.first);
        // What is missing is missing behind the last token, not at the start of the next line.
        if new_line && matches!(punct, ";" | "}" | ")" | "]" | ">") {
            let span = self.last_span().after();
            let help = Some(format!("add `{punct}` here"));
            return self.fail(span, format!("`{punct}` missing, found {found}"), help);
        }
        let span = self.span();
        self.fail(span, format!("expected `{punct}`, found {found}"), None)
    }

    /// `;` at the end of a definition. Where only it is missing, parsing goes on.
    pub fn semicolon(&mut self) {
        if self.expect(";").is_err() && !self.token(self.at).is_none_or(|t| t.first) {
            self.recover();
        }
    }

    pub fn identifier(&mut self, what: &str) -> Step<(Rc<str>, Span)> {
        let span = self.span();
        let Tok::Ident(name) = self.tok().clone() else {
            let found = self.describe();
            return self.fail(span, format!("expected {what}, found {found}"), None);
        };
        // `_name` escapes a keyword (IDL 4.2, 7.2.3.2).
        let (escaped, name) = match name.strip_prefix('_') {
            Some(rest) if !rest.is_empty() => (true, Rc::from(rest)),
            _ => (false, name),
        };
        if !escaped && KEYWORDS.contains(&&*name) {
            let help = format!("choose another name, or write `_{name}`");
            return self.fail(span, format!("`{name}` is a keyword of IDL"), Some(help));
        }
        self.step();
        Ok((name, span))
    }

    /// Steps to the end of a broken definition: past its `;` or block, before a `}` of what
    /// surrounds it.
    pub fn recover(&mut self) {
        let mut depth = 0usize;
        while !self.at_end() {
            match self.tok() {
                Tok::Punct("{") => depth += 1,
                Tok::Punct("}") if depth == 0 => return,
                Tok::Punct("}") => {
                    depth -= 1;
                    if depth == 0 {
                        self.step();
                        self.eat(";");
                        return;
                    }
                }
                Tok::Punct(";") if depth == 0 => {
                    self.step();
                    return;
                }
                _ => {}
            }
            self.step();
        }
    }

    /// Runs `f` one level deeper, or refuses.
    pub fn nested<T>(&mut self, f: impl FnOnce(&mut Self) -> Step<T>) -> Step<T> {
        if self.nesting >= MAX_NESTING {
            let span = self.span();
            let help = Some("split it with typedefs or constants".to_owned());
            return self.fail(span, format!("nested deeper than {MAX_NESTING}"), help);
        }
        self.nesting += 1;
        let result = f(self);
        self.nesting -= 1;
        result
    }

    pub fn did_you_mean<'n>(
        name: &str,
        candidates: impl IntoIterator<Item = &'n str>,
    ) -> Option<String> {
        nearest(name, candidates).map(|n| format!("did you mean `{n}`?"))
    }
}

/// Keywords of IDL 4.2 (table 7-6).
pub(crate) const KEYWORDS: &[&str] = &[
    "abstract",
    "any",
    "alias",
    "attribute",
    "bitfield",
    "bitmask",
    "bitset",
    "boolean",
    "case",
    "char",
    "component",
    "connector",
    "const",
    "consumes",
    "context",
    "custom",
    "default",
    "double",
    "exception",
    "emits",
    "enum",
    "eventtype",
    "factory",
    "FALSE",
    "finder",
    "fixed",
    "float",
    "getraises",
    "home",
    "import",
    "in",
    "inout",
    "interface",
    "local",
    "long",
    "manages",
    "map",
    "mirrorport",
    "module",
    "multiple",
    "native",
    "Object",
    "octet",
    "oneway",
    "out",
    "primarykey",
    "private",
    "port",
    "porttype",
    "provides",
    "public",
    "publishes",
    "raises",
    "readonly",
    "setraises",
    "sequence",
    "short",
    "string",
    "struct",
    "supports",
    "switch",
    "TRUE",
    "truncatable",
    "typedef",
    "typeid",
    "typename",
    "typeprefix",
    "unsigned",
    "union",
    "uses",
    "ValueBase",
    "valuetype",
    "void",
    "wchar",
    "wstring",
    "int8",
    "uint8",
    "int16",
    "int32",
    "int64",
    "uint16",
    "uint32",
    "uint64",
];

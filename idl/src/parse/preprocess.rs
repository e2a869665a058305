//! Includes, macros and conditions.
//!
//! Every file is read once, with or without include guards. `#` and `##` inside macros are not
//! supported; `#pragma keylist` is (older IDL marks keys with it), other pragmas are ignored.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::lex::{Tok, Token, lex};
use super::source::{Problems, Sources, Span};

/// Files including files including files.
const MAX_INCLUDE_DEPTH: usize = 64;
/// Macros in macros, and calls in arguments.
const MAX_MACRO_DEPTH: usize = 64;
/// Tokens macros may make in one run: a few lines can otherwise ask for billions.
const MAX_EXPANDED: usize = 1 << 20;

#[derive(Clone)]
struct Macro {
    parameters: Option<Vec<Rc<str>>>,
    body: Vec<Token>,
}

struct Preprocessor<'a> {
    sources: &'a mut Sources,
    include_dirs: &'a [PathBuf],
    problems: &'a mut Problems,
    macros: HashMap<Rc<str>, Macro>,
    out: Vec<Token>,
    expanded: usize,
}

/// State of one `#if`.
struct Condition {
    span: Span,
    /// Its tokens count now.
    active: bool,
    /// One of its branches was taken.
    taken: bool,
    /// What surrounds it is active.
    outer: bool,
}

/// Preprocesses a text and everything it includes; ends with [`Tok::End`].
pub(crate) fn run(
    sources: &mut Sources,
    main: u32,
    include_dirs: &[PathBuf],
    problems: &mut Problems,
) -> Vec<Token> {
    let (macros, out) = (HashMap::new(), Vec::new());
    let mut pp = Preprocessor { sources, include_dirs, problems, macros, out, expanded: 0 };
    pp.file(main, 0);
    let end = pp.sources.text(main).trim_end().len() as u32;
    let span = Span { file: main, start: end, end };
    pp.out.push(Token { tok: Tok::End, span, first: true, doc: None });
    pp.out
}

impl Preprocessor<'_> {
    fn file(&mut self, file: u32, depth: usize) {
        let text = self.sources.text(file).to_owned();
        let tokens = lex(file, &text, self.problems);
        let mut conditions: Vec<Condition> = Vec::new();
        let mut i = 0;
        while i < tokens.len() && !self.problems.full() {
            let active = conditions.last().is_none_or(|c| c.active);
            if tokens[i].first && tokens[i].tok == Tok::Punct("#") {
                let end = line_end(&tokens, i + 1);
                self.directive(&tokens[i..end], &text, active, &mut conditions, depth);
                i = end;
            } else if active {
                i = self.text_token(&tokens, i);
            } else {
                i += 1;
            }
        }
        if let Some(open) = conditions.last() {
            let help = Some("add `#endif`".to_owned());
            self.problems.add(open.span, "this condition is not closed", help);
        }
    }

    /// Copies or expands the token at `i`; returns where to go on.
    fn text_token(&mut self, tokens: &[Token], i: usize) -> usize {
        let mut out = std::mem::take(&mut self.out);
        let next = self.expand_one(tokens, i, &mut Vec::new(), &mut out, 0);
        self.out = out;
        next
    }

    fn expand_one(
        &mut self,
        tokens: &[Token],
        i: usize,
        hidden: &mut Vec<Rc<str>>,
        out: &mut Vec<Token>,
        depth: usize,
    ) -> usize {
        let token = &tokens[i];
        let Tok::Ident(name) = &token.tok else {
            out.push(token.clone());
            return i + 1;
        };
        let Some(mac) = self.macros.get(name).filter(|_| !hidden.contains(name)).cloned() else {
            out.push(token.clone());
            return i + 1;
        };
        let mut next = i + 1;
        let mut body = mac.body;
        if let Some(parameters) = &mac.parameters {
            if tokens.get(next).is_none_or(|t| t.tok != Tok::Punct("(")) {
                out.push(token.clone());
                return next;
            }
            let Some((arguments, after)) = arguments(tokens, next) else {
                self.problems.add(token.span, format!("`{name}(` is not closed"), None);
                return tokens.len();
            };
            next = after;
            if arguments.len() != parameters.len()
                && !(parameters.is_empty() && arguments.iter().all(|a| a.is_empty()))
            {
                let (want, got) = (parameters.len(), arguments.len());
                let message = format!("macro `{name}` takes {want} arguments, {got} given");
                self.problems.add(token.span, message, None);
                return next;
            }
            let mut values = Vec::with_capacity(arguments.len());
            for argument in arguments {
                let mut value = Vec::new();
                self.expand_all(argument, hidden, &mut value, depth + 1);
                values.push(value);
            }
            body = substitute(&body, parameters, &values);
        }
        self.expanded = self.expanded.saturating_add(body.len());
        if depth >= MAX_MACRO_DEPTH || self.expanded > MAX_EXPANDED {
            let help = Some("simplify the macros".to_owned());
            self.problems.add(token.span, format!("macro `{name}` expands without end"), help);
            return next;
        }
        // Errors in the expansion are shown where the macro is used.
        for part in &mut body {
            part.span = token.span;
            part.first = false;
        }
        if let (Some(first), Some(doc)) = (body.first_mut(), &token.doc) {
            first.doc = Some(doc.clone());
        }
        hidden.push(name.clone());
        self.expand_all(&body, hidden, out, depth + 1);
        hidden.pop();
        next
    }

    fn expand_all(
        &mut self,
        tokens: &[Token],
        hidden: &mut Vec<Rc<str>>,
        out: &mut Vec<Token>,
        depth: usize,
    ) {
        if depth > MAX_MACRO_DEPTH {
            if let Some(token) = tokens.first() {
                self.problems.add(token.span, "macro calls nest too deeply", None);
            }
            return;
        }
        let mut i = 0;
        while i < tokens.len() && self.expanded <= MAX_EXPANDED {
            i = self.expand_one(tokens, i, hidden, out, depth);
        }
    }

    fn directive(
        &mut self,
        line: &[Token],
        text: &str,
        active: bool,
        conditions: &mut Vec<Condition>,
        depth: usize,
    ) {
        let hash = &line[0];
        let Some(Tok::Ident(name)) = line.get(1).map(|t| &t.tok) else {
            // `# 1 "file"` lines of other preprocessors, and the empty directive.
            return;
        };
        let span = line[1].span;
        let rest = &line[2..];
        match &**name {
            "ifdef" | "ifndef" => {
                let wanted = &**name == "ifdef";
                let defined = match rest.first().map(|t| &t.tok) {
                    Some(Tok::Ident(name)) => self.macros.contains_key(name),
                    _ => {
                        self.problems.add(span, format!("`#{name}` needs a name"), None);
                        false
                    }
                };
                let take = active && defined == wanted;
                conditions.push(Condition { span, active: take, taken: take, outer: active });
            }
            "if" => {
                let take = active && self.condition(rest, span);
                conditions.push(Condition { span, active: take, taken: take, outer: active });
            }
            "elif" => match conditions.last() {
                Some(c) => {
                    let take = c.outer && !c.taken && self.condition(rest, span);
                    if let Some(c) = conditions.last_mut() {
                        c.active = take;
                        c.taken |= take;
                    }
                }
                None => self.problems.add(span, "`#elif` without `#if`", None),
            },
            "else" => match conditions.last_mut() {
                Some(c) => {
                    c.active = c.outer && !c.taken;
                    c.taken = true;
                }
                None => self.problems.add(span, "`#else` without `#if`", None),
            },
            "endif" => {
                if conditions.pop().is_none() {
                    self.problems.add(span, "`#endif` without `#if`", None);
                }
            }
            _ if !active => {}
            "define" => self.define(rest, span),
            "undef" => match rest.first().map(|t| &t.tok) {
                Some(Tok::Ident(name)) => drop(self.macros.remove(name)),
                _ => self.problems.add(span, "`#undef` needs a name", None),
            },
            "include" => self.include(rest, text, span, depth),
            "pragma" => {
                if let Some(Tok::Ident(kind)) = rest.first().map(|t| &t.tok)
                    && &**kind == "keylist"
                {
                    let words = rest[1..].iter().map(|t| match &t.tok {
                        Tok::Ident(word) => &**word,
                        Tok::Punct(p) => p,
                        _ => "?",
                    });
                    // Spaces only between names: `a::b` and `x.y` stay one word.
                    let mut text = String::new();
                    for word in words {
                        let name = word.starts_with(|c: char| c.is_alphanumeric() || c == '_');
                        let glued = text.is_empty() || text.ends_with([':', '.']);
                        if name && !glued {
                            text.push(' ');
                        }
                        text.push_str(word);
                    }
                    let tok = Tok::KeyList(text.into());
                    self.out.push(Token { tok, span, first: true, doc: None });
                }
            }
            "error" => {
                let message = line_text(text, span).unwrap_or("`#error`").to_owned();
                self.problems.add(span, message, None);
            }
            "warning" | "line" | "ident" => {}
            other => {
                let known =
                    ["include", "define", "undef", "ifdef", "ifndef", "elif", "endif", "pragma"];
                let near = crate::suggest::nearest(other, known);
                let help = near.map(|n| format!("did you mean `#{n}`?"));
                let span = hash.span.to(span);
                self.problems.add(span, format!("unknown directive `#{other}`"), help);
            }
        }
    }

    fn define(&mut self, rest: &[Token], span: Span) {
        let Some((name_token, Tok::Ident(name))) = rest.first().map(|t| (t, &t.tok)) else {
            self.problems.add(span, "`#define` needs a name", None);
            return;
        };
        let mut body = &rest[1..];
        let mut parameters = None;
        // Only a bracket that touches the name opens parameters.
        if let Some(open) = body.first()
            && open.tok == Tok::Punct("(")
            && open.span.start == name_token.span.end
        {
            let close = body.iter().position(|t| t.tok == Tok::Punct(")"));
            let Some(close) = close else {
                self.problems.add(open.span, "the parameters are not closed", None);
                return;
            };
            let mut names = Vec::new();
            for token in &body[1..close] {
                match &token.tok {
                    Tok::Ident(name) => names.push(name.clone()),
                    Tok::Punct(",") => {}
                    _ => {
                        self.problems.add(token.span, "a macro parameter is a name", None);
                        return;
                    }
                }
            }
            parameters = Some(names);
            body = &body[close + 1..];
        }
        let paste = |t: &&Token| matches!(t.tok, Tok::Punct("#" | "##"));
        if let Some(paste) = body.iter().find(paste) {
            let message = "`#` and `##` in macros are not supported";
            self.problems.add(paste.span, message, Some("write the name out".into()));
            return;
        }
        self.macros.insert(name.clone(), Macro { parameters, body: body.to_vec() });
    }

    fn include(&mut self, rest: &[Token], text: &str, span: Span, depth: usize) {
        let Some(first) = rest.first() else {
            self.problems.add(span, "`#include` needs a file", None);
            return;
        };
        let (name, quoted) = match &first.tok {
            Tok::Text(name) => (name.to_string(), true),
            Tok::Punct("<") => {
                let tail = line_text(text, first.span).unwrap_or_default();
                match tail[1..].split_once('>') {
                    Some((name, _)) => (name.trim().to_owned(), false),
                    None => {
                        self.problems.add(first.span, "`>` missing", None);
                        return;
                    }
                }
            }
            _ => {
                let help = Some("write `#include \"file.idl\"`".to_owned());
                self.problems.add(first.span, "expected a file in quotes or `<>`", help);
                return;
            }
        };
        let whole = rest.last().map_or(first.span, |last| first.span.to(last.span));
        if depth >= MAX_INCLUDE_DEPTH {
            self.problems.add(whole, "includes nest too deeply", None);
            return;
        }
        let here = self.sources.path(first.span.file).parent().unwrap_or(Path::new("")).to_owned();
        let mut dirs: Vec<&Path> = self.include_dirs.iter().map(PathBuf::as_path).collect();
        dirs.insert(if quoted { 0 } else { dirs.len() }, &here);
        for dir in &dirs {
            let path = dir.join(&name);
            if !path.is_file() {
                continue;
            }
            let path = path.canonicalize().unwrap_or(path);
            let main = self.sources.path(0).canonicalize();
            if self.sources.has(&path) || main.is_ok_and(|main| main == path) {
                return;
            }
            match std::fs::read(&path) {
                Ok(bytes) => {
                    let file = self.sources.add(path, &String::from_utf8_lossy(&bytes));
                    self.file(file, depth + 1);
                }
                Err(error) => {
                    let message = format!("cannot read {}: {error}", path.display());
                    self.problems.add(whole, message, None);
                }
            }
            return;
        }
        let searched: Vec<_> = dirs
            .iter()
            .map(|d| if d.as_os_str().is_empty() { Path::new(".") } else { d })
            .map(|d| format!("`{}`", d.display()))
            .collect();
        let help = format!(
            "searched in {}; add the directory it is in to the include path",
            searched.join(", ")
        );
        self.problems.add(whole, format!("cannot find include file `{name}`"), Some(help));
    }

    /// Evaluates an `#if` line.
    fn condition(&mut self, line: &[Token], span: Span) -> bool {
        // `defined X` first: X must not be expanded.
        let mut tokens = Vec::new();
        let mut i = 0;
        while i < line.len() {
            if matches!(&line[i].tok, Tok::Ident(word) if &**word == "defined") {
                let open = line.get(i + 1).is_some_and(|t| t.tok == Tok::Punct("("));
                let at = i + 1 + usize::from(open);
                let Some(Tok::Ident(name)) = line.get(at).map(|t| &t.tok) else {
                    self.problems.add(line[i].span, "`defined` needs a name", None);
                    return false;
                };
                let value = i128::from(self.macros.contains_key(name));
                tokens.push(Token { tok: Tok::Int(value), ..line[i].clone() });
                i = at + 1 + usize::from(open);
            } else {
                i = self.expand_one(line, i, &mut Vec::new(), &mut tokens, 0);
            }
        }
        let mut evaluator = Evaluator { tokens: &tokens, at: 0, depth: 0 };
        match evaluator.binary(0) {
            Some(value) if evaluator.at == tokens.len() => value != 0,
            _ => {
                let place = tokens.get(evaluator.at).map_or(span, |t| t.span);
                let help = "use integers, `defined(NAME)`, `!`, `&&`, `||`, comparisons";
                self.problems.add(place, "not a condition", Some(help.into()));
                false
            }
        }
    }
}

/// First token after the directive's line.
fn line_end(tokens: &[Token], from: usize) -> usize {
    tokens[from..].iter().position(|t| t.first).map_or(tokens.len(), |n| from + n)
}

/// From a span to the end of its line.
fn line_text(text: &str, span: Span) -> Option<&str> {
    text.get(span.start as usize..)?.lines().next()
}

/// The arguments of a macro call whose bracket is at `open`, and what follows it.
fn arguments(tokens: &[Token], open: usize) -> Option<(Vec<&[Token]>, usize)> {
    let mut depth = 0usize;
    let mut start = open + 1;
    let mut out = Vec::new();
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match token.tok {
            Tok::Punct("(") => depth += 1,
            Tok::Punct(")") => {
                depth -= 1;
                if depth == 0 {
                    out.push(&tokens[start..i]);
                    return Some((out, i + 1));
                }
            }
            Tok::Punct(",") if depth == 1 => {
                out.push(&tokens[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    None
}

fn substitute(body: &[Token], parameters: &[Rc<str>], values: &[Vec<Token>]) -> Vec<Token> {
    let mut out = Vec::with_capacity(body.len());
    for token in body {
        let parameter = match &token.tok {
            Tok::Ident(name) => parameters.iter().position(|p| p == name),
            _ => None,
        };
        match parameter.and_then(|i| values.get(i)) {
            Some(value) if out.len() <= MAX_EXPANDED => out.extend_from_slice(value),
            _ => out.push(token.clone()),
        }
    }
    out
}

/// Integer expressions of `#if`; a name that is no macro is 0, as in C.
struct Evaluator<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl Evaluator<'_> {
    fn punct(&mut self, wanted: &[&'static str]) -> Option<&'static str> {
        let Some(Tok::Punct(p)) = self.tokens.get(self.at).map(|t| &t.tok) else { return None };
        let p = wanted.iter().find(|w| *w == p)?;
        self.at += 1;
        Some(p)
    }

    fn binary(&mut self, level: usize) -> Option<i128> {
        const LEVELS: &[&[&str]] =
            &[&["||"], &["&&"], &["==", "!="], &["<", ">"], &["+", "-"], &["*", "/", "%"]];
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(op) = self.punct(operators) {
            let or_equal = matches!(op, "<" | ">") && self.punct(&["="]).is_some();
            let right = self.binary(level + 1)?;
            left = match (op, or_equal) {
                ("||", _) => i128::from(left != 0 || right != 0),
                ("&&", _) => i128::from(left != 0 && right != 0),
                ("==", _) => i128::from(left == right),
                ("!=", _) => i128::from(left != right),
                ("<", false) => i128::from(left < right),
                ("<", true) => i128::from(left <= right),
                (">", false) => i128::from(left > right),
                (">", true) => i128::from(left >= right),
                ("+", _) => left.checked_add(right)?,
                ("-", _) => left.checked_sub(right)?,
                ("*", _) => left.checked_mul(right)?,
                ("/", _) => left.checked_div(right)?,
                _ => left.checked_rem(right)?,
            };
        }
        Some(left)
    }

    fn unary(&mut self) -> Option<i128> {
        if self.depth >= MAX_MACRO_DEPTH {
            return None;
        }
        self.depth += 1;
        let value = self.primary();
        self.depth -= 1;
        value
    }

    fn primary(&mut self) -> Option<i128> {
        if self.punct(&["!"]).is_some() {
            return Some(i128::from(self.unary()? == 0));
        }
        if self.punct(&["-"]).is_some() {
            return self.unary()?.checked_neg();
        }
        if self.punct(&["("]).is_some() {
            let value = self.binary(0)?;
            self.punct(&[")"])?;
            return Some(value);
        }
        let value = match self.tokens.get(self.at)?.tok {
            Tok::Int(value) => value,
            Tok::Ident(_) => 0,
            _ => return None,
        };
        self.at += 1;
        Some(value)
    }
}

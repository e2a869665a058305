//! Text to tokens.

use std::rc::Rc;

use super::source::{Problems, Span};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tok {
    Ident(Rc<str>),
    Int(i128),
    Float(f64),
    Text(Rc<str>),
    Char(char),
    /// An operator or bracket.
    Punct(&'static str),
    /// A `#pragma keylist` line: type and keys.
    KeyList(Rc<str>),
    /// Only ever the last.
    End,
}

#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub tok: Tok,
    pub span: Span,
    /// First of its line.
    pub first: bool,
    /// Documentation comment before it.
    pub doc: Option<Rc<str>>,
}

/// Longer ones first. `<<` and `>>` are two tokens: `sequence<sequence<long>>` closes two.
const PUNCTUATION: &[&str] = &[
    "::", "==", "!=", "&&", "||", "##", "{", "}", "(", ")", "[", "]", "<", ">", ";", ",", ":", "=",
    "@", "#", "+", "-", "*", "/", "%", "|", "^", "&", "~", "!", "?", ".",
];

/// Makes tokens of a whole text; what is no token is reported and skipped.
pub(crate) fn lex(file: u32, text: &str, problems: &mut Problems) -> Vec<Token> {
    let mut lexer = Lexer { file, text, at: 0, first: true, doc: String::new(), problems };
    let mut tokens = Vec::new();
    if text.len() > u32::MAX as usize {
        let span = Span { file, ..Span::default() };
        lexer.problems.add(span, "the file is larger than 4 GiB", None);
        return tokens;
    }
    while let Some(token) = lexer.next() {
        tokens.push(token);
    }
    tokens
}

struct Lexer<'a, 'p> {
    file: u32,
    text: &'a str,
    at: usize,
    first: bool,
    doc: String,
    problems: &'p mut Problems,
}

impl<'a> Lexer<'a, '_> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn span(&self, start: usize) -> Span {
        Span { file: self.file, start: start as u32, end: self.at as u32 }
    }

    /// Steps over characters while `f` holds; returns them.
    fn eat(&mut self, f: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !f(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn next(&mut self) -> Option<Token> {
        loop {
            self.space();
            let start = self.at;
            let c = self.peek()?;
            let tok = if c.is_ascii_alphabetic() || c == '_' {
                self.word(start)
            } else if c.is_ascii_digit()
                || (c == '.' && self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()))
            {
                Some(self.number(start))
            } else if c == '"' {
                Some(Tok::Text(self.quoted(start, '"').into()))
            } else if c == '\'' {
                Some(self.character(start))
            } else {
                self.punctuation(start, c)
            };
            let Some(tok) = tok else { continue };
            let first = std::mem::take(&mut self.first);
            let doc = std::mem::take(&mut self.doc);
            let doc = (!doc.is_empty()).then(|| doc.into());
            return Some(Token { tok, span: self.span(start), first, doc });
        }
    }

    /// White space and comments.
    fn space(&mut self) {
        loop {
            let rest = self.rest();
            if rest.starts_with('\n') {
                self.first = true;
                self.at += 1;
            } else if rest.starts_with("\\\n") || rest.starts_with("\\\r\n") {
                // A continued line.
                self.at += if rest.starts_with("\\\n") { 2 } else { 3 };
            } else if rest.starts_with("//") {
                let line = self.eat(|c| c != '\n');
                if let Some(doc) = line.strip_prefix("///")
                    && !doc.starts_with(['/', '<'])
                {
                    self.doc.push_str(doc.trim());
                    self.doc.push('\n');
                }
            } else if rest.starts_with("/*") {
                self.block_comment(rest);
            } else if rest.starts_with(|c: char| c.is_whitespace() || c == '\u{feff}') {
                self.at += rest.chars().next().map_or(1, char::len_utf8);
            } else {
                return;
            }
        }
    }

    fn block_comment(&mut self, rest: &str) {
        let start = self.at;
        let Some(end) = rest[2..].find("*/") else {
            self.at += 2;
            let help = "add `*/`; everything up to the end of the file is in this comment";
            self.problems.add(self.span(start), "unterminated comment", Some(help.into()));
            self.at = self.text.len();
            return;
        };
        let body = &rest[2..2 + end];
        if let Some(doc) = body.strip_prefix('*')
            && !doc.starts_with('<')
        {
            for line in doc.lines() {
                let line = line.trim();
                self.doc.push_str(line.strip_prefix('*').unwrap_or(line).trim());
                self.doc.push('\n');
            }
        }
        // `#` after a comment still begins its line, as a line break in the comment does not.
        self.at += end + 4;
    }

    fn word(&mut self, start: usize) -> Option<Tok> {
        let word = self.eat(|c| c.is_ascii_alphanumeric() || c == '_');
        match (word, self.peek()) {
            ("L", Some('"')) => Some(Tok::Text(self.quoted(start, '"').into())),
            ("L", Some('\'')) => Some(self.character(start)),
            _ => Some(Tok::Ident(word.into())),
        }
    }

    fn number(&mut self, start: usize) -> Tok {
        let rest = self.rest();
        if rest.starts_with("0x") || rest.starts_with("0X") {
            self.at += 2;
            let digits = self.eat(|c| c.is_ascii_alphanumeric());
            return match i128::from_str_radix(digits, 16) {
                Ok(v) if !digits.starts_with(['+', '-']) => Tok::Int(v),
                _ => self.bad_number(start, "a hexadecimal number"),
            };
        }
        let digits = self.eat(|c| c.is_ascii_digit());
        let mut float = false;
        if self.rest().starts_with('.') {
            self.at += 1;
            self.eat(|c| c.is_ascii_digit());
            float = true;
        }
        let rest = self.rest();
        if rest.starts_with(['e', 'E']) {
            let sign = usize::from(rest[1..].starts_with(['+', '-']));
            if rest[1 + sign..].starts_with(|c: char| c.is_ascii_digit()) {
                self.at += 1 + sign;
                self.eat(|c| c.is_ascii_digit());
                float = true;
            }
        }
        let end = self.at;
        let suffix = self.eat(|c| c.is_ascii_alphanumeric() || c == '_');
        if matches!(suffix, "d" | "D") {
            let help = "use a floating point number: `fixed` is not supported".to_owned();
            self.problems.add(self.span(start), "fixed-point number", Some(help));
            return Tok::Float(0.0);
        }
        let known = suffix.is_empty()
            || (float && matches!(suffix, "f" | "F" | "l" | "L"))
            || (!float && matches!(suffix, "u" | "U" | "l" | "L" | "ul" | "UL" | "ll" | "LL"));
        let text = &self.text[start..end];
        if !known {
            return self.bad_number(start, "a number");
        }
        if float {
            return match text.parse() {
                Ok(v) => Tok::Float(v),
                Err(_) => self.bad_number(start, "a number"),
            };
        }
        let octal = digits.len() > 1 && digits.starts_with('0');
        match i128::from_str_radix(digits, if octal { 8 } else { 10 }) {
            Ok(v) => Tok::Int(v),
            Err(_) => self.bad_number(start, if octal { "an octal number" } else { "a number" }),
        }
    }

    fn bad_number(&mut self, start: usize, what: &str) -> Tok {
        let text: String = self.text[start..self.at].chars().take(40).collect();
        self.problems.add(self.span(start), format!("`{text}` is not {what}"), None);
        Tok::Int(0)
    }

    fn character(&mut self, start: usize) -> Tok {
        let text = self.quoted(start, '\'');
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => Tok::Char(c),
            _ => {
                let message = "a character literal holds one character";
                let help = Some("write a string in double quotes".to_owned());
                self.problems.add(self.span(start), message, help);
                Tok::Char('\0')
            }
        }
    }

    /// The content of a quoted literal with its escapes resolved.
    fn quoted(&mut self, start: usize, quote: char) -> String {
        self.at += 1;
        let mut out = String::new();
        loop {
            match self.peek() {
                None | Some('\n') => {
                    let message = format!("unterminated literal: `{quote}` missing");
                    self.problems.add(self.span(start), message, Some(format!("add `{quote}`")));
                    return out;
                }
                Some(c) if c == quote => {
                    self.at += 1;
                    return out;
                }
                Some('\\') => {
                    self.at += 1;
                    self.escape(&mut out);
                }
                Some(c) => {
                    self.at += c.len_utf8();
                    out.push(c);
                }
            }
        }
    }

    fn escape(&mut self, out: &mut String) {
        let start = self.at - 1;
        let Some(c) = self.peek() else { return };
        if c == '\n' {
            return;
        }
        self.at += c.len_utf8();
        let mut code = |lexer: &mut Self, radix: u32, most: usize, from: usize| {
            lexer.at = from;
            let digits: String =
                lexer.rest().chars().take(most).take_while(|c| c.is_digit(radix)).collect();
            lexer.at += digits.len();
            let code = u32::from_str_radix(&digits, radix).ok().and_then(char::from_u32);
            match code {
                Some(c) => out.push(c),
                None => {
                    let span = lexer.span(start);
                    lexer.problems.add(span, "not a character code", None);
                }
            }
        };
        match c {
            'x' => code(self, 16, 2, self.at),
            'u' => code(self, 16, 4, self.at),
            '0'..='7' => code(self, 8, 3, self.at - 1),
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'v' => out.push('\u{b}'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'a' => out.push('\u{7}'),
            '\\' | '?' | '\'' | '"' => out.push(c),
            _ => {
                let help = Some("write `\\\\` for a backslash".to_owned());
                let span = self.span(start);
                self.problems.add(span, format!("unknown escape `\\{c}`"), help);
            }
        }
    }

    fn punctuation(&mut self, start: usize, c: char) -> Option<Tok> {
        let rest = self.rest();
        if let Some(p) = PUNCTUATION.iter().find(|p| rest.starts_with(**p)) {
            self.at += p.len();
            return Some(Tok::Punct(p));
        }
        self.at += c.len_utf8();
        let message = format!("`{}` is not part of IDL", c.escape_debug());
        self.problems.add(self.span(start), message, None);
        None
    }
}

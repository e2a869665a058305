//! `if` and `unless`: `==`, `!=`, `and`, `or`, `not` and brackets over arguments and words.

use super::context::{Context, Scope};
use crate::span::Span;
use crate::yaml::{Node, typed};

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Open,
    Close,
    Equal,
    Unequal,
    And,
    Or,
    Not,
    /// A word, a quoted text, or the value of `${…}`.
    Value {
        text: String,
        bare: bool,
    },
}

impl Context<'_> {
    /// Whether the condition holds; `None` if it cannot be read.
    pub(super) fn condition(&mut self, node: &Node, scope: &Scope) -> Option<bool> {
        let scalar = self.scalar(node, "a condition")?.clone();
        let base = scalar.verbatim.clone();
        let span = node.span.clone();
        let place = move |offset: usize, width: usize| match &base {
            Some(base) => base.part(offset, width),
            None => span.clone(),
        };
        let mut tokens = Vec::new();
        let chars: Vec<char> = scalar.text.chars().collect();
        let mut i = 0;
        while i < chars.len() {
            let start = i;
            let two: String = chars[i..].iter().take(2).collect();
            let token = match (chars[i], two.as_str()) {
                (c, _) if c.is_whitespace() => {
                    i += 1;
                    continue;
                }
                (_, "==") => (Token::Equal, 2),
                (_, "!=") => (Token::Unequal, 2),
                (_, "&&") => (Token::And, 2),
                (_, "||") => (Token::Or, 2),
                ('!', _) => (Token::Not, 1),
                ('(', _) => (Token::Open, 1),
                (')', _) => (Token::Close, 1),
                (quote @ ('\'' | '"'), _) => {
                    let Some(end) = chars[i + 1..].iter().position(|c| *c == quote) else {
                        self.problem(&place(i, 1), "a quote that is not closed", "close it");
                        return None;
                    };
                    let text = chars[i + 1..i + 1 + end].iter().collect();
                    (Token::Value { text, bare: false }, end + 2)
                }
                (_, "${") => {
                    let Some(end) = chars[i..].iter().position(|c| *c == '}') else {
                        self.problem(&place(i, 2), "`${` without its `}`", "close it");
                        return None;
                    };
                    let name: String = chars[i + 2..i + end].iter().collect();
                    let (text, _) = self.lookup(name.trim(), &place(i, end + 1), scope)?;
                    (Token::Value { text, bare: false }, end + 1)
                }
                _ => {
                    let ends = |c: &char| c.is_whitespace() || "()=!&|'\"".contains(*c);
                    let length = chars[i..].iter().position(ends).unwrap_or(chars.len() - i).max(1);
                    let word: String = chars[i..i + length].iter().collect();
                    let token = match word.as_str() {
                        "and" => Token::And,
                        "or" => Token::Or,
                        "not" => Token::Not,
                        _ => Token::Value { text: word, bare: true },
                    };
                    (token, length)
                }
            };
            i += token.1;
            tokens.push((token.0, place(start, token.1)));
        }
        let end = place(chars.len(), 1);
        let mut parser = Parser { context: self, scope, tokens, at: 0, end };
        let value = parser.or(0)?;
        match parser.tokens.get(parser.at).cloned() {
            None => Some(value),
            Some((_, span)) => {
                let remedy = "join the two sides with `and`, `or`, `==` or `!=`";
                parser.context.problem(&span, "the condition should have ended here", remedy);
                None
            }
        }
    }
}

struct Parser<'p, 'c> {
    context: &'p mut Context<'c>,
    scope: &'p Scope,
    tokens: Vec<(Token, Span)>,
    at: usize,
    end: Span,
}

const MAX_DEPTH: usize = 64;

impl Parser<'_, '_> {
    fn take(&mut self, token: &Token) -> bool {
        let found = self.tokens.get(self.at).is_some_and(|(next, _)| next == token);
        self.at += usize::from(found);
        found
    }

    fn or(&mut self, depth: usize) -> Option<bool> {
        let mut value = self.and(depth)?;
        while self.take(&Token::Or) {
            // Both sides are read, so that a mistake in either shows.
            value |= self.and(depth)?;
        }
        Some(value)
    }

    fn and(&mut self, depth: usize) -> Option<bool> {
        let mut value = self.not(depth)?;
        while self.take(&Token::And) {
            value &= self.not(depth)?;
        }
        Some(value)
    }

    fn not(&mut self, depth: usize) -> Option<bool> {
        let mut negated = false;
        while self.take(&Token::Not) {
            negated = !negated;
        }
        Some(self.comparison(depth)? != negated)
    }

    fn comparison(&mut self, depth: usize) -> Option<bool> {
        if self.take(&Token::Open) {
            if depth == MAX_DEPTH {
                let span = self.end.clone();
                self.context.problem(&span, "brackets nest too deep", "simplify the condition");
                return None;
            }
            let value = self.or(depth + 1)?;
            if !self.take(&Token::Close) {
                let span = self.next_span();
                self.context.problem(&span, "a `)` is missing here", "close the bracket");
                return None;
            }
            return Some(value);
        }
        let (left, bare, span) = self.value()?;
        for (token, equal) in [(Token::Equal, true), (Token::Unequal, false)] {
            if self.take(&token) {
                let (right, _, _) = self.value()?;
                return Some(same(&left, &right) == equal);
            }
        }
        match left.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" | "" => Some(false),
            _ => {
                let remedy = if bare && self.scope.args.contains_key(&left) {
                    format!("write `${{{left}}}` for the argument")
                } else {
                    "compare it: `${name} == value`; alone it must be true or false".to_owned()
                };
                let what = format!("`{left}` is neither true nor false");
                self.context.problem(&span, what, remedy);
                None
            }
        }
    }

    fn value(&mut self) -> Option<(String, bool, Span)> {
        match self.tokens.get(self.at).cloned() {
            Some((Token::Value { text, bare }, span)) => {
                self.at += 1;
                Some((text, bare, span))
            }
            _ => {
                let span = self.next_span();
                let remedy = "put `${name}`, a word or a quoted text here";
                self.context.problem(&span, "a value is missing here", remedy);
                None
            }
        }
    }

    fn next_span(&self) -> Span {
        self.tokens.get(self.at).map_or_else(|| self.end.clone(), |(_, span)| span.clone())
    }
}

/// Equal as text, or as numbers: `1.0` is `1`.
fn same(left: &str, right: &str) -> bool {
    left == right
        || matches!(
            (typed(left).as_f64(), typed(right).as_f64()),
            (Some(left), Some(right)) if left == right
        )
}

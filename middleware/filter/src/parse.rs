//! The grammar of annex B.2.1, by recursive descent.

use std::ops::Range;

use tidewire_idl::cdr::FieldStep;

use crate::ast::{Expr, Op, Term, TermKind};
use crate::error::Problem;
use crate::lex::{Token, tokens};

/// Longer expressions are refused.
const MAX_BYTES: usize = 64 << 10;
/// Parentheses and NOTs inside each other.
const MAX_DEPTH: usize = 64;

/// Reads an expression.
pub(crate) fn expression(text: &str) -> Result<Expr, Problem> {
    // What follows is another grammar: said before its first foreign character is.
    let begins = text.trim_start();
    let word = begins.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let is_field = begins[word.len()..].trim_start().starts_with(['=', '<', '>', '.', '[']);
    let has_from = begins.to_ascii_lowercase().contains(" from ");
    if word.eq_ignore_ascii_case("select") && has_from && !is_field {
        let start = text.len() - begins.len();
        let problem = Problem::new(start..start + word.len(), "a filter has no SELECT");
        return Err(problem.help("write the condition alone; multi-topics are not supported"));
    }
    let mut parser = Parser::new(text)?;
    if parser.peek() == &Token::End {
        let problem = Problem::new(0..0, "the expression is empty");
        return Err(
            problem.help("write a condition such as `speed > 3`; without a filter leave it out")
        );
    }
    let expr = parser.or(0)?;
    match parser.peek() {
        Token::End => Ok(expr),
        Token::Name(name) if name.eq_ignore_ascii_case("order") => {
            let problem = Problem::new(parser.span(), "a filter has no ORDER BY");
            Err(problem.help("leave it out and sort what was taken"))
        }
        Token::Close => {
            let problem = Problem::new(parser.span(), "`)` without its `(`");
            Err(problem.help("remove it, or open it before"))
        }
        _ => Err(parser.expected("`AND`, `OR` or the end")),
    }
}

/// Reads a value alone: a parameter.
pub(crate) fn value(text: &str) -> Result<Term, Problem> {
    let mut parser = Parser::new(text)?;
    let term = parser.term()?;
    match (&term.kind, parser.peek()) {
        (TermKind::Parameter(_), _) => {
            Err(Problem::new(term.span, "a parameter cannot stand for another"))
        }
        (_, Token::End) => Ok(term),
        _ => Err(parser.expected("the end")),
    }
}

struct Parser {
    tokens: Vec<(Token, Range<usize>)>,
    at: usize,
}

impl Parser {
    fn new(text: &str) -> Result<Self, Problem> {
        if text.len() > MAX_BYTES {
            let message = format!("{} bytes are too long, {MAX_BYTES} are allowed", text.len());
            return Err(Problem::new(MAX_BYTES..MAX_BYTES, message));
        }
        Ok(Self { tokens: tokens(text)?, at: 0 })
    }

    /// The last token is `End`, which is never stepped over.
    fn peek(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn span(&self) -> Range<usize> {
        self.tokens[self.at].1.clone()
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        if token != Token::End {
            self.at += 1;
        }
        token
    }

    fn accept(&mut self, token: &Token) -> bool {
        let found = self.peek() == token;
        if found {
            self.next();
        }
        found
    }

    fn expected(&self, what: &str) -> Problem {
        Problem::new(self.span(), format!("expected {what}, found {}", self.peek().describe()))
    }

    fn or(&mut self, depth: usize) -> Result<Expr, Problem> {
        let mut list = vec![self.and(depth)?];
        while self.accept(&Token::Or) {
            list.push(self.and(depth)?);
        }
        Ok(one_or(list, Expr::Or))
    }

    fn and(&mut self, depth: usize) -> Result<Expr, Problem> {
        let mut list = vec![self.not(depth)?];
        while self.accept(&Token::And) {
            list.push(self.not(depth)?);
        }
        Ok(one_or(list, Expr::And))
    }

    fn not(&mut self, depth: usize) -> Result<Expr, Problem> {
        if depth >= MAX_DEPTH {
            let message = format!("conditions nest deeper than {MAX_DEPTH}");
            return Err(Problem::new(self.span(), message).help("take parentheses and NOTs away"));
        }
        if self.accept(&Token::Not) {
            return Ok(Expr::Not(Box::new(self.not(depth + 1)?)));
        }
        let open = self.span();
        if self.accept(&Token::Open) {
            let inner = self.or(depth + 1)?;
            if self.peek() == &Token::End {
                return Err(Problem::new(open, "`(` is never closed").help("add `)`"));
            }
            if !self.accept(&Token::Close) {
                return Err(self.expected("`AND`, `OR` or `)`"));
            }
            return Ok(inner);
        }
        self.predicate()
    }

    fn predicate(&mut self) -> Result<Expr, Problem> {
        let left = self.term()?;
        let op = match self.peek() {
            Token::Equal => Op::Equal,
            Token::NotEqual => Op::NotEqual,
            Token::Less => Op::Less,
            Token::LessEqual => Op::LessEqual,
            Token::Greater => Op::Greater,
            Token::GreaterEqual => Op::GreaterEqual,
            Token::Like => {
                self.next();
                return Ok(Expr::Like { text: left, pattern: self.term()? });
            }
            Token::Not | Token::Between => return self.between(left),
            _ => {
                let problem = self.expected("a comparison (= <> < <= > >= LIKE BETWEEN)");
                return Err(match &left.kind {
                    TermKind::Path(_) => problem.help("of a boolean write `field = TRUE`"),
                    _ => problem,
                });
            }
        };
        self.next();
        Ok(Expr::Compare { left, op, right: self.term()? })
    }

    fn between(&mut self, value: Term) -> Result<Expr, Problem> {
        let not = self.accept(&Token::Not);
        if not && self.peek() == &Token::Like {
            let problem = Problem::new(self.span(), "there is no `NOT LIKE`");
            return Err(problem.help("write `NOT field LIKE 'a%'`"));
        }
        if !self.accept(&Token::Between) {
            return Err(self.expected("`BETWEEN`"));
        }
        let low = self.term()?;
        if !self.accept(&Token::And) {
            return Err(self.expected("`AND` and the upper bound"));
        }
        Ok(Expr::Between { value, not, low, high: self.term()? })
    }

    fn term(&mut self) -> Result<Term, Problem> {
        let span = self.span();
        let kind = match self.peek() {
            Token::Integer(value) => TermKind::Integer(*value),
            Token::Float(value) => TermKind::Float(*value),
            Token::Bool(value) => TermKind::Bool(*value),
            Token::Parameter(n) => TermKind::Parameter(*n),
            Token::Text(text) => TermKind::Text(text.clone()),
            Token::Name(_) | Token::Scope => return self.name(),
            _ => return Err(self.expected("a field or a value")),
        };
        self.next();
        Ok(Term { kind, span })
    }

    /// `a.b[1]`, or `Scope::NAME`.
    fn name(&mut self) -> Result<Term, Problem> {
        let start = self.span().start;
        let mut end = start;
        if self.peek() == &Token::Scope
            || self.tokens.get(self.at + 1).is_some_and(|(token, _)| *token == Token::Scope)
        {
            let mut names = Vec::new();
            if self.peek() != &Token::Scope {
                names.push(self.word(&mut end)?);
            }
            while self.accept(&Token::Scope) {
                names.push(self.word(&mut end)?);
            }
            return Ok(Term { kind: TermKind::Scoped(names), span: start..end });
        }
        let span = self.span();
        let mut path = vec![(FieldStep::Member(self.word(&mut end)?), span)];
        loop {
            let from = self.span().start;
            let step = if self.accept(&Token::Dot) {
                FieldStep::Member(self.word(&mut end)?)
            } else if self.accept(&Token::OpenIndex) {
                let Token::Integer(value) = *self.peek() else {
                    return Err(self.expected("the number of an element"));
                };
                let Ok(index) = usize::try_from(value) else {
                    return Err(self.expected("the number of an element, from 0"));
                };
                self.next();
                end = self.span().end;
                if !self.accept(&Token::CloseIndex) {
                    return Err(self.expected("`]`"));
                }
                FieldStep::Index(index)
            } else {
                return Ok(Term { kind: TermKind::Path(path), span: start..end });
            };
            path.push((step, from..end));
        }
    }

    /// A name; keywords are names here.
    fn word(&mut self, end: &mut usize) -> Result<String, Problem> {
        let span = self.span();
        let name = match self.peek() {
            Token::Name(name) => name.clone(),
            Token::And => "and".into(),
            Token::Or => "or".into(),
            Token::Not => "not".into(),
            Token::Like => "like".into(),
            Token::Between => "between".into(),
            _ => return Err(self.expected("a name")),
        };
        self.next();
        *end = span.end;
        Ok(name)
    }
}

fn one_or(mut list: Vec<Expr>, make: impl Fn(Vec<Expr>) -> Expr) -> Expr {
    match list.len() {
        1 => list.remove(0),
        _ => make(list),
    }
}

//! An expression's words.

use std::ops::Range;

use crate::error::Problem;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Name(String),
    And,
    Or,
    Not,
    Like,
    Between,
    Bool(bool),
    Integer(i128),
    Float(f64),
    /// As written, without its quotes; see [`unescape`].
    Text(String),
    Parameter(usize),
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Open,
    Close,
    OpenIndex,
    CloseIndex,
    Dot,
    Scope,
    End,
}

impl Token {
    /// For error messages.
    pub fn describe(&self) -> String {
        match self {
            Self::Name(name) => format!("`{name}`"),
            Self::Bool(value) => format!("`{value}`").to_uppercase(),
            Self::Integer(value) => format!("`{value}`"),
            Self::Float(value) => format!("`{value}`"),
            Self::Text(_) => "a text".into(),
            Self::Parameter(n) => format!("`%{n}`"),
            Self::End => "the end".into(),
            Self::And => "`AND`".into(),
            Self::Or => "`OR`".into(),
            Self::Not => "`NOT`".into(),
            Self::Like => "`LIKE`".into(),
            Self::Between => "`BETWEEN`".into(),
            Self::Equal => "`=`".into(),
            Self::NotEqual => "`<>`".into(),
            Self::Less => "`<`".into(),
            Self::LessEqual => "`<=`".into(),
            Self::Greater => "`>`".into(),
            Self::GreaterEqual => "`>=`".into(),
            Self::Open => "`(`".into(),
            Self::Close => "`)`".into(),
            Self::OpenIndex => "`[`".into(),
            Self::CloseIndex => "`]`".into(),
            Self::Dot => "`.`".into(),
            Self::Scope => "`::`".into(),
        }
    }
}

/// Cuts a text into tokens; the last one is [`Token::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<(Token, Range<usize>)>, Problem> {
    let mut lexer = Lexer { text, at: 0 };
    let mut out = Vec::new();
    loop {
        let rest = lexer.rest();
        lexer.at += rest.len() - rest.trim_start().len();
        let start = lexer.at;
        let token = lexer.next()?;
        let done = token == Token::End;
        out.push((token, start..lexer.at));
        if done {
            return Ok(out);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$')
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Takes characters as long as they are wanted.
    fn run(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn next(&mut self) -> Result<Token, Problem> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        const SYMBOLS: [(&str, Token); 12] = [
            ("<>", Token::NotEqual),
            ("<=", Token::LessEqual),
            (">=", Token::GreaterEqual),
            ("::", Token::Scope),
            ("<", Token::Less),
            (">", Token::Greater),
            ("=", Token::Equal),
            ("(", Token::Open),
            (")", Token::Close),
            ("[", Token::OpenIndex),
            ("]", Token::CloseIndex),
            // After the numbers that begin with a point.
            (".", Token::Dot),
        ];
        let wrong = [
            ("==", "write `=`"),
            ("!=", "write `<>`"),
            ("&&", "write `AND`"),
            ("||", "write `OR`"),
        ];
        if let Some((symbol, help)) = wrong.iter().find(|(symbol, _)| rest.starts_with(symbol)) {
            let span = self.at..self.at + symbol.len();
            return Err(Problem::new(span, format!("`{symbol}` is no operator here")).help(*help));
        }
        if first.is_ascii_digit() || is_signed(rest) {
            return self.number();
        }
        match first {
            '\'' | '`' => return self.string(),
            '%' => return self.parameter(),
            c if is_name(c) => return Ok(word(self.run(is_name))),
            _ => {}
        }
        for (symbol, token) in SYMBOLS {
            if rest.starts_with(symbol) {
                self.at += symbol.len();
                return Ok(token);
            }
        }
        let problem =
            Problem::new(self.at..self.at + first.len_utf8(), format!("unexpected `{first}`"));
        Err(match first {
            '"' => problem.help("texts stand in single quotes: 'text'"),
            '!' => problem.help("write `NOT`"),
            ';' => problem.help("an expression has no end mark: leave it out"),
            _ => problem.help("see the grammar of DDS 1.4, annex B"),
        })
    }

    fn number(&mut self) -> Result<Token, Problem> {
        let start = self.at;
        let sign = self.run(|c| matches!(c, '+' | '-'));
        let negative = sign == "-";
        if let Some(hex) = self.rest().get(..2).filter(|two| two.eq_ignore_ascii_case("0x")) {
            self.at += hex.len();
            let digits = self.run(is_name);
            let value = i128::from_str_radix(digits, 16).ok().filter(|_| digits.len() <= 16);
            return self.integer(start, value, negative);
        }
        let whole = self.run(|c| c.is_ascii_digit());
        let mut float = false;
        if self.rest().starts_with('.') {
            float = true;
            self.at += 1;
            self.run(|c| c.is_ascii_digit());
        }
        if self.rest().starts_with(['e', 'E']) {
            let mark = self.at;
            self.at += 1;
            if self.rest().starts_with(['+', '-']) {
                self.at += 1;
            }
            if self.run(|c| c.is_ascii_digit()).is_empty() {
                self.at = mark;
            } else {
                float = true;
            }
        }
        if self.rest().starts_with(is_name) {
            self.run(is_name);
            let text = &self.text[start..self.at];
            return Err(Problem::new(start..self.at, format!("`{text}` is no number"))
                .help("write 42, 0x2a or 1.5e3; names begin with a letter"));
        }
        if !float {
            return self.integer(start, whole.parse().ok(), negative);
        }
        let text = &self.text[start..self.at];
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Token::Float(value)),
            _ => Err(Problem::new(start..self.at, format!("`{text}` is out of range"))
                .help("a double goes up to about 1.8e308")),
        }
    }

    fn integer(&self, start: usize, value: Option<i128>, negative: bool) -> Result<Token, Problem> {
        let value = value.map(|value| if negative { -value } else { value });
        match value.filter(|v| (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(v)) {
            Some(value) => Ok(Token::Integer(value)),
            None => {
                let text = &self.text[start..self.at];
                Err(Problem::new(start..self.at, format!("`{text}` is no integer of 64 bits"))
                    .help("integers go from -9223372036854775808 to 18446744073709551615"))
            }
        }
    }

    fn string(&mut self) -> Result<Token, Problem> {
        let start = self.at;
        let body = &self.text[start + 1..];
        let mut chars = body.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => drop(chars.next()),
                '\'' if chars.peek().is_some_and(|(_, c)| *c == '\'') => drop(chars.next()),
                '\'' => {
                    self.at = start + 1 + at + 1;
                    let text = &body[..at];
                    return match unescape(text) {
                        Ok(_) => Ok(Token::Text(text.to_owned())),
                        Err(bad) => {
                            let from = start + 1 + bad;
                            let problem = Problem::new(from..from + 2, "unknown escape in a text");
                            Err(problem
                                .help(r"write \\ for a backslash; there are \' \n \r \t \% \_"))
                        }
                    };
                }
                '\n' => break,
                _ => {}
            }
        }
        Err(Problem::new(start..start + 1, "this text does not end")
            .help("texts end with a single quote in the same line; write '' for a quote inside"))
    }

    fn parameter(&mut self) -> Result<Token, Problem> {
        let start = self.at;
        self.at += 1;
        let digits = self.run(is_name);
        match digits.parse::<usize>() {
            Ok(n) if n < 100 && digits.len() <= 2 => Ok(Token::Parameter(n)),
            _ => Err(Problem::new(start..self.at, format!("`%{digits}` is no parameter")).help(
                "parameters are %0 to %99; `%` for any characters stands in a text: LIKE 'a%'",
            )),
        }
    }
}

/// Whether a number begins here with a sign or a point.
fn is_signed(rest: &str) -> bool {
    let rest = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    let rest = rest.strip_prefix('.').unwrap_or(rest);
    rest.starts_with(|c: char| c.is_ascii_digit())
}

fn word(text: &str) -> Token {
    let is = |keyword: &str| text.eq_ignore_ascii_case(keyword);
    match text {
        _ if is("and") => Token::And,
        _ if is("or") => Token::Or,
        _ if is("not") => Token::Not,
        _ if is("like") => Token::Like,
        _ if is("between") => Token::Between,
        _ if is("true") => Token::Bool(true),
        _ if is("false") => Token::Bool(false),
        _ => Token::Name(text.to_owned()),
    }
}

/// A character of a text: as it is, or one that was escaped.
pub(crate) struct Letter {
    pub char: char,
    pub escaped: bool,
}

/// What a text means.
///
/// # Errors
/// Where an unknown escape begins.
pub(crate) fn unescape(text: &str) -> Result<Vec<Letter>, usize> {
    let mut out = Vec::with_capacity(text.len());
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        let (char, escaped) = match c {
            '\'' => {
                chars.next();
                ('\'', false)
            }
            '\\' => match chars.next() {
                Some((_, 'n')) => ('\n', true),
                Some((_, 'r')) => ('\r', true),
                Some((_, 't')) => ('\t', true),
                Some((_, c @ ('\'' | '\\' | '%' | '_'))) => (c, true),
                _ => return Err(at),
            },
            c => (c, false),
        };
        out.push(Letter { char, escaped });
    }
    Ok(out)
}

use std::borrow::Cow;

use super::{FieldValue, Line, MAX_COLUMNS};
use crate::{Reason, Reject};

/// Reads one line without its end; `None` for a comment or an empty line.
///
/// # Errors
/// Where the line is not line protocol, by column (in characters, from 1), and what is expected there.
pub fn parse(line: &str) -> Result<Option<Line<'_>>, Reject> {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let mut at = Cursor { line, at: line.len() - line.trim_start_matches([' ', '\t']).len() };
    if at.peek().is_none_or(|byte| byte == b'#') {
        return Ok(None);
    }
    let measurement = at.name(b", ", b", ", "a measurement")?;
    let mut tags = Vec::new();
    while at.eat(b',') {
        let start = at.at;
        let key = at.name(b"=, ", b",= ", "a tag name")?;
        at.expect(b'=', "`=` and the tag's value")?;
        let value = at.name(b",= ", b",= ", "a tag value")?;
        at.check_column(&tags, &key, start, "tag", tags.len())?;
        tags.push((key, value));
    }
    if at.spaces() == 0 {
        return Err(at.wrong(at.at, "expected a space and the fields"));
    }
    let mut fields = Vec::new();
    loop {
        let start = at.at;
        let key = at.name(b"=, ", b",= ", "a field name")?;
        at.expect(b'=', "`=` and the field's value")?;
        let value = at.value()?;
        at.check_column(&fields, &key, start, "field", tags.len() + fields.len())?;
        fields.push((key, value));
        if !at.eat(b',') {
            break;
        }
    }
    let spaces = at.spaces();
    let mut timestamp = None;
    if at.peek().is_some() {
        if spaces == 0 {
            return Err(at.wrong(at.at, "expected `,` and a field, or a space and the timestamp"));
        }
        let start = at.at;
        let text = at.token();
        let number = text
            .parse()
            .map_err(|_| at.wrong(start, "expected a timestamp: a whole number of 64 bits"))?;
        timestamp = Some(number);
        at.spaces();
        if at.peek().is_some() {
            return Err(at.wrong(at.at, "expected the end of the line"));
        }
    }
    Ok(Some(Line { measurement, tags, fields, timestamp }))
}

struct Cursor<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, what: &str) -> Result<(), Reject> {
        if self.eat(byte) { Ok(()) } else { Err(self.wrong(self.at, &format!("expected {what}"))) }
    }

    fn spaces(&mut self) -> usize {
        let start = self.at;
        while self.eat(b' ') {}
        self.at - start
    }

    fn wrong(&self, at: usize, what: &str) -> Reject {
        // What stops us is ASCII or the end, so this is a character boundary.
        let column = self.line.get(..at).map_or(at, |before| before.chars().count()) + 1;
        Reject::new(Reason::Malformed, format!("column {column}: {what}"))
    }

    fn check_column<T>(
        &self,
        known: &[(Cow<'_, str>, T)],
        key: &str,
        start: usize,
        what: &str,
        count: usize,
    ) -> Result<(), Reject> {
        if known.iter().any(|(name, _)| name == key) {
            return Err(self.wrong(start, &format!("{what} `{key}` is given twice")));
        }
        if count >= MAX_COLUMNS {
            return Err(self.wrong(start, &format!("more than {MAX_COLUMNS} tags and fields")));
        }
        Ok(())
    }

    /// Text up to an unescaped byte of `stop`, which is left; a backslash takes one of `escaped` as it
    /// is.
    fn name(&mut self, stop: &[u8], escaped: &[u8], what: &str) -> Result<Cow<'a, str>, Reject> {
        let (start, bytes) = (self.at, self.line.as_bytes());
        let mut plain = true;
        while let Some(&byte) = bytes.get(self.at) {
            if byte == b'\\' && bytes.get(self.at + 1).is_some_and(|next| escaped.contains(next)) {
                plain = false;
                self.at += 2;
            } else if stop.contains(&byte) {
                break;
            } else {
                self.at += 1;
            }
        }
        let text = &self.line[start..self.at];
        if text.is_empty() {
            return Err(self.wrong(start, &format!("expected {what}")));
        }
        if text.contains('\0') {
            return Err(self.wrong(start, &format!("{what} holds a NUL")));
        }
        Ok(if plain { text.into() } else { unescape(text, escaped) })
    }

    /// Up to the next space, comma or the end.
    fn token(&mut self) -> &'a str {
        let rest = &self.line[self.at..];
        let token = rest.split([' ', ',']).next().unwrap_or_default();
        self.at += token.len();
        token
    }

    fn value(&mut self) -> Result<FieldValue<'a>, Reject> {
        let start = self.at;
        if self.peek() == Some(b'"') {
            return self.string();
        }
        let text = self.token();
        let whole = |digits: &str| {
            let digits = digits.strip_prefix('-').unwrap_or(digits);
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        let value = match text {
            "t" | "T" | "true" | "True" | "TRUE" => Some(FieldValue::Boolean(true)),
            "f" | "F" | "false" | "False" | "FALSE" => Some(FieldValue::Boolean(false)),
            _ => match (text.strip_suffix('i'), text.strip_suffix('u')) {
                (Some(digits), _) if whole(digits) => digits.parse().ok().map(FieldValue::Integer),
                (_, Some(digits)) if whole(digits) => digits.parse().ok().map(FieldValue::Unsigned),
                // Rust also reads "inf" and "nan", which line protocol has not.
                _ => Some(text)
                    .filter(|text| {
                        text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b))
                    })
                    .and_then(|text| text.parse::<f64>().ok())
                    .filter(|number| number.is_finite())
                    .map(FieldValue::Float),
            },
        };
        value.ok_or_else(|| {
            self.wrong(
                start,
                "expected a value: 1.5, 1i, 1u, true, false or \"text\", within 64 bits",
            )
        })
    }

    fn string(&mut self) -> Result<FieldValue<'a>, Reject> {
        let (open, bytes) = (self.at, self.line.as_bytes());
        self.at += 1;
        let (start, mut plain) = (self.at, true);
        loop {
            match bytes.get(self.at) {
                None => return Err(self.wrong(open, "this string has no closing quote")),
                Some(b'"') => break,
                Some(b'\\') if matches!(bytes.get(self.at + 1), Some(b'"' | b'\\')) => {
                    plain = false;
                    self.at += 2;
                }
                Some(_) => self.at += 1,
            }
        }
        let text = &self.line[start..self.at];
        self.at += 1;
        if text.contains('\0') {
            return Err(self.wrong(open, "this string holds a NUL"));
        }
        Ok(FieldValue::String(if plain { text.into() } else { unescape(text, b"\"\\") }))
    }
}

fn unescape(text: &str, escaped: &[u8]) -> Cow<'static, str> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        match next.filter(|next| next.is_ascii() && escaped.contains(&(*next as u8))) {
            Some(next) if c == '\\' => {
                out.push(next);
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(line: &str) -> Line<'_> {
        parse(line).unwrap_or_else(|error| panic!("{line}: {error}")).expect("a line")
    }

    #[test]
    fn the_examples_of_the_specification() {
        let line = good(
            r#"myMeasurement,tag1=value1,tag2=value2 fieldKey="fieldValue" 1556813561098000000"#,
        );
        assert_eq!(line.tags[1], ("tag2".into(), "value2".into()));
        assert_eq!(line.fields, [("fieldKey".into(), FieldValue::String("fieldValue".into()))]);
        assert_eq!(line.timestamp, Some(1_556_813_561_098_000_000));
        assert_eq!(good("m f=1.0").fields[0].1, FieldValue::Float(1.0));
        assert_eq!(good("m f=-1.234456e+78").fields[0].1, FieldValue::Float(-1.234456e78));
        assert_eq!(good("m f=-9223372036854775808i").fields[0].1, FieldValue::Integer(i64::MIN));
        assert_eq!(good("m f=18446744073709551615u").fields[0].1, FieldValue::Unsigned(u64::MAX));
        assert_eq!(good(r"my\ Measurement fieldKey=1").measurement, "my Measurement");
        let line = good(r#"m,tag\ Key1=tag\ Value1,k=a\=b\,c fieldKey="\\ \" \n",a\=b=t"#);
        assert_eq!(
            line.tags,
            [("tag Key1".into(), "tag Value1".into()), ("k".into(), "a=b,c".into())]
        );
        assert_eq!(line.fields[0].1, FieldValue::String("\\ \" \\n".into()));
        assert_eq!(line.fields[1], ("a=b".into(), FieldValue::Boolean(true)));
        assert_eq!(good(r"m\x,t=a\b f=1").measurement, r"m\x");
        assert_eq!(good("myMeasurementName,tagKey=🍭 fieldKey=\"Launch 🚀\" 1\r").tags[0].1, "🍭");
        assert_eq!(good("  m   f=1   -5  ").timestamp, Some(-5));
        for nothing in ["", "   ", "# comment", "  # comment", "\r"] {
            assert_eq!(parse(nothing).unwrap(), None, "{nothing:?}");
        }
    }

    #[test]
    fn errors_name_the_column_and_what_is_expected() {
        for (line, column, word) in [
            ("m", 2, "a space and the fields"),
            ("m ", 3, "a field name"),
            (",t=1 f=1", 1, "a measurement"),
            ("m,t f=1", 4, "`=`"),
            ("m,t= f=1", 5, "a tag value"),
            ("m,t=a=b f=1", 6, "a space"),
            ("m,=a f=1", 3, "a tag name"),
            ("m,é=1,é=2 f=1", 7, "given twice"),
            ("m f=1,f=2", 7, "given twice"),
            ("m f", 4, "`=`"),
            ("m f=", 5, "a value"),
            ("m f=inf", 5, "a value"),
            ("m f=NaN", 5, "a value"),
            ("m f=1e999", 5, "a value"),
            ("m f=99999999999999999999i", 5, "a value"),
            ("m f=-1u", 5, "a value"),
            ("m f=i", 5, "a value"),
            ("m f=\"abc", 5, "no closing quote"),
            ("m f=\"a\"b", 8, "`,` and a field"),
            ("m f=1 x", 7, "a timestamp"),
            ("m f=1 1 2", 9, "the end"),
            ("m f=1,", 7, "a field name"),
            ("m f=\"\0\"", 5, "NUL"),
        ] {
            let error = parse(line).expect_err(line).text;
            assert!(error.starts_with(&format!("column {column}:")), "{line}: {error}");
            assert!(error.contains(word), "{line}: {error}");
        }
    }

    #[test]
    fn a_line_has_a_limit_of_columns() {
        let fields: Vec<_> = (0..=MAX_COLUMNS).map(|i| format!("f{i}=1")).collect();
        let error = parse(&format!("m {}", fields.join(","))).map(drop).unwrap_err();
        assert!(error.text.contains("more than 1024"), "{error}");
    }
}

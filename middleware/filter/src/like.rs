//! LIKE: `%` is any run of characters, `_` is one.

use crate::lex::Letter;

/// A pattern of LIKE.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Vec<Piece>);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Piece {
    Char(char),
    One,
    Many,
}

impl Pattern {
    pub fn new(letters: &[Letter]) -> Self {
        let mut pieces = Vec::with_capacity(letters.len());
        for letter in letters {
            let piece = match letter {
                Letter { char: '%', escaped: false } => Piece::Many,
                Letter { char: '_', escaped: false } => Piece::One,
                letter => Piece::Char(letter.char),
            };
            if piece != Piece::Many || pieces.last() != Some(&Piece::Many) {
                pieces.push(piece);
            }
        }
        Self(pieces)
    }

    /// Whether the whole text fits. Never more than its length times the pattern's steps: after a `%`
    /// only the last one is tried anew.
    pub fn matches(&self, text: &str) -> bool {
        let pieces = &self.0;
        let (mut at, mut rest) = (0, text.chars());
        let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            let piece = pieces.get(at);
            if piece == Some(&Piece::Many) {
                if at + 1 == pieces.len() {
                    return true;
                }
                retry = Some((at, rest.clone()));
                at += 1;
                continue;
            }
            let fits = match (piece, rest.next()) {
                (None, None) => return true,
                (Some(Piece::One), Some(_)) => true,
                (Some(Piece::Char(wanted)), Some(found)) => *wanted == found,
                // The text is used up: no other place for a `%` can help.
                (Some(_), None) => return false,
                _ => false,
            };
            if fits {
                at += 1;
                continue;
            }
            let Some((many, mut from)) = retry.take() else { return false };
            if from.next().is_none() {
                return false;
            }
            at = many + 1;
            rest = from.clone();
            retry = Some((many, from));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lex::unescape;

    fn like(text: &str, pattern: &str) -> bool {
        Pattern::new(&unescape(pattern).unwrap()).matches(text)
    }

    #[test]
    fn patterns() {
        for (text, pattern, fits) in [
            ("", "", true),
            ("", "%", true),
            ("", "_", false),
            ("a", "", false),
            ("pump1", "pump_", true),
            ("pump12", "pump_", false),
            ("pump12", "pump%", true),
            ("pump", "pump%", true),
            ("pumpe", "%mp%", true),
            ("abcabd", "%abd", true),
            ("abcabd", "%abc", false),
            ("ababab", "%ab%ab", true),
            ("aXbXc", "a%b%c", true),
            ("aXbX", "a%b%c", false),
            ("grün", "gr_n", true),
            ("€", "_", true),
            ("50%", r"50\%", true),
            ("505", r"50\%", false),
            ("a_b", r"a\_b", true),
            ("axb", r"a\_b", false),
            ("it's", "it''s", true),
            ("it's", r"%\'%", true),
            ("ABC", "abc", false),
            ("a\nb", "a%b", true),
        ] {
            assert_eq!(like(text, pattern), fits, "{text:?} LIKE {pattern:?}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_exponential_time() {
        let text = "a".repeat(3000);
        assert!(!like(&text, &format!("{}b", "%a".repeat(500))));
    }
}

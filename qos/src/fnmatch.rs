//! Shell patterns as POSIX `fnmatch` reads them (IEEE 1003.2-1992, B.6): what DDS uses for partitions
//! and DDS-XML for topic filters.
//!
//! ```
//! use tidewire_qos::fnmatch::{fnmatch, has_wildcard};
//! assert!(fnmatch("pump[0-9]/*", "pump1/vibration"));
//! assert!(!fnmatch("pump?", "pump"));
//! assert!(has_wildcard("a*") && !has_wildcard(r"a\*"));
//! ```

/// Whether `name` matches `pattern`: `*` any run, `?` any one character, `[a-z]`, `[!a-z]` one of a set,
/// `\` takes the next character as it is. No flags: `/` and a leading `.` are ordinary characters.
pub fn fnmatch(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // Where to go back to: after the last star, one character further. One star suffices, so the
    // time is at most the product of both lengths.
    let mut retry = None;
    loop {
        let step = if pattern.get(p) == Some(&'*') {
            retry = Some((p + 1, n));
            p += 1;
            true
        } else if n < name.len() {
            match match_one(&pattern[p..], name[n]) {
                Some(used) => {
                    p += used;
                    n += 1;
                    true
                }
                None => false,
            }
        } else {
            if p == pattern.len() {
                return true;
            }
            false
        };
        if !step {
            match retry {
                Some((after_star, from)) if from < name.len() => {
                    (p, n) = (after_star, from + 1);
                    retry = Some((after_star, from + 1));
                }
                _ => return false,
            }
        }
    }
}

/// Whether the text holds an unescaped `*`, `?` or `[`, so that DDS takes it as a pattern.
pub fn has_wildcard(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}

/// How many characters of the pattern match `c`, `None` if they do not.
fn match_one(pattern: &[char], c: char) -> Option<usize> {
    match *pattern.first()? {
        '?' => Some(1),
        '\\' if pattern.len() > 1 => (pattern[1] == c).then_some(2),
        '[' => match match_set(&pattern[1..], c) {
            Some((found, used)) => found.then_some(used + 1),
            // An unclosed bracket is an ordinary character.
            None => (c == '[').then_some(1),
        },
        literal => (literal == c).then_some(1),
    }
}

/// Reads a bracket expression past its `[`: whether `c` is in it and its length with the `]`.
fn match_set(set: &[char], c: char) -> Option<(bool, usize)> {
    let negated = matches!(set.first(), Some('!' | '^'));
    let start = usize::from(negated);
    let mut found = false;
    let mut i = start;
    loop {
        let mut low = *set.get(i)?;
        if low == ']' && i > start {
            return Some((found != negated, i + 1));
        }
        if low == '\\' {
            i += 1;
            low = *set.get(i)?;
        }
        let mut high = low;
        if set.get(i + 1) == Some(&'-') && set.get(i + 2).is_some_and(|&c| c != ']') {
            high = set[i + 2];
            i += 2;
        }
        found |= (low..=high).contains(&c);
        i += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::fnmatch;

    #[test]
    fn matches_as_posix_does() {
        for (pattern, name, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything/at/all", true),
            ("a*b*c", "a123b456c", true),
            ("a*b*c", "a123b456", false),
            ("*a", "aaab", false),
            ("*ab", "aaab", true),
            ("?", "", false),
            ("[abc]x", "bx", true),
            ("[!abc]x", "bx", false),
            ("[^abc]x", "dx", true),
            ("[a-c]", "b", true),
            ("[a-c]", "d", false),
            ("[]]", "]", true),
            ("[]-a]", "a", true),
            ("[-x]", "-", true),
            ("[x", "[x", true),
            (r"\*", "*", true),
            (r"\*", "a", false),
            (r"[\]]", "]", true),
            ("ü?", "üö", true),
        ] {
            assert_eq!(fnmatch(pattern, name), expected, "{pattern} on {name}");
        }
    }

    #[test]
    fn many_stars_stay_fast() {
        let pattern = "a*".repeat(50) + "b";
        assert!(!fnmatch(&pattern, &"a".repeat(2_000)));
    }
}

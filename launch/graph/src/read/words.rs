//! A command line in one text, split as a shell would: blanks, quotes, backslashes; nothing else.

/// The words, or what is wrong with them.
pub(super) fn split(line: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(c) => word.push(c),
                        None => return Err("a `'` that is not closed"),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => match chars.next() {
                            Some(c @ ('"' | '\\')) => word.push(c),
                            Some(c) => word.extend(['\\', c]),
                            None => return Err("a `\\` at the end"),
                        },
                        Some(c) => word.push(c),
                        None => return Err("a `\"` that is not closed"),
                    }
                }
            }
            '\\' => match chars.next() {
                Some(c) => word.get_or_insert_default().push(c),
                None => return Err("a `\\` at the end"),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn words_as_a_shell_sees_them() {
        assert_eq!(split("a  b\tc").unwrap(), ["a", "b", "c"]);
        assert_eq!(
            split(r#"x 'a b' "c \"d\"" e\ f '' "#).unwrap(),
            ["x", "a b", "c \"d\"", "e f", ""]
        );
        assert_eq!(split(r#"--x="1 2""#).unwrap(), ["--x=1 2"]);
        assert!(split("'a").is_err() && split("\"a").is_err() && split("a\\").is_err());
    }
}

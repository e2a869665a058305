//! Octet sequences as text: hexadecimal and base64.

/// Pairs of hexadecimal digits; blanks, commas and a `0x` before each pair are tolerated.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: String = text
        .split(|c: char| c.is_whitespace() || c == ',')
        .map(|part| part.strip_prefix("0x").unwrap_or(part))
        .collect();
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).ok()).collect()
}

/// RFC 4648 base64, the lexical form of `xs:base64Binary`; blanks are skipped, padding is required.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let symbols: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    if !symbols.len().is_multiple_of(4) {
        return None;
    }
    let padding = symbols.iter().rev().take_while(|&&b| b == b'=').count();
    if padding > 2 {
        return None;
    }
    let mut octets = Vec::with_capacity(symbols.len() / 4 * 3);
    let mut bits = 0u32;
    for (i, &symbol) in symbols[..symbols.len() - padding].iter().enumerate() {
        let value = match symbol {
            b'A'..=b'Z' => symbol - b'A',
            b'a'..=b'z' => symbol - b'a' + 26,
            b'0'..=b'9' => symbol - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        if i % 4 > 0 {
            // Six bits at a time: after the 2nd, 3rd and 4th symbol one more octet is complete.
            octets.push((bits >> (6 - 2 * (i % 4))) as u8);
        }
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_rfc_4648_section_10() {
        for (text, octets) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9v YmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(from_base64(text).as_deref(), Some(octets.as_bytes()), "{text}");
        }
        assert_eq!(from_base64("Zg"), None);
        assert_eq!(from_base64("Z==="), None);
        assert_eq!(from_base64("Z!=="), None);
    }

    #[test]
    fn hexadecimal_with_and_without_separators() {
        assert_eq!(from_hex("0001ff"), Some(vec![0, 1, 255]));
        assert_eq!(from_hex("0x00, 0x01 0xFF"), Some(vec![0, 1, 255]));
        assert_eq!(from_hex("abc"), None);
        assert_eq!(from_hex("zz"), None);
    }
}

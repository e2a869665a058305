//! Names that two processes must agree on, without exchanging them.

/// 128-bit FNV-1a: the same in every process and version, unlike `std`'s hasher.
pub(crate) fn fnv128(parts: &[&[u8]]) -> u128 {
    let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    for part in parts {
        // The length keeps ("ab", "c") apart from ("a", "bc").
        for byte in part.iter().copied().chain((part.len() as u64).to_le_bytes()) {
            hash =
                (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
    hash
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Reads back what [`hex`] wrote for a 12-byte prefix.
pub(crate) fn unhex12(text: &str) -> Option<[u8; 12]> {
    if text.len() != 24 || !text.is_ascii() {
        return None;
    }
    let mut out = [0; 12];
    for (i, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trips_and_refuses_other_names() {
        let prefix = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xab, 0xff];
        assert_eq!(unhex12(&hex(&prefix)), Some(prefix));
        assert_eq!(unhex12("control"), None);
        assert_eq!(unhex12("zz0102030405060708090aff"), None);
    }

    #[test]
    fn hash_tells_split_names_apart() {
        assert_ne!(fnv128(&[b"ab", b"c"]), fnv128(&[b"a", b"bc"]));
        assert_ne!(fnv128(&[b"a"]), fnv128(&[b"b"]));
    }
}

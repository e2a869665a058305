//! Bytes that tell which sample they are and whether they are whole.

/// Fills `bytes`, a multiple of eight, with what belongs to `counter`.
pub fn fill(bytes: &mut [u8], counter: u64) {
    for (index, word) in bytes.chunks_exact_mut(8).enumerate() {
        word.copy_from_slice(&(counter ^ index as u64).to_le_bytes());
    }
}

/// The counter they were filled with; `None` if they are not whole.
pub fn read(bytes: &[u8]) -> Option<u64> {
    let word = |word: &[u8]| word.try_into().map(u64::from_le_bytes).ok();
    let counter = word(bytes.get(..8)?)?;
    let whole = bytes.len().is_multiple_of(8)
        && bytes.chunks_exact(8).enumerate().all(|(i, w)| word(w) == Some(counter ^ i as u64));
    whole.then_some(counter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_byte_is_noticed() {
        let mut bytes = [0; 64];
        fill(&mut bytes, 77);
        assert_eq!(read(&bytes), Some(77));
        for at in [0, 8, 63] {
            let mut broken = bytes;
            broken[at] ^= 1;
            assert_eq!(read(&broken), None, "byte {at}");
        }
        assert_eq!(read(&bytes[..60]), None);
        assert_eq!(read(&[]), None);
    }
}

//! What RustDDS 0.15.1 is known not to stand (docs/decisions/0004-socket-filter.md): not sent, so that
//! the fuzzer looks for the rest.

/// Numbers a HEARTBEAT or GAP may span.
const SPAN: i64 = 1 << 16;

/// Fragments whose bits a NACK_FRAG may cost; those of 2^24 and more our filter drops, and 0, which would
/// end the participant.
const WANTED: std::ops::Range<u32> = 1 << 16..1 << 24;

/// Whether a datagram has a HEARTBEAT or GAP of a long range, each number of which is listed, or a
/// NACK_FRAG of a fragment so high that its bits, for sample after sample, fill memory.
pub fn known(datagram: &[u8]) -> bool {
    let mut rest = datagram.get(20..).unwrap_or_default();
    while let [id, flags, low, high, body @ ..] = rest {
        let little = flags & 1 == 1;
        let length = [*low, *high];
        let length = if little { u16::from_le_bytes(length) } else { u16::from_be_bytes(length) };
        // Length 0 means up to the end, but where there is nothing to say.
        let length = match (length, id) {
            (0, 0x01 | 0x09) => 0,
            (0, _) => body.len(),
            (length, _) => usize::from(length),
        };
        let word = |at: usize| -> Option<u32> {
            let bytes = *body.get(at..)?.first_chunk()?;
            Some(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
        };
        let number = |at: usize| Some(i64::from(word(at)?) << 32 | i64::from(word(at + 4)?));
        let bad = match id {
            0x07 | 0x08 => match (number(8), number(16)) {
                (Some(first), Some(last)) => last.saturating_sub(first) > SPAN,
                _ => false,
            },
            0x12 => word(16).is_some_and(|base| WANTED.contains(&base)),
            _ => false,
        };
        if bad {
            return true;
        }
        rest = body.get(length..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_messages_are_kept_back_and_others_are_not() {
        let message = |id: u8, words: &[u32]| {
            let mut out = [0; 20].to_vec();
            out.extend([0x09, 1, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            out.extend([id, 1, words.len() as u8 * 4, 0]);
            out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            out
        };
        assert!(!known(&message(0x07, &[0, 0, 0, 1, 0, 300, 1])));
        assert!(known(&message(0x07, &[0, 0, 0, 1, 0, 1 << 20, 1])));
        assert!(known(&message(0x08, &[0, 0, 0, 1, 7, 1, 0])));
        assert!(!known(&message(0x08, &[0, 0, 7, 1, 0, 1, 0])));
        assert!(known(&message(0x12, &[0, 0, 0, 1, 1 << 20, 0, 1])));
        assert!(!known(&message(0x12, &[0, 0, 0, 1, 0, 0, 1])));
        assert!(!known(&message(0x12, &[0, 0, 0, 1, 1, 0, 1])));
        assert!(!known(b"RTPS"));
    }
}

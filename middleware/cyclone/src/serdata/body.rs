//! The bytes of a sample.

use std::ops::Deref;

use bytes::Bytes;
use tidewire_transport::buffer::{self, LEAD};
use tidewire_transport::dds::HEADER;

/// Bytes of a body that lies in the sample itself. What a writer's thread allocates another one frees, when
/// it is acknowledged, which allocators are slow at.
const INLINE: usize = 128;

/// With header; a multiple of four bytes, as RTPS sends it.
pub(super) enum Body {
    Inline(u8, [u8; INLINE]),
    Shared(Bytes),
}

impl Body {
    /// Bytes as RTPS can send them: submessages are multiples of four bytes (RTPS 2.5, 9.4.1), and how
    /// many bytes were added is noted in the header's options (DDS-XTypes 1.3, 7.6.3.1.2).
    pub fn padded(payload: Bytes) -> Self {
        let length = payload.len().next_multiple_of(4);
        if length > INLINE {
            return Self::Shared(padded(payload));
        }
        let mut bytes = [0; INLINE];
        bytes[..payload.len()].copy_from_slice(&payload);
        note_padding(&mut bytes[..length], length - payload.len());
        Self::Inline(length as u8, bytes)
    }

    /// To be kept beyond the sample.
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Self::Inline(..) => buffer::copied(self),
            Self::Shared(bytes) => bytes.clone(),
        }
    }
}

impl Default for Body {
    /// None at all.
    fn default() -> Self {
        Self::Shared(Bytes::new())
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Inline(length, bytes) => &bytes[..usize::from(*length)],
            Self::Shared(bytes) => bytes,
        }
    }
}

fn padded(payload: Bytes) -> Bytes {
    let missing = payload.len().next_multiple_of(4) - payload.len();
    if missing == 0 {
        return payload;
    }
    let mut whole = buffer::with_room(payload.len() + missing);
    whole.extend_from_slice(&payload);
    whole.resize(LEAD + payload.len() + missing, 0);
    note_padding(&mut whole[LEAD..], missing);
    buffer::freeze(whole)
}

fn note_padding(payload: &mut [u8], missing: usize) {
    if missing > 0 && payload.len() >= HEADER {
        payload[3] = payload[3] & !3 | missing as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_padded_and_say_so() {
        for length in [8, 5, 6, 7, 127, 128, 129, 131, 132, 1 << 20] {
            let payload: Vec<u8> =
                [0, 1, 0, 0].into_iter().chain(1..=255).cycle().take(length).collect();
            let missing = length.next_multiple_of(4) - length;
            let mut expected = payload.clone();
            expected[3] = missing as u8;
            expected.resize(length + missing, 0);
            let body = Body::padded(payload.clone().into());
            assert!(body[..] == expected && body.to_bytes() == expected, "{length} bytes");
        }
        // Whatever it is: a writer checks it before.
        assert_eq!(&Body::padded(Bytes::from_static(&[7]))[..], [7, 0, 0, 3]);
        assert!(Body::padded(Bytes::new()).is_empty());
    }
}

//! Payloads put together from what came in packets: small ones in one allocation, with the count of those
//! who hold them.

use bytes::Bytes;
use tidewire_transport::buffer::{self, LEAD};

/// Bytes and their number. `Bytes` allocates once for it, where a `Vec` takes two allocations as soon as two
/// hold it. The body, after four bytes of header, is aligned for every plain type.
#[repr(C, align(8))]
struct Inline<const N: usize> {
    length: u32,
    bytes: [u8; N],
}

impl<const N: usize> AsRef<[u8]> for Inline<N> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length as usize]
    }
}

/// What takes the parts, in their order.
pub(crate) trait Parts {
    /// One more part; false once there is too much.
    fn add(&mut self, part: &[u8]) -> bool;
}

impl<const N: usize> Parts for Inline<N> {
    fn add(&mut self, part: &[u8]) -> bool {
        let length = self.length as usize;
        let Some(to) = self.bytes.get_mut(length..length + part.len()) else {
            return false;
        };
        to.copy_from_slice(part);
        self.length += part.len() as u32;
        true
    }
}

impl Parts for Vec<u8> {
    fn add(&mut self, part: &[u8]) -> bool {
        self.extend_from_slice(part);
        true
    }
}

/// Hands its parts to whoever puts them together.
pub(crate) trait Scattered {
    /// False if they do not fit together.
    fn give(&self, to: &mut impl Parts) -> bool;
}

/// `length` bytes out of `parts`; `None` if they are not that many.
pub(crate) fn gather(length: usize, parts: &impl Scattered) -> Option<Bytes> {
    fn inline<const N: usize>(length: usize, parts: &impl Scattered) -> Option<Bytes> {
        let mut inline = Inline { length: 0, bytes: [0; N] };
        let whole = parts.give(&mut inline) && inline.length as usize == length;
        whole.then(|| Bytes::from_owner(inline))
    }
    match length {
        0..=96 => inline::<96>(length, parts),
        97..=256 => inline::<256>(length, parts),
        257..=1152 => inline::<1152>(length, parts),
        _ => {
            let mut bytes = buffer::with_room(length);
            (parts.give(&mut bytes) && bytes.len() == LEAD + length).then(|| buffer::freeze(bytes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Halves(Vec<u8>);

    impl Scattered for Halves {
        fn give(&self, to: &mut impl Parts) -> bool {
            let (first, second) = self.0.split_at(self.0.len() / 2);
            to.add(first) && to.add(second)
        }
    }

    #[test]
    fn every_length_comes_together() {
        for length in [0, 1, 95, 96, 97, 256, 257, 1152, 1153, 70_000] {
            let parts = Halves((0..length).map(|i| i as u8).collect());
            let bytes = gather(length, &parts).unwrap();
            assert_eq!((&bytes[..], bytes.clone()), (&parts.0[..], bytes.clone()));
            assert!(gather(length + 1, &parts).is_none());
            assert!(length == 0 || gather(length - 1, &parts).is_none());
        }
    }
}

//! From an Ethernet frame to a datagram, with the checks the kernel would have made.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::udp::Datagram;

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const UDP: usize = 8;

/// The datagram in a frame that the filter took; `None` if its lengths or checksums are wrong.
///
/// A UDP checksum that covers the pseudo header only is right, too: that is what a sender leaves to
/// its network card, and on virtual links (veth) no card ever completes it.
pub fn datagram(frame: &[u8]) -> Option<Datagram<'_>> {
    let ip = frame.get(ETHERNET..)?;
    let header = ip.first_chunk::<IPV4>()?;
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header[0] != 0x45 || header[9] != 17 || fold(sum(header)) != u16::MAX {
        return None;
    }
    let udp = ip.get(IPV4..total)?;
    let head = udp.first_chunk::<UDP>()?;
    let length = u16::from_be_bytes([head[4], head[5]]);
    let udp = udp.get(..usize::from(length)).filter(|udp| udp.len() >= UDP)?;
    let check = u16::from_be_bytes([head[6], head[7]]);
    if check != 0 {
        let pseudo = sum(&header[12..20]) + 17 + u64::from(length);
        if fold(pseudo + sum(udp)) != u16::MAX && fold(pseudo) != check {
            return None;
        }
    }
    let ip = Ipv4Addr::new(header[12], header[13], header[14], header[15]);
    let source = SocketAddrV4::new(ip, u16::from_be_bytes([head[0], head[1]]));
    Some(Datagram { source, bytes: &udp[UDP..] })
}

/// The sum of RFC 1071, not folded yet: a datagram is too short for it to overflow.
fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    // Any grouping of the 16-bit words gives the same folded sum.
    let words: u64 = words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum();
    let mut tail = [0; 4];
    tail[..rest.len()].copy_from_slice(rest);
    words + u64::from(u32::from_be_bytes(tail))
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: &[u8]) -> Vec<u8> {
        let length = (UDP + payload.len()) as u16;
        let mut ip = vec![0x45, 0, 0, 0, 1, 2, 0x40, 0, 64, 17, 0, 0, 10, 1, 2, 3, 10, 1, 2, 4];
        ip[2..4].copy_from_slice(&(length + IPV4 as u16).to_be_bytes());
        let check = !fold(sum(&ip));
        ip[10..12].copy_from_slice(&check.to_be_bytes());
        let mut udp = [1000_u16, 7500, length, 0].map(u16::to_be_bytes).concat();
        udp.extend_from_slice(payload);
        let pseudo = sum(&ip[12..20]) + 17 + u64::from(length);
        let check = !fold(pseudo + sum(&udp));
        udp[6..8].copy_from_slice(&check.to_be_bytes());
        [vec![0; ETHERNET], ip, udp].concat()
    }

    #[test]
    fn a_datagram_is_found_between_headers_and_padding() {
        for payload in [&b""[..], b"a", b"ab", b"abc", b"a longer one, of 33 bytes in all.."] {
            let mut bytes = frame(payload);
            bytes.resize(bytes.len().max(60), 0xee);
            let found = datagram(&bytes).expect("it is right");
            assert_eq!((found.bytes, found.source), (payload, "10.1.2.3:1000".parse().unwrap()));
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let good = frame(b"payload");
        for bit in ETHERNET * 8..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(datagram(&bytes), None, "bit {} of byte {}", bit % 8, bit / 8);
        }
        for end in 0..good.len() {
            assert_eq!(datagram(&good[..end]), None);
        }
    }

    #[test]
    fn a_checksum_left_to_the_card_and_none_at_all_are_fine() {
        let mut bytes = frame(b"payload");
        let (udp, length) = (ETHERNET + IPV4, 15);
        let pseudo = fold(sum(&bytes[ETHERNET + 12..ETHERNET + 20]) + 17 + length);
        bytes[udp + 6..udp + 8].copy_from_slice(&pseudo.to_be_bytes());
        assert!(datagram(&bytes).is_some());
        bytes[udp + 6..udp + 8].copy_from_slice(&[0, 0]);
        assert!(datagram(&bytes).is_some());
    }
}

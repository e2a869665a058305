//! A datagram as it lies on the wire (RFC 894, 791, 768).

use std::net::{Ipv4Addr, SocketAddrV4};

use tidewire_ingress::fuzzing::ethernet;

use crate::input::Input;
use crate::random::Dice;

/// Ethernet and IPv4 headers, and the UDP header behind them.
const UDP: usize = 34;
const PAYLOAD: usize = UDP + 8;
const CHECK: std::ops::Range<usize> = UDP + 6..UDP + 8;

pub struct Wire {
    pub frame: Vec<u8>,
    pub source: SocketAddrV4,
    /// Where the datagram ends and padding begins.
    end: usize,
    /// The sum of the pseudo header, which a sender leaves in the checksum for its card.
    pseudo: u16,
}

/// The ones' complement sum of 16-bit words (RFC 1071).
fn sum(bytes: &[u8]) -> u16 {
    bytes.chunks(2).fold(0_u16, |sum, pair| {
        let word = u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]);
        let (sum, carry) = sum.overflowing_add(word);
        sum + u16::from(carry)
    })
}

impl Wire {
    pub fn new(payload: &[u8], input: &mut Input<'_>) -> Self {
        let source = SocketAddrV4::new(Ipv4Addr::from(input.next() as u32), input.next() as u16);
        let length = ((PAYLOAD - UDP + payload.len()) as u16).to_be_bytes();
        let total = ((PAYLOAD - 14 + payload.len()) as u16).to_be_bytes();
        let noise = input.next().to_le_bytes();
        let mut ip = vec![0x45, noise[0], total[0], total[1], noise[1], noise[2], 0x40, 0];
        ip.extend([noise[3], 17, 0, 0]);
        ip.extend(source.ip().octets());
        ip.extend([10, 9, 0, 1]);
        let check = !sum(&ip);
        ip[10..12].copy_from_slice(&check.to_be_bytes());
        let pseudo = sum(&[&ip[12..], &[0, 17], &length].concat());
        let mut udp = source.port().to_be_bytes().to_vec();
        udp.extend([&7500_u16.to_be_bytes()[..], &length, &[0, 0], payload].concat());
        let check = match input.below(4) {
            0 => 0,
            1 => pseudo,
            _ => {
                let words = [&pseudo.to_be_bytes(), &udp[..]].concat();
                // Zero would say that there is none.
                Some(!sum(&words)).filter(|check| *check != 0).unwrap_or(u16::MAX)
            }
        };
        udp[6..8].copy_from_slice(&check.to_be_bytes());
        let mut frame = [&[2; 12], &[8, 0][..], &ip, &udp].concat();
        let end = frame.len();
        frame.resize(end.max(60), noise[4]);
        frame.extend_from_slice(input.bytes(8));
        Self { frame, source, end, pseudo }
    }

    /// The frame with something wrong in it is no datagram, or one that lies within.
    pub fn break_it(&self, input: &mut Input<'_>) {
        let check = u16::from_be_bytes([self.frame[CHECK.start], self.frame[CHECK.start + 1]]);
        let at = 14 + input.below(self.end - 14);
        let mut bytes = self.frame.clone();
        bytes[at] ^= 1 << input.below(8);
        let now = u16::from_be_bytes([bytes[CHECK.start], bytes[CHECK.start + 1]]);
        let summed = |check| check != 0 && check != self.pseudo;
        let length = UDP + 4..UDP + 6;
        if at < UDP || (!length.contains(&at) && summed(check) && summed(now)) {
            assert_eq!(ethernet(&bytes), None, "byte {at} is wrong: {bytes:02x?}");
        }
        assert_eq!(ethernet(&self.frame[..input.below(self.end)]), None, "it is cut");
        for _ in 0..input.below(4) {
            let at = input.below(bytes.len());
            bytes[at] = input.next() as u8;
        }
        bytes.truncate(bytes.len() - input.below(bytes.len()) * input.below(2));
        let _ = ethernet(&bytes);
    }
}

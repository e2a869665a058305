//! Frames.

use tidewire_idl::{InstanceState, KeyHash};
use tidewire_ingress::frame::Frame;
use tidewire_ingress::{Format, Reason};

use super::fate::{Fate, Reply};
use super::ways::{self, REFUSED};
use super::{pieces, ways::Told};
use crate::input::Input;
use crate::random::Dice;

/// Something a client sends.
struct Part {
    bytes: Vec<u8>,
    /// Whether it is as long as it says, so that another one may follow.
    whole: bool,
}

/// Right and wrong frames through a Unix socket, cut anywhere, in packets and in datagrams: what is
/// right comes out byte for byte, each of the others is refused and disturbs no other.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let max = 256 + input.below(2048);
    let ingress = ways::ingress(max);
    let way = input.below(4);
    let mut packets = vec![Vec::new()];
    for _ in 0..24 {
        let part = part(&mut input, max);
        // What follows it in the same stream or datagram would be taken for the rest of it.
        let ends = !part.whole;
        packets.last_mut().expect("one at least").push(part);
        if !input.more() || (ends && way == 0) {
            break;
        }
        if way > 0 && (ends || input.chance(2)) {
            packets.push(Vec::new());
        }
    }
    packets.retain(|parts| !parts.is_empty());
    let sent: Vec<Vec<u8>> = packets.iter().map(|parts| bytes(parts)).collect();
    if way == 0 {
        let (fates, frames) = fates(&packets[0], max, true);
        let parts = ways::cut(&sent[0], &mut input);
        let told = ways::connection(&ingress, Format::Frames, false, &parts);
        same(&told, &frames, fates.iter().filter_map(|fate| fate.reply(true)).collect());
        pieces::check(Format::Frames, max, &parts);
    } else if way == 1 {
        let expected: Vec<_> = packets.iter().map(|parts| fates(parts, max, false)).collect();
        let told = ways::connection(&ingress, Format::Frames, true, &sent);
        let frames: Vec<_> = expected.iter().flat_map(|(_, frames)| frames.clone()).collect();
        let fates = expected.iter().flat_map(|(fates, _)| fates);
        same(&told, &frames, fates.filter_map(|fate| fate.reply(false)).collect());
    } else {
        for (parts, sent) in packets.iter().zip(&sent) {
            let (fates, frames) = fates(parts, max, false);
            let (report, written) = ways::datagram(&ingress, Format::Frames, sent, &mut input);
            assert_eq!(written, frames);
            let refused = fates.iter().filter_map(Fate::reason);
            let mut counts = std::collections::BTreeMap::<_, u64>::new();
            refused.for_each(|reason| *counts.entry(reason.name()).or_default() += 1);
            assert_eq!(report.rejected, counts);
        }
    }
    pieces::check(Format::Frames, max, &ways::cut(data, &mut input));
}

fn bytes(parts: &[Part]) -> Vec<u8> {
    parts.iter().flat_map(|part| &part.bytes).copied().collect()
}

fn same(told: &Told, frames: &[Vec<u8>], replies: Vec<Reply>) {
    assert_eq!(told.written, frames, "what was written");
    assert_eq!(ways::replies(&told.replies), replies, "what the client was told");
}

/// What shall become of each part, up to the one that ends the rest, and the frames that are written.
fn fates(parts: &[Part], max: usize, stream: bool) -> (Vec<Fate>, Vec<Vec<u8>>) {
    let (mut fates, mut frames) = (Vec::new(), Vec::new());
    for Part { bytes, whole } in parts {
        let id = bytes.get(12..16).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let long = bytes.get(4..7) == Some(b"TWI") && claimed(bytes) > max;
        // Of one that is too long, the number is needed for the reply.
        let fate = match (whole, long) {
            (true, true) => Fate::Refused { id, reason: Reason::TooLarge },
            (true, false) => match Frame::decode(bytes) {
                Ok(frame) if frame.topic == REFUSED => {
                    Fate::Refused { id: frame.id, reason: Reason::Topic }
                }
                Ok(frame) => {
                    frames.push(bytes.clone());
                    Fate::Written { id: frame.id, answer: frame.answer }
                }
                Err(reject) => Fate::Refused { id, reason: reject.reason },
            },
            (false, true) if stream && bytes.len() >= 16 => {
                Fate::Refused { id, reason: Reason::TooLarge }
            }
            (false, true) if !stream && bytes.len() >= 8 => Fate::Lost(Reason::TooLarge),
            (false, _) => Fate::Lost(Reason::Malformed),
        };
        fates.push(fate);
        if !whole {
            break;
        }
    }
    (fates, frames)
}

fn claimed(bytes: &[u8]) -> usize {
    bytes.first_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize + 4)
}

fn part(input: &mut Input<'_>, max: usize) -> Part {
    let mut bytes = frame(input, max);
    let whole = match input.below(16) {
        // No frame at all.
        0 => {
            bytes[4 + input.below(3)] ^= 1 << input.below(8);
            false
        }
        // Cut: a stream or datagram ends here.
        1 => {
            bytes.truncate(1 + input.below(bytes.len() - 1));
            false
        }
        // A length that lies; what follows would be taken for the rest.
        2 => {
            let length = bytes.len() as u32 + 1 + input.below(5000) as u32;
            bytes[..4].copy_from_slice(&length.to_le_bytes());
            false
        }
        // Wrong within its length.
        3..6 => {
            for _ in 0..1 + input.below(4) {
                let at = 7 + input.below(bytes.len() - 7);
                bytes[at] = input.next() as u8;
            }
            true
        }
        6 => {
            bytes.truncate(8 + input.below(bytes.len() - 8));
            let length = bytes.len() as u32 - 4;
            bytes[..4].copy_from_slice(&length.to_le_bytes());
            true
        }
        _ => true,
    };
    Part { bytes, whole }
}

/// A right frame, but for its length perhaps.
fn frame(input: &mut Input<'_>, max: usize) -> Vec<u8> {
    let names = ["t", "plant/level", "ünï", REFUSED];
    let mut payload = input.bytes(64).to_vec();
    if input.chance(6) {
        // As long as one may be, or a little longer.
        payload.resize(max - 64 + input.below(64), input.next() as u8);
    }
    let keyed = input.chance(2);
    let frame = Frame {
        id: input.next() as u32,
        change: InstanceState::from_u8(input.below(3) as u8).unwrap_or_default(),
        keyed,
        answer: input.chance(2),
        source_time: input.next() as i64,
        topic: names[input.below(4)],
        type_name: ["m::T", "tidewire::sensor::Temperature"][input.below(2)],
        key: input.chance(2).then(|| KeyHash([input.next() as u8; 16])),
        payload: &payload,
    };
    let mut bytes = Vec::new();
    frame.encode(&mut bytes).expect("names and payload are short");
    assert_eq!(Frame::decode(&bytes).as_ref(), Ok(&frame));
    bytes
}

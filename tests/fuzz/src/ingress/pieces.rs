//! Bytes cut into pieces: the same ones however they come, in little memory.

use tidewire_ingress::frame::{Frame, Reply};
use tidewire_ingress::split::{Piece, Splitter, datagram};
use tidewire_ingress::{Format, Reason, line};

use crate::memory::{bounded, peak};

/// A read has this much room.
const READ: usize = 64 << 10;

#[derive(Debug, PartialEq)]
enum Owned {
    Whole(Vec<u8>),
    Skipped(Reason, u32),
    Lost(Reason, String),
}

impl From<Piece<'_>> for Owned {
    fn from(piece: Piece<'_>) -> Self {
        match piece {
            Piece::Whole(bytes) => Self::Whole(bytes.to_vec()),
            Piece::Skipped(reject, id) => Self::Skipped(reject.reason, id),
            Piece::Lost(reject) => Self::Lost(reject.reason, reject.text),
        }
    }
}

/// Calls `take` for all pieces until the stream ends or is lost.
fn walk(format: Format, max: usize, parts: &[&[u8]], mut take: impl FnMut(Piece<'_>)) {
    let mut splitter = Splitter::new(format, max);
    for part in parts {
        splitter.feed(part);
        while let Some(piece) = splitter.next() {
            let lost = matches!(piece, Piece::Lost(_));
            take(piece);
            if lost {
                return;
            }
        }
    }
    if let Some(piece) = splitter.rest() {
        take(piece);
    }
}

fn pieces(format: Format, max: usize, parts: &[&[u8]]) -> Vec<Owned> {
    let mut out = Vec::new();
    walk(format, max, parts, |piece| out.push(piece.into()));
    out
}

/// Any bytes, at once and in `parts`.
///
/// # Panics
/// The splitter gives other pieces, or keeps more than a frame and a read.
pub fn check(format: Format, max: usize, parts: &[Vec<u8>]) {
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let stream = parts.concat();
    let ((), held) = peak(|| walk(format, max, &parts, |_| {}));
    // A vector that grows has up to twice what it needs.
    let allowed = 2 * (max + 2 * READ) + 4096;
    assert!(held <= allowed, "{held} bytes held for pieces of {max}, {allowed} are allowed");
    let found = pieces(format, max, &parts);
    assert_eq!(pieces(format, max, &[&stream]), found, "cut into {} parts", parts.len());
    bounded(stream.len(), || found.iter().for_each(|piece| read(format, max, piece)));
    let mut whole = 0;
    datagram(format, max, &stream, |piece| {
        let piece = piece.into();
        read(format, max, &piece);
        whole += if let Owned::Whole(bytes) = piece { bytes.len() } else { 0 };
    });
    assert!(whole <= stream.len());
    for at in 0..stream.len().min(64) {
        if let Some((reply, length)) = Reply::decode(&stream[at..]) {
            assert!(length <= stream.len() - at && reply.text.len() <= length);
        }
    }
}

fn read(format: Format, max: usize, piece: &Owned) {
    let Owned::Whole(bytes) = piece else { return };
    assert!(bytes.len() <= max, "a piece of {} bytes", bytes.len());
    match (format, std::str::from_utf8(bytes)) {
        (Format::Frames, _) => {
            if let Ok(frame) = Frame::decode(bytes) {
                let mut again = Vec::new();
                assert_eq!(frame.encode(&mut again), Ok(()));
                assert_eq!(&again, bytes);
            }
        }
        (Format::Lines, Ok(text)) => drop(line::parse(text)),
        (Format::Lines, Err(_)) => {}
    }
}

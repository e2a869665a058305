//! Cuts what comes over a connection, or in a datagram, into frames or lines.
//!
//! ```
//! use tidewire_ingress::{Format, split::{Piece, Splitter}};
//!
//! let mut splitter = Splitter::new(Format::Lines, 1024);
//! splitter.feed(b"cpu usage=1\ncpu us");
//! assert!(matches!(splitter.next(), Some(Piece::Whole(line)) if line == b"cpu usage=1"));
//! assert!(splitter.next().is_none(), "the rest of the second line is still to come");
//! splitter.feed(b"age=2");
//! assert!(splitter.next().is_none());
//! assert!(matches!(splitter.rest(), Some(Piece::Whole(line)) if line == b"cpu usage=2"));
//! ```
//!
//! Memory: the longest frame plus one read; nothing is reserved for bytes that were only announced.

#[cfg(test)]
mod tests;

use crate::frame::{self, Frame};
use crate::{Format, Reason, Reject};

/// A part of a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// One frame, length field included, or one line without its end.
    Whole(&'a [u8]),
    /// One that was passed over; the stream goes on behind it. With the client's number for it.
    Skipped(Reject, u32),
    /// Nothing that follows can be understood.
    Lost(Reject),
}

/// How much room a read gets at least.
const READ: usize = 64 << 10;

/// Bytes in, pieces out.
#[derive(Debug)]
pub struct Splitter {
    format: Format,
    /// Longest piece.
    max: usize,
    buffer: Vec<u8>,
    /// What of the buffer is not looked at yet.
    start: usize,
    end: usize,
    /// Lines: up to here there is no line end.
    searched: usize,
    /// Bytes still to be passed over; for a line, until its end.
    skip: Skip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skip {
    Nothing,
    Bytes(usize),
    Line,
}

impl Splitter {
    /// For pieces of at most `max` bytes.
    pub fn new(format: Format, max: usize) -> Self {
        let (buffer, skip) = (Vec::new(), Skip::Nothing);
        Self { format, max, buffer, start: 0, end: 0, searched: 0, skip }
    }

    /// Room to read into; [`filled`](Self::filled) says how much of it was used.
    pub fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end, self.searched) = (0, 0, 0);
        } else if self.buffer.len() - self.end < READ && self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.searched = self.searched.saturating_sub(self.start);
            self.start = 0;
        }
        if self.buffer.len() - self.end < READ {
            self.buffer.resize(self.end + READ, 0);
        }
        &mut self.buffer[self.end..]
    }

    /// `count` bytes of the room are there now.
    pub fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.buffer.len());
    }

    /// Adds bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = self.room();
            let count = room.len().min(rest.len());
            room[..count].copy_from_slice(&rest[..count]);
            self.filled(count);
            rest = &rest[count..];
        }
    }

    /// The next piece, if it is there.
    #[expect(clippy::should_implement_trait, reason = "pieces borrow the buffer")]
    pub fn next(&mut self) -> Option<Piece<'_>> {
        match self.format {
            Format::Frames => self.next_frame(),
            Format::Lines => self.next_line(),
        }
    }

    fn next_frame(&mut self) -> Option<Piece<'_>> {
        if let Skip::Bytes(left) = self.skip {
            let now = left.min(self.end - self.start);
            self.start += now;
            self.skip = if now == left { Skip::Nothing } else { Skip::Bytes(left - now) };
            if self.skip != Skip::Nothing {
                return None;
            }
        }
        let bytes = &self.buffer[self.start..self.end];
        match frame::length(bytes, self.max) {
            Ok(Some(length)) if length <= bytes.len() => {
                let at = self.start;
                self.start += length;
                Some(Piece::Whole(&self.buffer[at..at + length]))
            }
            Ok(_) => None,
            // Its number follows the length; wait for that much.
            Err(reject) if reject.reason == Reason::TooLarge => {
                if bytes.len() < 16 {
                    return None;
                }
                let start = *bytes.first_chunk::<8>()?;
                let id = Frame::id_of(bytes);
                self.skip = Skip::Bytes(frame::claimed(start));
                Some(Piece::Skipped(reject, id))
            }
            Err(reject) => Some(Piece::Lost(reject)),
        }
    }

    fn next_line(&mut self) -> Option<Piece<'_>> {
        loop {
            let from = self.searched.max(self.start);
            let found = self.buffer[from..self.end].iter().position(|byte| *byte == b'\n');
            let Some(found) = found else {
                self.searched = self.end;
                if self.skip == Skip::Line {
                    self.start = self.end;
                } else if self.end - self.start > self.max {
                    self.start = self.end;
                    self.skip = Skip::Line;
                    return Some(Piece::Skipped(too_long(self.max), 0));
                }
                return None;
            };
            let (at, end) = (self.start, from + found);
            (self.start, self.searched) = (end + 1, end + 1);
            if self.skip == Skip::Line {
                self.skip = Skip::Nothing;
                continue;
            }
            if end - at > self.max {
                return Some(Piece::Skipped(too_long(self.max), 0));
            }
            return Some(Piece::Whole(&self.buffer[at..end]));
        }
    }

    /// What is left when no more bytes come: a last line without end, or half a frame.
    pub fn rest(&mut self) -> Option<Piece<'_>> {
        let bytes = &self.buffer[self.start..self.end];
        let skipping = std::mem::replace(&mut self.skip, Skip::Nothing) != Skip::Nothing;
        (self.start, self.searched) = (self.end, self.end);
        if bytes.is_empty() || skipping {
            return None;
        }
        Some(match self.format {
            Format::Lines => Piece::Whole(bytes),
            Format::Frames => {
                let text =
                    format!("the connection ended inside a frame, after {} bytes", bytes.len());
                Piece::Lost(Reject::new(Reason::Malformed, text))
            }
        })
    }
}

fn too_long(max: usize) -> Reject {
    Reject::new(Reason::TooLarge, format!("a line of more than {max} bytes (max_frame)"))
}

/// Calls `take` for each frame or line of a datagram. What follows a lost piece is not looked at.
pub fn datagram(format: Format, max: usize, bytes: &[u8], mut take: impl FnMut(Piece<'_>)) {
    if format == Format::Lines {
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match line.len() > max {
                true => take(Piece::Skipped(too_long(max), 0)),
                false => take(Piece::Whole(line)),
            }
        }
        return;
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        match frame::length(rest, max) {
            Ok(Some(length)) if length <= rest.len() => {
                let (frame, after) = rest.split_at(length);
                take(Piece::Whole(frame));
                rest = after;
            }
            Ok(_) => {
                let text =
                    format!("a datagram ends inside a frame, after {} of its bytes", rest.len());
                return take(Piece::Lost(Reject::new(Reason::Malformed, text)));
            }
            // As on a stream: where it is all there, the next one begins behind it.
            Err(reject) if reject.reason == Reason::TooLarge => {
                let after = rest.first_chunk::<8>().and_then(|s| rest.get(frame::claimed(*s)..));
                let Some(after) = after else { return take(Piece::Lost(reject)) };
                take(Piece::Skipped(reject, Frame::id_of(rest)));
                rest = after;
            }
            Err(reject) => return take(Piece::Lost(reject)),
        }
    }
    if bytes.is_empty() {
        take(Piece::Lost(Reject::new(Reason::Malformed, "an empty datagram")));
    }
}

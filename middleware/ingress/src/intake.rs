//! What every endpoint does with a piece: decode, write, count.

use crate::frame::Frame;
use crate::line::LineMap;
use crate::stats::EndpointStats;
use crate::{Format, Reject};

/// Where the samples go.
pub(crate) type Write<'a> = &'a (dyn Fn(&Frame<'_>) -> Result<(), Reject> + Sync);

/// What all endpoints share.
pub(crate) struct Intake<'a> {
    pub write: Write<'a>,
    pub lines: LineMap,
}

/// What became of a piece.
pub(crate) struct Outcome {
    /// The client's number for the frame.
    pub id: u32,
    /// Whether the client wants to hear of success.
    pub answer: bool,
    pub result: Result<(), Reject>,
}

impl Intake<'_> {
    /// Takes a whole frame or line.
    pub fn take(&self, format: Format, bytes: &[u8], stats: &EndpointStats) -> Outcome {
        EndpointStats::add(&stats.received, 1);
        EndpointStats::add(&stats.bytes, bytes.len() as u64);
        match format {
            Format::Frames => match Frame::decode(bytes) {
                Ok(frame) => {
                    Outcome { id: frame.id, answer: frame.answer, result: (self.write)(&frame) }
                }
                Err(reject) => {
                    Outcome { id: Frame::id_of(bytes), answer: false, result: Err(reject) }
                }
            },
            Format::Lines => Outcome {
                id: 0,
                answer: false,
                result: self.lines.write(bytes, self.write).map(drop),
            },
        }
    }
}

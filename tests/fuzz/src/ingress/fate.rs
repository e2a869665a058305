//! What shall become of what a client sends.

use tidewire_ingress::Reason;

/// Of one frame or line.
#[derive(Clone, Debug)]
pub enum Fate {
    /// Written; the client is told if it asked.
    Written { id: u32, answer: bool },
    /// Refused, and what follows goes on.
    Refused { id: u32, reason: Reason },
    /// Refused, and what follows in the same stream or datagram cannot be understood.
    Lost(Reason),
    /// Says nothing: a comment.
    Nothing,
}

/// What a client of frames is told: its number, a code, whether the connection ends.
pub type Reply = (u32, u16, bool);

impl Fate {
    /// The reason it counts for.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused { reason, .. } | Self::Lost(reason) => Some(*reason),
            Self::Written { .. } | Self::Nothing => None,
        }
    }

    /// The reply in frames.
    pub fn reply(&self, stream: bool) -> Option<Reply> {
        match *self {
            Self::Written { id, answer } => answer.then_some((id, 0, false)),
            Self::Refused { id, reason } => Some((id, reason as u16, false)),
            Self::Lost(reason) => Some((0, reason as u16, stream)),
            Self::Nothing => None,
        }
    }
}

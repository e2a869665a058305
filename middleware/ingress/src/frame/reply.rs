use crate::{Reason, Reject};

/// Bytes before a reply's text.
pub const REPLY_HEADER: usize = 16;

/// What a client is told of one of its frames.
///
/// ```
/// use tidewire_ingress::frame::Reply;
///
/// let mut bytes = Vec::new();
/// Reply { id: 7, code: 6, closes: false, text: "too short" }.encode(&mut bytes);
/// assert_eq!(&bytes[4..8], b"TWR\x01");
/// assert_eq!(Reply::decode(&bytes).expect("just made").0.text, "too short");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// The client's number of the frame; 0 where it could not be read.
    pub id: u32,
    /// 0: written; else a [`Reason`] as number.
    pub code: u16,
    /// Whether the connection ends with it.
    pub closes: bool,
    /// For people.
    pub text: &'a str,
}

impl<'a> Reply<'a> {
    /// Appends it to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let text = &self.text[..self.text.floor_char_boundary(1000)];
        let length = (REPLY_HEADER - 4 + text.len()) as u32;
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(b"TWR\x01");
        out.extend_from_slice(&self.code.to_le_bytes());
        out.extend_from_slice(&u16::from(self.closes).to_le_bytes());
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }

    /// Reads one from the start of `bytes` and says how long it is; `None` if it is not whole.
    pub fn decode(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let header = bytes.first_chunk::<REPLY_HEADER>()?;
        let word = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let end = (word(0) as usize).checked_add(4)?;
        let text = std::str::from_utf8(bytes.get(REPLY_HEADER..end)?).ok()?;
        let (code, closes) = (word(8) as u16, word(8) >> 16 & 1 == 1);
        Some((Self { id: word(12), code, closes, text }, end))
    }

    pub(crate) fn refusal(id: u32, reject: &'a Reject, closes: bool) -> Self {
        Self { id, code: reject.reason as u16, closes, text: &reject.text }
    }

    /// Why the frame was refused, if it was.
    pub fn reason(&self) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| *reason as u16 == self.code)
    }
}

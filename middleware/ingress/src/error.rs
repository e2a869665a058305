//! What can go wrong: starting an ingress, and taking one frame or line.

use std::path::PathBuf;

/// An ingress could not start, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum IngressError {
    /// No endpoint was given.
    #[error(
        "an ingress needs somewhere to listen: give `listen`, such as unix:///run/tidewire.sock"
    )]
    NoEndpoint,
    /// Text that is no endpoint.
    #[error(
        "`{text}` is no endpoint: {what}; write unix:///PATH, unixpacket:///PATH or udp://ADDRESS:PORT, with line+ in front for line protocol"
    )]
    Endpoint {
        /// As given.
        text: String,
        /// What is wrong with it.
        what: String,
    },
    /// An option with a value that makes no sense.
    #[error("option `{option}` is {value}: {remedy}")]
    Option {
        /// Name as launch files write it.
        option: &'static str,
        /// As given.
        value: String,
        /// What would be right.
        remedy: String,
    },
    /// Something else is where the socket shall be.
    #[error("cannot listen on {}: {what}", path.display())]
    Path {
        /// The socket's path.
        path: PathBuf,
        /// What is there and what to do.
        what: String,
    },
    /// A system call failed.
    #[error("{endpoint}: {what}: {source}")]
    System {
        /// The endpoint as given.
        endpoint: String,
        /// What was tried, with what to do where that is known.
        what: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A type line protocol shall become is not usable.
    #[error("measurement `{measurement}` cannot become `{type_name}`: {what}")]
    Type {
        /// The measurement.
        measurement: String,
        /// IDL type.
        type_name: String,
        /// What is wrong and what to do.
        what: String,
    },
}

impl IngressError {
    pub(crate) fn system(
        endpoint: impl ToString,
        what: impl Into<String>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let (endpoint, what) = (endpoint.to_string(), what.into());
        move |source| Self::System { endpoint, what, source }
    }
}

/// Why a frame or a line was refused. The numbers are those of reply frames (docs/ingress.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
pub enum Reason {
    /// Not a frame, or not a line: lengths, flags, syntax.
    Malformed = 1,
    /// A frame of another version of the format.
    Version = 2,
    /// Longer than the limit.
    TooLarge = 3,
    /// A topic that may not be written here, or one too many.
    Topic = 4,
    /// A type that differs from what the topic has, or line protocol that does not fit its type.
    Type = 5,
    /// A payload that is no sample of its type.
    Payload = 6,
    /// A key that is missing or not possible.
    Key = 7,
    /// The bus did not take the sample within `max_blocking_time`.
    Backpressure = 8,
    /// The bus refused the sample for another reason.
    Bus = 9,
    /// The peer may not connect: user, group or number of connections.
    Peer = 10,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Malformed,
        Self::Version,
        Self::TooLarge,
        Self::Topic,
        Self::Type,
        Self::Payload,
        Self::Key,
        Self::Backpressure,
        Self::Bus,
        Self::Peer,
    ];

    /// The word for it in replies and counts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Version => "version",
            Self::TooLarge => "too_large",
            Self::Topic => "topic",
            Self::Type => "type",
            Self::Payload => "payload",
            Self::Key => "key",
            Self::Backpressure => "backpressure",
            Self::Bus => "bus",
            Self::Peer => "peer",
        }
    }
}

/// A refused frame or line: the reason, and what to do about it in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text} ({})", reason.name())]
pub struct Reject {
    /// Which kind.
    pub reason: Reason,
    /// For the program's author.
    pub text: String,
}

/// Bytes of a refusal's words: what a client sent may stand in them.
const MAX_TEXT: usize = 1000;

impl Reject {
    pub(crate) fn new(reason: Reason, text: impl Into<String>) -> Self {
        let mut text = text.into();
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        // It is shown on terminals, and what a client sent must not steer them.
        if text.contains(char::is_control) {
            text = escape(&text);
            text.truncate(text.floor_char_boundary(MAX_TEXT));
        }
        Self { reason, text }
    }
}

/// Control characters as Rust writes them: `\n`, `\u{1b}`.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_short_and_steer_no_terminal() {
        let text = |text: &str| Reject::new(Reason::Malformed, text).text;
        assert_eq!(text("a\x1b[2Jb\r\nc\u{9b}d \u{7f}ä"), r"a\u{1b}[2Jb\r\nc\u{9b}d \u{7f}ä");
        assert_eq!(text(&"ä".repeat(1000)).len(), MAX_TEXT);
        let bells = text(&"\x07".repeat(5000));
        assert!(bells.len() <= MAX_TEXT && !bells.contains(char::is_control), "{bells}");
    }
}

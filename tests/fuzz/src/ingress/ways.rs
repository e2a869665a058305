//! The ways in, each with what comes out at the other end.

use parking_lot::Mutex;
use tidewire_ingress::frame::{Frame, Reply};
use tidewire_ingress::fuzzing::{Ingress, ethernet, refuse};
use tidewire_ingress::udp::Datagram;
use tidewire_ingress::{EndpointReport, Format, IngressOptions};

use super::ethernet::Wire;
use super::fate;
use crate::input::Input;
use crate::random::Dice;

/// A topic the bus refuses.
pub const REFUSED: &str = "refused";

/// Whether the bus does. A line's measurement may be longer than any topic's name.
pub fn refuses(topic: &str) -> bool {
    topic == REFUSED || topic.len() > 255
}

/// What was written and what was said of it.
pub struct Told {
    /// Each sample as a frame.
    pub written: Vec<Vec<u8>>,
    pub replies: Vec<u8>,
}

/// An ingress that takes frames of at most `max` bytes.
pub fn ingress(max: usize) -> Ingress {
    let options = IngressOptions {
        listen: vec!["udp://127.0.0.1:1".into()],
        max_frame: max,
        measurements: [("temp".into(), "tidewire::sensor::Temperature@t/temp".into())].into(),
        ..IngressOptions::default()
    };
    options.check().expect("options that make sense");
    Ingress::new(options, tidewire_types::registry())
}

/// Runs `way` with a bus that keeps what it is given.
fn keeping<R>(
    way: impl FnOnce(&(dyn Fn(&Frame<'_>) -> Result<(), tidewire_ingress::Reject> + Sync)) -> R,
) -> (R, Vec<Vec<u8>>) {
    let written = Mutex::new(Vec::new());
    let result = way(&|frame| {
        if refuses(frame.topic) {
            return Err(refuse(frame));
        }
        let mut bytes = Vec::new();
        frame.encode(&mut bytes)?;
        written.lock().push(bytes);
        Ok(())
    });
    (result, written.into_inner())
}

/// Through a Unix socket.
pub fn connection(ingress: &Ingress, format: Format, packets: bool, parts: &[Vec<u8>]) -> Told {
    let (replies, written) =
        keeping(|write| ingress.connection(format, packets, parts, write).expect("sockets"));
    Told { written, replies }
}

/// As a datagram, which may come as an Ethernet frame.
pub fn datagram(
    ingress: &Ingress,
    format: Format,
    bytes: &[u8],
    input: &mut Input<'_>,
) -> (EndpointReport, Vec<Vec<u8>>) {
    let wire = Wire::new(bytes, input);
    let datagram = if input.chance(2) {
        wire.break_it(input);
        ethernet(&wire.frame).expect("what we sent is right")
    } else {
        Datagram { source: wire.source, bytes }
    };
    assert_eq!((datagram.source, datagram.bytes), (wire.source, bytes));
    keeping(|write| ingress.datagram(format, datagram, write).expect("right options"))
}

/// Cuts a stream as a socket might: seldom where its frames end.
pub fn cut(stream: &[u8], input: &mut Input<'_>) -> Vec<Vec<u8>> {
    let (mut rest, mut parts) = (stream, Vec::new());
    while !rest.is_empty() {
        let most = [1, 9, 30, 400, 20_000][input.below(5)];
        let length = if input.more() { 1 + input.below(most) } else { 20_000 };
        let (part, after) = rest.split_at(length.min(rest.len()));
        parts.push(part.to_vec());
        rest = after;
    }
    parts
}

/// The replies to frames.
pub fn replies(mut bytes: &[u8]) -> Vec<fate::Reply> {
    let mut out = Vec::new();
    while let Some((reply, length)) = Reply::decode(bytes) {
        assert_eq!(reply.text.is_empty(), reply.code == 0, "{reply:?}");
        out.push((reply.id, reply.code, reply.closes));
        bytes = &bytes[length..];
    }
    assert!(bytes.is_empty(), "half a reply: {bytes:02x?}");
    out
}

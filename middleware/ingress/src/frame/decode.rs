use tidewire_idl::{InstanceState, KeyHash};

use super::{Frame, HEADER, MAGIC, VERSION, flags};
use crate::{Reason, Reject};

/// How long the frame at the start of `bytes` is, once its first 8 bytes are there; of at most `max`
/// bytes.
///
/// # Errors
/// Bytes that are no frame: where the next one begins is then unknown. A frame that is longer than
/// `max` is [`Reason::TooLarge`]; [`claimed`] bytes can be skipped.
pub fn length(bytes: &[u8], max: usize) -> Result<Option<usize>, Reject> {
    let Some(start) = bytes.first_chunk::<8>() else { return Ok(None) };
    if start[4..7] != MAGIC {
        return Err(Reject::new(
            Reason::Malformed,
            format!("not a frame: bytes 4 to 6 are {:02x?}, not \"TWI\"", &start[4..7]),
        ));
    }
    let length = claimed(*start);
    if length > max {
        return Err(Reject::new(
            Reason::TooLarge,
            format!("a frame of {length} bytes; at most {max} are taken (max_frame)"),
        ));
    }
    Ok(Some(length))
}

/// The length a frame says it has, with the length field itself.
pub(crate) fn claimed(start: [u8; 8]) -> usize {
    let length = u32::from_le_bytes([start[0], start[1], start[2], start[3]]);
    // 4 bytes at least are there: the magic is.
    (length as usize).saturating_add(4).max(8)
}

impl<'a> Frame<'a> {
    /// Reads one whole frame.
    ///
    /// # Errors
    /// What is wrong with it; where it ends is known all the same ([`length`]).
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Reject> {
        let wrong = |what: String| Err(Reject::new(Reason::Malformed, what));
        let Some(start) = bytes.first_chunk::<8>() else {
            return wrong(format!("{} bytes; a frame has {HEADER} and its names", bytes.len()));
        };
        if start[4..7] != MAGIC {
            return wrong("not a frame: bytes 4 to 6 are not \"TWI\"".into());
        }
        if start[7] != VERSION {
            let text = format!("version {} of the frame; this is version {VERSION}", start[7]);
            return Err(Reject::new(Reason::Version, text));
        }
        if claimed(*start) != bytes.len() {
            let (claimed, there) = (claimed(*start), bytes.len());
            return wrong(format!("the length says {claimed} bytes, {there} are there"));
        }
        let Some((header, mut rest)) = bytes.split_first_chunk::<HEADER>() else {
            return wrong(format!("{} bytes; a frame has {HEADER} and its names", bytes.len()));
        };
        let bits = header[8];
        if bits & !flags::ALL != 0 || header[9] != 0 {
            return wrong(format!("flags {bits:#04x} {:#04x}: unknown bits are set", header[9]));
        }
        let change = match bits & flags::CHANGE {
            0 => InstanceState::Alive,
            1 => InstanceState::Disposed,
            2 => InstanceState::Unregistered,
            _ => return wrong("change 3: it is 0 write, 1 dispose or 2 unregister".into()),
        };
        let mut name = |length: u8, what: &str| {
            let Some((name, after)) = rest.split_at_checked(usize::from(length)) else {
                return Err(format!("the {what} name of {length} bytes does not fit the frame"));
            };
            rest = after;
            let name =
                std::str::from_utf8(name).map_err(|_| format!("the {what} name is no UTF-8"))?;
            match name.is_empty() || name.contains('\0') {
                true => Err(format!("the {what} name is empty or holds a NUL")),
                false => Ok(name),
            }
        };
        let names =
            name(header[10], "topic").and_then(|topic| Ok((topic, name(header[11], "type")?)));
        let (topic, type_name) = match names {
            Ok(names) => names,
            Err(what) => return wrong(what),
        };
        let mut key = None;
        if bits & flags::KEY_HASH != 0 {
            let Some((hash, after)) = rest.split_first_chunk::<16>() else {
                return wrong("the key hash of 16 bytes does not fit the frame".into());
            };
            (key, rest) = (Some(KeyHash(*hash)), after);
        }
        let number =
            |at: usize| -> [u8; 4] { [header[at], header[at + 1], header[at + 2], header[at + 3]] };
        let (low, high) = (u32::from_le_bytes(number(16)), u32::from_le_bytes(number(20)));
        Ok(Self {
            id: u32::from_le_bytes(number(12)),
            change,
            keyed: bits & flags::KEYED != 0,
            answer: bits & flags::ANSWER != 0,
            source_time: (u64::from(high) << 32 | u64::from(low)) as i64,
            topic,
            type_name,
            key,
            payload: rest,
        })
    }

    /// The client's number of a frame that may be wrong otherwise; 0 if it is not there.
    pub(crate) fn id_of(bytes: &[u8]) -> u32 {
        bytes.get(12..16).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Vec<u8> {
        let frame = Frame {
            id: 7,
            change: InstanceState::Disposed,
            keyed: true,
            answer: true,
            source_time: -5,
            topic: "t",
            type_name: "m::T",
            key: Some(KeyHash([9; 16])),
            payload: &[0, 1, 0, 0],
        };
        let mut bytes = Vec::new();
        frame.encode(&mut bytes).unwrap();
        assert_eq!(Frame::decode(&bytes).unwrap(), frame);
        bytes
    }

    #[test]
    fn every_field_is_checked() {
        let good = example();
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            Frame::decode(&bytes).map(drop).unwrap_err()
        };
        assert_eq!(with(7, 2).reason, Reason::Version);
        for (at, byte, word) in [
            (0, 200, "length says"),
            (4, b'X', "not a frame"),
            (8, 0x20, "unknown bits"),
            (8, 0x03, "change 3"),
            (9, 1, "unknown bits"),
            (10, 0, "empty"),
            (10, 255, "does not fit"),
            (11, 255, "does not fit"),
            (24, 0xff, "no UTF-8"),
            (24, 0, "NUL"),
        ] {
            let reject = with(at, byte);
            assert_eq!(reject.reason, Reason::Malformed);
            assert!(reject.text.contains(word), "{at}: {reject}");
        }
    }

    #[test]
    fn a_cut_frame_is_incomplete_not_wrong() {
        let good = example();
        for end in 0..8 {
            assert_eq!(length(&good[..end], 1000).unwrap(), None);
        }
        assert_eq!(length(&good[..8], 1000).unwrap(), Some(good.len()));
        assert_eq!(length(&good, 20).unwrap_err().reason, Reason::TooLarge);
        assert_eq!(length(b"GET / HTTP/1.1", 1000).unwrap_err().reason, Reason::Malformed);
        for end in 0..good.len() {
            assert!(Frame::decode(&good[..end]).is_err());
        }
    }
}

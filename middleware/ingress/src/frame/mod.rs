//! The frame: one sample with its topic, in a form any language writes in twenty lines.
//!
//! Little endian throughout; docs/ingress.md draws it byte by byte and has a client in C and one in
//! Python.
//!
//! ```
//! use tidewire_ingress::frame::{self, Frame};
//!
//! let frame = Frame {
//!     topic: "plant/level",
//!     type_name: "plant::Level",
//!     payload: b"\0\x01\0\0\x2a\0\0\0",
//!     ..Frame::default()
//! };
//! let mut bytes = Vec::new();
//! frame.encode(&mut bytes)?;
//! assert_eq!(&bytes[4..8], b"TWI\x01");
//! assert_eq!(bytes.len(), 24 + 11 + 12 + 8);
//! assert_eq!(frame::length(&bytes, 1 << 20)?, Some(bytes.len()));
//! assert_eq!(Frame::decode(&bytes)?, frame);
//! # Ok::<(), tidewire_ingress::Reject>(())
//! ```

mod decode;
mod encode;
mod reply;

use tidewire_idl::{InstanceState, KeyHash};

pub(crate) use decode::claimed;
pub use decode::length;
pub use reply::{REPLY_HEADER, Reply};

/// Bytes before the topic name.
pub const HEADER: usize = 24;
/// At offset 4 of every frame.
pub const MAGIC: [u8; 3] = *b"TWI";
/// At offset 7.
pub const VERSION: u8 = 1;

/// Bits of the flags byte.
pub mod flags {
    /// Bits 0 and 1: 0 write, 1 dispose, 2 unregister.
    pub const CHANGE: u8 = 0b0000_0011;
    /// The topic has a key.
    pub const KEYED: u8 = 0b0000_0100;
    /// 16 bytes of key hash stand before the payload.
    pub const KEY_HASH: u8 = 0b0000_1000;
    /// Answer also when the sample was written.
    pub const ANSWER: u8 = 0b0001_0000;
    /// All that mean something.
    pub const ALL: u8 = 0b0001_1111;
}

/// One frame, borrowing its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Frame<'a> {
    /// The client's own number for it; replies carry it.
    pub id: u32,
    /// Write, dispose or unregister.
    pub change: InstanceState,
    /// Whether the topic has a key. Types known here say so themselves.
    pub keyed: bool,
    /// Whether the client wants to hear that the sample was written.
    pub answer: bool,
    /// When the sample was taken, ns since the Unix epoch; 0: when it arrives.
    pub source_time: i64,
    /// Topic name.
    pub topic: &'a str,
    /// DDS type name.
    pub type_name: &'a str,
    /// The instance, for types that are not known here.
    pub key: Option<KeyHash>,
    /// Encapsulation header and CDR: the sample, or the serialised key of a dispose.
    pub payload: &'a [u8],
}

//! Typed and raw writers behind one face.

use tidewire_bus::{RawWriter, WriteError, Writer, now_ns};
use tidewire_idl::{Encoding, TypeSupport};
use tidewire_types::bench::Block64;
use tidewire_types::sensor::Temperature;

use crate::common::PATIENCE;

pub enum W {
    Keyed(Writer<Temperature>),
    Plain(Writer<Block64>),
    Raw(RawWriter, bool),
}

pub fn temperature(instance: u8, value: u32) -> Temperature {
    Temperature { point: format!("p{instance}"), celsius: f64::from(value) }
}

pub fn block(value: u32) -> Block64 {
    let mut block = Block64::default();
    block.data[..4].copy_from_slice(&value.to_le_bytes());
    block
}

impl W {
    pub fn put(&self, instance: u8, value: u32) {
        match self {
            Self::Keyed(writer) => writer.write(&temperature(instance, value)),
            Self::Plain(writer) => writer.write(&block(value)),
            Self::Raw(writer, true) => {
                let (value, mut payload) = (temperature(instance, value), Vec::new());
                value.encode(Encoding::default(), &mut payload);
                writer.write(&payload, now_ns(), Some(value.key_hash()))
            }
            Self::Raw(writer, false) => {
                let mut payload = Vec::new();
                block(value).encode(Encoding::default(), &mut payload);
                writer.write(&payload, now_ns(), None)
            }
        }
        .unwrap();
    }

    /// Ends an instance of a keyed topic.
    pub fn end(&self, instance: u8, dispose: bool) -> Result<(), WriteError> {
        let value = temperature(instance, 0);
        match self {
            Self::Keyed(writer) if dispose => writer.dispose(&value),
            Self::Keyed(writer) => writer.unregister(&value),
            Self::Raw(writer, true) => {
                let (mut key, hash) = (Vec::new(), Some(value.key_hash()));
                value.encode_key(Encoding::default(), &mut key);
                match dispose {
                    true => writer.dispose(&key, hash, now_ns()),
                    false => writer.unregister(&key, hash, now_ns()),
                }
            }
            Self::Plain(_) | Self::Raw(..) => unreachable!("no instances"),
        }
    }

    pub fn is_acknowledged(&self) {
        assert!(match self {
            Self::Keyed(writer) => writer.wait_for_acknowledgments(PATIENCE),
            Self::Plain(writer) => writer.wait_for_acknowledgments(PATIENCE),
            Self::Raw(writer, _) => writer.wait_for_acknowledgments(PATIENCE),
        });
    }

    pub fn meets(&self, readers: usize) {
        match self {
            Self::Keyed(writer) => writer.wait_for_readers(readers, PATIENCE),
            Self::Plain(writer) => writer.wait_for_readers(readers, PATIENCE),
            Self::Raw(writer, _) => writer.wait_for_readers(readers, PATIENCE),
        }
        .unwrap();
    }
}

//! Typed and raw writers behind one face.

use tidewire_bus::{RawWriter, WriteError, Writer, now_ns};
use tidewire_idl::{Encoding, Endian, Representation, TypeSupport};
use tidewire_qos::Qos;
use tidewire_qos::policy::DataRepresentation;
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

fn encoding(qos: &Qos) -> Encoding {
    let representation = match qos.representations()[0] {
        DataRepresentation::Xcdr2 => Representation::Xcdr2,
        _ => Representation::Xcdr1,
    };
    Encoding { representation, endian: Endian::Little }
}

impl W {
    /// By all readers elsewhere.
    pub fn is_acknowledged(&self) {
        assert!(match self {
            Self::Keyed(writer) => writer.wait_for_acknowledgments(PATIENCE),
            Self::Plain(writer) => writer.wait_for_acknowledgments(PATIENCE),
            Self::Raw(writer, _) => writer.wait_for_acknowledgments(PATIENCE),
        });
    }

    pub fn put(&self, instance: u8, value: u32) {
        self.put_at(instance, value, now_ns());
    }

    pub fn put_at(&self, instance: u8, value: u32, time: i64) {
        self.try_put(instance, value, time).unwrap();
    }

    pub fn try_put(&self, instance: u8, value: u32, time: i64) -> Result<(), WriteError> {
        match self {
            Self::Keyed(writer) => writer.write_at(&temperature(instance, value), time),
            Self::Plain(writer) => writer.write_at(&block(value), time),
            Self::Raw(writer, true) => {
                let (value, mut payload) = (temperature(instance, value), Vec::new());
                value.encode(encoding(writer.qos()), &mut payload);
                writer.write(&payload, time, Some(value.key_hash()))
            }
            Self::Raw(writer, false) => {
                let mut payload = Vec::new();
                block(value).encode(encoding(writer.qos()), &mut payload);
                writer.write(&payload, time, None)
            }
        }
    }

    /// Ends an instance of a keyed topic.
    pub fn end(&self, instance: u8, dispose: bool) -> Result<(), WriteError> {
        let value = temperature(instance, 0);
        match self {
            Self::Keyed(writer) if dispose => writer.dispose(&value),
            Self::Keyed(writer) => writer.unregister(&value),
            Self::Raw(writer, true) => {
                let (mut key, hash) = (Vec::new(), Some(value.key_hash()));
                value.encode_key(encoding(writer.qos()), &mut key);
                if dispose {
                    writer.dispose(&key, hash, now_ns())
                } else {
                    writer.unregister(&key, hash, now_ns())
                }
            }
            Self::Plain(_) | Self::Raw(..) => unreachable!("no instances"),
        }
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

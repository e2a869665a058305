//! Raw RustDDS.

use std::convert::Infallible;

use bytes::Bytes;
use mio::event::Source;
use mio::{Events, Interest, Poll, Token};
use rustdds::policy::{History, Reliability, ResourceLimits};
use rustdds::{
    DataWriterStatus, DomainParticipant, Keyed, QosPolicyBuilder, RepresentationIdentifier,
    StatusEvented, Timestamp, TopicKind, no_key, with_key,
};

use crate::BenchError;
use crate::contender::{Contender, Endpoint, Role};

/// Raw RustDDS: RELIABLE, samples of `bytes`, carried as they are.
pub struct Raw {
    pub domain: u16,
    pub bytes: usize,
    /// Whether the topic has a key, the first four bytes.
    pub keyed: bool,
    /// Whether it waits for samples instead of polling.
    pub waits: bool,
    /// Whether every sample counts: KEEP_ALL, otherwise KEEP_LAST(256).
    pub all: bool,
}

impl Raw {
    /// 64 B without key, polling, KEEP_LAST.
    pub fn new(domain: u16) -> Self {
        Self { domain, bytes: 64, keyed: false, waits: false, all: false }
    }
}

/// Samples that KEEP_ALL has room for.
const ROOM: i32 = 8192;

struct Block(Bytes);

impl Keyed for Block {
    type K = u32;

    fn key(&self) -> u32 {
        self.0.first_chunk().map_or(0, |key| u32::from_le_bytes(*key))
    }
}

/// Bytes in, bytes out: no serialiser is as fast.
struct AsItIs;

impl no_key::SerializerAdapter<Block> for AsItIs {
    type Error = Infallible;

    fn output_encoding() -> RepresentationIdentifier {
        RepresentationIdentifier::CDR_LE
    }

    fn to_bytes(value: &Block) -> Result<Bytes, Infallible> {
        Ok(value.0.clone())
    }
}

impl with_key::SerializerAdapter<Block> for AsItIs {
    fn key_to_bytes(key: &u32) -> Result<Bytes, Infallible> {
        Ok(Bytes::copy_from_slice(&key.to_le_bytes()))
    }
}

impl no_key::DeserializerAdapter<Block> for AsItIs {
    type Error = Infallible;
    type Decoded = Block;

    fn supported_encodings() -> &'static [RepresentationIdentifier] {
        &[RepresentationIdentifier::CDR_LE]
    }

    fn transform_decoded(decoded: Block) -> Block {
        decoded
    }
}

impl with_key::DeserializerAdapter<Block> for AsItIs {
    type DecodedKey = u32;

    fn transform_decoded_key(decoded: u32) -> u32 {
        decoded
    }
}

#[derive(Clone)]
struct Copied;

impl<'de> no_key::Decode<'de, Block> for Copied {
    type Error = Infallible;

    fn decode_bytes(
        self,
        input: &'de [u8],
        _encoding: RepresentationIdentifier,
    ) -> Result<Block, Infallible> {
        Ok(Block(Bytes::copy_from_slice(input)))
    }
}

impl<'de> with_key::Decode<'de, Block, u32> for Copied {
    fn decode_key_bytes(
        self,
        input: &'de [u8],
        _encoding: RepresentationIdentifier,
    ) -> Result<u32, Infallible> {
        Ok(Block(Bytes::copy_from_slice(input)).key())
    }
}

impl no_key::DefaultDecoder<Block> for AsItIs {
    type Decoder = Copied;
    const DECODER: Copied = Copied;
}

impl with_key::DefaultDecoder<Block> for AsItIs {
    type Decoder = Copied;
    const DECODER: Copied = Copied;
}

enum Ports {
    Unkeyed(no_key::DataWriter<Block, AsItIs>, no_key::DataReader<Block, AsItIs>),
    Keyed(with_key::DataWriter<Block, AsItIs>, with_key::DataReader<Block, AsItIs>),
}

impl Ports {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Unkeyed(_, reader) => reader,
            Self::Keyed(_, reader) => reader,
        }
    }

    fn write(&self, block: Block) -> Result<(), BenchError> {
        let fail = BenchError::of("bus");
        // As DDS has it, and we do.
        let time = Some(Timestamp::now());
        match self {
            Self::Unkeyed(writer, _) => writer.write(block, time).map_err(|e| fail(&e)),
            Self::Keyed(writer, _) => writer.write(block, time).map_err(|e| fail(&e)),
        }
    }

    fn take(&mut self) -> Result<Option<u64>, BenchError> {
        let fail = BenchError::of("bus");
        Ok(match self {
            Self::Unkeyed(_, reader) => {
                let sample = reader.take_next_sample().map_err(|e| fail(&e))?;
                sample.map(|sample| super::sum(&sample.value().0))
            }
            Self::Keyed(_, reader) => {
                let sample = reader.take_next_sample().map_err(|e| fail(&e))?;
                sample
                    .and_then(|sample| sample.into_value().value())
                    .map(|block| super::sum(&block.0))
            }
        })
    }

    fn is_matched(&self) -> bool {
        let status = match self {
            Self::Unkeyed(writer, _) => writer.try_recv_status(),
            Self::Keyed(writer, _) => writer.try_recv_status(),
        };
        matches!(status, Some(DataWriterStatus::PublicationMatched { .. }))
    }
}

struct End {
    ports: Ports,
    bytes: usize,
    /// To wait on, if the contender does not poll.
    waits: Option<(Poll, Events)>,
    matched: bool,
    _participant: DomainParticipant,
}

impl Contender for Raw {
    fn endpoint(&self, role: Role) -> Result<Box<dyn Endpoint + '_>, BenchError> {
        let fail = BenchError::of("bus");
        let participant = DomainParticipant::new(self.domain).map_err(|e| fail(&e))?;
        let qos = QosPolicyBuilder::new().reliability(Reliability::Reliable {
            max_blocking_time: rustdds::Duration::from_secs(1),
        });
        let qos = if self.all {
            // Without limits it keeps 64.
            qos.history(History::KeepAll).resource_limits(ResourceLimits {
                max_samples: ROOM,
                max_instances: 1,
                max_samples_per_instance: ROOM,
            })
        } else {
            qos.history(History::KeepLast { depth: 256 })
        }
        .build();
        let kind = if self.keyed { TopicKind::WithKey } else { TopicKind::NoKey };
        let topic = |name: &str| {
            participant
                .create_topic(name.to_owned(), "bench::Block".into(), &qos, kind)
                .map_err(|e| fail(&e))
        };
        let (out, back) = match role {
            Role::Ping => ("ping", "pong"),
            Role::Pong => ("pong", "ping"),
        };
        let publisher = participant.create_publisher(&qos).map_err(|e| fail(&e))?;
        let subscriber = participant.create_subscriber(&qos).map_err(|e| fail(&e))?;
        let (out, back) = (topic(out)?, topic(back)?);
        let mut ports = if self.keyed {
            Ports::Keyed(
                publisher.create_datawriter(&out, None).map_err(|e| fail(&e))?,
                subscriber.create_datareader(&back, None).map_err(|e| fail(&e))?,
            )
        } else {
            Ports::Unkeyed(
                publisher.create_datawriter_no_key(&out, None).map_err(|e| fail(&e))?,
                subscriber.create_datareader_no_key(&back, None).map_err(|e| fail(&e))?,
            )
        };
        let mut waits = None;
        if self.waits {
            let poll = Poll::new().map_err(|e| fail(&e))?;
            let registry = poll.registry();
            registry
                .register(ports.source(), Token(0), Interest::READABLE)
                .map_err(|e| fail(&e))?;
            waits = Some((poll, Events::with_capacity(8)));
        }
        let bytes = self.bytes;
        Ok(Box::new(End { ports, bytes, waits, matched: false, _participant: participant }))
    }
}

impl Endpoint for End {
    fn send(&mut self, fill: u8) -> Result<(), BenchError> {
        let mut block = vec![fill; self.bytes];
        if let Ports::Keyed(..) = self.ports {
            // One instance, as with us.
            block[..4].fill(0);
        }
        self.ports.write(Block(Bytes::from(block)))
    }

    fn poll(&mut self) -> Result<Option<u64>, BenchError> {
        let sum = self.ports.take()?;
        let (None, Some((poll, events))) = (sum, &mut self.waits) else { return Ok(sum) };
        poll.poll(events, Some(super::WAIT)).map_err(|e| BenchError::of("bus")(&e))?;
        self.ports.take()
    }

    fn connected(&mut self) -> bool {
        self.matched |= self.ports.is_matched();
        self.matched
    }
}

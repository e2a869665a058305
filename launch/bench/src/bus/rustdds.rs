//! Raw RustDDS.

use std::convert::Infallible;

use bytes::Bytes;
use mio::{Events, Interest, Poll, Token};
use rustdds::no_key::{
    DataReader, DataWriter, Decode, DefaultDecoder, DeserializerAdapter, SerializerAdapter,
};
use rustdds::policy::{History, Reliability, ResourceLimits};
use rustdds::{
    DataWriterStatus, DomainParticipant, QosPolicyBuilder, RepresentationIdentifier, StatusEvented,
    TopicKind,
};

use crate::BenchError;
use crate::contender::{Contender, Endpoint, Role};

/// Raw RustDDS: RELIABLE, samples of `bytes` without key, carried as they are.
pub struct Raw {
    pub domain: u16,
    pub bytes: usize,
    /// Whether it waits for samples instead of polling.
    pub waits: bool,
    /// Whether every sample counts: KEEP_ALL, otherwise KEEP_LAST(256).
    pub all: bool,
}

/// Samples that KEEP_ALL has room for.
const ROOM: i32 = 8192;

/// Bytes in, bytes out: no serialiser is as fast.
struct AsItIs;

impl SerializerAdapter<Bytes> for AsItIs {
    type Error = Infallible;

    fn output_encoding() -> RepresentationIdentifier {
        RepresentationIdentifier::CDR_LE
    }

    fn to_bytes(value: &Bytes) -> Result<Bytes, Infallible> {
        Ok(value.clone())
    }
}

impl DeserializerAdapter<Bytes> for AsItIs {
    type Error = Infallible;
    type Decoded = Bytes;

    fn supported_encodings() -> &'static [RepresentationIdentifier] {
        &[RepresentationIdentifier::CDR_LE]
    }

    fn transform_decoded(decoded: Bytes) -> Bytes {
        decoded
    }
}

#[derive(Clone)]
struct Copied;

impl<'de> Decode<'de, Bytes> for Copied {
    type Error = Infallible;

    fn decode_bytes(
        self,
        input: &'de [u8],
        _encoding: RepresentationIdentifier,
    ) -> Result<Bytes, Infallible> {
        Ok(Bytes::copy_from_slice(input))
    }
}

impl DefaultDecoder<Bytes> for AsItIs {
    type Decoder = Copied;
    const DECODER: Copied = Copied;
}

struct End {
    writer: DataWriter<Bytes, AsItIs>,
    reader: DataReader<Bytes, AsItIs>,
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
        let topic = |name: &str| {
            participant
                .create_topic(name.to_owned(), "bench::Block".into(), &qos, TopicKind::NoKey)
                .map_err(|e| fail(&e))
        };
        let (out, back) = match role {
            Role::Ping => ("ping", "pong"),
            Role::Pong => ("pong", "ping"),
        };
        let publisher = participant.create_publisher(&qos).map_err(|e| fail(&e))?;
        let subscriber = participant.create_subscriber(&qos).map_err(|e| fail(&e))?;
        let writer =
            publisher.create_datawriter_no_key(&topic(out)?, None).map_err(|e| fail(&e))?;
        let mut reader =
            subscriber.create_datareader_no_key(&topic(back)?, None).map_err(|e| fail(&e))?;
        let mut waits = None;
        if self.waits {
            let poll = Poll::new().map_err(|e| fail(&e))?;
            let registry = poll.registry();
            registry.register(&mut reader, Token(0), Interest::READABLE).map_err(|e| fail(&e))?;
            waits = Some((poll, Events::with_capacity(8)));
        }
        let bytes = self.bytes;
        Ok(Box::new(End {
            writer,
            reader,
            bytes,
            waits,
            matched: false,
            _participant: participant,
        }))
    }
}

impl Endpoint for End {
    fn send(&mut self, fill: u8) -> Result<(), BenchError> {
        let block = Bytes::from(vec![fill; self.bytes]);
        self.writer.write(block, None).map_err(|e| BenchError::of("bus")(&e))
    }

    fn poll(&mut self) -> Result<Option<u64>, BenchError> {
        let fail = BenchError::of("bus");
        let mut sample = self.reader.take_next_sample().map_err(|e| fail(&e))?;
        if let (None, Some((poll, events))) = (&sample, &mut self.waits) {
            poll.poll(events, Some(super::WAIT)).map_err(|e| fail(&e))?;
            sample = self.reader.take_next_sample().map_err(|e| fail(&e))?;
        }
        Ok(sample.map(|sample| super::sum(sample.value())))
    }

    fn connected(&mut self) -> bool {
        while let Some(status) = self.writer.try_recv_status() {
            self.matched |= matches!(status, DataWriterStatus::PublicationMatched { .. });
        }
        self.matched
    }
}

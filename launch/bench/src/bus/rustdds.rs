use rustdds::no_key::{DataReader, DataWriter};
use rustdds::policy::{History, Reliability};
use rustdds::{
    CDRDeserializerAdapter, CDRSerializerAdapter, DataWriterStatus, DomainParticipant,
    QosPolicyBuilder, StatusEvented, TopicKind,
};
use serde::{Deserialize, Serialize};

use crate::BenchError;
use crate::contender::{Contender, Endpoint, Role};

/// Raw RustDDS: its own CDR adapters, RELIABLE, KEEP_LAST(256), 64 B samples without key.
pub struct Raw {
    pub domain: u16,
}

/// 64 bytes; serde knows arrays up to 32.
#[derive(Clone, Serialize, Deserialize)]
struct Block {
    low: [u8; 32],
    high: [u8; 32],
}

struct End {
    writer: DataWriter<Block, CDRSerializerAdapter<Block>>,
    reader: DataReader<Block, CDRDeserializerAdapter<Block>>,
    matched: bool,
    _participant: DomainParticipant,
}

impl Contender for Raw {
    fn endpoint(&self, role: Role) -> Result<Box<dyn Endpoint + '_>, BenchError> {
        let fail = BenchError::of("bus");
        let participant = DomainParticipant::new(self.domain).map_err(|e| fail(&e))?;
        let qos = QosPolicyBuilder::new()
            .reliability(Reliability::Reliable {
                max_blocking_time: rustdds::Duration::from_secs(1),
            })
            .history(History::KeepLast { depth: 256 })
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
        let reader =
            subscriber.create_datareader_no_key(&topic(back)?, None).map_err(|e| fail(&e))?;
        Ok(Box::new(End { writer, reader, matched: false, _participant: participant }))
    }
}

impl Endpoint for End {
    fn send(&mut self, fill: u8) -> Result<(), BenchError> {
        let block = Block { low: [fill; 32], high: [fill; 32] };
        self.writer.write(block, None).map_err(|e| BenchError::of("bus")(&e))
    }

    fn poll(&mut self) -> Result<Option<u64>, BenchError> {
        let sample = self.reader.take_next_sample().map_err(|e| BenchError::of("bus")(&e))?;
        Ok(sample.map(|sample| {
            let block = sample.into_value();
            super::sum(&block.low) + super::sum(&block.high)
        }))
    }

    fn connected(&mut self) -> bool {
        while let Some(status) = self.writer.try_recv_status() {
            self.matched |= matches!(status, DataWriterStatus::PublicationMatched { .. });
        }
        self.matched
    }
}

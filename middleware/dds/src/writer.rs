//! Writers: payloads onto the wire as they are, with flow control.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use rustdds::{WriteOptionsBuilder, no_key, with_key};
use tidewire_idl::{Guid, KeyHash};
use tidewire_qos::Qos;
use tidewire_qos::policy::{DataRepresentation, Reliability};
use tidewire_transport::Counter;
use tidewire_transport::dds::{DdsWriteError, HEADER, representation_of};

use crate::key::RawKey;
use crate::participant::Inner;
use crate::payload::{RawAdapter, RawData};
use crate::time::to_rtps;

/// Longest wait for a new reader's first acknowledgment.
const GREETING: Duration = Duration::from_millis(250);

pub(crate) enum Port {
    Keyed(with_key::DataWriter<RawData, RawAdapter>),
    Unkeyed(no_key::DataWriter<RawData, RawAdapter>),
}

/// A writer on the wire; dropping it leaves the topic.
pub struct DdsWriter {
    pub(crate) port: Port,
    pub(crate) guid: Guid,
    pub(crate) topic: String,
    pub(crate) announced: DataRepresentation,
    pub(crate) participant: Arc<Inner>,
    pub(crate) written: Counter,
    pub(crate) greeted: Greeted,
}

/// Which readers have acknowledged a first sample; `None` if BEST_EFFORT.
pub(crate) struct Greeted {
    /// How long to wait for one that has not.
    pub patience: Option<Duration>,
    /// The participant's count of matches when we last looked.
    epoch: AtomicU64,
    readers: Mutex<BTreeSet<Guid>>,
}

impl Greeted {
    pub fn new(qos: &Qos) -> Self {
        let patience = match qos.reliability {
            Reliability::Reliable { max_blocking_time } => {
                Some(max_blocking_time.to_std().map_or(GREETING, |time| time.min(GREETING)))
            }
            Reliability::BestEffort => None,
        };
        Self { patience, epoch: AtomicU64::new(0), readers: Mutex::default() }
    }
}

impl DdsWriter {
    /// Its GUID.
    pub fn guid(&self) -> Guid {
        self.guid
    }

    /// Readers matched now.
    pub fn matched(&self) -> Vec<Guid> {
        self.participant.discovered.lock().matched(&self.guid)
    }

    /// Samples handed to RTPS so far, disposes included.
    pub fn written(&self) -> u64 {
        self.written.get()
    }

    /// Writes `payload`, header included, as written at `source_time` (ns since the Unix epoch), and
    /// returns its RTPS sequence number. Waits up to `max_blocking_time` if RELIABLE.
    pub fn write(
        &self,
        payload: Bytes,
        key: KeyHash,
        source_time: i64,
    ) -> Result<u64, DdsWriteError> {
        self.check(&payload)?;
        let options = WriteOptionsBuilder::new().source_timestamp(to_rtps(source_time)).build();
        let data = RawData { payload, key };
        let id = match &self.port {
            Port::Keyed(writer) => writer.write_with_options(data, options),
            Port::Unkeyed(writer) => writer.write_with_options(data, options),
        }
        .map_err(|error| translate(error.forget_data()))?;
        self.written.add(1);
        self.greet();
        Ok(i64::from(id.sequence_number) as u64)
    }

    /// Disposes the instance whose serialised key, header included, is `key_payload`.
    pub fn dispose(
        &self,
        key_payload: Bytes,
        key: KeyHash,
        source_time: i64,
    ) -> Result<(), DdsWriteError> {
        self.check(&key_payload)?;
        let Port::Keyed(writer) = &self.port else {
            return Err(DdsWriteError::NoKey(self.topic.clone()));
        };
        writer
            .dispose(&RawKey { hash: key, payload: key_payload }, Some(to_rtps(source_time)))
            .map_err(translate)?;
        self.written.add(1);
        self.greet();
        Ok(())
    }

    /// After the first sample a new reader can get: waits until it has acknowledged it.
    ///
    /// RustDDS sends a HEARTBEAT when it matches a reader, often before the reader knows the writer,
    /// and then none until there is data. A VOLATILE Cyclone DDS reader takes everything up to the
    /// last number of the first HEARTBEAT it understands for history that it did not ask for; in a
    /// burst that number is far ahead of the samples. With one sample under way it is just that one.
    fn greet(&self) {
        let Some(patience) = self.greeted.patience else { return };
        let epoch = self.participant.matches.load(Ordering::Acquire);
        if self.greeted.epoch.swap(epoch, Ordering::AcqRel) == epoch {
            return;
        }
        let matched: BTreeSet<Guid> = self.matched().into_iter().collect();
        let mut readers = self.greeted.readers.lock();
        let news = !matched.is_subset(&readers);
        *readers = matched;
        drop(readers);
        if news && !self.wait_for_acknowledgments(patience) {
            tracing::debug!(
                topic = self.topic,
                "a new reader has not acknowledged its first sample"
            );
        }
    }

    /// Waits until every matched RELIABLE reader has acknowledged everything written.
    pub fn wait_for_acknowledgments(&self, timeout: Duration) -> bool {
        match &self.port {
            Port::Keyed(writer) => writer.wait_for_acknowledgments(timeout),
            Port::Unkeyed(writer) => writer.wait_for_acknowledgments(timeout),
        }
        .unwrap_or(false)
    }

    fn check(&self, payload: &[u8]) -> Result<(), DdsWriteError> {
        if payload.len() < HEADER {
            return Err(DdsWriteError::Header(payload.len()));
        }
        match representation_of(payload) {
            Some(found) if found == self.announced => Ok(()),
            found => Err(DdsWriteError::Representation {
                found: match found {
                    Some(DataRepresentation::Xcdr1) => "XCDR1",
                    Some(DataRepresentation::Xml) => "XML",
                    Some(DataRepresentation::Xcdr2) => "XCDR2",
                    None => "something that DDS-XTypes does not know",
                },
                announced: self.announced.to_string(),
            }),
        }
    }
}

impl Drop for DdsWriter {
    fn drop(&mut self) {
        self.participant.discovered.lock().matches.remove(&self.guid);
    }
}

fn translate(error: rustdds::dds::WriteError<()>) -> DdsWriteError {
    match error {
        rustdds::dds::WriteError::WouldBlock { .. } => DdsWriteError::Timeout,
        other => DdsWriteError::Backend(other.to_string()),
    }
}

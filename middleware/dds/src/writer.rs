//! Writers: payloads onto the wire as they are, with flow control.

use std::sync::Arc;

use bytes::Bytes;
use rustdds::{WriteOptionsBuilder, no_key, with_key};
use tidewire_idl::{Guid, KeyHash};
use tidewire_qos::policy::DataRepresentation;
use tidewire_transport::Counter;

use crate::error::DdsWriteError;
use crate::key::RawKey;
use crate::participant::Inner;
use crate::payload::{HEADER, RawAdapter, RawData, representation_of};
use crate::time::to_rtps;

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
        Ok(())
    }

    /// Waits until every matched RELIABLE reader has acknowledged everything written.
    pub fn wait_for_acknowledgments(&self, timeout: std::time::Duration) -> bool {
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

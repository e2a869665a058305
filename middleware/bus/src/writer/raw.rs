//! Writing payloads as they are.

use std::sync::Arc;
use std::time::Duration;

use tidewire_idl::{Guid, InstanceState, KeyHash, TypeHandle};
use tidewire_qos::Qos;
use tidewire_transport::EndpointSpec;

use super::core::WriterCore;
use super::status::writer_statuses;
use crate::error::{BusError, WriteError};
use crate::participant::{Core, RawTopic};
use crate::support;

/// Writes serialised samples, encapsulation header included, without knowing their type.
pub struct RawWriter {
    pub(super) core: Arc<WriterCore>,
}

impl RawWriter {
    pub(crate) fn new(
        core: &Arc<Core>,
        topic: &RawTopic,
        ty: Option<&TypeHandle>,
        qos: &Qos,
    ) -> Result<Self, BusError> {
        let mut spec = EndpointSpec::new(&topic.name, &topic.type_name, topic.keyed);
        spec.qos = qos.clone();
        spec.ty = ty.cloned();
        support::check_raw_writer(&spec)?;
        Ok(Self { core: WriterCore::new(core, spec)? })
    }

    /// Writes `payload` as written at `source_time` (ns since the Unix epoch). `key` is the instance's
    /// hash for readers on this host; without it, and elsewhere, those that know the type compute their
    /// own. The payload's encoding must be the one the QoS announces (`data_representation`, XCDR1 unless set).
    ///
    /// # Errors
    /// [`WriteError::Timeout`] if RELIABLE and a reader makes no room within `max_blocking_time`.
    pub fn write(
        &self,
        payload: &[u8],
        source_time: i64,
        key: Option<KeyHash>,
    ) -> Result<(), WriteError> {
        self.send(InstanceState::Alive, payload, source_time, key)
    }

    /// Disposes the instance whose serialised key, header included, is `key_payload`.
    pub fn dispose(
        &self,
        key_payload: &[u8],
        key: Option<KeyHash>,
        source_time: i64,
    ) -> Result<(), WriteError> {
        self.send(InstanceState::Disposed, key_payload, source_time, key)
    }

    /// Unregisters the instance whose serialised key, header included, is `key_payload`.
    pub fn unregister(
        &self,
        key_payload: &[u8],
        key: Option<KeyHash>,
        source_time: i64,
    ) -> Result<(), WriteError> {
        self.send(InstanceState::Unregistered, key_payload, source_time, key)
    }

    fn send(
        &self,
        change: InstanceState,
        payload: &[u8],
        source_time: i64,
        key: Option<KeyHash>,
    ) -> Result<(), WriteError> {
        let spec = &self.core.spec;
        if payload.len() < 4 {
            return Err(WriteError::Header { topic: spec.topic.clone(), len: payload.len() });
        }
        if change != InstanceState::Alive && !spec.keyed {
            return Err(WriteError::NoKey(spec.topic.clone()));
        }
        let mut state = self.core.state.lock();
        self.core.send(&mut state, change, key.unwrap_or_default(), source_time, payload)
    }
}

/// What typed and raw writers tell of themselves.
macro_rules! writer_state {
    ($($head:tt)*) => {
        $($head)* {
            /// Its GUID.
            pub fn guid(&self) -> Guid {
                self.core.guid
            }

            /// Topic name.
            pub fn topic(&self) -> &str {
                &self.core.spec.topic
            }

            /// The policies it was made with.
            pub fn qos(&self) -> &Qos {
                &self.core.spec.qos
            }

            /// Says that the writer is alive, though it has nothing to write: for MANUAL liveliness
            /// (DDS 1.4, 2.2.3.11). Every write says so, too.
            ///
            /// # Errors
            /// [`WriteError::Dds`] if readers elsewhere could not be told.
            pub fn assert_liveliness(&self) -> Result<(), WriteError> {
                self.core.assert_liveliness()
            }

            /// Readers matched now, on this host and elsewhere.
            pub fn matched_readers(&self) -> usize {
                self.core.matched_readers()
            }

            /// Waits until at least `count` readers are matched.
            ///
            /// # Errors
            /// [`BusError::NobodyThere`] after `timeout`.
            pub fn wait_for_readers(
                &self,
                count: usize,
                timeout: Duration,
            ) -> Result<(), BusError> {
                self.core.wait_for_readers(count, timeout)
            }

            /// Changes written so far, disposes included.
            pub fn written(&self) -> u64 {
                self.core.written()
            }

            /// Changes that went onto the wire as DDS data: none while every reader is on this host
            /// and durability is VOLATILE.
            pub fn dds_data_written(&self) -> u64 {
                self.core.dds_data_written()
            }

            /// Waits until every matched RELIABLE reader elsewhere has acknowledged everything
            /// written; false after `timeout`.
            pub fn wait_for_acknowledgments(&self, timeout: Duration) -> bool {
                self.core.wait_for_acknowledgments(timeout)
            }
        }
    };
}
pub(super) use writer_state;

writer_state!(impl RawWriter);
writer_statuses!(impl RawWriter);

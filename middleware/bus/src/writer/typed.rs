//! Writing values of a known type.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use tidewire_idl::{Guid, InstanceState, KeyHash, PlainCdr, TypeSupport};
use tidewire_qos::Qos;
use tidewire_transport::buffer::{self, LEAD};
use tidewire_transport::{EndpointSpec, now_ns};

use super::core::{State, WriterCore};
use super::loan::Loan;
use super::raw::writer_state;
use super::status::writer_statuses;
use crate::error::{BusError, WriteError};
use crate::participant::Core;

/// Writes samples of `T`.
pub struct Writer<T> {
    pub(super) core: Arc<WriterCore>,
    of: PhantomData<fn(&T)>,
}

impl<T: TypeSupport> Writer<T> {
    pub(crate) fn new(core: &Arc<Core>, topic: &str, qos: &Qos) -> Result<Self, BusError> {
        let mut spec = EndpointSpec::new(topic, T::TYPE_NAME, T::KEYED);
        spec.qos = qos.clone();
        spec.ty = Some(T::descriptor());
        Ok(Self { core: WriterCore::new(core, spec)?, of: PhantomData })
    }

    /// Writes `value` as of now.
    ///
    /// # Errors
    /// [`WriteError::Timeout`] if RELIABLE and a reader makes no room within `max_blocking_time`,
    /// [`WriteError::Invalid`] if a string or sequence is longer than the type allows,
    /// [`WriteError::Instances`] if the instance is one more than `max_instances`.
    pub fn write(&self, value: &T) -> Result<(), WriteError> {
        self.write_at(value, now_ns())
    }

    /// Writes `value` as written at `source_time`, ns since the Unix epoch.
    pub fn write_at(&self, value: &T, source_time: i64) -> Result<(), WriteError> {
        value.validate().map_err(|error| WriteError::Invalid {
            topic: self.core.spec.topic.clone(),
            reason: error.to_string(),
        })?;
        let mut state = self.core.state.lock();
        let key = self.key(&mut state, value);
        let mut buffer = std::mem::take(&mut state.buffer);
        buffer.clear();
        buffer.resize(LEAD, 0);
        value.encode(self.core.encoding(), &mut buffer);
        self.core.send_buffer(&mut state, key, source_time, buffer, buffer::with_room)
    }

    /// Disposes the instance `value` belongs to; only its key members count.
    pub fn dispose(&self, value: &T) -> Result<(), WriteError> {
        self.end(value, InstanceState::Disposed)
    }

    /// Unregisters the instance `value` belongs to: this writer will not write it again. Disposes it
    /// too, unless the QoS says `autodispose_unregistered_instances = false`.
    pub fn unregister(&self, value: &T) -> Result<(), WriteError> {
        self.end(value, InstanceState::Unregistered)
    }

    /// Says that this writer is going to write the instance `value` belongs to, and gives its handle:
    /// the key hash, by which readers know it too. Writing does so by itself, but then
    /// [`lookup_instance`](Self::lookup_instance) does not know it: remembering would cost every write
    /// a look-up. Nothing is sent.
    ///
    /// # Errors
    /// [`WriteError::NoKey`] on a topic without a key, [`WriteError::Instances`] beyond `max_instances`.
    pub fn register_instance(&self, value: &T) -> Result<KeyHash, WriteError> {
        if !T::KEYED {
            return Err(WriteError::NoKey(self.core.spec.topic.clone()));
        }
        let (handle, mut key) = (value.key_hash(), Vec::new());
        value.encode_key(self.core.encoding(), &mut key);
        self.core.admit(InstanceState::Alive, handle)?;
        self.core.registered.add(handle, key);
        Ok(handle)
    }

    /// The handle of the instance `value` belongs to, if it was registered and not unregistered since.
    pub fn lookup_instance(&self, value: &T) -> Option<KeyHash> {
        let handle = value.key_hash();
        self.core.registered.key(&handle).map(|_| handle)
    }

    /// The key members of a registered instance, with defaults in all others.
    pub fn key_value(&self, handle: KeyHash) -> Option<T> {
        T::decode_key(&self.core.registered.key(&handle)?).ok()
    }

    fn end(&self, value: &T, change: InstanceState) -> Result<(), WriteError> {
        if !T::KEYED {
            return Err(WriteError::NoKey(self.core.spec.topic.clone()));
        }
        let (handle, mut payload) = (value.key_hash(), Vec::new());
        value.encode_key(self.core.encoding(), &mut payload);
        let mut state = self.core.state.lock();
        self.core.send(&mut state, change, handle, now_ns(), &payload)?;
        if change == InstanceState::Unregistered {
            self.core.registered.remove(&handle);
        }
        Ok(())
    }

    /// The instance, hashed anew only when it is another than last time.
    fn key(&self, state: &mut State, value: &T) -> KeyHash {
        if !T::KEYED {
            return KeyHash::default();
        }
        let mut buffer = std::mem::take(&mut state.buffer);
        buffer.clear();
        value.encode_key(self.core.encoding(), &mut buffer);
        if buffer != state.key.0 {
            state.key.0.clone_from(&buffer);
            state.key.1 = value.key_hash();
        }
        state.buffer = buffer;
        state.key.1
    }
}

impl<T: PlainCdr> Writer<T> {
    /// A sample to be filled in place: in shared memory where a reader on this host waits for it, or in the
    /// bytes that DDS puts into packets. [`Loan::send`] sends it, dropping it does not.
    ///
    /// # Errors
    /// [`WriteError::Shm`] if shared memory has no room.
    pub fn loan(&self) -> Result<Loan<'_, T>, WriteError> {
        Loan::new(&self.core)
    }
}

writer_state!(impl<T> Writer<T>);
writer_statuses!(impl<T> Writer<T>);

//! Reading values of a known type.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use tidewire_filter::Filter;
use tidewire_idl::{Guid, InstanceState, SampleInfo, TypeSupport};
use tidewire_qos::Qos;
use tidewire_transport::EndpointSpec;

use super::core::ReaderCore;
use super::raw::reader_state;
use super::status::reader_statuses;
use crate::error::{BusError, ReadError};
use crate::participant::Core;

/// A decoded sample and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct TypedSample<T> {
    /// The value.
    pub data: T,
    /// Who wrote it, when, which instance.
    pub info: SampleInfo,
}

/// Everything a reader can be told.
#[derive(Clone, Debug, PartialEq)]
pub enum Change<T> {
    /// A sample.
    Data(TypedSample<T>),
    /// An instance was disposed or unregistered, as `info.state` says.
    Ended {
        /// By whom, when, which instance.
        info: SampleInfo,
        /// The key members, with defaults in all others; `None` where the writer sent only a hash.
        key: Option<T>,
    },
}

/// Reads samples of `T`.
pub struct Reader<T> {
    pub(super) core: Arc<ReaderCore>,
    of: PhantomData<fn() -> T>,
}

impl<T: TypeSupport> Reader<T> {
    pub(crate) fn new(
        core: &Arc<Core>,
        topic: &str,
        qos: &Qos,
        filter: Option<Filter>,
        cached: bool,
    ) -> Result<Self, BusError> {
        let mut spec = EndpointSpec::new(topic, T::TYPE_NAME, T::KEYED);
        spec.qos = qos.clone();
        let ty = T::descriptor();
        spec.ty = Some(ty.clone());
        Ok(Self::of(ReaderCore::new(core, spec, Some(&ty), filter, cached)?))
    }

    pub(super) fn of(core: Arc<ReaderCore>) -> Self {
        Self { core, of: PhantomData }
    }

    /// The next sample, if one is there. Ends of instances are passed over: see
    /// [`take_change`](Self::take_change).
    ///
    /// # Errors
    /// [`ReadError::Decode`] for a payload that is none of `T`; the next call goes on after it.
    pub fn take(&self) -> Result<Option<TypedSample<T>>, ReadError> {
        loop {
            match self.take_change()? {
                Some(Change::Data(sample)) => return Ok(Some(sample)),
                Some(Change::Ended { .. }) => {}
                None => return Ok(None),
            }
        }
    }

    /// The next sample or end of an instance, if one is there.
    pub fn take_change(&self) -> Result<Option<Change<T>>, ReadError> {
        let Some((info, payload)) = self.core.take()? else {
            return Ok(None);
        };
        if info.state != InstanceState::Alive {
            let key = T::decode_key(&payload).ok();
            return Ok(Some(Change::Ended { info, key }));
        }
        let data = self.decode(&info, &payload)?;
        Ok(Some(Change::Data(TypedSample { data, info })))
    }

    pub(super) fn decode(&self, info: &SampleInfo, payload: &[u8]) -> Result<T, ReadError> {
        T::decode(payload).map_err(|error| ReadError::Decode {
            topic: self.core.spec.topic.clone(),
            writer: info.writer,
            reason: error.to_string(),
        })
    }

    /// The next sample, waiting for it up to `timeout`.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Option<TypedSample<T>>, ReadError> {
        self.core.until(timeout, || self.take())
    }

    /// The next sample, for async code.
    pub async fn recv(&self) -> Result<TypedSample<T>, ReadError> {
        self.core.until_async(|| self.take()).await
    }
}

reader_state!(impl<T> Reader<T>);
reader_statuses!(impl<T> Reader<T>);

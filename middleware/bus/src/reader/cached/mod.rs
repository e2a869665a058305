//! Readers that keep what they get: `read` beside `take`, with the states of samples and instances (DDS
//! 1.4, 2.2.2.5).

mod reads;

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidewire_filter::Filter;
use tidewire_idl::{Guid, KeyHash, TypeHandle, TypeSupport};
use tidewire_qos::Qos;

use super::cache::{CachedSample, Query, Shown, States, Which};
use super::core::ReaderCore;
use super::raw::{RawReader, reader_state};
use super::status::reader_statuses;
use super::typed::Reader;
use crate::error::{BusError, ReadError};
use crate::waitset::ReadCondition;
use reads::reads;

/// Keeps what it gets of `T`: see [`Participant::cached_reader`](crate::Participant::cached_reader).
///
/// HISTORY, RESOURCE_LIMITS, LIFESPAN and READER_DATA_LIFECYCLE rule what is kept. Samples move into the
/// cache when somebody reads or waits, and every 5 ms, so that writers do not wait for a reader that
/// has room.
///
/// ```
/// use std::time::Duration;
/// use tidewire_bus::{InstanceStateKind, Participant, SampleStateKind, States, ViewStateKind};
/// use tidewire_qos::Qos;
/// use tidewire_types::sensor::Temperature;
///
/// let bus = Participant::builder().domain(tidewire_bus::testing::free_domain()).build()?;
/// let reader = bus.cached_reader::<Temperature>("temperature", &Qos::reliable())?;
/// let writer = bus.writer::<Temperature>("temperature", &Qos::reliable())?;
/// writer.wait_for_readers(1, Duration::from_secs(10))?;
/// let pump = Temperature { point: "pump1".into(), celsius: 21.5 };
/// writer.write(&pump)?;
///
/// let read = reader.read(usize::MAX, States::NOT_READ)?;
/// let states = read[0].states;
/// assert_eq!(read[0].data.as_ref(), Some(&pump));
/// assert_eq!(states.sample_state, SampleStateKind::NotRead);
/// assert_eq!(states.view_state, ViewStateKind::New);
/// assert!(reader.read(usize::MAX, States::NOT_READ)?.is_empty(), "read, but not taken");
///
/// writer.dispose(&pump)?;
/// let handle = reader.lookup_instance(&pump)?.expect("it was written");
/// let taken = reader.take_instance(handle, usize::MAX, States::NOT_ALIVE)?;
/// assert_eq!(taken[0].states.sample_state, SampleStateKind::Read);
/// assert_eq!(taken[1].states.instance_state, InstanceStateKind::NotAliveDisposed);
/// assert!(taken[1].data.is_none() && taken[1].key.as_ref().unwrap().point == "pump1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CachedReader<T> {
    pub(super) core: Arc<ReaderCore>,
    of: PhantomData<fn() -> T>,
}

/// Keeps payloads as they are: see
/// [`Participant::raw_cached_reader`](crate::Participant::raw_cached_reader). `data` and `key` of its
/// samples are serialised.
///
/// ```
/// use std::time::Duration;
/// use tidewire_bus::{Participant, RawTopic, States};
/// use tidewire_idl::TypeSupport;
/// use tidewire_qos::Qos;
/// use tidewire_types::sensor::Temperature;
///
/// let bus = Participant::builder().domain(tidewire_bus::testing::free_domain()).build()?;
/// let topic = RawTopic::new("temperature", Temperature::TYPE_NAME, true);
/// let ty = Temperature::descriptor();
/// let reader = bus.raw_cached_reader(&topic, Some(&ty), &Qos::reliable())?;
/// let writer = bus.writer::<Temperature>("temperature", &Qos::reliable())?;
/// writer.wait_for_readers(1, Duration::from_secs(10))?;
/// let pump = Temperature { point: "pump1".into(), celsius: 21.5 };
/// writer.write(&pump)?;
/// let taken = reader.take(1, States::ANY)?;
/// assert_eq!(Temperature::decode(taken[0].data.as_ref().unwrap())?, pump);
/// let key = reader.key_value(taken[0].info.key)?.expect("it is known");
/// assert_eq!(Temperature::decode_key(&key)?.point, "pump1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RawCachedReader {
    pub(super) core: Arc<ReaderCore>,
}

impl<T: TypeSupport> Reader<T> {
    /// Keeps from now on what it gets, to be read with states and by instance.
    ///
    /// # Errors
    /// [`BusError::Thread`] if the thread that looks after it cannot be started.
    pub fn cached(self) -> Result<CachedReader<T>, BusError> {
        self.core.keep_cache()?;
        Ok(CachedReader { core: self.core, of: PhantomData })
    }
}

impl RawReader {
    /// Keeps from now on what it gets, to be read with states and by instance.
    ///
    /// # Errors
    /// [`BusError::UnknownKey`] if the topic has a key and the reader does not know the type;
    /// [`BusError::Thread`] if the thread that looks after it cannot be started.
    pub fn cached(self) -> Result<RawCachedReader, BusError> {
        self.core.keep_cache()?;
        Ok(RawCachedReader { core: self.core })
    }
}

impl ReaderCore {
    /// Whether the cache has anything of what `query` asks for.
    pub fn has(&self, query: &Query<'_>) -> bool {
        self.cache.get().is_some_and(|cache| cache.has(self, query))
    }

    fn get<R>(
        &self,
        query: &Query<'_>,
        take: bool,
        decode: impl FnMut(&Shown) -> Result<R, ReadError>,
    ) -> Result<Vec<R>, ReadError> {
        match self.cache.get() {
            Some(cache) => cache.get(self, query, take, decode),
            None => Ok(Vec::new()),
        }
    }

    fn handle_of(&self, handle: KeyHash) -> Result<Option<KeyHash>, ReadError> {
        let Some(cache) = self.cache.get() else { return Ok(None) };
        Ok(cache.knows(self, handle)?.then_some(handle))
    }

    fn key_of(&self, handle: KeyHash) -> Result<Option<Bytes>, ReadError> {
        self.cache.get().map_or(Ok(None), |cache| cache.key(self, handle))
    }
}

/// A sample as it is shown, with `decode` for values and `decode_key` for keys.
fn sample<D>(
    shown: &Shown,
    decode: impl FnOnce(&Bytes) -> Result<D, ReadError>,
    decode_key: impl FnOnce(&Bytes) -> Option<D>,
) -> Result<CachedSample<D>, ReadError> {
    let Shown { info, payload, key, states, .. } = shown;
    Ok(CachedSample {
        data: payload.as_ref().map(decode).transpose()?,
        key: match payload {
            Some(_) => None,
            None => key.as_ref().and_then(decode_key),
        },
        info: info.clone(),
        states: *states,
    })
}

impl<T: TypeSupport> CachedReader<T> {
    fn show(&self, shown: &Shown) -> Result<CachedSample<T>, ReadError> {
        let decode = |payload: &Bytes| {
            T::decode(payload).map_err(|error| ReadError::Decode {
                topic: self.core.spec.topic.clone(),
                writer: shown.info.writer,
                reason: error.to_string(),
            })
        };
        sample(shown, decode, |key| T::decode_key(key).ok())
    }

    /// The handle of the instance `value` belongs to, if the reader knows it; only key members count.
    pub fn lookup_instance(&self, value: &T) -> Result<Option<KeyHash>, ReadError> {
        self.core.handle_of(value.key_hash())
    }

    /// The key members of an instance, with defaults in all others; `None` if it is not known, or the
    /// topic has no key.
    pub fn key_value(&self, handle: KeyHash) -> Result<Option<T>, ReadError> {
        Ok(self.core.key_of(handle)?.and_then(|key| T::decode_key(&key).ok()))
    }

    /// A condition that is true while there are samples in these states for which `expression` is true
    /// (QueryCondition): the grammar is told by [`tidewire_filter`].
    ///
    /// # Errors
    /// [`BusError::Filter`] for a wrong expression or parameter, with place and remedy.
    pub fn query_condition(
        &self,
        states: States,
        expression: &str,
        parameters: &[&str],
    ) -> Result<ReadCondition, BusError> {
        let filter = Filter::new(&T::descriptor(), expression, parameters)?;
        Ok(ReadCondition::new(&self.core, states, Some(filter)))
    }
}

impl RawCachedReader {
    fn show(&self, shown: &Shown) -> Result<CachedSample<Bytes>, ReadError> {
        sample(shown, |payload| Ok(payload.clone()), |key| Some(key.clone()))
    }

    /// The handle of the instance with this serialised key, header included, if the reader knows it.
    pub fn lookup_instance(&self, key_payload: &[u8]) -> Result<Option<KeyHash>, ReadError> {
        let keys = self.core.incoming.keys();
        let handle = keys.and_then(|keys| keys.key_hash_of_key(key_payload).ok());
        self.core.handle_of(handle.unwrap_or_default())
    }

    /// The serialised key of an instance; `None` if it is not known, or the topic has no key.
    pub fn key_value(&self, handle: KeyHash) -> Result<Option<Bytes>, ReadError> {
        self.core.key_of(handle)
    }

    /// A condition that is true while there are samples in these states for which `expression` is true
    /// (QueryCondition): the grammar is told by [`tidewire_filter`].
    ///
    /// # Errors
    /// [`BusError::Filter`] for a wrong expression or parameter, with place and remedy.
    pub fn query_condition(
        &self,
        ty: &TypeHandle,
        states: States,
        expression: &str,
        parameters: &[&str],
    ) -> Result<ReadCondition, BusError> {
        let filter = Filter::new(ty, expression, parameters)?;
        Ok(ReadCondition::new(&self.core, states, Some(filter)))
    }
}

reads!(CachedSample<T>; impl<T: TypeSupport> CachedReader<T>);
reads!(CachedSample<Bytes>; impl RawCachedReader);
reader_state!(impl<T> CachedReader<T>);
reader_statuses!(impl<T> CachedReader<T>);
reader_state!(impl RawCachedReader);
reader_statuses!(impl RawCachedReader);

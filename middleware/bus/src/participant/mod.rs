//! A member of a domain: makes readers and writers, waits for samples, knows who else is there.
//!
//! ```
//! use tidewire_bus::{Participant, Transports};
//!
//! let bus = Participant::builder()
//!     .domain(tidewire_bus::testing::free_domain())
//!     .name("plant/pump1")
//!     .transports(Transports { dds: true, shm: false })
//!     .build()?;
//! assert_eq!(bus.name(), "plant/pump1");
//! assert!(bus.topics().is_empty());
//! # Ok::<(), tidewire_bus::BusError>(())
//! ```

mod builder;
mod busy;
mod core;
mod discovery;
mod interfaces;
mod obituary;
mod points;
mod pulse;
mod wake;

use std::sync::{Arc, Weak};
use std::time::Duration;

use crossbeam_channel::Receiver;
use tidewire_filter::Filter;
use tidewire_idl::{Guid, TypeHandle, TypeSupport};
use tidewire_qos::Qos;
use tidewire_shm::Segment;
use tidewire_transport::{EndpointSpec, Prefix};

pub use builder::{Builder, Transports};
use busy::Busy;
pub(crate) use core::{Core, OwnEndpoint, OwnWriter};
pub use discovery::{EndpointInfo, Event, ParticipantInfo, TopicInfo};
pub(crate) use points::LastPoint;

use crate::error::BusError;
use crate::reader::{CachedReader, RawCachedReader, RawReader, Reader};
use crate::waitset::{GuardCondition, WaitSet};
use crate::writer::{RawWriter, Writer};

/// A topic whose type need not be known: its samples are moved as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawTopic {
    /// Topic name.
    pub name: String,
    /// DDS type name, for example `tidewire::sensor::Vibration`.
    pub type_name: String,
    /// Whether the type has key members. RTPS keeps keyed and unkeyed endpoints apart: a reader that
    /// says it wrong hears nothing. [`Participant::topics`] tells.
    pub keyed: bool,
}

impl RawTopic {
    /// Puts the three together.
    pub fn new(name: impl Into<String>, type_name: impl Into<String>, keyed: bool) -> Self {
        Self { name: name.into(), type_name: type_name.into(), keyed }
    }
}

/// A member of a domain. Cheap to clone; leaves when the last clone and the last endpoint are gone.
#[derive(Clone)]
pub struct Participant {
    // Before `leaving`, which waits for it.
    pub(crate) core: Arc<Core>,
    _leaving: Leaving,
}

/// Ends when no thread of the bus keeps the participant any more.
#[derive(Clone)]
struct Leaving {
    core: Weak<Core>,
    busy: Arc<Busy>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.busy.wait(&self.core);
    }
}

impl Participant {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        let leaving = Leaving { core: Arc::downgrade(&core), busy: core.busy.clone() };
        Self { core, _leaving: leaving }
    }

    /// Domain 0, both transports, multicast discovery on all interfaces, unless told otherwise.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A writer of `T`.
    pub fn writer<T: TypeSupport>(&self, topic: &str, qos: &Qos) -> Result<Writer<T>, BusError> {
        Writer::new(&self.core, topic, qos)
    }

    /// A reader of `T`.
    pub fn reader<T: TypeSupport>(&self, topic: &str, qos: &Qos) -> Result<Reader<T>, BusError> {
        Reader::new(&self.core, topic, qos, None, false)
    }

    /// A reader of the samples of `T` that pass a filter: a content-filtered topic (DDS 1.4,
    /// 2.2.2.3.3). The grammar is told by [`tidewire_filter`]; `parameters` are the values of `%0`,
    /// `%1`…, which [`Reader::set_expression_parameters`] changes.
    ///
    /// # Errors
    /// [`BusError::Filter`] for a wrong expression or parameter, with place and remedy.
    pub fn reader_filtered<T: TypeSupport>(
        &self,
        topic: &str,
        qos: &Qos,
        expression: &str,
        parameters: &[&str],
    ) -> Result<Reader<T>, BusError> {
        let filter = Filter::new(&T::descriptor(), expression, parameters)?;
        Reader::new(&self.core, topic, qos, Some(filter), false)
    }

    /// A writer of payloads as they are.
    pub fn raw_writer(&self, topic: &RawTopic, qos: &Qos) -> Result<RawWriter, BusError> {
        RawWriter::new(&self.core, topic, None, qos)
    }

    /// As [`raw_writer`](Self::raw_writer), of payloads of a known type, which is announced where the
    /// DDS backend can (Cyclone).
    pub fn raw_writer_of(
        &self,
        topic: &RawTopic,
        ty: &TypeHandle,
        qos: &Qos,
    ) -> Result<RawWriter, BusError> {
        RawWriter::new(&self.core, topic, Some(ty), qos)
    }

    /// A reader of payloads as they are. Instances are not told apart (the key hash of what comes
    /// over DDS is zero): see [`raw_reader_of`](Self::raw_reader_of).
    pub fn raw_reader(&self, topic: &RawTopic, qos: &Qos) -> Result<RawReader, BusError> {
        RawReader::new(&self.core, topic, None, qos, None, false)
    }

    /// A reader of payloads as they are that knows the type, so that every sample has its key hash.
    pub fn raw_reader_of(
        &self,
        topic: &RawTopic,
        ty: &TypeHandle,
        qos: &Qos,
    ) -> Result<RawReader, BusError> {
        RawReader::new(&self.core, topic, Some(ty), qos, None, false)
    }

    /// As [`raw_reader_of`](Self::raw_reader_of), of the samples that pass a filter: see
    /// [`reader_filtered`](Self::reader_filtered).
    ///
    /// # Errors
    /// [`BusError::Filter`] for a wrong expression or parameter, with place and remedy.
    pub fn raw_reader_filtered(
        &self,
        topic: &RawTopic,
        ty: &TypeHandle,
        qos: &Qos,
        expression: &str,
        parameters: &[&str],
    ) -> Result<RawReader, BusError> {
        let filter = Filter::new(ty, expression, parameters)?;
        RawReader::new(&self.core, topic, Some(ty), qos, Some(filter), false)
    }

    /// A reader of `T` that keeps what it gets, to be read with states and by instance. It is the only
    /// kind that keeps READER_DATA_LIFECYCLE.
    pub fn cached_reader<T: TypeSupport>(
        &self,
        topic: &str,
        qos: &Qos,
    ) -> Result<CachedReader<T>, BusError> {
        Reader::new(&self.core, topic, qos, None, true)?.cached()
    }

    /// As [`cached_reader`](Self::cached_reader), of payloads as they are. `ty` tells instances apart.
    ///
    /// # Errors
    /// [`BusError::UnknownKey`] if the topic has a key and `ty` does not tell it.
    pub fn raw_cached_reader(
        &self,
        topic: &RawTopic,
        ty: Option<&TypeHandle>,
        qos: &Qos,
    ) -> Result<RawCachedReader, BusError> {
        RawReader::new(&self.core, topic, ty, qos, None, true)?.cached()
    }

    /// A set of conditions of this participant's entities to wait for.
    pub fn wait_set(&self) -> WaitSet {
        WaitSet::new(&self.core)
    }

    /// A condition that is true when the application says so.
    pub fn guard_condition(&self) -> GuardCondition {
        GuardCondition::new(&self.core)
    }

    /// Waits until `topic` is discovered and says what it is, for a reader that knows but the name.
    ///
    /// # Errors
    /// [`BusError::NobodyThere`] after `timeout`.
    pub fn find_topic(&self, topic: &str, timeout: Duration) -> Result<RawTopic, BusError> {
        let deadline = std::time::Instant::now() + timeout;
        loop {
            let epoch = self.epoch();
            if let Some(found) = self.topics().into_iter().find(|t| t.name == topic) {
                return Ok(RawTopic::new(found.name, found.type_name, found.keyed));
            }
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                return Err(BusError::NobodyThere {
                    what: "writer or reader",
                    topic: topic.to_owned(),
                    waited: timeout,
                    domain: self.domain(),
                });
            }
            self.wait_since(epoch, left);
        }
    }

    /// The shared memory that writers of `topic` have on this host, by participant; none without
    /// shared memory.
    ///
    /// # Errors
    /// [`BusError::Shm`] if the topic's services cannot be looked at.
    pub fn segments(&self, topic: &RawTopic) -> Result<Vec<Segment>, BusError> {
        let Some(shm) = &self.core.shm else { return Ok(Vec::new()) };
        let spec = EndpointSpec::new(&topic.name, &topic.type_name, topic.keyed);
        Ok(shm.segments(&spec)?)
    }

    /// The type of `topic`, as a writer or reader of another participant has announced it, so that an
    /// unknown topic can be decoded. Waits up to `timeout` for its description. The RustDDS backend does
    /// not read types.
    ///
    /// # Errors
    /// [`BusError::Dds`] if nobody has announced it, or it is none that Tidewire can describe;
    /// [`BusError::NobodyThere`] if nobody else is on the topic.
    pub fn discovered_type(&self, topic: &str, timeout: Duration) -> Result<TypeHandle, BusError> {
        discovery::type_of(&self.core, topic, timeout)
    }

    /// Says that this participant is alive: its writers of MANUAL_BY_PARTICIPANT liveliness (DDS 1.4,
    /// 2.2.3.11) are asserted together. So does a write of any of them.
    pub fn assert_liveliness(&self) {
        let now = tidewire_shm::pulse_now();
        self.core.assert_liveliness(now);
        self.core.tell_liveliness(now);
    }

    /// Whether types are read from discovery, which depends on the DDS backend.
    pub fn reads_types(&self) -> bool {
        self.core.dds.as_ref().is_some_and(crate::backend::DdsParticipant::reads_types)
    }

    /// Every topic of the domain with a writer or reader, by name: what DDS discovery and shared memory
    /// have found, and our own.
    pub fn topics(&self) -> Vec<TopicInfo> {
        discovery::topics(&self.core)
    }

    /// Whether the participant of an endpoint lives, as far as this host can tell: of those on this host
    /// it knows before their lease is over.
    pub fn is_there(&self, endpoint: &Guid) -> bool {
        crate::durable::is_present(&self.core, &endpoint.prefix())
    }

    /// The durability services of the domain, by what their GUIDs begin with: see
    /// [`DurabilityService`](crate::DurabilityService).
    pub fn durability_services(&self) -> Vec<Prefix> {
        self.core.services.present(&self.core).into_iter().collect()
    }

    /// Everyone in the domain, ourselves included.
    pub fn participants(&self) -> Vec<ParticipantInfo> {
        discovery::participants(&self.core)
    }

    /// Discovery events from now on: who came and left, what matched, what does not fit and why.
    pub fn events(&self) -> Receiver<Event> {
        self.core.subscribe()
    }

    /// Blocks until a reader of this participant may have samples, or `timeout` has passed (then
    /// false). Made for one loop per thread: take from all readers until they are empty, wait, again.
    /// What comes between the taking and the waiting ends the wait at once.
    pub fn wait(&self, timeout: Duration) -> bool {
        self.core.wake.wait(|seen| self.core.wait_since(seen, timeout))
    }

    /// Counts arrivals and discoveries; wraps. For [`wait_since`](Self::wait_since).
    pub fn epoch(&self) -> u32 {
        self.core.wake.epoch()
    }

    /// Blocks until [`epoch`](Self::epoch) differs from `epoch`, or `timeout` has passed (then false).
    pub fn wait_since(&self, epoch: u32, timeout: Duration) -> bool {
        self.core.wait_since(epoch, timeout)
    }

    /// Our name, which is the collection point of what we write unless the type says otherwise.
    pub fn name(&self) -> &str {
        &self.core.name
    }

    /// The domain id.
    pub fn domain(&self) -> u16 {
        self.core.domain
    }

    /// The 12 bytes every GUID of ours begins with.
    pub fn guid_prefix(&self) -> Prefix {
        self.core.prefix
    }

    /// Which transports run: shared memory may have failed to start, then DDS carries everything.
    pub fn transports(&self) -> Transports {
        Transports { dds: self.core.dds.is_some(), shm: self.core.shm.is_some() }
    }

    /// Whether everything still runs.
    ///
    /// # Errors
    /// [`BusError::Dds`] if the DDS backend has died.
    pub fn check(&self) -> Result<(), BusError> {
        self.core.check().map_err(BusError::from)
    }
}

impl std::fmt::Debug for Participant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Participant")
            .field("name", &self.name())
            .field("domain", &self.domain())
            .field("transports", &self.transports())
            .finish_non_exhaustive()
    }
}

//! Which DDS carries samples between hosts: RustDDS, or Cyclone DDS where it was built in.
//!
//! Both have the same face; with one of them built in, an enum of one variant costs nothing.

use std::str::FromStr;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use tidewire_idl::{Guid, KeyHash, TypeDescriptor};
use tidewire_transport::dds::{
    Attendance, DdsError, DdsEvent, DdsOptions, DdsWriteError, Discovered, Sink,
};
use tidewire_transport::{EndpointSpec, Prefix};

use crate::error::BusError;

/// The implementation of DDS behind a participant.
///
/// ```
/// use tidewire_bus::Backend;
///
/// assert_eq!("rustdds".parse::<Backend>()?, Backend::RustDds);
/// assert!("fastdds".parse::<Backend>().unwrap_err().to_string().contains("cyclone"));
/// # Ok::<(), tidewire_bus::BusError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Backend {
    /// RustDDS, pure Rust, always there.
    #[default]
    RustDds,
    /// Cyclone DDS, in builds with the cargo feature `cyclone`.
    Cyclone,
}

/// Names the backend of participants that are not told which to use.
pub const BACKEND_VARIABLE: &str = "TIDEWIRE_DDS";

static CHOSEN: OnceLock<Backend> = OnceLock::new();

impl Backend {
    /// Chooses for every participant of this process that is not told otherwise; the first choice
    /// stands, and comes before the variable [`BACKEND_VARIABLE`].
    pub fn choose(self) {
        let _ = CHOSEN.set(self);
    }

    /// What participants use that are not told otherwise.
    ///
    /// # Errors
    /// [`BusError::Backend`] if [`BACKEND_VARIABLE`] names none.
    pub fn chosen() -> Result<Self, BusError> {
        if let Some(chosen) = CHOSEN.get() {
            return Ok(*chosen);
        }
        match std::env::var(BACKEND_VARIABLE) {
            Ok(name) if !name.is_empty() => name.parse(),
            _ => Ok(Self::default()),
        }
    }

    /// Whether this build has it.
    pub const fn is_built_in(self) -> bool {
        match self {
            Self::RustDds => true,
            Self::Cyclone => cfg!(feature = "cyclone"),
        }
    }

    /// `rustdds` or `cyclone`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RustDds => "rustdds",
            Self::Cyclone => "cyclone",
        }
    }
}

impl FromStr for Backend {
    type Err = BusError;

    fn from_str(name: &str) -> Result<Self, BusError> {
        [Self::RustDds, Self::Cyclone]
            .into_iter()
            .find(|backend| backend.name() == name)
            .ok_or_else(|| BusError::Backend(name.to_owned()))
    }
}

/// Runs `$run` on whichever backend `$on` is of.
macro_rules! either {
    ($on:expr, $inner:ident => $run:expr) => {
        match $on {
            Self::RustDds($inner) => $run,
            #[cfg(feature = "cyclone")]
            Self::Cyclone($inner) => $run,
        }
    };
}

#[derive(Clone)]
pub(crate) enum DdsParticipant {
    RustDds(tidewire_dds::DdsParticipant),
    #[cfg(feature = "cyclone")]
    Cyclone(tidewire_cyclone::DdsParticipant),
}

impl DdsParticipant {
    pub fn start(backend: Backend, options: DdsOptions) -> Result<Self, BusError> {
        match backend {
            Backend::RustDds => Ok(Self::RustDds(tidewire_dds::DdsParticipant::start(options)?)),
            #[cfg(feature = "cyclone")]
            Backend::Cyclone => {
                Ok(Self::Cyclone(tidewire_cyclone::DdsParticipant::start(options)?))
            }
            #[cfg(not(feature = "cyclone"))]
            Backend::Cyclone => Err(BusError::NotBuiltIn(backend)),
        }
    }

    pub fn backend(&self) -> Backend {
        match self {
            Self::RustDds(_) => Backend::RustDds,
            #[cfg(feature = "cyclone")]
            Self::Cyclone(_) => Backend::Cyclone,
        }
    }

    pub fn prefix(&self) -> Prefix {
        either!(self, dds => dds.prefix())
    }

    /// Says that the writers of MANUAL_BY_PARTICIPANT liveliness are alive; RustDDS has none.
    pub fn assert_liveliness(&self) {
        match self {
            Self::RustDds(_) => {}
            #[cfg(feature = "cyclone")]
            Self::Cyclone(dds) => dds.assert_liveliness(),
        }
    }

    pub fn observe(&self, observer: impl Fn(&DdsEvent) + Send + Sync + 'static) {
        either!(self, dds => dds.observe(observer))
    }

    /// Has those who wait for samples take them off the wire: Cyclone hands them over as they come.
    pub fn attend(&self, attendance: Weak<dyn Attendance>) {
        match self {
            Self::RustDds(dds) => dds.attend(attendance),
            #[cfg(feature = "cyclone")]
            Self::Cyclone(_) => {}
        }
    }

    /// Whether those who wait have to [`answer`](Self::answer) before and to [`collect`](Self::collect) afterwards.
    pub fn is_attended(&self) -> bool {
        match self {
            Self::RustDds(_) => true,
            #[cfg(feature = "cyclone")]
            Self::Cyclone(_) => false,
        }
    }

    /// Who begins to wait takes off the wire what has arrived.
    pub fn answer(&self) {
        match self {
            Self::RustDds(dds) => dds.answer(),
            #[cfg(feature = "cyclone")]
            Self::Cyclone(_) => {}
        }
    }

    /// Who has waited takes off the wire what it was woken for.
    pub fn collect(&self) {
        match self {
            Self::RustDds(dds) => dds.collect(),
            #[cfg(feature = "cyclone")]
            Self::Cyclone(_) => {}
        }
    }

    pub fn discovered(&self) -> Discovered {
        either!(self, dds => dds.discovered())
    }

    pub fn with_discovered<R>(&self, f: impl FnOnce(&Discovered) -> R) -> R {
        either!(self, dds => dds.with_discovered(f))
    }

    /// Whether late joiners get the last samples of each instance and no others, so that gaps in what a
    /// durable reader gets are no loss.
    pub fn trims_history(&self) -> bool {
        match self {
            Self::RustDds(_) => false,
            #[cfg(feature = "cyclone")]
            Self::Cyclone(_) => true,
        }
    }

    /// Whether [`type_of`](Self::type_of) has a chance.
    pub fn reads_types(&self) -> bool {
        match self {
            Self::RustDds(_) => false,
            #[cfg(feature = "cyclone")]
            Self::Cyclone(_) => true,
        }
    }

    /// The type that `endpoint` has announced.
    pub fn type_of(&self, endpoint: &Guid, timeout: Duration) -> Result<TypeDescriptor, DdsError> {
        match self {
            Self::RustDds(_) => {
                let _ = (endpoint, timeout);
                Err(DdsError::Unsupported {
                    backend: "RustDDS",
                    what: "reading types from discovery".to_owned(),
                    remedy: "give the type as IDL, or use the Cyclone backend",
                })
            }
            #[cfg(feature = "cyclone")]
            Self::Cyclone(dds) => dds.type_of(endpoint, timeout),
        }
    }

    pub fn check(&self) -> Result<(), DdsError> {
        either!(self, dds => dds.check())
    }

    pub fn writer(&self, spec: &EndpointSpec) -> Result<DdsWriter, DdsError> {
        Ok(match self {
            Self::RustDds(dds) => DdsWriter::RustDds(dds.writer(spec)?),
            #[cfg(feature = "cyclone")]
            Self::Cyclone(dds) => DdsWriter::Cyclone(dds.writer(spec)?),
        })
    }

    pub fn reader(&self, spec: &EndpointSpec, sink: Arc<dyn Sink>) -> Result<DdsReader, DdsError> {
        Ok(match self {
            Self::RustDds(dds) => DdsReader::RustDds(dds.reader(spec, sink)?),
            #[cfg(feature = "cyclone")]
            Self::Cyclone(dds) => DdsReader::Cyclone(dds.reader(spec, sink)?),
        })
    }
}

// One of a writer: a few hundred bytes unused do not matter, a pointer to follow would.
#[cfg_attr(feature = "cyclone", allow(clippy::large_enum_variant))]
pub(crate) enum DdsWriter {
    RustDds(tidewire_dds::DdsWriter),
    #[cfg(feature = "cyclone")]
    Cyclone(tidewire_cyclone::DdsWriter),
}

impl DdsWriter {
    pub fn guid(&self) -> Guid {
        either!(self, dds => dds.guid())
    }

    pub fn matched(&self) -> Vec<Guid> {
        either!(self, dds => dds.matched())
    }

    pub fn written(&self) -> u64 {
        either!(self, dds => dds.written())
    }

    pub fn write(&self, payload: Bytes, key: KeyHash, time: i64) -> Result<u64, DdsWriteError> {
        either!(self, dds => dds.write(payload, key, time))
    }

    pub fn dispose(
        &self,
        key_payload: Bytes,
        key: KeyHash,
        time: i64,
    ) -> Result<(), DdsWriteError> {
        either!(self, dds => dds.dispose(key_payload, key, time))
    }

    /// Without disposing it, unless `dispose`: RustDDS cannot.
    pub fn unregister(
        &self,
        key_payload: Bytes,
        key: KeyHash,
        time: i64,
        dispose: bool,
    ) -> Result<(), DdsWriteError> {
        match self {
            Self::RustDds(dds) if dispose => dds.dispose(key_payload, key, time),
            Self::RustDds(_) => Err(DdsWriteError::Unregister),
            #[cfg(feature = "cyclone")]
            Self::Cyclone(dds) => dds.unregister(key_payload, key, time, dispose),
        }
    }

    /// Says that a writer of MANUAL liveliness is alive; RustDDS has none.
    pub fn assert_liveliness(&self) -> Result<(), DdsWriteError> {
        match self {
            Self::RustDds(_) => Ok(()),
            #[cfg(feature = "cyclone")]
            Self::Cyclone(dds) => dds.assert_liveliness(),
        }
    }

    pub fn wait_for_acknowledgments(&self, timeout: Duration) -> bool {
        either!(self, dds => dds.wait_for_acknowledgments(timeout))
    }
}

pub(crate) enum DdsReader {
    RustDds(tidewire_dds::DdsReader),
    #[cfg(feature = "cyclone")]
    Cyclone(tidewire_cyclone::DdsReader),
}

impl DdsReader {
    pub fn guid(&self) -> Guid {
        either!(self, dds => dds.guid())
    }

    pub fn matched(&self) -> Vec<Guid> {
        either!(self, dds => dds.matched())
    }

    pub fn pump(&self) -> bool {
        either!(self, dds => dds.pump())
    }

    /// Whether [`pump`](Self::pump) ever has something to do: Cyclone delivers on its own thread.
    pub fn is_fetched(&self) -> bool {
        match self {
            Self::RustDds(_) => true,
            #[cfg(feature = "cyclone")]
            Self::Cyclone(_) => false,
        }
    }

    /// As `pump`, with a look for what nobody was told of.
    pub fn pump_all(&self) -> bool {
        match self {
            Self::RustDds(dds) => dds.pump_all(),
            #[cfg(feature = "cyclone")]
            Self::Cyclone(dds) => dds.pump(),
        }
    }

    /// Whether a listener is called for what arrives.
    pub fn set_called(&self, called: bool) {
        match self {
            Self::RustDds(dds) => dds.set_called(called),
            #[cfg(feature = "cyclone")]
            Self::Cyclone(_) => {}
        }
    }

    pub fn foreign(&self) -> u64 {
        either!(self, dds => dds.foreign())
    }
}

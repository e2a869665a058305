//! One participant: its entity, its discovery readers, its event thread.

use std::sync::Arc;
use std::time::Duration;

use cyclors::dds_entity_t;
use tidewire_idl::{Guid, TypeDescriptor};
use tidewire_transport::dds::{DdsError, DdsEvent, DdsOptions, Discovered, Sink};
use tidewire_transport::{EndpointSpec, Prefix};

use crate::callback;
use crate::discovery::Builtin;
use crate::domain::{Domain, joining};
use crate::event::EventThread;
use crate::qos::CQos;
use crate::reader::DdsReader;
use crate::security;
use crate::shared::Shared;
use crate::sys::{self, check};
use crate::types;
use crate::writer::DdsWriter;

/// The participant's entity, kept by all handles of it and by its endpoints.
pub(crate) struct Owner {
    pub entity: dds_entity_t,
    pub shared: Arc<Shared>,
    /// In the order in which they go after the entity.
    rest: Option<(Builtin, EventThread, Domain)>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        let (entity, rest) = (self.entity, self.rest.take());
        // What discovery tells from here on is no failure.
        let _ = self.shared.failed.set("it has left the domain".to_owned());
        callback::outside(move || {
            // SAFETY: ours; with it go its discovery readers. Deleting waits for calls that use their
            // listener's argument, which goes after.
            unsafe { cyclors::dds_delete(entity) };
            drop(rest);
        });
    }
}

/// A DDS participant on Cyclone DDS; cheap to clone, gone with the last clone and endpoint.
#[derive(Clone)]
pub struct DdsParticipant {
    owner: Arc<Owner>,
}

impl DdsParticipant {
    /// Joins the domain and starts receiving.
    pub fn start(options: DdsOptions) -> Result<Self, DdsError> {
        if options.domain > 232 {
            return Err(DdsError::Domain(options.domain));
        }
        let fail = |reason: String| joining(&options, reason);
        let mut qos = CQos::new().entity_name(&options.name).map_err(fail)?;
        if let Some(security) = &options.security {
            qos = security::apply(qos, security).map_err(|f| f.in_domain(options.domain))?;
        }
        let domain = Domain::new(&options)?;
        let entity = security::listening(|| {
            // SAFETY: the policies are valid; there is no listener.
            check(unsafe {
                cyclors::dds_create_participant(domain.id, qos.as_ptr(), std::ptr::null())
            })
        })
        .map_err(|refusal| match options.security {
            Some(_) => security::unfit(&refusal).in_domain(options.domain),
            None => fail(refusal.reason()),
        })?;
        let prefix = sys::guid_of_entity(entity).unwrap_or_default().prefix();
        let (notes, receiver) = crossbeam_channel::unbounded();
        let shared = Arc::new(Shared::new(prefix, options.security.is_some(), notes));
        let mut owner = Owner { entity, shared: shared.clone(), rest: None };
        let thread = EventThread::spawn(shared.clone(), receiver)?;
        let builtin = Builtin::start(entity, &shared).map_err(fail)?;
        owner.rest = Some((builtin, thread, domain));
        Ok(Self { owner: Arc::new(owner) })
    }

    /// The 12 bytes every GUID of this participant begins with.
    pub fn prefix(&self) -> Prefix {
        self.owner.shared.prefix
    }

    /// Calls `observer` on every discovery event from now on, on the event thread.
    pub fn observe(&self, observer: impl Fn(&DdsEvent) + Send + Sync + 'static) {
        self.owner.shared.observers.write().push(Box::new(observer));
    }

    /// What is known of the domain now.
    pub fn discovered(&self) -> Discovered {
        self.owner.shared.discovered.lock().clone()
    }

    /// Looks at what is known of the domain without copying it; `f` must be brief.
    pub fn with_discovered<R>(&self, f: impl FnOnce(&Discovered) -> R) -> R {
        f(&self.owner.shared.discovered.lock())
    }

    /// Why nothing is received any more, if so.
    pub fn check(&self) -> Result<(), DdsError> {
        match self.owner.shared.failed.get() {
            Some(reason) => Err(DdsError::Stopped(reason.clone())),
            None => Ok(()),
        }
    }

    /// Says that the writers of MANUAL_BY_PARTICIPANT liveliness are alive (DDS 1.4, 2.2.2.2.1.21).
    pub fn assert_liveliness(&self) {
        // SAFETY: the participant is ours; others are told, or are not there.
        unsafe { cyclors::dds_assert_liveliness(self.owner.entity) };
    }

    /// A writer for `spec`.
    pub fn writer(&self, spec: &EndpointSpec) -> Result<DdsWriter, DdsError> {
        self.check()?;
        DdsWriter::new(&self.owner, spec)
    }

    /// A reader for `spec` that hands everything to `sink`.
    pub fn reader(&self, spec: &EndpointSpec, sink: Arc<dyn Sink>) -> Result<DdsReader, DdsError> {
        self.check()?;
        DdsReader::new(&self.owner, spec, sink)
    }

    /// The type that `endpoint`, another participant's, has announced: read from its TypeInformation,
    /// and asked for over the type lookup service (DDS-XTypes 1.3, 7.6.3.3.4) for up to `timeout`.
    ///
    /// # Errors
    /// [`DdsError::Type`] if it has announced none, does not answer, or has a type we cannot describe.
    pub fn type_of(&self, endpoint: &Guid, timeout: Duration) -> Result<TypeDescriptor, DdsError> {
        types::of_endpoint(&self.owner, endpoint, timeout)
    }
}

//! What readers and writers of ours have in common: entities, listener, what we know of them.

use std::collections::BTreeSet;
use std::ffi::{CString, c_void};
use std::sync::Arc;

use cyclors::{dds_entity_t, dds_listener_t};
use tidewire_idl::Guid;
use tidewire_qos::{Policy, Qos, check};
use tidewire_transport::EndpointSpec;
use tidewire_transport::dds::{DdsError, DdsEvent, DdsStatus, Discovered, RemoteEndpoint};

use crate::callback;
use crate::participant::Owner;
use crate::qos::accepted;
use crate::shared::{Note, Shared};
use crate::sys;

/// One of our endpoints, for the event thread.
pub(crate) struct Own {
    pub guid: Guid,
    pub writer: bool,
    pub topic: String,
    pub type_name: String,
    pub qos: Qos,
    /// Whom we have told of as incompatible.
    told: BTreeSet<Guid>,
}

impl Own {
    /// Endpoints of the other side whose policies do not fit, and of which nobody was told yet.
    ///
    /// Cyclone tells that there is one, not which.
    pub fn incompatible(&mut self, known: &Discovered) -> Vec<DdsEvent> {
        let others = if self.writer { &known.readers } else { &known.writers };
        let misfit = |remote: &&RemoteEndpoint| {
            let (offered, requested) = self.offered_requested(&remote.qos);
            remote.topic == self.topic
                && remote.type_name == self.type_name
                // Endpoints of different partitions do not meet; that is no misfit (DDS 1.4, 2.2.3.13).
                && check(offered, requested).iter().any(|m| m.policy != Policy::Partition)
        };
        let found: Vec<&RemoteEndpoint> =
            others.values().filter(misfit).filter(|r| !self.told.contains(&r.guid)).collect();
        let events = found.iter().map(|remote| {
            let (offered, requested) = self.offered_requested(&remote.qos);
            DdsEvent::Incompatible {
                local: self.guid,
                remote: remote.guid,
                offered: Box::new(offered.clone()),
                requested: Box::new(requested.clone()),
            }
        });
        let events: Vec<DdsEvent> = events.collect();
        self.told.extend(found.into_iter().map(|remote| remote.guid));
        events
    }

    fn offered_requested<'a>(&'a self, theirs: &'a Qos) -> (&'a Qos, &'a Qos) {
        if self.writer { (&self.qos, theirs) } else { (theirs, &self.qos) }
    }
}

/// A reader or writer of Cyclone's with its topic; both go when it is dropped.
pub(crate) struct Endpoint {
    pub entity: dds_entity_t,
    pub guid: Guid,
    pub owner: Arc<Owner>,
    topic: dds_entity_t,
    listener: Listener,
}

impl Endpoint {
    /// Puts `entity`, just created on `topic` with `listener`, among our endpoints.
    pub fn new(
        owner: &Arc<Owner>,
        entity: dds_entity_t,
        topic: dds_entity_t,
        listener: Listener,
        spec: &EndpointSpec,
        writer: bool,
    ) -> Result<Self, DdsError> {
        let guid = sys::guid_of_entity(entity).unwrap_or_default();
        let endpoint = Self { entity, guid, owner: owner.clone(), topic, listener };
        if guid == Guid::default() {
            return Err(fail(spec, writer, "its GUID cannot be read".to_owned()));
        }
        let mut qos = spec.qos.clone();
        if !writer {
            qos.data_representation = accepted(&spec.qos);
        }
        let own = Own {
            guid,
            writer,
            topic: spec.topic.clone(),
            type_name: spec.type_name.clone(),
            qos,
            told: BTreeSet::new(),
        };
        owner.shared.own.lock().insert(entity, own);
        // Reviews since the entity was created found it unknown.
        owner.shared.note(Note::Review(entity));
        Ok(endpoint)
    }

    /// Endpoints matched now.
    pub fn matched(&self) -> Vec<Guid> {
        self.owner.shared.discovered.lock().matched(&self.guid)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let shared = &self.owner.shared;
        shared.own.lock().remove(&self.entity);
        shared.discovered.lock().matches.remove(&self.guid);
        let (entity, topic) = (self.entity, self.topic);
        let (listener, owner) = (self.listener.take(), self.owner.clone());
        callback::outside(move || {
            // SAFETY: handles that are gone give an error, which does not matter. Deleting waits for
            // calls that use the listener's argument.
            unsafe {
                cyclors::dds_delete(entity);
                cyclors::dds_delete(topic);
            }
            owner.shared.matches.forget(entity);
            drop((listener, owner));
        });
    }
}

pub(crate) fn fail(spec: &EndpointSpec, writer: bool, reason: String) -> DdsError {
    DdsError::Endpoint {
        role: if writer { "writer" } else { "reader" },
        topic: spec.topic.clone(),
        reason,
    }
}

/// A name as C has it.
pub(crate) fn c_string(name: &str) -> Result<CString, String> {
    CString::new(name).map_err(|_| format!("`{}` has a NUL in it", name.escape_debug()))
}

/// Cyclone's listener and the argument of its calls.
pub(crate) struct Listener {
    listener: *mut dds_listener_t,
    /// Not a reference, so that it may move; freed with the listener.
    shared: *const Shared,
}

// SAFETY: both pointers are owned; `Shared` is `Sync`, and Cyclone copies listeners.
unsafe impl Send for Listener {}
// SAFETY: as above.
unsafe impl Sync for Listener {}

impl Listener {
    /// Calls go to `shared`.
    pub fn new(shared: &Arc<Shared>) -> Self {
        let shared = Arc::into_raw(shared.clone());
        // SAFETY: the argument lives as long as the listener, and that as long as its entity.
        let listener = unsafe { cyclors::dds_create_listener(shared.cast_mut().cast()) };
        Self { listener, shared }
    }

    pub fn as_ptr(&self) -> *const dds_listener_t {
        self.listener
    }

    pub fn set(&self, set: impl FnOnce(*mut dds_listener_t)) {
        set(self.listener);
    }

    /// For readers: matches, misfits and liveliness.
    pub fn of_reader(shared: &Arc<Shared>) -> Self {
        let new = Self::new(shared);
        // SAFETY: the listener is valid, and so are the functions' types.
        unsafe {
            cyclors::dds_lset_subscription_matched(new.listener, Some(subscription_matched));
            cyclors::dds_lset_requested_incompatible_qos(new.listener, Some(requested_misfit));
            cyclors::dds_lset_liveliness_changed(new.listener, Some(liveliness_changed));
        }
        new
    }

    /// For writers: matches, misfits, liveliness and deadlines.
    pub fn of_writer(shared: &Arc<Shared>) -> Self {
        let new = Self::new(shared);
        // SAFETY: the listener is valid, and so are the functions' types.
        unsafe {
            cyclors::dds_lset_publication_matched(new.listener, Some(publication_matched));
            cyclors::dds_lset_offered_incompatible_qos(new.listener, Some(offered_misfit));
            cyclors::dds_lset_liveliness_lost(new.listener, Some(liveliness_lost));
            cyclors::dds_lset_offered_deadline_missed(new.listener, Some(deadline_missed));
        }
        new
    }

    /// Leaves an empty one.
    fn take(&mut self) -> Self {
        let taken = Self { listener: self.listener, shared: self.shared };
        (self.listener, self.shared) = (std::ptr::null_mut(), std::ptr::null());
        taken
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if !self.shared.is_null() {
            // SAFETY: both are of `new`, and the entity that used them is gone.
            unsafe {
                cyclors::dds_delete_listener(self.listener);
                drop(Arc::from_raw(self.shared));
            }
        }
    }
}

/// The argument of a call from Cyclone.
///
/// # Safety
/// `argument` is a listener's of ours.
pub(crate) unsafe fn shared<'a>(argument: *mut c_void) -> &'a Shared {
    // SAFETY: the listener keeps it while its entity exists.
    unsafe { &*argument.cast::<Shared>() }
}

unsafe extern "C" fn subscription_matched(
    entity: dds_entity_t,
    status: cyclors::dds_subscription_matched_status_t,
    argument: *mut c_void,
) {
    // SAFETY: our listener.
    let shared = unsafe { shared(argument) };
    // Called for each change.
    let (other, change) = (status.last_publication_handle, status.current_count_change);
    shared.matches.changed(entity, other, change);
    shared.note(Note::Review(entity));
}

unsafe extern "C" fn publication_matched(
    entity: dds_entity_t,
    status: cyclors::dds_publication_matched_status_t,
    argument: *mut c_void,
) {
    // SAFETY: our listener.
    let shared = unsafe { shared(argument) };
    let (other, change) = (status.last_subscription_handle, status.current_count_change);
    shared.matches.changed(entity, other, change);
    shared.note(Note::Review(entity));
}

unsafe extern "C" fn requested_misfit(
    entity: dds_entity_t,
    _status: cyclors::dds_requested_incompatible_qos_status_t,
    argument: *mut c_void,
) {
    // SAFETY: our listener.
    unsafe { shared(argument) }.note(Note::Review(entity));
}

unsafe extern "C" fn offered_misfit(
    entity: dds_entity_t,
    _status: cyclors::dds_offered_incompatible_qos_status_t,
    argument: *mut c_void,
) {
    // SAFETY: our listener.
    unsafe { shared(argument) }.note(Note::Review(entity));
}

unsafe extern "C" fn liveliness_changed(
    entity: dds_entity_t,
    status: cyclors::dds_liveliness_changed_status_t,
    argument: *mut c_void,
) {
    // Called for each change: one writer came, fell silent, is heard of again, or left.
    let is_alive = match (status.alive_count_change, status.not_alive_count_change) {
        (_, 1..) => Some(false),
        (1.., _) => Some(true),
        _ => None,
    };
    let changed = DdsStatus::LivelinessChanged {
        writer: None,
        is_alive,
        alive: status.alive_count,
        not_alive: status.not_alive_count,
    };
    // SAFETY: our listener.
    unsafe { shared(argument) }.note(Note::Status(entity, changed, status.last_publication_handle));
}

unsafe extern "C" fn liveliness_lost(
    entity: dds_entity_t,
    status: cyclors::dds_liveliness_lost_status_t,
    argument: *mut c_void,
) {
    let lost = DdsStatus::LivelinessLost { total: status.total_count };
    // SAFETY: our listener.
    unsafe { shared(argument) }.note(Note::Status(entity, lost, 0));
}

unsafe extern "C" fn deadline_missed(
    entity: dds_entity_t,
    status: cyclors::dds_offered_deadline_missed_status_t,
    argument: *mut c_void,
) {
    let missed = DdsStatus::OfferedDeadlineMissed { total: status.total_count };
    // SAFETY: our listener.
    unsafe { shared(argument) }.note(Note::Status(entity, missed, 0));
}

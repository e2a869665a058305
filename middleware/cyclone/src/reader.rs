//! Readers: samples go to their sink on Cyclone's receive threads.

use std::sync::Arc;

use cyclors::dds_entity_t;
use tidewire_idl::Guid;
use tidewire_transport::EndpointSpec;
use tidewire_transport::dds::{DdsError, Sink};

use crate::cache::Cache;
use crate::endpoint::{Endpoint, Listener};
use crate::participant::Owner;
use crate::sys::check;
use crate::{qos, security, sertype};

/// A reader on the wire; dropping it leaves the topic.
pub struct DdsReader {
    endpoint: Endpoint,
}

/// The entities of a reader and its topic.
fn create(
    owner: &Owner,
    spec: &EndpointSpec,
    listener: &Listener,
    sink: Arc<dyn Sink>,
) -> Result<(dds_entity_t, dds_entity_t), String> {
    let policies = qos::reader(&spec.qos)?;
    let (topic, _) = sertype::topic(owner.entity, spec)?;
    let cache = Cache::make(sink, spec.keyed, owner.shared.clone());
    // SAFETY: everything is valid; Cyclone owns the cache if the call succeeds, and keeps the listener's
    // argument, which lives as long as the endpoint.
    let created = unsafe {
        let created = check(cyclors::dds_create_reader_rhc(
            owner.entity,
            topic,
            policies.as_ptr(),
            listener.as_ptr(),
            cache,
        ));
        if created.is_err() {
            Cache::discard(cache);
            cyclors::dds_delete(topic);
        }
        created
    };
    Ok((created?, topic))
}

impl DdsReader {
    pub(crate) fn new(
        owner: &Arc<Owner>,
        spec: &EndpointSpec,
        sink: Arc<dyn Sink>,
    ) -> Result<Self, DdsError> {
        let listener = Listener::of_reader(&owner.shared);
        let (entity, topic) = security::listening(|| create(owner, spec, &listener, sink))
            .map_err(|refusal| security::refused(spec, false, &refusal))?;
        Ok(Self { endpoint: Endpoint::new(owner, entity, topic, listener, spec, false)? })
    }

    /// Its GUID.
    pub fn guid(&self) -> Guid {
        self.endpoint.guid
    }

    /// Writers matched now.
    pub fn matched(&self) -> Vec<Guid> {
        self.endpoint.matched()
    }

    /// Nothing: samples reach the sink as they arrive, on the thread that took them off the wire.
    pub fn pump(&self) -> bool {
        true
    }

    /// Samples dropped because their writer announced another type: none, Cyclone does not match such
    /// writers.
    pub fn foreign(&self) -> u64 {
        0
    }
}

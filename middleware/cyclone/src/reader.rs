//! Readers: samples go to their sink on Cyclone's receive threads.

use std::sync::Arc;

use tidewire_idl::Guid;
use tidewire_transport::EndpointSpec;
use tidewire_transport::dds::{DdsError, Sink};

use crate::cache::Cache;
use crate::endpoint::{Endpoint, Listener, c_string, fail};
use crate::participant::Owner;
use crate::sys::check;
use crate::{qos, sertype};

/// A reader on the wire; dropping it leaves the topic.
pub struct DdsReader {
    endpoint: Endpoint,
}

impl DdsReader {
    pub(crate) fn new(
        owner: &Arc<Owner>,
        spec: &EndpointSpec,
        sink: Arc<dyn Sink>,
    ) -> Result<Self, DdsError> {
        let fail = |reason| fail(spec, false, reason);
        let policies = qos::reader(&spec.qos).map_err(fail)?;
        let (topic, _) = c_string(&spec.topic)
            .and_then(|name| Ok((name, c_string(&spec.type_name)?)))
            .and_then(|(name, ty)| {
                let policies = qos::topic(&spec.qos);
                sertype::topic(owner.entity, &name, &ty, spec.keyed, policies.as_ptr())
            })
            .map_err(fail)?;
        let listener = Listener::of_reader(&owner.shared);
        let cache = Cache::make(sink, spec.keyed, owner.shared.clone());
        // SAFETY: everything is valid; Cyclone owns the cache if the call succeeds, and keeps the
        // listener's argument, which lives as long as the endpoint.
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
        let entity = created.map_err(fail)?;
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
    pub fn pump(&self) {}

    /// Samples dropped because their writer announced another type: none, Cyclone does not match such
    /// writers.
    pub fn foreign(&self) -> u64 {
        0
    }
}

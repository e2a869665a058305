//! A place among the readers of a topic, and how much room it has.

use iceoryx2::port::subscriber::SubscriberCreateError;
use tidewire_qos::History;
use tidewire_transport::EndpointSpec;

use crate::domain::Shared;
use crate::error::ShmError;
use crate::presence::Lane;
use crate::service::{self, Factory, MAX_BUFFER, Subscriber};

/// Least room for samples a reader has not taken yet. A queue between processes needs some slack even
/// where the history is shorter; trimming to KEEP_LAST depth per instance is the caller's.
const MIN_BUFFER: usize = 64;

/// A place on the narrowest lane that has one.
pub(super) fn subscribe(
    shared: &Shared,
    spec: &EndpointSpec,
    reliable: bool,
    buffer: usize,
) -> Result<(Lane, Factory, Subscriber), ShmError> {
    let mut lane = Lane::of(reliable);
    loop {
        let factory = service::open(&shared.node, spec, lane)?;
        let error = match factory.subscriber_builder().buffer_size(buffer).create() {
            Ok(subscriber) => return Ok((lane, factory, subscriber)),
            Err(error) => error,
        };
        lane = match (error, lane.wider()) {
            (SubscriberCreateError::ExceedsMaxSupportedSubscribers, Some(wider)) => wider,
            (SubscriberCreateError::ExceedsMaxSupportedSubscribers, None) => {
                return Err(ShmError::Limit {
                    what: "the readers",
                    of: spec.topic.clone(),
                    limit: Lane::all_widths(),
                    instead: "topics",
                });
            }
            (error, _) => {
                return Err(ShmError::Backend {
                    action: format!("making a reader of `{}`", spec.topic),
                    detail: format!("{error:?}"),
                });
            }
        };
    }
}

/// Reliability and queue length for a reader's QoS. RELIABLE readers get all the room there is,
/// unless their resource limits say less: a full queue makes writers wait.
pub(super) fn queue(spec: &EndpointSpec) -> (bool, usize) {
    let qos = &spec.qos;
    let limit = qos.resource_limits.max_samples.map_or(MAX_BUFFER, |n| n as usize);
    if qos.reliability.is_reliable() {
        return (true, limit.clamp(MIN_BUFFER / 4, MAX_BUFFER));
    }
    let instances = if spec.keyed { 16 } else { 1 };
    let wanted = match qos.history {
        History::KeepLast(depth) => (depth as usize).saturating_mul(instances).min(limit),
        History::KeepAll => limit,
    };
    (false, wanted.clamp(MIN_BUFFER, MAX_BUFFER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidewire_qos::Qos;

    #[test]
    fn queues_follow_the_readers_policies() {
        let mut spec = EndpointSpec::new("t", "T", false);
        spec.qos = Qos::sensor_data();
        assert_eq!(queue(&spec), (false, 64));
        spec.qos.history = History::KeepLast(300);
        assert_eq!(queue(&spec), (false, 300));
        spec.qos.resource_limits.max_samples = Some(100);
        assert_eq!(queue(&spec), (false, 100));
        spec.qos = Qos::reliable();
        spec.qos.resource_limits.max_samples = None;
        assert_eq!(queue(&spec), (true, MAX_BUFFER));
        spec.qos.resource_limits.max_samples = Some(1);
        assert_eq!(queue(&spec), (true, 16));
    }
}

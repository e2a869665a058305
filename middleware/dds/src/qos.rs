//! Between our policies and RustDDS's, and what RustDDS cannot keep.

use rustdds::policy as p;
use rustdds::{QosPolicies, QosPolicyBuilder};
use tidewire_qos::policy::{
    AccessScope, DataRepresentation, DestinationOrder, Durability, History, Liveliness,
    LivelinessKind, Ownership, Presentation, Reliability,
};
use tidewire_qos::{Duration, Qos};

/// Deepest history a RustDDS writer can offer to a late joiner: its reader proxies drop what is
/// older (`MAX_UNSENT_CHANGES_PER_READER`).
pub(crate) const MAX_WRITER_HISTORY: i32 = 8192;

fn to_duration(value: Duration) -> rustdds::Duration {
    match value.to_std() {
        Some(value) => rustdds::Duration::from_std(value),
        None => rustdds::Duration::INFINITE,
    }
}

fn from_duration(value: rustdds::Duration) -> Duration {
    if value == rustdds::Duration::INFINITE {
        return Duration::INFINITE;
    }
    // The wire counts in 2^-32 s and both conversions round down, so 20 ms would come back a
    // nanosecond short.
    let below = Duration::from_nanos(value.to_nanoseconds().max(0) as u64);
    let above = Duration::from_nanos(below.nanos().unwrap_or(0) + 1);
    if to_duration(above) == value { above } else { below }
}

/// Every policy discovery announces; history and limits are not announced and set by the callers.
fn announced(qos: &Qos) -> QosPolicyBuilder {
    let reliability = match qos.reliability {
        Reliability::BestEffort => p::Reliability::BestEffort,
        Reliability::Reliable { max_blocking_time } => {
            p::Reliability::Reliable { max_blocking_time: to_duration(max_blocking_time) }
        }
    };
    let lease_duration = to_duration(qos.liveliness.lease);
    QosPolicyBuilder::new()
        .reliability(reliability)
        .durability(match qos.durability {
            Durability::Volatile => p::Durability::Volatile,
            Durability::TransientLocal => p::Durability::TransientLocal,
            Durability::Transient => p::Durability::Transient,
            Durability::Persistent => p::Durability::Persistent,
        })
        .deadline(p::Deadline(to_duration(qos.deadline)))
        .latency_budget(p::LatencyBudget { duration: to_duration(qos.latency_budget) })
        .lifespan(p::Lifespan { duration: to_duration(qos.lifespan) })
        .liveliness(match qos.liveliness.kind {
            LivelinessKind::Automatic => p::Liveliness::Automatic { lease_duration },
            LivelinessKind::ManualByParticipant => {
                p::Liveliness::ManualByParticipant { lease_duration }
            }
            LivelinessKind::ManualByTopic => p::Liveliness::ManualByTopic { lease_duration },
        })
        .ownership(match qos.ownership {
            Ownership::Shared => p::Ownership::Shared,
            Ownership::Exclusive => p::Ownership::Exclusive { strength: qos.ownership_strength },
        })
        .destination_order(match qos.destination_order {
            DestinationOrder::ByReceptionTimestamp => p::DestinationOrder::ByReceptionTimestamp,
            DestinationOrder::BySourceTimestamp => p::DestinationOrder::BySourceTimeStamp,
        })
        .presentation(p::Presentation {
            access_scope: match qos.presentation.access_scope {
                AccessScope::Instance => p::PresentationAccessScope::Instance,
                AccessScope::Topic => p::PresentationAccessScope::Topic,
                AccessScope::Group => p::PresentationAccessScope::Group,
            },
            coherent_access: qos.presentation.coherent_access,
            ordered_access: qos.presentation.ordered_access,
        })
}

fn representations(list: &[DataRepresentation]) -> p::DataRepresentation {
    p::DataRepresentation { value: list.iter().map(|r| r.id()).collect() }
}

/// What the topic of a writer is given: no room, as the receive cache of the topic would have as much as
/// the writer.
pub(crate) fn topic_policies(qos: &Qos) -> QosPolicies {
    announced(qos)
        .history(p::History::KeepLast { depth: 1 })
        .resource_limits(p::ResourceLimits {
            max_samples: 1,
            max_instances: 1,
            max_samples_per_instance: 1,
        })
        .build()
}

/// What a RustDDS writer is given. Its history is per writer and not per instance, so a keyed durable
/// writer keeps as much as RustDDS can, and readers trim.
pub(crate) fn writer_policies(qos: &Qos, keyed: bool, payload: Option<usize>) -> QosPolicies {
    let limits = |n: i32| p::ResourceLimits {
        max_samples: n,
        max_instances: n,
        max_samples_per_instance: n,
    };
    let durable = qos.durability > Durability::Volatile;
    let builder = announced(qos);
    let builder = if durable {
        let depth = match qos.for_late_joiners().0 {
            History::KeepLast(depth) if !keyed => {
                i32::try_from(depth).unwrap_or(MAX_WRITER_HISTORY).min(MAX_WRITER_HISTORY)
            }
            _ => MAX_WRITER_HISTORY,
        };
        builder.history(p::History::KeepLast { depth }).resource_limits(limits(MAX_WRITER_HISTORY))
    } else {
        let (depth, kept) = if qos.reliability.is_reliable() {
            (1, send_window(qos, payload))
        } else {
            (MAX_WRITER_HISTORY, unsent(payload))
        };
        builder
            .history(p::History::KeepLast { depth: depth.min(kept) })
            .resource_limits(limits(kept))
    };
    builder.build().with_data_representation(representations(&qos.representations()[..1]))
}

/// Unacknowledged samples a volatile RELIABLE writer may have under way. As many as fit the 208 KiB
/// receive buffer that Linux gives a socket by default, one datagram each: what overflows is repaired
/// only after 100 ms, and then there is a burst again.
fn send_window(qos: &Qos, payload: Option<usize>) -> i32 {
    let by_bytes = (1 << 20) / payload.unwrap_or(1 << 10).max(1);
    // Limits by instance bound all together: RustDDS counts samples alone.
    let limits = [qos.resource_limits.max_samples, qos.resource_limits.max_samples_per_instance];
    let by_qos = limits.iter().flatten().min().map_or(usize::MAX, |n| *n as usize);
    by_bytes.min(by_qos).clamp(4, 256) as i32
}

/// Samples a BEST_EFFORT writer keeps until its thread has sent them.
fn unsent(payload: Option<usize>) -> i32 {
    ((16 << 20) / payload.unwrap_or(1 << 10).max(1)).clamp(16, 4096) as i32
}

/// What a RustDDS reader is given: KEEP_ALL, because the receive thread takes samples at once and the
/// bus keeps what the user asked for.
pub(crate) fn reader_policies(qos: &Qos, samples: i32) -> QosPolicies {
    let accepted = if qos.data_representation.is_empty() {
        // Payloads are not decoded here, so a reader that says nothing takes either.
        representations(&[DataRepresentation::Xcdr1, DataRepresentation::Xcdr2])
    } else {
        representations(&qos.data_representation)
    };
    announced(qos)
        .history(p::History::KeepAll)
        .resource_limits(p::ResourceLimits {
            max_samples: samples,
            max_instances: i32::MAX,
            max_samples_per_instance: i32::MAX,
        })
        .time_based_filter(p::TimeBasedFilter {
            minimum_separation: to_duration(qos.time_based_filter),
        })
        .build()
        .with_data_representation(accepted)
}

/// What discovery told of a remote endpoint; policies RustDDS does not read stay at their defaults.
pub(crate) fn from_policies(policies: &QosPolicies, writer: bool) -> Qos {
    let mut qos = if writer { Qos::default_writer() } else { Qos::default_reader() };
    match policies.reliability() {
        Some(p::Reliability::BestEffort) => qos.reliability = Reliability::BestEffort,
        Some(p::Reliability::Reliable { max_blocking_time }) => {
            qos.reliability =
                Reliability::Reliable { max_blocking_time: from_duration(max_blocking_time) };
        }
        None => {}
    }
    qos.durability = match policies.durability() {
        None | Some(p::Durability::Volatile) => Durability::Volatile,
        Some(p::Durability::TransientLocal) => Durability::TransientLocal,
        Some(p::Durability::Transient) => Durability::Transient,
        Some(p::Durability::Persistent) => Durability::Persistent,
    };
    match policies.history() {
        Some(p::History::KeepAll) => qos.history = History::KeepAll,
        Some(p::History::KeepLast { depth }) => {
            qos.history = History::KeepLast(u32::try_from(depth).unwrap_or(1));
        }
        None => {}
    }
    if let Some(p::Deadline(period)) = policies.deadline() {
        qos.deadline = from_duration(period);
    }
    if let Some(budget) = policies.latency_budget() {
        qos.latency_budget = from_duration(budget.duration);
    }
    if let Some(lifespan) = policies.lifespan() {
        qos.lifespan = from_duration(lifespan.duration);
    }
    if let Some(filter) = policies.time_based_filter() {
        qos.time_based_filter = from_duration(filter.minimum_separation);
    }
    if let Some(liveliness) = policies.liveliness() {
        qos.liveliness = Liveliness {
            kind: match liveliness {
                p::Liveliness::Automatic { .. } => LivelinessKind::Automatic,
                p::Liveliness::ManualByParticipant { .. } => LivelinessKind::ManualByParticipant,
                p::Liveliness::ManualByTopic { .. } => LivelinessKind::ManualByTopic,
            },
            lease: from_duration(liveliness.duration()),
        };
    }
    if let Some(p::Ownership::Exclusive { strength }) = policies.ownership() {
        qos.ownership = Ownership::Exclusive;
        qos.ownership_strength = strength;
    }
    if policies.destination_order() == Some(p::DestinationOrder::BySourceTimeStamp) {
        qos.destination_order = DestinationOrder::BySourceTimestamp;
    }
    if let Some(presentation) = policies.presentation() {
        qos.presentation = Presentation {
            access_scope: match presentation.access_scope {
                p::PresentationAccessScope::Instance => AccessScope::Instance,
                p::PresentationAccessScope::Topic => AccessScope::Topic,
                p::PresentationAccessScope::Group => AccessScope::Group,
            },
            coherent_access: presentation.coherent_access,
            ordered_access: presentation.ordered_access,
        };
    }
    if let Some(list) = policies.data_representation() {
        qos.data_representation =
            list.value.iter().filter_map(|id| DataRepresentation::from_id(*id)).collect();
    }
    qos
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announced_policies_come_back_the_same() {
        let qos = Qos {
            deadline: Duration::from_millis(20),
            liveliness: Liveliness {
                kind: LivelinessKind::ManualByTopic,
                lease: Duration::from_secs(3),
            },
            destination_order: DestinationOrder::BySourceTimestamp,
            data_representation: vec![DataRepresentation::Xcdr2],
            ..Qos::event()
        };
        let mut back = from_policies(&writer_policies(&qos, true, None), true);
        assert_eq!(back.history, History::KeepLast(MAX_WRITER_HISTORY as u32));
        back.history = qos.history;
        assert_eq!(back.deadline, qos.deadline);
        assert_eq!(back, qos);
    }

    #[test]
    fn the_lesser_limit_bounds_what_is_under_way() {
        let mut qos = Qos::reliable();
        let mut window = |max_samples, max_samples_per_instance| {
            let limits = &mut qos.resource_limits;
            (limits.max_samples, limits.max_samples_per_instance) =
                (max_samples, max_samples_per_instance);
            writer_policies(&qos, true, None).resource_limits().unwrap().max_samples
        };
        assert_eq!(window(None, None), 256);
        assert_eq!((window(Some(16), None), window(None, Some(8))), (16, 8));
        assert_eq!((window(Some(16), Some(8)), window(Some(1), None)), (8, 4));
    }

    #[test]
    fn the_topic_of_a_writer_asks_for_no_room_to_receive() {
        let room = |policies: QosPolicies| policies.resource_limits().unwrap().max_samples;
        for qos in [Qos::reliable(), Qos::event(), Qos::sensor_data()] {
            assert!(room(writer_policies(&qos, false, None)) >= 256);
            assert_eq!(room(topic_policies(&qos)), 1);
            assert_eq!(from_policies(&topic_policies(&qos), true).reliability, qos.reliability);
        }
    }
}

//! Ours into Cyclone's: what topics, writers and readers are made with.

use std::ffi::{CString, c_char};

use cyclors as c;
use tidewire_qos::policy::{
    AccessScope, DataRepresentation, DestinationOrder, Durability, History, LivelinessKind,
    Ownership, Reliability, ResourceLimits, TypeConsistencyKind,
};
use tidewire_qos::{Duration, Qos};

use super::CQos;
use crate::batch::Batch;
use crate::endpoint::c_string;
use crate::sys::to_nanos;

fn count(limit: Option<u32>) -> i32 {
    limit.map_or(c::DDS_LENGTH_UNLIMITED, |n| i32::try_from(n).unwrap_or(i32::MAX))
}

fn history(history: History) -> (c::dds_history_kind_t, i32) {
    match history {
        History::KeepAll => (c::dds_history_kind_DDS_HISTORY_KEEP_ALL, c::DDS_LENGTH_UNLIMITED),
        History::KeepLast(depth) => (
            c::dds_history_kind_DDS_HISTORY_KEEP_LAST,
            i32::try_from(depth).unwrap_or(i32::MAX).max(1),
        ),
    }
}

/// What a topic is given: `topic_data` alone; everything else is the endpoint's.
pub(crate) fn topic(qos: &Qos) -> CQos {
    let to = CQos::new();
    if !qos.topic_data.is_empty() {
        // SAFETY: the bytes are copied.
        unsafe {
            c::dds_qset_topicdata(to.0, qos.topic_data.as_ptr().cast(), qos.topic_data.len());
        }
    }
    to
}

/// What a writer is given. Samples stay until every RELIABLE reader has them, whatever the depth:
/// Cyclone would give up those that newer ones replace. Depth is what late joiners get, per instance.
pub(crate) fn writer(qos: &Qos) -> Result<CQos, String> {
    let to = common(qos)?;
    let (kept, limits) = qos.for_late_joiners();
    let ResourceLimits { max_samples, max_instances, max_samples_per_instance } = limits;
    let (kind, depth) = history(kept);
    let first = [qos.representations()[0].id()];
    // SAFETY: values and ranges are valid, and copied.
    unsafe {
        c::dds_qset_history(to.0, c::dds_history_kind_DDS_HISTORY_KEEP_ALL, -1);
        c::dds_qset_durability_service(
            to.0,
            to_nanos(qos.durability_service.service_cleanup_delay),
            kind,
            depth,
            count(max_samples),
            count(max_instances),
            count(max_samples_per_instance),
        );
        c::dds_qset_lifespan(to.0, to_nanos(qos.lifespan));
        c::dds_qset_writer_batching(to.0, Batch::budget(qos).is_some());
        c::dds_qset_transport_priority(to.0, qos.transport_priority);
        c::dds_qset_ownership_strength(to.0, qos.ownership_strength);
        c::dds_qset_writer_data_lifecycle(
            to.0,
            qos.writer_data_lifecycle.autodispose_unregistered_instances,
        );
        c::dds_qset_data_representation(to.0, 1, first.as_ptr());
    }
    Ok(to)
}

/// The representations a reader takes: payloads are not decoded here, so one that says nothing takes
/// either.
pub(crate) fn accepted(qos: &Qos) -> Vec<DataRepresentation> {
    if qos.data_representation.is_empty() {
        return vec![DataRepresentation::Xcdr1, DataRepresentation::Xcdr2];
    }
    qos.data_representation.clone()
}

/// What a reader is given: no history, which is the bus's.
pub(crate) fn reader(qos: &Qos) -> Result<CQos, String> {
    let to = common(qos)?;
    let accepted: Vec<i16> =
        accepted(qos).into_iter().map(|representation| representation.id()).collect();
    let (consistency, lifecycle) = (&qos.type_consistency, &qos.reader_data_lifecycle);
    let kind = match consistency.kind {
        TypeConsistencyKind::AllowTypeCoercion => {
            c::dds_type_consistency_kind_DDS_TYPE_CONSISTENCY_ALLOW_TYPE_COERCION
        }
        TypeConsistencyKind::DisallowTypeCoercion => {
            c::dds_type_consistency_kind_DDS_TYPE_CONSISTENCY_DISALLOW_TYPE_COERCION
        }
    };
    // SAFETY: values and ranges are valid, and copied.
    unsafe {
        c::dds_qset_history(to.0, c::dds_history_kind_DDS_HISTORY_KEEP_ALL, -1);
        c::dds_qset_time_based_filter(to.0, to_nanos(qos.time_based_filter));
        c::dds_qset_reader_data_lifecycle(
            to.0,
            to_nanos(lifecycle.autopurge_nowriter_samples_delay),
            to_nanos(lifecycle.autopurge_disposed_samples_delay),
        );
        c::dds_qset_type_consistency(
            to.0,
            kind,
            consistency.ignore_sequence_bounds,
            consistency.ignore_string_bounds,
            consistency.ignore_member_names,
            consistency.prevent_type_widening,
            consistency.force_type_validation,
        );
        c::dds_qset_data_representation(to.0, accepted.len() as u32, accepted.as_ptr());
    }
    Ok(to)
}

fn common(qos: &Qos) -> Result<CQos, String> {
    let to = CQos::new();
    let names: Vec<CString> =
        qos.partition.iter().map(|name| c_string(name)).collect::<Result<_, _>>()?;
    let mut partitions: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let (reliability, blocking) = match qos.reliability {
        Reliability::BestEffort => {
            (c::dds_reliability_kind_DDS_RELIABILITY_BEST_EFFORT, Duration::ZERO)
        }
        Reliability::Reliable { max_blocking_time } => {
            (c::dds_reliability_kind_DDS_RELIABILITY_RELIABLE, max_blocking_time)
        }
    };
    // SAFETY: values and ranges are valid, and copied.
    unsafe {
        c::dds_qset_reliability(to.0, reliability, to_nanos(blocking));
        c::dds_qset_durability(
            to.0,
            match qos.durability {
                Durability::Volatile => c::dds_durability_kind_DDS_DURABILITY_VOLATILE,
                Durability::TransientLocal => c::dds_durability_kind_DDS_DURABILITY_TRANSIENT_LOCAL,
                Durability::Transient => c::dds_durability_kind_DDS_DURABILITY_TRANSIENT,
                Durability::Persistent => c::dds_durability_kind_DDS_DURABILITY_PERSISTENT,
            },
        );
        c::dds_qset_deadline(to.0, to_nanos(qos.deadline));
        c::dds_qset_latency_budget(to.0, to_nanos(qos.latency_budget));
        c::dds_qset_liveliness(
            to.0,
            liveliness(qos.liveliness.kind),
            to_nanos(qos.liveliness.lease),
        );
        c::dds_qset_ownership(
            to.0,
            match qos.ownership {
                Ownership::Shared => c::dds_ownership_kind_DDS_OWNERSHIP_SHARED,
                Ownership::Exclusive => c::dds_ownership_kind_DDS_OWNERSHIP_EXCLUSIVE,
            },
        );
        c::dds_qset_destination_order(
            to.0,
            match qos.destination_order {
                DestinationOrder::ByReceptionTimestamp => {
                    c::dds_destination_order_kind_DDS_DESTINATIONORDER_BY_RECEPTION_TIMESTAMP
                }
                DestinationOrder::BySourceTimestamp => {
                    c::dds_destination_order_kind_DDS_DESTINATIONORDER_BY_SOURCE_TIMESTAMP
                }
            },
        );
        c::dds_qset_presentation(
            to.0,
            match qos.presentation.access_scope {
                AccessScope::Instance => {
                    c::dds_presentation_access_scope_kind_DDS_PRESENTATION_INSTANCE
                }
                AccessScope::Topic => c::dds_presentation_access_scope_kind_DDS_PRESENTATION_TOPIC,
                AccessScope::Group => c::dds_presentation_access_scope_kind_DDS_PRESENTATION_GROUP,
            },
            qos.presentation.coherent_access,
            qos.presentation.ordered_access,
        );
        if !partitions.is_empty() {
            c::dds_qset_partition(to.0, partitions.len() as u32, partitions.as_mut_ptr());
        }
        c::dds_qset_userdata(to.0, qos.user_data.as_ptr().cast(), qos.user_data.len());
        c::dds_qset_groupdata(to.0, qos.group_data.as_ptr().cast(), qos.group_data.len());
    }
    Ok(to)
}

fn liveliness(kind: LivelinessKind) -> c::dds_liveliness_kind_t {
    match kind {
        LivelinessKind::Automatic => c::dds_liveliness_kind_DDS_LIVELINESS_AUTOMATIC,
        LivelinessKind::ManualByParticipant => {
            c::dds_liveliness_kind_DDS_LIVELINESS_MANUAL_BY_PARTICIPANT
        }
        LivelinessKind::ManualByTopic => c::dds_liveliness_kind_DDS_LIVELINESS_MANUAL_BY_TOPIC,
    }
}

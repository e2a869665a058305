//! Between our policies and Cyclone's.

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr;

use cyclors as c;
use tidewire_qos::policy::{
    AccessScope, DataRepresentation, DestinationOrder, Durability, History, LivelinessKind,
    Ownership, Reliability, ResourceLimits, TypeConsistencyKind,
};
use tidewire_qos::{Duration, Liveliness, Presentation, Qos};

use crate::batch::Batch;
use crate::endpoint::c_string;
use crate::sys::{from_nanos, to_nanos};

/// Cyclone's policies, owned.
pub(crate) struct CQos(*mut c::dds_qos_t);

impl CQos {
    pub fn new() -> Self {
        // SAFETY: no arguments.
        Self(unsafe { c::dds_create_qos() })
    }

    pub fn as_ptr(&self) -> *const c::dds_qos_t {
        self.0
    }

    pub fn entity_name(self, name: &str) -> Result<Self, String> {
        let name = c_string(name)?;
        // SAFETY: both are valid; the name is copied.
        unsafe { c::dds_qset_entity_name(self.0, name.as_ptr()) };
        Ok(self)
    }
}

impl Drop for CQos {
    fn drop(&mut self) {
        // SAFETY: ours, and not used again.
        unsafe { c::dds_delete_qos(self.0) }
    }
}

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

/// What discovery told of a remote endpoint; history and resource limits are not announced.
///
/// # Safety
/// `from` is valid.
pub(crate) unsafe fn announced(from: *const c::dds_qos_t, writer: bool) -> Qos {
    let mut qos = if writer { Qos::default_writer() } else { Qos::default_reader() };
    let (mut kind, mut time) = (0_u32, 0_i64);
    // SAFETY: as the caller says; all results are written to places of the right types, and what is
    // allocated is given back.
    unsafe {
        if c::dds_qget_reliability(from, &mut kind, &mut time) {
            qos.reliability = if kind == c::dds_reliability_kind_DDS_RELIABILITY_RELIABLE {
                Reliability::Reliable { max_blocking_time: from_nanos(time) }
            } else {
                Reliability::BestEffort
            };
        }
        if c::dds_qget_durability(from, &mut kind) {
            qos.durability = match kind {
                c::dds_durability_kind_DDS_DURABILITY_VOLATILE => Durability::Volatile,
                c::dds_durability_kind_DDS_DURABILITY_TRANSIENT_LOCAL => Durability::TransientLocal,
                c::dds_durability_kind_DDS_DURABILITY_TRANSIENT => Durability::Transient,
                _ => Durability::Persistent,
            };
        }
        for (get, to) in [
            (c::dds_qget_deadline as Get<i64>, &mut qos.deadline),
            (c::dds_qget_latency_budget, &mut qos.latency_budget),
            (c::dds_qget_lifespan, &mut qos.lifespan),
            (c::dds_qget_time_based_filter, &mut qos.time_based_filter),
        ] {
            if get(from, &mut time) {
                *to = from_nanos(time);
            }
        }
        if c::dds_qget_liveliness(from, &mut kind, &mut time) {
            let kind = match kind {
                c::dds_liveliness_kind_DDS_LIVELINESS_AUTOMATIC => LivelinessKind::Automatic,
                c::dds_liveliness_kind_DDS_LIVELINESS_MANUAL_BY_PARTICIPANT => {
                    LivelinessKind::ManualByParticipant
                }
                _ => LivelinessKind::ManualByTopic,
            };
            qos.liveliness = Liveliness { kind, lease: from_nanos(time) };
        }
        if c::dds_qget_ownership(from, &mut kind)
            && kind == c::dds_ownership_kind_DDS_OWNERSHIP_EXCLUSIVE
        {
            qos.ownership = Ownership::Exclusive;
        }
        for (get, to) in [
            (c::dds_qget_ownership_strength as Get<i32>, &mut qos.ownership_strength),
            (c::dds_qget_transport_priority, &mut qos.transport_priority),
        ] {
            let mut value = 0;
            if get(from, &mut value) {
                *to = value;
            }
        }
        if c::dds_qget_destination_order(from, &mut kind)
            && kind == c::dds_destination_order_kind_DDS_DESTINATIONORDER_BY_SOURCE_TIMESTAMP
        {
            qos.destination_order = DestinationOrder::BySourceTimestamp;
        }
        let (mut coherent, mut ordered) = (false, false);
        if c::dds_qget_presentation(from, &mut kind, &mut coherent, &mut ordered) {
            let access_scope = match kind {
                c::dds_presentation_access_scope_kind_DDS_PRESENTATION_INSTANCE => {
                    AccessScope::Instance
                }
                c::dds_presentation_access_scope_kind_DDS_PRESENTATION_TOPIC => AccessScope::Topic,
                _ => AccessScope::Group,
            };
            qos.presentation =
                Presentation { access_scope, coherent_access: coherent, ordered_access: ordered };
        }
        if c::dds_qget_writer_data_lifecycle(from, &mut coherent) {
            qos.writer_data_lifecycle.autodispose_unregistered_instances = coherent;
        }
        qos.partition = partitions(from);
        qos.data_representation = representations(from);
        qos.user_data = octets(from, c::dds_qget_userdata);
        qos.topic_data = octets(from, c::dds_qget_topicdata);
        qos.group_data = octets(from, c::dds_qget_groupdata);
    }
    qos
}

type Get<T> = unsafe extern "C" fn(*const c::dds_qos_t, *mut T) -> bool;

/// # Safety
/// `from` is valid.
unsafe fn partitions(from: *const c::dds_qos_t) -> Vec<String> {
    let (mut count, mut names) = (0, ptr::null_mut::<*mut c_char>());
    // SAFETY: names are `count` C strings, ours to free as is their array.
    unsafe {
        if !c::dds_qget_partition(from, &mut count, &mut names) || names.is_null() {
            return Vec::new();
        }
        let all = std::slice::from_raw_parts(names, count as usize);
        let texts = all.iter().map(|name| take_text(*name)).collect();
        c::dds_free(names.cast());
        texts
    }
}

/// # Safety
/// `from` is valid.
unsafe fn representations(from: *const c::dds_qos_t) -> Vec<DataRepresentation> {
    let (mut count, mut ids) = (0, ptr::null_mut::<i16>());
    // SAFETY: ids are `count` numbers, ours to free.
    unsafe {
        if !c::dds_qget_data_representation(from, &mut count, &mut ids) || ids.is_null() {
            return Vec::new();
        }
        let all = std::slice::from_raw_parts(ids, count as usize);
        let list = all.iter().filter_map(|id| DataRepresentation::from_id(*id)).collect();
        c::dds_free(ids.cast());
        list
    }
}

type GetOctets = unsafe extern "C" fn(*const c::dds_qos_t, *mut *mut c_void, *mut usize) -> bool;

/// # Safety
/// `from` is valid.
unsafe fn octets(from: *const c::dds_qos_t, get: GetOctets) -> Vec<u8> {
    let (mut bytes, mut size) = (ptr::null_mut::<c_void>(), 0);
    // SAFETY: bytes are `size` of them, ours to free.
    unsafe {
        if !get(from, &mut bytes, &mut size) || bytes.is_null() {
            return Vec::new();
        }
        let copy = std::slice::from_raw_parts(bytes.cast::<u8>(), size).to_vec();
        c::dds_free(bytes);
        copy
    }
}

/// The name an entity has announced.
///
/// # Safety
/// `from` is valid.
pub(crate) unsafe fn entity_name(from: *const c::dds_qos_t) -> Option<String> {
    let mut name = ptr::null_mut::<c_char>();
    // SAFETY: as the caller says.
    let found = unsafe { c::dds_qget_entity_name(from, &mut name) } && !name.is_null();
    // SAFETY: a C string that is ours.
    found.then(|| unsafe { take_text(name) }).filter(|name| !name.is_empty())
}

/// # Safety
/// `text` is a C string that Cyclone has allocated for us.
unsafe fn take_text(text: *mut c_char) -> String {
    // SAFETY: as the caller says.
    unsafe {
        let copy = CStr::from_ptr(text).to_string_lossy().into_owned();
        c::dds_free(text.cast());
        copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announced_policies_come_back_the_same() {
        let qos = Qos {
            deadline: Duration::from_millis(20),
            latency_budget: Duration::from_micros(50),
            lifespan: Duration::from_secs(9),
            liveliness: Liveliness {
                kind: LivelinessKind::ManualByTopic,
                lease: Duration::from_secs(3),
            },
            ownership: Ownership::Exclusive,
            ownership_strength: 7,
            partition: vec!["east".into(), "plant*".into()],
            transport_priority: 3,
            destination_order: DestinationOrder::BySourceTimestamp,
            presentation: Presentation {
                access_scope: AccessScope::Topic,
                coherent_access: false,
                ordered_access: true,
            },
            user_data: vec![1, 2, 3],
            group_data: vec![4],
            data_representation: vec![DataRepresentation::Xcdr2],
            ..Qos::event()
        };
        let made = writer(&qos).unwrap();
        // SAFETY: `made` is valid.
        let back = unsafe { announced(made.as_ptr(), true) };
        assert_eq!(back, Qos { history: back.history, ..qos.clone() });
        let filtered = Qos { time_based_filter: Duration::from_millis(5), ..Qos::reliable() };
        let made = reader(&filtered).unwrap();
        // SAFETY: `made` is valid.
        let back = unsafe { announced(made.as_ptr(), false) };
        assert_eq!(back.time_based_filter, filtered.time_based_filter);
        assert_eq!(back.reliability, filtered.reliability);
        assert_eq!(
            back.data_representation,
            [DataRepresentation::Xcdr1, DataRepresentation::Xcdr2]
        );
    }
}

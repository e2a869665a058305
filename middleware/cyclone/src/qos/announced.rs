//! Cyclone's into ours: what discovery told.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use cyclors as c;
use tidewire_qos::policy::{
    AccessScope, DataRepresentation, DestinationOrder, Durability, LivelinessKind, Ownership,
    Reliability,
};
use tidewire_qos::{Liveliness, Presentation, Qos};

use crate::sys::from_nanos;

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

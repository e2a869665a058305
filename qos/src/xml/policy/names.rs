//! The words of DDS-XML, and what each stands for.

use crate::policy::*;
use crate::xml::EntityKind;

pub(super) const RELIABILITY: &[(&str, Reliability)] = &[
    ("BEST_EFFORT_RELIABILITY_QOS", Reliability::BestEffort),
    ("RELIABLE_RELIABILITY_QOS", Reliability::reliable()),
];
pub(super) const DURABILITY: &[(&str, Durability)] = &[
    ("VOLATILE_DURABILITY_QOS", Durability::Volatile),
    ("TRANSIENT_LOCAL_DURABILITY_QOS", Durability::TransientLocal),
    ("TRANSIENT_DURABILITY_QOS", Durability::Transient),
    ("PERSISTENT_DURABILITY_QOS", Durability::Persistent),
];
pub(super) const HISTORY: &[(&str, History)] =
    &[("KEEP_LAST_HISTORY_QOS", History::KeepLast(1)), ("KEEP_ALL_HISTORY_QOS", History::KeepAll)];
pub(super) const LIVELINESS: &[(&str, LivelinessKind)] = &[
    ("AUTOMATIC_LIVELINESS_QOS", LivelinessKind::Automatic),
    ("MANUAL_BY_PARTICIPANT_LIVELINESS_QOS", LivelinessKind::ManualByParticipant),
    ("MANUAL_BY_TOPIC_LIVELINESS_QOS", LivelinessKind::ManualByTopic),
];
pub(super) const OWNERSHIP: &[(&str, Ownership)] = &[
    ("SHARED_OWNERSHIP_QOS", Ownership::Shared),
    ("EXCLUSIVE_OWNERSHIP_QOS", Ownership::Exclusive),
];
pub(super) const DESTINATION_ORDER: &[(&str, DestinationOrder)] = &[
    ("BY_RECEPTION_TIMESTAMP_DESTINATIONORDER_QOS", DestinationOrder::ByReceptionTimestamp),
    ("BY_SOURCE_TIMESTAMP_DESTINATIONORDER_QOS", DestinationOrder::BySourceTimestamp),
];
pub(super) const ACCESS_SCOPE: &[(&str, AccessScope)] = &[
    ("INSTANCE_PRESENTATION_QOS", AccessScope::Instance),
    ("TOPIC_PRESENTATION_QOS", AccessScope::Topic),
    ("GROUP_PRESENTATION_QOS", AccessScope::Group),
];
pub(super) const DATA_REPRESENTATION: &[(&str, DataRepresentation)] = &[
    ("XCDR_DATA_REPRESENTATION", DataRepresentation::Xcdr1),
    ("XCDR1_DATA_REPRESENTATION", DataRepresentation::Xcdr1),
    ("XML_DATA_REPRESENTATION", DataRepresentation::Xml),
    ("XCDR2_DATA_REPRESENTATION", DataRepresentation::Xcdr2),
];
pub(super) const TYPE_CONSISTENCY: &[(&str, TypeConsistencyKind)] = &[
    ("DISALLOW_TYPE_COERCION", TypeConsistencyKind::DisallowTypeCoercion),
    ("ALLOW_TYPE_COERCION", TypeConsistencyKind::AllowTypeCoercion),
];

/// Policy elements of each entity (DDS 1.4, table in 2.2.3, column "Concerns").
pub(super) const fn allowed(kind: EntityKind) -> &'static [&'static str] {
    match kind {
        EntityKind::Writer => &[
            "reliability",
            "durability",
            "durability_service",
            "history",
            "resource_limits",
            "deadline",
            "latency_budget",
            "lifespan",
            "liveliness",
            "ownership",
            "ownership_strength",
            "destination_order",
            "transport_priority",
            "user_data",
            "writer_data_lifecycle",
            "data_representation",
            "representation",
        ],
        EntityKind::Reader => &[
            "reliability",
            "durability",
            "history",
            "resource_limits",
            "deadline",
            "latency_budget",
            "liveliness",
            "ownership",
            "time_based_filter",
            "destination_order",
            "user_data",
            "reader_data_lifecycle",
            "data_representation",
            "representation",
            "type_consistency",
            "type_consistency_enforcement",
        ],
        EntityKind::Topic => &[
            "reliability",
            "durability",
            "durability_service",
            "history",
            "resource_limits",
            "deadline",
            "latency_budget",
            "lifespan",
            "liveliness",
            "ownership",
            "destination_order",
            "transport_priority",
            "topic_data",
            "data_representation",
            "representation",
        ],
        EntityKind::Publisher | EntityKind::Subscriber => {
            &["presentation", "partition", "group_data", "entity_factory"]
        }
        EntityKind::Participant => &["user_data", "entity_factory", "property"],
    }
}

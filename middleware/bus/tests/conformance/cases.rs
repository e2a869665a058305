//! The list of cases.

use tidewire_qos::policy::Policy;
use tidewire_qos::support::Support;

use crate::face::Combination;
use crate::{
    announced, cached, delivery, durable, lifecycle, liveliness, matching, ownership, partition,
    refusals,
};

/// What a case found.
pub struct Found {
    pub support: Support,
    /// Why it is refused, or what it takes.
    pub note: String,
}

impl Found {
    pub fn kept() -> Self {
        Self { support: Support::Kept, note: String::new() }
    }

    pub fn mostly(note: &str) -> Self {
        Self { support: Support::Mostly, note: note.into() }
    }

    pub fn hint(note: &str) -> Self {
        Self { support: Support::Hint, note: note.into() }
    }

    /// Where the policy has no meaning, such as instances on a topic without a key.
    pub fn nothing(note: &str) -> Self {
        Self { support: Support::NotApplicable, note: note.into() }
    }
}

/// One thing a policy asks for.
pub struct Case {
    pub policy: Policy,
    pub value: &'static str,
    /// Panics if the policy is neither kept nor refused.
    pub run: fn(&Combination<'_>) -> Found,
}

impl Case {
    pub fn title(&self) -> String {
        format!("{} {}", self.policy, self.value)
    }
}

macro_rules! cases {
    ($($policy:ident $value:literal $run:path;)*) => {
        /// In the order of the table.
        pub const CASES: &[Case] =
            &[$(Case { policy: Policy::$policy, value: $value, run: $run }),*];
    };
}

cases! {
    Reliability "RELIABLE" delivery::reliable;
    Reliability "BEST_EFFORT" delivery::best_effort;
    Reliability "matching" matching::reliability;
    History "KEEP_ALL" delivery::keep_all;
    History "KEEP_LAST" delivery::keep_last;
    ResourceLimits "max_samples" delivery::max_samples;
    ResourceLimits "max_instances" refusals::max_instances;
    ResourceLimits "max_samples_per_instance, cached reader" cached::rejects;
    Durability "VOLATILE" delivery::volatile;
    Durability "TRANSIENT_LOCAL" delivery::transient_local;
    Durability "TRANSIENT" durable::transient;
    Durability "PERSISTENT" durable::persistent;
    Durability "matching" matching::durability;
    DurabilityService "" durable::durability_service;
    Lifespan "" delivery::lifespan;
    TimeBasedFilter "" delivery::time_based_filter;
    DestinationOrder "BY_SOURCE_TIMESTAMP" delivery::by_source;
    DestinationOrder "matching" matching::destination_order;
    Deadline "" lifecycle::deadline;
    Deadline "matching" matching::deadline;
    LatencyBudget "" matching::latency_budget;
    TransportPriority "" delivery::transport_priority;
    Liveliness "AUTOMATIC" lifecycle::automatic;
    Liveliness "lease" liveliness::lease;
    Liveliness "MANUAL_BY_PARTICIPANT" liveliness::manual_by_participant;
    Liveliness "MANUAL_BY_TOPIC" liveliness::manual_by_topic;
    Liveliness "matching" liveliness::matching;
    Ownership "SHARED" delivery::shared;
    Ownership "EXCLUSIVE" ownership::exclusive;
    Ownership "matching" matching::ownership;
    OwnershipStrength "" ownership::hand_over;
    Partition "names" partition::names;
    Partition "patterns" partition::patterns;
    Presentation "INSTANCE" delivery::instance_scope;
    Presentation "TOPIC" delivery::topic_scope;
    Presentation "GROUP" refusals::group;
    Presentation "coherent_access" refusals::coherent;
    Presentation "matching" matching::presentation;
    WriterDataLifecycle "autodispose" lifecycle::autodispose;
    WriterDataLifecycle "no autodispose" lifecycle::no_autodispose;
    ReaderDataLifecycle "autopurge" refusals::autopurge;
    ReaderDataLifecycle "autopurge, cached reader" cached::autopurge;
    EntityFactory "" refusals::entity_factory;
    UserData "" announced::user_data;
    TopicData "" announced::topic_data;
    GroupData "" announced::group_data;
    DataRepresentation "XCDR1" delivery::xcdr1;
    DataRepresentation "XCDR2" delivery::xcdr2;
    DataRepresentation "XML" refusals::xml;
    DataRepresentation "matching" matching::data_representation;
    TypeConsistency "ALLOW_TYPE_COERCION" matching::type_name;
    TypeConsistency "DISALLOW_TYPE_COERCION" refusals::strict_types;
}

//! [`Qos`]: every policy of one endpoint together, with the standard's defaults and our presets.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Duration;
use crate::policy::{
    DataRepresentation, DestinationOrder, Durability, DurabilityService, EntityFactory, History,
    Liveliness, Ownership, Presentation, ReaderDataLifecycle, Reliability, ResourceLimits,
    TypeConsistency, WriterDataLifecycle,
};

/// All policies of one reader or writer, those of its topic, group and participant included
/// (DDS 1.4, 2.2.3).
///
/// Stored beside a recording as JSON; absent fields there take the reader's defaults.
///
/// ```
/// use tidewire_qos::{Duration, Qos, policy::History};
/// let qos = Qos { deadline: Duration::from_millis(20), ..Qos::sensor_data() };
/// assert_eq!(qos.history, History::KeepLast(5));
/// assert_eq!(qos.to_string(), "BEST_EFFORT KEEP_LAST(5) VOLATILE deadline=20ms");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Qos {
    pub reliability: Reliability,
    pub durability: Durability,
    pub durability_service: DurabilityService,
    pub history: History,
    pub resource_limits: ResourceLimits,
    /// Longest time between two samples of an instance (DDS 1.4, 2.2.3.7). Offered at most requested.
    pub deadline: Duration,
    /// Delay the application tolerates; a hint (DDS 1.4, 2.2.3.8). Offered at most requested.
    pub latency_budget: Duration,
    /// How long a sample is worth delivering (DDS 1.4, 2.2.3.16); of writers.
    pub lifespan: Duration,
    pub liveliness: Liveliness,
    pub ownership: Ownership,
    /// Strength under [`Ownership::Exclusive`]: the highest wins (DDS 1.4, 2.2.3.10); of writers.
    pub ownership_strength: i32,
    /// Names and `fnmatch` patterns (DDS 1.4, 2.2.3.13). Empty means the default partition, `""`.
    pub partition: Vec<String>,
    /// Least time between two samples of an instance for this reader (DDS 1.4, 2.2.3.12).
    pub time_based_filter: Duration,
    pub destination_order: DestinationOrder,
    pub presentation: Presentation,
    /// A hint to the transport (DDS 1.4, 2.2.3.15); of writers.
    pub transport_priority: i32,
    /// Octets that discovery carries to other participants (DDS 1.4, 2.2.3.1 to 2.2.3.3).
    #[serde(with = "octets", skip_serializing_if = "Vec::is_empty")]
    pub user_data: Vec<u8>,
    #[serde(with = "octets", skip_serializing_if = "Vec::is_empty")]
    pub topic_data: Vec<u8>,
    #[serde(with = "octets", skip_serializing_if = "Vec::is_empty")]
    pub group_data: Vec<u8>,
    pub writer_data_lifecycle: WriterDataLifecycle,
    pub reader_data_lifecycle: ReaderDataLifecycle,
    pub entity_factory: EntityFactory,
    pub type_consistency: TypeConsistency,
    /// In order of preference; empty means XCDR1 (DDS-XTypes 1.3, 7.6.3.1.1). A writer uses the first,
    /// a reader accepts any.
    pub data_representation: Vec<DataRepresentation>,
}

impl Default for Qos {
    /// [`Qos::default_reader`], which is the topic's default too.
    fn default() -> Self {
        Self::default_reader()
    }
}

impl Qos {
    /// A DataReader's defaults (DDS 1.4, table in 2.2.3): BEST_EFFORT, VOLATILE, KEEP_LAST(1), no limits.
    pub const fn default_reader() -> Self {
        Self {
            reliability: Reliability::BestEffort,
            durability: Durability::Volatile,
            durability_service: DurabilityService {
                service_cleanup_delay: Duration::ZERO,
                history: History::KeepLast(1),
                resource_limits: ResourceLimits::UNLIMITED,
            },
            history: History::KeepLast(1),
            resource_limits: ResourceLimits::UNLIMITED,
            deadline: Duration::INFINITE,
            latency_budget: Duration::ZERO,
            lifespan: Duration::INFINITE,
            liveliness: Liveliness {
                kind: crate::policy::LivelinessKind::Automatic,
                lease: Duration::INFINITE,
            },
            ownership: Ownership::Shared,
            ownership_strength: 0,
            partition: Vec::new(),
            time_based_filter: Duration::ZERO,
            destination_order: DestinationOrder::ByReceptionTimestamp,
            presentation: Presentation {
                access_scope: crate::policy::AccessScope::Instance,
                coherent_access: false,
                ordered_access: false,
            },
            transport_priority: 0,
            user_data: Vec::new(),
            topic_data: Vec::new(),
            group_data: Vec::new(),
            writer_data_lifecycle: WriterDataLifecycle { autodispose_unregistered_instances: true },
            reader_data_lifecycle: ReaderDataLifecycle {
                autopurge_nowriter_samples_delay: Duration::INFINITE,
                autopurge_disposed_samples_delay: Duration::INFINITE,
            },
            entity_factory: EntityFactory { autoenable_created_entities: true },
            type_consistency: TypeConsistency {
                kind: crate::policy::TypeConsistencyKind::AllowTypeCoercion,
                ignore_sequence_bounds: true,
                ignore_string_bounds: true,
                ignore_member_names: false,
                prevent_type_widening: false,
                force_type_validation: false,
            },
            data_representation: Vec::new(),
        }
    }

    /// A DataWriter's defaults: as the reader's, but RELIABLE with 100 ms `max_blocking_time`.
    pub const fn default_writer() -> Self {
        let mut qos = Self::default_reader();
        qos.reliability = Reliability::reliable();
        qos
    }

    /// Fast readings where the newest counts: BEST_EFFORT, KEEP_LAST(5), VOLATILE.
    pub const fn sensor_data() -> Self {
        let mut qos = Self::default_reader();
        qos.history = History::KeepLast(5);
        qos
    }

    /// Every sample counts and nobody waits for the past: RELIABLE with 1 s `max_blocking_time`,
    /// KEEP_ALL bounded at 4096 samples, VOLATILE.
    pub const fn reliable() -> Self {
        let mut qos = Self::default_reader();
        qos.reliability = Reliability::Reliable { max_blocking_time: Duration::from_secs(1) };
        qos.history = History::KeepAll;
        qos.resource_limits.max_samples = Some(4096);
        qos
    }

    /// Rare and important, for late joiners too: RELIABLE with 1 s `max_blocking_time`,
    /// TRANSIENT_LOCAL, KEEP_LAST(64).
    pub const fn event() -> Self {
        let mut qos = Self::default_reader();
        qos.reliability = Reliability::Reliable { max_blocking_time: Duration::from_secs(1) };
        qos.durability = Durability::TransientLocal;
        qos.history = History::KeepLast(64);
        qos
    }

    /// What a writer keeps for late joiners: HISTORY and RESOURCE_LIMITS under TRANSIENT_LOCAL,
    /// DURABILITY_SERVICE under TRANSIENT and PERSISTENT (DDS 1.4, 2.2.3.5).
    pub const fn for_late_joiners(&self) -> (History, ResourceLimits) {
        match self.durability {
            Durability::Volatile | Durability::TransientLocal => {
                (self.history, self.resource_limits)
            }
            Durability::Transient | Durability::Persistent => {
                (self.durability_service.history, self.durability_service.resource_limits)
            }
        }
    }

    /// The representations this endpoint uses: what is set, or XCDR1 where nothing is.
    pub fn representations(&self) -> &[DataRepresentation] {
        if self.data_representation.is_empty() {
            &[DataRepresentation::Xcdr1]
        } else {
            &self.data_representation
        }
    }
}

/// Short: the three policies everyone asks for, then each other one that is not at its default.
impl fmt::Display for Qos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = Self::default_reader();
        write!(f, "{} {} {}", self.reliability, self.history, self.durability)?;
        if let Reliability::Reliable { max_blocking_time } = self.reliability
            && max_blocking_time != Reliability::DEFAULT_MAX_BLOCKING_TIME
        {
            write!(f, " max_blocking_time={max_blocking_time}")?;
        }
        let limits = &self.resource_limits;
        for (name, limit) in [
            ("max_samples", limits.max_samples),
            ("max_instances", limits.max_instances),
            ("max_samples_per_instance", limits.max_samples_per_instance),
        ] {
            if let Some(limit) = limit {
                write!(f, " {name}={limit}")?;
            }
        }
        for (name, value, usual) in [
            ("deadline", self.deadline, default.deadline),
            ("latency_budget", self.latency_budget, default.latency_budget),
            ("lifespan", self.lifespan, default.lifespan),
            ("time_based_filter", self.time_based_filter, default.time_based_filter),
        ] {
            if value != usual {
                write!(f, " {name}={value}")?;
            }
        }
        if self.liveliness != default.liveliness {
            write!(f, " liveliness={}/{}", self.liveliness.kind, self.liveliness.lease)?;
        }
        if self.ownership != default.ownership {
            write!(f, " ownership={}/{}", self.ownership, self.ownership_strength)?;
        }
        if self.partition.iter().any(|name| !name.is_empty()) {
            write!(f, " partition={}", self.partition.join(","))?;
        }
        if self.destination_order != default.destination_order {
            write!(f, " destination_order={}", self.destination_order)?;
        }
        if self.presentation != default.presentation {
            write!(f, " presentation={}", self.presentation)?;
        }
        if self.transport_priority != 0 {
            write!(f, " transport_priority={}", self.transport_priority)?;
        }
        for (name, data) in [
            ("user_data", &self.user_data),
            ("topic_data", &self.topic_data),
            ("group_data", &self.group_data),
        ] {
            if !data.is_empty() {
                write!(f, " {name}={}B", data.len())?;
            }
        }
        if !self.data_representation.is_empty() {
            let names: Vec<_> = self.data_representation.iter().map(ToString::to_string).collect();
            write!(f, " data_representation={}", names.join(","))?;
        }
        Ok(())
    }
}

/// Octet policies in JSON: one string of hexadecimal digits.
mod octets {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(data: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&data.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        crate::octets::from_hex(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not hexadecimal octets")))
    }
}

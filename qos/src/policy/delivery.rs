//! Policies on what is delivered and kept: reliability, durability, history, limits.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Duration;

/// RELIABILITY (DDS 1.4, 2.2.3.14). Offered must be at least what is requested:
/// `BestEffort < Reliable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reliability {
    /// Samples may be lost; the writer never waits.
    BestEffort,
    /// Samples are repaired until acknowledged.
    Reliable {
        /// How long a write may wait for room before it fails with a time-out.
        max_blocking_time: Duration,
    },
}

impl Reliability {
    /// `max_blocking_time` when nothing is said: 100 ms.
    pub const DEFAULT_MAX_BLOCKING_TIME: Duration = Duration::from_millis(100);

    /// RELIABLE with the standard's default `max_blocking_time`.
    pub const fn reliable() -> Self {
        Self::Reliable { max_blocking_time: Self::DEFAULT_MAX_BLOCKING_TIME }
    }

    pub const fn is_reliable(self) -> bool {
        matches!(self, Self::Reliable { .. })
    }
}

impl fmt::Display for Reliability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BestEffort => "BEST_EFFORT",
            Self::Reliable { .. } => "RELIABLE",
        })
    }
}

/// DURABILITY (DDS 1.4, 2.2.3.4). Offered must be at least what is requested, in the order of the
/// variants.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Late joiners get nothing old.
    #[default]
    Volatile,
    /// The writer keeps its history for late joiners while it lives.
    TransientLocal,
    /// A service keeps it past the writer's life.
    Transient,
    /// A service keeps it on disk.
    Persistent,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Volatile => "VOLATILE",
            Self::TransientLocal => "TRANSIENT_LOCAL",
            Self::Transient => "TRANSIENT",
            Self::Persistent => "PERSISTENT",
        })
    }
}

/// HISTORY (DDS 1.4, 2.2.3.18): how many samples *of each instance* are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum History {
    /// The last `depth` samples of each instance; `depth` is at least 1 (see [`crate::Qos::validate`]).
    KeepLast(u32),
    /// Everything, up to [`ResourceLimits`].
    KeepAll,
}

impl History {
    /// The depth per instance, `None` for KEEP_ALL.
    pub const fn depth(self) -> Option<u32> {
        match self {
            Self::KeepLast(depth) => Some(depth),
            Self::KeepAll => None,
        }
    }
}

impl Default for History {
    fn default() -> Self {
        Self::KeepLast(1)
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeepLast(depth) => f.pad(&format!("KEEP_LAST({depth})")),
            Self::KeepAll => f.pad("KEEP_ALL"),
        }
    }
}

/// RESOURCE_LIMITS (DDS 1.4, 2.2.3.19). `None` is `LENGTH_UNLIMITED`, the default of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceLimits {
    /// Samples over all instances.
    pub max_samples: Option<u32>,
    pub max_instances: Option<u32>,
    pub max_samples_per_instance: Option<u32>,
}

impl ResourceLimits {
    /// No limit at all: the default.
    pub const UNLIMITED: Self =
        Self { max_samples: None, max_instances: None, max_samples_per_instance: None };
}

impl fmt::Display for ResourceLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |limit: Option<u32>| limit.map_or("unlimited".to_owned(), |n| n.to_string());
        write!(
            f,
            "max_samples {}, max_instances {}, max_samples_per_instance {}",
            show(self.max_samples),
            show(self.max_instances),
            show(self.max_samples_per_instance)
        )
    }
}

/// DURABILITY_SERVICE (DDS 1.4, 2.2.3.5): what the service behind TRANSIENT and PERSISTENT keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct DurabilityService {
    /// How long after an instance's end its samples are kept.
    pub service_cleanup_delay: Duration,
    pub history: History,
    pub resource_limits: ResourceLimits,
}

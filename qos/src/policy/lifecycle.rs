//! Policies on being alive and who may write: liveliness, ownership, data lifecycles.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Duration;

/// The ways a writer is asserted alive (DDS 1.4, 2.2.3.11), weakest first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum LivelinessKind {
    /// The middleware asserts it while the process runs.
    #[default]
    Automatic,
    /// The application asserts any entity of the participant.
    ManualByParticipant,
    /// The application asserts each writer, by writing or explicitly.
    ManualByTopic,
}

impl fmt::Display for LivelinessKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Automatic => "AUTOMATIC",
            Self::ManualByParticipant => "MANUAL_BY_PARTICIPANT",
            Self::ManualByTopic => "MANUAL_BY_TOPIC",
        })
    }
}

/// LIVELINESS (DDS 1.4, 2.2.3.11). Offered kind must be at least, and offered lease at most, what is
/// requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Liveliness {
    pub kind: LivelinessKind,
    /// A writer not asserted for this long has lost its liveliness.
    pub lease: Duration,
}

impl Default for Liveliness {
    fn default() -> Self {
        Self { kind: LivelinessKind::Automatic, lease: Duration::INFINITE }
    }
}

impl fmt::Display for Liveliness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (lease {})", self.kind, self.lease)
    }
}

/// OWNERSHIP (DDS 1.4, 2.2.3.9). Both sides must say the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ownership {
    /// Every writer's samples are delivered.
    #[default]
    Shared,
    /// Per instance, only the strongest live writer's.
    Exclusive,
}

impl fmt::Display for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Shared => "SHARED",
            Self::Exclusive => "EXCLUSIVE",
        })
    }
}

/// WRITER_DATA_LIFECYCLE (DDS 1.4, 2.2.3.21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct WriterDataLifecycle {
    /// Unregistering an instance disposes it too.
    pub autodispose_unregistered_instances: bool,
}

impl Default for WriterDataLifecycle {
    fn default() -> Self {
        Self { autodispose_unregistered_instances: true }
    }
}

/// READER_DATA_LIFECYCLE (DDS 1.4, 2.2.3.22).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct ReaderDataLifecycle {
    pub autopurge_nowriter_samples_delay: Duration,
    pub autopurge_disposed_samples_delay: Duration,
}

impl Default for ReaderDataLifecycle {
    fn default() -> Self {
        Self {
            autopurge_nowriter_samples_delay: Duration::INFINITE,
            autopurge_disposed_samples_delay: Duration::INFINITE,
        }
    }
}

/// ENTITY_FACTORY (DDS 1.4, 2.2.3.20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct EntityFactory {
    pub autoenable_created_entities: bool,
}

impl Default for EntityFactory {
    fn default() -> Self {
        Self { autoenable_created_entities: true }
    }
}

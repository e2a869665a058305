//! One type per policy, with the standard's defaults.
//!
//! ```
//! use tidewire_qos::policy::{Durability, History, Policy};
//! assert!(Durability::Volatile < Durability::TransientLocal);
//! assert_eq!(History::default(), History::KeepLast(1));
//! assert_eq!(Policy::Reliability.to_string(), "RELIABILITY");
//! ```

mod delivery;
mod lifecycle;
mod order;
mod xtypes;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use delivery::*;
pub use lifecycle::*;
pub use order::*;
pub use xtypes::*;

macro_rules! policies {
    ($($(#[$doc:meta])* $variant:ident = $id:literal, $name:literal;)*) => {
        /// The policies by name, with `QosPolicyId_t` (DDS 1.4, 2.3.3; DDS-XTypes 1.3, 7.6.3).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub enum Policy {
            $($(#[$doc])* $variant = $id,)*
        }

        impl Policy {
            /// Every policy, in the order of their ids.
            pub const ALL: &[Policy] = &[$(Policy::$variant),*];

            /// The name as the standard writes it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

policies! {
    UserData = 1, "USER_DATA";
    Durability = 2, "DURABILITY";
    Presentation = 3, "PRESENTATION";
    Deadline = 4, "DEADLINE";
    LatencyBudget = 5, "LATENCY_BUDGET";
    Ownership = 6, "OWNERSHIP";
    OwnershipStrength = 7, "OWNERSHIP_STRENGTH";
    Liveliness = 8, "LIVELINESS";
    TimeBasedFilter = 9, "TIME_BASED_FILTER";
    Partition = 10, "PARTITION";
    Reliability = 11, "RELIABILITY";
    DestinationOrder = 12, "DESTINATION_ORDER";
    History = 13, "HISTORY";
    ResourceLimits = 14, "RESOURCE_LIMITS";
    EntityFactory = 15, "ENTITY_FACTORY";
    WriterDataLifecycle = 16, "WRITER_DATA_LIFECYCLE";
    ReaderDataLifecycle = 17, "READER_DATA_LIFECYCLE";
    TopicData = 18, "TOPIC_DATA";
    GroupData = 19, "GROUP_DATA";
    TransportPriority = 20, "TRANSPORT_PRIORITY";
    Lifespan = 21, "LIFESPAN";
    DurabilityService = 22, "DURABILITY_SERVICE";
    DataRepresentation = 23, "DATA_REPRESENTATION";
    TypeConsistency = 24, "TYPE_CONSISTENCY_ENFORCEMENT";
}

impl Policy {
    /// `QosPolicyId_t`.
    pub const fn id(self) -> u32 {
        self as u32
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

//! Sets of communication statuses.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign};

/// A set of communication statuses (DDS 1.4, 2.2.4.1), with the bits of the standard's `StatusMask`.
///
/// ```
/// use tidewire_bus::StatusMask;
///
/// let mask = StatusMask::SUBSCRIPTION_MATCHED | StatusMask::SAMPLE_LOST;
/// assert!(mask.contains(StatusMask::SAMPLE_LOST) && !mask.contains(StatusMask::SAMPLE_REJECTED));
/// assert_eq!(mask.to_string(), "SAMPLE_LOST | SUBSCRIPTION_MATCHED");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StatusMask(u32);

macro_rules! statuses {
    ($($bit:literal $name:ident, $doc:literal;)*) => {
        impl StatusMask {
            $(#[doc = $doc] pub const $name: Self = Self(1 << $bit);)*
            /// All of them.
            pub const ALL: Self = Self($(1 << $bit)|*);
            const NAMES: &[(Self, &str)] = &[$((Self::$name, stringify!($name))),*];
        }
    };
}

// INCONSISTENT_TOPIC (bit 0) and DATA_ON_READERS (bit 9) are of entities that the bus has not.
statuses! {
    1 OFFERED_DEADLINE_MISSED, "A writer did not write an instance in time.";
    2 REQUESTED_DEADLINE_MISSED, "A reader did not get a sample of an instance in time.";
    5 OFFERED_INCOMPATIBLE_QOS, "A reader requests what a writer does not offer.";
    6 REQUESTED_INCOMPATIBLE_QOS, "A writer does not offer what a reader requests.";
    7 SAMPLE_LOST, "A sample never came.";
    8 SAMPLE_REJECTED, "A cached reader had no room for a sample.";
    10 DATA_AVAILABLE, "There is something to read.";
    11 LIVELINESS_LOST, "A writer did not assert its liveliness in time.";
    12 LIVELINESS_CHANGED, "A writer's liveliness was lost or came back.";
    13 PUBLICATION_MATCHED, "A writer and a reader have met or parted.";
    14 SUBSCRIPTION_MATCHED, "A reader and a writer have met or parted.";
}

impl StatusMask {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// Whether all of `other` are in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is none in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// As the standard numbers the bits.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// This one if `holds`, else none.
    pub(crate) fn when(self, holds: bool) -> Self {
        if holds { self } else { Self::NONE }
    }
}

impl BitOr for StatusMask {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for StatusMask {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl BitAnd for StatusMask {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl fmt::Display for StatusMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Self::NAMES.iter().filter(|(mask, _)| self.contains(*mask));
        let names: Vec<&str> = names.map(|(_, name)| *name).collect();
        f.pad(&if names.is_empty() { "none".to_owned() } else { names.join(" | ") })
    }
}

use tidewire_bus::{DeadlineMissed, LivelinessLost};

use crate::writing::W;

impl W {
    pub fn missed(&self) -> DeadlineMissed {
        match self {
            Self::Keyed(writer) => writer.offered_deadline_missed(),
            Self::Plain(writer) => writer.offered_deadline_missed(),
            Self::Raw(writer, _) => writer.offered_deadline_missed(),
        }
    }

    pub fn lost_liveliness(&self) -> LivelinessLost {
        match self {
            Self::Keyed(writer) => writer.liveliness_lost(),
            Self::Plain(writer) => writer.liveliness_lost(),
            Self::Raw(writer, _) => writer.liveliness_lost(),
        }
    }

    pub fn assert_liveliness(&self) {
        match self {
            Self::Keyed(writer) => writer.assert_liveliness(),
            Self::Plain(writer) => writer.assert_liveliness(),
            Self::Raw(writer, _) => writer.assert_liveliness(),
        }
        .unwrap();
    }
}

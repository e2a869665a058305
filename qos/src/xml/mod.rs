//! OMG DDS-XML 1.0, "Building Block QoS" (7.3.2): from text to profiles, each mistake with its place.

mod document;
mod element;
mod policy;
mod property;
mod value;

pub(crate) use document::parse;
pub(crate) use policy::Draft;

use std::sync::Arc;

use crate::error::Problem;

/// What one policy element does to the QoS under construction.
pub(crate) type Setting = Arc<dyn Fn(&mut Draft) + Send + Sync>;

/// The entity a `*_qos` element is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntityKind {
    Writer,
    Reader,
    Topic,
    Publisher,
    Subscriber,
    Participant,
}

impl EntityKind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Writer,
        Self::Reader,
        Self::Topic,
        Self::Publisher,
        Self::Subscriber,
        Self::Participant,
    ];

    /// The element's name as the standard's schema has it.
    pub(crate) const fn element(self) -> &'static str {
        match self {
            Self::Writer => "datawriter_qos",
            Self::Reader => "datareader_qos",
            Self::Topic => "topic_qos",
            Self::Publisher => "publisher_qos",
            Self::Subscriber => "subscriber_qos",
            Self::Participant => "domain_participant_qos",
        }
    }

    pub(crate) fn from_element(name: &str) -> Option<Self> {
        // `participant_qos` is what several vendors write.
        if name == "participant_qos" {
            return Some(Self::Participant);
        }
        Self::ALL.into_iter().find(|kind| kind.element() == name)
    }
}

/// A `base_name` and where it stands, for the error if it leads nowhere.
#[derive(Clone, Debug)]
pub(crate) struct BaseName {
    pub name: String,
    /// Ready but for `what` and `remedy`.
    pub place: Problem,
}

/// A `<qos_profile>`.
#[derive(Clone)]
pub(crate) struct ProfileDef {
    pub library: String,
    pub name: String,
    pub base: Option<BaseName>,
    pub is_default: bool,
    pub entities: Vec<EntityDef>,
    pub place: Problem,
    /// One of ours, compiled in.
    pub shipped: bool,
}

/// A `<datawriter_qos>`, `<topic_qos>` and so on inside a profile.
#[derive(Clone)]
pub(crate) struct EntityDef {
    pub kind: EntityKind,
    pub name: Option<String>,
    pub base: Option<BaseName>,
    pub topic_filter: Option<String>,
    pub settings: Vec<Setting>,
    pub place: Problem,
}

//! A profile and the QoS it gives each entity of each topic.
//!
//! For a topic, the first element of the profile whose `topic_filter` matches counts, else the one
//! without a filter; what it leaves unsaid comes from its `base_name`, else from the profile's
//! `base_name`, else from the standard. A writer's QoS also takes what the profile says of its topic
//! (weaker than what it says of the writer) and of its publisher; a reader's likewise.
//!
//! ```
//! let profile = tidewire_qos::load("Event")?;
//! assert_eq!(profile.name(), "tidewire::Event");
//! let (writer, reader) = (profile.writer_qos("alarms"), profile.reader_qos("alarms"));
//! assert!(tidewire_qos::check(&writer, &reader).is_empty());
//! # Ok::<(), tidewire_qos::QosError>(())
//! ```

use std::fmt;
use std::sync::Arc;

use crate::error::Problem;
use crate::fnmatch::fnmatch;
use crate::inherit::Target;
use crate::library::{Set, full_name};
use crate::xml::{Draft, EntityKind};
use crate::{Qos, QosError, Security};

/// A QoS profile: ask it for the QoS of a writer or reader by topic.
#[derive(Clone)]
pub struct Profile {
    pub(crate) set: Arc<Set>,
    pub(crate) index: usize,
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Profile").field(&self.name()).finish()
    }
}

impl Profile {
    /// `Library::Profile`.
    pub fn name(&self) -> String {
        full_name(&self.set.profiles[self.index])
    }

    /// The file the profile stands in, as it was named.
    pub fn file(&self) -> &str {
        &self.set.profiles[self.index].place.file
    }

    /// The QoS of a writer of `topic`.
    pub fn writer_qos(&self, topic: &str) -> Qos {
        use EntityKind::{Publisher, Topic, Writer};
        self.resolve(Qos::default_writer(), &[Topic, Publisher, Writer], topic)
    }

    /// The QoS of a reader of `topic`.
    pub fn reader_qos(&self, topic: &str) -> Qos {
        use EntityKind::{Reader, Subscriber, Topic};
        let default = Qos::default_reader();
        let qos = self.resolve(default.clone(), &[Topic, Subscriber, Reader], topic);
        // A topic has these and hands them to its writers; a reader has none of them.
        Qos {
            lifespan: default.lifespan,
            transport_priority: default.transport_priority,
            durability_service: default.durability_service,
            ..qos
        }
    }

    /// The QoS of the topic itself.
    pub fn topic_qos(&self, topic: &str) -> Qos {
        self.resolve(Qos::default_reader(), &[EntityKind::Topic], topic)
    }

    /// The participant's: only `user_data` and `entity_factory` can differ from the defaults.
    pub fn participant_qos(&self) -> Qos {
        self.resolve(Qos::default_reader(), &[EntityKind::Participant], "")
    }

    /// DDS Security of the participant, if the profile or a base of it has the properties.
    ///
    /// # Errors
    /// [`QosError::Document`] if it has some of them and lacks others.
    pub fn security(&self) -> Result<Option<Security>, QosError> {
        let mut draft = Draft::new(Qos::default_reader());
        self.apply(Target::Profile(self.index), EntityKind::Participant, "", &mut draft);
        Security::of(&draft.into_properties()).map_err(|missing| {
            let problem = |name: &str| Problem {
                what: format!("DDS Security without the property `{name}`"),
                remedy: format!(
                    "add <element><name>{name}</name><value>file:PATH</value></element> to <property> \
                     in its <domain_participant_qos>, or take all of them out"
                ),
                ..self.set.profiles[self.index].place.clone()
            };
            QosError::Document { problems: missing.into_iter().map(problem).collect() }
        })
    }

    fn resolve(&self, default: Qos, kinds: &[EntityKind], topic: &str) -> Qos {
        let mut draft = Draft::new(default);
        for kind in kinds {
            self.apply(Target::Profile(self.index), *kind, topic, &mut draft);
        }
        draft.finish()
    }

    /// The base first, then what stands here. Ends because linking refused circles.
    fn apply(&self, target: Target, kind: EntityKind, topic: &str, draft: &mut Draft) {
        let (profile, entity) = match target {
            Target::Profile(profile) => match self.select(profile, kind, topic) {
                Some(entity) => (profile, entity),
                None => {
                    if let Some(base) = self.set.links[profile].base {
                        self.apply(Target::Profile(base), kind, topic, draft);
                    }
                    return;
                }
            },
            Target::Entity(profile, entity) => (profile, entity),
        };
        let links = &self.set.links[profile];
        if let Some(base) = links.entities[entity].or(links.base.map(Target::Profile)) {
            self.apply(base, kind, topic, draft);
        }
        for setting in &self.set.profiles[profile].entities[entity].settings {
            setting(draft);
        }
    }

    /// The element of a profile that counts for a topic.
    fn select(&self, profile: usize, kind: EntityKind, topic: &str) -> Option<usize> {
        let entities = &self.set.profiles[profile].entities;
        let find = |test: &dyn Fn(Option<&str>, bool) -> bool| {
            entities.iter().position(|entity| {
                entity.kind == kind && test(entity.topic_filter.as_deref(), entity.name.is_none())
            })
        };
        let matches = |filter: &str| filter.split(',').any(|glob| fnmatch(glob.trim(), topic));
        find(&|filter, _| filter.is_some_and(matches))
            .or_else(|| find(&|filter, nameless| filter.is_none() && nameless))
            .or_else(|| find(&|filter, _| filter.is_none()))
    }

    /// One QoS per way to come through this profile, each with the place to blame for it.
    pub(crate) fn every_qos(&self) -> Vec<(&Problem, Qos)> {
        let profile = &self.set.profiles[self.index];
        let mut all =
            vec![(&profile.place, self.writer_qos("")), (&profile.place, self.reader_qos(""))];
        for (e, entity) in profile.entities.iter().enumerate() {
            let default = match entity.kind {
                EntityKind::Writer => Qos::default_writer(),
                _ => Qos::default_reader(),
            };
            let mut draft = Draft::new(default);
            self.apply(Target::Entity(self.index, e), entity.kind, "", &mut draft);
            all.push((&entity.place, draft.finish()));
        }
        all
    }
}

//! Profile files: parsed whole, inheritance checked, profiles found by name.
//!
//! ```
//! use tidewire_qos::Library;
//! let library = Library::parse("mine.xml", r#"
//! <dds><qos_library name="Plant">
//!   <qos_profile name="Slow" base_name="tidewire::Sensor" is_default_qos="true">
//!     <datareader_qos topic_filter="pump*">
//!       <time_based_filter><minimum_separation><nanosec>100000000</nanosec></minimum_separation></time_based_filter>
//!     </datareader_qos>
//!   </qos_profile>
//! </qos_library></dds>"#)?;
//! let profile = library.profile("Plant::Slow")?;
//! assert_eq!(profile.reader_qos("pump1/vibration").time_based_filter.to_string(), "100ms");
//! assert!(profile.reader_qos("arm/imu").time_based_filter.is_zero());
//! # Ok::<(), tidewire_qos::QosError>(())
//! ```

use std::path::Path;
use std::sync::Arc;

use crate::error::Problem;
use crate::inherit::{self, Links};
use crate::xml::{self, ProfileDef};
use crate::{Profile, QosError, shipped, suggest};

/// The profiles of one DDS-XML file, with the shipped ones behind them as bases.
#[derive(Clone)]
pub struct Library {
    pub(crate) set: Arc<Set>,
}

/// What a [`Library`] and its profiles share. The file's own profiles come first.
pub(crate) struct Set {
    pub name: String,
    pub profiles: Vec<ProfileDef>,
    pub links: Vec<Links>,
}

impl Library {
    /// Reads a DDS-XML file.
    ///
    /// # Errors
    /// [`QosError::Read`], or [`QosError::Document`] with every problem in it.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, QosError> {
        let path = path.as_ref();
        let source = std::fs::read_to_string(path)
            .map_err(|source| QosError::Read { path: path.to_owned(), source })?;
        Self::parse(&path.display().to_string(), &source)
    }

    /// Parses DDS-XML text; `name` stands for the file in errors.
    ///
    /// # Errors
    /// [`QosError::Document`] with every problem in it: markup, unknown elements and values, bases that
    /// lead nowhere or in a circle, and profiles whose policies contradict each other.
    pub fn parse(name: &str, source: &str) -> Result<Self, QosError> {
        let (mut profiles, problems) = xml::parse(name, source);
        if !problems.is_empty() {
            return Err(QosError::Document { problems });
        }
        profiles.extend(shipped::definitions().iter().cloned());
        Self::link(name, profiles)
    }

    /// Our own profiles: what [`crate::load`] finds by name without a file.
    pub fn shipped() -> Self {
        Self { set: shipped::set() }
    }

    pub(crate) fn link(name: &str, profiles: Vec<ProfileDef>) -> Result<Self, QosError> {
        let (links, problems) = inherit::link(&profiles);
        if !problems.is_empty() {
            return Err(QosError::Document { problems });
        }
        let library = Self { set: Arc::new(Set { name: name.to_owned(), profiles, links }) };
        let problems = library.contradictions();
        if problems.is_empty() { Ok(library) } else { Err(QosError::Document { problems }) }
    }

    /// The profiles' names as `Library::Profile`, in the file's order.
    pub fn names(&self) -> Vec<String> {
        self.own().map(|(_, profile)| full_name(profile)).collect()
    }

    /// A profile by `Library::Profile`, or by `Profile` alone where one library has it. The file's own
    /// profiles go before the shipped ones.
    ///
    /// # Errors
    /// [`QosError::UnknownProfile`] with the nearest name, [`QosError::Ambiguous`].
    pub fn profile(&self, name: &str) -> Result<Profile, QosError> {
        for shipped in [false, true] {
            let found: Vec<usize> = (0..self.set.profiles.len())
                .filter(|&i| {
                    let profile = &self.set.profiles[i];
                    profile.shipped == shipped
                        && (profile.name == name || full_name(profile) == name)
                })
                .collect();
            match found[..] {
                [] => {}
                [index] => return Ok(Profile { set: self.set.clone(), index }),
                _ => {
                    let known = found.iter().map(|&i| full_name(&self.set.profiles[i])).collect();
                    return Err(QosError::Ambiguous {
                        name: name.to_owned(),
                        place: self.set.name.clone(),
                        known,
                    });
                }
            }
        }
        let mut known: Vec<String> = self.names();
        if !name.contains("::") {
            known = self.own().map(|(_, profile)| profile.name.clone()).collect();
        }
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        Err(QosError::UnknownProfile {
            name: name.to_owned(),
            place: self.set.name.clone(),
            remedy: suggest::remedy(name, &known),
        })
    }

    /// The profile a file means when none is named: the one marked `is_default_qos`, or its only one.
    ///
    /// # Errors
    /// [`QosError::ProfileNeeded`].
    pub fn default_profile(&self) -> Result<Profile, QosError> {
        let own: Vec<_> = self.own().collect();
        let mut marked = own.iter().filter(|(_, profile)| profile.is_default);
        let index = match (marked.next(), marked.next(), &own[..]) {
            (Some((index, _)), None, _) | (None, None, [(index, _)]) => *index,
            _ => {
                return Err(QosError::ProfileNeeded {
                    place: self.set.name.clone(),
                    known: self.names(),
                });
            }
        };
        Ok(Profile { set: self.set.clone(), index })
    }

    /// The file's own profiles; of the shipped library, all.
    fn own(&self) -> impl Iterator<Item = (usize, &ProfileDef)> {
        let all = self.set.profiles.iter().all(|profile| profile.shipped);
        self.set.profiles.iter().enumerate().filter(move |(_, profile)| all || !profile.shipped)
    }

    /// Profiles whose resolved QoS is refused by [`crate::Qos::validate`].
    fn contradictions(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (index, _) in self.own() {
            let profile = Profile { set: self.set.clone(), index };
            for (place, qos) in profile.every_qos() {
                for found in qos.inconsistencies() {
                    let problem = Problem {
                        what: format!("{}: {}", found.policy, found.what),
                        remedy: found.remedy,
                        ..place.clone()
                    };
                    if !problems.contains(&problem) {
                        problems.push(problem);
                    }
                }
            }
        }
        problems
    }
}

pub(crate) fn full_name(profile: &ProfileDef) -> String {
    format!("{}::{}", profile.library, profile.name)
}

//! The profiles that come with the crate: `qos/profiles/*.xml`, compiled in.

use std::sync::{Arc, LazyLock};

use crate::Library;
use crate::library::{Set, full_name};
use crate::xml::{self, ProfileDef};

const FILES: [(&str, &str); 2] = [
    ("tidewire.xml", include_str!("../profiles/tidewire.xml")),
    ("ros2.xml", include_str!("../profiles/ros2.xml")),
];

static DEFINITIONS: LazyLock<Vec<ProfileDef>> = LazyLock::new(|| {
    let mut definitions = Vec::new();
    for (file, source) in FILES {
        let (profiles, problems) = xml::parse(file, source);
        // Compiled in and checked by a test: nothing from outside can get here.
        assert!(problems.is_empty(), "shipped profiles: {}", problems[0]);
        definitions.extend(profiles.into_iter().map(|p| ProfileDef { shipped: true, ..p }));
    }
    definitions
});

static SET: LazyLock<Arc<Set>> = LazyLock::new(|| {
    Library::link("the shipped profiles", DEFINITIONS.clone())
        .expect("the shipped profiles are compiled in and checked by a test")
        .set
});

pub(crate) fn definitions() -> &'static [ProfileDef] {
    &DEFINITIONS
}

pub(crate) fn set() -> Arc<Set> {
    SET.clone()
}

/// The shipped profiles' names, as `Library::Profile`.
pub fn names() -> Vec<String> {
    definitions().iter().map(full_name).collect()
}

/// The shipped files' names and texts, to copy from.
pub fn files() -> &'static [(&'static str, &'static str)] {
    &FILES
}

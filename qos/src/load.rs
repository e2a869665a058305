//! What `--qos FILE[::PROFILE]` takes.

use std::path::Path;

use crate::{Library, Profile, QosError};

/// Finds a profile by `FILE.xml`, `FILE.xml::Profile`, `FILE.xml::Library::Profile`, or, for a shipped
/// one, by `Profile` or `Library::Profile` alone.
///
/// ```
/// assert_eq!(tidewire_qos::load("ros2::SensorData")?.reader_qos("scan").history.to_string(), "KEEP_LAST(5)");
/// assert!(tidewire_qos::load("Senser").unwrap_err().to_string().contains("did you mean `Sensor`"));
/// # Ok::<(), tidewire_qos::QosError>(())
/// ```
///
/// # Errors
/// Any of [`QosError`] but the inconsistent.
pub fn load(spec: &str) -> Result<Profile, QosError> {
    match split(spec) {
        (Some(file), profile) => {
            let library = Library::load(file)?;
            match profile {
                Some(name) => library.profile(name),
                None => library.default_profile(),
            }
        }
        (None, _) => Library::shipped().profile(spec),
    }
}

/// The file, if the text names one, and the profile. A file is what ends in `.xml`, has a `/`, or
/// exists.
fn split(spec: &str) -> (Option<&str>, Option<&str>) {
    let mut ends: Vec<usize> = spec.match_indices("::").map(|(i, _)| i).collect();
    ends.push(spec.len());
    for &end in &ends {
        let file = &spec[..end];
        if file.ends_with(".xml") || Path::new(file).is_file() {
            return (Some(file), spec.get(end + 2..));
        }
    }
    if spec.contains('/') {
        return (Some(&spec[..ends[0]]), spec.get(ends[0] + 2..));
    }
    (None, Some(spec))
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn tells_files_from_profiles() {
        assert_eq!(split("a.xml"), (Some("a.xml"), None));
        assert_eq!(split("a.xml::P"), (Some("a.xml"), Some("P")));
        assert_eq!(split("/x::y/a.xml::L::P"), (Some("/x::y/a.xml"), Some("L::P")));
        assert_eq!(split("no/such/file::P"), (Some("no/such/file"), Some("P")));
        assert_eq!(split("tidewire::Sensor"), (None, Some("tidewire::Sensor")));
    }
}

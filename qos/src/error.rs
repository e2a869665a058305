//! What can be wrong with QoS, where, and what to do about it.

use std::fmt;
use std::path::PathBuf;

use crate::validate::Inconsistency;

/// One thing wrong in a profile file, with the place a caret can point at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file's path, or the name the text was parsed under.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// How many characters the caret underlines, at least 1.
    pub width: usize,
    /// The line of the file, for the caret.
    pub text: String,
    pub what: String,
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, .. } = self;
        writeln!(f, "{file}:{line}:{column}: {}", self.what)?;
        let number = line.to_string();
        let indent = " ".repeat(number.len());
        // Tabs stay tabs before the caret, so that it stands under its character anywhere.
        let lead: String = self
            .text
            .chars()
            .take(*column as usize - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        writeln!(f, "{indent} |")?;
        writeln!(f, "{number} | {}", self.text)?;
        writeln!(f, "{indent} | {lead}{}", "^".repeat(self.width.max(1)))?;
        write!(f, "{indent} = {}", self.remedy)
    }
}

fn lines<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Why a QoS or a profile cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum QosError {
    /// The file cannot be read.
    #[error("cannot read the QoS profiles in {}: {source}; give --qos an existing DDS-XML file or the name of a shipped profile ({})", path.display(), crate::shipped::names().join(", "))]
    Read { path: PathBuf, source: std::io::Error },

    /// The document is not DDS-XML, or names what does not exist; every problem found is listed.
    #[error("{}", lines(problems))]
    Document { problems: Vec<Problem> },

    /// No profile of this name.
    #[error("no QoS profile `{name}` in {place}; {remedy}")]
    UnknownProfile { name: String, place: String, remedy: String },

    /// Several libraries of one file have a profile of this name.
    #[error("{place} has several QoS profiles `{name}`; write one of {}", known.join(", "))]
    Ambiguous { name: String, place: String, known: Vec<String> },

    /// A file with several profiles and none marked `is_default_qos="true"`.
    #[error("{place} has {} QoS profiles; name one as {place}::PROFILE: {}", known.len(), known.join(", "))]
    ProfileNeeded { place: String, known: Vec<String> },

    /// A QoS whose policies contradict each other (DDS 1.4, 2.2.3: INCONSISTENT_POLICY).
    #[error("the QoS contradicts itself: {}", lines(problems))]
    Inconsistent { problems: Vec<Inconsistency> },
}

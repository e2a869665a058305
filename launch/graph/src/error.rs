//! Why a launch file gives no graph.

use std::path::PathBuf;

use crate::span::Problem;

/// What [`crate::load`] and [`crate::parse`] refuse.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// The launch file itself cannot be read (one that is included is a problem of the other kind).
    #[error("cannot read the launch file {}: {source}; give the path of an existing YAML file", path.display())]
    Read { path: PathBuf, source: std::io::Error },

    /// Every problem found in the file, the files it includes and the arguments given.
    #[error("{}", lines(problems))]
    Invalid { problems: Vec<Problem> },
}

impl GraphError {
    /// The problems with a place.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Read { .. } => &[],
            Self::Invalid { problems } => problems,
        }
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n")
}

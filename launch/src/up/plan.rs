//! What the launcher runs: a launch file, resolved to processes.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Everything a built-in node needs to know; the launcher hands it over as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// Full name: `site/name`.
    pub name: String,
    /// Built-in kind.
    pub kind: String,
    /// DDS domain.
    pub domain: u16,
    /// IDL search paths.
    pub types: Vec<PathBuf>,
    /// `FILE[::PROFILE]`.
    pub qos: Option<String>,
    /// Topic name in code → on the bus.
    pub remap: std::collections::BTreeMap<String, String>,
    /// Full names of participants that must read before the first sample is written.
    pub wait_for: Vec<String>,
    /// The kind's own options.
    pub params: serde_json::Value,
    /// CPUs to run on; empty: all.
    pub cpus: Vec<usize>,
    /// Niceness, -20 to 19.
    pub nice: Option<i32>,
}

/// What to start.
#[derive(Clone, Debug, PartialEq)]
pub enum Program {
    /// A kind of ours, in a process of its own.
    Builtin(Box<NodeSpec>),
    /// Any executable.
    External {
        /// Program, looked up in PATH.
        program: PathBuf,
        /// Its arguments.
        args: Vec<String>,
    },
}

/// When a node stops in a shutdown: each phase waits for the one before, so that what the first
/// ones said last still arrives at the last ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Writes samples of its own.
    Source,
    /// Writes because of what it reads.
    Detector,
    /// Carries samples to other sites.
    Bridge,
    /// Keeps them.
    Recorder,
    /// Shows them.
    Viewer,
}

impl Phase {
    /// In the order of stopping.
    pub const ALL: [Self; 5] = [Self::Source, Self::Detector, Self::Bridge, Self::Recorder, Self::Viewer];

    /// The phase of a built-in kind; unknown kinds and executables count as sources.
    pub fn of_kind(kind: &str) -> Self {
        match kind {
            "detect" => Self::Detector,
            "bridge" => Self::Bridge,
            "record" => Self::Recorder,
            "view" | "echo" => Self::Viewer,
            _ => Self::Source,
        }
    }
}

/// Whether and how a node comes back after it ended by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Respawn {
    /// Comes back after a failure.
    pub on_failure: bool,
    /// Comes back after a clean end, too.
    pub on_success: bool,
    /// First pause; doubles with each restart.
    pub backoff: Duration,
    /// Longest pause.
    pub backoff_max: Duration,
    /// Restarts in all; `None`: no limit.
    pub limit: Option<u32>,
}

impl Default for Respawn {
    fn default() -> Self {
        Self {
            on_failure: false,
            on_success: false,
            backoff: Duration::from_millis(250),
            backoff_max: Duration::from_secs(10),
            limit: None,
        }
    }
}

impl Respawn {
    /// The pause before restart number `restarts` (from 1); `None` when it shall not come back.
    pub fn pause(&self, restarts: u32, failed: bool) -> Option<Duration> {
        let wanted = if failed { self.on_failure } else { self.on_success };
        if !wanted || self.limit.is_some_and(|limit| restarts > limit) {
            return None;
        }
        let doubled = self.backoff.saturating_mul(1u32.checked_shl(restarts.saturating_sub(1)).unwrap_or(u32::MAX));
        Some(doubled.min(self.backoff_max))
    }
}

/// One node of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct NodePlan {
    /// Full name: `site/name`.
    pub name: String,
    /// The site it belongs to.
    pub site: String,
    /// What to start.
    pub program: Program,
    /// When to stop.
    pub phase: Phase,
    /// Full names of nodes that must be ready before this one starts.
    pub needs: Vec<String>,
    /// Whether it comes back.
    pub respawn: Respawn,
    /// Environment variables on top of the launcher's.
    pub env: Vec<(String, String)>,
    /// Where its recording lies, for recorders.
    pub recording: Option<PathBuf>,
}

/// A launch file, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Name of the graph: the launch file's stem.
    pub name: String,
    /// In the order of the file.
    pub nodes: Vec<NodePlan>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn respawn_backs_off_and_gives_up() {
        let respawn = Respawn { on_failure: true, limit: Some(8), ..Respawn::default() };
        let pause = |n| respawn.pause(n, true).map(|p| p.as_millis());
        assert_eq!([pause(1), pause(2), pause(3), pause(7)], [Some(250), Some(500), Some(1000), Some(10_000)]);
        assert_eq!(pause(9), None);
        assert_eq!(respawn.pause(1, false), None, "it ended well and shall not come back");
        assert_eq!(Respawn { limit: None, ..respawn }.pause(60, true), Some(Duration::from_secs(10)));
    }

    #[test]
    fn sources_stop_first_and_recorders_after_bridges() {
        let order: Vec<_> = ["pump", "detect", "bridge", "record", "view"].map(Phase::of_kind).into();
        assert_eq!(order, Phase::ALL);
    }
}

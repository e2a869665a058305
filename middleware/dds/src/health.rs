//! Notices when a thread of RustDDS has died: it tells nobody, and samples just stop.

use std::collections::BTreeSet;
use std::fs;

/// The RustDDS threads of one participant, by kernel thread id.
#[derive(Debug, Default)]
pub(crate) struct Threads(BTreeSet<u32>);

impl Threads {
    /// All threads of this process that RustDDS has named; empty where there is no `/proc`.
    fn running() -> BTreeSet<u32> {
        let Ok(tasks) = fs::read_dir("/proc/self/task") else {
            return BTreeSet::new();
        };
        let rustdds = |tid: &u32| {
            fs::read_to_string(format!("/proc/self/task/{tid}/comm"))
                .is_ok_and(|name| name.starts_with("RustDDS"))
        };
        tasks
            .flatten()
            .filter_map(|task| task.file_name().to_str()?.parse().ok())
            .filter(rustdds)
            .collect()
    }

    /// Runs `start` and remembers the threads it made. Callers serialise themselves.
    pub fn of<R>(start: impl FnOnce() -> R) -> (R, Self) {
        let before = Self::running();
        let result = start();
        (result, Self(Self::running().difference(&before).copied().collect()))
    }

    /// Whether all of them still run.
    pub fn alive(&self) -> bool {
        self.0.is_empty() || self.0.is_subset(&Self::running())
    }
}

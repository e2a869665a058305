//! Memory, descriptors, threads and files: whether they come to rest.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::slot::Slot;

/// Files of the soak's domain on shared memory.
pub struct Store {
    place: PathBuf,
    /// Marks its segments in /dev/shm.
    mark: String,
}

impl Store {
    pub fn new(place: &Path, domain: u16) -> Self {
        let uid = rustix::process::getuid().as_raw();
        Self { place: place.to_owned(), mark: format!("tidewire_{uid}_{domain}_") }
    }

    /// All there are now.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        let mut found = Vec::new();
        walk(&self.place, &mut found);
        let named = |path: &PathBuf| {
            path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&self.mark))
        };
        let segments = list("/dev/shm").filter(named);
        found.extend(segments.chain(list("/tmp/iceoryx2").filter(named)));
        found.into_iter()
    }

    /// How many, and how many bytes of memory they take.
    fn measure(&self) -> (u64, u64) {
        self.files().fold((0, 0), |(files, bytes), path| {
            let taken = std::fs::symlink_metadata(path).map_or(0, |meta| meta.blocks() * 512);
            (files + 1, bytes + taken)
        })
    }
}

fn list(dir: impl AsRef<Path>) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for path in list(dir) {
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// In which processes fill caches that are never emptied, as RustDDS's: memory is measured after it.
const WARMING: Duration = Duration::from_secs(90);

/// What is measured at every audit, when all are alive and at rest.
#[derive(Default)]
pub struct Series {
    values: BTreeMap<(String, Kind), Vec<u64>>,
    start: Option<Instant>,
    /// Measurements of the first while.
    cold: usize,
    /// Processes with such caches.
    caching: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Memory of its own in bytes (`RssAnon`).
    Memory,
    /// Shared memory it has touched in bytes (`RssShmem`).
    Mapped,
    Descriptors,
    Threads,
    /// Files on shared memory.
    Files,
    /// Bytes in them.
    Bytes,
}

impl Kind {
    /// Growth from the first to the last quarter that is no leak: what allocators and caches need to
    /// come to rest, and what differs with who came last.
    fn slack(self, from: u64) -> u64 {
        match self {
            Self::Memory => (8 << 20) + from / 4,
            Self::Mapped | Self::Bytes => (16 << 20) + from / 2,
            Self::Descriptors | Self::Files => 8 + from / 4,
            Self::Threads => 1,
        }
    }
}

/// Medians of the first and the last quarter of a series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trend {
    pub of: String,
    pub kind: Kind,
    pub from: u64,
    pub to: u64,
    pub leaks: bool,
}

impl Series {
    pub fn take(&mut self, slots: &[Slot], store: &Store) {
        self.cold += usize::from(self.start.get_or_insert_with(Instant::now).elapsed() < WARMING);
        for slot in slots.iter().filter(|slot| !slot.victim) {
            let Some(pid) = slot.pid() else { continue };
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let field = |name| field(&status, name).unwrap_or_default();
            let name = &slot.role.name;
            if slot.role.dds {
                self.caching.insert(name.clone());
            }
            self.put(name, Kind::Memory, field("RssAnon") * 1024);
            self.put(name, Kind::Mapped, field("RssShmem") * 1024);
            self.put(name, Kind::Threads, field("Threads"));
            self.put(name, Kind::Descriptors, list(format!("/proc/{pid}/fd")).count() as u64);
        }
        let (files, bytes) = store.measure();
        self.put("host", Kind::Files, files);
        self.put("host", Kind::Bytes, bytes);
    }

    fn put(&mut self, of: &str, kind: Kind, value: u64) {
        self.values.entry((of.to_owned(), kind)).or_default().push(value);
    }

    /// The last value.
    pub fn last(&self, of: &str, kind: Kind) -> u64 {
        let series = self.values.get(&(of.to_owned(), kind));
        series.and_then(|series| series.last()).copied().unwrap_or_default()
    }

    /// How each series went, its first eighth left out for warming up; none of fewer than eight.
    pub fn trends(&self) -> Vec<Trend> {
        let trend = |((of, kind), series): (&(String, Kind), &Vec<u64>)| {
            let cold =
                if *kind == Kind::Memory && self.caching.contains(of) { self.cold } else { 0 };
            let warm = series.get(cold.max(series.len() / 8)..).filter(|warm| warm.len() >= 7)?;
            let quarter = warm.len().div_ceil(4);
            let (from, to) = (median(&warm[..quarter]), median(&warm[warm.len() - quarter..]));
            let leaks = to > from + kind.slack(from);
            Some(Trend { of: of.clone(), kind: *kind, from, to, leaks })
        };
        self.values.iter().filter_map(trend).collect()
    }
}

/// A number of /proc/PID/status.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaks(kind: Kind, values: impl IntoIterator<Item = u64>) -> Option<bool> {
        let mut series = Series::default();
        values.into_iter().for_each(|value| series.put("p", kind, value));
        series.trends().first().map(|trend| trend.leaks)
    }

    #[test]
    fn a_series_that_goes_on_growing_is_a_leak() {
        assert_eq!(leaks(Kind::Descriptors, (0..100).map(|n| 100 + n)), Some(true));
        assert_eq!(leaks(Kind::Memory, (0..100).map(|n| n << 20)), Some(true));
        assert_eq!(leaks(Kind::Threads, [4; 30].into_iter().chain([6; 30])), Some(true));
    }

    #[test]
    fn warming_up_and_peaks_are_none() {
        let warm = (0..100).map(|n| if n < 10 { n * 10 } else { 100 });
        assert_eq!(leaks(Kind::Descriptors, warm), Some(false));
        let peaks = (0..100).map(|n| if n % 10 == 9 { 500 } else { 100 });
        assert_eq!(leaks(Kind::Files, peaks), Some(false));
        assert_eq!(leaks(Kind::Files, [1, 1000]), None, "too short to tell");
    }

    #[test]
    fn caches_that_fill_are_none() {
        let leaks = |cold| {
            let caching = ["p".to_owned()].into();
            let mut series = Series { cold, caching, ..Series::default() };
            (0..20).for_each(|n: u64| series.put("p", Kind::Memory, n.min(6) << 24));
            series.trends()[0].leaks
        };
        assert!(leaks(0), "not if they were known to be such");
        assert!(!leaks(6));
    }

    #[test]
    fn this_process_has_memory_and_threads() {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        assert!(field(&status, "RssAnon").unwrap() > 0);
        assert!(field(&status, "Threads").unwrap() > 0);
    }
}

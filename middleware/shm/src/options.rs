//! Settings of one participant's shared memory.

use std::path::PathBuf;
use std::time::Duration;

/// How [`ShmDomain::join`](crate::ShmDomain::join) sets up.
///
/// ```
/// use tidewire_shm::ShmOptions;
///
/// let options = ShmOptions { root: Some("/dev/shm/my-test".into()), ..ShmOptions::default() };
/// assert_eq!(options.linger.as_secs(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct ShmOptions {
    /// Directory of all domains. `None`: the environment's `TIDEWIRE_SHM_DIR`, else
    /// `/dev/shm/tidewire-<uid>`. Participants find each other only under the same root.
    pub root: Option<PathBuf>,
    /// How long a writer that goes away waits at most for readers to take what it sent.
    pub linger: Duration,
    /// How often the janitor looks for participants that were killed.
    pub janitor_period: Duration,
    /// Address space one writer may spend on preallocated samples, in bytes. Memory is used only
    /// where samples were written, and reused first.
    pub segment_budget: usize,
}

impl Default for ShmOptions {
    fn default() -> Self {
        Self {
            root: None,
            linger: Duration::from_secs(2),
            janitor_period: Duration::from_millis(250),
            segment_budget: 128 << 20,
        }
    }
}

impl ShmOptions {
    pub(crate) fn root(&self) -> PathBuf {
        self.root
            .clone()
            .or_else(|| {
                std::env::var_os("TIDEWIRE_SHM_DIR").filter(|v| !v.is_empty()).map(PathBuf::from)
            })
            .unwrap_or_else(|| {
                let uid = rustix::process::getuid().as_raw();
                PathBuf::from(format!("/dev/shm/tidewire-{uid}"))
            })
    }
}

/// Users other than ours whose Tidewire participants are on this host, or were killed here: their
/// directories stand beside ours under /dev/shm. Memory is shared by processes of one user only.
pub fn other_users() -> Vec<u32> {
    let own = rustix::process::getuid().as_raw();
    let entries = std::fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    let uid = |name: &str| name.strip_prefix("tidewire-")?.parse::<u32>().ok();
    let mut users: Vec<u32> = entries
        .filter_map(|entry| uid(entry.file_name().to_str()?))
        .filter(|u| *u != own)
        .collect();
    users.sort_unstable();
    users
}

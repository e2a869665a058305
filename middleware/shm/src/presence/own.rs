//! Appearing, and keeping one's list of endpoints.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use parking_lot::Mutex;
use rustix::fs::{FlockOperation, flock};
use tidewire_transport::Prefix;

use super::annex::Text;
use super::layout::{Entry, MAGIC, NAME_MAX, PresenceFile, Pulse, SLOTS, Slot, VERSION};
use super::peer::Peer;
use crate::error::ShmError;
use crate::hash::hex;
use crate::map::Mapping;
use crate::wake::WakeWords;

/// This participant's presence file, locked while this lives.
pub(crate) struct OwnPresence {
    peer: Arc<Peer>,
    path: PathBuf,
    slots: Mutex<()>,
    name: String,
    /// Holds the lock that says "alive".
    _lock: File,
}

impl OwnPresence {
    /// Makes the file `<dir>/<prefix-hex>`; it appears complete and locked, or not at all.
    pub(crate) fn create(dir: &Path, prefix: Prefix, name: &str) -> Result<Self, ShmError> {
        if name.len() > NAME_MAX {
            return Err(ShmError::TooLong {
                what: "participant name",
                name: name.to_owned(),
                len: name.len(),
                max: NAME_MAX,
            });
        }
        let path = dir.join(hex(&prefix));
        let draft = dir.join(format!("{}.new", hex(&prefix)));
        let taken = || ShmError::AlreadyJoined { prefix: hex(&prefix) };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)
            .map_err(|e| match e.kind() {
                std::io::ErrorKind::AlreadyExists => taken(),
                _ => ShmError::io("create", &draft, e),
            })?;
        let made = Self::fill(&file, &draft, prefix, name).and_then(|()| {
            // A link fails where a rename would replace a living namesake.
            std::fs::hard_link(&draft, &path).map_err(|e| match e.kind() {
                std::io::ErrorKind::AlreadyExists => taken(),
                _ => ShmError::io("publish", &path, e),
            })
        });
        let _ = std::fs::remove_file(&draft);
        made?;
        let peer = Peer::open(&path, prefix)?;
        Ok(Self {
            peer: Arc::new(peer),
            path,
            slots: Mutex::new(()),
            name: name.to_owned(),
            _lock: file,
        })
    }

    fn fill(file: &File, path: &Path, prefix: Prefix, name: &str) -> Result<(), ShmError> {
        flock(file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|e| ShmError::io("lock", path, e))?;
        rustix::fs::ftruncate(file, size_of::<PresenceFile>() as u64)
            .map_err(|e| ShmError::io("size", path, e))?;
        let mut bytes = [0; NAME_MAX];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        let started = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |d| d.as_nanos() as i64);
        let mut map = Mapping::new(file, path, size_of::<Head>())?;
        map.init(Head {
            magic: MAGIC,
            version: VERSION,
            pid: std::process::id(),
            started,
            prefix,
            name_len: name.len() as u32,
            name: bytes,
            wake: WakeWords::default(),
            slots_used: AtomicU32::new(0),
            pulse: Pulse::default(),
        });
        Ok(())
    }

    pub(crate) fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// Takes the file away, so that others stop counting on us; our own view of it stays.
    pub(crate) fn vanish(&self) {
        let _ = std::fs::remove_file(&self.path);
    }

    pub(crate) fn wake(&self) -> &WakeWords {
        &self.peer.file().wake
    }

    /// Puts an endpoint on the list. The caller then bumps the domain's generation.
    pub(crate) fn register(&self, entry: Entry) -> Result<SlotGuard, ShmError> {
        let file = self.peer.file();
        let text = Text::new(&entry.names, &entry.terms.qos)?;
        let _one_at_a_time = self.slots.lock();
        let index = file.slots.iter().position(Slot::is_free).ok_or_else(|| ShmError::Limit {
            what: "the endpoint slots",
            of: self.name.clone(),
            limit: SLOTS,
            instead: "participants",
        })?;
        file.slots_used.fetch_max(index as u32 + 1, Ordering::Relaxed);
        file.annexes[index].store(&text);
        file.slots[index].take(&entry, file.wake.epoch());
        Ok(SlotGuard { peer: self.peer.clone(), index })
    }
}

impl Drop for OwnPresence {
    fn drop(&mut self) {
        self.vanish();
    }
}

/// Everything before the slots, which a new file holds as zeros already.
#[repr(C)]
struct Head {
    magic: u64,
    version: u32,
    pid: u32,
    started: i64,
    prefix: Prefix,
    name_len: u32,
    name: [u8; NAME_MAX],
    wake: WakeWords,
    slots_used: AtomicU32,
    pulse: Pulse,
}

// SAFETY: as for `PresenceFile`, whose first fields these are.
unsafe impl crate::map::Shared for Head {}

const _: () = assert!(
    std::mem::offset_of!(Head, wake) == std::mem::offset_of!(PresenceFile, wake)
        && std::mem::offset_of!(Head, slots_used) == std::mem::offset_of!(PresenceFile, slots_used)
        && std::mem::offset_of!(Head, pulse) == std::mem::offset_of!(PresenceFile, pulse)
);

/// An entry of the list; freed on drop. The caller then bumps the domain's generation.
pub(crate) struct SlotGuard {
    peer: Arc<Peer>,
    index: usize,
}

impl SlotGuard {
    pub(crate) fn slot(&self) -> &Slot {
        &self.peer.file().slots[self.index]
    }
}

impl Drop for SlotGuard {
    fn drop(&mut self) {
        self.slot().free();
    }
}

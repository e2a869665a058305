//! Another participant's presence file, as we see it.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::fs::{FlockOperation, flock};
use tidewire_transport::Prefix;

use super::annex::Names;
use super::lane::EndpointKind;
use super::layout::{MAGIC, PresenceFile, Pulse, SLOTS, Slot, VERSION};
use super::terms::Terms;
use crate::error::ShmError;
use crate::map::Mapping;
use crate::wake::WakeWords;

/// A mapped presence file.
pub(crate) struct Peer {
    prefix: Prefix,
    name: Arc<str>,
    path: PathBuf,
    file: File,
    map: Mapping,
}

impl Peer {
    /// Maps the file of `prefix` at `path` and checks that it is what it says.
    pub(crate) fn open(path: &Path, prefix: Prefix) -> Result<Self, ShmError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(|e| ShmError::io("open", path, e))?;
        let map = Mapping::new(&file, path, size_of::<PresenceFile>())?;
        let head: &PresenceFile = map.get();
        if head.magic != MAGIC || head.version != VERSION || head.prefix != prefix {
            return Err(ShmError::Version {
                path: path.to_owned(),
                found: head.version,
                ours: VERSION,
            });
        }
        let len = (head.name_len as usize).min(head.name.len());
        let name = Arc::from(&*String::from_utf8_lossy(&head.name[..len]));
        Ok(Self { prefix, name, path: path.to_owned(), file, map })
    }

    pub(crate) fn file(&self) -> &PresenceFile {
        self.map.get()
    }

    pub(crate) fn prefix(&self) -> Prefix {
        self.prefix
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) fn pid(&self) -> u32 {
        self.file().pid
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn wake(&self) -> &WakeWords {
        &self.file().wake
    }

    /// The slots that were ever used.
    pub(crate) fn slots(&self) -> &[Slot] {
        let used = self.file().slots_used.load(Ordering::Acquire) as usize;
        &self.file().slots[..used.min(SLOTS)]
    }

    /// What the endpoint in slot `index` offers or requests, if it is a `kind` on `topic`.
    pub(crate) fn terms(&self, index: usize, kind: EndpointKind, topic: u128) -> Option<Terms> {
        let file = self.file();
        file.slots.get(index)?.terms(&file.annexes[index], kind, topic)
    }

    /// Its endpoints, with all they say of themselves.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = (EndpointKind, Names, Terms)> {
        let file = self.file();
        self.slots().iter().zip(&file.annexes).filter_map(|(slot, annex)| slot.describe(annex))
    }

    /// When its endpoints were last said to be alive.
    pub(crate) fn pulse(&self) -> &Pulse {
        &self.file().pulse
    }

    /// Whether the owning process still holds its lock.
    pub(crate) fn is_alive(&self) -> bool {
        match flock(&self.file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => {
                let _ = flock(&self.file, FlockOperation::Unlock);
                false
            }
            Err(_) => true,
        }
    }
}

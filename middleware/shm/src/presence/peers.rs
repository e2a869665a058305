//! The participants of a domain, as one of them last saw them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use tidewire_transport::Prefix;

use super::own::OwnPresence;
use super::peer::Peer;
use crate::control::Control;
use crate::error::ShmError;
use crate::hash::{hex, unhex12};

/// How many participants that left are remembered by name. Their last DDS samples may still be on
/// their way and must still count as local.
const REMEMBERED: usize = 65_536;

/// A cache of the domain's presence files. Valid while the domain's generation stands, which every
/// change moves, so a look costs one load from shared memory.
pub(crate) struct Peers {
    dir: PathBuf,
    control: Arc<Control>,
    generation: AtomicU64,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    present: HashMap<Prefix, Arc<Peer>>,
    seen: HashMap<Prefix, Arc<str>>,
}

impl Peers {
    /// Starts with our own presence, which is a peer like any other.
    pub(crate) fn new(dir: &Path, control: Arc<Control>, own: &OwnPresence) -> Self {
        let peer = own.peer();
        let mut state = State::default();
        state.present.insert(peer.prefix(), peer.clone());
        state.seen.insert(peer.prefix(), peer.name().clone());
        Self {
            dir: dir.to_owned(),
            control,
            generation: AtomicU64::new(u64::MAX),
            state: RwLock::new(state),
        }
    }

    /// Name of a participant that is, or was, on this host.
    pub(crate) fn name_of(&self, prefix: &Prefix) -> Option<Arc<str>> {
        self.refresh();
        self.state.read().seen.get(prefix).cloned()
    }

    /// Whether a participant is, or was, on this host.
    pub(crate) fn is_known(&self, prefix: &Prefix) -> bool {
        self.refresh();
        self.state.read().seen.contains_key(prefix)
    }

    /// Notes a participant whose sample came by shared memory: it may be gone before anybody looks.
    pub(crate) fn remember(&self, prefix: &Prefix) {
        if !self.is_known(prefix) {
            self.state.write().seen.entry(*prefix).or_insert_with(|| hex(prefix).into());
        }
    }

    /// Everybody present, ourselves included.
    pub(crate) fn present(&self) -> Vec<Arc<Peer>> {
        self.refresh();
        self.state.read().present.values().cloned().collect()
    }

    /// Looks at the directory again if anything changed since the last look.
    fn refresh(&self) {
        let now = self.control.generation();
        if self.generation.load(Ordering::Acquire) == now {
            return;
        }
        if let Err(error) = self.scan() {
            tracing::warn!(%error, "cannot list participants on this host");
        }
        // What changed after `now` was read makes the next look scan again.
        self.generation.store(now, Ordering::Release);
    }

    /// Reads the directory; returns the files of participants that are dead.
    fn scan(&self) -> Result<Vec<PathBuf>, ShmError> {
        // Before it is read: what another thread has found since must not give way to an older list.
        let mut state = self.state.write();
        let entries =
            std::fs::read_dir(&self.dir).map_err(|e| ShmError::io("list", &self.dir, e))?;
        let mut dead = Vec::new();
        let mut found = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name();
            if let Some(prefix) = name.to_str().and_then(unhex12) {
                found.push((prefix, entry.path()));
            } else if name.to_str().is_some_and(|n| n.ends_with(".new")) {
                dead.extend(is_abandoned(&entry.path()).then(|| entry.path()));
            }
        }
        state.present.retain(|prefix, _| found.iter().any(|(p, _)| p == prefix));
        for (prefix, path) in found {
            if let Some(peer) = state.present.get(&prefix) {
                dead.extend((!peer.is_alive()).then_some(path));
                continue;
            }
            match Peer::open(&path, prefix) {
                Ok(peer) if peer.is_alive() => {
                    if state.seen.len() >= REMEMBERED {
                        let State { present, seen } = &mut *state;
                        seen.retain(|prefix, _| present.contains_key(prefix));
                    }
                    state.seen.insert(prefix, peer.name().clone());
                    state.present.insert(prefix, Arc::new(peer));
                }
                Ok(peer) => {
                    state.seen.insert(prefix, peer.name().clone());
                    dead.push(path);
                }
                // It left between the listing and now.
                Err(ShmError::Io { .. }) => (),
                Err(error) => tracing::warn!(%error, "ignoring a participant"),
            }
        }
        Ok(dead)
    }

    /// Removes the files of killed participants; those it was the one to remove. `None` if there were
    /// none at all.
    pub(crate) fn reap(&self) -> Option<Vec<Prefix>> {
        let dead = match self.scan() {
            Ok(dead) => dead,
            Err(error) => {
                tracing::warn!(%error, "cannot look for participants that were killed");
                return None;
            }
        };
        if dead.is_empty() {
            return None;
        }
        let mut buried = Vec::new();
        for path in &dead {
            tracing::debug!(path = %path.display(), "removing a killed participant");
            let name = path.file_name().and_then(|name| name.to_str());
            let removed = std::fs::remove_file(path).is_ok();
            buried.extend(name.and_then(unhex12).filter(|_| removed));
        }
        let mut state = self.state.write();
        state.present.retain(|_, peer| !dead.iter().any(|path| path == peer.path()));
        drop(state);
        self.control.bump();
        Some(buried)
    }
}

/// A draft whose maker died before publishing it.
fn is_abandoned(path: &Path) -> bool {
    use rustix::fs::{FlockOperation, flock};
    let Ok(file) = std::fs::File::open(path) else { return false };
    let old = file
        .metadata()
        .and_then(|m| m.modified())
        .is_ok_and(|t| t.elapsed().is_ok_and(|age| age.as_secs() >= 1));
    // Unlocked and not just made: the maker locks it right after making it.
    old && flock(&file, FlockOperation::NonBlockingLockShared).is_ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    #[test]
    fn whoever_has_come_is_found_whoever_else_looks() {
        let root = tempfile::tempdir().unwrap();
        let control = Arc::new(Control::join(root.path(), 0).unwrap());
        let own = OwnPresence::create(control.dir(), [1; 12], "looks").unwrap();
        let peers = Peers::new(control.dir(), control.clone(), &own);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        peers.reap();
                    }
                });
            }
            let mut missed = 0;
            for number in 0..2000u32 {
                let mut prefix = [2; 12];
                prefix[..4].copy_from_slice(&number.to_le_bytes());
                let come = OwnPresence::create(control.dir(), prefix, "comes").unwrap();
                control.bump();
                peers.present();
                // Whoever looked before may still be at it.
                std::thread::sleep(std::time::Duration::from_micros(200));
                missed += u32::from(!peers.present().iter().any(|peer| peer.prefix() == prefix));
                drop(come);
            }
            over.store(true, Ordering::Relaxed);
            assert_eq!(missed, 0);
        });
    }
}

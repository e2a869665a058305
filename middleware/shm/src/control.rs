//! Coming into a domain, leaving it, and telling everybody that something changed.
//!
//! Each participant holds a shared lock on `<domain>/control`. Whoever can make it exclusive is
//! alone: the first in clears what killed processes left behind, the last out removes the directory.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tidewire_transport::Prefix;

use crate::error::ShmError;
use crate::hash::{fnv128, unhex12};
use crate::map::{Mapping, Shared};

/// How long to wait for somebody who is clearing or removing the domain.
const PATIENCE: Duration = Duration::from_secs(5);
const VERSION: u64 = 1;
/// Longest domain directory in bytes: iceoryx2 adds up to 143 and panics past 255.
const PATH_MAX: usize = 110;

/// The bytes of `control`.
#[repr(C)]
struct ControlFile {
    version: AtomicU64,
    generation: AtomicU64,
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for ControlFile {}

/// A participant's hold on its domain.
pub(crate) struct Control {
    root: PathBuf,
    dir: PathBuf,
    iceoryx_prefix: String,
    lock: File,
    map: Mapping,
    /// Participants that were killed, of which none was left to say so.
    dead: Mutex<Vec<Prefix>>,
}

impl Control {
    /// Enters `<root>/<domain>`, making and clearing it as needed.
    pub(crate) fn join(root: &Path, domain: u16) -> Result<Self, ShmError> {
        let dir = root.join(domain.to_string());
        if !root.is_absolute() || dir.as_os_str().len() > PATH_MAX {
            return Err(ShmError::Place {
                path: root.to_owned(),
                detail: "not an absolute path, or too long".into(),
            });
        }
        let iceoryx_prefix = prefix_of(root, domain);
        let deadline = Instant::now() + PATIENCE;
        loop {
            make_private(root)?;
            make_private(&dir)?;
            let mut dead = Vec::new();
            if let Some((lock, map)) = Self::enter(&dir, &iceoryx_prefix, &mut dead)? {
                let root = root.to_owned();
                clear_siblings(&root, domain);
                return Ok(Self { root, dir, iceoryx_prefix, lock, map, dead: dead.into() });
            }
            if Instant::now() > deadline {
                return Err(ShmError::Busy { path: dir.join("control"), waited: PATIENCE });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// One try; `None` if the last one out was just removing the directory.
    fn enter(
        dir: &Path,
        iceoryx_prefix: &str,
        dead: &mut Vec<Prefix>,
    ) -> Result<Option<(File, Mapping)>, ShmError> {
        let path = dir.join("control");
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let file = match opened {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(ShmError::io("open", &path, e)),
        };
        let lock = |operation| match flock(&file, operation) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
            Err(e) => Err(ShmError::io("lock", &path, e)),
        };
        if lock(FlockOperation::NonBlockingLockExclusive)? {
            if !is_still(&file, &path) {
                return Ok(None);
            }
            *dead = clear(dir, iceoryx_prefix, Some(&path));
            rustix::fs::ftruncate(&file, 4096).map_err(|e| ShmError::io("size", &path, e))?;
            let map = Mapping::new(&file, &path, size_of::<ControlFile>())?;
            map.get::<ControlFile>().version.store(VERSION, Ordering::Release);
        }
        if !lock(FlockOperation::NonBlockingLockShared)? || !is_still(&file, &path) {
            return Ok(None);
        }
        let map = match Mapping::new(&file, &path, size_of::<ControlFile>()) {
            Ok(map) => map,
            // Its maker died between making and sizing it; next time we are alone and size it.
            Err(_) if file.metadata().is_ok_and(|m| m.len() == 0) => return Ok(None),
            Err(e) => return Err(e),
        };
        let found = map.get::<ControlFile>().version.load(Ordering::Acquire);
        if found != VERSION {
            return Err(ShmError::Version { path, found: found as u32, ours: VERSION as u32 });
        }
        Ok(Some((file, map)))
    }

    /// The participants whose files were cleared when we came in, once.
    pub(crate) fn take_dead(&self) -> Vec<Prefix> {
        std::mem::take(&mut self.dead.lock())
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Prefix of every file iceoryx2 makes for this domain, in /dev/shm and below `dir`.
    pub(crate) fn iceoryx_prefix(&self) -> &str {
        &self.iceoryx_prefix
    }

    /// Changes whenever a participant or endpoint comes or goes.
    pub(crate) fn generation(&self) -> u64 {
        self.map.get::<ControlFile>().generation.load(Ordering::Acquire)
    }

    /// Tells everybody that a participant, endpoint or publisher came or went; the new generation.
    pub(crate) fn bump(&self) -> u64 {
        self.map.get::<ControlFile>().generation.fetch_add(1, Ordering::AcqRel) + 1
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // The upgrade may let a newcomer in between; then it fails and the newcomer stays.
        if flock(&self.lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            clear(&self.dir, &self.iceoryx_prefix, None);
            let _ = std::fs::remove_dir(&self.dir);
            let _ = std::fs::remove_dir(&self.root);
        }
    }
}

/// Prefix of a domain's segments in /dev/shm.
fn prefix_of(root: &Path, domain: u16) -> String {
    let hash = fnv128(&[root.as_os_str().as_encoded_bytes()]) as u32;
    let uid = rustix::process::getuid().as_raw();
    format!("tidewire_{uid}_{domain}_{hash:08x}_")
}

/// Removes the other domains under `root` whose participants were all killed.
fn clear_siblings(root: &Path, own: u16) {
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let domain = entry.file_name().to_str().and_then(|name| name.parse::<u16>().ok());
        let Some(domain) = domain.filter(|domain| *domain != own) else { continue };
        let (dir, control) = (entry.path(), entry.path().join("control"));
        let Ok(file) = OpenOptions::new().read(true).write(true).open(&control) else { continue };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
            && is_still(&file, &control)
        {
            clear(&dir, &prefix_of(root, domain), None);
            let _ = std::fs::remove_dir(&dir);
        }
    }
}

/// Makes a directory for this user only, or checks that it is one.
fn make_private(dir: &Path) -> Result<(), ShmError> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => return Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => (),
        Err(e) => return Err(ShmError::io("create", dir, e)),
    }
    let meta = match std::fs::metadata(dir) {
        Ok(meta) => meta,
        // Removed by the last one out; the caller tries again.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(ShmError::io("stat", dir, e)),
    };
    if !meta.is_dir() {
        return Err(ShmError::Place { path: dir.to_owned(), detail: "not a directory".into() });
    }
    let uid = rustix::process::getuid().as_raw();
    if meta.uid() != uid {
        return Err(ShmError::Permission {
            path: dir.to_owned(),
            detail: format!("it belongs to user id {}, we run as {uid}", meta.uid()),
        });
    }
    Ok(())
}

/// Whether `path` still names the file we hold.
fn is_still(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(ours), Ok(there)) => ours.ino() == there.ino() && ours.dev() == there.dev(),
        _ => false,
    }
}

/// Removes everything of a domain nobody is in: presence files, iceoryx2's directories and its
/// segments in /dev/shm. `control` itself goes last, and stays if it is `keep`. Whose presence it was.
fn clear(dir: &Path, iceoryx_prefix: &str, keep: Option<&Path>) -> Vec<Prefix> {
    let control = dir.join("control");
    let mut present = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path == control {
            continue;
        }
        present.extend(entry.file_name().to_str().and_then(unhex12));
        let _ = match entry.file_type() {
            Ok(kind) if kind.is_dir() => std::fs::remove_dir_all(&path),
            _ => std::fs::remove_file(&path),
        };
    }
    for entry in std::fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(iceoryx_prefix.as_bytes()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    if keep.is_none() {
        let _ = std::fs::remove_file(&control);
    }
    present
}

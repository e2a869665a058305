//! One writer per recording: an advisory lock on `lock`, which names its holder.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::StoreError;

/// Held while a [`crate::Store`] is open; the kernel releases it when the process dies.
#[derive(Debug)]
pub(crate) struct WriterLock {
    file: File,
}

impl WriterLock {
    pub(crate) fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(StoreError::io(&path, "open"))?;
        if let Err(errno) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if errno != rustix::io::Errno::WOULDBLOCK {
                return Err(StoreError::io(&path, "lock")(errno.into()));
            }
            let mut pid = String::new();
            // The holder may be between locking and writing its pid: then the name is unknown.
            let _ = file.read_to_string(&mut pid);
            let pid = pid.trim();
            let pid = if pid.is_empty() { "(unknown)" } else { pid }.to_owned();
            return Err(StoreError::Locked { dir: dir.to_owned(), pid });
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| writeln!(file, "{}", std::process::id()));
        written.map_err(StoreError::io(&path, "write"))?;
        Ok(Self { file })
    }
}

impl Drop for WriterLock {
    /// Closing is not enough: a child that another thread has just forked holds the same open file
    /// until it executes its program, and the lock with it.
    fn drop(&mut self) {
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

//! What can go wrong on shared memory, where, and what to do about it.

use std::path::PathBuf;
use std::time::Duration;

/// Every failure of this crate.
#[derive(Debug, thiserror::Error)]
pub enum ShmError {
    /// Another user owns the place, or it cannot be written.
    #[error(
        "no permission to use shared memory at {path}: {detail}. Shared memory connects processes \
         of one user only: run both as the same user, or set TIDEWIRE_SHM_DIR to a directory this \
         user owns (the two then talk over DDS)"
    )]
    Permission {
        /// The directory or file that was refused.
        path: PathBuf,
        /// What the system said.
        detail: String,
    },
    /// The directory is no place for shared memory.
    #[error(
        "{path} cannot hold shared memory: {detail}. Set TIDEWIRE_SHM_DIR to an absolute path \
         of at most 100 bytes on a tmpfs"
    )]
    Place {
        /// The directory asked for.
        path: PathBuf,
        /// Why it is refused.
        detail: String,
    },
    /// A system call on one of our files failed.
    #[error("{action} {path} failed: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },
    /// Another participant holds the domain for set-up or clean-up and does not let go.
    #[error(
        "{path} stayed locked for {waited:?}: a participant of this domain is stopped while \
         it starts or ends; continue or kill it"
    )]
    Busy {
        /// The lock.
        path: PathBuf,
        /// How long we waited.
        waited: Duration,
    },
    /// The domain's files were made by another version of Tidewire.
    #[error(
        "{path} was made by layout version {found}, this is version {ours}: stop the other \
         participants of this domain or use the same Tidewire version"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        ours: u32,
    },
    /// A name does not fit.
    #[error("{what} `{name}` has {len} bytes, at most {max} fit: choose a shorter one")]
    TooLong {
        /// What was named.
        what: &'static str,
        /// The name.
        name: String,
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// Participant already present: a GUID prefix was used twice.
    #[error(
        "a participant with GUID prefix {prefix} is already in this domain: every participant \
         needs a prefix of its own"
    )]
    AlreadyJoined {
        /// The prefix in hex.
        prefix: String,
    },
    /// The topic's shared-memory service exists with another type or layout.
    #[error(
        "topic `{topic}` is already used on this host with another type or by another \
         Tidewire version (ours: `{type_name}`): {detail}"
    )]
    Incompatible {
        /// Topic name.
        topic: String,
        /// The type we asked for.
        type_name: String,
        /// What iceoryx2 reported.
        detail: String,
    },
    /// A limit of one participant or topic was reached.
    #[error(
        "{what} of `{of}` are all taken ({limit}): close some, or spread them over more \
         {instead}"
    )]
    Limit {
        /// What ran out.
        what: &'static str,
        /// Topic or participant name.
        of: String,
        /// How many there are.
        limit: usize,
        /// Where more room is.
        instead: &'static str,
    },
    /// A RELIABLE write could not reach every reader within `max_blocking_time`.
    #[error(
        "write on `{topic}` timed out after {waited:?}: {readers} reader(s) did not take \
         samples; they are stopped or too slow"
    )]
    WriteTimeout {
        /// Topic name.
        topic: String,
        /// `max_blocking_time` of the writer.
        waited: Duration,
        /// Readers that missed this sample.
        readers: usize,
    },
    /// The reader holds more samples than may be on loan.
    #[error(
        "reader of `{topic}` holds {limit} samples of one writer at once: drop some, or copy \
         them out with ShmSample::into_bytes"
    )]
    TooManyBorrowed {
        /// Topic name.
        topic: String,
        /// The limit per writer.
        limit: usize,
    },
    /// Shared memory has no room for another sample or segment.
    #[error(
        "no shared memory left for {bytes} bytes on `{topic}`: enlarge /dev/shm (mount -o \
         remount,size=2G /dev/shm; docker run --shm-size) or send smaller samples"
    )]
    NoMemory {
        /// Topic name.
        topic: String,
        /// Bytes asked for.
        bytes: usize,
    },
    /// iceoryx2 failed in a way that has no better name here.
    #[error(
        "shared memory: {action} failed with {detail}. If a process was killed, wait a second \
         and try again; `ls /dev/shm` shows what is left"
    )]
    Backend {
        /// What was tried.
        action: String,
        /// iceoryx2's own word.
        detail: String,
    },
}

impl ShmError {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
        source: impl Into<std::io::Error>,
    ) -> Self {
        let (path, source) = (path.into(), source.into());
        match source.kind() {
            std::io::ErrorKind::PermissionDenied => {
                Self::Permission { path, detail: format!("{action}: {source}") }
            }
            _ => Self::Io { action, path, source },
        }
    }
}

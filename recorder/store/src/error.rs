//! What can go wrong with a recording, where, and what to do about it.
//!
//! ```
//! use tidewire_store::{StoreError, StoreReader};
//!
//! let empty = tempfile::tempdir()?;
//! let error = StoreReader::open(empty.path()).err().expect("an empty folder is no recording");
//! assert!(matches!(error, StoreError::NotARecording { .. }));
//! assert!(error.to_string().contains("tidewire.json"));
//! # Ok::<(), std::io::Error>(())
//! ```

use std::io;
use std::path::{Path, PathBuf};

/// An operation on a recording failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The folder holds no manifest.
    #[error(
        "{}: not a recording: there is no tidewire.json in it; give the folder that \
         `tidewire record -o` wrote", dir.display()
    )]
    NotARecording {
        /// The folder that was given.
        dir: PathBuf,
    },
    /// A new recording would mix with files of something else.
    #[error(
        "{}: the folder has files but no tidewire.json, so it is not a recording; give an empty \
         or a new folder", dir.display()
    )]
    NotEmpty {
        /// The folder that was given.
        dir: PathBuf,
    },
    /// Written by a newer Tidewire.
    #[error(
        "{}: the recording has format version {found}, this program reads up to {supported}; \
         open it with the Tidewire that wrote it, or a newer one", dir.display()
    )]
    NewerVersion {
        /// The recording.
        dir: PathBuf,
        /// Version in the manifest.
        found: u64,
        /// Highest version this program reads.
        supported: u64,
    },
    /// The manifest cannot be understood.
    #[error("{}: {what}; restore the file from a copy of the recording", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong in it.
        what: String,
    },
    /// Another process writes this recording.
    #[error(
        "{}: process {pid} is recording into it; stop that one first or choose another folder \
         (reading needs no lock)", dir.display()
    )]
    Locked {
        /// The recording.
        dir: PathBuf,
        /// Who holds the lock, as far as its lock file says.
        pid: String,
    },
    /// The file system refused.
    #[error("{}: cannot {doing}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The disk is full or down to its reserve. Nothing acknowledged is lost; recording resumes by
    /// itself when there is room.
    #[error(
        "{}: the disk is full ({free} bytes free, {reserve} kept in reserve): new samples are \
         refused, acknowledged ones are safe; make room and recording goes on by itself",
        path.display()
    )]
    DiskFull {
        /// The file that could not grow, or the recording.
        path: PathBuf,
        /// Bytes free for this user.
        free: u64,
        /// `StoreOptions::min_free_bytes`.
        reserve: u64,
    },
    /// The disk does not take what is written; it is tried again until it does.
    #[error(
        "{}: {what}: new samples are refused until a retry succeeds, acknowledged ones are safe; \
         check the disk (`dmesg`) and its permissions", path.display()
    )]
    Refusing {
        /// The file or shard that failed.
        path: PathBuf,
        /// What failed.
        what: String,
    },
    /// Stored bytes are not what was written.
    #[error(
        "{}, offset {offset}: {what}; run `tidewire verify` for the whole list and restore the \
         file from a copy", file.display()
    )]
    Damaged {
        /// The damaged file.
        file: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// LMDB refused.
    #[error("{}: {doing}: {source}; run `tidewire verify`", dir.display())]
    Shard {
        /// The shard's folder.
        dir: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// LMDB's answer.
        source: heed::Error,
    },
    /// No such topic in the recording.
    #[error("no topic {topic:?} in the recording; it has: {known}")]
    UnknownTopic {
        /// The name asked for.
        topic: String,
        /// The names there are.
        known: String,
    },
    /// A [`crate::TopicId`] that this store did not hand out.
    #[error("topic id {0} is not registered in this store; register the topic first")]
    UnknownTopicId(u32),
    /// A payload beyond the format's limit.
    #[error("a payload of {bytes} bytes is beyond the limit of {max}; split the sample")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// An option that cannot work.
    #[error("store option {option}: {what}")]
    Option {
        /// Which.
        option: &'static str,
        /// Why not, and what would do.
        what: String,
    },
    /// The store was closed.
    #[error("the store is closed; open it again to go on recording")]
    Closed,
}

impl StoreError {
    /// Wraps a system error with the path and the verb.
    pub(crate) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, doing, source }
    }

    pub(crate) fn shard(
        dir: &Path,
        doing: &'static str,
    ) -> impl FnOnce(heed::Error) -> Self + use<> {
        let dir = dir.to_owned();
        move |source| Self::Shard { dir, doing, source }
    }

    pub(crate) fn damaged(file: &Path, offset: u64, what: impl Into<String>) -> Self {
        Self::Damaged { file: file.to_owned(), offset, what: what.into() }
    }
}

//! `tidewire.json`: what makes a folder a recording, and which version of the format it has.
//!
//! ```
//! use tidewire_store::{Manifest, Store, StoreOptions};
//!
//! let dir = tempfile::tempdir()?;
//! Store::open(dir.path(), StoreOptions::default())?.close()?;
//! assert_eq!(Manifest::read(dir.path())?.format, tidewire_store::FORMAT_VERSION);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::{self, Files};
use crate::{PartitionBy, StoreError, StoreOptions};

/// The format version this program writes, and the highest it reads.
pub const FORMAT_VERSION: u64 = 1;

/// File name of the manifest inside a recording.
pub const MANIFEST: &str = "tidewire.json";

/// The recording's fixed properties.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always `"tidewire recording"`.
    pub kind: String,
    /// Version of the folder's format.
    pub format: u64,
    /// Length of a shard's period in seconds.
    pub period_s: u64,
    /// Which points share a shard.
    pub partition: PartitionBy,
    /// When the recording was created: ns since the Unix epoch.
    pub created_ns: i64,
}

const KIND: &str = "tidewire recording";

impl Manifest {
    pub(crate) fn new(options: &StoreOptions, created_ns: i64) -> Self {
        Self {
            kind: KIND.to_owned(),
            format: FORMAT_VERSION,
            period_s: options.period.as_secs(),
            partition: options.partition,
            created_ns,
        }
    }

    /// Reads and checks the manifest of a recording.
    pub fn read(dir: &Path) -> Result<Self, StoreError> {
        let path = path(dir);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(StoreError::NotARecording { dir: dir.to_owned() });
            }
            Err(source) => return Err(StoreError::Io { path, doing: "read", source }),
        };
        let bad = |what: String| StoreError::Manifest { path: path.clone(), what };
        let json: serde_json::Value =
            serde_json::from_str(&text).map_err(|e| bad(format!("not JSON: {e}")))?;
        // The version is looked at before anything else: a newer one may have other fields.
        if json["kind"] != KIND {
            return Err(bad(format!("\"kind\" is {}, not {KIND:?}", json["kind"])));
        }
        let found = json["format"].as_u64();
        let found = found.ok_or_else(|| bad("\"format\" is not a number".into()))?;
        if found > FORMAT_VERSION {
            return Err(StoreError::NewerVersion {
                dir: dir.to_owned(),
                found,
                supported: FORMAT_VERSION,
            });
        }
        let manifest: Self = serde_json::from_value(json).map_err(|e| bad(e.to_string()))?;
        if manifest.period_s == 0 {
            return Err(bad("\"period_s\" is 0".into()));
        }
        Ok(manifest)
    }

    pub(crate) fn write(&self, files: &dyn Files, dir: &Path) -> Result<(), StoreError> {
        let path = path(dir);
        let mut text = serde_json::to_string_pretty(self).expect("plain fields serialise");
        text.push('\n');
        files::replace(files, &path, text.as_bytes()).map_err(StoreError::io(&path, "write"))
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join(MANIFEST)
}

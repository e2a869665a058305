use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A small file system in memory that can be filled up; gone when dropped.
pub struct SmallDisk {
    dir: tempfile::TempDir,
}

impl SmallDisk {
    /// Mounts one of `mebibytes`; `None`, with the reason printed, where mounting is not permitted.
    pub fn mount(mebibytes: u32) -> Option<Self> {
        let dir = tempfile::tempdir().ok()?;
        let size = format!("size={mebibytes}m");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tidewire-test"])
            .arg(dir.path())
            .stderr(Stdio::null())
            .status();
        if !mount.is_ok_and(|status| status.success()) {
            eprintln!(
                "skipped: mounting a small file system is not permitted here (it takes root)"
            );
            return None;
        }
        Some(Self { dir })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Takes all space that is left; remove the file to give it back.
    pub fn fill(&self) -> PathBuf {
        let ballast = self.path().join("ballast");
        let Ok(mut file) = std::fs::File::create(&ballast) else { return ballast };
        let chunk = vec![0; 64 << 10];
        for size in [chunk.len(), 4096, 1] {
            while std::io::Write::write_all(&mut file, &chunk[..size]).is_ok() {}
        }
        ballast
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is just being killed may still have files open.
        Command::new("umount").arg("-l").arg(self.path()).status().ok();
    }
}

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::{Child, root};

/// A Python program of `tests/interop`, run with the packages `deploy/setup.sh test` installs.
pub struct Peer;

impl Peer {
    /// A program on Cyclone DDS: `role` is `pub` or `sub`.
    pub fn cyclone(role: &str, domain: u16, topic: &str, ty: &str, count: usize) -> Child {
        let args = [role, &domain.to_string(), topic, ty, &count.to_string()].map(str::to_owned);
        Child::spawn(Self::python("peer.py").args(args))
    }

    /// The interpreter with `script` as its first argument.
    ///
    /// # Panics
    /// The packages are not installed.
    pub fn python(script: &str) -> Command {
        let venv = std::env::var_os("TIDEWIRE_VENV").map_or_else(
            || {
                PathBuf::from(std::env::var_os("HOME").unwrap_or_default())
                    .join(".cache/tidewire/venv")
            },
            PathBuf::from,
        );
        let python = venv.join("bin/python");
        assert!(
            python.exists(),
            "{} is missing; run deploy/setup.sh test (make test does)",
            python.display()
        );
        let folder = root().join("tests/interop");
        let mut command = Command::new(python);
        command.arg(folder.join(script)).current_dir(folder).env("PYTHONUNBUFFERED", "1");
        command
    }
}

/// What a peer gets to start, match or finish.
pub const PATIENCE: Duration = Duration::from_secs(30);

//! Helpers of the end-to-end tests: the built binary, other vendors' programs, JSON lines.
//!
//! The room may use everything; nothing may use it. Tests live in `tests/tests/`, one file per
//! story; programs on other vendors' DDS in `tests/interop/`.
//!
//! ```no_run
//! let out = tidewire_tests::tidewire(&["--version"]).output().unwrap();
//! assert!(out.status.success());
//! ```

mod datagrams;
mod disk;
mod help;
pub mod interop;
mod lines;
mod network;
mod peer;
mod recording;
mod said;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

pub use datagrams::{Datagrams, rtps_ports};
pub use disk::SmallDisk;
pub use help::HelpPage;
pub use lines::Child;
pub use network::{HOSTS, Namespace, TwoHosts, Weather};
pub use peer::{PATIENCE, Peer};
pub use recording::{EPOCH, Recording, copy, files};
pub use said::{Said, say};

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}

/// The `tidewire` binary of this build.
///
/// # Panics
/// It was not built: `cargo test -p tidewire-tests` alone does not.
pub fn binary() -> PathBuf {
    let mut path = std::env::current_exe().expect("a test knows its own path");
    // target/<profile>/deps/<test> -> target/<profile>/tidewire
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.push("tidewire");
    assert!(
        path.exists(),
        "{} is missing; build it first: cargo build --profile demo -p tidewire",
        path.display()
    );
    path
}

/// Waits until `done`.
///
/// # Panics
/// It never is.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "gave up waiting until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A command line of the binary, run in the repository's root.
pub fn tidewire(args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(args).current_dir(root());
    command
}

/// The recordings for trials, where this machine has them.
pub fn data(folder: &str) -> Option<PathBuf> {
    let base = std::env::var_os("TIDEWIRE_DATA")
        .map_or_else(|| root().join("../shared/data"), PathBuf::from);
    let path = base.join(folder);
    if !path.is_dir() {
        eprintln!("skipped: {} is not on this machine (set TIDEWIRE_DATA)", path.display());
        return None;
    }
    Some(path)
}

/// A TCP port nobody listens on.
///
/// # Panics
/// Loopback has none.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// A path as a command line takes it.
///
/// # Panics
/// It is not UTF-8.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}

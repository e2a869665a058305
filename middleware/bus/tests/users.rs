//! Processes that cannot share memory: another user's, and one in a container. This test runs its own
//! binary again as the other side, and takes root.

mod common;

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use common::*;
use parking_lot::Mutex;
use tidewire_bus::{Participant, other_users};
use tidewire_types::sensor::Temperature;

const USER: u32 = 54_321;

/// The other side: answers what it reads until it reads a last one, when this process was started for
/// it, else does nothing.
#[test]
fn as_somebody_else() {
    let Ok(domain) = std::env::var("TIDEWIRE_TEST_ELSE") else { return };
    let bus = Participant::builder().domain(domain.parse().unwrap()).build().unwrap();
    let shares = std::env::var("TIDEWIRE_TEST_SHARES").unwrap() == "true";
    assert_eq!(bus.transports().shm, shares, "shared memory of its own");
    let reader = bus.reader::<Temperature>("there", &everything()).unwrap();
    let writer = bus.writer::<Temperature>("back", &everything()).unwrap();
    // VOLATILE: an answer before is for nobody.
    writer.wait_for_readers(1, PATIENCE).unwrap();
    loop {
        let sample = reader.recv_timeout(PATIENCE).unwrap().expect("a sample");
        writer.write(&sample.data).unwrap();
        if sample.data.celsius < 0.0 {
            // The reader goes first: it has taken the answer then.
            wait("the reader to go", || writer.matched_readers() == 0);
            return;
        }
    }
}

fn is_root() -> bool {
    let root = rustix::process::getuid().is_root();
    if !root {
        eprintln!("skipped: becoming another user takes root");
    }
    root
}

/// One at a time copies or starts: a process that is forked while another thread writes a copy holds it open,
/// and nobody can run it then (ETXTBSY).
static ONE: Mutex<()> = Mutex::new(());

/// This binary where other users may run it.
struct Program {
    path: PathBuf,
    _dir: tempfile::TempDir,
}

impl Program {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        let path = dir.path().join("test");
        let _one = ONE.lock();
        fs::copy(std::env::current_exe().unwrap(), &path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        Self { path, _dir: dir }
    }

    /// Starts it through `command`, which it is the last argument of.
    fn start(&self, mut command: Command, domain: u16, shares: bool) -> Other {
        let _one = ONE.lock();
        let child = command
            .arg(&self.path)
            .args(["--exact", "as_somebody_else", "--nocapture"])
            .env("TIDEWIRE_TEST_ELSE", domain.to_string())
            .env("TIDEWIRE_TEST_SHARES", shares.to_string())
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        Other(child.unwrap())
    }
}

struct Other(Child);

impl Other {
    /// Its success, and what it said on standard error.
    fn end(mut self) -> (bool, String) {
        let mut said = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.0.wait().unwrap().success(), said)
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// As another user, without any rights.
fn as_user() -> Command {
    let mut command = Command::new("env");
    command.uid(USER).gid(USER);
    command
}

/// With another /dev/shm, as in a container.
fn contained() -> Command {
    let mut command = Command::new("unshare");
    command.args([
        "--mount",
        "--ipc",
        "sh",
        "-c",
        "mount -t tmpfs none /dev/shm && exec \"$0\" \"$@\"",
    ]);
    command
}

fn bus(domain: u16) -> Participant {
    Participant::builder().domain(domain).build().unwrap()
}

/// Both sides on both transports: samples go by DDS, each once, and the other side says nothing.
fn exchange(bus: &Participant, other: Other) {
    let writer = bus.writer::<Temperature>("there", &everything()).unwrap();
    let reader = bus.reader::<Temperature>("back", &everything()).unwrap();
    writer.wait_for_readers(1, PATIENCE).unwrap();
    reader.wait_for_writers(1, PATIENCE).unwrap();
    let topics = bus.topics();
    let theirs = topics.iter().flat_map(|topic| topic.writers.iter().chain(&topic.readers));
    assert!(theirs.filter(|endpoint| !endpoint.own).all(|endpoint| !endpoint.local));
    for celsius in [1.0, 2.0, 3.0, -1.0] {
        let sent = Temperature { point: "p".into(), celsius };
        writer.write(&sent).unwrap();
        let back = reader.recv_timeout(PATIENCE).unwrap().expect("an answer");
        assert_eq!(back.data, sent);
    }
    assert!(writer.dds_data_written() >= 4);
    settle();
    assert!(reader.take().unwrap().is_none());
    assert_eq!(reader.lost(), 0);
    drop(reader);
    let (ended, said) = other.end();
    assert!(ended, "{said}");
    assert_eq!(said, "");
}

#[test]
fn another_user_is_met_over_dds_whoever_comes_first() {
    if !is_root() {
        return;
    }
    let program = Program::new();
    let domain = tidewire_bus::testing::free_domain();
    let first = bus(domain);
    exchange(&first, program.start(as_user(), domain, true));
    drop(first);

    let domain = tidewire_bus::testing::free_domain();
    let other = program.start(as_user(), domain, true);
    wait("the other user's directory", || other_users().contains(&USER));
    exchange(&bus(domain), other);
    wait("its removal", || !other_users().contains(&USER));
}

#[test]
fn another_user_at_our_place_goes_on_without_shared_memory() {
    if !is_root() {
        return;
    }
    let domain = tidewire_bus::testing::free_domain();
    let ours = bus(domain);
    let uid = rustix::process::getuid().as_raw();
    let mut command = as_user();
    command.arg(format!("TIDEWIRE_SHM_DIR=/dev/shm/tidewire-{uid}"));
    exchange(&ours, Program::new().start(command, domain, false));
}

#[test]
fn a_container_is_met_over_dds() {
    if !is_root() {
        return;
    }
    let domain = tidewire_bus::testing::free_domain();
    let ours = bus(domain);
    exchange(&ours, Program::new().start(contained(), domain, true));
}

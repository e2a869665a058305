//! What the tests share: a sink that collects, payloads, patience.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tidewire_cyclone::DdsWriter;
use tidewire_idl::KeyHash;
use tidewire_qos::{Qos, Reliability};
use tidewire_transport::dds::{DdsSample, Sink};

/// Key = first 4 bytes of the body.
#[derive(Default)]
pub struct Collect(pub Mutex<Vec<DdsSample>>);

impl Collect {
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    pub fn samples(&self) -> Vec<DdsSample> {
        self.0.lock().clone()
    }
}

pub fn key(payload: &[u8]) -> KeyHash {
    let mut hash = KeyHash::default();
    if let Some(bytes) = payload.get(4..8) {
        hash.0[..4].copy_from_slice(bytes);
    }
    hash
}

impl Sink for Collect {
    fn key_of(&self, payload: &[u8]) -> KeyHash {
        key(payload)
    }
    fn key_of_disposed(&self, key_payload: &[u8]) -> KeyHash {
        key(key_payload)
    }
    fn deliver(&self, sample: DdsSample) {
        self.0.lock().push(sample);
    }
    fn flush(&self) {}
}

/// Keeps the thread that brings samples, so that its reader acknowledges nothing.
pub struct Slow(SyncSender<()>, Mutex<Receiver<()>>);

impl Slow {
    /// It, what tells that a sample has come, and what must be dropped to let go.
    pub fn new() -> (Arc<Self>, Receiver<()>, Sender<()>) {
        let ((entered, inside), (release, gate)) = (sync_channel(1), channel());
        (Arc::new(Self(entered, Mutex::new(gate))), inside, release)
    }
}

impl Sink for Slow {
    fn key_of(&self, _: &[u8]) -> KeyHash {
        KeyHash::default()
    }
    fn key_of_disposed(&self, _: &[u8]) -> KeyHash {
        KeyHash::default()
    }
    fn deliver(&self, _: DdsSample) {
        let _ = self.0.try_send(());
        let _ = self.1.lock().recv();
    }
    fn flush(&self) {}
}

pub fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(30), "waited 30 s for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A domain for one test of this process.
pub fn domain(offset: u32) -> u16 {
    (60 + (std::process::id() + offset) % 160) as u16
}

pub fn payload(header: [u8; 2], body: &[u8]) -> Bytes {
    [&header[..], &[0, 0], body].concat().into()
}

/// An XCDR1 sample of instance `instance`, the `count`th.
pub fn numbered(instance: u32, count: u32) -> Bytes {
    payload([0, 1], &[instance.to_le_bytes(), count.to_le_bytes()].concat())
}

/// A sample of `size` bytes with a pattern that a lost or doubled fragment would break.
/// RELIABLE, on a machine that may be slow.
pub fn patient() -> Qos {
    let max_blocking_time = tidewire_qos::Duration::from_secs(30);
    Qos { reliability: Reliability::Reliable { max_blocking_time }, ..Qos::reliable() }
}

pub fn large(size: usize) -> Bytes {
    let mut bytes = vec![0, 1, 0, 0];
    bytes.extend((4..size as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8));
    bytes.into()
}

/// `tests/interop/peer.py` on the Python package of Cyclone DDS.
pub fn peer(role: &str, domain: u16, topic: &str, ty: &str, count: usize) -> Command {
    let mut command = python();
    command.arg("peer.py").args([role, &domain.to_string(), topic, ty, &count.to_string()]);
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop"));
    command
}

/// The Python that has this package, which `deploy/setup.sh test` installs.
pub fn python() -> Command {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let venv = std::env::var_os("TIDEWIRE_VENV")
        .map_or_else(|| home().join(".cache/tidewire/venv"), PathBuf::from);
    let python = venv.join("bin/python");
    assert!(python.exists(), "{} is missing; run deploy/setup.sh test", python.display());
    let mut command = Command::new(python);
    command.env("PYTHONUNBUFFERED", "1");
    command
}

/// Writes a thousand samples, or until one is refused, and counts them.
pub fn write_on(writer: &DdsWriter, payload: &Bytes, written: &AtomicUsize) {
    for _ in 0..1000 {
        if writer.write(payload.clone(), KeyHash::default(), 1).is_err() {
            return;
        }
        written.fetch_add(1, Ordering::AcqRel);
    }
}

/// Waits until who writes finds no room; how many it has written by then.
pub fn until_no_room(written: &AtomicUsize) -> usize {
    // Longer than a thread is likely to be without a processor.
    let (mut seen, mut since) = (0, Instant::now());
    wait("the writer to find no room", || {
        let now = written.load(Ordering::Acquire);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        seen > 0 && since.elapsed() > Duration::from_secs(1)
    });
    seen
}

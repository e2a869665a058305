//! Domains of their own for each test, and short-hands.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tidewire_idl::Guid;
use tidewire_qos::{Qos, Reliability};
use tidewire_shm::{ShmDomain, ShmError, ShmOptions, ShmReader, ShmSample, ShmWriter};
use tidewire_transport::{EndpointSpec, SampleMeta};

/// A root directory and a domain number nobody else has.
pub struct Place {
    pub root: PathBuf,
    pub domain: u16,
    _dir: TempDir,
}

impl Place {
    pub fn new() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let dir = tempfile::Builder::new().prefix("shm-test").tempdir().unwrap();
        let domain = NEXT.fetch_add(1, Ordering::Relaxed) + 300;
        Self { root: dir.path().join("root"), domain, _dir: dir }
    }

    pub fn options(&self) -> ShmOptions {
        ShmOptions { root: Some(self.root.clone()), ..ShmOptions::default() }
    }

    pub fn join(&self, id: u8, name: &str) -> ShmDomain {
        ShmDomain::join(self.domain, [id; 12], name, &self.options()).unwrap()
    }

    /// What is left of this domain on the machine.
    pub fn residue(&self) -> Vec<PathBuf> {
        let mut left: Vec<_> = self.root.exists().then(|| self.root.clone()).into_iter().collect();
        let mark = format!("_{}_", self.domain);
        let names = std::fs::read_dir("/dev/shm").unwrap().flatten().filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.starts_with("tidewire_") && name.contains(&mark) && name.contains(&self.hash())
        });
        left.extend(names.map(|entry| entry.path()));
        left
    }

    /// The part of iceoryx2's file names that stands for the root directory.
    fn hash(&self) -> String {
        use std::os::unix::ffi::OsStrExt;
        let bytes = self.root.as_os_str().as_bytes();
        let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
        for byte in bytes.iter().copied().chain((bytes.len() as u64).to_le_bytes()) {
            hash = (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b);
        }
        format!("_{:08x}_", hash as u32)
    }
}

impl Drop for Place {
    /// Whoever comes next clears up after killed processes; here nobody would.
    fn drop(&mut self) {
        let _ = ShmDomain::join(self.domain, [255; 12], "last", &self.options());
    }
}

pub fn guid(id: u8) -> Guid {
    Guid([id; 16])
}

/// RELIABLE, with the given longest wait.
pub fn reliable(topic: &str, wait: Duration) -> EndpointSpec {
    let mut spec = EndpointSpec::new(topic, "test::Type", false);
    spec.qos = Qos::reliable();
    spec.qos.resource_limits.max_samples = None;
    spec.qos.reliability = Reliability::Reliable { max_blocking_time: wait.into() };
    spec
}

/// BEST_EFFORT, KEEP_LAST(5).
pub fn best_effort(topic: &str) -> EndpointSpec {
    let mut spec = EndpointSpec::new(topic, "test::Type", false);
    spec.qos = Qos::sensor_data();
    spec
}

pub fn meta(writer: u8, sequence: u64) -> SampleMeta {
    SampleMeta { writer: guid(writer), sequence, source_time: 1_000, ..SampleMeta::default() }
}

/// A payload that tells which sample it is.
pub fn payload(sequence: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![sequence as u8; len.max(12)];
    bytes[..4].copy_from_slice(&[0, 1, 0, 0]);
    bytes[4..12].copy_from_slice(&sequence.to_le_bytes());
    bytes
}

pub fn send(writer: &mut ShmWriter, sequence: u64) -> Result<usize, ShmError> {
    Ok(writer.send(&meta(1, sequence), &payload(sequence, 64))?.readers)
}

/// All samples there are now.
pub fn drain(reader: &mut ShmReader) -> Vec<u64> {
    std::iter::from_fn(|| reader.take().unwrap()).map(|s| checked(&s)).collect()
}

/// The sequence number of a sample whose payload is as it was sent.
pub fn checked(sample: &ShmSample) -> u64 {
    let sequence = sample.meta().sequence;
    assert_eq!(&sample[..], payload(sequence, sample.len()));
    sequence
}

/// Waits for something that must come about; the limit only ends a broken test.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

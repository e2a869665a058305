//! A disk that fails: full, with I/O errors, half-way through a write. Nothing acknowledged is lost,
//! appends are refused with a place and a remedy, and recording goes on when the disk does.

mod common;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use common::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tidewire_store::files::{Files, LogFile, OsFiles};
use tidewire_store::{Store, StoreError, StoreOptions, StoreReader, TopicId, TopicMeta, verify};

/// What shall go wrong; all switches may be thrown while a store runs.
#[derive(Debug, Default)]
struct Faults {
    /// Bytes that may still be written before the disk is full; `u64::MAX` for no limit.
    room: AtomicU64,
    fail_sync: AtomicBool,
    fail_truncate: AtomicBool,
    fail_create: AtomicBool,
    free: AtomicU64,
}

#[derive(Debug, Clone)]
struct Faulty(Arc<Faults>);

struct FaultyFile {
    inner: Box<dyn LogFile>,
    faults: Arc<Faults>,
}

fn errno(code: i32) -> io::Error {
    io::Error::from_raw_os_error(code)
}

const ENOSPC: i32 = 28;
const EIO: i32 = 5;

impl LogFile for FaultyFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = self.faults.room.load(Ordering::SeqCst);
        if (bytes.len() as u64) <= room {
            if room != u64::MAX {
                self.faults.room.fetch_sub(bytes.len() as u64, Ordering::SeqCst);
            }
            return self.inner.append(bytes);
        }
        // As a real full disk: what fits is written.
        self.faults.room.store(0, Ordering::SeqCst);
        self.inner.append(&bytes[..room as usize])?;
        Err(errno(ENOSPC))
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.faults.fail_sync.load(Ordering::SeqCst) {
            return Err(errno(EIO));
        }
        self.inner.sync()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        if self.faults.fail_truncate.load(Ordering::SeqCst) {
            return Err(errno(EIO));
        }
        self.inner.truncate(len)
    }
}

impl Faulty {
    fn new() -> Self {
        let faults = Faults::default();
        faults.room.store(u64::MAX, Ordering::SeqCst);
        faults.free.store(u64::MAX, Ordering::SeqCst);
        Self(Arc::new(faults))
    }

    fn wrap(&self, inner: io::Result<Box<dyn LogFile>>) -> io::Result<Box<dyn LogFile>> {
        Ok(Box::new(FaultyFile { inner: inner?, faults: self.0.clone() }))
    }
}

impl Files for Faulty {
    fn create(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        if self.0.fail_create.load(Ordering::SeqCst) {
            return Err(errno(EIO));
        }
        self.wrap(OsFiles.create(path))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        self.wrap(OsFiles.open(path))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        OsFiles.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        OsFiles.rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        OsFiles.sync_dir(dir)
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<u64> {
        Ok(self.0.free.load(Ordering::SeqCst))
    }
}

struct Bench {
    dir: tempfile::TempDir,
    files: Faulty,
    store: Store,
    topic: TopicId,
    /// Sequence numbers taken in, with their journal seq.
    taken: Vec<(u64, u64)>,
    next: u64,
}

impl Bench {
    fn new(options: StoreOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let files = Faulty::new();
        let options = StoreOptions { files: Arc::new(files.clone()), ..options };
        let store = Store::open(dir.path(), options).unwrap();
        let topic = store.register_topic(&TopicMeta::raw("raw", "Raw")).unwrap();
        Self { dir, files, store, topic, taken: Vec::new(), next: 0 }
    }

    fn append(&mut self) -> Result<u64, StoreError> {
        let i = self.next;
        let seq = self.store.append(self.topic, &sample("p", i as i64, i, &[i as u8; 50]))?;
        self.taken.push((i, seq));
        self.next += 1;
        Ok(seq)
    }

    /// Appends until the store refuses.
    fn append_until_refused(&mut self) -> StoreError {
        loop {
            if let Err(error) = self.append() {
                return error;
            }
            if let Err(error) = self.store.sync() {
                return error;
            }
        }
    }

    /// Waits until appends are taken again.
    fn append_until_taken(&mut self) {
        while self.append().is_err() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn found(&self) -> Vec<u64> {
        let samples = read_all(self.dir.path(), "raw");
        samples.iter().map(|s| s.info.sequence).collect()
    }

    fn all(&self) -> Vec<u64> {
        self.taken.iter().map(|(i, _)| *i).collect()
    }

    fn acknowledged(&self) -> Vec<u64> {
        let limit = self.store.acknowledged();
        self.taken.iter().filter(|(_, seq)| *seq <= limit).map(|(i, _)| *i).collect()
    }
}

#[test]
fn a_full_disk_refuses_with_place_and_remedy_and_recovers_when_there_is_room() {
    let mut bench = Bench::new(lazy());
    for _ in 0..100 {
        bench.append().unwrap();
    }
    bench.store.sync().unwrap();
    for room in [0, 1, 70, 131, 5000] {
        bench.files.0.room.store(room, Ordering::SeqCst);
        bench.files.0.free.store(12_345, Ordering::SeqCst);
        let error = bench.append_until_refused();
        let text = error.to_string();
        assert!(matches!(error, StoreError::DiskFull { free: 12_345, .. }), "{text}");
        assert!(text.contains("journal") && text.contains("make room"), "{text}");
        assert!(bench.store.stats().refusal.is_some());
        let acknowledged = bench.acknowledged();
        let found = bench.found();
        assert!(acknowledged.iter().all(|i| found.contains(i)));
        bench.files.0.room.store(u64::MAX, Ordering::SeqCst);
        bench.files.0.free.store(u64::MAX, Ordering::SeqCst);
        bench.append_until_taken();
        bench.store.sync().unwrap();
        // What was taken in before the refusal is there too, once.
        assert_eq!(bench.found(), bench.all());
    }
    let Bench { dir, store, next, .. } = bench;
    store.close().unwrap();
    assert_eq!(read_all(dir.path(), "raw").len() as u64, next);
    assert_eq!(verify(dir.path(), |_| {}).unwrap().problems, []);
}

#[test]
fn failed_syncs_and_cuts_never_lose_or_double_an_acknowledged_sample() {
    let mut random = StdRng::seed_from_u64(11);
    let mut bench = Bench::new(StoreOptions { segment_bytes: 4 << 10, ..fast() });
    for round in 0..25 {
        for _ in 0..random.random_range(1..60) {
            bench.append_until_taken();
        }
        if random.random_bool(0.5) {
            bench.store.sync().unwrap();
        }
        let faults = bench.files.0.clone();
        faults.fail_sync.store(random.random_bool(0.7), Ordering::SeqCst);
        faults.fail_truncate.store(random.random_bool(0.5), Ordering::SeqCst);
        faults.fail_create.store(random.random_bool(0.3), Ordering::SeqCst);
        if random.random_bool(0.5) {
            faults.room.store(random.random_range(0..3000), Ordering::SeqCst);
        }
        for _ in 0..random.random_range(1..30) {
            let _ = bench.append();
        }
        let _ = bench.store.sync();
        let acknowledged = bench.acknowledged();
        let found = bench.found();
        assert!(acknowledged.iter().all(|i| found.contains(i)), "round {round}");
        assert!(found.is_sorted_by(|a, b| a < b), "doubled in round {round}: {found:?}");
        faults.fail_sync.store(false, Ordering::SeqCst);
        faults.fail_truncate.store(false, Ordering::SeqCst);
        faults.fail_create.store(false, Ordering::SeqCst);
        faults.room.store(u64::MAX, Ordering::SeqCst);
        bench.append_until_taken();
        bench.store.sync().unwrap();
        assert_eq!(bench.found(), bench.all(), "round {round}");
    }
    let (dir, all) = (bench.dir, bench.taken.len());
    bench.store.abandon();
    let store = Store::open(dir.path(), fast()).unwrap();
    assert_eq!(store.recovery().problems, []);
    store.close().unwrap();
    assert_eq!(read_all(dir.path(), "raw").len(), all);
    assert_eq!(verify(dir.path(), |_| {}).unwrap().problems, []);
}

#[test]
fn a_crash_while_the_disk_fails_keeps_what_was_acknowledged() {
    for (seed, truncate) in [(1, false), (2, true), (3, false), (4, true)] {
        let mut random = StdRng::seed_from_u64(seed);
        let mut bench = Bench::new(lazy());
        for _ in 0..50 {
            bench.append().unwrap();
        }
        bench.store.sync().unwrap();
        bench.files.0.fail_truncate.store(truncate, Ordering::SeqCst);
        bench.files.0.room.store(random.random_range(0..4000), Ordering::SeqCst);
        let error = bench.append_until_refused();
        assert!(matches!(error, StoreError::DiskFull { .. }));
        let acknowledged = bench.acknowledged();
        let taken = bench.all();
        bench.store.abandon();
        let store = Store::open(bench.dir.path(), lazy()).unwrap();
        assert_eq!(store.recovery().problems, []);
        store.close().unwrap();
        let found: Vec<u64> =
            read_all(bench.dir.path(), "raw").iter().map(|s| s.info.sequence).collect();
        assert!(acknowledged.iter().all(|i| found.contains(i)));
        assert!(found.iter().all(|i| taken.contains(i)), "nothing is invented");
        assert!(found.is_sorted_by(|a, b| a < b), "nothing is doubled");
    }
}

#[test]
fn a_disk_down_to_its_reserve_refuses_before_it_is_full() {
    let mut bench = Bench::new(StoreOptions { min_free_bytes: 1 << 20, ..lazy() });
    bench.append().unwrap();
    bench.store.sync().unwrap();
    bench.files.0.free.store(1 << 19, Ordering::SeqCst);
    let error = loop {
        match bench.append() {
            Ok(_) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => break error,
        }
    };
    let text = error.to_string();
    assert!(text.contains("524288 bytes free, 1048576 kept in reserve"), "{text}");
    bench.files.0.free.store(1 << 30, Ordering::SeqCst);
    bench.append_until_taken();
    bench.store.sync().unwrap();
    assert_eq!(bench.found(), bench.all());
}

#[test]
fn closing_on_a_dead_disk_says_so_and_the_next_opening_goes_on() {
    let mut bench = Bench::new(lazy());
    for _ in 0..20 {
        bench.append().unwrap();
    }
    bench.store.sync().unwrap();
    bench.files.0.fail_sync.store(true, Ordering::SeqCst);
    bench.append().unwrap();
    let Bench { dir, store, .. } = bench;
    let error = store.close().unwrap_err();
    assert!(matches!(error, StoreError::Refusing { .. }), "{error}");
    let store = Store::open(dir.path(), lazy()).unwrap();
    store.close().unwrap();
    assert!(read_all(dir.path(), "raw").len() >= 20);
}

#[test]
fn a_shard_that_cannot_be_made_leaves_its_samples_in_the_journal() {
    let mut bench = Bench::new(fast());
    // A file stands where the shards' folder should be.
    std::fs::write(bench.dir.path().join("shards"), "in the way").unwrap();
    for _ in 0..200 {
        bench.append().unwrap();
    }
    bench.store.sync().unwrap();
    let error = bench.store.seal().unwrap_err();
    assert!(error.to_string().contains("shards"), "{error}");
    std::fs::remove_file(bench.dir.path().join("shards")).unwrap();
    while bench.store.seal().is_err() {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(bench.found(), bench.all());
    let reader = StoreReader::open(bench.dir.path()).unwrap();
    assert_eq!(reader.topics()[0].samples, 200);
}

#[test]
fn a_sample_that_is_too_large_is_refused_alone() {
    let mut bench = Bench::new(lazy());
    let huge = sample("p", 0, 0, &vec![0; (256 << 20) + 1]);
    let error = bench.store.append(bench.topic, &huge).unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { .. }));
    bench.append().unwrap();
    bench.store.sync().unwrap();
    assert_eq!(bench.found(), bench.all());
}

#[test]
fn appends_wait_for_a_slow_disk_and_none_is_lost() {
    let options = StoreOptions { max_backlog_bytes: 2000, max_unsealed_bytes: 20_000, ..fast() };
    let mut bench = Bench::new(options);
    for _ in 0..2000 {
        bench.append().unwrap();
    }
    bench.store.sync().unwrap();
    assert_eq!(bench.found().len(), 2000);
}

//! Open LMDB environments: checked before they are mapped, shared inside the process, resized when
//! full.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use heed::types::Bytes;
use heed::{CommitOrAbort, Env, EnvFlags, EnvOpenOptions, MdbError, RoTxn, RwTxn, WithoutTls};
use parking_lot::{Mutex, RwLock};

use super::pages::{PageError, PageFile};
use super::path::DATA;
use crate::StoreError;

type Database = heed::Database<'static, Bytes, Bytes>;

/// A shard's LMDB environment. One per shard and process, as LMDB demands.
pub struct ShardEnv {
    env: Env<WithoutTls>,
    db: Database,
    dir: PathBuf,
    /// Held shared during every transaction, exclusively while the map is resized.
    gate: RwLock<()>,
}

/// Every open environment of this process: a recorder and a reader in one process share them.
static OPEN: LazyLock<Mutex<HashMap<PathBuf, Weak<ShardEnv>>>> = LazyLock::new(Mutex::default);

/// Readers of other processes that may hold a transaction at the same time.
const MAX_READERS: u32 = 510;

/// What happens with a shard that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    Create,
    Fail,
}

impl ShardEnv {
    /// Opens the environment in `dir`, or hands out the one this process has open already.
    pub fn open(dir: &Path, map_bytes: usize, missing: Missing) -> Result<Arc<Self>, StoreError> {
        if missing == Missing::Create {
            create_dirs(dir).map_err(StoreError::io(dir, "create"))?;
        } else if !dir.join(DATA).exists() {
            return Err(StoreError::io(dir, "open")(io::ErrorKind::NotFound.into()));
        }
        let canonical = dir.canonicalize().map_err(StoreError::io(dir, "open"))?;
        let mut open = OPEN.lock();
        if let Some(env) = open.get(&canonical).and_then(Weak::upgrade) {
            return Ok(env);
        }
        check(dir)?;
        // The last handle may be closing in another thread right now.
        let mut tries = 0;
        let env = loop {
            match open_env(dir, map_bytes) {
                Err(heed::Error::EnvAlreadyOpened) if tries < 2000 => {
                    tries += 1;
                    std::thread::sleep(Duration::from_millis(1));
                }
                other => break other.map_err(StoreError::shard(dir, "cannot open the shard"))?,
            }
        };
        let env = Arc::new(env);
        open.retain(|_, weak| weak.strong_count() > 0);
        open.insert(canonical, Arc::downgrade(&env));
        Ok(env)
    }

    /// Runs `work` inside a read transaction. It must be short: an old transaction keeps every page
    /// that was freed since, and the file grows.
    pub fn read<R>(
        &self,
        work: impl FnOnce(&View<'_>) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        for _ in 0..3 {
            let gate = self.gate.read_recursive();
            match self.env.read_txn() {
                Ok(txn) => return work(&View { txn: &txn, db: self.db, dir: &self.dir }),
                Err(heed::Error::Mdb(MdbError::MapResized)) => {
                    drop(gate);
                    self.resize(0)?;
                }
                // Slots of readers that were killed.
                Err(heed::Error::Mdb(MdbError::ReadersFull)) => {
                    self.env.clear_stale_readers().map_err(self.failed("clear readers"))?;
                }
                Err(e) => return Err(self.failed("cannot read")(e)),
            }
        }
        let full = heed::Error::Mdb(MdbError::ReadersFull);
        Err(self.failed("cannot begin a read transaction")(full))
    }

    /// Runs `work` inside a write transaction and commits it: two fsyncs, after which all of it is
    /// on disk. Grows the map and starts over when it is full.
    pub fn write(
        &self,
        mut work: impl FnMut(&mut RwTxn<'_>, Database) -> heed::Result<()>,
    ) -> Result<(), StoreError> {
        loop {
            let result = {
                let _gate = self.gate.read_recursive();
                self.env.write_txn().and_then(|mut txn| {
                    work(&mut txn, self.db)?;
                    txn.commit()
                })
            };
            match result {
                Ok(()) => return Ok(()),
                Err(heed::Error::Mdb(MdbError::MapFull)) => {
                    let size = self.env.info().map_size.saturating_mul(2);
                    self.resize(size)?;
                }
                Err(heed::Error::Mdb(MdbError::MapResized)) => self.resize(0)?,
                Err(e) => return Err(self.failed("cannot write")(e)),
            }
        }
    }

    /// 0 takes over the size another process gave it.
    fn resize(&self, bytes: usize) -> Result<(), StoreError> {
        let _gate = self.gate.write();
        // SAFETY: LMDB demands that this process has no transaction in the environment. Every
        // transaction is begun and ended with `gate` held shared, and here it is held exclusively.
        unsafe { self.env.resize(bytes) }.map_err(self.failed("cannot grow the map"))
    }

    fn failed(&self, doing: &'static str) -> impl FnOnce(heed::Error) -> StoreError {
        StoreError::shard(&self.dir, doing)
    }
}

/// A read transaction.
pub struct View<'a> {
    txn: &'a RoTxn<'a, WithoutTls>,
    db: Database,
    dir: &'a Path,
}

impl<'a> View<'a> {
    /// Number of the commit it sees.
    pub fn txn_id(&self) -> u64 {
        self.txn.id() as u64
    }

    pub fn get(&self, key: &[u8]) -> Result<Option<&'a [u8]>, StoreError> {
        self.db.get(self.txn, key).map_err(StoreError::shard(self.dir, "cannot read"))
    }

    /// Entries from `from` on, up to and without `to`.
    pub fn range(
        &self,
        from: &[u8],
        to: &[u8],
        mut each: impl FnMut(&'a [u8], &'a [u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let failed = || StoreError::shard(self.dir, "cannot read");
        let bounds = (std::ops::Bound::Included(from), std::ops::Bound::Excluded(to));
        for entry in self.db.range(self.txn, &bounds).map_err(failed())? {
            let (key, value) = entry.map_err(failed())?;
            each(key, value)?;
        }
        Ok(())
    }
}

/// Makes the folder durable up to and including its name in the recording.
fn create_dirs(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    for parent in dir.ancestors().skip(1).take(3) {
        fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// Walks the file's trees with plain reads. A live writer may recycle pages under the walk; then
/// the meta page has moved on and the walk is repeated.
fn check(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join(DATA);
    match fs::metadata(&path) {
        // LMDB makes a new file, or goes on with one whose maker died before its first page.
        Ok(meta) if meta.len() == 0 => return Ok(()),
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(StoreError::io(&path, "read")(e)),
    }
    let mut before = None;
    loop {
        let (txn, result) = match PageFile::open(&path) {
            Ok(file) => (Some(file.meta.txn), file.walk(&|_| false, &mut |_, _, _| {})),
            Err(error) => (None, Err(error)),
        };
        match result {
            Ok(()) => return Ok(()),
            Err(PageError::Bad(_)) if txn != before => before = txn,
            Err(PageError::Bad(page)) => {
                return Err(StoreError::damaged(&path, page.offset, page.what));
            }
            Err(PageError::Io(error)) => return Err(StoreError::io(&path, "read")(error)),
        }
    }
}

/// LMDB makes its lock file sparse, maps it and writes to it: on a full disk that is a SIGBUS. So its
/// blocks are taken first, where running out of them is an error.
fn reserve_lock(dir: &Path) -> io::Result<()> {
    let path = dir.join("lock.mdb");
    let opened =
        fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = match opened {
        Ok(file) => file,
        // A recording that may only be read: LMDB finds its own way.
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            return Ok(());
        }
        Err(e) => return Err(e),
    };
    // A header of three cache lines, and one line per reader but the first.
    let bytes = u64::from(MAX_READERS + 2) * 64;
    match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
        // Not every file system can take blocks beforehand.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
        other => Ok(other?),
    }
}

fn open_env(dir: &Path, map_bytes: usize) -> heed::Result<ShardEnv> {
    reserve_lock(dir)?;
    let env = match open_with(dir, map_bytes, EnvFlags::empty()) {
        Err(heed::Error::Io(e))
            if matches!(
                e.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            open_with(dir, map_bytes, EnvFlags::READ_ONLY)?
        }
        other => other?,
    };
    // A reader that was killed inside a transaction would hold on to every page freed since.
    env.clear_stale_readers()?;
    let txn = env.read_txn()?;
    let opened = env.open_databases_and_commit(txn, |opener, txn| {
        let db = opener.open_database::<Bytes, Bytes>(txn, None)?;
        Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(db))
    })?;
    let db = match opened {
        CommitOrAbort::Commit(Some(db)) => db,
        _ => return Err(heed::Error::Mdb(MdbError::NotFound)),
    };
    Ok(ShardEnv { env, db, dir: dir.to_owned(), gate: RwLock::new(()) })
}

fn open_with(dir: &Path, map_bytes: usize, flags: EnvFlags) -> heed::Result<Env<WithoutTls>> {
    let map_bytes = map_bytes.next_multiple_of(64 << 10);
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(map_bytes).max_readers(MAX_READERS);
    // SAFETY: READ_ONLY weakens no guarantee; NO_SYNC, NO_META_SYNC and NO_LOCK are never set.
    unsafe { options.flags(flags) };
    // SAFETY: the map stays valid because nothing but LMDB changes a shard's file while it is open
    // (retention removes whole folders, which keeps the inode), the recording's writer lock and
    // LMDB's own keep two writers apart, `check` has seen that every page the trees reach lies
    // inside the file, and `OPEN` keeps one environment per file and process.
    unsafe { options.open(dir) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_map_grows_and_a_second_handle_is_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let shard = dir.path().join("shards/p/x");
        let env = ShardEnv::open(&shard, 256 << 10, Missing::Create).unwrap();
        let value = vec![7u8; 100_000];
        for i in 0..20u8 {
            env.write(|txn, db| db.put(txn, &[i], &value)).unwrap();
        }
        let again = ShardEnv::open(&shard, 256 << 10, Missing::Fail).unwrap();
        assert!(Arc::ptr_eq(&env, &again));
        let seen = again.read(|view| Ok(view.get(&[19])?.map(<[u8]>::len))).unwrap();
        assert_eq!(seen, Some(100_000));
        drop((env, again));
        let again = ShardEnv::open(&shard, 256 << 10, Missing::Fail).unwrap();
        assert_eq!(again.read(|view| Ok(view.get(&[0])?.map(<[u8]>::len))).unwrap(), Some(100_000));
    }

    #[test]
    fn a_truncated_file_is_an_error_and_not_a_signal() {
        let dir = tempfile::tempdir().unwrap();
        let shard = dir.path().join("shards/p/x");
        let env = ShardEnv::open(&shard, 1 << 20, Missing::Create).unwrap();
        env.write(|txn, db| (0..50u8).try_for_each(|i| db.put(txn, &[i], &[i; 5000]))).unwrap();
        drop(env);
        let path = shard.join(DATA);
        let whole = fs::read(&path).unwrap();
        for len in (1..whole.len()).step_by(4096).chain([100, whole.len() - 1]) {
            fs::write(&path, &whole[..len]).unwrap();
            let error = ShardEnv::open(&shard, 1 << 20, Missing::Fail).err();
            assert!(matches!(error, Some(StoreError::Damaged { .. })), "{len}: {error:?}");
        }
        fs::write(&path, &whole).unwrap();
        assert!(ShardEnv::open(&shard, 1 << 20, Missing::Fail).is_ok());
    }
}

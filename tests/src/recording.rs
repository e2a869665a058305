use std::path::{Path, PathBuf};

use tidewire_idl::{Encoding, Guid, InstanceState, Sample, SampleInfo, TypeSupport};
use tidewire_store::{Store, StoreOptions, TopicMeta};

/// The source time of sample 0: 2026-01-01T00:00:00Z.
pub const EPOCH: i64 = 1_767_225_600_000_000_000;

/// Recordings with known contents, made without a bus.
pub struct Recording;

impl Recording {
    /// Opens a store that seals only when closed.
    ///
    /// # Panics
    /// It cannot be opened.
    pub fn open(dir: &Path) -> Store {
        let hour = std::time::Duration::from_secs(3600);
        let options = StoreOptions {
            min_free_bytes: 0,
            block_bytes: 16 << 10,
            block_age: hour,
            shard_interval: hour,
            ..StoreOptions::default()
        };
        Store::open(dir, options).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Appends `count` samples that `value` makes, `step` ns apart from [`EPOCH`] on, and syncs.
    ///
    /// # Panics
    /// The store refuses them.
    pub fn append<T: TypeSupport>(
        store: &Store,
        topic: &str,
        count: u64,
        step: i64,
        value: impl Fn(u64) -> T,
    ) {
        let meta = TopicMeta {
            keyed: T::KEYED,
            descriptor: Some((*T::descriptor()).clone()),
            ..TopicMeta::raw(topic, T::TYPE_NAME)
        };
        let id = store.register_topic(&meta).unwrap();
        for i in 0..count {
            let value = value(i);
            let mut payload = Vec::new();
            value.encode(Encoding::default(), &mut payload);
            let time = EPOCH + step * i as i64;
            let info = SampleInfo {
                source_time: time,
                reception_time: time + 50_000,
                writer: Guid([3; 16]),
                sequence: i + 1,
                key: value.key_hash(),
                state: InstanceState::Alive,
                point: value.point().unwrap_or("here").into(),
            };
            store.append(id, &Sample { info, payload: payload.into() }).unwrap();
        }
        store.sync().unwrap();
    }
}

/// All files below a folder, biggest first.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort_by_key(|path| {
        (std::cmp::Reverse(path.metadata().map_or(0, |meta| meta.len())), path.clone())
    });
    found
}

/// Copies a folder with all below it.
///
/// # Panics
/// It cannot be copied.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

//! The recorder's store beside an MCAP file, both durable at the same interval.
//!
//! The load: 3-axis vibration samples of 100 collection points, interleaved as they come from a
//! bus, each with its own slowly wandering noise. Both sides append one sample at a time on one
//! thread and make what they have durable (`fdatasync`) every 10 ms; the clock stops when the last
//! sample is durable and the file or shards are complete. Compression: ours as shipped; MCAP with
//! zstd at its default level in its default chunks. Not measured: reading back, query, replay.
//!
//! ```
//! let load = tidewire_bench::store::Load::new(1000, 1);
//! assert_eq!(load.samples.len(), 1000);
//! assert!(load.payload_bytes() > 1000 * 12);
//! ```

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tidewire_idl::{Encoding, Guid, InstanceState, KeyHash, Sample, SampleInfo, TypeSupport};
use tidewire_store::{Store, StoreOptions, TopicMeta};
use tidewire_types::sensor::Vibration;

use crate::{BenchError, Figure};

const BENCH: &str = "store";
const POINTS: usize = 100;
const SYNC: Duration = Duration::from_millis(10);

/// What both sides record.
pub struct Load {
    /// In the order they arrive.
    pub samples: Vec<Sample>,
}

impl Load {
    /// `count` samples, the same for the same seed.
    pub fn new(count: usize, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let points: Vec<Arc<str>> =
            (0..POINTS).map(|i| format!("plant/pump{i:02}").into()).collect();
        let mut state = [[0.0_f32; 3]; POINTS];
        let samples = (0..count)
            .map(|i| {
                let which = i % POINTS;
                for axis in &mut state[which] {
                    *axis = *axis * 0.9 + rng.random_range(-0.5..0.5);
                }
                let [x, y, z] = state[which];
                let data = Vibration { point: points[which].to_string(), x, y, z };
                let mut payload = Vec::with_capacity(64);
                data.encode(Encoding::default(), &mut payload);
                let time =
                    1_790_000_000_000_000_000 + i as i64 * 10_000 + rng.random_range(0..3000);
                let mut writer = [7; 16];
                writer[0] = which as u8;
                Sample {
                    info: SampleInfo {
                        source_time: time,
                        reception_time: time + 30_000,
                        writer: Guid(writer),
                        sequence: (i / POINTS) as u64 + 1,
                        key: KeyHash(writer),
                        state: InstanceState::Alive,
                        point: points[which].clone(),
                    },
                    payload: payload.into(),
                }
            })
            .collect();
        Self { samples }
    }

    /// Bytes of all payloads.
    pub fn payload_bytes(&self) -> usize {
        self.samples.iter().map(|sample| sample.payload.len()).sum()
    }
}

/// Runs both sides `runs` times over `count` samples, in a folder below `scratch`. `progress` is
/// told before each run.
///
/// # Errors
/// The scratch folder cannot be used.
pub fn run(
    scratch: &Path,
    count: usize,
    runs: usize,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Figure>, BenchError> {
    let load = Load::new(count, 42);
    let mut rates = [Vec::new(), Vec::new()];
    let mut sizes = [Vec::new(), Vec::new()];
    for round in 0..runs {
        // Who goes first alternates.
        for side in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            progress(&format!("run {} of {runs}: {}", round + 1, ["tidewire", "mcap"][side]));
            let dir = tempfile::Builder::new()
                .prefix("tidewire-bench-")
                .tempdir_in(scratch)
                .map_err(|e| BenchError::of(BENCH)(&e))?;
            let start = Instant::now();
            let bytes = if side == 0 { ours(&load, dir.path())? } else { mcap(&load, dir.path())? };
            rates[side].push(count as f64 / start.elapsed().as_secs_f64());
            sizes[side].push(bytes as f64 / count as f64);
        }
    }
    let figure = |name, unit, [ours, theirs]: &[Vec<f64>; 2]| {
        Figure::of_runs(name, unit, ours, "mcap", theirs)
    };
    Ok(vec![
        figure("recorded samples, durable every 10 ms", "1/s", &rates),
        figure("bytes per sample on disk", "B", &sizes),
    ])
}

fn ours(load: &Load, dir: &Path) -> Result<u64, BenchError> {
    let fail = BenchError::of(BENCH);
    let dir = dir.join("recording");
    let options = StoreOptions { commit_interval: SYNC, ..StoreOptions::default() };
    let store = Store::open(&dir, options).map_err(|e| fail(&e))?;
    let topic = TopicMeta {
        name: "vibration".into(),
        type_name: Vibration::TYPE_NAME.into(),
        keyed: true,
        descriptor: Some((*Vibration::descriptor()).clone()),
        qos: serde_json::Value::Null,
    };
    let topic = store.register_topic(&topic).map_err(|e| fail(&e))?;
    for sample in &load.samples {
        store.append(topic, sample).map_err(|e| fail(&e))?;
    }
    store.close().map_err(|e| fail(&e))?;
    Ok(folder_size(&dir))
}

fn mcap(load: &Load, dir: &Path) -> Result<u64, BenchError> {
    let fail = BenchError::of(BENCH);
    let path = dir.join("recording.mcap");
    let file = File::create(&path).map_err(|e| fail(&e))?;
    let disk = file.try_clone().map_err(|e| fail(&e))?;
    let mut writer = mcap::WriteOptions::new()
        .compression(Some(mcap::Compression::Zstd))
        .create(BufWriter::new(file))
        .map_err(|e| fail(&e))?;
    let schema = writer
        .add_schema(Vibration::TYPE_NAME, "omgidl", b"struct Vibration")
        .map_err(|e| fail(&e))?;
    let mut channels = Vec::with_capacity(POINTS);
    for point in 0..POINTS {
        let topic = format!("vibration/{point}");
        channels.push(
            writer.add_channel(schema, &topic, "cdr", &Default::default()).map_err(|e| fail(&e))?,
        );
    }
    let mut synced = Instant::now();
    for (i, sample) in load.samples.iter().enumerate() {
        let header = mcap::records::MessageHeader {
            channel_id: channels[i % POINTS],
            sequence: sample.info.sequence as u32,
            log_time: sample.info.reception_time as u64,
            publish_time: sample.info.source_time as u64,
        };
        writer.write_to_known_channel(&header, &sample.payload).map_err(|e| fail(&e))?;
        if synced.elapsed() >= SYNC {
            writer.flush().map_err(|e| fail(&e))?;
            disk.sync_data().map_err(|e| fail(&e))?;
            synced = Instant::now();
        }
    }
    writer.finish().map_err(|e| fail(&e))?;
    drop(writer);
    disk.sync_data().map_err(|e| fail(&e))?;
    std::fs::metadata(&path).map(|meta| meta.len()).map_err(|e| fail(&e))
}

/// Bytes the filesystem has allocated: LMDB files are sparse.
fn folder_size(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    entries
        .filter_map(Result::ok)
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => folder_size(&entry.path()),
            Ok(meta) => meta.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

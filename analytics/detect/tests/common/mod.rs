//! A pump that shakes, as samples and as a recording.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

use tidewire_detect::{DetectOptions, TrainOptions, train};
use tidewire_idl::{Encoding, Sample, SampleInfo, TypeSupport};
use tidewire_models::{FitOptions, Kind};
use tidewire_store::{Store, StoreOptions, TopicId, TopicMeta};
use tidewire_types::event::FaultTruth;
use tidewire_types::sensor::Vibration;

pub const MS: i64 = 1_000_000;
pub const START: i64 = 1_700_000_000_000_000_000;

/// Small deterministic noise source (xorshift), roughly normal with unit deviation.
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn draw(&mut self) -> f64 {
        let mut sum = -6.0;
        for _ in 0..12 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            sum += (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
        }
        sum
    }
}

/// `seconds` at 1 kHz; knocks 90 times a second where `faulty` says so (ms since the start).
pub fn vibration(
    point: &str,
    seconds: usize,
    seed: u64,
    faulty: impl Fn(usize) -> bool,
) -> Vec<Vibration> {
    let mut noise = Noise::new(seed);
    let (mut phase, mut ring) = (seed as f64, 0.0_f64);
    (0..seconds * 1000)
        .map(|i| {
            phase += std::f64::consts::TAU * (24.0 + 0.05 * noise.draw()) / 1000.0;
            ring *= 0.9;
            if faulty(i) && i % 11 == 0 {
                ring = 4.0 + 0.4 * noise.draw();
            }
            let knock = ring * (1.9 * i as f64).sin();
            let mut axis = |gain: f64, knock: f64| {
                (gain * (phase.sin() + 0.3 * (2.0 * phase).sin()) + 0.2 * noise.draw() + knock)
                    as f32
            };
            let (x, y, z) = (axis(1.0, knock), axis(0.6, 0.5 * knock), axis(0.8, 0.8 * knock));
            Vibration { point: point.into(), x, y, z: z + 9.81 }
        })
        .collect()
}

pub fn payload<T: TypeSupport>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(Encoding::default(), &mut out);
    out
}

pub fn sample<T: TypeSupport>(value: &T, point: &str, time: i64, sequence: u64) -> Sample {
    let info = SampleInfo {
        source_time: time,
        reception_time: time,
        writer: Default::default(),
        sequence,
        key: value.key_hash(),
        state: Default::default(),
        point: point.into(),
    };
    Sample { info, payload: payload(value).into() }
}

pub fn topic<T: TypeSupport>(store: &Store, name: &str) -> TopicId {
    let meta = TopicMeta {
        keyed: T::KEYED,
        descriptor: Some(T::descriptor().as_ref().clone()),
        ..TopicMeta::raw(name, T::TYPE_NAME)
    };
    store.register_topic(&meta).unwrap()
}

/// A recording of two pumps; pump 1 is worn in each of `faults` (ms since the start).
pub fn record(dir: &Path, seconds: usize, seed: u64, faults: &[(usize, usize)]) {
    let store = Store::open(dir, StoreOptions::default()).unwrap();
    let id = topic::<Vibration>(&store, "vibration");
    for (n, point) in ["pump1", "pump2"].into_iter().enumerate() {
        let worn = |i: usize| n == 0 && faults.iter().any(|(a, b)| (*a..*b).contains(&i));
        for (i, v) in vibration(point, seconds, seed + n as u64, worn).iter().enumerate() {
            let time = START + i as i64 * MS;
            store.append(id, &sample(v, point, time, i as u64 + 1)).unwrap();
        }
    }
    let id = topic::<FaultTruth>(&store, "truth");
    for (n, truth) in truths(faults).iter().enumerate() {
        store.append(id, &sample(truth, "pump1", truth.end_ns, n as u64 + 1)).unwrap();
    }
    store.close().unwrap();
}

pub fn truths(faults: &[(usize, usize)]) -> Vec<FaultTruth> {
    let truth = |(n, (start, end)): (usize, &(usize, usize))| FaultTruth {
        point: "pump1".into(),
        topic: "vibration".into(),
        kind: "bearing".into(),
        id: n as u32 + 1,
        start_ns: START + *start as i64 * MS,
        end_ns: START + *end as i64 * MS,
        detail: String::new(),
    };
    faults.iter().enumerate().map(truth).collect()
}

pub fn train_options(kind: Kind) -> TrainOptions {
    TrainOptions {
        topic: "vibration".into(),
        kind,
        fit: FitOptions { epochs: 4, windows: 512, ..FitOptions::default() },
        ..TrainOptions::default()
    }
}

/// Trains on a fault-free recording and saves the model.
pub fn trained(dir: &Path, kind: Kind) -> PathBuf {
    let recording = dir.join("normal");
    record(&recording, 20, 1, &[]);
    let types = tidewire_types::registry();
    let model = train(&recording, &types, &train_options(kind), &mut |_| {}).unwrap();
    let file = dir.join("vibration.twm");
    model.save(&file).unwrap();
    file
}

pub fn options(file: PathBuf) -> DetectOptions {
    DetectOptions { models: vec![file.into()], ..DetectOptions::default() }
}

//! A model from a recording.

use std::collections::BTreeMap;
use std::path::Path;

use tidewire_idl::{InstanceState, TypeRegistry, TypeSupport};
use tidewire_models::{Kind, Model, ModelSpec, Progress, TrainingSet};
use tidewire_store::{Scan, StoreReader};
use tidewire_stream::{
    Extractor, Reorder, Resample, Row, SeriesKey, SeriesProfile, WindowSpec, Windows,
};
use tidewire_types::event::FaultTruth;

use crate::history::{find_type, require};
use crate::{DetectError, TrainOptions};

/// Rows that come later than this in a recording are not learned from, ns.
const LATENESS: i64 = 1_000_000_000;

/// After an excluded fault its traces are left to fade, ns.
const AFTERMATH: i64 = 2_000_000_000;

/// Trains a model on a topic of a recording, which is taken for normal operation.
///
/// # Errors
/// When the recording cannot be read, lacks the topic or its type, or holds too little of it.
pub fn train(
    dir: &Path,
    types: &TypeRegistry,
    options: &TrainOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Model, DetectError> {
    let reader = StoreReader::open(dir)?;
    require(&reader, dir, &options.topic)?;
    let recorded = reader.topics().into_iter().find(|t| t.meta.name == options.topic);
    let type_name = recorded.map(|t| t.meta.type_name.clone()).unwrap_or_default();
    let ty = find_type(&reader, types, &options.topic, &type_name)
        .ok_or_else(|| DetectError::UnknownType { topic: options.topic.clone(), type_name })?;
    let fields = (!options.fields.is_empty()).then_some(options.fields.as_slice());
    let mut extractor = Extractor::new(&ty, fields)?;
    let faults = Faults::read(&reader, options)?;

    let mut series: BTreeMap<SeriesKey, Gathering> = BTreeMap::new();
    let mut skipped = 0;
    let points = (!options.points.is_empty()).then(|| options.points.clone());
    let scan =
        Scan { topic: options.topic.clone(), start: options.start, end: options.end, points };
    for chunk in reader.scan(&scan)? {
        for sample in chunk?.samples()? {
            if sample.info.state != InstanceState::Alive {
                continue;
            }
            let Ok(row) = extractor.read(&sample.payload) else {
                skipped += 1;
                continue;
            };
            let point = row.point.unwrap_or(&sample.info.point);
            if faults.touch(point, sample.info.source_time) {
                continue;
            }
            let key = SeriesKey::new(&options.topic, point, row.group);
            let values = row.values.to_vec();
            let row = Row { time: sample.info.source_time, sequence: sample.info.sequence, values };
            series.entry(key).or_insert_with(Gathering::new).push(row);
        }
    }
    for gathering in series.values_mut() {
        gathering.finish();
    }
    series.retain(|_, g| !g.rows.is_empty());
    if series.is_empty() {
        let (dir, topic) = (dir.to_path_buf(), options.topic.clone());
        return Err(DetectError::NothingToLearn { dir, topic, skipped });
    }

    let window = choose_window(options, &series);
    let mut set = TrainingSet {
        fields: extractor.fields().to_vec(),
        length: window.length,
        ..TrainingSet::default()
    };
    for (key, gathering) in series {
        let mut windows = Windows::new(window.clone())?;
        let mut cut = Vec::new();
        for row in gathering.rows {
            let arrival = row.time;
            windows.push(&key, row, arrival, &mut cut);
        }
        windows.flush(&mut cut);
        set.profiles.insert(key.clone(), gathering.profile);
        set.windows.insert(key, cut);
    }
    let id = match options.id.as_str() {
        "" => format!("{}-{}", options.topic, options.kind),
        id => id.to_string(),
    };
    let spec = ModelSpec {
        id,
        topic: options.topic.clone(),
        type_name: extractor.type_name().into(),
        kind: options.kind,
        window,
    };
    Ok(Model::train(spec, &set, &options.fit, progress)?)
}

/// The rows of one series, put in order.
struct Gathering {
    reorder: Reorder,
    ready: Vec<Row>,
    rows: Vec<Row>,
    profile: SeriesProfile,
}

impl Gathering {
    fn new() -> Self {
        Self {
            reorder: Reorder::new(LATENESS),
            ready: Vec::new(),
            rows: Vec::new(),
            profile: SeriesProfile::default(),
        }
    }

    fn push(&mut self, row: Row) {
        if row.is_finite() && self.reorder.push(row, &mut self.ready).is_ok() {
            self.keep();
        }
    }

    fn finish(&mut self) {
        self.reorder.flush(&mut self.ready);
        self.keep();
    }

    fn keep(&mut self) {
        for row in self.ready.drain(..) {
            self.profile.observe(&row);
            self.rows.push(row);
        }
    }
}

/// Window length, hop and gap by the typical rate of the series.
fn choose_window(options: &TrainOptions, series: &BTreeMap<SeriesKey, Gathering>) -> WindowSpec {
    let median = |mut values: Vec<i64>| {
        values.sort_unstable();
        values.get(values.len() / 2).copied()
    };
    let decimate = options.decimate.max(1);
    let period = median(series.values().filter_map(|g| g.profile.period()).collect());
    let period = period.unwrap_or(0).max(1);
    // Events come in bursts: what counts as a gap is told by the longest usual intervals.
    let usual = series.values().filter_map(|g| g.profile.interval(0.999)).max().unwrap_or(period);
    let slow = period.saturating_mul(decimate as i64) > 20_000_000;
    let length = match options.window {
        0 if slow && options.kind != Kind::Shock => 32,
        0 => 64,
        n => n,
    };
    let hop = match options.hop {
        0 if slow => (length / 16).max(1),
        0 => (length / 4).max(1),
        n => n,
    };
    WindowSpec {
        length,
        hop,
        resample: if decimate > 1 { Resample::Decimate(decimate) } else { Resample::None },
        period: Some(period),
        gap_factor: (4.0 * usual as f64 / period as f64).max(20.0),
        ..WindowSpec::default()
    }
}

/// When which point was faulty, as the truth topic says.
struct Faults(Vec<(String, i64, i64)>);

impl Faults {
    fn read(reader: &StoreReader, options: &TrainOptions) -> Result<Self, DetectError> {
        let Some(topic) = &options.exclude_faults else { return Ok(Self(Vec::new())) };
        require(reader, reader.dir(), topic)?;
        let mut faults = Vec::new();
        for chunk in reader.scan(&Scan::topic(topic))? {
            for sample in chunk?.samples()? {
                if sample.info.state != InstanceState::Alive {
                    continue;
                }
                // Anything else on the truth topic has nothing to exclude.
                let Ok(fault) = FaultTruth::decode(&sample.payload) else { continue };
                // The announcement of a start has no end yet; the update at its end has both.
                let end = if fault.end_ns > 0 { fault.end_ns } else { fault.start_ns };
                faults.push((fault.point, fault.start_ns, end.saturating_add(AFTERMATH)));
            }
        }
        Ok(Self(faults))
    }

    fn touch(&self, point: &str, time: i64) -> bool {
        self.0.iter().any(|(p, start, end)| p == point && (*start..=*end).contains(&time))
    }
}

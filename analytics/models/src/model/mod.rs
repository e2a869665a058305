//! A trained model: what it was trained on, its detectors, its file.
//!
//! ```
//! use tidewire_models::{Kind, Model, ModelSpec, Scorer, TrainingSet};
//! use tidewire_stream::{Row, SeriesKey, SeriesProfile, WindowSpec, Windows};
//!
//! // A sensor that swings a little.
//! let window = WindowSpec { length: 16, hop: 4, lateness: 0, ..WindowSpec::default() };
//! let series = SeriesKey::new("level", "tank1", "");
//! let (mut cutter, mut profile) = (Windows::new(window.clone())?, SeriesProfile::default());
//! let mut windows = Vec::new();
//! for i in 0..2_000_i64 {
//!     let value = (i as f64 * 0.4).sin() + 0.1 * (i as f64 * 1.7).sin();
//!     let row = Row { time: i * 1_000_000, sequence: i as u64, values: vec![value] };
//!     profile.observe(&row);
//!     let arrival = row.time;
//!     cutter.push(&series, row, arrival, &mut windows);
//! }
//! let set = TrainingSet {
//!     fields: vec!["value".into()],
//!     length: 16,
//!     windows: [(series.clone(), windows.clone())].into(),
//!     profiles: [(series, profile)].into(),
//! };
//! let spec = ModelSpec {
//!     id: "tank-level".into(),
//!     topic: "level".into(),
//!     type_name: "Level".into(),
//!     kind: Kind::Pca,
//!     window,
//! };
//! let model = Model::train(spec, &set, &Default::default(), &mut |_| {})?;
//! let bytes = model.to_bytes()?;
//! let model = Model::from_bytes(&bytes, "memory")?;
//! let mut scorer = Scorer::new(model.into());
//! assert!(scorer.score(&windows)?.iter().flatten().all(|s| s.ratio() < 1.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod file;
mod scorer;

use serde::{Deserialize, Serialize};
use tidewire_stream::{WindowSpec, fields_hash};

use crate::detector::{self, Detector, Part};
use crate::network::FitOptions;
use crate::{Kind, ModelError, Progress, TrainingSet};

pub use file::FORMAT;
pub use scorer::Scorer;

/// What to train, and under which name.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSpec {
    /// Name that anomalies carry.
    pub id: String,
    /// The topic it is for.
    pub topic: String,
    /// The topic's type.
    pub type_name: String,
    /// The main detector; the rules come along.
    pub kind: Kind,
    /// How rows are cut.
    pub window: WindowSpec,
}

/// What a model says about itself: the JSON at the head of its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Name that anomalies carry.
    pub id: String,
    /// The main detector.
    pub kind: Kind,
    /// The topic it was trained on.
    pub topic: String,
    /// The topic's type.
    pub type_name: String,
    /// The fields it looks at, in order.
    pub fields: Vec<String>,
    /// Hash of type name and fields, in hex: what a topic must match.
    pub schema: String,
    /// How rows are cut.
    pub window: WindowSpec,
    /// What it was trained on.
    pub training: TrainingRange,
    /// Its detectors, the main one first; their weights follow the header in this order.
    pub parts: Vec<Part>,
}

/// The recording a model comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingRange {
    /// Time of the first row, ns since the Unix epoch.
    pub start: i64,
    /// Time of the last row, ns.
    pub end: i64,
    /// Rows.
    pub rows: u64,
    /// Windows.
    pub windows: usize,
    /// Series, as `point` or `point/group`.
    pub series: Vec<String>,
    /// Mean squared error of the last epoch, where there is one.
    pub loss: Option<f64>,
}

/// A main detector with rules beside it, ready to score.
pub struct Model {
    header: Header,
    detectors: Vec<Box<dyn Detector>>,
}

impl Model {
    /// Trains the main detector and the rules that go with it.
    ///
    /// # Errors
    /// When there is too little data or training fails.
    pub fn train(
        spec: ModelSpec,
        set: &TrainingSet,
        options: &FitOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ModelError> {
        let mut loss = None;
        let mut detectors = Vec::new();
        for kind in companions(spec.kind) {
            let mut detector = detector::new(kind);
            detector.train(set, options, &mut |p| {
                loss = Some(p.loss);
                progress(p);
            })?;
            detectors.push(detector);
        }
        let ranges = set.profiles.values().filter_map(|p| p.range());
        let training = TrainingRange {
            start: ranges.clone().map(|r| r.0).min().unwrap_or(0),
            end: ranges.map(|r| r.1).max().unwrap_or(0),
            rows: set.profiles.values().map(|p| p.rows()).sum(),
            windows: set.len(),
            series: set.windows.keys().map(|k| k.name()).collect(),
            loss,
        };
        let header = Header {
            schema: fields_hash(&spec.type_name, &set.fields),
            id: spec.id,
            kind: spec.kind,
            topic: spec.topic,
            type_name: spec.type_name,
            fields: set.fields.clone(),
            window: spec.window,
            training,
            parts: detectors.iter().map(|d| d.save()).collect::<Result<_, _>>()?,
        };
        Ok(Self { header, detectors })
    }

    /// What the model says about itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Its detectors, the main one first.
    pub fn detectors(&self) -> &[Box<dyn Detector>] {
        &self.detectors
    }

    /// Refuses a topic whose type or fields are not those of the training.
    ///
    /// # Errors
    /// [`ModelError::WrongType`] with both sides.
    pub fn check_schema(&self, type_name: &str, fields: &[String]) -> Result<(), ModelError> {
        if fields_hash(type_name, fields) == self.header.schema {
            return Ok(());
        }
        Err(ModelError::WrongType {
            id: self.header.id.clone(),
            model_type: self.header.type_name.clone(),
            model_fields: self.header.fields.clone(),
            topic_type: type_name.into(),
            topic_fields: fields.to_vec(),
        })
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("id", &self.header.id)
            .field("kind", &self.header.kind)
            .finish()
    }
}

/// The main detector and the rules that watch what it cannot see.
fn companions(kind: Kind) -> Vec<Kind> {
    match kind {
        Kind::Autoencoder | Kind::Pca => vec![kind, Kind::Drift, Kind::Flatline, Kind::Stale],
        Kind::Drift | Kind::Shock => vec![kind, Kind::Flatline, Kind::Stale],
        Kind::Flatline => vec![kind, Kind::Stale],
        Kind::Stale => vec![kind],
    }
}

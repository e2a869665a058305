//! The detectors, behind one trait.
//!
//! | kind | looks at | finds |
//! |---|---|---|
//! | `autoencoder` | what a small Burn network cannot rebuild of a window, its spread and its level | new shapes, impulses, wear |
//! | `pca` | the same with principal components | the same, as a baseline |
//! | `drift` | mean and trend of windows over a longer time | slow ramps |
//! | `shock` | changes over 1, 2, 4, ... rows (returns, where values are positive) | crashes, jumps |
//! | `flatline` | how long a value has not changed | stuck sensors |
//! | `stale` | how long nothing has come | dead feeds |
//!
//! A [`Model`](crate::Model) holds one of the first four kinds as its main detector and the rules
//! beside it.
//!
//! ```
//! use tidewire_models::Kind;
//!
//! assert_eq!("pca".parse::<Kind>()?, Kind::Pca);
//! assert!("oracle".parse::<Kind>().is_err());
//! # Ok::<(), String>(())
//! ```

mod charted;
mod drift;
mod flatline;
mod reconstruction;
mod shock;
mod stale;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tidewire_stream::{SeriesKey, SeriesProfile, Window};

use crate::network::FitOptions;
use crate::{ModelError, Normaliser};

pub(crate) use charted::Charted;
pub(crate) use drift::Drift;
pub(crate) use flatline::Flatline;
pub(crate) use reconstruction::{Autoencoder, Pca};
pub(crate) use shock::Shock;
pub(crate) use stale::Stale;

/// What a detector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Convolutional autoencoder.
    Autoencoder,
    /// Principal components of windows.
    Pca,
    /// Long-term statistic of mean and trend.
    Drift,
    /// Changes over several horizons.
    Shock,
    /// A value that stands still.
    Flatline,
    /// A feed that is silent.
    Stale,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Autoencoder, Self::Pca, Self::Drift, Self::Shock, Self::Flatline, Self::Stale];

    /// The name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Autoencoder => "autoencoder",
            Self::Pca => "pca",
            Self::Drift => "drift",
            Self::Shock => "shock",
            Self::Flatline => "flatline",
            Self::Stale => "stale",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|k| k.name() == s).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("no detector `{s}`; choose one of {names}")
        })
    }
}

/// How training goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// What is being trained.
    pub kind: Kind,
    /// Passes over the data so far, from 1.
    pub epoch: usize,
    /// Passes there will be.
    pub epochs: usize,
    /// Mean loss of this pass (mean squared error of normalised values).
    pub loss: f64,
}

/// What there is to learn from: windows of normal operation, and what is typical of each series.
#[derive(Clone, Debug, Default)]
pub struct TrainingSet {
    /// Names of the fields, in the order of a row's values.
    pub fields: Vec<String>,
    /// Rows per window.
    pub length: usize,
    /// Windows in time order.
    pub windows: BTreeMap<SeriesKey, Vec<Window>>,
    /// Statistics over all rows.
    pub profiles: BTreeMap<SeriesKey, SeriesProfile>,
}

impl TrainingSet {
    /// Windows of all series.
    pub fn len(&self) -> usize {
        self.windows.values().map(Vec::len).sum()
    }

    /// There is no window at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a detector says of a window or of a silence.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Who says so.
    pub kind: Kind,
    /// How unusual it is; the unit depends on the kind (mostly standard deviations of training).
    pub value: f64,
    /// Above this it is an anomaly; fixed in training.
    pub threshold: f64,
    /// How much each field has to do with it: its own score over its own threshold.
    pub contributions: Vec<f64>,
}

impl Score {
    /// `value / threshold`: above 1 is an anomaly, comparable between detectors.
    pub fn ratio(&self) -> f64 {
        self.value / self.threshold
    }

    /// The fields that lead: those above their own threshold, else those near the highest one.
    pub fn leading(&self) -> Vec<usize> {
        let highest = self.contributions.iter().copied().fold(0.0, f64::max);
        let bar = if highest >= 1.0 { 1.0 } else { 0.7 * highest };
        (0..self.contributions.len()).filter(|i| self.contributions[*i] >= bar).collect()
    }
}

/// What a detector remembers of each series between windows.
#[derive(Debug, Default)]
pub struct Memory {
    pub(crate) series: HashMap<SeriesKey, charted::Seen>,
}

impl Memory {
    /// Forgets a series.
    pub fn remove(&mut self, series: &SeriesKey) {
        self.series.remove(series);
    }
}

/// A detector's part of a model file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Which detector.
    pub kind: Kind,
    /// Its parameters.
    pub params: serde_json::Value,
    /// Its weights; kept outside the header.
    #[serde(skip)]
    pub weights: Vec<f32>,
    /// How many there are.
    pub weight_count: usize,
}

/// Something that learns what is normal and scores windows.
pub trait Detector: Send + Sync {
    /// Which one it is.
    fn kind(&self) -> Kind;

    /// Learns from windows of normal operation.
    ///
    /// # Errors
    /// When there are too few windows or training fails.
    fn train(
        &mut self,
        set: &TrainingSet,
        options: &FitOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ModelError>;

    /// Scores windows of any series, each series' in time order. `None` while a series that
    /// training has not seen is being calibrated, or where the detector has nothing to say.
    ///
    /// # Errors
    /// When the computation fails.
    fn score(
        &self,
        windows: &[Window],
        memory: &mut Memory,
    ) -> Result<Vec<Option<Score>>, ModelError>;

    /// Scores a silence of `idle` ns; most detectors have nothing to say.
    fn silence(&self, series: &SeriesKey, idle: i64) -> Option<Score> {
        let _ = (series, idle);
        None
    }

    /// What a model file keeps of it.
    ///
    /// # Errors
    /// When a parameter has no JSON form.
    fn save(&self) -> Result<Part, ModelError>;
}

/// Rebuilds a detector from its part of a model file.
///
/// # Errors
/// When the part makes no sense.
pub fn load(part: &Part) -> Result<Box<dyn Detector>, ModelError> {
    Ok(match part.kind {
        Kind::Autoencoder => Box::new(Charted::<Autoencoder>::load(part)?),
        Kind::Pca => Box::new(Charted::<Pca>::load(part)?),
        Kind::Drift => Box::new(Charted::<Drift>::load(part)?),
        Kind::Shock => Box::new(Charted::<Shock>::load(part)?),
        Kind::Flatline => Box::new(Flatline::load(part)?),
        Kind::Stale => Box::new(Stale::load(part)?),
    })
}

/// An untrained detector.
pub fn new(kind: Kind) -> Box<dyn Detector> {
    match kind {
        Kind::Autoencoder => Box::new(Charted::<Autoencoder>::default()),
        Kind::Pca => Box::new(Charted::<Pca>::default()),
        Kind::Drift => Box::new(Charted::<Drift>::default()),
        Kind::Shock => Box::new(Charted::<Shock>::default()),
        Kind::Flatline => Box::new(Flatline::default()),
        Kind::Stale => Box::new(Stale::default()),
    }
}

pub(crate) fn corrupt(kind: Kind, what: impl fmt::Display) -> ModelError {
    ModelError::Corrupt { place: format!("the {kind} detector's part"), what: what.to_string() }
}

/// Window values normalised and turned to `[fields, length]`.
pub(crate) fn normalised(window: &Window, normaliser: &Normaliser) -> Vec<f64> {
    (0..window.fields).flat_map(|f| window.field(f).map(move |v| normaliser.apply(f, v))).collect()
}

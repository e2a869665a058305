//! A statistic of windows, watched by a control chart.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tidewire_stream::Window;

use super::{Detector, Kind, Memory, Part, Progress, Score, TrainingSet, corrupt};
use crate::chart::{Base, Chart, Track, Watch};
use crate::network::FitOptions;
use crate::numeric::quantile;
use crate::{ModelError, Normaliser};

/// Boils windows down to a few numbers per field.
pub(crate) trait Statistic: Default + Send + Sync {
    const KIND: Kind;
    /// Weight of the newest window in the smoothed chart.
    const ALPHA: f64;
    /// Windows it takes to train.
    const NEEDED: usize = 8;

    /// One per statistic of a field.
    fn watches(&self) -> Vec<Watch>;

    /// Learns from the part of the training that is not kept back for the limits.
    fn fit(
        &mut self,
        set: &TrainingSet,
        windows: &[(&Window, &Normaliser)],
        options: &FitOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ModelError>;

    /// `fields x watches` values per window, field by field.
    fn measure(&self, windows: &[(&Window, &Normaliser)]) -> Result<Vec<Vec<f64>>, ModelError>;

    fn params(&self) -> serde_json::Value;
    fn weights(&self) -> Vec<f32>;
    fn load(params: &serde_json::Value, weights: &[f32]) -> Result<Self, ModelError>;
}

/// Windows that a series unknown to training is watched before it is judged.
const CALIBRATION: usize = 24;

#[derive(Default)]
pub(crate) struct Charted<S> {
    statistic: S,
    trained: Option<Trained>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Trained {
    chart: Chart,
    normalisers: BTreeMap<String, Normaliser>,
    /// For each field, how much more it varies over the whole training than over a calibration: a
    /// temperature that stands still for a minute is not bound to stand still.
    widening: Vec<f64>,
}

/// A series a detector has met.
#[derive(Debug)]
pub(crate) enum Seen {
    Calibrating(Vec<Window>),
    Known { normaliser: Arc<Normaliser>, base: Arc<Base>, track: Track },
}

impl<S: Statistic> Charted<S> {
    pub(crate) fn load(part: &Part) -> Result<Self, ModelError> {
        fn get<T: DeserializeOwned>(part: &Part, name: &str) -> Result<T, ModelError> {
            serde_json::from_value(part.params[name].clone())
                .map_err(|e| corrupt(part.kind, format!("{name}: {e}")))
        }
        let trained = Trained {
            chart: get(part, "chart")?,
            normalisers: get(part, "normalisers")?,
            widening: get(part, "widening")?,
        };
        Ok(Self {
            statistic: S::load(&part.params["statistic"], &part.weights)?,
            trained: Some(trained),
        })
    }

    fn trained(&self) -> Result<&Trained, ModelError> {
        self.trained.as_ref().ok_or_else(|| corrupt(S::KIND, "it has not been trained"))
    }

    /// Makes sure a window's series is known, or takes the window for calibrating it.
    fn meet(&self, window: &Window, memory: &mut Memory) -> Result<bool, ModelError> {
        let trained = self.trained()?;
        let seen = memory.series.entry(window.series.clone()).or_insert_with(|| {
            let name = window.series.name();
            match (trained.normalisers.get(&name), trained.chart.known(&name)) {
                (Some(normaliser), Some(base)) => Seen::Known {
                    normaliser: Arc::new(normaliser.clone()),
                    base: Arc::new(base),
                    track: Track::default(),
                },
                _ => Seen::Calibrating(Vec::new()),
            }
        });
        let Seen::Calibrating(windows) = seen else { return Ok(true) };
        windows.push(window.clone());
        if windows.len() >= CALIBRATION {
            let rows: Vec<f64> = windows.iter().flat_map(|w| w.values.iter().copied()).collect();
            let mut normaliser = Normaliser::fit(window.fields, &rows);
            for ((_, scale), widening) in normaliser.fields.iter_mut().zip(&trained.widening) {
                *scale *= widening;
            }
            let pairs: Vec<_> = windows.iter().map(|w| (w, &normaliser)).collect();
            let base = trained.chart.calibrate(&self.statistic.measure(&pairs)?);
            *seen = Seen::Known {
                normaliser: Arc::new(normaliser),
                base: Arc::new(base),
                track: Track::default(),
            };
        }
        Ok(false)
    }
}

impl<S: Statistic> Detector for Charted<S> {
    fn kind(&self) -> Kind {
        S::KIND
    }

    fn train(
        &mut self,
        set: &TrainingSet,
        options: &FitOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ModelError> {
        let fields = set.fields.len();
        let windows = set.len();
        if windows < S::NEEDED {
            return Err(ModelError::TooLittleData {
                kind: S::KIND.name(),
                windows,
                length: set.length,
                needed: S::NEEDED,
            });
        }
        let mut normalisers = BTreeMap::new();
        for (key, windows) in set.windows.iter().filter(|(_, w)| !w.is_empty()) {
            let rows: Vec<f64> = windows.iter().flat_map(|w| w.values.iter().copied()).collect();
            normalisers.insert(key.name(), Normaliser::fit(fields, &rows));
        }
        let mut pairs = Vec::with_capacity(windows);
        for (key, windows) in &set.windows {
            if let Some(normaliser) = normalisers.get(&key.name()) {
                pairs.extend(windows.iter().map(|w| (w, normaliser)));
            }
        }
        let mut learned = Vec::with_capacity(windows);
        let mut rest = pairs.as_slice();
        for count in set.windows.values().map(Vec::len).filter(|n| *n > 0) {
            let (own, others) = rest.split_at(count);
            learned.extend(own.iter().enumerate().filter(|(i, _)| is_learned(*i)).map(|(_, p)| *p));
            rest = others;
        }
        self.statistic.fit(set, &learned, options, progress)?;
        let mut measured: BTreeMap<String, Vec<Vec<f64>>> = BTreeMap::new();
        for ((window, _), values) in pairs.iter().zip(self.statistic.measure(&pairs)?) {
            measured.entry(window.series.name()).or_default().push(values);
        }
        let widening = widening(fields, set, &normalisers);
        let chart = Chart::fit(fields, &self.statistic.watches(), S::ALPHA, &measured);
        self.trained = Some(Trained { chart, normalisers, widening });
        Ok(())
    }

    fn score(
        &self,
        windows: &[Window],
        memory: &mut Memory,
    ) -> Result<Vec<Option<Score>>, ModelError> {
        let trained = self.trained()?;
        let mut chosen = Vec::new();
        for (i, window) in windows.iter().enumerate() {
            if self.meet(window, memory)?
                && let Some(Seen::Known { normaliser, .. }) = memory.series.get(&window.series)
            {
                chosen.push((i, normaliser.clone()));
            }
        }
        let pairs: Vec<_> = chosen.iter().map(|(i, n)| (&windows[*i], n.as_ref())).collect();
        let measured = self.statistic.measure(&pairs)?;
        let mut scores = vec![None; windows.len()];
        for ((i, _), values) in chosen.iter().zip(measured) {
            let Some(Seen::Known { base, track, .. }) = memory.series.get_mut(&windows[*i].series)
            else {
                continue;
            };
            let reading = trained.chart.update(base, &values, track);
            scores[*i] = Some(Score {
                kind: S::KIND,
                value: reading.value,
                threshold: reading.limit,
                contributions: reading.fields,
            });
        }
        Ok(scores)
    }

    fn save(&self) -> Result<Part, ModelError> {
        let trained = self.trained()?;
        let weights = self.statistic.weights();
        Ok(Part {
            kind: S::KIND,
            params: json!({
                "statistic": self.statistic.params(),
                "chart": trained.chart,
                "normalisers": trained.normalisers,
                "widening": trained.widening,
            }),
            weight_count: weights.len(),
            weights,
        })
    }
}

/// Windows in a row that are learned or kept back together: neighbours overlap.
const BLOCK: usize = 32;

/// Every fourth block is kept back, so that the limits also know windows which the statistic has
/// not learned.
fn is_learned(window: usize) -> bool {
    window / BLOCK % 4 != 3
}

/// Median ratio of the whole training's scale to that of stretches as long as a calibration.
fn widening(
    fields: usize,
    set: &TrainingSet,
    normalisers: &BTreeMap<String, Normaliser>,
) -> Vec<f64> {
    let mut ratios = vec![Vec::new(); fields];
    for (key, windows) in &set.windows {
        let Some(whole) = normalisers.get(&key.name()) else { continue };
        for stretch in windows.chunks_exact(CALIBRATION) {
            let rows: Vec<f64> = stretch.iter().flat_map(|w| w.values.iter().copied()).collect();
            let part = Normaliser::fit(fields, &rows);
            for (f, ratios) in ratios.iter_mut().enumerate() {
                ratios.push(whole.fields[f].1 / part.fields[f].1);
            }
        }
    }
    ratios.iter().map(|r| if r.is_empty() { 1.0 } else { quantile(r, 0.5).max(1.0) }).collect()
}

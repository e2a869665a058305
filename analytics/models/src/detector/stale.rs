//! Dead feeds: a silence longer than any that is normal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidewire_stream::{SeriesKey, Window};

use super::{Detector, Kind, Memory, Part, Progress, Score, TrainingSet, corrupt};
use crate::ModelError;
use crate::network::FitOptions;

#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Stale {
    /// Longest normal silence of each trained series, ns.
    timeouts: BTreeMap<String, i64>,
    /// For any other series, ns; 0 when there was no series to learn from.
    fallback: i64,
}

/// A silence is normal up to this many typical periods,
const PERIODS: i64 = 20;
/// up to this many times the longest one of training,
const GAPS: i64 = 3;
/// and below this, which a busy host can cause, ns.
const LEAST: i64 = 2_000_000_000;

impl Stale {
    pub(crate) fn load(part: &Part) -> Result<Self, ModelError> {
        serde_json::from_value(part.params.clone()).map_err(|e| corrupt(part.kind, e))
    }
}

impl Detector for Stale {
    fn kind(&self) -> Kind {
        Kind::Stale
    }

    fn train(
        &mut self,
        set: &TrainingSet,
        _options: &FitOptions,
        _progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ModelError> {
        for (key, profile) in &set.profiles {
            let Some(period) = profile.period() else { continue };
            let (periods, gaps) =
                (period.saturating_mul(PERIODS), profile.longest_gap().saturating_mul(GAPS));
            let timeout = periods.max(gaps).max(LEAST);
            self.timeouts.insert(key.name(), timeout);
        }
        self.fallback = self.timeouts.values().copied().max().unwrap_or(0);
        Ok(())
    }

    fn score(
        &self,
        windows: &[Window],
        _memory: &mut Memory,
    ) -> Result<Vec<Option<Score>>, ModelError> {
        Ok(vec![None; windows.len()])
    }

    fn silence(&self, series: &SeriesKey, idle: i64) -> Option<Score> {
        let timeout = self.timeouts.get(&series.name()).copied().unwrap_or(self.fallback);
        (timeout > 0).then(|| Score {
            kind: Kind::Stale,
            value: idle as f64 / 1e9,
            threshold: timeout as f64 / 1e9,
            contributions: Vec::new(),
        })
    }

    fn save(&self) -> Result<Part, ModelError> {
        let params = serde_json::to_value(self).map_err(|e| corrupt(Kind::Stale, e))?;
        Ok(Part { kind: Kind::Stale, params, weights: Vec::new(), weight_count: 0 })
    }
}

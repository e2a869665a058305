//! Stuck sensors: a value that has stood still for longer than it ever does.

use serde::{Deserialize, Serialize};
use tidewire_stream::Window;

use super::{Detector, Kind, Memory, Part, Progress, Score, TrainingSet, corrupt};
use crate::ModelError;
use crate::network::FitOptions;

/// An autoencoder loves a constant: it rebuilds it without error. So this one counts.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Flatline {
    /// For each field, rows without a change that are still normal; `None` for fields that stand still
    /// in normal operation.
    limits: Vec<Option<u32>>,
}

/// Fewer equal rows than this are never suspicious.
const LEAST: u32 = 24;
/// How much longer than the longest run of training a value may stand still.
const FACTOR: u32 = 4;

impl Flatline {
    pub(crate) fn load(part: &Part) -> Result<Self, ModelError> {
        serde_json::from_value(part.params.clone()).map_err(|e| corrupt(part.kind, e))
    }

    fn judge(&self, window: &Window) -> Option<Score> {
        let contributions: Vec<f64> = window
            .unchanged
            .iter()
            .zip(&self.limits)
            .map(|(run, limit)| limit.map_or(0.0, |l| f64::from(*run) / f64::from(l)))
            .collect();
        let lead = (0..contributions.len()).max_by(|a, b| contributions[*a].total_cmp(&contributions[*b]))?;
        Some(Score {
            kind: Kind::Flatline,
            value: f64::from(window.unchanged[lead]),
            threshold: f64::from(self.limits[lead]?),
            contributions,
        })
    }
}

impl Detector for Flatline {
    fn kind(&self) -> Kind {
        Kind::Flatline
    }

    fn train(
        &mut self,
        set: &TrainingSet,
        _options: &FitOptions,
        _progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ModelError> {
        self.limits = (0..set.fields.len())
            .map(|f| {
                let mut longest = 1;
                for profile in set.profiles.values() {
                    let run = profile.longest_run().get(f).copied().unwrap_or(1);
                    // Half of a recording without a change: standing still is normal here.
                    if u64::from(run) * 2 > profile.rows() {
                        return None;
                    }
                    longest = longest.max(run);
                }
                Some(longest.saturating_mul(FACTOR).max(LEAST))
            })
            .collect();
        Ok(())
    }

    fn score(
        &self,
        windows: &[Window],
        _memory: &mut Memory,
    ) -> Result<Vec<Option<Score>>, ModelError> {
        Ok(windows.iter().map(|w| self.judge(w)).collect())
    }

    fn save(&self) -> Result<Part, ModelError> {
        let params = serde_json::to_value(self).map_err(|e| corrupt(Kind::Flatline, e))?;
        Ok(Part { kind: Kind::Flatline, params, weights: Vec::new(), weight_count: 0 })
    }
}

//! Stuck sensors: a value that has stood still for longer than it ever does.

use serde::{Deserialize, Serialize};
use tidewire_stream::{SeriesProfile, Window};

use super::{Detector, Kind, Memory, Part, Progress, Score, TrainingSet, corrupt};
use crate::ModelError;
use crate::network::FitOptions;

/// An autoencoder loves a constant: it rebuilds it without error. So this one counts.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Flatline {
    /// For each field, rows without a change that are still normal; `None` for fields that stand
    /// still in normal operation.
    limits: Vec<Option<u32>>,
    /// The same for rows that repeat in all fields: a feed that sends its last word again.
    row_limit: Option<u32>,
}

/// Fewer equal rows than this are never suspicious.
const LEAST: u32 = 24;
/// How much longer than the longest run of training a value may stand still, at least.
const FACTOR: f64 = 2.0;
/// Chance of a run of independent repeats that is long enough to be suspicious.
const RISK: f64 = 1e-9;

/// Rows without a change that are normal, from the longest run and from the share of repeats.
fn limit(longest: u32, share: f64, rows: u64) -> Option<u32> {
    // Half of a recording without a change: standing still is normal here.
    if u64::from(longest) * 2 > rows {
        return None;
    }
    let by_chance = if share > 0.0 { RISK.ln() / share.min(0.999_999).ln() } else { 0.0 };
    let normal = (FACTOR * f64::from(longest)).max(by_chance).min(f64::from(u32::MAX));
    Some((normal.ceil() as u32).max(LEAST))
}

/// The most patient of the series decides for all of them; `None` stays `None`.
fn patient(limits: impl Iterator<Item = Option<u32>>) -> Option<u32> {
    limits.collect::<Option<Vec<u32>>>()?.into_iter().max()
}

impl Flatline {
    pub(crate) fn load(part: &Part) -> Result<Self, ModelError> {
        serde_json::from_value(part.params.clone()).map_err(|e| corrupt(part.kind, e))
    }

    fn judge(&self, window: &Window) -> Option<Score> {
        let row = window.unchanged.iter().copied().min().unwrap_or(0);
        let row_ratio = self.row_limit.map_or(0.0, |l| f64::from(row) / f64::from(l));
        let mut contributions: Vec<f64> = window
            .unchanged
            .iter()
            .zip(&self.limits)
            .map(|(run, limit)| limit.map_or(0.0, |l| f64::from(*run) / f64::from(l)))
            .collect();
        let by_ratio = |a: &usize, b: &usize| contributions[*a].total_cmp(&contributions[*b]);
        let lead = (0..contributions.len()).max_by(by_ratio)?;
        let (value, threshold) = if row_ratio > contributions[lead] {
            contributions.iter_mut().for_each(|c| *c = c.max(row_ratio));
            (row, self.row_limit?)
        } else {
            (window.unchanged[lead], self.limits[lead]?)
        };
        Some(Score {
            kind: Kind::Flatline,
            value: f64::from(value),
            threshold: f64::from(threshold),
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
        let profiles = || set.profiles.values();
        let field = |f: usize| {
            patient(profiles().map(move |p| {
                let longest = p.longest_run().get(f).copied().unwrap_or(1);
                let share = p.repeat_shares().get(f).copied().unwrap_or(0.0);
                limit(longest, share, p.rows())
            }))
        };
        self.limits = (0..set.fields.len()).map(field).collect();
        let whole = |p: &SeriesProfile| limit(p.longest_row_run(), p.row_repeat_share(), p.rows());
        self.row_limit = patient(profiles().map(whole));
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

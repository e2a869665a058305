//! Sudden change: the largest move over 1, 2, 4, ... rows.

use serde_json::json;
use tidewire_stream::Window;

use super::charted::Statistic;
use super::{Kind, Progress, TrainingSet, corrupt};
use crate::chart::Side;
use crate::network::FitOptions;
use crate::{ModelError, Normaliser};

/// Fields that are positive throughout training are compared by ratio (log returns), others by
/// difference.
#[derive(Default)]
pub(crate) struct Shock {
    horizons: Vec<usize>,
    logarithmic: Vec<bool>,
}

/// Moves below this (normalised, or as a return) count as none.
const TINY: f64 = 1e-7;

impl Shock {
    fn move_over(&self, window: &Window, field: usize, scale: f64, horizon: usize) -> f64 {
        let log = self.logarithmic.get(field).copied().unwrap_or(false);
        let values: Vec<f64> = window
            .field(field)
            .map(|v| if log { v.max(f64::MIN_POSITIVE).ln() } else { v / scale })
            .collect();
        let later = values.iter().skip(horizon);
        values.iter().zip(later).map(|(a, b)| (b - a).abs()).fold(0.0, f64::max)
    }
}

impl Statistic for Shock {
    const KIND: Kind = Kind::Shock;
    const ALPHA: f64 = 1.0;

    fn sides(&self) -> Vec<Side> {
        vec![Side::Upper; self.horizons.len()]
    }

    fn fit(
        &mut self,
        set: &TrainingSet,
        _windows: &[(&Window, &Normaliser)],
        _options: &FitOptions,
        _progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ModelError> {
        self.horizons =
            std::iter::successors(Some(1), |h| Some(h * 2)).take_while(|h| *h < set.length).collect();
        self.logarithmic = (0..set.fields.len())
            .map(|f| set.profiles.values().all(|p| p.positive().get(f).copied().unwrap_or(false)))
            .collect();
        Ok(())
    }

    fn measure(&self, windows: &[(&Window, &Normaliser)]) -> Result<Vec<Vec<f64>>, ModelError> {
        let one = |window: &Window, normaliser: &Normaliser| -> Vec<f64> {
            let moves = (0..window.fields).flat_map(|f| {
                let scale = normaliser.fields[f].1;
                self.horizons.iter().map(move |h| self.move_over(window, f, scale, *h))
            });
            moves.map(|m| (m + TINY).ln()).collect()
        };
        Ok(windows.iter().map(|(w, n)| one(w, n)).collect())
    }

    fn params(&self) -> serde_json::Value {
        json!({ "horizons": self.horizons, "logarithmic": self.logarithmic })
    }

    fn weights(&self) -> Vec<f32> {
        Vec::new()
    }

    fn load(params: &serde_json::Value, _weights: &[f32]) -> Result<Self, ModelError> {
        let wrong = |e: serde_json::Error| corrupt(Kind::Shock, e);
        Ok(Self {
            horizons: serde_json::from_value(params["horizons"].clone()).map_err(wrong)?,
            logarithmic: serde_json::from_value(params["logarithmic"].clone()).map_err(wrong)?,
        })
    }
}

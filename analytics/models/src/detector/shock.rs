//! Sudden change: the largest move over 1, 2, 4, ... rows.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::json;
use tidewire_stream::Window;

use super::charted::Statistic;
use super::{Kind, Progress, TrainingSet, corrupt};
use crate::chart::{Side, Watch};
use crate::network::FitOptions;
use crate::{ModelError, Normaliser};

/// Fields that are positive throughout training are compared by ratio (log returns), others by
/// difference. A window's largest move is taken relative to what is usual for its series, so that a
/// symbol whose price seldom ticks is judged as fairly as one that always does.
#[derive(Default)]
pub(crate) struct Shock {
    horizons: Vec<usize>,
    logarithmic: Vec<bool>,
    /// Mean of the windows' largest moves, per field and horizon.
    usual: BTreeMap<String, Vec<f64>>,
    /// The same over all series, for those that training has not seen.
    pooled: Vec<f64>,
}

/// Usual moves are at least this, so that a field which never moved does not divide by nothing.
const TINY: f64 = 1e-9;

impl Shock {
    /// The largest move of each field over each horizon.
    fn moves(&self, window: &Window, normaliser: &Normaliser) -> Vec<f64> {
        let mut moves = Vec::with_capacity(window.fields * self.horizons.len());
        for field in 0..window.fields {
            let log = self.logarithmic.get(field).copied().unwrap_or(false);
            let scale = normaliser.fields[field].1;
            let level = |v: f64| if log { v.max(f64::MIN_POSITIVE).ln() } else { v / scale };
            let levels: Vec<f64> = window.field(field).map(level).collect();
            moves.extend(self.horizons.iter().map(|horizon| {
                let later = levels.iter().skip(*horizon);
                levels.iter().zip(later).map(|(a, b)| (b - a).abs()).fold(0.0, f64::max)
            }));
        }
        moves
    }
}

impl Statistic for Shock {
    const KIND: Kind = Kind::Shock;
    const ALPHA: f64 = 1.0;

    fn watches(&self) -> Vec<Watch> {
        vec![Watch { side: Side::Upper, least: 0.15 }; self.horizons.len()]
    }

    fn fit(
        &mut self,
        set: &TrainingSet,
        windows: &[(&Window, &Normaliser)],
        _options: &FitOptions,
        _progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ModelError> {
        self.horizons = std::iter::successors(Some(1), |h| Some(h * 2))
            .take_while(|h| *h < set.length)
            .collect();
        self.logarithmic = (0..set.fields.len())
            .map(|f| set.profiles.values().all(|p| p.positive().get(f).copied().unwrap_or(false)))
            .collect();
        let width = set.fields.len() * self.horizons.len();
        let mut counts: BTreeMap<String, f64> = BTreeMap::new();
        self.pooled = vec![0.0; width];
        for (window, normaliser) in windows {
            let name = window.series.name();
            *counts.entry(name.clone()).or_default() += 1.0;
            let moves = self.moves(window, normaliser);
            let sums = self.usual.entry(name).or_insert_with(|| vec![0.0; width]);
            for ((sum, pooled), m) in sums.iter_mut().zip(&mut self.pooled).zip(moves) {
                *sum += m;
                *pooled += m / windows.len() as f64;
            }
        }
        for (name, sums) in &mut self.usual {
            let count = counts.get(name).copied().unwrap_or(1.0);
            sums.iter_mut().for_each(|s| *s /= count);
        }
        Ok(())
    }

    fn measure(&self, windows: &[(&Window, &Normaliser)]) -> Result<Vec<Vec<f64>>, ModelError> {
        let one = |window: &Window, normaliser: &Normaliser| -> Vec<f64> {
            let usual = self.usual.get(&window.series.name()).unwrap_or(&self.pooled);
            let moves = self.moves(window, normaliser).into_iter().zip(usual);
            moves.map(|(m, usual)| (m / usual.max(TINY)).ln_1p()).collect()
        };
        Ok(windows.iter().map(|(w, n)| one(w, n)).collect())
    }

    fn params(&self) -> serde_json::Value {
        json!({
            "horizons": self.horizons,
            "logarithmic": self.logarithmic,
            "usual": self.usual,
            "pooled": self.pooled,
        })
    }

    fn weights(&self) -> Vec<f32> {
        Vec::new()
    }

    fn load(params: &serde_json::Value, _weights: &[f32]) -> Result<Self, ModelError> {
        fn get<T: DeserializeOwned>(
            params: &serde_json::Value,
            name: &str,
        ) -> Result<T, ModelError> {
            serde_json::from_value(params[name].clone())
                .map_err(|e| corrupt(Kind::Shock, format!("{name}: {e}")))
        }
        Ok(Self {
            horizons: get(params, "horizons")?,
            logarithmic: get(params, "logarithmic")?,
            usual: get(params, "usual")?,
            pooled: get(params, "pooled")?,
        })
    }
}

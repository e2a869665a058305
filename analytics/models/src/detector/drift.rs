//! Slow change: mean and trend of windows, smoothed over many of them.

use serde_json::json;
use tidewire_stream::Window;

use super::charted::Statistic;
use super::{Kind, Progress, TrainingSet};
use crate::chart::{Side, Watch};
use crate::network::FitOptions;
use crate::numeric::mean_std;
use crate::{ModelError, Normaliser};

#[derive(Default)]
pub(crate) struct Drift;

impl Statistic for Drift {
    const KIND: Kind = Kind::Drift;
    const ALPHA: f64 = 0.2;

    fn watches(&self) -> Vec<Watch> {
        vec![Watch { side: Side::Both, least: 1.0 }, Watch { side: Side::Both, least: 0.5 }]
    }

    fn fit(
        &mut self,
        _set: &TrainingSet,
        _windows: &[(&Window, &Normaliser)],
        _options: &FitOptions,
        _progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ModelError> {
        Ok(())
    }

    fn measure(&self, windows: &[(&Window, &Normaliser)]) -> Result<Vec<Vec<f64>>, ModelError> {
        let one = |window: &Window, normaliser: &Normaliser| -> Vec<f64> {
            let half = window.length() / 2;
            (0..window.fields)
                .flat_map(|f| {
                    let values: Vec<f64> =
                        window.field(f).map(|v| normaliser.apply(f, v)).collect();
                    let (early, late) = values.split_at(half);
                    let trend = mean_std(late).0 - mean_std(early).0;
                    [mean_std(&values).0, trend]
                })
                .collect()
        };
        Ok(windows.iter().map(|(w, n)| one(w, n)).collect())
    }

    fn params(&self) -> serde_json::Value {
        json!({})
    }

    fn weights(&self) -> Vec<f32> {
        Vec::new()
    }

    fn load(_params: &serde_json::Value, _weights: &[f32]) -> Result<Self, ModelError> {
        Ok(Self)
    }
}

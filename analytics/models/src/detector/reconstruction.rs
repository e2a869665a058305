//! What a model of normal windows cannot rebuild, beside the window's spread and level.

use serde_json::json;
use tidewire_stream::Window;

use super::charted::Statistic;
use super::{Kind, Progress, TrainingSet, corrupt, normalised};
use crate::chart::{Side, Watch};
use crate::network::{FitOptions, Network, Shape, fit};
use crate::numeric::mean_std;
use crate::{ModelError, Normaliser, Subspace};

/// Error, spread (both logarithms) and level. A level is measured against the scatter of the values
/// themselves: training is too short to have seen how far a mean can wander.
const WATCHES: [Watch; 3] = [
    Watch { side: Side::Upper, least: 0.05 },
    Watch { side: Side::Both, least: 0.05 },
    Watch { side: Side::Both, least: 1.0 },
];

/// Keeps logarithms finite; normalised values have unit spread.
const TINY: f64 = 1e-6;

/// Statistics of one normalised field: logarithms, because errors and spreads vary by factors.
fn statistics(error: f64, values: &[f64]) -> [f64; 3] {
    let (mean, deviation) = mean_std(values);
    [(error + TINY).ln(), (deviation * deviation + TINY).ln(), mean]
}

fn chunked(error: impl Iterator<Item = f64>, window: &[f64], length: usize) -> Vec<f64> {
    error.zip(window.chunks_exact(length)).flat_map(|(e, values)| statistics(e, values)).collect()
}

/// The Burn network.
#[derive(Default)]
pub(crate) struct Autoencoder {
    network: Option<Network>,
}

impl Autoencoder {
    fn network(&self) -> Result<&Network, ModelError> {
        self.network.as_ref().ok_or_else(|| corrupt(Kind::Autoencoder, "it has no network"))
    }
}

impl Statistic for Autoencoder {
    const KIND: Kind = Kind::Autoencoder;
    const ALPHA: f64 = 0.35;
    const NEEDED: usize = 32;

    fn watches(&self) -> Vec<Watch> {
        WATCHES.to_vec()
    }

    fn fit(
        &mut self,
        set: &TrainingSet,
        windows: &[(&Window, &Normaliser)],
        options: &FitOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ModelError> {
        let shape = Shape::new(set.length, set.fields.len())?;
        let input: Vec<f32> =
            windows.iter().flat_map(|(w, n)| normalised(w, n)).map(|v| v as f32).collect();
        self.network = Some(fit(shape, &input, options, progress)?);
        Ok(())
    }

    fn measure(&self, windows: &[(&Window, &Normaliser)]) -> Result<Vec<Vec<f64>>, ModelError> {
        let network = self.network()?;
        let Shape { length, channels, .. } = network.shape();
        let wide: Vec<Vec<f64>> = windows.iter().map(|(w, n)| normalised(w, n)).collect();
        let narrow: Vec<f32> = wide.iter().flatten().map(|v| *v as f32).collect();
        let errors = network.errors(&narrow)?;
        let per_window = errors.chunks_exact(channels);
        Ok(wide
            .iter()
            .zip(per_window)
            .map(|(w, e)| chunked(e.iter().map(|e| f64::from(*e)), w, length))
            .collect())
    }

    fn params(&self) -> serde_json::Value {
        json!({ "shape": self.network.as_ref().map(Network::shape) })
    }

    fn weights(&self) -> Vec<f32> {
        self.network.as_ref().map(|n| n.weights().to_vec()).unwrap_or_default()
    }

    fn load(params: &serde_json::Value, weights: &[f32]) -> Result<Self, ModelError> {
        let shape: Shape = serde_json::from_value(params["shape"].clone())
            .map_err(|e| corrupt(Kind::Autoencoder, format!("shape: {e}")))?;
        // Hidden sizes follow from the others: a header that says otherwise is not ours.
        if Shape::new(shape.length, shape.channels)? != shape {
            return Err(corrupt(Kind::Autoencoder, "its layer sizes do not belong together"));
        }
        Ok(Self { network: Some(Network::from_weights(shape, weights.to_vec())?) })
    }
}

/// Principal components.
#[derive(Default)]
pub(crate) struct Pca {
    length: usize,
    fields: usize,
    subspace: Option<Subspace>,
}

/// Variance the components explain at least, and how many there are at most.
const EXPLAINED: f64 = 0.95;
const MOST: usize = 24;

impl Statistic for Pca {
    const KIND: Kind = Kind::Pca;
    const ALPHA: f64 = 0.35;

    fn watches(&self) -> Vec<Watch> {
        WATCHES.to_vec()
    }

    fn fit(
        &mut self,
        set: &TrainingSet,
        windows: &[(&Window, &Normaliser)],
        options: &FitOptions,
        _progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ModelError> {
        (self.length, self.fields) = (set.length, set.fields.len());
        let stride = windows.len().div_ceil(options.windows.max(1)).max(1);
        let input: Vec<f64> =
            windows.iter().step_by(stride).flat_map(|(w, n)| normalised(w, n)).collect();
        let size = self.length * self.fields;
        self.subspace = Some(Subspace::fit(size, &input, EXPLAINED, MOST, options.seed));
        Ok(())
    }

    fn measure(&self, windows: &[(&Window, &Normaliser)]) -> Result<Vec<Vec<f64>>, ModelError> {
        let subspace =
            self.subspace.as_ref().ok_or_else(|| corrupt(Kind::Pca, "it has no components"))?;
        let square =
            |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64;
        Ok(windows
            .iter()
            .map(|(window, normaliser)| {
                let values = normalised(window, normaliser);
                let residual = subspace.residual(&values);
                chunked(residual.chunks_exact(self.length).map(square), &values, self.length)
            })
            .collect())
    }

    fn params(&self) -> serde_json::Value {
        json!({ "length": self.length, "fields": self.fields })
    }

    fn weights(&self) -> Vec<f32> {
        self.subspace.as_ref().map(Subspace::weights).unwrap_or_default()
    }

    fn load(params: &serde_json::Value, weights: &[f32]) -> Result<Self, ModelError> {
        let number = |name: &str| {
            let n = params[name].as_u64().and_then(|n| usize::try_from(n).ok());
            n.filter(|n| (1..1 << 20).contains(n))
                .ok_or_else(|| corrupt(Kind::Pca, format!("{name} is missing or out of range")))
        };
        let (length, fields) = (number("length")?, number("fields")?);
        let subspace = Subspace::from_weights(length * fields, weights)
            .ok_or_else(|| corrupt(Kind::Pca, "its components have the wrong length"))?;
        Ok(Self { length, fields, subspace: Some(subspace) })
    }
}

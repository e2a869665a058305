//! Mini-batch training, the same for the same seed.

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use super::adam::Adam;
use super::layers::Network;
use super::shape::Shape;
use crate::{Kind, ModelError, Progress};

/// How long and how fast to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitOptions {
    /// Passes over the windows; 0 chooses as many as make about 1,500 steps.
    pub epochs: usize,
    /// Windows per step.
    pub batch: usize,
    /// Windows per epoch at most; more are thinned out evenly.
    pub windows: usize,
    /// Adam's step size at the start; it falls to a tenth along a cosine.
    pub rate: f64,
    /// Seed of the first weights and of the shuffling.
    pub seed: u64,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self { epochs: 0, batch: 32, windows: 2048, rate: 3e-3, seed: 1 }
    }
}

/// Trains a network on normalised windows (`[windows, channels, length]`).
///
/// # Errors
/// When the loss stops being a number or the tensor library fails.
pub fn fit(
    shape: Shape,
    windows: &[f32],
    options: &FitOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Network, ModelError> {
    let size = shape.channels * shape.length;
    let count = windows.len() / size;
    let stride = count.div_ceil(options.windows.max(1)).max(1);
    let mut order: Vec<usize> = (0..count).step_by(stride).collect();
    let batch = options.batch.clamp(1, order.len().max(1));
    let steps_per_epoch = order.len().div_ceil(batch).max(1);
    let epochs = match options.epochs {
        0 => 1500_usize.div_ceil(steps_per_epoch).clamp(4, 200),
        n => n,
    };
    let steps = (epochs * steps_per_epoch) as f64;
    let mut rng = StdRng::seed_from_u64(options.seed);
    let mut weights = shape.initial_weights(options.seed);
    let mut adam = Adam::new(weights.len());
    let mut input = Vec::with_capacity(batch * size);
    let mut step = 0.0;
    for epoch in 1..=epochs {
        order.shuffle(&mut rng);
        let mut sum = 0.0;
        for chosen in order.chunks(batch) {
            input.clear();
            for i in chosen {
                input.extend_from_slice(&windows[i * size..(i + 1) * size]);
            }
            let (loss, gradient) = Network::trainable(shape, weights.clone())?.gradient(&input)?;
            let cosine = 0.5 * (1.0 + (std::f64::consts::PI * step / steps).cos());
            adam.step(&mut weights, &gradient, (options.rate * (0.1 + 0.9 * cosine)) as f32);
            sum += loss;
            step += 1.0;
        }
        let loss = sum / steps_per_epoch as f64;
        if !loss.is_finite() {
            return Err(ModelError::Diverged { kind: Kind::Autoencoder.name(), loss });
        }
        progress(Progress { kind: Kind::Autoencoder, epoch, epochs, loss });
    }
    Network::from_weights(shape, weights)
}

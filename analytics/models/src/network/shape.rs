//! Sizes of the layers and where their weights lie.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::ModelError;

/// Sizes from which everything else follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Rows per window, a multiple of 8.
    pub length: usize,
    /// Fields per row.
    pub channels: usize,
    /// Channels of the inner layers.
    pub hidden: usize,
    /// Channels of the code, at an eighth of the length.
    pub code: usize,
}

/// One convolution: `[out, in, kernel]` weights and `[out]` biases, stored in that order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conv {
    pub outputs: usize,
    pub inputs: usize,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
}

impl Conv {
    pub(super) fn weights(&self) -> usize {
        self.outputs * self.inputs * self.kernel
    }

    pub(super) fn size(&self) -> usize {
        self.weights() + self.outputs
    }
}

impl Shape {
    /// Layer sizes for windows of `length` rows of `channels` fields.
    ///
    /// # Errors
    /// When the length is no multiple of 8 or below 16.
    pub fn new(length: usize, channels: usize) -> Result<Self, ModelError> {
        if length < 16 || !length.is_multiple_of(8) {
            return Err(ModelError::BadLength { length });
        }
        let hidden = (4 * channels).clamp(12, 48);
        let code = (4 * channels).div_ceil(3).clamp(2, 24);
        Ok(Self { length, channels, hidden, code })
    }

    /// Encoder down to a quarter and an eighth of the length, decoder back up by 2 and by 4.
    pub(super) fn layers(&self) -> [Conv; 4] {
        let conv = |inputs, outputs, kernel, stride, padding| Conv {
            outputs,
            inputs,
            kernel,
            stride,
            padding,
        };
        [
            conv(self.channels, self.hidden, 8, 4, 2),
            conv(self.hidden, self.code, 4, 2, 1),
            conv(self.code, 2 * self.hidden, 3, 1, 1),
            conv(self.hidden, 4 * self.channels, 3, 1, 1),
        ]
    }

    /// Number of weights.
    pub fn size(&self) -> usize {
        self.layers().iter().map(Conv::size).sum()
    }

    /// Seeded uniform weights within 1/sqrt(fan-in), as Burn's own layers start.
    pub fn initial_weights(&self, seed: u64) -> Vec<f32> {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut weights = Vec::with_capacity(self.size());
        for layer in self.layers() {
            let bound = 1.0 / ((layer.inputs * layer.kernel) as f32).sqrt();
            weights.extend((0..layer.size()).map(|_| rng.random_range(-bound..bound)));
        }
        weights
    }
}

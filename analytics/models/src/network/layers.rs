//! Forward pass, reconstruction errors, gradients.

use burn::tensor::activation::relu;
use burn::tensor::module::conv1d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};

use super::shape::{Conv, Shape};
use crate::ModelError;

/// An autoencoder with its weights; cheap to share between threads.
#[derive(Clone, Debug)]
pub struct Network {
    shape: Shape,
    weights: Vec<f32>,
    layers: Vec<Layer>,
    device: Device,
}

#[derive(Clone, Debug)]
struct Layer {
    conv: Conv,
    weight: Tensor<3>,
    bias: Tensor<1>,
}

/// Windows that go through the network at a time.
const BATCH: usize = 256;

impl Network {
    /// A network for inference.
    ///
    /// # Errors
    /// When the number of weights is not [`Shape::size`].
    pub fn from_weights(shape: Shape, weights: Vec<f32>) -> Result<Self, ModelError> {
        Self::on(shape, weights, Device::flex())
    }

    /// A network whose next forward pass can be differentiated.
    pub(super) fn trainable(shape: Shape, weights: Vec<f32>) -> Result<Self, ModelError> {
        Self::on(shape, weights, Device::flex().autodiff())
    }

    fn on(shape: Shape, weights: Vec<f32>, device: Device) -> Result<Self, ModelError> {
        if weights.len() != shape.size() {
            return Err(ModelError::Corrupt {
                place: "autoencoder".into(),
                what: format!("{} weights where {} belong", weights.len(), shape.size()),
            });
        }
        let mut rest = weights.as_slice();
        let mut take = |n: usize| {
            let (head, tail) = rest.split_at(n);
            rest = tail;
            head.to_vec()
        };
        let layers = shape.layers().map(|conv| {
            let dims = [conv.outputs, conv.inputs, conv.kernel];
            let weight = TensorData::new(take(conv.weights()), dims);
            let bias = TensorData::new(take(conv.outputs), [conv.outputs]);
            let (weight, bias) =
                (Tensor::<3>::from_data(weight, &device), Tensor::<1>::from_data(bias, &device));
            if device.is_autodiff() {
                Layer { conv, weight: weight.require_grad(), bias: bias.require_grad() }
            } else {
                Layer { conv, weight, bias }
            }
        });
        Ok(Self { shape, layers: layers.to_vec(), weights, device })
    }

    /// Sizes of the layers.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// All weights, layer by layer: `[out, in, kernel]` then biases.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// Mean squared reconstruction error of each window and channel.
    ///
    /// `windows` holds normalised values, channel after channel within a window
    /// (`[windows, channels, length]`); the answer is `[windows, channels]`.
    ///
    /// # Errors
    /// When the tensor library fails.
    pub fn errors(&self, windows: &[f32]) -> Result<Vec<f32>, ModelError> {
        let size = self.shape.channels * self.shape.length;
        let mut errors = Vec::with_capacity(windows.len() / self.shape.length);
        for batch in windows.chunks(size * BATCH) {
            let input = self.tensor(batch);
            let difference = self.forward(input.clone()) - input;
            let means = difference.square().mean_dim(2);
            errors.extend(
                means.try_into_vec_as::<f32>().map_err(|e| ModelError::Tensor(e.to_string()))?,
            );
        }
        Ok(errors)
    }

    /// Loss of a batch and its gradient by every weight, in the order of
    /// [`weights`](Self::weights).
    pub(super) fn gradient(&self, batch: &[f32]) -> Result<(f64, Vec<f32>), ModelError> {
        let failed = |e: burn::tensor::TensorReadError| ModelError::Tensor(e.to_string());
        let input = self.tensor(batch);
        let loss = (self.forward(input.clone()) - input).square().mean();
        let mut gradients = loss.backward();
        let value = loss.try_into_vec_as::<f32>().map_err(failed)?[0];
        let mut flat = Vec::with_capacity(self.weights.len());
        for layer in &self.layers {
            let missing = || ModelError::Tensor("a layer has no gradient".into());
            let weight = layer.weight.grad_remove(&mut gradients).ok_or_else(missing)?;
            flat.extend(weight.try_into_vec_as::<f32>().map_err(failed)?);
            let bias = layer.bias.grad_remove(&mut gradients).ok_or_else(missing)?;
            flat.extend(bias.try_into_vec_as::<f32>().map_err(failed)?);
        }
        Ok((f64::from(value), flat))
    }

    fn tensor(&self, windows: &[f32]) -> Tensor<3> {
        let Shape { length, channels, .. } = self.shape;
        let count = windows.len() / (length * channels);
        let data = TensorData::new(windows.to_vec(), [count, channels, length]);
        Tensor::from_data(data, &self.device)
    }

    fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        let x = relu(self.layers[0].forward(input));
        let code = self.layers[1].forward(x);
        let x = relu(interleave(self.layers[2].forward(code), 2));
        interleave(self.layers[3].forward(x), 4)
    }
}

impl Layer {
    fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        let Conv { stride, padding, .. } = self.conv;
        let options = ConvOptions::new([stride], [padding], [1], 1);
        conv1d(input, self.weight.clone(), Some(self.bias.clone()), options)
    }
}

/// `[batch, channels * factor, length]` to `[batch, channels, length * factor]`.
fn interleave(x: Tensor<3>, factor: usize) -> Tensor<3> {
    let [batch, channels, length] = x.dims();
    let channels = channels / factor;
    x.reshape([batch, channels, factor, length]).swap_dims(2, 3).reshape([
        batch,
        channels,
        length * factor,
    ])
}

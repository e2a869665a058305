//! The convolutional autoencoder: the only code that names Burn.
//!
//! A window of `length` rows x `channels` goes through two strided convolutions to a code about six
//! times smaller and back through two sub-pixel convolutions (Shi et al., CVPR 2016: convolve at
//! low resolution, then interleave channels in time). What it cannot rebuild is what it has never
//! seen.
//!
//! ```
//! use tidewire_models::network::{Network, Shape};
//!
//! let shape = Shape::new(16, 1)?;
//! let network = Network::from_weights(shape, shape.initial_weights(7))?;
//! let errors = network.errors(&[0.0; 16])?; // one window, one channel
//! assert_eq!(errors.len(), 1);
//! # Ok::<(), tidewire_models::ModelError>(())
//! ```

mod adam;
mod layers;
mod shape;
mod train;

pub use layers::Network;
pub use shape::Shape;
pub use train::{FitOptions, fit};

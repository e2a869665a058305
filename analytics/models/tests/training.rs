//! Training goes down, is the same for the same seed, and says when there is too little.

mod common;

use common::*;
use tidewire_models::network::Shape;
use tidewire_models::{FitOptions, Kind, Model, ModelError};
use tidewire_stream::{SeriesKey, WindowSpec};

fn window() -> WindowSpec {
    WindowSpec { length: 32, hop: 16, lateness: 0, ..WindowSpec::default() }
}

fn train_on(count: usize, seed: u64) -> Result<(Model, Vec<f64>), ModelError> {
    let key = SeriesKey::new("t", "pump1", "");
    let data = rows(vibration(count, 3, None), MS);
    let set = set(&["x", "y", "z"], &window(), &[(&key, &data)]);
    let options = FitOptions { epochs: 8, seed, ..FitOptions::default() };
    let mut losses = Vec::new();
    let model = Model::train(spec(Kind::Autoencoder, &window()), &set, &options, &mut |p| {
        assert_eq!((p.epoch, p.epochs), (losses.len() + 1, 8));
        losses.push(p.loss);
    })?;
    Ok((model, losses))
}

#[test]
fn the_loss_goes_down_and_the_seed_decides_everything() {
    let (one, losses) = train_on(6_000, 1).unwrap();
    assert_eq!(losses.len(), 8);
    assert!(losses[7] < 0.6 * losses[0], "{losses:?}");
    assert_eq!(one.header().training.loss, losses.last().copied());
    let (again, _) = train_on(6_000, 1).unwrap();
    assert_eq!(one.to_bytes().unwrap(), again.to_bytes().unwrap());
    let (other, _) = train_on(6_000, 2).unwrap();
    assert_ne!(one.to_bytes().unwrap(), other.to_bytes().unwrap());
}

#[test]
fn too_little_data_is_said_with_the_remedy() {
    let Err(error) = train_on(200, 1) else { panic!("trained on 200 rows") };
    assert!(matches!(error, ModelError::TooLittleData { needed: 32, .. }), "{error}");
    assert!(error.to_string().contains("record for longer"), "{error}");
}

#[test]
fn a_window_the_network_cannot_halve_is_refused() {
    assert!(matches!(Shape::new(60, 3), Err(ModelError::BadLength { length: 60 })));
    assert!(matches!(Shape::new(8, 3), Err(ModelError::BadLength { length: 8 })));
    assert!(Shape::new(64, 3).unwrap().size() < 4_000, "small enough to ship");
}

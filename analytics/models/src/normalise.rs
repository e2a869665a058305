//! Robust scaling of each field to zero centre and unit spread.
//!
//! ```
//! use tidewire_models::Normaliser;
//!
//! // Two fields, row by row.
//! let normaliser = Normaliser::fit(2, [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]].as_flattened());
//! assert_eq!(normaliser.apply(0, 2.0), 0.0);
//! assert!(normaliser.apply(1, 30.0) > 0.5);
//! ```

use serde::{Deserialize, Serialize};

use crate::numeric::robust;

/// Centre and scale of each field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normaliser {
    /// (median, robust deviation) per field, in the field's units.
    pub fields: Vec<(f64, f64)>,
}

/// Normalised values are held within this: one absurd reading must not drown the rest.
pub const CLIP: f64 = 12.0;

impl Normaliser {
    /// Fits to rows of `fields` values each.
    pub fn fit(fields: usize, rows: &[f64]) -> Self {
        let fit = |field: usize| {
            let values: Vec<f64> = rows.iter().skip(field).step_by(fields).copied().collect();
            let (centre, scale) = robust(&values);
            // A field that stands still gets a scale that its rounding does not exceed.
            (centre, scale.max(1e-6 * centre.abs().max(1.0)))
        };
        Self { fields: (0..fields).map(fit).collect() }
    }

    /// The normalised value of one field, within +-[`CLIP`].
    pub fn apply(&self, field: usize, value: f64) -> f64 {
        let (centre, scale) = self.fields[field];
        ((value - centre) / scale).clamp(-CLIP, CLIP)
    }
}

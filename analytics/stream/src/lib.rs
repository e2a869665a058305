//! Event-time streams over samples: numeric rows, watermarks, windows.
//!
//! This room turns payloads into rows ([`extract`]), puts rows into event-time order ([`Reorder`])
//! and cuts them into windows ([`Windows`]), the same for a live subscription and for a recording.
//! It may use `idl` only: no bus, no store, no models. Start reading at [`operator`].
//!
//! ```
//! use tidewire_stream::{Row, SeriesKey, WindowSpec, Windows};
//!
//! let mut windows = Windows::new(WindowSpec { length: 3, hop: 1, ..WindowSpec::default() })?;
//! let pump = SeriesKey::new("vibration", "pump1", "");
//! let mut out = Vec::new();
//! for i in 0..5_i64 {
//!     let time = i * 1_000_000;
//!     windows.push(&pump, Row { time, sequence: i as u64, values: vec![0.1] }, time, &mut out);
//! }
//! windows.flush(&mut out);
//! assert_eq!(out.len(), 3);
//! assert_eq!(out[2].unchanged, [5]); // five equal values in a row
//! # Ok::<(), tidewire_stream::StreamError>(())
//! ```

mod error;
pub mod extract;
pub mod operator;
pub mod profile;
pub mod reorder;
pub mod resample;
pub mod row;
pub mod window;

pub use error::StreamError;
pub use extract::{Extracted, Extractor};
pub use operator::{LateRow, StreamStats, Windows};
pub use profile::SeriesProfile;
pub use reorder::Reorder;
pub use resample::{Resample, Resampler};
pub use row::{Row, SeriesKey, fields_hash};
pub use window::{Window, WindowSpec, Windower};

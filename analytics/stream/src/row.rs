//! Rows and the series they belong to.
//!
//! ```
//! use tidewire_stream::{Row, SeriesKey};
//!
//! let series = SeriesKey::new("quotes", "gateway1", "ACME");
//! assert_eq!(series.to_string(), "quotes@gateway1/ACME");
//! let row = Row { time: 1_000_000, sequence: 1, values: vec![99.5, 100.5] };
//! assert!(row.is_finite());
//! ```

use std::fmt;
use std::sync::Arc;

/// One sub-series of a topic: what one sensor, or one symbol of one gateway, says over time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The collection point.
    pub point: Arc<str>,
    /// The values of the key fields other than `point`, joined by `/`; empty when there are none.
    pub group: Arc<str>,
}

impl SeriesKey {
    /// A key from its three parts.
    pub fn new(topic: &str, point: &str, group: &str) -> Self {
        Self { topic: topic.into(), point: point.into(), group: group.into() }
    }

    /// `point` or `point/group`: the name of the series within its topic.
    pub fn name(&self) -> String {
        if self.group.is_empty() {
            self.point.to_string()
        } else {
            format!("{}/{}", self.point, self.group)
        }
    }
}

impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.topic, self.name())
    }
}

/// The numeric fields of one sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Event time (the sample's source time): ns since the Unix epoch.
    pub time: i64,
    /// The writer's sequence number: orders rows of equal time.
    pub sequence: u64,
    /// One value per chosen field, in the fields' own units.
    pub values: Vec<f64>,
}

impl Row {
    /// No field is absent, NaN or infinite.
    pub fn is_finite(&self) -> bool {
        self.values.iter().all(|v| v.is_finite())
    }
}

/// Hash of a type name and the fields chosen of it (FNV-1a, 64 bits, in hex): equal hashes mean
/// rows of equal meaning.
///
/// ```
/// use tidewire_stream::fields_hash;
///
/// let both = fields_hash("Flow", &["rate".to_string(), "level".to_string()]);
/// assert_ne!(both, fields_hash("Flow", &["level".to_string(), "rate".to_string()]));
/// ```
pub fn fields_hash(type_name: &str, fields: &[String]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in std::iter::once(type_name).chain(fields.iter().map(String::as_str)) {
        // The zero keeps "ab","c" and "a","bc" apart.
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

//! What to record.

use serde::Deserialize;
use tidewire_qos::fnmatch::fnmatch;

/// Topics of the infrastructure itself begin so; they are never recorded.
const RESERVED: &str = "_tidewire/";

/// Which topics a recorder takes. The parameters of a `record` node in a launch file.
///
/// ```
/// use tidewire_capture::CaptureOptions;
///
/// let options = CaptureOptions {
///     topics: vec!["plant/*".into()],
///     exclude: vec!["*/camera".into()],
/// };
/// assert!(options.takes("plant/vibration"));
/// assert!(!options.takes("plant/camera") && !options.takes("exchange/quote"));
/// assert!(CaptureOptions::default().takes("anything"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaptureOptions {
    /// Topic names or shell patterns (`*` any run of characters, `?` one, `[ab]` one of); empty
    /// takes every topic, also those that appear later.
    pub topics: Vec<String>,
    /// Names or patterns not to take; wins over `topics`.
    pub exclude: Vec<String>,
}

impl CaptureOptions {
    /// Whether a topic is to be recorded.
    pub fn takes(&self, topic: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|p| p == topic || fnmatch(p, topic));
        !topic.starts_with(RESERVED)
            && (self.topics.is_empty() || any(&self.topics))
            && !any(&self.exclude)
    }
}

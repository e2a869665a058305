//! What to record.

use serde::Deserialize;
use tidewire_bus::Filter;
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
///     filters: vec!["plant/vib*:=x > 3 OR x < -3".parse()?],
///     ..CaptureOptions::default()
/// };
/// assert!(options.takes("plant/vibration"));
/// assert!(!options.takes("plant/camera") && !options.takes("exchange/quote"));
/// assert_eq!(options.filter("plant/vibration"), Some("x > 3 OR x < -3"));
/// assert!(CaptureOptions::default().takes("anything"));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaptureOptions {
    /// Topic names or shell patterns (`*` any run of characters, `?` one, `[ab]` one of); empty
    /// takes every topic, also those that appear later.
    pub topics: Vec<String>,
    /// Names or patterns not to take; wins over `topics`.
    pub exclude: Vec<String>,
    /// Topics of which only some samples are taken; the first that names a topic counts.
    pub filters: Vec<TopicFilter>,
    /// Be the durability service of TRANSIENT and PERSISTENT topics, too.
    pub durable: Option<DurableOptions>,
}

/// How the recorder serves late readers of TRANSIENT and PERSISTENT topics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DurableOptions {
    /// Samples to keep of each instance where neither the writers announce another
    /// DURABILITY_SERVICE than the standard's default, which is one sample, nor a QoS profile has one.
    pub depth: Option<u32>,
}

impl CaptureOptions {
    /// The filter expression on a topic's samples, if there is one.
    pub fn filter(&self, topic: &str) -> Option<&str> {
        let names = |f: &&TopicFilter| f.topic == topic || fnmatch(&f.topic, topic);
        self.filters.iter().find(names).map(|filter| filter.expression.as_str())
    }

    /// Whether a topic is to be recorded.
    pub fn takes(&self, topic: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|p| p == topic || fnmatch(p, topic));
        !topic.starts_with(RESERVED)
            && (self.topics.is_empty() || any(&self.topics))
            && !any(&self.exclude)
    }
}

/// A topic, by name or pattern, and which of its samples to take: `topic:=expression`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TopicFilter {
    /// Name or pattern.
    pub topic: String,
    /// A filter expression (DDS 1.4, annex B).
    pub expression: String,
}

impl std::str::FromStr for TopicFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(":=") {
            Some((topic, expression)) if !topic.trim().is_empty() => {
                Filter::check_grammar(expression).map_err(|error| error.to_string())?;
                let (topic, expression) = (topic.trim().to_owned(), expression.to_owned());
                Ok(Self { topic, expression })
            }
            _ => Err(format!("\"{text}\" is no filter: write topic:=expression")),
        }
    }
}

impl TryFrom<String> for TopicFilter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

//! What to play, how fast, and under which names.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::Deserialize;

/// Options of a replay, named as `ros2 bag play` names them. The parameters of a `replay` node in a
/// launch file.
///
/// ```
/// use tidewire_replay::ReplayOptions;
///
/// let options = ReplayOptions {
///     rate: 2.0,
///     topics: vec!["plant/*".into()],
///     remap: vec!["plant/vibration:=test/vibration".parse()?],
///     ..ReplayOptions::new("recording")
/// };
/// assert_eq!(options.remap[0].to, "test/vibration");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplayOptions {
    /// The recording's directory.
    pub dir: PathBuf,
    /// Times faster than recorded; `inf` as fast as the readers take it.
    pub rate: f64,
    /// Begin again at the end, until stopped.
    #[serde(rename = "loop")]
    pub loop_: bool,
    /// Skip this many seconds from the recording's first sample.
    pub start_offset: f64,
    /// Stop this many seconds after the recording's first sample.
    pub end_offset: Option<f64>,
    /// Play only these: names or shell patterns (`*`, `?`, `[ab]`). Empty plays all.
    pub topics: Vec<String>,
    /// Play also (with `topics` empty: only) topics in which this regular expression is found.
    pub regex: Option<String>,
    /// Names or shell patterns not to play; wins over `topics` and `regex`.
    pub exclude: Vec<String>,
    /// Write a topic under another name.
    pub remap: Vec<Remap>,
    /// `FILE[::PROFILE]` or a shipped QoS profile to write with instead of the recorded QoS.
    pub qos: Option<String>,
    /// Write with the recorded source times. Else each sample is stamped as it is written, which
    /// readers with a lifespan, or those that measure latency, expect.
    pub keep_timestamps: bool,
    /// Begin once every topic has a reader, and at the latest after this many seconds.
    /// Where a topic has samples in both data representations, the readers of the second are waited
    /// for as long when it first comes.
    pub wait: f64,
    /// While it is true, nothing is written and the clock stands.
    #[serde(skip)]
    pub paused: Option<Arc<AtomicBool>>,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            dir: PathBuf::new(),
            rate: 1.0,
            loop_: false,
            start_offset: 0.0,
            end_offset: None,
            topics: Vec::new(),
            regex: None,
            exclude: Vec::new(),
            remap: Vec::new(),
            qos: None,
            keep_timestamps: false,
            wait: 2.0,
            paused: None,
        }
    }
}

impl ReplayOptions {
    /// Everything in `dir`, once, as fast as it was recorded.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), ..Self::default() }
    }
}

/// A topic and the name to write it under: `from:=to`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Remap {
    /// The recorded name.
    pub from: String,
    /// The name on the bus.
    pub to: String,
}

impl std::str::FromStr for Remap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(":=") {
            Some((from, to)) if !from.is_empty() && !to.is_empty() => {
                Ok(Self { from: from.to_owned(), to: to.to_owned() })
            }
            _ => Err(format!("\"{text}\" is no remapping: write recorded/name:=new/name")),
        }
    }
}

impl TryFrom<String> for Remap {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

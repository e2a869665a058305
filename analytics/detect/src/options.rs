//! What the node and the training can be told.
//!
//! ```
//! use tidewire_detect::DetectOptions;
//!
//! let options: DetectOptions = serde_json::from_str(
//!     r#"{ "models": ["pump.twm", { "file": "quotes.twm", "topic": "exchange/quotes" }] }"#,
//! )?;
//! assert_eq!(options.models[1].topic.as_deref(), Some("exchange/quotes"));
//! assert_eq!(options.output, "anomaly");
//! # Ok::<(), serde_json::Error>(())
//! ```

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tidewire_models::{FitOptions, Kind};

/// The node's parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectOptions {
    /// Model files; each names the topic it was trained on.
    pub models: Vec<ModelRef>,
    /// Only these collection points; empty: all.
    pub points: Vec<String>,
    /// Topic the anomalies go to.
    pub output: String,
    /// Samples a reader holds for us before it drops the oldest.
    pub depth: u32,
    /// When scores become events.
    pub events: EventOptions,
    /// `FILE[::PROFILE]` or a shipped QoS profile for the readers and the anomalies' writer; else
    /// best effort in and the event profile out.
    pub qos: Option<String>,
}

impl Default for DetectOptions {
    fn default() -> Self {
        Self {
            models: Vec::new(),
            points: Vec::new(),
            output: "anomaly".into(),
            depth: 4096,
            events: EventOptions::default(),
            qos: None,
        }
    }
}

/// A model file, and the topic to use it on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "ModelForm")]
pub struct ModelRef {
    /// The file.
    pub file: PathBuf,
    /// The topic; `None`: the one it was trained on.
    pub topic: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ModelForm {
    File(PathBuf),
    On {
        file: PathBuf,
        #[serde(default)]
        topic: Option<String>,
    },
}

impl From<ModelForm> for ModelRef {
    fn from(form: ModelForm) -> Self {
        match form {
            ModelForm::File(file) => Self { file, topic: None },
            ModelForm::On { file, topic } => Self { file, topic },
        }
    }
}

impl From<PathBuf> for ModelRef {
    fn from(file: PathBuf) -> Self {
        Self { file, topic: None }
    }
}

/// When scores of consecutive windows become an event, and when it is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventOptions {
    /// Windows above the threshold before an event opens.
    pub open_after: u32,
    /// A score this many times its threshold opens an event at once.
    pub open_at: f64,
    /// Below this share of the threshold a window counts as calm.
    pub close_below: f64,
    /// Calm windows before the series is calm.
    pub close_after: u32,
    /// An event goes on if the point is restless again within this time, ms of event time.
    pub cool_down_ms: i64,
    /// Shorter events than this are not reported, ms of event time.
    pub min_duration_ms: i64,
}

impl Default for EventOptions {
    fn default() -> Self {
        Self {
            open_after: 2,
            open_at: 2.0,
            close_below: 0.8,
            close_after: 3,
            cool_down_ms: 1_000,
            min_duration_ms: 0,
        }
    }
}

/// What to train, and on which part of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainOptions {
    /// The topic to learn.
    pub topic: String,
    /// Name that anomalies carry; empty: `<topic>-<kind>`.
    pub id: String,
    /// Fields to look at; empty: every numeric one.
    pub fields: Vec<String>,
    /// Only these collection points; empty: all.
    pub points: Vec<String>,
    /// First source time, ns since the Unix epoch.
    pub start: Option<i64>,
    /// End of the source times (exclusive), ns.
    pub end: Option<i64>,
    /// The main detector; the rules come along.
    pub kind: Kind,
    /// Rows per window; 0 chooses by the topic's rate.
    pub window: usize,
    /// Rows from window to window; 0 chooses by the window.
    pub hop: usize,
    /// Means of this many rows instead of rows; 0 and 1 take rows as they are.
    pub decimate: usize,
    /// Topic of `FaultTruth`: what happened at a point during a fault there is not learned.
    pub exclude_faults: Option<String>,
    /// How long and how fast.
    pub fit: FitOptions,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            topic: String::new(),
            id: String::new(),
            fields: Vec::new(),
            points: Vec::new(),
            start: None,
            end: None,
            kind: Kind::Autoencoder,
            window: 0,
            hop: 0,
            decimate: 0,
            exclude_faults: None,
            fit: FitOptions::default(),
        }
    }
}

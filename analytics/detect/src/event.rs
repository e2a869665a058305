//! From scores to events: hysteresis per series, one event per point and topic.
//!
//! A series becomes restless after some windows above the threshold and calm after some well below
//! it. The first restless series of a (topic, point) opens an event, others join it, and it closes
//! when all have been calm for the cool-down.
//!
//! ```
//! use tidewire_detect::{EventOptions, Events};
//! use tidewire_models::{Kind, Score};
//! use tidewire_stream::SeriesKey;
//!
//! let contributions = vec![1.0];
//! let score = |value| Score {
//!     kind: Kind::Pca,
//!     value,
//!     threshold: 4.0,
//!     contributions: contributions.clone(),
//! };
//! let pump = SeriesKey::new("vibration", "pump1", "");
//! let mut events = Events::new("pump", &["x".into()], EventOptions::default());
//! let mut out = Vec::new();
//! for (i, value) in [1.0, 1.1, 5.0, 6.0, 5.5, 1.0, 0.9, 1.1, 1.0].into_iter().enumerate() {
//!     let end = i as i64 * 1_000_000_000;
//!     events.window(&pump, end - 1_000_000_000, end, &score(value), end, &mut out);
//! }
//! assert_eq!(out.len(), 2); // opened, closed
//! assert_eq!(out[1].anomaly.score, 6.0);
//! assert_eq!((out[0].anomaly.start_ns, out[1].anomaly.end_ns), (1_000_000_000, 4_000_000_000));
//! ```

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tidewire_models::{Kind, Score};
use tidewire_stream::SeriesKey;
use tidewire_types::event::Anomaly;

use crate::EventOptions;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It has begun; its end is not known yet.
    Opened,
    /// It is over; the sample has its final range, peak and fields.
    Closed,
}

/// An event's sample, to be published.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Beginning or end.
    pub phase: Phase,
    /// When it was noticed, ns on the arrival clock.
    pub noticed: i64,
    /// The sample. Both phases of an event share point, topic and start.
    pub anomaly: Anomaly,
}

/// Events of one model's topic.
#[derive(Debug)]
pub struct Events {
    model: String,
    fields: Vec<String>,
    options: EventOptions,
    points: HashMap<Arc<str>, Point>,
}

#[derive(Debug, Default)]
struct Point {
    series: HashMap<Arc<str>, Series>,
    open: Option<Open>,
}

#[derive(Debug, Default)]
struct Series {
    above: u32,
    calm: u32,
    /// Start of the first window above.
    since: i64,
    restless: bool,
    /// The restlessness is a silence, which windows cannot end.
    silent: bool,
}

#[derive(Debug)]
struct Open {
    topic: Arc<str>,
    start: i64,
    end: i64,
    peak: Score,
    /// How far each contributing field was above its threshold at most.
    fields: BTreeMap<String, f64>,
    reported: bool,
}

/// More contributing fields than this are not listed.
const MOST_FIELDS: usize = 16;

impl Events {
    /// No events yet. `model` is the model's id, `fields` are its fields' names.
    pub fn new(model: &str, fields: &[String], options: EventOptions) -> Self {
        let fields = fields.to_vec();
        Self { model: model.into(), fields, options, points: HashMap::new() }
    }

    /// Takes the score of a series' next window, whose newest rows lie in `start..=end` (event
    /// time), at `now` on the arrival clock.
    pub fn window(
        &mut self,
        key: &SeriesKey,
        start: i64,
        end: i64,
        score: &Score,
        now: i64,
        out: &mut Vec<Detection>,
    ) {
        let options = &self.options;
        let point = self.points.entry(key.point.clone()).or_default();
        let series = point.series.entry(key.group.clone()).or_default();
        let ratio = score.ratio();
        if ratio >= 1.0 {
            if series.above == 0 {
                series.since = start;
            }
            (series.above, series.calm) = (series.above + 1, 0);
            let at_once = ratio >= options.open_at || score.kind == Kind::Flatline;
            if !series.restless && (series.above >= options.open_after || at_once) {
                series.restless = true;
            }
        } else if ratio < options.close_below {
            (series.above, series.calm) = (0, series.calm + 1);
            if series.calm >= options.close_after {
                series.restless = false;
            }
        } else {
            // Between the two: neither one more above nor calm.
            (series.above, series.calm) = (0, 0);
        }
        if series.restless && ratio >= 1.0 {
            let since = series.since;
            let fields = self.names(key, score);
            self.note(key, (since, end), score, fields, now, out);
        }
        self.settle(&key.point, end, now, out);
    }

    /// Takes the score of a silence since `start` that lasts at `end` (event time).
    pub fn silence(
        &mut self,
        key: &SeriesKey,
        start: i64,
        end: i64,
        score: &Score,
        now: i64,
        out: &mut Vec<Detection>,
    ) {
        let point = self.points.entry(key.point.clone()).or_default();
        let series = point.series.entry(key.group.clone()).or_default();
        (series.restless, series.silent) = (true, true);
        let fields = self.names(key, score);
        self.note(key, (start, end), score, fields, now, out);
    }

    /// A silent series has spoken again.
    pub fn spoke(&mut self, key: &SeriesKey) {
        let point = self.points.get_mut(&key.point);
        if let Some(series) = point.and_then(|p| p.series.get_mut(&key.group))
            && series.silent
        {
            *series = Series::default();
        }
    }

    /// A series has gone (its instance was disposed): it is no longer restless.
    pub fn gone(&mut self, key: &SeriesKey) {
        if let Some(point) = self.points.get_mut(&key.point) {
            point.series.remove(&key.group);
        }
    }

    /// Closes what has been calm since long enough at event time `time`, for points without
    /// windows.
    pub fn advance(&mut self, time: i64, now: i64, out: &mut Vec<Detection>) {
        let open: Vec<Arc<str>> =
            self.points.iter().filter(|(_, p)| p.open.is_some()).map(|(k, _)| k.clone()).collect();
        for point in open {
            self.settle(&point, time, now, out);
        }
    }

    /// Closes everything: the stream has ended.
    pub fn finish(&mut self, now: i64, out: &mut Vec<Detection>) {
        let mut points: Vec<Arc<str>> = self.points.keys().cloned().collect();
        points.sort();
        for name in points {
            let open = self.points.get_mut(&name).and_then(|p| p.open.take());
            out.extend(open.and_then(|o| self.close(&name, o, now)));
        }
    }

    /// Events that are open now.
    pub fn open(&self) -> usize {
        self.points.values().filter(|p| p.open.as_ref().is_some_and(|o| o.reported)).count()
    }

    fn note(
        &mut self,
        key: &SeriesKey,
        (start, end): (i64, i64),
        score: &Score,
        fields: Vec<(String, f64)>,
        now: i64,
        out: &mut Vec<Detection>,
    ) {
        let Some(point) = self.points.get_mut(&key.point) else { return };
        let open = point.open.get_or_insert_with(|| Open {
            topic: key.topic.clone(),
            start,
            end,
            peak: score.clone(),
            fields: BTreeMap::new(),
            reported: false,
        });
        open.end = open.end.max(end);
        for (field, share) in fields {
            let most = open.fields.entry(field).or_insert(share);
            *most = most.max(share);
        }
        if score.ratio() > open.peak.ratio() {
            open.peak = score.clone();
        }
        let duration = open.end.saturating_sub(open.start);
        if !open.reported && duration >= self.options.min_duration_ms * 1_000_000 {
            open.reported = true;
            let anomaly = anomaly(&self.model, &key.point, open);
            out.push(Detection { phase: Phase::Opened, noticed: now, anomaly });
        }
    }

    fn settle(&mut self, name: &Arc<str>, time: i64, now: i64, out: &mut Vec<Detection>) {
        let Some(point) = self.points.get_mut(name) else { return };
        let restless = point.series.values().any(|s| s.restless);
        let cool_down = self.options.cool_down_ms * 1_000_000;
        let over = |o: &mut Open| !restless && time.saturating_sub(o.end) >= cool_down;
        if let Some(open) = point.open.take_if(over) {
            out.extend(self.close(name, open, now));
        }
    }

    fn close(&self, point: &str, open: Open, now: i64) -> Option<Detection> {
        // What was too short to be opened is not closed either.
        open.reported.then(|| Detection {
            phase: Phase::Closed,
            noticed: now,
            anomaly: anomaly(&self.model, point, &open),
        })
    }

    fn names(&self, key: &SeriesKey, score: &Score) -> Vec<(String, f64)> {
        let name = |f: usize| match key.group.as_ref() {
            "" => self.fields[f].clone(),
            group => format!("{group}/{}", self.fields[f]),
        };
        // A silence is of all fields alike.
        if score.contributions.is_empty() {
            return (0..self.fields.len()).map(|f| (name(f), score.ratio())).collect();
        }
        let known = score.leading().into_iter().filter(|f| *f < self.fields.len());
        known.map(|f| (name(f), score.contributions[f])).collect()
    }
}

fn anomaly(model: &str, point: &str, open: &Open) -> Anomaly {
    let mut fields: Vec<(&String, &f64)> = open.fields.iter().collect();
    fields.sort_by(|a, b| b.1.total_cmp(a.1));
    Anomaly {
        point: point.into(),
        topic: open.topic.to_string(),
        start_ns: open.start,
        end_ns: open.end,
        score: open.peak.value,
        threshold: open.peak.threshold,
        fields: fields.into_iter().take(MOST_FIELDS).map(|(name, _)| name.clone()).collect(),
        model: format!("{model}/{}", open.peak.kind),
    }
}

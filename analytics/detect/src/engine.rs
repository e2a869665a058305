//! The work itself, the same for a live subscription and for a recording: samples in, detections
//! out.
//!
//! Time comes in two kinds. Event time is the samples' own. The arrival clock says when they
//! came: the host's clock live, event time again in a recording. Silence is measured on the arrival
//! clock, so that a replayed experiment from years ago is not all silence.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tidewire_idl::{InstanceState, Sample, TypeHandle};
use tidewire_models::{Model, Scorer};
use tidewire_stream::{Extractor, Row, SeriesKey, StreamStats, Window, Windows};

use crate::event::{Detection, Events, Phase};
use crate::{DetectError, DetectOptions, DetectStats};

/// Models at work on their topics.
pub struct Engine {
    lanes: Vec<Lane>,
    points: HashSet<String>,
    stats: Arc<DetectStats>,
}

/// One model on one topic.
pub struct Lane {
    topic: Arc<str>,
    ty: TypeHandle,
    extractor: Extractor,
    windows: Windows,
    scorer: Scorer,
    events: Events,
    keys: HashMap<(Arc<str>, String), SeriesKey>,
    pending: Vec<(i64, Window)>,
    cut: Vec<Window>,
    silent: HashSet<SeriesKey>,
    counted: StreamStats,
    newest: i64,
}

/// Where a type is found: in a recording's own catalogue or in the registry.
pub type FindType<'a> = dyn Fn(&str, &str) -> Option<TypeHandle> + 'a;

impl Engine {
    /// Loads the models and checks each against its topic's type; `find` is asked for (topic,
    /// type).
    ///
    /// # Errors
    /// When a file is bad, a type unknown, or a model made for another type.
    pub fn new(
        options: &DetectOptions,
        find: &FindType<'_>,
        stats: Arc<DetectStats>,
    ) -> Result<Self, DetectError> {
        if options.models.is_empty() {
            return Err(DetectError::NoModel);
        }
        let mut lanes = Vec::new();
        for chosen in &options.models {
            let model = Arc::new(Model::load(Path::new(&chosen.file))?);
            let topic = chosen.topic.clone().unwrap_or_else(|| model.header().topic.clone());
            lanes.push(Lane::new(model, &topic, options, find)?);
        }
        Ok(Self { lanes, points: options.points.iter().cloned().collect(), stats })
    }

    /// The lanes; a sample goes to each whose topic it is of.
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// Takes a sample of lane `lane` that arrived at `arrival`; windows wait for
    /// [`score`](Self::score).
    pub fn push(&mut self, lane: usize, sample: &Sample, arrival: i64, out: &mut Vec<Detection>) {
        self.stats.samples.fetch_add(1, Relaxed);
        let before = out.len();
        let lane = &mut self.lanes[lane];
        lane.newest = lane.newest.max(sample.info.source_time);
        if sample.info.state != InstanceState::Alive {
            return lane.forget(&sample.info.point);
        }
        let Ok(row) = lane.extractor.read(&sample.payload) else {
            self.stats.undecodable.fetch_add(1, Relaxed);
            return;
        };
        // The type's own point is the collection point; the writer's name stands in where it has
        // none.
        let point = match row.point {
            Some(point) if point != sample.info.point.as_ref() => point.into(),
            _ => sample.info.point.clone(),
        };
        if !self.points.is_empty() && !self.points.contains(point.as_ref()) {
            return;
        }
        let id = (point, row.group.to_string());
        let key = lane.keys.entry(id).or_insert_with_key(|(point, group)| SeriesKey {
            topic: lane.topic.clone(),
            point: point.clone(),
            group: group.as_str().into(),
        });
        let row = Row {
            time: sample.info.source_time,
            sequence: sample.info.sequence,
            values: row.values.to_vec(),
        };
        if lane.silent.remove(key) {
            lane.events.spoke(key);
            lane.events.advance(row.time, arrival, out);
            tally(&self.stats, &out[before..]);
        }
        lane.windows.push(key, row, arrival, &mut lane.cut);
        lane.pending.extend(lane.cut.drain(..).map(|w| (arrival, w)));
    }

    /// Scores the windows that have gathered. `clock` says what time it is now on the arrival
    /// clock.
    ///
    /// # Errors
    /// When a detector's computation fails.
    pub fn score(
        &mut self,
        clock: &dyn Fn() -> i64,
        out: &mut Vec<Detection>,
    ) -> Result<(), DetectError> {
        let before = out.len();
        for lane in &mut self.lanes {
            lane.score(clock, &self.stats, out)?;
        }
        tally(&self.stats, &out[before..]);
        Ok(())
    }

    /// Lets the arrival clock come to `now`: idle series give up waiting, silent ones are reported
    /// where `alive` says that the lane still has a source, calm events close.
    ///
    /// # Errors
    /// When a detector's computation fails.
    pub fn tick(
        &mut self,
        now: i64,
        alive: &dyn Fn(usize) -> bool,
        out: &mut Vec<Detection>,
    ) -> Result<(), DetectError> {
        let before = out.len();
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            lane.windows.advance(now, &mut lane.cut);
            lane.pending.extend(lane.cut.drain(..).map(|w| (now, w)));
            lane.score(&|| now, &self.stats, out)?;
            if alive(index) {
                lane.listen(now, out);
            } else {
                // Its writers have left and said so: that is no silence.
                lane.forget_all();
                lane.events.finish(now, out);
            }
            lane.events.advance(lane.newest, now, out);
            lane.count(&self.stats);
        }
        tally(&self.stats, &out[before..]);
        Ok(())
    }

    /// The stream has ended: scores what is left and closes every event.
    ///
    /// # Errors
    /// When a detector's computation fails.
    pub fn finish(&mut self, now: i64, out: &mut Vec<Detection>) -> Result<(), DetectError> {
        let before = out.len();
        for lane in &mut self.lanes {
            lane.windows.flush(&mut lane.cut);
            lane.pending.extend(lane.cut.drain(..).map(|w| (now, w)));
            lane.score(&|| now, &self.stats, out)?;
            lane.events.finish(now, out);
            lane.count(&self.stats);
        }
        tally(&self.stats, &out[before..]);
        Ok(())
    }
}

impl Lane {
    fn new(
        model: Arc<Model>,
        topic: &str,
        options: &DetectOptions,
        find: &FindType<'_>,
    ) -> Result<Self, DetectError> {
        let header = model.header();
        let ty = find(topic, &header.type_name).ok_or_else(|| DetectError::UnknownType {
            topic: topic.into(),
            type_name: header.type_name.clone(),
        })?;
        // Another type under the topic's name is named as such before its fields are missed.
        if ty.name != header.type_name {
            let all = Extractor::new(&ty, None)?;
            model.check_schema(&ty.name, all.fields())?;
        }
        let extractor = Extractor::new(&ty, Some(&header.fields))?;
        model.check_schema(extractor.type_name(), extractor.fields())?;
        let windows = Windows::new(header.window.clone())?;
        let events = Events::new(&header.id, &header.fields, options.events.clone());
        Ok(Self {
            topic: topic.into(),
            ty,
            extractor,
            windows,
            scorer: Scorer::new(model),
            events,
            keys: HashMap::new(),
            pending: Vec::new(),
            cut: Vec::new(),
            silent: HashSet::new(),
            counted: StreamStats::default(),
            newest: i64::MIN,
        })
    }

    /// The topic it listens to.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The topic's type.
    pub fn ty(&self) -> &TypeHandle {
        &self.ty
    }

    /// The model at work.
    pub fn model(&self) -> &Arc<Model> {
        self.scorer.model()
    }

    fn score(
        &mut self,
        clock: &dyn Fn() -> i64,
        stats: &DetectStats,
        out: &mut Vec<Detection>,
    ) -> Result<(), DetectError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let (arrivals, windows): (Vec<i64>, Vec<Window>) = self.pending.drain(..).unzip();
        let scores = self.scorer.score(&windows)?;
        let now = clock();
        stats.windows.fetch_add(windows.len() as u64, Relaxed);
        let hop = self.windows.spec().hop as i64;
        for ((window, score), arrival) in windows.iter().zip(&scores).zip(arrivals) {
            stats.latency(now.saturating_sub(arrival));
            if let Some(score) = score {
                // What is new in a window is its last hop; the rest was judged before.
                let rows = (window.length() as i64 - 1).max(1);
                let length = window.end.saturating_sub(window.start);
                let newest = window.end - length / rows * hop.min(rows);
                self.events.window(&window.series, newest, window.end, score, now, out);
            }
        }
        Ok(())
    }

    /// Looks for series that have been silent for too long.
    fn listen(&mut self, now: i64, out: &mut Vec<Detection>) {
        for (key, last, idle) in self.windows.idle(now) {
            if let Some(score) = self.scorer.silence(key, idle).filter(|s| s.ratio() > 1.0) {
                self.events.silence(key, last, last.saturating_add(idle), &score, now, out);
                self.silent.insert(key.clone());
            }
        }
    }

    /// The instances of a point have gone.
    fn forget(&mut self, point: &str) {
        self.forget_where(|key| key.point.as_ref() == point);
    }

    fn forget_all(&mut self) {
        self.forget_where(|_| true);
    }

    fn forget_where(&mut self, which: impl Fn(&SeriesKey) -> bool) {
        let gone: Vec<SeriesKey> = self.windows.series().filter(|k| which(k)).cloned().collect();
        for key in gone {
            self.windows.remove(&key);
            self.silent.remove(&key);
            self.events.gone(&key);
        }
    }

    fn count(&mut self, stats: &DetectStats) {
        let now = self.windows.stats();
        stats.late.fetch_add(now.late - self.counted.late, Relaxed);
        stats.invalid.fetch_add(now.invalid - self.counted.invalid, Relaxed);
        self.counted = now;
    }
}

fn tally(stats: &DetectStats, detections: &[Detection]) {
    for detection in detections {
        match detection.phase {
            Phase::Opened => stats.opened.fetch_add(1, Relaxed),
            Phase::Closed => stats.closed.fetch_add(1, Relaxed),
        };
    }
}

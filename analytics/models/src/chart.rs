//! Control charts: when a statistic leaves the range that training saw.
//!
//! Every detector that learns boils a window down to a few statistics per field. A chart holds, for
//! each series, where these lie and how much they scatter; it smooths their deviations over
//! consecutive windows (an EWMA chart; Roberts, Technometrics 1959) and compares them with limits
//! that were fixed on the training data.
//!
//! ```
//! use std::collections::BTreeMap;
//! use tidewire_models::chart::{Chart, Side, Track, Watch};
//!
//! let calm: Vec<Vec<f64>> = (0..200).map(|i| vec![(i as f64 * 0.7).sin()]).collect();
//! let series = BTreeMap::from([("pump1".to_string(), calm)]);
//! let chart = Chart::fit(1, &[Watch { side: Side::Both, least: 0.0 }], 0.5, &series);
//! let base = chart.known("pump1").ok_or("pump1 was trained")?;
//! let mut track = Track::default();
//! assert!(chart.update(&base, &[0.3], &mut track).ratio() < 1.0);
//! for _ in 0..8 {
//!     chart.update(&base, &[30.0], &mut track);
//! }
//! assert!(chart.update(&base, &[30.0], &mut track).ratio() > 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::numeric::{mean_std, tail_limit, winsorised};

/// Probability with which one window of training-like data passes a limit.
const RISK: f64 = 1e-6;

/// Limits stand this much above what the tail says: the next hour is never quite like the training.
const MARGIN: f64 = 1.25;

/// The same for the mean over all fields: the more there are, the less it scatters.
fn overall_margin(fields: usize) -> f64 {
    1.05 + 0.35 / fields.max(1) as f64
}

/// For a single field it is never tighter than this share of the field's own limit; for many it may
/// be, by the square root of their number.
const LEAST_SHARE: f64 = 0.8;

/// One statistic alone must pass its limit this many times over.
const ALONE: f64 = 2.0;

/// No limit is tighter than this many deviations.
const LEAST_LIMIT: f64 = 4.0;

/// An unseen series starts with the scatter of the trained ones, as if from this many windows.
const PRIOR_WINDOWS: f64 = 12.0;

/// The base follows a calm series no faster than over this many windows,
const LEAST_MEMORY: usize = 200;

/// and no further than this many limits from where training saw it: slow seasons pass, wear does
/// not.
const FURTHEST: f64 = 2.0;

/// Below this share of its limit a series is calm.
const CALM: f64 = 0.8;

/// Deviations are held within this before smoothing,
const CLIP: f64 = 60.0;

/// and within this many limits, so that a fault that is over is soon forgotten.
const CLIP_LIMITS: f64 = 4.0;

/// Which way a statistic must go to be suspicious.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Too high only.
    Upper,
    /// Too high or too low.
    Both,
}

/// How a statistic is watched.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// Which way is suspicious.
    pub side: Side,
    /// Its scatter counts as at least this, however calm training was.
    pub least: f64,
}

/// Centre and scatter of every statistic of one series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Base(pub Vec<(f64, f64)>);

/// Smoothed deviations of one series, from window to window, and how far its base has moved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Track {
    smoothed: Vec<f64>,
    moved: Vec<f64>,
    weight: f64,
}

/// What a chart says of a window.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The mean over the fields of their shares of a limit or, when it is the more alarming, one
    /// statistic's deviation alone, in standard deviations of training.
    pub value: f64,
    /// Its limit.
    pub limit: f64,
    /// For each field, its highest deviation over its limit.
    pub fields: Vec<f64>,
}

impl Reading {
    /// Above 1 means anomalous.
    pub fn ratio(&self) -> f64 {
        self.value / self.limit
    }
}

/// Limits for `fields x statistics` values per window, field by field, and one for all together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chart {
    fields: usize,
    watches: Vec<Watch>,
    /// Weight of the newest window.
    alpha: f64,
    series: BTreeMap<String, Base>,
    /// Typical scatter within a series.
    scatter: Vec<f64>,
    limits: Vec<f64>,
    /// Limit of the mean over the fields of their highest share of a limit.
    overall: f64,
    /// Windows over which a calm series' base follows it.
    memory: f64,
}

impl Chart {
    /// Fits to the statistics of each series' windows in time order (`fields x watches.len()`
    /// values per window). Centres and scatters come from the first 70 % of each series, limits
    /// from all of it: the last 30 % stand for the future.
    pub fn fit(
        fields: usize,
        watches: &[Watch],
        alpha: f64,
        series: &BTreeMap<String, Vec<Vec<f64>>>,
    ) -> Self {
        let count = fields * watches.len();
        let mut chart = Self {
            fields,
            watches: watches.to_vec(),
            alpha,
            series: BTreeMap::new(),
            scatter: vec![0.0; count],
            limits: vec![f64::INFINITY; count],
            overall: f64::INFINITY,
            memory: series.values().map(Vec::len).max().unwrap_or(0).max(LEAST_MEMORY) as f64,
        };
        let mut windows_seen = 0.0;
        for (name, windows) in series {
            let learn = &windows[..(windows.len() * 7 / 10).max(1).min(windows.len())];
            let column = |i: usize| learn.iter().map(|w| w[i]).collect::<Vec<_>>();
            let base: Vec<(f64, f64)> = (0..count)
                .map(|i| {
                    let (centre, scale) = winsorised(&column(i));
                    (centre, scale.max(chart.least(i, centre)))
                })
                .collect();
            let n = learn.len() as f64;
            for (scatter, (_, scale)) in chart.scatter.iter_mut().zip(&base) {
                *scatter += n * scale * scale;
            }
            windows_seen += n;
            chart.series.insert(name.clone(), Base(base));
        }
        for scatter in &mut chart.scatter {
            *scatter = (*scatter / windows_seen.max(1.0)).sqrt();
        }
        chart.set_limits(series);
        chart
    }

    fn set_limits(&mut self, series: &BTreeMap<String, Vec<Vec<f64>>>) {
        let single = self.replay(series, |chart, track| {
            (0..chart.width()).map(|i| chart.magnitude(i, track)).collect()
        });
        let limit = |scores: &Vec<f64>| (MARGIN * tail_limit(scores, RISK)).max(LEAST_LIMIT);
        self.limits = single.iter().map(limit).collect();
        let together = self.replay(series, |chart, track| vec![chart.together(track)]);
        let margin = overall_margin(self.fields);
        let limit = together.first().map_or(f64::INFINITY, |s| margin * tail_limit(s, RISK));
        self.overall = limit.max(LEAST_SHARE / (self.fields.max(1) as f64).sqrt());
    }

    /// Runs the training through the chart and collects what `scores` says after each window.
    fn replay(
        &self,
        series: &BTreeMap<String, Vec<Vec<f64>>>,
        scores: impl Fn(&Self, &Track) -> Vec<f64>,
    ) -> Vec<Vec<f64>> {
        let mut columns: Vec<Vec<f64>> = Vec::new();
        for (name, windows) in series {
            let Some(base) = self.known(name) else { continue };
            let mut track = Track::default();
            for window in windows {
                self.smooth(&base, window, &mut track);
                let values = scores(self, &track);
                columns.resize(values.len(), Vec::new());
                for (column, value) in columns.iter_mut().zip(values) {
                    column.push(value);
                }
                self.follow(&mut track);
            }
        }
        columns
    }

    /// Values per window.
    pub fn width(&self) -> usize {
        self.limits.len()
    }

    /// What training knows of a series.
    pub fn known(&self, name: &str) -> Option<Base> {
        self.series.get(name).cloned()
    }

    /// A base for a series training has not seen, from its first windows: their own centres, and a
    /// scatter between their own and that of the trained series.
    pub fn calibrate(&self, windows: &[Vec<f64>]) -> Base {
        let n = windows.len() as f64;
        let base = (0..self.width()).map(|i| {
            let column: Vec<f64> = windows.iter().map(|w| w[i]).collect();
            let (centre, own) = mean_std(&column);
            let prior = self.scatter[i];
            let variance = (PRIOR_WINDOWS * prior * prior + n * own * own) / (PRIOR_WINDOWS + n);
            (centre, variance.sqrt().max(self.least(i, centre)))
        });
        Base(base.collect())
    }

    /// Takes the statistics of a series' next window: all fields together are judged, and each
    /// alone.
    pub fn update(&self, base: &Base, window: &[f64], track: &mut Track) -> Reading {
        self.smooth(base, window, track);
        let per_field = self.watches.len();
        let mut best = (self.together(track), self.overall);
        let mut fields = vec![0.0_f64; self.fields];
        for (i, limit) in self.limits.iter().enumerate() {
            let value = self.magnitude(i, track);
            let ratio = value / limit;
            fields[i / per_field] = fields[i / per_field].max(ratio);
            if ratio / ALONE > best.0 / best.1 {
                best = (value, ALONE * limit);
            }
        }
        let reading = Reading { value: best.0, limit: best.1, fields };
        if reading.ratio() < CALM {
            self.follow(track);
        }
        reading
    }

    /// Moves the base a little towards where a calm series is now.
    fn follow(&self, track: &mut Track) {
        for ((moved, smoothed), limit) in
            track.moved.iter_mut().zip(&mut track.smoothed).zip(&self.limits)
        {
            let furthest = FURTHEST * limit;
            let before = *moved;
            *moved = (*moved + *smoothed / self.memory).clamp(-furthest, furthest);
            // What is smoothed is counted from the base.
            *smoothed -= *moved - before;
        }
    }

    fn smooth(&self, base: &Base, window: &[f64], track: &mut Track) {
        track.smoothed.resize(self.width(), 0.0);
        track.moved.resize(self.width(), 0.0);
        // A young track is a plain mean, so that its first window does not count for everything.
        track.weight = (1.0 - self.alpha) * track.weight + 1.0;
        let newest = 1.0 / track.weight;
        let kept = track.smoothed.iter_mut().zip(&track.moved).zip(&self.limits);
        for ((((s, moved), limit), v), (centre, scale)) in kept.zip(window).zip(&base.0) {
            let clip = CLIP.min(CLIP_LIMITS * limit);
            let deviation = ((v - centre) / scale - moved).clamp(-clip, clip);
            *s += newest * (deviation - *s);
        }
    }

    /// The least scatter of a statistic: what its watch says, and what is no rounding.
    fn least(&self, i: usize, centre: f64) -> f64 {
        self.watches[i % self.watches.len()].least.max(1e-6 * centre.abs().max(1.0))
    }

    fn magnitude(&self, i: usize, track: &Track) -> f64 {
        match self.watches[i % self.watches.len()].side {
            Side::Upper => track.smoothed[i].max(0.0),
            Side::Both => track.smoothed[i].abs(),
        }
    }

    /// Mean over the fields of each one's highest share of its limits: many fields that are a
    /// little off say as much as one that is far off.
    fn together(&self, track: &Track) -> f64 {
        let per_field = self.watches.len();
        let share = |i: usize| self.magnitude(i, track) / self.limits[i];
        let highest =
            |f: usize| (0..per_field).map(|k| share(f * per_field + k)).fold(0.0, f64::max);
        (0..self.fields).map(highest).sum::<f64>() / self.fields.max(1) as f64
    }
}

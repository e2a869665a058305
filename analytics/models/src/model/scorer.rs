//! A model at work on the windows of many series.

use std::sync::Arc;

use tidewire_stream::{SeriesKey, Window};

use super::Model;
use crate::detector::Memory;
use crate::{ModelError, Score};

/// Runs all detectors of a model and keeps what each remembers of every series.
#[derive(Debug)]
pub struct Scorer {
    model: Arc<Model>,
    memories: Vec<Memory>,
}

impl Scorer {
    /// A scorer that has seen no series.
    pub fn new(model: Arc<Model>) -> Self {
        let memories = model.detectors.iter().map(|_| Memory::default()).collect();
        Self { model, memories }
    }

    /// The model at work.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// For each window (in time order within a series) the detector's word that is furthest above,
    /// or least below, its threshold; `None` while all of them calibrate.
    ///
    /// # Errors
    /// When a detector's computation fails.
    pub fn score(&mut self, windows: &[Window]) -> Result<Vec<Option<Score>>, ModelError> {
        let mut best: Vec<Option<Score>> = vec![None; windows.len()];
        if windows.is_empty() {
            return Ok(best);
        }
        for (detector, memory) in self.model.detectors.iter().zip(&mut self.memories) {
            for (best, score) in best.iter_mut().zip(detector.score(windows, memory)?) {
                let Some(score) = score else { continue };
                if best.as_ref().is_none_or(|b| score.ratio() > b.ratio()) {
                    *best = Some(score);
                }
            }
        }
        Ok(best)
    }

    /// What the rules say of a silence of `idle` ns.
    pub fn silence(&self, series: &SeriesKey, idle: i64) -> Option<Score> {
        let said = self.model.detectors.iter().filter_map(|d| d.silence(series, idle));
        said.max_by(|a, b| a.ratio().total_cmp(&b.ratio()))
    }

    /// Forgets a series.
    pub fn remove(&mut self, series: &SeriesKey) {
        for memory in &mut self.memories {
            memory.remove(series);
        }
    }
}

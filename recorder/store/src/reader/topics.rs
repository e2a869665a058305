//! What a recording holds, told from watermarks and tail without reading a block.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::snapshot::Snapshot;
use crate::StoreError;
use crate::catalog::TopicMeta;

/// A topic of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicSummary {
    /// Name, type and QoS; where the type changed while recording, the last one.
    pub meta: Arc<TopicMeta>,
    /// Samples, disposes and unregisters included.
    pub samples: u64,
    /// Data samples: what a table of the topic has rows of.
    pub alive: u64,
    /// Payload bytes as received.
    pub bytes: u64,
    /// Smallest source time, ns since the Unix epoch; `None` without samples.
    pub first: Option<i64>,
    /// Largest source time.
    pub last: Option<i64>,
    /// Collection points, sorted.
    pub points: Vec<String>,
}

pub fn summaries(snapshot: &Snapshot) -> Vec<TopicSummary> {
    let mut summaries: Vec<TopicSummary> = Vec::new();
    let mut place = Vec::with_capacity(snapshot.topics.len());
    for topic in &snapshot.topics {
        let at = summaries.iter().position(|s| s.meta.name == topic.meta.name);
        if let Some(at) = at {
            summaries[at].meta = topic.meta.clone();
        } else {
            summaries.push(TopicSummary {
                meta: topic.meta.clone(),
                samples: 0,
                alive: 0,
                bytes: 0,
                first: None,
                last: None,
                points: Vec::new(),
            });
        }
        place.push(at.unwrap_or(summaries.len() - 1));
    }
    let mut points: Vec<BTreeSet<String>> = vec![BTreeSet::new(); summaries.len()];
    let at = |series: u32| {
        let series = snapshot.series.get(series as usize)?;
        Some((*place.get(series.topic.0 as usize)?, series))
    };
    for state in snapshot.shards.values() {
        for (&series, mark) in &state.marks {
            let Some((at, series)) = at(series) else { continue };
            points[at].insert(series.point.to_string());
            let summary = &mut summaries[at];
            summary.samples += mark.samples;
            summary.alive += mark.alive;
            summary.bytes += mark.payload_bytes;
            summary.see(mark.min_time);
            summary.see(mark.max_time);
        }
    }
    for (&(series, _), samples) in &snapshot.tail {
        let Some((at, series)) = at(series) else { continue };
        points[at].insert(series.point.to_string());
        let summary = &mut summaries[at];
        for tail in samples.iter() {
            summary.samples += 1;
            summary.alive += u64::from(tail.sample.info.state as u8 == 0);
            summary.bytes += tail.sample.payload.len() as u64;
            summary.see(tail.sample.info.source_time);
        }
    }
    for (summary, points) in summaries.iter_mut().zip(points) {
        summary.points = points.into_iter().collect();
    }
    summaries
}

impl TopicSummary {
    fn see(&mut self, time: i64) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }
}

pub fn require(snapshot: &Snapshot, topic: &str) -> Result<(), StoreError> {
    let names: BTreeSet<&str> = snapshot.topics.iter().map(|t| t.meta.name.as_str()).collect();
    if names.contains(topic) {
        return Ok(());
    }
    let known = names.into_iter().collect::<Vec<_>>().join(", ");
    let known = if known.is_empty() { "no topics".to_owned() } else { known };
    Err(StoreError::UnknownTopic { topic: topic.to_owned(), known })
}

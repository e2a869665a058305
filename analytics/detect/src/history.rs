//! The same work over a recording.

use std::path::Path;
use std::sync::Arc;

use tidewire_idl::{TypeHandle, TypeRegistry};
use tidewire_store::StoreReader;

use crate::engine::Engine;
use crate::event::Detection;
use crate::{DetectError, DetectOptions, DetectStats};

/// How often silence is looked for, in event time.
const TICK: i64 = 50_000_000;

/// Samples between two scorings: large enough to score in batches.
const BATCH: usize = 4096;

/// Runs the models over what a recording holds of their topics between `start` and `end` (source
/// time, ns) and hands every detection to `found`, in order.
///
/// # Errors
/// When the recording cannot be read, lacks a topic, or a model does not fit.
pub fn scan(
    dir: &Path,
    types: &TypeRegistry,
    options: &DetectOptions,
    (start, end): (Option<i64>, Option<i64>),
    stats: &Arc<DetectStats>,
    mut found: impl FnMut(Detection),
) -> Result<(), DetectError> {
    let reader = StoreReader::open(dir)?;
    let find = |topic: &str, type_name: &str| find_type(&reader, types, topic, type_name);
    let mut engine = Engine::new(options, &find, stats.clone())?;
    let topics: Vec<String> = engine.lanes().iter().map(|l| l.topic().to_string()).collect();
    let mut distinct = topics.clone();
    distinct.sort();
    distinct.dedup();
    let lanes_of: Vec<Vec<usize>> = distinct
        .iter()
        .map(|topic| (0..topics.len()).filter(|l| &topics[*l] == topic).collect())
        .collect();
    for topic in &distinct {
        require(&reader, dir, topic)?;
    }
    let mut out = Vec::new();
    let (mut now, mut ticked, mut gathered) = (i64::MIN, i64::MIN, 0);
    for item in reader.merged(&distinct, start, end)? {
        let (topic, sample) = item?;
        now = now.max(sample.info.source_time);
        if now.saturating_sub(ticked) >= TICK {
            engine.tick(now, &|_| true, &mut out)?;
            (ticked, gathered) = (now, 0);
        }
        for lane in &lanes_of[topic] {
            engine.push(*lane, &sample, now, &mut out);
        }
        gathered += 1;
        if gathered >= BATCH {
            engine.score(&|| now, &mut out)?;
            gathered = 0;
        }
        out.drain(..).for_each(&mut found);
    }
    if now > i64::MIN {
        engine.tick(now, &|_| true, &mut out)?;
        engine.finish(now, &mut out)?;
    }
    out.drain(..).for_each(&mut found);
    Ok(())
}

/// The type as the recording keeps it, else as the registry has it.
pub(crate) fn find_type(
    reader: &StoreReader,
    types: &TypeRegistry,
    topic: &str,
    type_name: &str,
) -> Option<TypeHandle> {
    let recorded = reader.topics().into_iter().find(|t| t.meta.name == topic);
    let recorded = recorded.and_then(|t| t.meta.descriptor.clone().map(Arc::new));
    recorded.or_else(|| types.get(type_name))
}

pub(crate) fn require(reader: &StoreReader, dir: &Path, topic: &str) -> Result<(), DetectError> {
    let known: Vec<String> = reader.topics().iter().map(|t| t.meta.name.clone()).collect();
    if known.iter().any(|k| k == topic) {
        return Ok(());
    }
    Err(DetectError::UnknownTopic { dir: dir.into(), topic: topic.into(), known })
}

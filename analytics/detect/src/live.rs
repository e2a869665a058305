//! The node: models on live topics, anomalies back onto the bus.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tidewire_bus::{Participant, RawReader, RawTopic, Writer, now_ns};
use tidewire_idl::{KeyReader, Sample, TypeRegistry};
use tidewire_qos::{History, Qos};
use tidewire_types::event::Anomaly;

use crate::engine::Engine;
use crate::event::Detection;
use crate::{DetectError, DetectOptions, DetectStats};

/// How often silence is looked for, and how long a stop may go unseen.
const TICK: Duration = Duration::from_millis(50);

/// Samples taken from a reader before the others have their turn.
const TURN: usize = 1024;

/// Runs until `stop` is set: takes the models' topics from the bus and publishes [`Anomaly`]
/// samples, two for each event (when it opens and, with its final range and peak, when it closes).
///
/// Reads best-effort, so that a slow detector never holds up a writer; what was lost is in `stats`.
///
/// # Errors
/// When a model cannot be loaded or does not fit its topic, or the bus refuses an endpoint.
pub fn run(
    participant: &Participant,
    types: &TypeRegistry,
    options: &DetectOptions,
    stop: &AtomicBool,
    stats: &Arc<DetectStats>,
) -> Result<(), DetectError> {
    let mut engine = Engine::new(options, &|_, type_name| types.get(type_name), stats.clone())?;
    let profile = options.qos.as_deref().map(|spec| {
        tidewire_qos::load(spec)
            .map_err(|source| DetectError::Qos { spec: spec.to_owned(), source })
    });
    let profile = profile.transpose()?;
    let out = profile.as_ref().map_or_else(Qos::event, |p| p.writer_qos(&options.output));
    let writer = participant.writer::<Anomaly>(&options.output, &out)?;
    let history = History::KeepLast(options.depth);
    let mut readers: Vec<RawReader> = Vec::new();
    for lane in engine.lanes() {
        let keyed = KeyReader::new(lane.ty()).is_some();
        let topic = RawTopic::new(lane.topic(), lane.ty().name.clone(), keyed);
        let qos = match &profile {
            Some(profile) => profile.reader_qos(lane.topic()),
            None => Qos { history, ..Qos::sensor_data() },
        };
        readers.push(participant.raw_reader_of(&topic, lane.ty(), &qos)?);
        let model = &lane.model().header().id;
        tracing::info!(topic = lane.topic(), model, "detecting");
    }
    let mut samples: Vec<Sample> = Vec::with_capacity(TURN);
    let mut out: Vec<Detection> = Vec::new();
    let mut next_tick = Instant::now() + TICK;
    while !stop.load(Relaxed) {
        let epoch = participant.epoch();
        let mut taken = 0;
        for (lane, reader) in readers.iter().enumerate() {
            taken += reader.take_into(&mut samples, TURN);
            let now = now_ns();
            for sample in samples.drain(..) {
                engine.push(lane, &sample, now, &mut out);
            }
        }
        engine.score(&now_ns, &mut out)?;
        if Instant::now() >= next_tick {
            next_tick = Instant::now() + TICK;
            let matched: Vec<bool> = readers.iter().map(|r| r.matched_writers() > 0).collect();
            engine.tick(now_ns(), &|lane| matched[lane], &mut out)?;
            stats.lost.store(readers.iter().map(RawReader::lost).sum(), Relaxed);
        }
        publish(&writer, &mut out, stats);
        if taken == 0 {
            let wait = next_tick.saturating_duration_since(Instant::now()).min(TICK);
            participant.wait_since(epoch, wait);
        }
    }
    engine.finish(now_ns(), &mut out)?;
    publish(&writer, &mut out, stats);
    Ok(())
}

/// A full writer must not stop the detection: what it does not take is counted.
fn publish(writer: &Writer<Anomaly>, out: &mut Vec<Detection>, stats: &DetectStats) {
    for detection in out.drain(..) {
        tracing::info!(phase = ?detection.phase, anomaly = ?detection.anomaly, "anomaly");
        if let Err(error) = writer.write(&detection.anomaly) {
            stats.unpublished.fetch_add(1, Relaxed);
            tracing::warn!(%error, "anomaly not published");
        }
    }
}

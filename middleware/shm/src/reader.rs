//! The receiving side of a topic.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use iceoryx2::port::ReceiveError;
use iceoryx2::port::subscriber::SubscriberCreateError;
use tidewire_idl::Guid;
use tidewire_qos::History;
use tidewire_transport::{Arrival, EndpointSpec, Prefix, SampleMeta, SequenceGaps};

use crate::domain::Shared;
use crate::error::ShmError;
use crate::presence::{EndpointKind, Entry, Lane, SlotGuard};
use crate::routes::count_writers;
use crate::sample::ShmSample;
use crate::service::{self, Factory, MAX_BORROWED, MAX_BUFFER, MAX_SUBSCRIBERS, Subscriber};

/// Least room for samples a reader has not taken yet. A queue between processes needs some slack even
/// where the history is shorter; trimming to KEEP_LAST depth per instance is the caller's.
const MIN_BUFFER: usize = 64;

/// A reader's shared-memory side; see [`ShmWriter`](crate::ShmWriter) for both sides at work.
///
/// Take until there is nothing left, then [`wait`](crate::ShmDomain::wait):
///
/// ```
/// use std::time::Duration;
/// use tidewire_idl::Guid;
/// use tidewire_shm::{ShmDomain, ShmOptions};
/// use tidewire_transport::{EndpointSpec, SampleMeta};
///
/// # let root = tempfile::tempdir().unwrap();
/// # let options = ShmOptions { root: Some(root.path().join("shm")), ..ShmOptions::default() };
/// let domain = ShmDomain::join(7, [1; 12], "plant/recorder", &options)?;
/// let spec = EndpointSpec::new("plant/log", "tidewire::event::Log", true);
/// let mut reader = domain.reader(&spec, Guid([2; 16]))?;
/// # let mut writer = domain.writer(&spec, Guid([1; 16]))?;
/// # writer.send(&SampleMeta { sequence: 1, ..SampleMeta::default() }, b"\0\x01\0\0hello")?;
///
/// let mut payloads = Vec::new();
/// while payloads.is_empty() {
///     let seen = domain.epoch();
///     while let Some(sample) = reader.take()? {
///         payloads.push(sample.into_bytes());
///     }
///     if payloads.is_empty() {
///         domain.wait(seen, Duration::from_secs(1));
///     }
/// }
/// assert_eq!(&payloads[0][4..], b"hello");
/// # Ok::<(), tidewire_shm::ShmError>(())
/// ```
pub struct ShmReader {
    spec: EndpointSpec,
    topic: u128,
    lane: Lane,
    gaps: SequenceGaps,
    lost: u64,
    kept: Arc<AtomicUsize>,
    /// Participants whose samples came.
    sources: HashSet<Prefix>,
    /// The last generation of publishers we mapped.
    attached: u64,
    /// The epoch at which there was nothing to take.
    empty_at: Option<u32>,
    /// Whose sample came last: they come in runs.
    last_source: Option<Prefix>,
    slot: Option<SlotGuard>,
    subscriber: Subscriber,
    /// Keeps the service open for new writers.
    _factory: Factory,
    shared: Arc<Shared>,
}

impl ShmReader {
    pub(crate) fn new(
        shared: Arc<Shared>,
        spec: &EndpointSpec,
        _guid: Guid,
    ) -> Result<Self, ShmError> {
        let topic = service::topic_hash(spec);
        let (lane, buffer) = queue(spec);
        let factory = service::open(&shared.node, spec, lane)?;
        // Making the subscriber maps the publishers there are now.
        let attached = shared.control.generation();
        let made = factory.subscriber_builder().buffer_size(buffer).create();
        let subscriber = made.map_err(|error| match error {
            SubscriberCreateError::ExceedsMaxSupportedSubscribers => ShmError::Limit {
                what: "the readers",
                of: spec.topic.clone(),
                limit: MAX_SUBSCRIBERS,
                instead: "topics",
            },
            _ => ShmError::Backend {
                action: format!("making a reader of `{}`", spec.topic),
                detail: format!("{error:?}"),
            },
        })?;
        // The subscriber stands before writers hear of it, so what they send then arrives.
        let kind = EndpointKind::Reader(lane);
        let slot = shared.own.register(Entry { kind, topic, attached, buffer: buffer as u32 })?;
        shared.control.bump();
        Ok(Self {
            spec: spec.clone(),
            topic,
            lane,
            gaps: SequenceGaps::default(),
            lost: 0,
            kept: Arc::default(),
            sources: HashSet::new(),
            attached,
            empty_at: None,
            last_source: None,
            slot: Some(slot),
            subscriber,
            _factory: factory,
            shared,
        })
    }

    /// Takes the next sample, in the order of each writer; `None` if there is none now.
    ///
    /// # Errors
    /// [`ShmError::TooManyBorrowed`] if this reader holds too many samples, [`ShmError::Backend`] if
    /// a writer's memory cannot be reached.
    pub fn take(&mut self) -> Result<Option<ShmSample>, ShmError> {
        loop {
            // Read before looking: a sample sent after this moves the epoch past it.
            let epoch = self.shared.own.wake().epoch();
            let generation = self.shared.control.generation();
            if self.empty_at == Some(epoch) && generation == self.attached {
                // Nobody has woken us since there was nothing: asking iceoryx2, which looks at
                // every publisher there could be, is what costs a polling reader most.
                return Ok(None);
            }
            let received = self.subscriber.receive();
            if generation != self.attached && received.is_ok() {
                self.attached = generation;
                if let Some(slot) = &self.slot {
                    slot.slot().set_attached(generation);
                }
            }
            let borrowed = match received {
                Ok(Some(borrowed)) => borrowed,
                Ok(None) => {
                    self.empty_at = Some(epoch);
                    if let Some(slot) = &self.slot {
                        slot.slot().set_drained(epoch);
                    }
                    return Ok(None);
                }
                Err(ReceiveError::ExceedsMaxBorrows) => {
                    return Err(ShmError::TooManyBorrowed {
                        topic: self.spec.topic.clone(),
                        limit: MAX_BORROWED,
                    });
                }
                Err(error) => {
                    return Err(ShmError::Backend {
                        action: format!("taking from `{}`", self.spec.topic),
                        detail: format!("{error:?}"),
                    });
                }
            };
            let Some(meta) = borrowed.user_header().read() else {
                self.lost += 1;
                continue;
            };
            if !meta.is_for(&self.shared.prefix) {
                continue;
            }
            self.count(&meta);
            let (kept, shared) = (self.kept.clone(), self.shared.clone());
            match ShmSample::new(borrowed, meta, kept, shared) {
                Some(sample) => return Ok(Some(sample)),
                None => self.lost += 1,
            }
        }
    }

    fn count(&mut self, meta: &SampleMeta) {
        let source = meta.writer.prefix();
        if self.last_source != Some(source) {
            self.last_source = Some(source);
            if self.sources.insert(source) {
                self.shared.peers.remember(&source);
            }
        }
        // Repetitions for late joiners have numbers from before; they say nothing about losses.
        if !meta.is_history()
            && let Arrival::New { missed } = self.gaps.observe(meta.writer, meta.sequence)
        {
            self.lost += missed;
        }
    }

    /// Samples that never came, by the gaps in their writers' sequence numbers: dropped because this
    /// reader was too slow.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Writers on this host that this reader matches.
    pub fn matched(&self) -> usize {
        count_writers(&self.shared.peers, self.topic, self.lane)
    }
}

impl Drop for ShmReader {
    fn drop(&mut self) {
        // Writers stop counting on us before the subscriber goes.
        self.slot = None;
        self.shared.control.bump();
    }
}

impl std::fmt::Debug for ShmReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShmReader")
            .field("topic", &self.spec.topic)
            .field("lane", &self.lane)
            .field("lost", &self.lost)
            .finish_non_exhaustive()
    }
}

/// Lane and queue length for a reader's QoS. RELIABLE readers get all the room there is, unless their
/// resource limits say less: a full queue makes writers wait.
fn queue(spec: &EndpointSpec) -> (Lane, usize) {
    let qos = &spec.qos;
    let limit = qos.resource_limits.max_samples.map_or(MAX_BUFFER, |n| n as usize);
    if qos.reliability.is_reliable() {
        return (Lane::Reliable, limit.clamp(MIN_BUFFER / 4, MAX_BUFFER));
    }
    let instances = if spec.keyed { 16 } else { 1 };
    let wanted = match qos.history {
        History::KeepLast(depth) => (depth as usize).saturating_mul(instances),
        History::KeepAll => limit,
    };
    (Lane::BestEffort, wanted.clamp(MIN_BUFFER, MAX_BUFFER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidewire_qos::Qos;

    #[test]
    fn queues_follow_the_readers_policies() {
        let mut spec = EndpointSpec::new("t", "T", false);
        spec.qos = Qos::sensor_data();
        assert_eq!(queue(&spec), (Lane::BestEffort, 64));
        spec.qos.history = History::KeepLast(300);
        assert_eq!(queue(&spec), (Lane::BestEffort, 300));
        spec.qos = Qos::reliable();
        spec.qos.resource_limits.max_samples = None;
        assert_eq!(queue(&spec), (Lane::Reliable, MAX_BUFFER));
        spec.qos.resource_limits.max_samples = Some(1);
        assert_eq!(queue(&spec), (Lane::Reliable, 16));
    }
}

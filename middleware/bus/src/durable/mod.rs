//! TRANSIENT and PERSISTENT durability (DDS 1.4, 2.2.3.4): samples that outlive their writers.
//!
//! A [`DurabilityService`] keeps them. Each reader that requests such durability opens a reader more,
//! on a topic named after itself: discovery thus tells the service who wants history. The service
//! answers with a writer of its own on that topic, so that nobody else hears of it, and says where the
//! history ends. Until then the reader keeps back what comes from the writers themselves: history
//! first, each sample once. `docs/decisions/0008-durability-service.md` tells why.

mod ask;
mod service;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use tidewire_idl::Guid;
use tidewire_qos::policy::{Durability, History, Policy};
use tidewire_qos::{Duration, Qos, Reliability};
use tidewire_transport::dds::DdsEvent;
use tidewire_transport::{EndpointSpec, Prefix};

use crate::error::BusError;
use crate::participant::{Core, RawTopic};

pub(crate) use ask::{Ask, Progress};
pub use service::{AnswerError, DurabilityService, HistoryRequest};

/// A durability service has a writer on this topic, which carries nothing: it tells who is one.
const SERVICES: &str = "_tidewire/durability";

/// Topics that carry the answer to one reader begin so; its GUID follows.
const HISTORY: &str = "_tidewire/history/";

/// Whether a topic serves durability itself, and nobody's samples.
pub(crate) fn is_service_topic(topic: &str) -> bool {
    topic == SERVICES || topic.starts_with(HISTORY)
}

fn history_topic(reader: &Guid) -> RawTopic {
    let guid: String = reader.0.iter().map(|byte| format!("{byte:02x}")).collect();
    RawTopic::new(format!("{HISTORY}{guid}"), "tidewire::History", false)
}

/// Whose history a topic carries, if it carries any.
fn asked_by(topic: &str) -> Option<Guid> {
    let digits = topic.strip_prefix(HISTORY)?.as_bytes();
    if digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut guid = [0; 16];
    for (byte, pair) in guid.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(Guid(guid))
}

/// How answers travel: nothing is lost, whoever comes first.
fn history_qos() -> Qos {
    Qos {
        reliability: Reliability::Reliable { max_blocking_time: Duration::from_secs(10) },
        durability: Durability::TransientLocal,
        history: History::KeepAll,
        ..Qos::default_writer()
    }
}

/// Refuses what nobody could serve: services and the readers that ask them meet by DDS discovery.
pub(crate) fn check(core: &Core, spec: &EndpointSpec, role: &'static str) -> Result<(), BusError> {
    if spec.qos.durability <= Durability::TransientLocal || core.dds.is_some() {
        return Ok(());
    }
    Err(BusError::Policy {
        policy: Policy::Durability,
        value: spec.qos.durability.to_string(),
        role,
        topic: spec.topic.clone(),
        remedy: "this participant has no DDS, by which a durability service is found: enable it, or \
                 use TRANSIENT_LOCAL",
    })
}

/// The durability services of the domain.
#[derive(Default)]
pub(crate) struct Services {
    /// Whether there is one: nearly always there is none.
    any: AtomicBool,
    /// Their writers on [`SERVICES`].
    writers: RwLock<BTreeSet<Guid>>,
}

impl Services {
    /// Discovery has news.
    pub fn note(&self, event: &DdsEvent) {
        match event {
            DdsEvent::WriterFound(writer) if writer.topic == SERVICES => self.add(writer.guid),
            DdsEvent::EndpointLost(guid) if self.any() => self.retain(|writer| writer != guid),
            DdsEvent::ParticipantLost(prefix) if self.any() => {
                self.retain(|writer| writer.prefix() != *prefix);
            }
            _ => {}
        }
    }

    pub fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    fn add(&self, writer: Guid) {
        self.writers.write().insert(writer);
        self.any.store(true, Ordering::Release);
    }

    fn retain(&self, keep: impl Fn(&Guid) -> bool) {
        let mut writers = self.writers.write();
        writers.retain(keep);
        self.any.store(!writers.is_empty(), Ordering::Release);
    }

    /// Those that are there: one that died on this host is known to be gone before its lease is over.
    pub fn present(&self, core: &Arc<Core>) -> BTreeSet<Prefix> {
        if !self.any() {
            return BTreeSet::new();
        }
        let known: BTreeSet<Prefix> = self.writers.read().iter().map(Guid::prefix).collect();
        known.into_iter().filter(|prefix| is_present(core, prefix)).collect()
    }
}

/// Whether a participant that discovery knows lives, as far as this host can tell.
pub(crate) fn is_present(core: &Core, prefix: &Prefix) -> bool {
    match &core.shm {
        Some(shm) if shm.is_local(prefix) => shm.locals().iter().any(|l| l.prefix == *prefix),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_tells_whose_history_it_carries() {
        let reader = Guid([0xab; 16]);
        assert_eq!(asked_by(&history_topic(&reader).name), Some(reader));
        for other in ["plant/history", "_tidewire/history/", "_tidewire/history/zz", "\u{e9}"] {
            assert_eq!(asked_by(other), None, "{other}");
        }
        assert_eq!(asked_by(&format!("{HISTORY}{}", "+1".repeat(16))), None, "no sign is a digit");
    }

    #[test]
    fn services_come_and_go() {
        let services = Services::default();
        let writer = |prefix: u8, topic: &str| {
            DdsEvent::WriterFound(tidewire_transport::dds::RemoteEndpoint {
                guid: Guid([prefix; 16]),
                topic: topic.into(),
                type_name: "T".into(),
                type_hash: None,
                qos: Qos::default_writer(),
            })
        };
        services.note(&writer(1, "plant/vibration"));
        assert!(!services.any());
        services.note(&writer(2, SERVICES));
        services.note(&writer(3, SERVICES));
        services.note(&DdsEvent::EndpointLost(Guid([2; 16])));
        assert!(services.any());
        services.note(&DdsEvent::ParticipantLost([3; 12]));
        assert!(!services.any());
    }
}

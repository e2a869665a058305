//! The service's side: who wants history, and the answer.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tidewire_idl::{Guid, Sample};
use tidewire_qos::Qos;
use tidewire_transport::history::Message;

use super::{SERVICES, asked_by, history_qos, history_topic, is_present};
use crate::error::{BusError, WriteError};
use crate::participant::{EndpointInfo, Participant, RawTopic};
use crate::writer::RawWriter;

/// Between a reader's coming and the answer: writers meet it meanwhile, so that what they write
/// after the answer was made reaches it by itself.
const GREETING: Duration = Duration::from_millis(100);

/// A durability service (DDS 1.4, 2.2.3.4): answers readers that request TRANSIENT or PERSISTENT with
/// samples it has kept. What to keep, and where, is its owner's business: `tidewire-capture` serves
/// from a recording.
///
/// ```
/// use std::time::Duration;
/// use tidewire_bus::{DurabilityService, Participant, RawTopic};
/// use tidewire_qos::{Durability, Qos};
///
/// let domain = tidewire_bus::testing::free_domain();
/// let bus = |name: &str| Participant::builder().domain(domain).name(name).build();
/// let (plant, desk, keeper) = (bus("plant")?, bus("desk")?, bus("keeper")?);
/// let topic = RawTopic::new("state", "State", false);
/// let qos = Qos { durability: Durability::Transient, ..Qos::event() };
///
/// let writer = plant.raw_writer(&topic, &qos)?;
/// let recorder = keeper.raw_reader(&topic, &Qos::event())?;
/// writer.write(b"\0\x01\0\0\x2a\0\0\0", tidewire_bus::now_ns(), None)?;
/// let kept = recorder.recv_timeout(Duration::from_secs(10))?.expect("just written");
/// drop(writer);
///
/// let service = DurabilityService::new(&keeper)?;
/// let late = desk.raw_reader(&topic, &qos)?;
/// std::thread::scope(|scope| -> Result<(), Box<dyn std::error::Error>> {
///     let told = scope.spawn(|| late.wait_for_historical_data(Duration::from_secs(20)));
///     while !told.is_finished() {
///         for request in service.requests().iter().filter(|r| r.topic == "state") {
///             service.answer(request, [(kept.clone(), 0)])?;
///         }
///         std::thread::sleep(Duration::from_millis(10));
///     }
///     assert!(told.join().expect("no panic")?);
///     Ok(())
/// })?;
/// assert_eq!(late.take()?.expect("kept").payload, kept.payload);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct DurabilityService {
    participant: Participant,
    marker: RawWriter,
    known: Mutex<HashMap<Guid, Known>>,
}

/// A reader that wants history.
struct Known {
    since: Instant,
    /// Carries the answer for as long as the reader listens.
    answer: Option<RawWriter>,
}

/// A reader that waits for an answer.
#[derive(Clone, Debug)]
pub struct HistoryRequest {
    /// Its GUID.
    pub reader: Guid,
    /// Its topic.
    pub topic: String,
    /// Its type name.
    pub type_name: String,
    /// What it requests: it is to get samples of writers that it would match, and no others.
    pub qos: Qos,
}

impl DurabilityService {
    /// From now on readers wait for answers.
    ///
    /// # Errors
    /// As for a writer.
    pub fn new(participant: &Participant) -> Result<Self, BusError> {
        let topic = RawTopic::new(SERVICES, "tidewire::DurabilityService", false);
        let marker = participant.raw_writer(&topic, &history_qos())?;
        participant.core.services.add(marker.guid());
        Ok(Self { participant: participant.clone(), marker, known: Mutex::default() })
    }

    /// The readers that have not been answered. Each is to be, if with nothing: it waits for that.
    pub fn requests(&self) -> Vec<HistoryRequest> {
        let asking = self.asking();
        let mut known = self.known.lock();
        known.retain(|reader, _| asking.contains(reader));
        let mut requests = Vec::new();
        for guid in asking {
            let asked = known.entry(guid);
            let asked = asked.or_insert_with(|| Known { since: Instant::now(), answer: None });
            if asked.answer.is_some() || asked.since.elapsed() < GREETING {
                continue;
            }
            if let Some((topic, reader)) = self.reader(&guid) {
                let EndpointInfo { type_name, qos, .. } = reader;
                requests.push(HistoryRequest { reader: guid, topic, type_name, qos });
            }
        }
        requests
    }

    /// Sends `samples`, oldest first, each with the time after which it is not to be delivered (ns
    /// since the Unix epoch, 0 for never), and that these are all.
    ///
    /// # Errors
    /// [`WriteError::Timeout`] if the reader does not keep up.
    pub fn answer(
        &self,
        request: &HistoryRequest,
        samples: impl IntoIterator<Item = (Sample, i64)>,
    ) -> Result<(), AnswerError> {
        let writer =
            self.participant.raw_writer(&history_topic(&request.reader), &history_qos())?;
        let mut message = Message::new();
        let send = |bytes: Vec<u8>| writer.write(&bytes, crate::now_ns(), None);
        for (sample, expires) in samples {
            message.push(&sample, expires);
            if message.is_full() {
                send(std::mem::replace(&mut message, Message::new()).finish(false))?;
            }
        }
        send(message.finish(true))?;
        if let Some(known) = self.known.lock().get_mut(&request.reader) {
            known.answer = Some(writer);
        }
        Ok(())
    }

    /// Readers whose topic of history has a reader.
    fn asking(&self) -> Vec<Guid> {
        let core = &self.participant.core;
        let ours = core.readers();
        let mut asking: Vec<Guid> =
            ours.iter().filter_map(|reader| asked_by(&reader.spec.topic)).collect();
        if let Some(dds) = &core.dds {
            asking.extend(dds.with_discovered(|known| -> Vec<Guid> {
                let readers = known.readers.values();
                readers.filter_map(|reader| asked_by(&reader.topic)).collect()
            }));
        }
        asking.retain(|reader| is_present(core, &reader.prefix()));
        asking.sort_unstable();
        asking.dedup();
        asking
    }

    /// Where a reader reads, and what it requests.
    fn reader(&self, guid: &Guid) -> Option<(String, EndpointInfo)> {
        self.participant.topics().into_iter().find_map(|topic| {
            let reader = topic.readers.into_iter().find(|reader| reader.guid == *guid)?;
            Some((topic.name, reader))
        })
    }
}

impl Drop for DurabilityService {
    fn drop(&mut self) {
        let marker = self.marker.guid();
        self.participant.core.services.retain(|writer| *writer != marker);
    }
}

/// An answer could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// No writer for it.
    #[error(transparent)]
    Writer(#[from] BusError),
    /// The writer failed.
    #[error(transparent)]
    Write(#[from] WriteError),
}

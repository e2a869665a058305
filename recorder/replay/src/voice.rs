//! What a track is written with.

use tidewire_bus::{EndpointInfo, Participant, RawTopic, RawWriter, representation_of};
use tidewire_qos::policy::{DataRepresentation, Durability, History, Ownership, Reliability};
use tidewire_qos::{Duration, Qos, check};

use crate::error::ReplayError;
use crate::plan::Track;
use crate::play::TopicSummary;

/// Samples per instance kept for late joiners, at least, where the recorded writer kept some.
const LATE: u32 = 64;

/// A track's writers and their count. There is one writer for each data representation that the
/// samples have: readers are told which one they get, and some take only one of them.
pub(crate) struct Voice<'a> {
    participant: &'a Participant,
    track: &'a Track,
    /// What each of them offers, but for the representation.
    qos: Qos,
    pub(crate) writers: Vec<RawWriter>,
    pub(crate) done: TopicSummary,
}

impl<'a> Voice<'a> {
    /// With the writer of the first sample.
    pub(crate) fn new(
        participant: &'a Participant,
        track: &'a Track,
        qos: Qos,
    ) -> Result<Self, ReplayError> {
        let done = TopicSummary {
            recorded: track.recorded.clone(),
            topic: track.topic.clone(),
            ..TopicSummary::default()
        };
        let mut voice = Self { participant, track, qos, writers: Vec::new(), done };
        voice.open(track.representation)?;
        Ok(voice)
    }

    /// Makes the writer for a representation, and says which it is.
    pub(crate) fn open(
        &mut self,
        representation: DataRepresentation,
    ) -> Result<usize, ReplayError> {
        let Track { topic, type_name, keyed, .. } = self.track;
        let raw = RawTopic::new(topic, type_name, *keyed);
        let qos = Qos { data_representation: vec![representation], ..self.qos.clone() };
        let writer = match &self.track.ty {
            Some(ty) => self.participant.raw_writer_of(&raw, ty, &qos),
            None => self.participant.raw_writer(&raw, &qos),
        };
        if !self.writers.is_empty() && qos.ownership == Ownership::Exclusive {
            tracing::warn!(
                %topic,
                "has samples in XCDR1 and XCDR2: of an instance in both, a reader hears the writer of one"
            );
        }
        let failed = |source| ReplayError::Writer { topic: topic.clone(), source };
        self.writers.push(writer.map_err(failed)?);
        Ok(self.writers.len() - 1)
    }

    /// Which writer is for a representation, if there is one yet.
    pub(crate) fn find(&self, representation: DataRepresentation) -> Option<usize> {
        self.writers.iter().position(|w| w.qos().data_representation == [representation])
    }

    /// Readers of the writer that has most: many take every representation.
    pub(crate) fn readers(&self) -> usize {
        self.writers.iter().map(RawWriter::matched_readers).max().unwrap_or(0)
    }

    /// How many readers known by now will match a writer.
    pub(crate) fn awaited(&self, writer: usize) -> usize {
        let (track, offered) = (self.track, self.writers[writer].qos());
        let fits = |reader: &&EndpointInfo| {
            reader.type_name == track.type_name
                && reader.guid.is_keyed() == track.keyed
                && check(offered, &reader.qos).is_empty()
        };
        let topics = self.participant.topics();
        let readers = topics.iter().filter(|t| t.name == track.topic).flat_map(|t| &t.readers);
        readers.filter(fits).count()
    }
}

/// What the encapsulation says; of one that nobody knows the writer says so.
pub(crate) fn representation(payload: &[u8]) -> DataRepresentation {
    representation_of(payload).unwrap_or(DataRepresentation::Xcdr1)
}

/// What the replay's writers offer: as recorded, except where that would lose samples now.
pub(crate) fn offer(recorded: &Qos, keep_timestamps: bool) -> Qos {
    let mut qos = recorded.clone();
    // Discovery does not announce a writer's history, so the recorded one may be a default that is
    // too short for what was written.
    match (qos.reliability, qos.durability, qos.history) {
        (Reliability::BestEffort, ..) => {}
        (_, Durability::Volatile, _) => {
            qos.history = History::KeepAll;
            qos.resource_limits = Qos::reliable().resource_limits;
        }
        (_, _, History::KeepLast(depth)) => qos.history = History::KeepLast(depth.max(LATE)),
        (_, _, History::KeepAll) => {}
    }
    if keep_timestamps {
        // All samples are old by now.
        qos.lifespan = Duration::INFINITE;
    }
    qos
}

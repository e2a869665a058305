//! A sample that waits in memory of our own.

use std::sync::Arc;

use tidewire_idl::{InstanceState, SampleInfo};
use tidewire_transport::dds::DdsSample;

use super::filter::Change;

/// How a sample stands with the policies of its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It passes them, or does not, when it is taken.
    Unjudged,
    /// It has passed them.
    Passed,
    /// It has not, and waits only to be noted as a change of its instance.
    KeptBack,
    /// No writer's sample, but news of an instance: it passes, and takes no sample's place.
    News,
}

/// A DDS sample and when it came.
#[derive(Clone)]
pub(crate) struct Arrived {
    pub sample: DdsSample,
    pub reception_time: i64,
    /// As in the header of samples on shared memory.
    pub expires: i64,
    pub standing: Standing,
    /// As [`SampleMeta::disposes`](tidewire_transport::SampleMeta::disposes).
    pub disposes: bool,
}

impl Arrived {
    /// What decides whether it passes.
    pub fn change(&self) -> Change {
        let DdsSample { state, key, writer, source_time, .. } = self.sample;
        Change { state, key, writer, source_time, expires: self.expires }
    }

    pub fn is_end(&self) -> bool {
        self.sample.state != InstanceState::Alive
    }

    /// Whether it is a sample that others may displace.
    pub fn has_place(&self) -> bool {
        matches!(self.standing, Standing::Unjudged | Standing::Passed)
    }

    /// What a reader tells of it.
    pub fn info(&self, point: Arc<str>) -> SampleInfo {
        let sample = &self.sample;
        SampleInfo {
            source_time: sample.source_time,
            reception_time: self.reception_time,
            writer: sample.writer,
            sequence: sample.sequence,
            key: sample.key,
            state: sample.state,
            point,
        }
    }
}

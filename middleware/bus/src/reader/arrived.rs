//! A sample that waits in memory of our own.

use std::sync::Arc;

use tidewire_idl::SampleInfo;
use tidewire_transport::dds::DdsSample;

use super::filter::Change;

/// A DDS sample and when it came.
pub(crate) struct Arrived {
    pub sample: DdsSample,
    pub reception_time: i64,
    /// As in the header of samples on shared memory.
    pub expires: i64,
    /// Whether it has passed the reader's gates already.
    pub passed: bool,
    /// As [`SampleMeta::disposes`](tidewire_transport::SampleMeta::disposes).
    pub disposes: bool,
}

impl Arrived {
    /// What decides whether it passes.
    pub fn change(&self) -> Change {
        let DdsSample { state, key, writer, source_time, .. } = self.sample;
        Change { state, key, writer, source_time, expires: self.expires }
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

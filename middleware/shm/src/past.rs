//! Samples that never came, live ones and history.

use tidewire_idl::Guid;
use tidewire_qos::Durability;
use tidewire_transport::{Arrival, EndpointSpec, SampleMeta, SequenceGaps};

/// The history a late joiner got of each writer, if what is missing of it shows: without instances it has
/// all numbers from its first to the first live sample's.
#[derive(Debug)]
pub(crate) struct Past {
    counts: bool,
    /// Whether the beginning of a history may be lost: BEST_EFFORT.
    loses_first: bool,
    gaps: SequenceGaps,
}

impl Past {
    pub(crate) fn new(spec: &EndpointSpec) -> Self {
        let counts = !spec.keyed && spec.qos.durability > Durability::Volatile;
        let loses_first = !spec.qos.reliability.is_reliable();
        Self { counts, loses_first, gaps: SequenceGaps::default() }
    }

    /// Notes a sample of the history; how many before it never came. Repetitions for other late joiners say
    /// nothing about losses; nor do those that began before we came, and gaps where samples expire.
    pub(crate) fn history(&mut self, live: &SequenceGaps, meta: &SampleMeta) -> u64 {
        let begun = self.loses_first || meta.starts_history() || self.gaps.last(meta.writer) > 0;
        if !self.counts || !begun || meta.expires != 0 || live.last(meta.writer) > 0 {
            return 0;
        }
        missed(&mut self.gaps, meta.writer, meta.sequence)
    }

    /// Notes a live sample in `live`; how many before it never came.
    #[inline]
    pub(crate) fn live(&self, live: &mut SequenceGaps, writer: Guid, sequence: u64) -> u64 {
        let last = live.last(writer).max(self.gaps.last(writer));
        missed(live, writer, sequence);
        if last == 0 { 0 } else { sequence.saturating_sub(last + 1) }
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&Guid) -> bool) {
        self.gaps.retain(keep);
    }
}

fn missed(gaps: &mut SequenceGaps, writer: Guid, sequence: u64) -> u64 {
    match gaps.observe(writer, sequence) {
        Arrival::New { missed } => missed,
        Arrival::Seen => 0,
    }
}

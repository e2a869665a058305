//! What a reader's policies keep back, by source time, so that the same samples pass wherever they
//! are read.

use std::collections::HashMap;
use std::sync::Arc;

use tidewire_idl::{Guid, InstanceState, KeyHash};
use tidewire_qos::policy::DestinationOrder;
use tidewire_qos::{Duration, Qos};
use tidewire_transport::SampleMeta;

use super::content::Content;

/// What of a sample decides whether it passes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub state: InstanceState,
    pub key: KeyHash,
    pub writer: Guid,
    pub source_time: i64,
    /// When it is no longer to be delivered; 0 for never.
    pub expires: i64,
}

impl Change {
    #[inline]
    pub fn of(meta: &SampleMeta) -> Self {
        let SampleMeta { state, key, writer, source_time, expires, .. } = *meta;
        Self { state, key, writer, source_time, expires }
    }
}

/// The policies that keep samples back, and the content filter; most readers have none.
pub(crate) struct Gates {
    order: Option<SourceOrder>,
    separation: Option<TimeFilter>,
    content: Option<Arc<Content>>,
}

impl Gates {
    pub fn new(qos: &Qos, content: Option<Arc<Content>>) -> Self {
        let ordered = qos.destination_order == DestinationOrder::BySourceTimestamp;
        Self {
            order: ordered.then(SourceOrder::default),
            separation: TimeFilter::new(qos.time_based_filter),
            content,
        }
    }

    /// Whether every sample passes that has not expired.
    #[inline]
    pub fn are_open(&self) -> bool {
        self.order.is_none() && self.separation.is_none() && self.content.is_none()
    }

    /// Whether the content filter lets a sample pass. What it keeps back leaves no trace on the
    /// policies.
    pub fn pass_content(&self, state: InstanceState, payload: &[u8]) -> bool {
        self.content.as_ref().is_none_or(|content| content.pass(state, payload))
    }

    /// Whether the sample is delivered at `now`. An expired one (LIFESPAN, DDS 1.4, 2.2.3.16) leaves no
    /// trace on those after it.
    #[inline]
    pub fn pass(&mut self, change: &Change, now: i64) -> bool {
        !tidewire_transport::is_over(change.expires, now)
            && self.order.as_mut().is_none_or(|order| order.pass(change))
            && self.separation.as_mut().is_none_or(|filter| filter.pass(change))
    }
}

/// DESTINATION_ORDER BY_SOURCE_TIMESTAMP (DDS 1.4, 2.2.3.17): what was written before the last
/// sample of its instance comes too late, so that all readers end with the same value.
#[derive(Default)]
struct SourceOrder(HashMap<KeyHash, (i64, Guid)>);

impl SourceOrder {
    /// Writers of the same instance at the same time are told apart by their GUIDs.
    fn pass(&mut self, change: &Change) -> bool {
        let now = (change.source_time, change.writer);
        let last = self.0.entry(change.key).or_insert(now);
        let passes = now >= *last;
        if passes {
            *last = now;
        }
        passes
    }
}

/// TIME_BASED_FILTER (DDS 1.4, 2.2.3.12): at most one sample per instance and period.
struct TimeFilter {
    separation: i64,
    /// By instance; and by writer, where instances are not told apart.
    last: HashMap<(KeyHash, Guid), i64>,
}

impl TimeFilter {
    /// `None` if nothing is to be filtered.
    fn new(separation: Duration) -> Option<Self> {
        let separation = i64::try_from(separation.nanos().unwrap_or(u64::MAX)).unwrap_or(i64::MAX);
        (separation > 0).then(|| Self { separation, last: HashMap::new() })
    }

    /// Lets a sample through if its instance has been silent for the least separation. Ends of
    /// instances always pass.
    fn pass(&mut self, change: &Change) -> bool {
        if change.state != InstanceState::Alive {
            return true;
        }
        let writer = if change.key == KeyHash::default() { change.writer } else { Guid::default() };
        match self.last.get_mut(&(change.key, writer)) {
            Some(last) if change.source_time.saturating_sub(*last) < self.separation => false,
            Some(last) => {
                *last = change.source_time;
                true
            }
            None => {
                self.last.insert((change.key, writer), change.source_time);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(ms: i64, key: u8, writer: u8) -> Change {
        Change {
            state: InstanceState::Alive,
            key: KeyHash([key; 16]),
            writer: Guid([writer; 16]),
            source_time: ms * 1_000_000,
            expires: 0,
        }
    }

    #[test]
    fn one_sample_per_instance_and_period_passes() {
        let mut filter = TimeFilter::new(Duration::from_millis(10)).unwrap();
        let passed: Vec<bool> = [(0, 1), (3, 1), (3, 2), (9, 1), (10, 1), (12, 2), (13, 2)]
            .map(|(ms, key)| filter.pass(&change(ms, key, 0)))
            .into();
        assert_eq!(passed, [true, false, true, false, true, false, true]);
        assert!(TimeFilter::new(Duration::ZERO).is_none());
    }

    #[test]
    fn what_was_written_before_the_last_of_its_instance_is_late() {
        let mut order = SourceOrder::default();
        let mut pass = |ms, key, writer| order.pass(&change(ms, key, writer));
        assert!(pass(5, 1, 1));
        assert!(!pass(4, 1, 2), "older, of another writer");
        assert!(pass(4, 2, 2), "another instance");
        assert!(pass(5, 1, 1), "the same writer twice in a nanosecond");
        assert!(pass(5, 1, 2), "the greater GUID wins");
        assert!(!pass(5, 1, 1));
        assert!(pass(6, 1, 1));
    }
}

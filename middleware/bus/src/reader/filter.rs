//! What a reader's policies keep back, by source time, so that the same samples pass wherever they
//! are read.

use std::collections::HashMap;

use tidewire_idl::{Guid, InstanceState, KeyHash};
use tidewire_qos::policy::{DestinationOrder, Ownership};
use tidewire_qos::{Duration, Qos};
use tidewire_transport::SampleMeta;
use tidewire_transport::dds::DdsSample;

use super::arrived::Arrived;
use super::ended::{Ended, KEPT};
use super::separation::TimeFilter;

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

    pub fn of_sample(sample: &DdsSample, expires: i64) -> Self {
        let DdsSample { state, key, writer, source_time, .. } = *sample;
        Self { state, key, writer, source_time, expires }
    }
}

/// What is known of writers elsewhere than in their samples.
pub(crate) trait Writers {
    /// OWNERSHIP_STRENGTH of a writer; `None` if it is gone.
    fn strength(&self, writer: Guid) -> Option<i32>;
}

/// What the policies say of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passes,
    KeptBack,
    /// It is kept back, and [held](Gates::hold): it may prove to be the last.
    TooSoon,
}

/// The policies that keep samples back; most readers have none.
pub(crate) struct Gates {
    owners: Option<Owners>,
    order: Option<SourceOrder>,
    separation: Option<TimeFilter>,
    ended: Ended,
}

impl Gates {
    /// `told_apart` says whether the instance of every sample is known.
    pub fn new(qos: &Qos, told_apart: bool) -> Self {
        let ordered = qos.destination_order == DestinationOrder::BySourceTimestamp;
        let exclusive = qos.ownership == Ownership::Exclusive;
        Self {
            owners: exclusive.then(|| Owners::new(qos.deadline)),
            order: ordered.then(SourceOrder::default),
            separation: TimeFilter::new(qos, told_apart),
            ended: Ended::default(),
        }
    }

    /// Whether every sample passes that has not expired.
    pub fn are_open(&self) -> bool {
        self.owners.is_none() && self.order.is_none() && self.separation.is_none()
    }

    /// The same policies, which have seen nothing yet.
    pub fn anew(&self) -> Self {
        Self {
            owners: self.owners.as_ref().map(|owners| Owners::within(owners.deadline)),
            order: self.order.as_ref().map(|_| SourceOrder::default()),
            separation: self.separation.as_ref().map(TimeFilter::anew),
            ended: Ended::default(),
        }
    }

    /// Takes over what others know of samples that came before what it has seen.
    pub fn look_back(&mut self, past: Self) {
        if let (Some(owners), Some(past)) = (&mut self.owners, past.owners) {
            past.owners.into_iter().for_each(|(key, owner)| {
                owners.owners.entry(key).or_insert(owner);
            });
        }
        if let (Some(order), Some(past)) = (&mut self.order, past.order) {
            for (key, time) in past.0 {
                let last = order.0.entry(key).or_insert(time);
                *last = time.max(*last);
            }
        }
        if let (Some(filter), Some(past)) = (&mut self.separation, past.separation) {
            filter.look_back(past);
        }
        self.ended.look_back(past.ended);
    }

    /// Whether the sample is delivered at `now`. An expired one (LIFESPAN, DDS 1.4, 2.2.3.16) leaves no
    /// trace on those after it.
    #[inline]
    pub fn pass(&mut self, change: &Change, now: i64, writers: &dyn Writers) -> Verdict {
        let fits = !tidewire_transport::is_over(change.expires, now)
            && self.owners.as_mut().is_none_or(|owners| owners.pass(change, now, writers))
            && self.order.as_mut().is_none_or(|order| order.pass(change));
        if !fits {
            return Verdict::KeptBack;
        }
        if let Some(filter) = &mut self.separation
            && !filter.pass(change)
        {
            return if filter.holds() { Verdict::TooSoon } else { Verdict::KeptBack };
        }
        if !self.are_open() {
            self.note(change, now, writers);
        }
        Verdict::Passes
    }

    /// Whether samples may be held.
    pub fn holds(&self) -> bool {
        self.separation.as_ref().is_some_and(TimeFilter::holds)
    }

    /// Keeps a sample that came too soon until it is [due](Self::due), a newer one passes, or its instance
    /// ends.
    pub fn hold(&mut self, arrived: Arrived, now: i64) {
        if let Some(filter) = &mut self.separation {
            filter.hold(arrived, now);
        }
    }

    /// The sample that is held of an instance and came before its `end`, which is taken now.
    pub fn release(&mut self, end: &Arrived) -> Option<Arrived> {
        self.separation.as_mut()?.release(end)
    }

    /// What is held of a writer that is gone is due. Says whether there is any.
    pub fn hasten(&mut self, writer: &Guid) -> bool {
        self.separation.as_mut().is_some_and(|filter| filter.hasten(writer))
    }

    /// A sample that was held and is delivered now.
    pub fn due(&mut self, now: i64) -> Option<Arrived> {
        self.separation.as_mut()?.due(now)
    }

    pub fn is_due(&self, now: i64) -> bool {
        self.separation.as_ref().is_some_and(|filter| filter.is_due(now))
    }

    /// As [`is_due`](Self::is_due), once for each sample.
    pub fn is_newly_due(&mut self, now: i64) -> bool {
        self.separation.as_mut().is_some_and(|filter| filter.is_newly_due(now))
    }

    /// Of topics whose instances come and go only those that are there are remembered for good.
    fn note(&mut self, change: &Change, now: i64, writers: &dyn Writers) {
        match change.state {
            InstanceState::Alive => self.ended.revive(&change.key),
            InstanceState::Disposed | InstanceState::Unregistered => {
                self.ended.end(change.key, now);
            }
        }
        let kept = self.separation.as_ref().map_or(KEPT, |filter| filter.separation.max(KEPT));
        while let Some(key) = self.ended.forgotten(now, kept) {
            let owner = self.owners.as_ref().and_then(|owners| owners.owners.get(&key));
            if owner.is_some_and(|owner| writers.strength(owner.writer).is_some()) {
                // It may write it again, and nobody weaker until then.
                self.ended.end(key, now);
                continue;
            }
            self.owners.as_mut().map(|owners| owners.owners.remove(&key));
            self.order.as_mut().map(|order| order.0.remove(&key));
            if let Some(filter) = &mut self.separation {
                filter.forget(&key);
            }
        }
    }
}

/// OWNERSHIP EXCLUSIVE (DDS 1.4, 2.2.3.9): of each instance only the strongest live writer is heard.
/// An owner that lets the reader's deadline pass is none any more.
struct Owners {
    deadline: i64,
    owners: HashMap<KeyHash, Owner>,
}

struct Owner {
    writer: Guid,
    strength: i32,
    /// Until when it keeps the instance without writing.
    until: i64,
}

impl Owners {
    fn new(deadline: Duration) -> Self {
        let deadline = deadline.nanos().and_then(|nanos| i64::try_from(nanos).ok());
        Self::within(deadline.unwrap_or(i64::MAX))
    }

    fn within(deadline: i64) -> Self {
        Self { deadline, owners: HashMap::new() }
    }

    /// Whether the change is of the instance's owner, which its writer may become by it.
    fn pass(&mut self, change: &Change, now: i64, writers: &dyn Writers) -> bool {
        let (writer, until) = (change.writer, now.saturating_add(self.deadline));
        match self.owners.get_mut(&change.key) {
            Some(owner) if owner.writer == writer => owner.until = until,
            Some(owner) => {
                // Of a writer that is gone already, the last samples count as the weakest.
                let strength = writers.strength(writer).unwrap_or(i32::MIN);
                // Of equals the lower GUID, so that all readers choose the same.
                let stronger = (strength, owner.writer) > (owner.strength, writer);
                let kept = owner.until >= now && writers.strength(owner.writer).is_some();
                if !stronger && kept {
                    return false;
                }
                *owner = Owner { writer, strength, until };
            }
            None => {
                let strength = writers.strength(writer).unwrap_or(i32::MIN);
                self.owners.insert(change.key, Owner { writer, strength, until });
            }
        }
        if change.state == InstanceState::Unregistered {
            self.owners.remove(&change.key);
        }
        true
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

    fn passes(gates: &mut Gates, change: &Change, now: i64, writers: &Strengths) -> bool {
        gates.pass(change, now, writers) == Verdict::Passes
    }

    struct Strengths(HashMap<Guid, i32>);

    impl Writers for Strengths {
        fn strength(&self, writer: Guid) -> Option<i32> {
            self.0.get(&writer).copied()
        }
    }

    #[test]
    fn of_each_instance_the_strongest_live_writer_is_heard() {
        let guid = |writer| Guid([writer; 16]);
        let mut writers = Strengths([(guid(1), 5), (guid(2), 9), (guid(3), 9)].into());
        let mut owners = Owners::new(Duration::from_nanos(100));
        let mut pass =
            |key, writer, writers: &Strengths| owners.pass(&change(0, key, writer), 0, writers);
        assert!(pass(1, 1, &writers), "the first");
        assert!(pass(1, 3, &writers), "a stronger one takes over");
        assert!(!pass(1, 1, &writers));
        assert!(pass(1, 2, &writers), "of equals the lower GUID");
        assert!(!pass(1, 3, &writers));
        assert!(pass(2, 1, &writers), "another instance has another owner");
        writers.0.remove(&guid(2));
        assert!(pass(1, 1, &writers), "the owner is gone");
        assert!(pass(1, 3, &writers));
        let end = Change { state: InstanceState::Unregistered, ..change(0, 1, 3) };
        assert!(owners.pass(&end, 0, &writers));
        assert!(owners.pass(&change(0, 1, 1), 0, &writers), "the owner has left the instance");
        assert!(owners.pass(&change(0, 1, 3), 50, &writers));
        assert!(!owners.pass(&change(0, 1, 1), 150, &writers));
        assert!(owners.pass(&change(0, 1, 1), 151, &writers), "the owner missed its deadline");
    }

    #[test]
    fn what_came_before_counts_beside_what_came_since() {
        let qos = Qos {
            ownership: Ownership::Exclusive,
            destination_order: DestinationOrder::BySourceTimestamp,
            ..Qos::reliable()
        };
        let writers = Strengths([(Guid([1; 16]), 5), (Guid([2; 16]), 1)].into());
        let mut gates = Gates::new(&qos, true);
        assert!(passes(&mut gates, &change(20, 1, 1), 0, &writers));
        let mut past = gates.anew();
        assert!(passes(&mut past, &change(10, 1, 1), 0, &writers), "as if nothing had come");
        assert!(passes(&mut past, &change(30, 2, 1), 0, &writers));
        gates.look_back(past);
        assert!(!passes(&mut gates, &change(19, 1, 1), 0, &writers), "live");
        assert!(!passes(&mut gates, &change(29, 2, 1), 0, &writers), "history");
        assert!(!passes(&mut gates, &change(40, 2, 2), 0, &writers), "of a weaker one");
        assert!(passes(&mut gates, &change(31, 2, 1), 0, &writers));
    }

    #[test]
    fn instances_that_have_ended_are_forgotten_after_a_while() {
        const SECOND: i64 = 1_000_000_000;
        let mut gates = Gates::new(
            &Qos {
                ownership: Ownership::Exclusive,
                destination_order: DestinationOrder::BySourceTimestamp,
                time_based_filter: Duration::from_millis(1),
                ..Qos::reliable()
            },
            true,
        );
        let writers = Strengths([(Guid([1; 16]), 5)].into());
        let known = |gates: &Gates| {
            let owners = gates.owners.as_ref().unwrap().owners.len();
            let (order, filter) =
                (gates.order.as_ref().unwrap(), gates.separation.as_ref().unwrap());
            (owners, order.0.len(), filter.known(), gates.ended.len())
        };
        for key in 1..=100 {
            assert!(passes(&mut gates, &change(1000, key, 1), SECOND, &writers));
            let end = Change { state: InstanceState::Disposed, ..change(1001, key, 1) };
            assert!(passes(&mut gates, &end, SECOND, &writers));
        }
        assert_eq!(known(&gates), (100, 100, 100, 100));
        assert!(passes(&mut gates, &change(1010, 1, 1), 2 * SECOND, &writers), "it lives again");
        assert!(!passes(&mut gates, &change(900, 2, 1), 60 * SECOND, &writers), "too late still");
        assert!(passes(&mut gates, &change(70_000, 101, 1), 62 * SECOND, &writers));
        assert_eq!(known(&gates), (101, 101, 101, 99), "their owner is there");
        let nobody = Strengths(HashMap::new());
        assert!(passes(&mut gates, &change(80_000, 101, 1), 123 * SECOND, &nobody));
        assert_eq!(known(&gates), (2, 2, 2, 0));
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

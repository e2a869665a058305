//! TIME_BASED_FILTER (DDS 1.4, 2.2.3.12): at most one sample per instance and period, and the last one.

use std::collections::{HashMap, VecDeque};

use tidewire_idl::{Guid, InstanceState, KeyHash};
use tidewire_qos::{Duration, Qos};

use super::arrived::Arrived;
use super::filter::Change;

/// Stale entries of `order` that are worth no clearing up.
const STALE: usize = 64;

/// The instance; and the writer, where instances are not told apart.
type Name = (KeyHash, Guid);

pub(super) struct TimeFilter {
    pub separation: i64,
    told_apart: bool,
    /// Source times of what was delivered.
    last: HashMap<Name, i64>,
    /// Whether the last sample is delivered, however soon it came: RELIABLE promises that.
    holds: bool,
    held: HashMap<Name, Held>,
    /// When each is due, soonest first; not all are held still.
    order: VecDeque<(i64, Name)>,
    /// How many of these whoever waits has been told of.
    told: usize,
}

/// A sample that came too soon, the newest of its instance.
struct Held {
    arrived: Arrived,
    /// When the separation has passed since the first that was held.
    due: i64,
}

impl TimeFilter {
    /// `None` if nothing is to be filtered.
    pub fn new(qos: &Qos, told_apart: bool) -> Option<Self> {
        let separation = to_nanos(qos.time_based_filter);
        (separation > 0).then(|| Self::every(separation, told_apart, qos.reliability.is_reliable()))
    }

    fn every(separation: i64, told_apart: bool, holds: bool) -> Self {
        Self {
            separation,
            told_apart,
            last: HashMap::new(),
            holds,
            held: HashMap::new(),
            order: VecDeque::new(),
            told: 0,
        }
    }

    /// The same, which has seen nothing yet.
    pub fn anew(&self) -> Self {
        Self::every(self.separation, self.told_apart, self.holds)
    }

    pub fn holds(&self) -> bool {
        self.holds
    }

    fn name(&self, change: &Change) -> Name {
        let known = self.told_apart || change.key != KeyHash::default();
        (change.key, if known { Guid::default() } else { change.writer })
    }

    /// Lets a sample through if its instance has been silent for the least separation. Ends of
    /// instances always pass.
    pub fn pass(&mut self, change: &Change) -> bool {
        if change.state != InstanceState::Alive {
            return true;
        }
        let name = self.name(change);
        match self.last.get_mut(&name) {
            Some(last) if change.source_time.saturating_sub(*last) < self.separation => false,
            Some(last) => {
                *last = change.source_time;
                // There is a newer one.
                self.held.remove(&name);
                true
            }
            None => {
                self.last.insert(name, change.source_time);
                true
            }
        }
    }

    /// Keeps a sample that came too soon at `now`, instead of the one before it.
    pub fn hold(&mut self, arrived: Arrived, now: i64) {
        let name = self.name(&arrived.change());
        if let Some(held) = self.held.get_mut(&name) {
            held.arrived = arrived;
            return;
        }
        let due = now.saturating_add(self.separation);
        self.held.insert(name, Held { arrived, due });
        self.order.push_back((due, name));
        if self.order.len() > 2 * self.held.len() + STALE {
            let held = &self.held;
            let told = self.order.iter().take(self.told);
            self.told = told.filter(|entry| is_held(held, entry)).count();
            self.order.retain(|entry| is_held(held, entry));
        }
    }

    /// The one that is held of the instance that `end` ends, if it came before that.
    pub fn release(&mut self, end: &Arrived) -> Option<Arrived> {
        let when = |arrived: &Arrived| (arrived.reception_time, arrived.sample.source_time);
        let name = self.name(&end.change());
        let held = self.held.get(&name)?;
        if when(&held.arrived) > when(end) {
            return None;
        }
        let Held { arrived, .. } = self.held.remove(&name)?;
        let last = self.last.entry(name).or_insert(arrived.sample.source_time);
        *last = arrived.sample.source_time.max(*last);
        Some(arrived)
    }

    /// One whose time has come.
    pub fn due(&mut self, now: i64) -> Option<Arrived> {
        while self.order.front().is_some_and(|(due, _)| *due <= now) {
            let entry = self.order.pop_front()?;
            self.told = self.told.saturating_sub(1);
            if !is_held(&self.held, &entry) {
                continue;
            }
            let (_, name) = entry;
            let Held { arrived, .. } = self.held.remove(&name)?;
            // As if it had been written now: what is delivered next keeps the distance.
            let waited = now.saturating_sub(arrived.reception_time).max(0);
            let shown = arrived.sample.source_time.saturating_add(waited);
            let last = self.last.entry(name).or_insert(shown);
            *last = shown.max(*last);
            return Some(arrived);
        }
        None
    }

    /// Whether there is one whose time has come.
    pub fn is_due(&self, now: i64) -> bool {
        let mut come = self.order.iter().take_while(|(due, _)| *due <= now);
        come.any(|entry| is_held(&self.held, entry))
    }

    /// Whether there is one of which this was not said before.
    pub fn is_newly_due(&mut self, now: i64) -> bool {
        let mut is_new = false;
        while self.order.get(self.told).is_some_and(|(due, _)| *due <= now) {
            is_new |= is_held(&self.held, &self.order[self.told]);
            self.told += 1;
        }
        is_new
    }

    /// Takes over what `past` knows of samples that came before what this has seen.
    pub fn look_back(&mut self, past: Self) {
        for (name, time) in past.last {
            let last = self.last.entry(name).or_insert(time);
            *last = time.max(*last);
        }
        for (name, Held { arrived, due }) in past.held {
            let time = arrived.sample.source_time;
            let newer = self.held.get(&name).map(|held| held.arrived.sample.source_time);
            if newer.max(self.last.get(&name).copied()).is_none_or(|newer| newer <= time) {
                self.held.remove(&name);
                self.hold(arrived, due.saturating_sub(self.separation));
            }
        }
    }

    /// The instance has ended long ago.
    pub fn forget(&mut self, key: &KeyHash) {
        let name = (*key, Guid::default());
        self.last.remove(&name);
        self.held.remove(&name);
    }

    #[cfg(test)]
    pub fn known(&self) -> usize {
        self.last.len()
    }
}

fn is_held(held: &HashMap<Name, Held>, (due, name): &(i64, Name)) -> bool {
    held.get(name).is_some_and(|held| held.due == *due)
}

fn to_nanos(separation: Duration) -> i64 {
    i64::try_from(separation.nanos().unwrap_or(u64::MAX)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tidewire_transport::dds::DdsSample;

    use super::*;
    use crate::reader::Standing;

    const MS: i64 = 1_000_000;

    /// Written and received at the same time.
    fn arrived(ms: i64, key: u8, writer: u8) -> Arrived {
        let sample = DdsSample {
            writer: Guid([writer; 16]),
            sequence: 1,
            source_time: ms * MS,
            key: KeyHash([key; 16]),
            state: InstanceState::Alive,
            payload: Bytes::new(),
        };
        let standing = Standing::Unjudged;
        Arrived { sample, reception_time: ms * MS, expires: 0, standing, disposes: false }
    }

    fn change(ms: i64, key: u8, writer: u8) -> Change {
        arrived(ms, key, writer).change()
    }

    fn end(ms: i64, key: u8) -> Arrived {
        let mut end = arrived(ms, key, 1);
        end.sample.state = InstanceState::Disposed;
        end
    }

    fn filter(told_apart: bool) -> TimeFilter {
        let time_based_filter = Duration::from_millis(10);
        TimeFilter::new(&Qos { time_based_filter, ..Qos::reliable() }, told_apart).unwrap()
    }

    /// As a reader does at the time a sample comes. Whether it passes.
    fn come(filter: &mut TimeFilter, ms: i64, key: u8) -> bool {
        let passes = filter.pass(&change(ms, key, 1));
        if !passes {
            filter.hold(arrived(ms, key, 1), ms * MS);
        }
        passes
    }

    fn due(filter: &mut TimeFilter, ms: i64) -> Option<i64> {
        let due = filter.is_due(ms * MS);
        let arrived = filter.due(ms * MS);
        assert_eq!(arrived.is_some(), due);
        arrived.map(|arrived| arrived.sample.source_time / MS)
    }

    #[test]
    fn one_sample_per_instance_and_period_passes() {
        let mut filter = filter(true);
        let passed: Vec<bool> = [(0, 1), (3, 1), (3, 2), (9, 1), (10, 1), (12, 2), (13, 2)]
            .map(|(ms, key)| filter.pass(&change(ms, key, 0)))
            .into();
        assert_eq!(passed, [true, false, true, false, true, false, true]);
        assert!(TimeFilter::new(&Qos::reliable(), true).is_none());
    }

    #[test]
    fn writers_share_an_instance_unless_instances_are_not_told_apart() {
        // A topic without a key, or the instance whose key is zero; and a reader that does not know keys.
        for (told_apart, second) in [(true, false), (false, true)] {
            let mut filter = filter(told_apart);
            assert!(filter.pass(&change(0, 0, 1)));
            assert_eq!(filter.pass(&change(3, 0, 2)), second);
            assert!(!filter.pass(&change(4, 0, 1)));
        }
    }

    #[test]
    fn the_last_sample_comes_when_no_other_has_for_a_separation() {
        let mut filter = filter(true);
        assert!(come(&mut filter, 0, 1) && !come(&mut filter, 3, 1) && !come(&mut filter, 7, 1));
        assert!(come(&mut filter, 1, 2) && !come(&mut filter, 5, 2));
        assert_eq!(due(&mut filter, 12), None);
        assert_eq!((due(&mut filter, 13), due(&mut filter, 13)), (Some(7), None), "the newest");
        assert_eq!((due(&mut filter, 15), due(&mut filter, 99)), (Some(5), None));
        // What is delivered next keeps the distance to that, too.
        assert!(!come(&mut filter, 18, 1) && come(&mut filter, 23, 1));
        assert_eq!(due(&mut filter, 99), None, "a newer one has passed");
    }

    #[test]
    fn the_last_sample_comes_before_the_end_of_its_instance() {
        let mut filter = filter(true);
        assert!(come(&mut filter, 0, 1) && !come(&mut filter, 3, 1));
        assert!(filter.release(&end(2, 1)).is_none(), "it came after that");
        assert!(filter.release(&end(4, 2)).is_none(), "another instance");
        assert_eq!(filter.release(&end(4, 1)).unwrap().sample.source_time, 3 * MS);
        assert!(filter.release(&end(4, 1)).is_none() && filter.due(99 * MS).is_none());
        assert!(!come(&mut filter, 12, 1) && come(&mut filter, 13, 1));
    }

    #[test]
    fn of_each_that_is_due_it_is_told_once() {
        let mut filter = filter(true);
        assert!(come(&mut filter, 0, 1) && come(&mut filter, 0, 2));
        assert!(!come(&mut filter, 1, 1) && !come(&mut filter, 2, 2));
        let mut told = |ms: i64| filter.is_newly_due(ms * MS);
        assert_eq!([10, 11, 11, 12, 12].map(&mut told), [false, true, false, true, false]);
        assert_eq!((due(&mut filter, 12), due(&mut filter, 12)), (Some(1), Some(2)));
        assert!(!come(&mut filter, 13, 1));
        assert!(!filter.is_newly_due(22 * MS) && filter.is_newly_due(23 * MS));
    }

    #[test]
    fn nothing_is_left_of_what_newer_samples_have_replaced() {
        let mut filter = filter(true);
        for ms in 0..100_000 {
            // Times of a replay: a new period with every other sample, all received at once.
            if !filter.pass(&change(6 * ms, (ms % 3) as u8, 1)) {
                filter.hold(arrived(6 * ms, (ms % 3) as u8, 1), 0);
            }
        }
        for key in 0..3 {
            assert!(filter.pass(&change(1_000_000, key, 1)));
        }
        assert!(
            filter.held.is_empty() && filter.order.len() <= STALE + 6,
            "{}",
            filter.order.len()
        );
        assert!(filter.due(i64::MAX).is_none());
    }

    #[test]
    fn what_was_held_before_yields_to_what_came_since() {
        let mut live = filter(true);
        assert!(come(&mut live, 20, 1) && come(&mut live, 20, 2) && !come(&mut live, 22, 2));
        let mut past = live.anew();
        for key in [1, 2, 3] {
            assert!(come(&mut past, 0, key) && !come(&mut past, 5, key));
        }
        live.look_back(past);
        assert_eq!(due(&mut live, 99), Some(22), "of two, the newer");
        assert_eq!(due(&mut live, 99), Some(5), "of an instance that nobody has written since");
        assert_eq!(due(&mut live, 99), None);
    }
}

//! TIME_BASED_FILTER (DDS 1.4, 2.2.3.12): at most one sample per instance and period, and the last one.

use std::collections::{HashMap, VecDeque};

use tidewire_idl::{Guid, InstanceState, KeyHash};
use tidewire_qos::{Duration, Qos};
use tidewire_transport::dds::DdsSample;

use super::arrived::{Arrived, Standing};
use super::filter::Change;

/// Stale entries of `order` that are worth no clearing up.
const STALE: usize = 64;

/// The instance; and the writer, where instances are not told apart.
type Name = (KeyHash, Guid);

pub(super) struct TimeFilter {
    pub separation: i64,
    told_apart: bool,
    /// What was delivered last.
    last: HashMap<Name, Last>,
    /// Whether the last sample is delivered, however soon it came: RELIABLE promises that.
    holds: bool,
    held: HashMap<Name, Held>,
    /// When each is due, soonest first; not all are held still.
    order: VecDeque<(i64, Name)>,
    /// How many of these whoever waits has been told of.
    told: usize,
    /// One went before that was told, into a cache that others wait for.
    untold: bool,
}

#[derive(Clone, Copy)]
struct Last {
    /// The source time that others must keep the distance to.
    shown: i64,
    source_time: i64,
    writer: Guid,
}

impl Last {
    fn of(arrived: &Arrived) -> Self {
        let DdsSample { source_time, writer, .. } = arrived.sample;
        Self { shown: source_time, source_time, writer }
    }
}

/// A sample that came too soon, the newest of its instance.
struct Held {
    arrived: Arrived,
    /// When the separation has passed since the first that was held.
    due: i64,
    /// Whether it has waited in the queue to be judged: what waits there still came after it.
    has_waited: bool,
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
            untold: false,
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
        let Change { source_time, writer, .. } = *change;
        let is_too_soon = |last: &Last| source_time.saturating_sub(last.shown) < self.separation;
        if self.last.get(&name).is_some_and(is_too_soon) {
            return false;
        }
        self.last.insert(name, Last { shown: source_time, source_time, writer });
        // There is a newer one.
        self.held.remove(&name);
        true
    }

    /// Keeps a sample that came too soon at `now`, instead of an older one.
    pub fn hold(&mut self, arrived: Arrived, now: i64) {
        let has_waited = arrived.standing == Standing::Unjudged;
        let name = self.name(&arrived.change());
        // Late: its writer wrote what was delivered after it.
        let DdsSample { writer, source_time, .. } = arrived.sample;
        let is_late = |last: &Last| last.writer == writer && source_time < last.source_time;
        if self.last.get(&name).is_some_and(is_late) {
            return;
        }
        if let Some(held) = self.held.get_mut(&name) {
            if source_time >= held.arrived.sample.source_time {
                *held = Held { arrived, has_waited, due: held.due };
            }
            return;
        }
        let due = now.saturating_add(self.separation);
        self.held.insert(name, Held { arrived, due, has_waited });
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
        let name = self.name(&end.change());
        let held = self.held.get(&name)?;
        // History came later than live samples that follow it. News has the time of this host.
        let (last, time) = (&held.arrived, end.sample.source_time);
        let is_in_order = end.standing == Standing::News || last.sample.source_time <= time;
        let is_earlier =
            held.has_waited || (last.reception_time <= end.reception_time && is_in_order);
        if end.standing != Standing::Unjudged && !is_earlier {
            return None;
        }
        let Held { arrived, .. } = self.held.remove(&name)?;
        self.deliver(name, Last::of(&arrived));
        Some(arrived)
    }

    /// What is held of a writer that is gone is due. Says whether there is any.
    pub fn hasten(&mut self, writer: &Guid) -> bool {
        let mut any = false;
        for (name, held) in &mut self.held {
            if held.arrived.sample.writer == *writer {
                held.due = i64::MIN;
                self.order.push_front((held.due, *name));
                // Who hastens it tells others.
                self.told += 1;
                any = true;
            }
        }
        any
    }

    /// Notes what is delivered, unless something later was.
    fn deliver(&mut self, name: Name, delivered: Last) {
        let last = self.last.entry(name).or_insert(delivered);
        if delivered.shown >= last.shown {
            *last = delivered;
        }
    }

    /// One whose time has come.
    pub fn due(&mut self, now: i64) -> Option<Arrived> {
        while self.order.front().is_some_and(|(due, _)| *due <= now) {
            let entry = self.order.pop_front()?;
            let was_told = self.told > 0;
            self.told = self.told.saturating_sub(1);
            if !is_held(&self.held, &entry) {
                continue;
            }
            let (_, name) = entry;
            let Held { arrived, .. } = self.held.remove(&name)?;
            self.untold |= !was_told;
            // As if it had been written now: what is delivered next keeps the distance.
            let waited = now.saturating_sub(arrived.reception_time).max(0);
            let last = Last::of(&arrived);
            let shown = last.shown.saturating_add(waited);
            self.deliver(name, Last { shown, ..last });
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
        let mut is_new = std::mem::take(&mut self.untold);
        while self.order.get(self.told).is_some_and(|(due, _)| *due <= now) {
            is_new |= is_held(&self.held, &self.order[self.told]);
            self.told += 1;
        }
        is_new
    }

    /// Takes over what `past` knows of samples that came before what this has seen.
    pub fn look_back(&mut self, past: Self) {
        past.last.into_iter().for_each(|(name, last)| self.deliver(name, last));
        for (name, Held { arrived, due, .. }) in past.held {
            let time = arrived.sample.source_time;
            if self.last.get(&name).is_none_or(|last| last.source_time <= time) {
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

    use super::*;

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
        let (reception_time, standing) = (ms * MS, Standing::Passed);
        Arrived { sample, reception_time, expires: 0, standing, disposes: false }
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
        let time =
            |arrived: Option<Arrived>| arrived.map(|arrived| arrived.sample.source_time / MS);
        let mut filter = filter(true);
        assert!(come(&mut filter, 0, 1) && !come(&mut filter, 3, 1));
        assert_eq!(time(filter.release(&end(4, 2))), None, "another instance");
        assert_eq!(time(filter.release(&end(4, 1))), Some(3));
        assert!(filter.release(&end(4, 1)).is_none() && filter.due(99 * MS).is_none());
        assert!(!come(&mut filter, 12, 1) && come(&mut filter, 13, 1));
        // An end that waits, while others are judged: one that came after it, one in front of it.
        assert!(!come(&mut filter, 18, 1));
        assert_eq!(time(filter.release(&end(16, 1))), None);
        filter.hold(Arrived { standing: Standing::Unjudged, ..arrived(19, 1, 1) }, 19 * MS);
        assert_eq!(time(filter.release(&end(16, 1))), Some(19));
        // One that is judged now.
        assert!(!come(&mut filter, 21, 1));
        let unjudged = Arrived { standing: Standing::Unjudged, ..end(16, 1) };
        assert_eq!(time(filter.release(&unjudged)), Some(21));
    }

    #[test]
    fn what_a_writer_wrote_last_is_due_when_it_is_gone() {
        let mut filter = filter(true);
        for key in [1, 2] {
            assert!(come(&mut filter, 0, key) && !come(&mut filter, 3, key));
        }
        filter.hold(arrived(4, 2, 9), 4 * MS);
        assert!(filter.hasten(&Guid([1; 16])) && !filter.hasten(&Guid([7; 16])));
        assert_eq!((due(&mut filter, 5), due(&mut filter, 5)), (Some(3), None));
        assert_eq!((due(&mut filter, 13), due(&mut filter, 13)), (Some(4), None));
        assert!(filter.is_newly_due(13 * MS), "of the other writer's");
        assert!(!come(&mut filter, 6, 1) && !filter.is_newly_due(15 * MS));
        assert!(filter.is_newly_due(16 * MS));
    }

    #[test]
    fn what_comes_late_is_not_the_last() {
        let mut filter = filter(true);
        assert!(come(&mut filter, 20, 1) && !come(&mut filter, 15, 1));
        assert_eq!(due(&mut filter, 99), None, "its writer wrote another after it");
        filter.hold(arrived(15, 1, 2), 21 * MS);
        assert_eq!(due(&mut filter, 99), Some(15), "another's clock may be slow");
    }

    #[test]
    fn an_instance_ends_after_what_its_writer_wrote_whatever_its_clock_says() {
        let mut filter = filter(true);
        let of_the_future = |ms| Arrived { reception_time: 0, ..arrived(ms, 1, 1) };
        assert!(filter.pass(&of_the_future(1000).change()));
        filter.hold(of_the_future(1005), 0);
        assert!(filter.release(&end(5, 1)).is_none(), "history that came after it");
        let news = Arrived { standing: Standing::News, ..end(5, 1) };
        assert!(filter.release(&news).is_some());
    }

    #[test]
    fn of_each_that_is_due_it_is_told_once() {
        let mut filter = filter(true);
        assert!(come(&mut filter, 0, 1) && come(&mut filter, 0, 2));
        assert!(!come(&mut filter, 1, 1) && !come(&mut filter, 2, 2));
        let mut told = |ms: i64| filter.is_newly_due(ms * MS);
        assert_eq!([10, 11, 11, 12, 12].map(&mut told), [false, true, false, true, false]);
        assert_eq!((due(&mut filter, 12), due(&mut filter, 12)), (Some(1), Some(2)));
        assert!(!come(&mut filter, 13, 1) && !come(&mut filter, 13, 2));
        assert!(!filter.is_newly_due(22 * MS) && filter.is_newly_due(23 * MS));
        assert!(!filter.is_newly_due(23 * MS));
        assert!(due(&mut filter, 23).is_some() && due(&mut filter, 23).is_some());
        // Into a cache, say, before anybody was told.
        assert!(!come(&mut filter, 26, 1) && due(&mut filter, 36) == Some(26));
        assert!(filter.is_newly_due(36 * MS) && !filter.is_newly_due(37 * MS));
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

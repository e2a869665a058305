//! LIVELINESS (DDS 1.4, 2.2.3.11): which writers say within their leases that they are alive, and who
//! fell silent.
//!
//! A reader judges each writer by the lease that the writer offers, which is at most the one it
//! requests. On this host it compares times in shared memory; elsewhere Cyclone DDS tells.

use std::collections::{BTreeMap, HashSet};

use parking_lot::Mutex;
use tidewire_idl::{Guid, InstanceState, KeyHash};
use tidewire_qos::policy::{Liveliness, LivelinessKind};
use tidewire_shm::{WriterWatch, pulse_now};

/// Writers of a reader that are alive, and those that are not (LIVELINESS_CHANGED, DDS 1.4, 2.2.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LivelinessChanged {
    /// Matched and alive.
    pub alive_count: u32,
    /// How many more, or fewer, than when last read.
    pub alive_count_change: i32,
    /// Matched, but they have not asserted their liveliness within their lease.
    pub not_alive_count: u32,
    /// How many more, or fewer, than when last read.
    pub not_alive_count_change: i32,
    /// How often a writer came, fell silent, was heard of again, or left.
    pub changes: u64,
    /// The writer that did so last.
    pub last: Option<Guid>,
}

/// How often a writer was not asserted within its lease (LIVELINESS_LOST, DDS 1.4, 2.2.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LivelinessLost {
    /// Each time counts once, however long it lasts.
    pub total: u64,
    /// Of these, new ones.
    pub total_change: u64,
}

/// A writer's own lease; none if it is infinite.
pub(crate) struct Lease {
    pub kind: LivelinessKind,
    /// How long it is.
    pub nanos: u64,
    state: Mutex<Held>,
}

struct Held {
    asserted: u64,
    alive: bool,
    lost: LivelinessLost,
}

impl Lease {
    /// Begins now.
    pub fn new(liveliness: Liveliness) -> Option<Self> {
        let nanos = liveliness.lease.nanos()?;
        let state = Held { asserted: pulse_now(), alive: true, lost: LivelinessLost::default() };
        Some(Self { kind: liveliness.kind, nanos, state: Mutex::new(state) })
    }

    /// The writer was asserted, or its participant at `now`.
    pub fn assert(&self, now: u64) {
        let mut held = self.state.lock();
        held.check(self.nanos, now);
        held.asserted = held.asserted.max(now);
        held.alive = true;
    }

    /// Whether it has been lost since the last look. `shared` is when all writers of its kind were last
    /// asserted together.
    pub fn check(&self, shared: u64, now: u64) -> bool {
        let mut held = self.state.lock();
        if self.kind != LivelinessKind::ManualByTopic && shared > held.asserted {
            held.asserted = shared;
        }
        held.check(self.nanos, now)
    }

    pub fn lost(&self) -> LivelinessLost {
        self.state.lock().lost
    }
}

impl Held {
    fn check(&mut self, lease: u64, now: u64) -> bool {
        let in_time = now.saturating_sub(self.asserted) <= lease;
        let lost = self.alive && !in_time;
        self.alive = in_time;
        self.lost.total += u64::from(lost);
        lost
    }
}

/// What a reader knows of the liveliness of its writers.
#[derive(Default)]
pub(crate) struct Vitals {
    /// Those on this host.
    local: Option<WriterWatch>,
    writers: BTreeMap<Guid, Vital>,
    changes: u64,
    last: Option<Guid>,
    /// Whether instances end with their last live writer.
    registers: bool,
    /// If so, writers that fell silent or left, and the instances of the latter.
    gone: Vec<(Guid, HashSet<KeyHash>)>,
}

struct Vital {
    alive: bool,
    local: bool,
    /// Instances it has written.
    keys: HashSet<KeyHash>,
}

impl Vitals {
    pub fn new(registers: bool) -> Self {
        Self { registers, ..Self::default() }
    }

    pub fn watch(&mut self, local: WriterWatch) {
        self.local = Some(local);
    }

    /// Looks at the writers on this host; says whether anything has changed.
    pub fn look(&mut self, now: u64) -> bool {
        let Some(mut watch) = self.local.take() else { return false };
        let before = self.changes;
        let mut there = HashSet::new();
        for (writer, alive) in watch.look(now) {
            there.insert(writer);
            self.judge(writer, alive, true);
        }
        self.retain(|writer, vital| !vital.local || there.contains(writer));
        self.local = Some(watch);
        self.changes > before
    }

    /// These writers elsewhere are matched, and no others.
    pub fn remotes(&mut self, matched: &[Guid]) {
        for writer in matched {
            if !self.writers.contains_key(writer) {
                self.judge(*writer, true, false);
            }
        }
        self.retain(|writer, vital| vital.local || matched.contains(writer));
    }

    /// What is known of a writer now.
    pub fn judge(&mut self, writer: Guid, alive: bool, local: bool) {
        let known = self.writers.get_mut(&writer);
        if known.as_ref().is_some_and(|vital| vital.alive == alive) {
            return;
        }
        self.changes += 1;
        self.last = Some(writer);
        if !alive && self.registers {
            self.gone.push((writer, HashSet::new()));
        }
        match known {
            Some(vital) => vital.alive = alive,
            None => {
                self.writers.insert(writer, Vital { alive, local, keys: HashSet::new() });
            }
        }
    }

    fn retain(&mut self, keep: impl Fn(&Guid, &Vital) -> bool) {
        let Self { writers, changes, last, registers, gone, .. } = self;
        writers.retain(|writer, vital| {
            let keeps = keep(writer, vital);
            if !keeps {
                *changes += 1;
                *last = Some(*writer);
                if *registers {
                    gone.push((*writer, std::mem::take(&mut vital.keys)));
                }
            }
            keeps
        });
    }

    /// Whether it is matched and has fallen silent.
    pub fn is_silent(&self, writer: &Guid) -> bool {
        self.writers.get(writer).is_some_and(|vital| !vital.alive)
    }

    /// A writer was heard of, over shared memory if `local`, and perhaps before discovery told of it.
    pub fn hear(&mut self, writer: Guid, local: bool) {
        // Writers on this host are judged by time: what comes may have waited for long.
        if !local || !self.writers.contains_key(&writer) {
            self.judge(writer, true, local);
        }
    }

    /// A change of an instance came from a writer that was heard of.
    pub fn register(&mut self, writer: Guid, key: KeyHash, state: InstanceState) {
        let Some(vital) = self.writers.get_mut(&writer).filter(|_| self.registers) else { return };
        match state {
            InstanceState::Alive => vital.keys.insert(key),
            _ => vital.keys.remove(&key),
        };
    }

    /// Whether instances may have lost their last writer.
    pub fn has_ends(&self) -> bool {
        !self.gone.is_empty()
    }

    /// The instances that have no live writer any more, and the last one (NOT_ALIVE_NO_WRITERS, DDS 1.4,
    /// 2.2.2.5.1.3). A writer that is heard of again meanwhile has left none.
    pub fn take_ends(&mut self) -> Vec<(Guid, KeyHash)> {
        let mut ends = Vec::new();
        for (writer, mut keys) in std::mem::take(&mut self.gone) {
            match self.writers.get_mut(&writer) {
                Some(vital) if vital.alive => continue,
                Some(vital) => keys.extend(vital.keys.drain()),
                None => {}
            }
            let lives =
                |key: &KeyHash| self.writers.values().any(|v| v.alive && v.keys.contains(key));
            ends.extend(keys.into_iter().filter(|key| !lives(key)).map(|key| (writer, key)));
        }
        ends
    }

    pub fn changed(&self) -> LivelinessChanged {
        let alive = self.writers.values().filter(|vital| vital.alive).count();
        LivelinessChanged {
            alive_count: alive as u32,
            not_alive_count: (self.writers.len() - alive) as u32,
            changes: self.changes,
            last: self.last,
            ..LivelinessChanged::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidewire_qos::Duration;

    const MS: u64 = 1_000_000;

    fn lease(kind: LivelinessKind) -> (Lease, u64) {
        let lease = Lease::new(Liveliness { kind, lease: Duration::from_millis(100) }).unwrap();
        let start = lease.state.lock().asserted;
        (lease, start)
    }

    #[test]
    fn each_time_a_lease_runs_out_counts_once() {
        assert!(Lease::new(Liveliness::default()).is_none());
        let (lease, start) = lease(LivelinessKind::ManualByTopic);
        assert!(!lease.check(start + 90 * MS, start + 100 * MS));
        assert!(lease.check(start + 90 * MS, start + 101 * MS), "others' assertions do not count");
        assert!(!lease.check(0, start + 500 * MS), "it is lost still");
        lease.assert(start + 600 * MS);
        assert!(!lease.check(0, start + 700 * MS));
        // Asserted too late, though nobody looked meanwhile.
        lease.assert(start + 800 * MS);
        assert_eq!(lease.lost(), LivelinessLost { total: 2, total_change: 0 });
    }

    #[test]
    fn other_kinds_are_asserted_together() {
        for kind in [LivelinessKind::Automatic, LivelinessKind::ManualByParticipant] {
            let (lease, start) = lease(kind);
            assert!(!lease.check(start + 90 * MS, start + 150 * MS));
            assert!(lease.check(start + 90 * MS, start + 200 * MS));
            assert!(!lease.check(start + 190 * MS, start + 200 * MS));
            assert!(lease.check(start + 190 * MS, start + 300 * MS));
            assert_eq!(lease.lost().total, 2, "{kind}");
        }
    }

    #[test]
    fn an_instance_ends_with_its_last_live_writer() {
        let (a, b) = (Guid([1; 16]), Guid([2; 16]));
        let (one, two) = (KeyHash([1; 16]), KeyHash([2; 16]));
        let mut vitals = Vitals::new(true);
        vitals.remotes(&[a, b]);
        assert_eq!((vitals.changed().alive_count, vitals.changed().changes), (2, 2));
        for (writer, key) in [(a, one), (b, one), (a, two), (b, KeyHash::default())] {
            vitals.register(writer, key, InstanceState::Alive);
        }
        vitals.judge(a, false, false);
        vitals.judge(a, false, false);
        assert!(vitals.is_silent(&a) && vitals.has_ends());
        assert_eq!(vitals.take_ends(), [(a, two)], "b still writes the other");
        let changed = vitals.changed();
        assert_eq!((changed.alive_count, changed.not_alive_count, changed.changes), (1, 1, 3));
        assert_eq!(changed.last, Some(a));
        vitals.judge(b, false, false);
        vitals.hear(b, false);
        assert_eq!(vitals.take_ends(), [], "it was heard of again");
        vitals.remotes(&[a]);
        let ends = HashSet::from_iter(vitals.take_ends());
        // A key of zeros has a hash of zeros.
        assert_eq!(ends, HashSet::from([(b, one), (b, KeyHash::default())]), "it has left");
        vitals.register(a, two, InstanceState::Alive);
        vitals.register(a, two, InstanceState::Disposed);
        vitals.remotes(&[]);
        assert_eq!(vitals.take_ends(), [], "it has ended already");
        assert_eq!(
            vitals.changed(),
            LivelinessChanged { changes: 7, last: Some(a), ..Default::default() }
        );
    }
}

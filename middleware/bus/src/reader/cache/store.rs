//! The instances of a cached reader under HISTORY, RESOURCE_LIMITS, LIFESPAN and READER_DATA_LIFECYCLE.
//! Nothing in here knows of transports or threads.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use tidewire_idl::{Guid, InstanceState, KeyHash};
use tidewire_qos::policy::{AccessScope, ReaderDataLifecycle, ResourceLimits};
use tidewire_qos::{Duration, Qos};

use super::super::filter::Change;
use super::instance::{Fresh, Instance};
use super::kinds::InstanceStateKind;
use crate::status::RejectedReason;

pub(crate) struct Store {
    /// `None` under KEEP_ALL.
    depth: Option<usize>,
    limits: ResourceLimits,
    delays: ReaderDataLifecycle,
    /// Whether samples of different instances stay in order (PRESENTATION, DDS 1.4, 2.2.3.6).
    pub(super) ordered: bool,
    pub(super) instances: BTreeMap<KeyHash, Instance>,
    /// Samples with a value.
    values: usize,
    /// How many instances each writer has registered.
    writers: HashMap<Guid, usize>,
    /// Whether a sample with a lifespan has come.
    expires: bool,
    next: u64,
}

impl Store {
    pub fn new(qos: &Qos) -> Self {
        let presentation = &qos.presentation;
        Self {
            depth: qos.history.depth().map(|depth| depth as usize),
            limits: qos.resource_limits,
            delays: qos.reader_data_lifecycle,
            ordered: presentation.ordered_access
                && presentation.access_scope != AccessScope::Instance,
            instances: BTreeMap::new(),
            values: 0,
            writers: HashMap::new(),
            expires: false,
            next: 0,
        }
    }

    /// Which limit leaves no room for a change, if one does (RESOURCE_LIMITS, DDS 1.4, 2.2.3.19).
    /// Only values take room.
    pub fn room(&self, fresh: &Fresh) -> Result<(), RejectedReason> {
        let instance = self.instances.get(&fresh.info.key);
        let is_full = |limit: Option<u32>, held: usize| limit.is_some_and(|n| held >= n as usize);
        if instance.is_none()
            && fresh.info.state != InstanceState::Unregistered
            && is_full(self.limits.max_instances, self.instances.len())
        {
            return Err(RejectedReason::ByInstancesLimit);
        }
        let held = instance.map_or(0, |instance| instance.values);
        // Under KEEP_LAST a new sample takes the place of the instance's oldest.
        let replaces = self.depth.is_some_and(|depth| held >= depth);
        if fresh.info.state != InstanceState::Alive || replaces {
            return Ok(());
        }
        if is_full(self.limits.max_samples_per_instance, held) {
            return Err(RejectedReason::BySamplesPerInstanceLimit);
        }
        if is_full(self.limits.max_samples, self.values) {
            return Err(RejectedReason::BySamplesLimit);
        }
        Ok(())
    }

    /// Takes in a change for which there is [`room`](Self::room), at `now`; `key` reads the key of
    /// an instance.
    pub fn insert(&mut self, fresh: Fresh, now: i64, key: impl FnOnce(&Fresh) -> Option<Bytes>) {
        let handle = fresh.info.key;
        let order = self.order();
        if fresh.info.state == InstanceState::Unregistered && !self.instances.contains_key(&handle)
        {
            return;
        }
        let instance = self.instances.entry(handle).or_insert_with(|| Instance::new(&fresh.info));
        if instance.key.is_none() {
            instance.key = key(&fresh);
        }
        if fresh.info.state == InstanceState::Alive {
            if self.depth.is_some_and(|depth| instance.values >= depth) {
                instance.drop_oldest_value();
                self.values -= 1;
            }
            self.values += 1;
        }
        self.expires |= fresh.expires != 0;
        let writer = fresh.info.writer;
        let before = instance.writers.contains(&writer);
        instance.take_in(fresh, order, now);
        match (before, instance.writers.contains(&writer)) {
            (false, true) => *self.writers.entry(writer).or_default() += 1,
            (true, false) => leave(&mut self.writers, &writer),
            _ => {}
        }
        if instance.is_over() {
            self.instances.remove(&handle);
        }
    }

    /// Writers that have registered instances.
    pub fn writers(&self) -> impl Iterator<Item = &Guid> {
        self.writers.keys()
    }

    /// A change that is kept back (by OWNERSHIP, say) says who writes a known instance, or does no more.
    pub fn note(&mut self, change: &Change, now: i64) {
        let Change { state, key, writer, .. } = *change;
        let order = self.order();
        let Some(instance) = self.instances.get_mut(&key) else { return };
        if state != InstanceState::Unregistered {
            if instance.writers.insert(writer) {
                *self.writers.entry(writer).or_default() += 1;
            }
            return;
        }
        if instance.writers.contains(&writer) {
            leave(&mut self.writers, &writer);
        }
        instance.lose(&writer, order, now);
        if instance.is_over() {
            self.instances.remove(&key);
        }
    }

    /// `writer` is gone. Says whether an instance has ended by that.
    pub fn lose(&mut self, writer: &Guid, now: i64) -> bool {
        let mut ended = false;
        let mut order = self.next;
        for instance in self.instances.values_mut() {
            if instance.lose(writer, order, now) {
                ended = true;
                order += 1;
            }
        }
        self.next = order;
        self.writers.remove(writer);
        // Disposed ones of which nothing is left to take.
        self.instances.retain(|_, instance| !instance.is_over());
        ended
    }

    /// Drops what has expired (LIFESPAN) and what ended too long ago (READER_DATA_LIFECYCLE, DDS 1.4,
    /// 2.2.3.22). Says whether an ended instance lost something.
    pub fn purge(&mut self, now: i64) -> bool {
        let delays = self.delays;
        let is_kept = delays.autopurge_disposed_samples_delay.is_infinite()
            && delays.autopurge_nowriter_samples_delay.is_infinite();
        if is_kept && !self.expires {
            return false;
        }
        let is_due = |delay: Duration, ended: i64| {
            let delay = delay.nanos().and_then(|nanos| i64::try_from(nanos).ok());
            delay.is_some_and(|delay| now.saturating_sub(ended) >= delay)
        };
        let (values, mut purged) = (&mut self.values, false);
        self.instances.retain(|_, instance| {
            *values -= instance.retain(|kept| !tidewire_transport::is_over(kept.expires, now));
            let delay = match instance.state {
                InstanceStateKind::Alive => return true,
                InstanceStateKind::NotAliveDisposed => delays.autopurge_disposed_samples_delay,
                InstanceStateKind::NotAliveNoWriters => delays.autopurge_nowriter_samples_delay,
            };
            if is_due(delay, instance.ended) {
                purged |= !instance.samples.is_empty();
                *values -= instance.retain(|_| false);
            }
            !instance.is_over()
        });
        purged
    }

    /// Drops these samples.
    pub fn remove(&mut self, handle: KeyHash, orders: &BTreeSet<u64>) {
        if let Some(instance) = self.instances.get_mut(&handle) {
            self.values -= instance.remove(orders);
            if instance.is_over() {
                self.instances.remove(&handle);
            }
        }
    }

    /// Drops a sample that cannot be read. If `keyed` and nobody could read its key either, its instance
    /// is none.
    pub fn remove_broken(&mut self, handle: KeyHash, order: u64, keyed: bool) {
        self.remove(handle, &[order].into());
        let unread = |instance: &Instance| instance.key.is_none() && instance.samples.is_empty();
        if keyed
            && self.instances.get(&handle).is_some_and(unread)
            && let Some(instance) = self.instances.remove(&handle)
        {
            instance.writers.iter().for_each(|writer| leave(&mut self.writers, writer));
        }
    }

    fn order(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}

/// A writer has one instance less.
fn leave(writers: &mut HashMap<Guid, usize>, writer: &Guid) {
    if let Some(instances) = writers.get_mut(writer) {
        *instances -= 1;
        if *instances == 0 {
            writers.remove(writer);
        }
    }
}

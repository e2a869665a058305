//! One instance: its life (DDS 1.4, 2.2.2.5.1.4, the figures of its states) and its samples.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use tidewire_idl::{Guid, InstanceState, SampleInfo};

use super::kinds::{InstanceStateKind, ViewStateKind};

/// A change on its way into the cache.
#[derive(Clone, Debug)]
pub(crate) struct Fresh {
    pub info: SampleInfo,
    pub payload: Bytes,
    /// When it is no longer to be shown; 0 for never.
    pub expires: i64,
    /// Whether it ends the instance for all writers.
    pub disposes: bool,
}

/// A sample in the cache.
#[derive(Debug)]
pub(super) struct Kept {
    pub info: SampleInfo,
    /// Without a value it is a change of state.
    pub payload: Option<Bytes>,
    pub expires: i64,
    /// Place in the order of arrival.
    pub order: u64,
    pub read: bool,
    pub disposed_generation: u32,
    pub no_writers_generation: u32,
}

#[derive(Debug)]
pub(super) struct Instance {
    pub state: InstanceStateKind,
    pub view: ViewStateKind,
    pub disposed_generation: u32,
    pub no_writers_generation: u32,
    /// Who has registered it, by writing or disposing, and not unregistered it since.
    pub writers: BTreeSet<Guid>,
    pub samples: VecDeque<Kept>,
    /// Samples with a value: HISTORY and RESOURCE_LIMITS count these.
    pub values: usize,
    /// When it got the state in which it has ended, ns since the Unix epoch.
    pub ended: i64,
    /// Its serialised key, where it is known.
    pub key: Option<Bytes>,
    last: SampleInfo,
}

impl Instance {
    pub fn new(first: &SampleInfo) -> Self {
        Self {
            state: InstanceStateKind::Alive,
            view: ViewStateKind::New,
            disposed_generation: 0,
            no_writers_generation: 0,
            writers: BTreeSet::new(),
            samples: VecDeque::new(),
            values: 0,
            ended: 0,
            key: None,
            last: first.clone(),
        }
    }

    /// Takes a change in at `now`.
    pub fn take_in(&mut self, fresh: Fresh, order: u64, now: i64) {
        let Fresh { info, payload, expires, disposes } = fresh;
        self.last = info.clone();
        match info.state {
            InstanceState::Alive => {
                self.writers.insert(info.writer);
                self.revive();
                self.values += 1;
                self.keep(info, Some(payload), expires, order);
            }
            InstanceState::Disposed => {
                self.writers.insert(info.writer);
                self.end(InstanceStateKind::NotAliveDisposed, info, order, now);
            }
            InstanceState::Unregistered => {
                self.writers.remove(&info.writer);
                if disposes {
                    self.end(InstanceStateKind::NotAliveDisposed, info, order, now);
                } else if self.writers.is_empty() && self.state == InstanceStateKind::Alive {
                    self.end(InstanceStateKind::NotAliveNoWriters, info, order, now);
                }
            }
        }
    }

    /// `writer` is gone. Says whether that has ended the instance.
    pub fn lose(&mut self, writer: &Guid, order: u64, now: i64) -> bool {
        let ends = self.writers.remove(writer)
            && self.writers.is_empty()
            && self.state == InstanceStateKind::Alive;
        if ends {
            let info = SampleInfo {
                source_time: now,
                reception_time: now,
                writer: *writer,
                sequence: 0,
                state: InstanceState::Unregistered,
                ..self.last.clone()
            };
            self.end(InstanceStateKind::NotAliveNoWriters, info, order, now);
        }
        ends
    }

    /// A sample came: another generation begins if the instance had ended.
    fn revive(&mut self) {
        match self.state {
            InstanceStateKind::Alive => return,
            InstanceStateKind::NotAliveDisposed => self.disposed_generation += 1,
            InstanceStateKind::NotAliveNoWriters => self.no_writers_generation += 1,
        }
        self.state = InstanceStateKind::Alive;
        self.view = ViewStateKind::New;
    }

    fn end(&mut self, state: InstanceStateKind, info: SampleInfo, order: u64, now: i64) {
        if self.state == state {
            return;
        }
        (self.state, self.ended) = (state, now);
        // Of changes without a value only the last says anything still.
        self.samples.retain(|kept| kept.payload.is_some());
        self.keep(info, None, 0, order);
    }

    fn keep(&mut self, info: SampleInfo, payload: Option<Bytes>, expires: i64, order: u64) {
        self.samples.push_back(Kept {
            info,
            payload,
            expires,
            order,
            read: false,
            disposed_generation: self.disposed_generation,
            no_writers_generation: self.no_writers_generation,
        });
    }

    /// Makes room for one more value: the oldest goes.
    pub fn drop_oldest_value(&mut self) {
        if let Some(oldest) = self.samples.iter().position(|kept| kept.payload.is_some()) {
            self.samples.remove(oldest);
            self.values -= 1;
        }
    }

    /// Drops these; how many values that were. Those at the front, the usual case, go without a look at
    /// the others.
    pub fn remove(&mut self, orders: &BTreeSet<u64>) -> usize {
        let (before, mut left) = (self.values, orders.len());
        while let Some(front) = self.samples.front()
            && orders.contains(&front.order)
        {
            self.values -= usize::from(front.payload.is_some());
            self.samples.pop_front();
            left -= 1;
        }
        if left > 0 {
            self.retain(|kept| !orders.contains(&kept.order));
        }
        before - self.values
    }

    /// Drops what `keep` does not want; how many values that were.
    pub fn retain(&mut self, mut keep: impl FnMut(&Kept) -> bool) -> usize {
        let before = self.values;
        let values = &mut self.values;
        self.samples.retain(|kept| {
            let stays = keep(kept);
            *values -= usize::from(!stays && kept.payload.is_some());
            stays
        });
        before - self.values
    }

    /// Whether there is nothing left to know of it: it has ended for all, and all was taken.
    pub fn is_over(&self) -> bool {
        self.samples.is_empty() && self.writers.is_empty() && self.state != InstanceStateKind::Alive
    }

    /// Disposed generations and generations without writers, together.
    pub fn generation(&self) -> u32 {
        self.disposed_generation + self.no_writers_generation
    }
}

impl Kept {
    pub fn generation(&self) -> u32 {
        self.disposed_generation + self.no_writers_generation
    }
}

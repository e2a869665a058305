//! What a durability service sends, before what writers do: see [`crate::durable`].

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::MutexGuard;
use tidewire_idl::KeyHash;
use tidewire_transport::now_ns;

use super::arrived::{Arrived, Standing};
use super::core::{ReaderCore, State};
use super::filter::{Change, Gates, Verdict};
use super::incoming::Incoming;
use super::take::Fault;
use crate::durable::{Ask, Progress};
use crate::error::ReadError;

/// Samples on shared memory that are taken off it to wait for history; then their writers wait.
const HELD: usize = 65_536;

impl ReaderCore {
    /// Takes from the durability services; true while what comes from writers is kept back.
    pub(super) fn align(&self, state: &mut State) -> Result<bool, Fault> {
        let Some(ask) = self.incoming.ask.as_ref().filter(|ask| ask.is_open()) else {
            return Ok(false);
        };
        match ask.collect(&self.core, &self.core.services) {
            Progress::Alone => Ok(false),
            Progress::Holding => {
                self.park_up_to(HELD, state)?;
                Ok(true)
            }
            Progress::Complete(history) => {
                self.park_up_to(HELD, state)?;
                self.incoming.put_first(history, ask);
                Ok(false)
            }
        }
    }

    /// Says whether the next take is to look at what waits first, or at history.
    pub(super) fn catch_up(&self) {
        self.behind.store(self.incoming.waits(), Ordering::SeqCst);
        // After that: a service found meanwhile has set it, or is seen here.
        if self.incoming.awaits_history() && !self.core.services.present(&self.core).is_empty() {
            self.behind.store(true, Ordering::SeqCst);
        }
    }

    /// Waits until the durability services have said that this is all.
    pub fn wait_for_historical_data(&self, timeout: Duration) -> Result<bool, ReadError> {
        let Some(ask) = &self.incoming.ask else { return Ok(true) };
        let over = || {
            let mut state = self.state.lock();
            self.align(&mut state).map_err(|error| *error)?;
            self.catch_up();
            Ok((!ask.is_open()).then_some(()))
        };
        Ok(self.until(timeout, over)?.is_some())
    }
}

impl Incoming {
    /// Whether history may come from a durability service.
    pub fn awaits_history(&self) -> bool {
        self.ask.as_ref().is_some_and(Ask::is_open)
    }

    /// Whether samples wait for history to come first.
    pub fn is_holding(&self) -> bool {
        self.ask.as_ref().is_some_and(Ask::is_holding)
    }

    /// Notes a sample of a writer; false if history has brought it.
    pub fn hear(&self, change: &Change, payload: &[u8]) -> bool {
        let Change { state, key, writer, source_time, .. } = *change;
        let name = (writer, source_time, state, key);
        self.ask.as_ref().is_none_or(|ask| ask.hear(name, payload))
    }

    /// A noted sample of the instance is kept back: it will not be taken.
    pub fn unhear(&self, key: &KeyHash) {
        if let Some(ask) = &self.ask {
            ask.unhear(key);
        }
    }

    /// One that was will be after all.
    pub fn hear_again(&self, key: &KeyHash) {
        if let Some(ask) = &self.ask {
            ask.hear_again(key);
        }
    }

    /// Whether what comes now is judged after history that it waits for.
    pub fn judges_later(&self) -> bool {
        self.is_holding() && !self.judge.judges_arrivals()
    }

    /// Judges history, and what waits behind it once more.
    fn judge_past(&self, gates: &mut Gates, history: &mut [Arrived], live: &mut [Arrived]) {
        let Some(core) = self.core.upgrade() else { return };
        let (mut past, writers, now) = (gates.anew(), self.writers(&core), now_ns());
        let live = live.iter_mut().filter(|arrived| arrived.has_place());
        let mut all: Vec<&mut Arrived> = history.iter_mut().chain(live).collect();
        for place in 0..all.len() {
            let (before, rest) = all.split_at_mut(place);
            let arrived = &mut *rest[0];
            let verdict = past.pass(&arrived.change(), now, &writers);
            arrived.standing = match verdict {
                Verdict::Passes => Standing::Passed,
                Verdict::KeptBack | Verdict::TooSoon => Standing::KeptBack,
            };
            if verdict == Verdict::TooSoon {
                past.hold(arrived.clone(), now);
            }
            if verdict == Verdict::Passes && arrived.is_end() {
                // What was held comes before it after all, where it stands.
                let unjudged = Arrived { standing: Standing::Unjudged, ..arrived.clone() };
                let name = |a: &Arrived| (a.sample.writer, a.sample.sequence, a.sample.source_time);
                let held = past.release(&unjudged).map(|held| name(&held));
                let mut before = before.iter_mut().rev();
                if let Some(last) = before.find(|before| Some(name(before)) == held) {
                    last.standing = Standing::Passed;
                }
            }
        }
        gates.look_back(past);
    }

    /// Puts history in front of what waits, under the same depth.
    pub fn put_first(&self, mut history: Vec<Arrived>, ask: &Ask) {
        history.retain(|Arrived { sample, .. }| self.pass_content(sample.state, &sample.payload));
        // Before the queue: a sample that has been noted is in it then.
        let mut gates = self.judge.for_arrival();
        let mut queue = self.queue.lock();
        let mut live: Vec<Arrived> = queue.samples.drain(..).flatten().collect();
        let mut waiting: HashMap<KeyHash, usize> = HashMap::new();
        for arrived in live.iter().filter(|arrived| arrived.has_place()) {
            *waiting.entry(arrived.sample.key).or_default() += 1;
        }
        let before = live.len();
        let keeps_last = self.depth_by_key.is_some();
        let mut history =
            ask.settle(history, keeps_last, |key| waiting.get(key).copied().unwrap_or(0));
        queue.clear();
        if let Some(gates) = &mut gates {
            // Discovery must not be asked under the lock. Nothing comes meanwhile.
            let judge = || self.judge_past(gates, &mut history, &mut live);
            MutexGuard::unlocked(&mut queue, judge);
        }
        for arrived in history.into_iter().chain(live) {
            // Of what came over DDS without an instance, each may be another's.
            let known = self.told_apart || arrived.sample.key != KeyHash::default();
            queue.push(arrived, self.depth_by_key.filter(|_| known));
        }
        let after = queue.samples.iter().flatten().count();
        if after >= before {
            self.waiting.fetch_add(after - before, Ordering::AcqRel);
        } else {
            self.waiting.fetch_sub(before - after, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tidewire_idl::{Guid, InstanceState};
    use tidewire_qos::policy::{Durability, History};
    use tidewire_qos::{Duration, Qos};
    use tidewire_transport::EndpointSpec;
    use tidewire_transport::dds::{DdsSample, Sink};

    use super::*;
    use crate::{Participant, Transports};

    fn sample(ms: i64, state: InstanceState) -> DdsSample {
        DdsSample {
            writer: Guid([1; 16]),
            sequence: ms as u64 + 1,
            source_time: ms * 1_000_000,
            key: KeyHash::default(),
            state,
            payload: Bytes::from(vec![0, 1, 0, 0, ms as u8]),
        }
    }

    /// A filter by time holds what history and live samples leave as the last before an end.
    #[test]
    fn the_last_value_comes_before_the_end_that_follows_history() {
        use InstanceState::{Alive, Disposed};
        let changes =
            [(50, Alive), (55, Alive), (56, Disposed), (80, Alive), (83, Alive), (85, Disposed)];
        // By DDS it would find a durability service.
        let participant = Participant::builder()
            .domain(crate::testing::free_domain())
            .transports(Transports { dds: true, shm: false })
            .build()
            .unwrap();
        for history in [History::KeepAll, History::KeepLast(8)] {
            // As many of them are history, and the others live.
            for past in 0..=changes.len() {
                let core = &participant.core;
                let mut spec = EndpointSpec::new("t", "T", false);
                spec.qos = Qos {
                    durability: Durability::Transient,
                    history,
                    time_based_filter: Duration::from_millis(10),
                    ..Qos::reliable()
                };
                let reader = ReaderCore::new(core, spec, None, None, false).unwrap();
                let incoming = &reader.incoming;
                let (history, live) = changes.split_at(past);
                live.iter().for_each(|(ms, state)| incoming.deliver(sample(*ms, *state)));
                let history = history.iter().map(|(ms, state)| Arrived {
                    sample: sample(*ms, *state),
                    reception_time: now_ns(),
                    expires: 0,
                    standing: Standing::Unjudged,
                    disposes: *state == Disposed,
                });
                let ask = incoming.ask.as_ref().unwrap();
                incoming.put_first(history.collect(), ask);
                let next = || reader.take().unwrap().map(|(info, _)| info.source_time / 1_000_000);
                let taken: Vec<i64> = std::iter::from_fn(next).collect();
                // What was judged before the first end was taken may have taken the place of its last value.
                let expected = [[50, 55, 56, 80, 83, 85].as_slice(), &[50, 56, 80, 83, 85]];
                assert!(expected.contains(&&*taken), "{past}: {taken:?}");
            }
        }
    }
}

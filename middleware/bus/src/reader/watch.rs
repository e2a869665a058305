//! What is looked after while nobody takes.

use std::sync::atomic::Ordering;

use tidewire_shm::{ShmReader, pulse_now};
use tidewire_transport::now_ns;

use super::core::{ReaderCore, State};
use crate::deadline::DeadlineMissed;

/// Samples that may wait in memory of our own while deadlines are looked after.
pub(super) const PARKED: usize = 1024;

impl ReaderCore {
    /// Deadlines that passed without a sample.
    pub fn deadline_missed(&self) -> DeadlineMissed {
        self.incoming.deadlines().map_or_else(Default::default, |d| d.lock().missed())
    }

    /// Looks after statuses, deadlines and what a cached reader keeps; says whether whoever waits is to
    /// be woken.
    pub fn watch(&self, now: i64) -> bool {
        self.look();
        if let Some(cache) = self.cache.get() {
            cache.watch(self, now);
        }
        // Whoever takes just now is asked next time.
        let lost = self.state.try_lock().map(|state| self.lost_of(&state));
        let has_lost = lost.is_some_and(|lost| self.statuses.notice_lost(lost));
        let has_deadline = self.watch_deadlines(now);
        has_deadline || has_lost || self.watch_held(now)
    }

    /// Looks after samples that came too soon; says whether whoever waits gets one now.
    fn watch_held(&self, now: i64) -> bool {
        let due = self.incoming.judge.is_newly_due(now);
        // Else the thread that wakes for shared memory calls the listener.
        if due && self.core.shm.is_none() {
            self.notice();
        }
        due
    }

    fn watch_deadlines(&self, now: i64) -> bool {
        let Some(deadlines) = self.incoming.deadlines() else { return false };
        if !deadlines.lock().is_in_doubt(now) {
            return false;
        }
        // What waits on shared memory may have come in time. Whoever takes just now will tell.
        let Some(mut state) = self.state.try_lock() else { return false };
        self.park_some(&mut state);
        deadlines.lock().check(now)
    }

    /// Looks after the liveliness of writers; says whether there is news.
    pub fn watch_liveliness(&self) -> bool {
        if !self.mortal {
            return false;
        }
        let mut vitals = self.incoming.vitals().lock();
        let changed = vitals.look(pulse_now());
        if !vitals.has_ends() {
            return changed;
        }
        drop(vitals);
        // An instance ends after its last sample. Whoever takes just now is not disturbed.
        let Some(mut state) = self.state.try_lock() else { return changed };
        if !self.park_some(&mut state) {
            return changed;
        }
        let ends = self.incoming.vitals().lock().take_ends();
        for (writer, key) in &ends {
            self.incoming.end(*writer, *key, now_ns());
            self.behind.store(true, Ordering::Relaxed);
        }
        changed || !ends.is_empty()
    }

    /// Moves what waits on shared memory to what came over DDS; says whether that is all. Beyond some
    /// samples writers wait for whoever should take, as without a deadline.
    fn park_some(&self, state: &mut State) -> bool {
        while self.incoming.waiting() < PARKED {
            let Ok(Some((sample, time, judged))) = self.take_shm(state) else { return true };
            self.park(&sample, time, judged);
            self.behind.store(true, Ordering::Relaxed);
        }
        false
    }

    /// Whether anything waits to be taken, be it that it is kept back then.
    pub fn waits(&self) -> bool {
        self.incoming.waits()
            || self.state.lock().shm.as_ref().is_some_and(ShmReader::waits)
            || self.incoming.judge.is_due(now_ns())
    }
}

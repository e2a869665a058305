//! Threads of the bus that keep a participant alive just now.
//!
//! Were one of them the last to let go, the participant would leave on that thread, and not at all in a
//! program that ends meanwhile: its files would stay until somebody else comes. So whoever drops a
//! participant waits for them.

use std::any::Any;
use std::ops::Deref;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::core::Core;

/// Longest wait: a thread of the bus has work for much less.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Default)]
pub(crate) struct Busy {
    holds: Mutex<Holds>,
    changed: Condvar,
}

#[derive(Default)]
struct Holds {
    /// That have the participant.
    threads: usize,
    /// What else they have that keeps it, each with how often.
    endpoints: Vec<(Weak<dyn Any + Send + Sync>, usize)>,
}

impl Holds {
    fn is_kept_by_others(&self, core: &Weak<Core>) -> bool {
        let alone = |(endpoint, times): &&(Weak<_>, usize)| endpoint.strong_count() <= *times;
        core.strong_count() > self.threads + self.endpoints.iter().filter(alone).count()
    }

    fn place(&mut self, endpoint: &Weak<dyn Any + Send + Sync>) -> Option<usize> {
        self.endpoints.iter().position(|(other, _)| other.ptr_eq(endpoint))
    }
}

impl Busy {
    /// Runs `work` on the participant, if it is still there.
    pub fn with(self: &Arc<Self>, core: &Weak<Core>, work: impl FnOnce(&Core)) -> bool {
        let _hold = self.hold();
        core.upgrade().map(|core| work(&core)).is_some()
    }

    /// For a thread that has something of the participant, as long as it has it.
    pub fn hold(self: &Arc<Self>) -> Hold {
        self.holds.lock().threads += 1;
        Hold(self.clone())
    }

    /// Endpoints that a thread has for a while. They are collected after they are counted.
    pub fn keep<T: Any + Send + Sync>(
        self: &Arc<Self>,
        endpoints: impl Iterator<Item = Weak<T>>,
    ) -> Kept<T> {
        let mut holds = self.holds.lock();
        let keep = |weak: Weak<T>| {
            let endpoint = weak.upgrade()?;
            let weak: Weak<dyn Any + Send + Sync> = weak;
            match holds.place(&weak) {
                Some(place) => holds.endpoints[place].1 += 1,
                None => holds.endpoints.push((weak, 1)),
            }
            Some(endpoint)
        };
        Kept { endpoints: endpoints.filter_map(keep).collect(), busy: self.clone() }
    }

    /// Waits until no thread keeps it, unless others than those do: then it does not leave. False if that
    /// took too long.
    pub fn wait(&self, core: &Weak<Core>) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut holds = self.holds.lock();
        while holds.threads > 0 && !holds.is_kept_by_others(core) {
            if self.changed.wait_until(&mut holds, deadline).timed_out() {
                return false;
            }
        }
        true
    }
}

pub(crate) struct Hold(Arc<Busy>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.holds.lock().threads -= 1;
        self.0.changed.notify_all();
    }
}

/// Endpoints of a participant, which is not to leave on this thread.
pub(crate) struct Kept<T: Any + Send + Sync> {
    endpoints: Vec<Arc<T>>,
    busy: Arc<Busy>,
}

impl<T: Any + Send + Sync> Deref for Kept<T> {
    type Target = [Arc<T>];

    fn deref(&self) -> &Self::Target {
        &self.endpoints
    }
}

impl<T: Any + Send + Sync> Drop for Kept<T> {
    fn drop(&mut self) {
        for endpoint in self.endpoints.drain(..) {
            let weak: Weak<dyn Any + Send + Sync> = Arc::<T>::downgrade(&endpoint);
            // It may go here: counted until it has.
            drop(endpoint);
            let mut holds = self.busy.holds.lock();
            if let Some(place) = holds.place(&weak) {
                holds.endpoints[place].1 -= 1;
                if holds.endpoints[place].1 == 0 {
                    holds.endpoints.swap_remove(place);
                }
            }
        }
        self.busy.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::bounded;
    use tidewire_qos::Qos;

    use super::*;
    use crate::{Participant, RawTopic};

    fn core() -> Arc<Core> {
        Core::start("p".into(), 1, [1; 12], None, None)
    }

    #[test]
    fn whoever_drops_a_participant_waits_for_threads_that_keep_it() {
        let core = core();
        let (weak, busy) = (Arc::downgrade(&core), core.busy.clone());
        let (here, there) = bounded(1);
        let thread = std::thread::spawn(move || {
            busy.with(&weak, |_| {
                here.send(()).unwrap();
                std::thread::sleep(Duration::from_millis(50));
            })
        });
        there.recv().unwrap();
        let weak = Arc::downgrade(&core);
        drop(Participant::new(core));
        assert!(weak.upgrade().is_none(), "it has left");
        assert!(thread.join().unwrap());
    }

    #[test]
    fn a_thread_that_keeps_an_endpoint_keeps_the_participant() {
        let participant = Participant::new(core());
        let (weak, busy) = (Arc::downgrade(&participant.core), participant.core.busy.clone());
        let reader =
            participant.raw_reader(&RawTopic::new("t", "T", false), &Qos::reliable()).unwrap();
        let (here, there) = bounded(1);
        let (kept, thread_busy) = (weak.clone(), busy.clone());
        let thread = std::thread::spawn(move || {
            thread_busy.with(&kept, |core| {
                let _readers = core.readers();
                here.send(()).unwrap();
                std::thread::sleep(Duration::from_millis(50));
            })
        });
        there.recv().unwrap();
        let start = Instant::now();
        let another = participant.clone();
        drop(another);
        assert!(weak.upgrade().is_some() && start.elapsed() < PATIENCE, "we keep both");
        drop(reader);
        drop(participant);
        assert!(weak.upgrade().is_none(), "it has left");
        assert!(thread.join().unwrap());
        assert!(busy.holds.lock().endpoints.is_empty());
    }

    #[test]
    fn whoever_is_not_the_last_to_drop_it_waits_for_nobody() {
        let core = core();
        let (weak, busy) = (Arc::downgrade(&core), core.busy.clone());
        let (here, there) = bounded(0);
        let (end, ended) = bounded::<()>(0);
        let (kept, thread_busy) = (weak.clone(), busy.clone());
        let thread = std::thread::spawn(move || {
            thread_busy.with(&kept, |_| {
                here.send(()).unwrap();
                let _ = ended.recv();
            })
        });
        there.recv().unwrap();
        assert!(busy.wait(&weak), "we keep it");
        drop(core);
        assert!(!busy.wait(&weak), "the thread alone does");
        drop(end);
        assert!(thread.join().unwrap());
        assert!(busy.wait(&weak));
    }

    #[test]
    fn it_leaves_at_once_though_async_readers_have_waited() {
        for _ in 0..20 {
            let core = core();
            let weak = Arc::downgrade(&core);
            core.notify().unwrap();
            drop(Participant::new(core));
            assert!(weak.upgrade().is_none(), "it has left");
        }
    }
}

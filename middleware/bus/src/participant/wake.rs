//! Waking whoever waits for samples: by the shared-memory futex, or inside the process alone.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tidewire_shm::ShmDomain;
use tidewire_transport::dds::Attendance;

/// As good as for ever, and no clock ends before.
const LONG: Duration = Duration::from_secs(1 << 30);

/// Counts arrivals, wakes sleepers.
pub(crate) struct Wake {
    id: u64,
    /// Threads that wait and see to what has rung meanwhile.
    attending: AtomicU32,
    way: Way,
}

enum Way {
    Shared(ShmDomain),
    Process { epoch: AtomicU32, lock: Mutex<()>, changed: Condvar },
}

thread_local! {
    /// Where each thread's last `wait` on each participant ended. Per thread, as one thread's taking
    /// says nothing of another's readers.
    static SEEN: RefCell<HashMap<u64, u32>> = RefCell::new(HashMap::new());
}

impl Wake {
    pub fn new(shm: Option<&ShmDomain>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let way = match shm {
            Some(shm) => Way::Shared(shm.clone()),
            None => Way::Process {
                epoch: AtomicU32::new(1),
                lock: Mutex::new(()),
                changed: Condvar::new(),
            },
        };
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), attending: AtomicU32::new(0), way }
    }

    pub fn epoch(&self) -> u32 {
        match &self.way {
            Way::Shared(shm) => shm.epoch(),
            Way::Process { epoch, .. } => epoch.load(Ordering::Acquire),
        }
    }

    pub fn wake(&self) {
        match &self.way {
            Way::Shared(shm) => shm.wake_self(),
            Way::Process { epoch, lock, changed } => {
                epoch.fetch_add(1, Ordering::Release);
                // Taken so that no sleeper is between its look at the epoch and its sleep.
                drop(lock.lock());
                changed.notify_all();
            }
        }
    }

    pub fn wait_since(&self, seen: u32, timeout: Duration) -> bool {
        match &self.way {
            Way::Shared(shm) => shm.wait(seen, timeout),
            Way::Process { epoch, lock, changed } => {
                let deadline = Instant::now() + timeout.min(LONG);
                let mut guard = lock.lock();
                while epoch.load(Ordering::Acquire) == seen {
                    if changed.wait_until(&mut guard, deadline).timed_out() {
                        return epoch.load(Ordering::Acquire) != seen;
                    }
                }
                true
            }
        }
    }

    /// From here on somebody looks what has [rung](Attendance::ring) before it sleeps and after that.
    pub fn attend(&self) -> impl Drop + '_ {
        self.attending.fetch_add(1, Ordering::SeqCst);
        Attending(self)
    }

    /// `wait` since the end of this thread's last wait; the first returns at once.
    pub fn wait(&self, wait: impl FnOnce(u32) -> bool) -> bool {
        let seen = SEEN.with_borrow(|seen| seen.get(&self.id).copied());
        let woken = seen.is_none_or(wait);
        // Read before the caller takes: what comes from here on ends the next wait.
        let epoch = self.epoch();
        SEEN.with_borrow_mut(|seen| seen.insert(self.id, epoch));
        woken
    }
}

struct Attending<'wake>(&'wake Wake);

impl Drop for Attending<'_> {
    fn drop(&mut self) {
        self.0.attending.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Attendance for Wake {
    fn ring(&self) -> bool {
        let attended = self.attending.load(Ordering::SeqCst) > 0;
        if attended {
            self.wake();
        }
        attended
    }
}

//! Saying that we are alive (LIVELINESS, DDS 1.4, 2.2.3.11), and noticing that we did not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tidewire_qos::policy::LivelinessKind;
use tidewire_shm::pulse_now;

use super::core::Core;
use crate::error::BusError;
use crate::liveliness::Lease;

/// How often a participant says that it is alive, and looks whether its writers were asserted.
const PERIOD: Duration = Duration::from_millis(5);

/// Times are those of [`pulse_now`].
#[derive(Default)]
pub(crate) struct Pulse {
    started: OnceLock<()>,
    /// Of our writers. Not the writers themselves: whoever drops one last may have to wait for it.
    leases: Mutex<Vec<Weak<Lease>>>,
    /// When our thread last ran.
    beat: AtomicU64,
    /// When the application last asserted a writer of MANUAL_BY_PARTICIPANT liveliness, and up to when
    /// those elsewhere have been told.
    asserted: AtomicU64,
    told: AtomicU64,
}

impl Core {
    /// The application says that writers of MANUAL_BY_PARTICIPANT liveliness are alive.
    pub fn assert_liveliness(&self, now: u64) {
        self.pulse.asserted.fetch_max(now, Ordering::Relaxed);
        if let Some(shm) = &self.shm {
            shm.assert_alive(now);
        }
    }

    /// Others are told over DDS, too: at once, or by the pulse where nobody waits for it.
    pub fn tell_liveliness(&self, now: u64) {
        self.pulse.told.store(now, Ordering::Relaxed);
        if let Some(dds) = &self.dds {
            dds.assert_liveliness();
        }
    }

    /// Looks after the lease of a writer, on a thread that says that we are alive: apart from the others,
    /// which samples may keep busy.
    pub fn start_pulse(self: &Arc<Self>, lease: &Arc<Lease>) -> Result<(), BusError> {
        self.pulse.leases.lock().push(Arc::downgrade(lease));
        self.every(PERIOD, "tidewire-pulse", &self.pulse.started, |core| {
            let now = pulse_now();
            let beat = core.pulse.beat.swap(now, Ordering::Relaxed);
            if let Some(shm) = &core.shm {
                shm.beat(now);
            }
            let asserted = core.pulse.asserted.load(Ordering::Relaxed);
            let (mut lost, mut shortest) = (false, u64::MAX);
            core.pulse.leases.lock().retain(|lease| {
                let Some(lease) = lease.upgrade() else { return false };
                lost |= match lease.kind {
                    // It is lost if we did not run for so long; and we run again.
                    LivelinessKind::Automatic => lease.check(beat, now),
                    _ => lease.check(asserted, now),
                };
                if lease.kind == LivelinessKind::ManualByParticipant {
                    shortest = shortest.min(lease.nanos);
                }
                true
            });
            // Writes to readers on this host assert the writers that others read, too.
            if asserted > core.pulse.told.load(Ordering::Relaxed).saturating_add(shortest / 20) {
                core.tell_liveliness(asserted);
            }
            if lost {
                core.wake.wake();
            }
        })
    }
}

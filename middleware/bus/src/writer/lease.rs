//! Saying that a writer is alive (LIVELINESS, DDS 1.4, 2.2.3.11).

use tidewire_qos::policy::LivelinessKind;
use tidewire_shm::pulse_now;

use super::core::WriterCore;
use crate::error::WriteError;
use crate::liveliness::{Lease, LivelinessLost};

impl WriterCore {
    pub(super) fn renew_lease(&self, lease: &Lease, now: u64) {
        lease.assert(now);
        if lease.kind == LivelinessKind::ManualByParticipant {
            self.core.assert_liveliness(now);
        }
    }

    /// Says that the writer is alive, though it has nothing to write (DDS 1.4, 2.2.2.4.2.22).
    pub fn assert_liveliness(&self) -> Result<(), WriteError> {
        if self.spec.qos.liveliness.kind == LivelinessKind::Automatic {
            return Ok(());
        }
        let now = pulse_now();
        if let Some(lease) = &self.lease {
            self.renew_lease(lease, now);
            if let Some(shm) = &self.state.lock().shm {
                shm.assert_alive(now);
            }
        }
        match &self.dds {
            Some(dds) => {
                dds.assert_liveliness().map_err(|error| WriteError::dds(&self.spec.topic, error))
            }
            None => Ok(()),
        }
    }

    /// LIVELINESS_LOST as it is now.
    pub fn silences(&self) -> LivelinessLost {
        self.lease.as_ref().map_or_else(Default::default, |lease| lease.lost())
    }
}

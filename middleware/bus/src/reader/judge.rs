//! Which of the samples that came are delivered, by the policies that keep samples back.

use parking_lot::{Mutex, MutexGuard};
use tidewire_idl::Guid;
use tidewire_qos::Qos;
use tidewire_shm::WriterStrengths;

use super::arrived::Arrived;
use super::filter::{Change, Gates, Verdict, Writers};
use super::incoming::Incoming;
use crate::participant::Core;

/// The gates of a reader, which both transports share.
pub(super) struct Judge {
    gates: Mutex<Gates>,
    /// Whether everything passes that has not expired.
    is_open: bool,
    /// Whether samples off the wire are judged as they come: under KEEP_LAST one that is kept back must
    /// not have displaced another. Under KEEP_ALL they are when they are taken, in turns with those on
    /// shared memory.
    judges_arrivals: bool,
    /// Whether samples that came too soon are held, as each may be the last.
    holds: bool,
    /// Of the writers on this host.
    strengths: Option<WriterStrengths>,
}

impl Judge {
    /// `told_apart` says whether the instance of every sample is known.
    pub fn new(qos: &Qos, told_apart: bool, strengths: Option<WriterStrengths>) -> Self {
        let gates = Gates::new(qos, told_apart);
        let is_open = gates.are_open();
        let judges_arrivals = !is_open && told_apart && qos.history.depth().is_some();
        let holds = gates.holds();
        Self { gates: Mutex::new(gates), is_open, judges_arrivals, holds, strengths }
    }

    #[inline]
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    pub fn judges_arrivals(&self) -> bool {
        self.judges_arrivals
    }

    #[inline]
    pub fn holds(&self) -> bool {
        self.holds
    }

    /// The sample that is held of an instance and came before its `end`, which is taken now.
    pub fn release(&self, end: &Arrived) -> Option<Arrived> {
        self.gates.lock().release(end)
    }

    /// What is held of a writer that is gone is due. Says whether there is any.
    pub fn hasten(&self, writer: &Guid) -> bool {
        self.holds && self.gates.lock().hasten(writer)
    }

    /// A sample that was held and is delivered now, unless others wait to be taken: whatever is judged as
    /// it comes is among these before another is held.
    pub fn due(&self, now: i64, others_wait: impl FnOnce() -> bool) -> Option<Arrived> {
        let mut gates = self.gates.lock();
        if others_wait() { None } else { gates.due(now) }
    }

    pub fn is_due(&self, now: i64) -> bool {
        self.holds && self.gates.lock().is_due(now)
    }

    /// As [`is_due`](Self::is_due), once for each sample.
    pub fn is_newly_due(&self, now: i64) -> bool {
        self.holds && self.gates.lock().is_newly_due(now)
    }

    /// The gates for a sample off the wire, if it is judged now. Whoever has them also puts it into the
    /// queue, so that samples lie there as they were judged.
    pub fn for_arrival(&self) -> Option<MutexGuard<'_, Gates>> {
        self.judges_arrivals.then(|| self.gates.lock())
    }
}

/// The gates of a sample that is delivered, where those off the wire are judged as they come: whoever puts
/// it behind these keeps the gates until then, so that all lie there as they were judged.
pub(super) type Judged<'reader> = Option<MutexGuard<'reader, Gates>>;

impl Incoming {
    /// Whether a sample is delivered at `now`; `copy` makes one to be held.
    pub fn judge(
        &self,
        change: &Change,
        now: i64,
        core: &Core,
        copy: impl FnOnce() -> Arrived,
    ) -> Option<Judged<'_>> {
        let mut gates = self.judge.gates.lock();
        match gates.pass(change, now, &self.writers(core)) {
            Verdict::Passes => Some(self.judge.judges_arrivals.then_some(gates)),
            Verdict::KeptBack => None,
            Verdict::TooSoon => {
                gates.hold(copy(), now);
                None
            }
        }
    }

    /// What of its writers decides whether a sample is delivered.
    pub(super) fn writers<'reader>(&'reader self, core: &'reader Core) -> Known<'reader> {
        Known { core, incoming: self }
    }
}

/// Writers by what discovery and shared memory say of them.
pub(super) struct Known<'reader> {
    core: &'reader Core,
    incoming: &'reader Incoming,
}

impl Writers for Known<'_> {
    fn strength(&self, writer: Guid) -> Option<i32> {
        let local = self.incoming.judge.strengths.as_ref();
        if let Some(strength) = local.and_then(|strengths| strengths.of(writer)) {
            return Some(strength);
        }
        let dds = self.core.dds.as_ref()?;
        if self.incoming.vitals().lock().is_silent(&writer) {
            return None;
        }
        if writer.prefix() == self.core.prefix {
            return self.core.own_writer(&writer).map(|own| own.strength);
        }
        dds.with_discovered(|known| known.writers.get(&writer).map(|w| w.qos.ownership_strength))
    }
}

//! Small samples packed into one packet, where LATENCY_BUDGET lets them wait for each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cyclors::{dds_entity_t, dds_return_t, ddsi_serdata, ddsi_sertype};
use tidewire_qos::Qos;

use crate::packer::Packer;
use crate::shared::{Note, Shared};

/// Longest time a sample waits for others, however large the budget is.
const LONGEST: Duration = Duration::from_millis(100);

/// When to look at a writer again that was busy.
const AGAIN: Duration = Duration::from_millis(1);

/// A writer whose samples may wait for others until the packet is full or their budget is spent.
pub(crate) struct Batch {
    packer: Packer,
    budget: Duration,
    /// Whether the event thread knows that samples wait.
    waiting: AtomicBool,
}

impl Batch {
    /// Whether a writer with these policies packs its samples: half of the budget is theirs to wait.
    pub fn budget(qos: &Qos) -> Option<Duration> {
        let budget = qos.latency_budget.to_std().unwrap_or(LONGEST).min(LONGEST) / 2;
        (!budget.is_zero()).then_some(budget)
    }

    /// # Safety
    /// As for [`Packer::new`].
    pub unsafe fn new(
        writer: dds_entity_t,
        ty: *const ddsi_sertype,
        budget: Duration,
    ) -> Arc<Self> {
        // SAFETY: as the caller says.
        let packer = unsafe { Packer::new(writer, ty) };
        Arc::new(Self { packer, budget, waiting: AtomicBool::new(false) })
    }

    /// Writes a sample, which goes out in time.
    ///
    /// # Safety
    /// As for [`Packer::write`].
    pub unsafe fn write(
        self: &Arc<Self>,
        serdata: *mut ddsi_serdata,
        shared: &Shared,
    ) -> dds_return_t {
        // SAFETY: as the caller says.
        let result = unsafe { self.packer.write(serdata) };
        // It may be packed even if somebody in this process could not take it.
        if !self.waiting.swap(true, Ordering::AcqRel) {
            shared.note(Note::Flush(Instant::now() + self.budget, self.clone()));
        }
        result
    }

    /// Sends what waits.
    pub fn flush(&self) {
        // Before the flush, so that a sample written after it is told of anew.
        self.waiting.store(false, Ordering::Release);
        self.packer.flush();
    }

    /// The same on the event thread, which must not wait for one writer; false if it would have to.
    fn try_flush(&self) -> bool {
        self.waiting.store(false, Ordering::Release);
        let flushed = self.packer.try_flush();
        if !flushed {
            self.waiting.store(true, Ordering::Release);
        }
        flushed
    }

    /// Sends what waits; nothing can be written any more.
    pub fn close(&self) {
        self.packer.close();
    }
}

/// What the event thread has to flush, and when.
#[derive(Default)]
pub(crate) struct Due(Vec<(Instant, Arc<Batch>)>);

impl Due {
    pub fn add(&mut self, at: Instant, batch: Arc<Batch>) {
        self.0.push((at, batch));
    }

    /// When there is something to do next.
    pub fn next(&self) -> Option<Instant> {
        self.0.iter().map(|(at, _)| *at).min()
    }

    pub fn flush(&mut self) {
        let now = Instant::now();
        self.0.retain_mut(|(at, batch)| {
            if *at > now {
                return true;
            }
            // Who waits for readers has sent everything before.
            *at = now + AGAIN;
            !batch.try_flush()
        });
    }
}

//! The statuses of one endpoint, and how they are kept up with the domain.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use tidewire_idl::Guid;
use tidewire_qos::{Mismatch, Qos};
use tidewire_transport::EndpointSpec;

use super::book::Book;
use super::counts::{IncompatibleQos, Matched, SampleLost};
use crate::deadline::DeadlineMissed;
use crate::participant::Core;

/// What an endpoint counts beside its samples. Nothing here is touched when samples come and go.
pub(crate) struct Statuses {
    book: Mutex<Book>,
    /// Whether discovery over DDS has told something since the last look.
    news: AtomicBool,
    /// The state of shared memory at the last look; locked for the length of one, so that nobody finds
    /// nothing new while another has not written down yet what is.
    generation: Mutex<u64>,
    /// Totals when they were last read.
    lost: AtomicU64,
    missed: AtomicU64,
}

impl Statuses {
    pub fn new() -> Box<Self> {
        Box::new(Self {
            book: Mutex::default(),
            news: AtomicBool::new(true),
            generation: Mutex::new(u64::MAX),
            lost: AtomicU64::new(0),
            missed: AtomicU64::new(0),
        })
    }

    /// Discovery over DDS has news.
    pub fn tell(&self) {
        self.news.store(true, Ordering::Release);
    }

    /// Looks whom the endpoint `spec` matches now; `over_dds` are those that DDS has matched. Says
    /// whether anything has changed. Called on the DDS receive thread with the participant's list of
    /// endpoints locked, so it must not touch that list.
    pub fn look(
        &self,
        core: &Core,
        spec: &EndpointSpec,
        writer: bool,
        over_dds: impl FnOnce() -> Vec<Guid>,
    ) -> bool {
        let mut last = self.generation.lock();
        let generation = core.shm.as_ref().map_or(0, |shm| shm.generation());
        let news = self.news.swap(false, Ordering::AcqRel);
        if *last == generation && !news {
            return false;
        }
        *last = generation;
        let mut peers: BTreeSet<Guid> =
            over_dds().into_iter().filter(|guid| !core.is_local(&guid.prefix())).collect();
        if let Some(dds) = &core.dds {
            // RustDDS matches by topic name alone. Who is unknown is of this very participant.
            dds.with_discovered(|known| {
                let theirs = if writer { &known.readers } else { &known.writers };
                peers.retain(|guid| {
                    theirs.get(guid).is_none_or(|other| other.type_name == spec.type_name)
                });
            });
        }
        let neighbours = match &core.shm {
            Some(shm) if writer => shm.readers_of(spec),
            Some(shm) => shm.writers_of(spec),
            None => Vec::new(),
        };
        let fits = neighbours.iter().filter(|(_, misfits)| misfits.is_empty());
        peers.extend(fits.map(|(guid, _)| *guid));
        let mut book = self.book.lock();
        let mut changed = book.now(&peers);
        for (guid, misfits) in &neighbours {
            changed |= book.misfit(*guid, misfits.iter().map(|misfit| misfit.policy));
        }
        book.keep_misfits(|guid| {
            neighbours.iter().any(|(near, _)| near == guid)
                || core.dds.as_ref().is_some_and(|dds| {
                    dds.with_discovered(|known| {
                        known.writers.contains_key(guid) || known.readers.contains_key(guid)
                    })
                })
        });
        changed
    }

    /// DDS has found one that does not fit.
    pub fn misfit(&self, guid: Guid, offered: &Qos, requested: &Qos) {
        let misfits: Vec<Mismatch> = tidewire_qos::check(offered, requested);
        self.book.lock().misfit(guid, misfits.iter().map(|misfit| misfit.policy));
    }

    /// Whether `guid` was matched at the last look.
    pub fn is_matched(&self, guid: &Guid) -> bool {
        self.book.lock().peers().contains(guid)
    }

    /// Whether `guid` was ever matched, and is remembered.
    pub fn was_matched(&self, guid: &Guid) -> bool {
        self.book.lock().has_left(guid)
    }

    /// Who was matched at the last look.
    pub fn peers(&self) -> Vec<Guid> {
        self.book.lock().peers().iter().copied().collect()
    }

    pub fn read_matched(&self) -> Matched {
        self.book.lock().read_matched()
    }

    pub fn read_incompatible(&self) -> IncompatibleQos {
        self.book.lock().read_incompatible()
    }

    /// SAMPLE_LOST, of which there were `total` so far.
    pub fn read_lost(&self, total: u64) -> SampleLost {
        let before = self.lost.swap(total, Ordering::AcqRel);
        SampleLost { total, total_change: total.saturating_sub(before) }
    }

    /// What of the missed deadlines is new.
    pub fn read_missed(&self, missed: DeadlineMissed) -> DeadlineMissed {
        let before = self.missed.swap(missed.total, Ordering::AcqRel);
        DeadlineMissed { total_change: missed.total.saturating_sub(before), ..missed }
    }

    /// Which of the matching statuses have news: of `matched` and of `incompatible`.
    pub fn is_new(&self) -> (bool, bool) {
        let book = self.book.lock();
        (book.is_matched_new(), book.is_incompatible_new())
    }

    pub fn is_lost_new(&self, total: u64) -> bool {
        total > self.lost.load(Ordering::Acquire)
    }

    pub fn is_missed_new(&self, total: u64) -> bool {
        total > self.missed.load(Ordering::Acquire)
    }
}

//! The statuses of one endpoint, and how they are kept up with the domain.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use tidewire_idl::Guid;
use tidewire_qos::policy::DataRepresentation;
use tidewire_qos::{Mismatch, Qos};
use tidewire_transport::EndpointSpec;
use tidewire_transport::dds::RemoteEndpoint;

use super::book::Book;
use super::counts::{IncompatibleQos, Matched, SampleLost};
use crate::deadline::DeadlineMissed;
use crate::liveliness::{LivelinessChanged, LivelinessLost};
use crate::participant::Core;

/// What an endpoint counts beside its samples. Nothing here is touched when samples come and go.
pub(crate) struct Statuses {
    book: Mutex<Book>,
    /// Whether discovery over DDS has told something since the last look.
    news: AtomicBool,
    /// Locked for the length of a look, so that nobody finds nothing new while another has not written
    /// down yet what is.
    near: Mutex<Near>,
    /// The total that whoever waits was last woken for.
    noticed_lost: AtomicU64,
    /// Totals when they were last read.
    lost: AtomicU64,
    missed: AtomicU64,
    fallen_silent: AtomicU64,
    /// LIVELINESS_CHANGED when it was last read.
    liveliness: Mutex<LivelinessChanged>,
}

/// What shared memory knew at the last look.
struct Near {
    generation: u64,
    /// Who is on the topic, and which policies keep whom away.
    neighbours: Vec<(Guid, Vec<Mismatch>)>,
}

impl Statuses {
    pub fn new() -> Box<Self> {
        Box::new(Self {
            book: Mutex::default(),
            news: AtomicBool::new(true),
            near: Mutex::new(Near { generation: u64::MAX, neighbours: Vec::new() }),
            noticed_lost: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            fallen_silent: AtomicU64::new(0),
            liveliness: Mutex::default(),
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
        let mut near = self.near.lock();
        let generation = core.shm.as_ref().map_or(0, |shm| shm.generation());
        let moved = near.generation != generation;
        if !self.news.swap(false, Ordering::AcqRel) && !moved {
            return false;
        }
        if moved {
            near.generation = generation;
            near.neighbours = match &core.shm {
                Some(shm) if writer => shm.readers_of(spec),
                Some(shm) => shm.writers_of(spec),
                None => Vec::new(),
            };
        }
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
        let fits = near.neighbours.iter().filter(|(_, misfits)| misfits.is_empty());
        peers.extend(fits.map(|(guid, _)| *guid));
        let mut book = self.book.lock();
        let mut changed = book.now(&peers);
        for (guid, misfits) in &near.neighbours {
            changed |= book.misfit(*guid, misfits.iter().map(|misfit| misfit.policy));
        }
        book.keep_misfits(|guid| {
            near.neighbours.iter().any(|(neighbour, _)| neighbour == guid)
                || core.dds.as_ref().is_some_and(|dds| {
                    dds.with_discovered(|known| {
                        known.writers.contains_key(guid) || known.readers.contains_key(guid)
                    })
                })
        });
        changed
    }

    /// Finds who is on the topic already and does not fit: what DDS has told of them before the
    /// endpoint was on the participant's list went to nobody.
    pub fn review(&self, core: &Core, spec: &EndpointSpec, writer: bool) {
        let Some(dds) = &core.dds else { return };
        let found: Vec<(Guid, Qos)> = dds.with_discovered(|known| {
            let theirs = if writer { &known.readers } else { &known.writers };
            let on_topic = |other: &&RemoteEndpoint| {
                other.topic == spec.topic
                    && other.type_name == spec.type_name
                    && other.guid.is_keyed() == spec.keyed
            };
            let others = theirs.values().filter(on_topic);
            others.map(|other| (other.guid, other.qos.clone())).collect()
        });
        let mut own = spec.qos.clone();
        if !writer && own.data_representation.is_empty() {
            // Who does not say reads both.
            own.data_representation = vec![DataRepresentation::Xcdr1, DataRepresentation::Xcdr2];
        }
        for (guid, theirs) in found {
            let (offered, requested) = if writer { (&own, &theirs) } else { (&theirs, &own) };
            self.misfit(guid, offered, requested);
        }
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

    /// What of the writer's lost liveliness is new.
    pub fn read_fallen_silent(&self, lost: LivelinessLost) -> LivelinessLost {
        let before = self.fallen_silent.swap(lost.total, Ordering::AcqRel);
        LivelinessLost { total_change: lost.total.saturating_sub(before), ..lost }
    }

    pub fn is_silence_new(&self, total: u64) -> bool {
        total > self.fallen_silent.load(Ordering::Acquire)
    }

    /// What of the liveliness of a reader's writers is new.
    pub fn read_liveliness(&self, now: LivelinessChanged) -> LivelinessChanged {
        let before = std::mem::replace(&mut *self.liveliness.lock(), now);
        let change = |now: u32, before: u32| now.wrapping_sub(before) as i32;
        LivelinessChanged {
            alive_count_change: change(now.alive_count, before.alive_count),
            not_alive_count_change: change(now.not_alive_count, before.not_alive_count),
            ..now
        }
    }

    pub fn is_liveliness_new(&self, changes: u64) -> bool {
        changes > self.liveliness.lock().changes
    }

    /// Which of the matching statuses have news: of `matched` and of `incompatible`.
    pub fn is_new(&self) -> (bool, bool) {
        let book = self.book.lock();
        (book.is_matched_new(), book.is_incompatible_new())
    }

    /// There were `total` lost samples so far; says whether nobody was woken for the last of them.
    pub fn notice_lost(&self, total: u64) -> bool {
        self.noticed_lost.swap(total, Ordering::AcqRel) != total
    }

    pub fn is_lost_new(&self, total: u64) -> bool {
        total > self.lost.load(Ordering::Acquire)
    }

    pub fn is_missed_new(&self, total: u64) -> bool {
        total > self.missed.load(Ordering::Acquire)
    }
}

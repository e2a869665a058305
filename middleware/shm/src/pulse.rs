//! Liveliness on one host (DDS 1.4, 2.2.3.11): writers say that they are alive in words of their
//! participant's file, with the time, and readers compare that with the lease the writer offers.
//!
//! A killed participant is noticed by its lock; this is for those that are stopped or hang.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::time::{ClockId, clock_gettime};
use tidewire_idl::Guid;
use tidewire_qos::Qos;
use tidewire_qos::policy::{Liveliness, LivelinessKind};

use crate::control::Control;
use crate::domain::Shared;
use crate::presence::{EndpointKind, Peer, Peers};
use crate::routes::{endpoints, find_writer, fits};

/// ns of a clock that runs alike in all processes of this host and is never set.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Whether the writer in slot `index` has said so within its lease.
pub(crate) fn is_alive(peer: &Peer, index: usize, liveliness: Liveliness, now: u64) -> bool {
    let Some(lease) = liveliness.lease.nanos() else { return true };
    let Some(slot) = peer.slots().get(index) else { return false };
    let shared = match liveliness.kind {
        LivelinessKind::Automatic => peer.pulse().automatic.load(Ordering::Relaxed),
        LivelinessKind::ManualByParticipant => peer.pulse().manual.load(Ordering::Relaxed),
        LivelinessKind::ManualByTopic => 0,
    };
    now.saturating_sub(shared.max(slot.asserted())) <= lease
}

/// The writers on this host that match a reader, and whether they are alive. A look costs a few loads
/// for each writer, as long as nobody comes or goes.
pub struct WriterWatch {
    peers: Arc<Peers>,
    control: Arc<Control>,
    topic: u128,
    requested: Qos,
    generation: u64,
    writers: Vec<Watched>,
}

struct Watched {
    peer: Arc<Peer>,
    index: usize,
    guid: Guid,
    liveliness: Liveliness,
}

impl WriterWatch {
    pub(crate) fn new(shared: &Shared, topic: u128, requested: Qos) -> Self {
        let (peers, control) = (shared.peers.clone(), shared.control.clone());
        Self { peers, control, topic, requested, generation: u64::MAX, writers: Vec::new() }
    }

    /// Each of them, and whether it is alive at `now`.
    pub fn look(&mut self, now: u64) -> impl Iterator<Item = (Guid, bool)> {
        let generation = self.control.generation();
        if generation != self.generation {
            self.generation = generation;
            self.writers = endpoints(&self.peers, self.topic, true)
                .filter(|(_, _, offered)| fits(offered, &self.requested))
                .map(|(peer, index, offered)| {
                    let guid = offered.guid(peer.prefix());
                    Watched { peer, index, guid, liveliness: offered.qos.liveliness }
                })
                .collect();
        }
        self.writers.iter().map(move |w| (w.guid, is_alive(&w.peer, w.index, w.liveliness, now)))
    }
}

/// How strong the writers of a topic on this host are.
pub struct WriterStrengths {
    peers: Arc<Peers>,
    topic: u128,
}

impl WriterStrengths {
    pub(crate) fn new(peers: Arc<Peers>, topic: u128) -> Self {
        Self { peers, topic }
    }

    /// OWNERSHIP_STRENGTH of a writer; `None` if there is none of this GUID, or no more, or it has not
    /// said within its lease that it is alive.
    pub fn of(&self, writer: Guid) -> Option<i32> {
        let (peer, index) = find_writer(&self.peers, self.topic, writer)?;
        let offered = peer.slots().get(index)?.brief(EndpointKind::Writer, self.topic)?.qos;
        let mortal = !offered.liveliness.lease.is_infinite();
        let alive = !mortal || is_alive(&peer, index, offered.liveliness, now());
        alive.then_some(offered.ownership_strength)
    }
}

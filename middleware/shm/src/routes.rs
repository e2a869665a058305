//! Which readers a writer sends to.

use std::sync::Arc;

use tidewire_idl::Guid;
use tidewire_qos::Qos;
use tidewire_qos::policy::DataRepresentation;
use tidewire_transport::Prefix;

use crate::presence::{EndpointKind, Lane, Peer, Peers, Terms};

/// A reader on this host; no two have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReaderId {
    prefix: Prefix,
    index: usize,
    taken: u16,
}

/// One participant with readers of a topic.
pub(crate) struct Route {
    peer: Arc<Peer>,
    topic: u128,
    slots: Vec<(usize, Lane)>,
    /// The readers in them, one after the other.
    taken: Vec<u16>,
    /// The participant's epoch after our last sample; `None` if we sent none.
    last_wake: Option<u32>,
}

impl Route {
    pub(crate) fn prefix(&self) -> Prefix {
        self.peer.prefix()
    }

    /// Tells the participant that a sample came.
    pub(crate) fn wake(&mut self) {
        self.last_wake = Some(self.peer.wake().wake());
    }

    /// Who its readers are.
    pub(crate) fn readers(&self) -> impl Iterator<Item = ReaderId> + '_ {
        let prefix = self.prefix();
        let slots = self.slots.iter().zip(&self.taken);
        slots.map(move |((index, _), taken)| ReaderId { prefix, index: *index, taken: *taken })
    }

    /// Whether its readers have taken all we sent, or will never do so.
    pub(crate) fn is_drained(&self) -> bool {
        let Some(epoch) = self.last_wake else { return true };
        let slots = self.peer.slots();
        let waiting = self.slots.iter().any(|&(index, lane)| {
            slots[index].read() == Some((EndpointKind::Reader(lane), self.topic))
                && !slots[index].has_drained(epoch)
        });
        !waiting || !self.peer.is_alive()
    }
}

/// All readers of a topic on this host.
#[derive(Default)]
pub(crate) struct Routes {
    pub(crate) list: Vec<Route>,
    /// Lanes that have readers, RELIABLE ones first, and how many.
    pub(crate) lanes: Vec<(Lane, usize)>,
}

impl Routes {
    /// Looks up those that match what a writer offers (DDS 1.4, 2.2.3).
    pub(crate) fn find(peers: &Peers, topic: u128, offered: &Qos) -> Self {
        let mut list = Vec::new();
        for peer in peers.present() {
            let slots: Vec<_> = peer
                .slots()
                .iter()
                .enumerate()
                .filter_map(|(index, slot)| match slot.read() {
                    Some((kind @ EndpointKind::Reader(lane), hash)) if hash == topic => {
                        let requested = peer.terms(index, kind, topic)?.qos;
                        tidewire_qos::check(offered, &requested).is_empty().then_some((index, lane))
                    }
                    _ => None,
                })
                .collect();
            if !slots.is_empty() {
                let taken = slots.iter().map(|(index, _)| peer.slots()[*index].taken()).collect();
                list.push(Route { peer, topic, slots, taken, last_wake: None });
            }
        }
        Self::of(list)
    }

    fn of(list: Vec<Route>) -> Self {
        let mut lanes: Vec<(Lane, usize)> = Vec::new();
        for (_, lane) in list.iter().flat_map(|route| &route.slots) {
            match lanes.iter_mut().find(|(l, _)| l == lane) {
                Some((_, readers)) => *readers += 1,
                None => lanes.push((*lane, 1)),
            }
        }
        lanes.sort_by_key(|(lane, _)| (!lane.is_reliable(), lane.index()));
        Self { list, lanes }
    }

    /// Carries over what was sent to participants that are still there.
    pub(crate) fn inherit(&mut self, old: &Self) {
        for route in &mut self.list {
            let before = old.list.iter().find(|o| o.prefix() == route.prefix());
            route.last_wake = before.and_then(|o| o.last_wake);
        }
    }

    /// Readers on one lane.
    pub(crate) fn on(&self, lane: Lane) -> usize {
        self.lanes.iter().find(|(l, _)| *l == lane).map_or(0, |(_, readers)| *readers)
    }

    /// Readers on `lane` that have not mapped the publisher of `generation` and whose queue of it is
    /// full with `sent` samples: iceoryx2 would drop the next one without a word.
    pub(crate) fn unattached(&self, lane: Lane, generation: u64, sent: u64) -> usize {
        let slots = self.list.iter().flat_map(|r| r.slots.iter().map(|s| (&r.peer, *s)));
        slots
            .filter(|(peer, (index, on))| {
                let slot = &peer.slots()[*index];
                *on == lane && slot.attached() < generation && slot.buffer() <= sent
            })
            .count()
    }

    /// Whether every reader on `lane` has mapped the publisher of `generation`.
    pub(crate) fn all_attached(&self, lane: Lane, generation: u64) -> bool {
        self.unattached(lane, generation, u64::MAX) == 0
    }

    /// Readers on both lanes.
    pub(crate) fn readers(&self) -> usize {
        self.lanes.iter().map(|(_, readers)| readers).sum()
    }

    pub(crate) fn wake(&mut self) {
        self.list.iter_mut().for_each(Route::wake);
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.list.iter().all(Route::is_drained)
    }

    /// The same readers, to watch them after the writer moved on.
    pub(crate) fn watch(&self) -> Self {
        let list = self
            .list
            .iter()
            .map(|r| Route {
                peer: r.peer.clone(),
                topic: r.topic,
                slots: r.slots.clone(),
                taken: r.taken.clone(),
                last_wake: r.last_wake,
            })
            .collect();
        Self::of(list)
    }
}

/// Writers on this host that match what a reader requests.
pub(crate) fn count_writers(peers: &Peers, topic: u128, requested: &Qos) -> usize {
    endpoints(peers, topic, true).filter(|(_, _, offered)| fits(offered, requested)).count()
}

/// Whether `writer` matches what a reader requests; `None` if it is gone.
pub(crate) fn judge(peers: &Peers, topic: u128, writer: Guid, requested: &Qos) -> Option<bool> {
    let (peer, index) = find_writer(peers, topic, writer)?;
    let offered = peer.terms(index, EndpointKind::Writer, topic)?;
    Some(fits(&offered, requested))
}

/// Where a writer on this host is; `None` if it is gone.
pub(crate) fn find_writer(peers: &Peers, topic: u128, writer: Guid) -> Option<(Arc<Peer>, usize)> {
    let peer = peers.present().into_iter().find(|peer| peer.prefix() == writer.prefix())?;
    let index = peer.slots().iter().position(|slot| {
        slot.read() == Some((EndpointKind::Writer, topic))
            && slot
                .brief(EndpointKind::Writer, topic)
                .is_some_and(|offered| offered.entity == writer.0[12..])
    })?;
    Some((peer, index))
}

/// A reader that names no data representation reads both, as over DDS.
pub(crate) fn read_both(requested: &mut Qos) {
    if requested.data_representation.is_empty() {
        requested.data_representation = vec![DataRepresentation::Xcdr1, DataRepresentation::Xcdr2];
    }
}

/// Every writer, or every reader, of a topic on this host: the participant, the place in its list, what
/// it offers or requests.
pub(crate) fn endpoints(
    peers: &Peers,
    topic: u128,
    writers: bool,
) -> impl Iterator<Item = (Arc<Peer>, usize, Terms)> {
    peers.present().into_iter().flat_map(move |peer| {
        let slots = peer.slots().iter().enumerate();
        let found: Vec<_> = slots
            .filter_map(|(index, slot)| {
                let (kind, hash) = slot.read()?;
                if hash != topic || writers != (kind == EndpointKind::Writer) {
                    return None;
                }
                let terms = peer.terms(index, kind, topic)?;
                // Not yet named: its DDS side is being made.
                (terms.entity != [0; 4]).then(|| (peer.clone(), index, terms))
            })
            .collect();
        found
    })
}

pub(crate) fn fits(offered: &Terms, requested: &Qos) -> bool {
    tidewire_qos::check(&offered.qos, requested).is_empty()
}

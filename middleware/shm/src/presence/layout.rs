//! The bytes of a presence file.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tidewire_idl::Guid;

use super::terms::{Terms, TermsWords};
use crate::map::Shared;
use crate::wake::WakeWords;

pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"tidewire");
/// Raised with every change of the structures below or of what is sent.
pub(crate) const VERSION: u32 = 5;
/// Longest participant name in bytes.
pub(crate) const NAME_MAX: usize = 256;
/// Readers and writers one participant can have.
pub(crate) const SLOTS: usize = 2048;

/// A presence file: written once before it appears under its name, except for the atomics.
#[repr(C)]
pub(crate) struct PresenceFile {
    pub(crate) magic: u64,
    pub(crate) version: u32,
    pub(crate) pid: u32,
    /// ns since the Unix epoch.
    pub(crate) started: i64,
    pub(crate) prefix: [u8; 12],
    pub(crate) name_len: u32,
    pub(crate) name: [u8; NAME_MAX],
    pub(crate) wake: WakeWords,
    /// All used slots lie below this index.
    pub(crate) slots_used: AtomicU32,
    pub(crate) slots: [Slot; SLOTS],
}

// SAFETY: repr(C), integers and atomics only, so any bits are valid; after publication only the
// atomics change.
unsafe impl Shared for PresenceFile {}

/// The way a sample takes: which iceoryx2 service of the topic.
///
/// Reliability is one choice: a full RELIABLE reader makes the writer wait, a full BEST_EFFORT one
/// loses its oldest sample. Width is the other: iceoryx2 looks at every subscriber there could be
/// with every sample, so the first readers share a narrow service and later ones get wider ones, at
/// the price of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lane(u8);

impl Lane {
    /// Readers that fit, by width.
    const WIDTHS: [usize; 3] = [8, 32, 128];
    pub(crate) const COUNT: usize = 2 * Self::WIDTHS.len();

    /// The narrow lane.
    pub(crate) fn of(reliable: bool) -> Self {
        Self(u8::from(!reliable))
    }

    pub(crate) fn is_reliable(self) -> bool {
        self.0 & 1 == 0
    }

    /// All lanes, narrow ones first.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT as u8).map(Self)
    }

    /// The next wider lane of the same reliability.
    pub(crate) fn wider(self) -> Option<Self> {
        (self.index() + 2 < Self::COUNT).then_some(Self(self.0 + 2))
    }

    /// Readers that fit.
    pub(crate) fn width(self) -> usize {
        Self::WIDTHS[self.index() / 2]
    }

    /// All readers of a topic that fit on one host, of one reliability.
    pub(crate) fn all_widths() -> usize {
        Self::WIDTHS.iter().sum()
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    fn decode(word: u32) -> Option<Self> {
        u8::try_from(word).ok().map(Self).filter(|lane| lane.index() < Self::COUNT)
    }
}

/// What a slot describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndpointKind {
    Reader(Lane),
    /// It sends on whatever lanes have readers.
    Writer,
}

impl EndpointKind {
    const WRITER: u32 = 0x100;
    const READER: u32 = 0x200;

    fn encode(self) -> u32 {
        match self {
            Self::Reader(lane) => Self::READER | u32::from(lane.0),
            Self::Writer => Self::WRITER,
        }
    }

    fn decode(word: u32) -> Option<Self> {
        match (word & 0xff00, word & 0xff) {
            (Self::READER, lane) => Lane::decode(lane).map(Self::Reader),
            (Self::WRITER, 0) => Some(Self::Writer),
            _ => None,
        }
    }
}

/// One endpoint of the participant; a cache line each, since a reader writes `drained` often.
#[repr(C, align(64))]
pub(crate) struct Slot {
    /// 0: free. Written last when the slot is taken, first when it is freed.
    kind: AtomicU32,
    /// The participant's epoch up to which this reader has taken everything.
    drained: AtomicU32,
    topic: [AtomicU64; 2],
    /// Publishers made up to this generation of the domain are mapped by this reader.
    attached: AtomicU64,
    /// Samples that fit into this reader's queue, per writer.
    buffer: AtomicU32,
    terms: TermsWords,
}

/// What an endpoint says of itself when it comes.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: EndpointKind,
    pub(crate) topic: u128,
    /// Of readers: see [`Slot::attached`].
    pub(crate) attached: u64,
    /// Of readers: see [`Slot::buffer`].
    pub(crate) buffer: u32,
    pub(crate) terms: Terms,
}

impl Slot {
    /// What lives here and on which topic (hash), if anything does.
    pub(crate) fn read(&self) -> Option<(EndpointKind, u128)> {
        let kind = EndpointKind::decode(self.kind.load(Ordering::Acquire))?;
        let [low, high] = &self.topic;
        let topic = u128::from(high.load(Ordering::Relaxed)) << 64
            | u128::from(low.load(Ordering::Relaxed));
        // A slot freed and taken again meanwhile would mix two topics.
        (EndpointKind::decode(self.kind.load(Ordering::Acquire)) == Some(kind))
            .then_some((kind, topic))
    }

    /// What it offers or requests, if it is a `kind` on `topic`.
    pub(crate) fn terms(&self, kind: EndpointKind, topic: u128) -> Option<Terms> {
        let terms = self.terms.load();
        (self.read() == Some((kind, topic))).then_some(terms)
    }

    /// Fills a free slot; only the owner calls it, under its own lock.
    pub(super) fn take(&self, entry: &Entry, epoch: u32) {
        self.topic[0].store(entry.topic as u64, Ordering::Relaxed);
        self.topic[1].store((entry.topic >> 64) as u64, Ordering::Relaxed);
        self.drained.store(epoch, Ordering::Relaxed);
        self.attached.store(entry.attached, Ordering::Relaxed);
        self.buffer.store(entry.buffer, Ordering::Relaxed);
        self.terms.store(&entry.terms);
        self.kind.store(entry.kind.encode(), Ordering::Release);
    }

    /// Gives the endpoint its GUID, where that comes after the endpoint.
    pub(crate) fn identify(&self, guid: Guid) {
        self.terms.identify(guid);
    }

    pub(super) fn free(&self) {
        self.kind.store(0, Ordering::Release);
    }

    pub(super) fn is_free(&self) -> bool {
        self.kind.load(Ordering::Relaxed) == 0
    }

    /// Says that everything sent before the participant's epoch became `epoch` was taken.
    pub(crate) fn set_drained(&self, epoch: u32) {
        self.drained.store(epoch, Ordering::Release);
    }

    /// Says that the publishers of `generation` and before are mapped.
    pub(crate) fn set_attached(&self, generation: u64) {
        self.attached.store(generation, Ordering::Release);
    }

    /// The newest generation of publishers the reader has mapped.
    pub(crate) fn attached(&self) -> u64 {
        self.attached.load(Ordering::Acquire)
    }

    /// Samples of one writer that fit into the reader's queue.
    pub(crate) fn buffer(&self) -> u64 {
        u64::from(self.buffer.load(Ordering::Relaxed))
    }

    /// Whether the reader has taken everything up to `epoch` (which wraps).
    pub(crate) fn has_drained(&self, epoch: u32) -> bool {
        self.drained.load(Ordering::Acquire).wrapping_sub(epoch) as i32 >= 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> Slot {
        Slot {
            kind: 0.into(),
            drained: 0.into(),
            topic: [0.into(), 0.into()],
            attached: 0.into(),
            buffer: 0.into(),
            terms: TermsWords::default(),
        }
    }

    #[test]
    fn a_slot_tells_what_was_put_in() {
        let slot = slot();
        assert!(slot.read().is_none() && slot.is_free());
        let (kind, topic) = (EndpointKind::Reader(Lane::of(false)), u128::MAX - 5);
        let terms = Terms::new(Guid([9; 16]), &tidewire_qos::Qos::event());
        let entry = Entry { kind, topic, attached: 7, buffer: 64, terms: terms.clone() };
        slot.take(&entry, 9);
        let found = slot.terms(kind, topic).unwrap();
        assert_eq!((found.entity, found.qos.durability), (terms.entity, terms.qos.durability));
        assert!(slot.terms(kind, topic + 1).is_none());
        assert_eq!(slot.read(), Some((kind, topic)));
        assert_eq!((slot.attached(), slot.buffer()), (7, 64));
        assert!(slot.has_drained(9) && !slot.has_drained(10));
        slot.free();
        assert!(slot.read().is_none());
    }

    #[test]
    fn every_kind_of_endpoint_is_told_apart() {
        let mut kinds = vec![EndpointKind::Writer];
        for reliable in [true, false] {
            let mut lane = Some(Lane::of(reliable));
            while let Some(now) = lane {
                assert_eq!(now.is_reliable(), reliable);
                kinds.push(EndpointKind::Reader(now));
                lane = now.wider();
            }
        }
        assert_eq!(kinds.len(), 1 + Lane::COUNT);
        for kind in &kinds {
            assert_eq!(EndpointKind::decode(kind.encode()), Some(*kind));
        }
        assert_eq!(EndpointKind::decode(0), None);
        assert_eq!(EndpointKind::decode(EndpointKind::READER | 6), None);
    }

    #[test]
    fn drained_compares_across_the_wrap() {
        let slot = slot();
        slot.set_drained(2);
        assert!(slot.has_drained(u32::MAX));
        assert!(slot.has_drained(2));
        assert!(!slot.has_drained(3));
    }
}

//! The bytes of a presence file.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use tidewire_idl::Guid;

use super::annex::{Annex, Names};
use super::lane::EndpointKind;
use super::terms::{Terms, TermsWords};
use crate::map::Shared;
use crate::pulse;
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
    /// When the participant, and when the application, last said that its endpoints are alive: see
    /// [`Pulse`].
    pub(crate) pulse: Pulse,
    pub(crate) slots: [Slot; SLOTS],
    /// Of the slot with the same index.
    pub(crate) annexes: [Annex; SLOTS],
}

/// Liveliness (DDS 1.4, 2.2.3.11) that all endpoints of a participant share; see
/// [`now`](crate::pulse::now) for the clock.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// The participant's threads run: AUTOMATIC.
    pub(crate) automatic: AtomicU64,
    /// The application has asserted some endpoint: MANUAL_BY_PARTICIPANT.
    pub(crate) manual: AtomicU64,
}

// SAFETY: repr(C), integers and atomics only, so any bits are valid; after publication only the
// atomics change.
unsafe impl Shared for PresenceFile {}

/// The half of a slot's word that says what lives there.
const LIVES: u32 = 0xffff;

/// One endpoint of the participant; a cache line each, since a reader writes `drained` often.
#[repr(C, align(64))]
pub(crate) struct Slot {
    /// What lives here in the lower half, 0 for nothing; how often the slot was taken in the upper. Written
    /// last when the slot is taken, first when it is freed.
    kind: AtomicU32,
    /// The participant's epoch up to which this reader has taken everything.
    drained: AtomicU32,
    topic: [AtomicU64; 2],
    /// Publishers made up to this generation of the domain are mapped by this reader.
    attached: AtomicU64,
    /// Samples that fit into this reader's queue, per writer.
    buffer: AtomicU32,
    terms: TermsWords,
    /// When this writer came, or was last asserted: MANUAL_BY_TOPIC.
    asserted: AtomicU64,
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
    pub(crate) names: Names,
    pub(crate) terms: Terms,
}

impl Slot {
    /// What lives here and on which topic (hash), if anything does.
    pub(crate) fn read(&self) -> Option<(EndpointKind, u128)> {
        self.consistent(|kind| {
            let [low, high] = &self.topic;
            let topic = u128::from(high.load(Ordering::Relaxed)) << 64
                | u128::from(low.load(Ordering::Relaxed));
            (kind, topic)
        })
    }

    /// Tells those who take this slot one after another apart.
    pub(crate) fn taken(&self) -> u16 {
        (self.kind.load(Ordering::Acquire) >> 16) as u16
    }

    /// `look`, unless the slot is free or was freed meanwhile: it would mix two endpoints.
    fn consistent<R>(&self, look: impl FnOnce(EndpointKind) -> R) -> Option<R> {
        let before = self.kind.load(Ordering::Acquire);
        let found = look(EndpointKind::decode(before & LIVES)?);
        fence(Ordering::Acquire);
        (self.kind.load(Ordering::Relaxed) == before).then_some(found)
    }

    /// What it offers or requests, if it is a `kind` on `topic`, without what lies in the annex.
    pub(crate) fn brief(&self, kind: EndpointKind, topic: u128) -> Option<Terms> {
        let terms = self.consistent(|_| self.terms.load().0)?;
        (self.read() == Some((kind, topic))).then_some(terms)
    }

    /// The same, with what lies in the annex.
    pub(super) fn terms(&self, annex: &Annex, kind: EndpointKind, topic: u128) -> Option<Terms> {
        let terms = self.consistent(|_| {
            let (mut terms, annexed) = self.terms.load();
            if annexed {
                annex.load().read(&mut terms.qos);
            }
            terms
        })?;
        (self.read() == Some((kind, topic))).then_some(terms)
    }

    /// Everything the endpoint says of itself.
    pub(super) fn describe(&self, annex: &Annex) -> Option<(EndpointKind, Names, Terms)> {
        self.consistent(|kind| {
            let mut terms = self.terms.load().0;
            let names = annex.load().read(&mut terms.qos);
            (kind, names, terms)
        })
    }

    /// Fills a free slot; only the owner calls it, under its own lock, once the annex is written.
    pub(super) fn take(&self, entry: &Entry, epoch: u32) {
        self.topic[0].store(entry.topic as u64, Ordering::Relaxed);
        self.topic[1].store((entry.topic >> 64) as u64, Ordering::Relaxed);
        self.drained.store(epoch, Ordering::Relaxed);
        self.attached.store(entry.attached, Ordering::Relaxed);
        self.buffer.store(entry.buffer, Ordering::Relaxed);
        self.terms.store(&entry.terms);
        self.asserted.store(pulse::now(), Ordering::Relaxed);
        let taken = (self.kind.load(Ordering::Relaxed) & !LIVES).wrapping_add(LIVES + 1);
        self.kind.store(taken | entry.kind.encode(), Ordering::Release);
    }

    /// Gives the endpoint its GUID, where that comes after the endpoint.
    pub(crate) fn identify(&self, guid: Guid) {
        self.terms.identify(guid);
    }

    pub(super) fn free(&self) {
        self.kind.fetch_and(!LIVES, Ordering::Release);
        // What is written for the next endpoint must not be seen before.
        fence(Ordering::Release);
    }

    pub(super) fn is_free(&self) -> bool {
        self.kind.load(Ordering::Relaxed) & LIVES == 0
    }

    /// Says that this writer is alive.
    pub(crate) fn assert(&self, now: u64) {
        self.asserted.store(now, Ordering::Relaxed);
    }

    /// When it last was.
    pub(crate) fn asserted(&self) -> u64 {
        self.asserted.load(Ordering::Relaxed)
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
    use super::super::lane::Lane;
    use super::*;

    fn slot() -> Slot {
        Slot {
            kind: 0.into(),
            drained: 0.into(),
            topic: [0.into(), 0.into()],
            attached: 0.into(),
            buffer: 0.into(),
            terms: TermsWords::default(),
            asserted: 0.into(),
        }
    }

    #[test]
    fn a_slot_tells_what_was_put_in() {
        let slot = slot();
        assert!(slot.read().is_none() && slot.is_free());
        let (kind, topic) = (EndpointKind::Reader(Lane::of(false)), u128::MAX - 5);
        let terms = Terms::new(Guid([9; 16]), &tidewire_qos::Qos::event());
        let names = Names::default();
        let entry = Entry { kind, topic, attached: 7, buffer: 64, names, terms: terms.clone() };
        slot.take(&entry, 9);
        let found = slot.brief(kind, topic).unwrap();
        assert_eq!((found.entity, found.qos.durability), (terms.entity, terms.qos.durability));
        assert!(slot.brief(kind, topic + 1).is_none());
        assert_eq!(slot.read(), Some((kind, topic)));
        assert_eq!((slot.attached(), slot.buffer()), (7, 64));
        assert!(slot.has_drained(9) && !slot.has_drained(10));
        let freed_while_looking = slot.consistent(|_| slot.free());
        assert!(freed_while_looking.is_none() && slot.read().is_none() && slot.is_free());
        slot.take(&entry, 9);
        let replaced_while_looking = slot.consistent(|_| {
            slot.free();
            slot.take(&entry, 9);
        });
        assert!(replaced_while_looking.is_none());
        assert_eq!(slot.read(), Some((kind, topic)));
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

//! A received sample, still in shared memory.

use std::collections::HashSet;
use std::ops::Deref;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use iceoryx2::port::ReceiveError;
use tidewire_transport::{Latch, SampleMeta};

use crate::domain::Shared;
use crate::loan::Heap;
use crate::service::{Factory, Ipc, MAX_BORROWED, MAX_OUTLIVED, Subscriber};
use crate::wire::{Cell, PAD, WireMeta};

/// iceoryx2's sample.
pub(crate) type Borrowed = iceoryx2::sample::Sample<Ipc, [Cell], WireMeta>;

/// Payloads up to this many bytes are copied rather than kept on loan: cheaper than the bookkeeping.
const COPY_MAX: usize = 4096;
/// Samples that may be kept on loan as [`Bytes`] before copying instead, so that a reader which
/// collects samples never runs into the limit of [`MAX_BORROWED`].
const KEEP_MAX: usize = MAX_BORROWED / 2;

/// Dropped samples that go back when the reader looks again, and when the next one is dropped.
const ENOUGH_SPENT: usize = 8;
const MAX_SPENT: usize = 16;
/// Looks in vain after which all dropped samples go back.
const IDLE: u32 = 64;

/// A reader's subscriber, shared with the samples taken from it: see [`ShmReader::inlet`].
///
/// [`ShmReader::inlet`]: crate::ShmReader::inlet
pub struct ShmInlet {
    /// Locked whenever the subscriber or a sample of it is touched.
    port: Latch<Port>,
    /// Samples on loan as [`Bytes`].
    kept: AtomicUsize,
    me: Weak<Self>,
    /// Keeps the service open for new writers.
    _factory: Factory,
    /// Last: the domain's files go only when nothing needs them.
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Port {
    /// Samples on loan, by the index in their [`ShmSample`]; before the subscriber they are of.
    borrowed: Vec<Option<Borrowed>>,
    /// Free places in `borrowed`.
    free: Vec<u32>,
    /// Small samples that were dropped and go back to their writers later, together: each return
    /// takes a cache line away from the writer, and whoever answers a sample need not return it
    /// first.
    spent: Vec<u32>,
    /// How often in a row there was nothing to take.
    idle: u32,
    subscriber: Subscriber,
}

// SAFETY: the subscriber and the samples taken from it count their references to the same state
// without atomics. All of them lie in here and are touched under the lock of `ShmInlet::port` alone.
unsafe impl Send for Port {}

impl ShmInlet {
    pub(crate) fn new(subscriber: Subscriber, factory: Factory, shared: Arc<Shared>) -> Arc<Self> {
        let port = Latch::new(Port::new(subscriber));
        let kept = AtomicUsize::new(0);
        Arc::new_cyclic(|me| Self { port, kept, me: me.clone(), _factory: factory, shared })
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Whether there are samples to receive. A publisher that cannot be mapped is told by `receive`.
    pub(crate) fn waits(&self) -> bool {
        self.port.lock().subscriber.has_samples().unwrap_or(true)
    }

    /// Asks iceoryx2 for samples until there is none or `pick` wants it by its header; `None` is one
    /// that no version of ours sends, which is passed over.
    #[inline(always)]
    pub(crate) fn receive(
        &self,
        mut pick: impl FnMut(Option<&WireMeta>) -> Pick,
    ) -> Result<Option<Taken>, ReceiveError> {
        let mut port = self.port.lock();
        if port.spent.len() >= ENOUGH_SPENT {
            port.settle();
        }
        while let Some(index) = port.receive()? {
            let Some(borrowed) = &port.borrowed[index as usize] else { continue };
            let meta = borrowed.user_header();
            let Some(payload) = meta.payload(borrowed.payload()) else {
                pick(None);
                port.give_back(index);
                continue;
            };
            if pick(Some(meta)) == Pick::Drop {
                port.give_back(index);
                continue;
            }
            let (meta, data, len) = (ptr::from_ref(meta), payload.as_ptr(), payload.len());
            port.idle = 0;
            // So many samples are of no more publishers than may be outlived.
            if port.borrowed.len() - port.free.len() > MAX_OUTLIVED
                && let Some(copy) = port.copied(index)
            {
                let (meta, data) = (&raw const copy.meta, copy.body.bytes()[PAD..].as_ptr());
                return Ok(Some(Taken { meta, data, len, hold: Hold::Copy(copy) }));
            }
            return Ok(Some(Taken { meta, data, len, hold: Hold::Loan(index) }));
        }
        port.idle += 1;
        if port.idle == IDLE {
            port.settle();
            port.idle = 0;
        }
        Ok(None)
    }
}

impl Port {
    fn new(subscriber: Subscriber) -> Self {
        Self {
            borrowed: Vec::new(),
            free: Vec::new(),
            spent: Vec::with_capacity(MAX_SPENT),
            idle: 0,
            subscriber,
        }
    }

    /// Borrows the next sample; gives its index in `borrowed`.
    #[inline]
    fn receive(&mut self) -> Result<Option<u32>, ReceiveError> {
        match self.subscriber.receive() {
            Ok(Some(borrowed)) => Ok(Some(self.keep(borrowed))),
            Ok(None) => Ok(None),
            Err(error) => self.receive_after(error),
        }
    }

    #[cold]
    fn receive_after(&mut self, error: ReceiveError) -> Result<Option<u32>, ReceiveError> {
        if error != ReceiveError::ExceedsMaxBorrows || self.spent.is_empty() {
            return Err(error);
        }
        self.settle();
        Ok(self.subscriber.receive()?.map(|borrowed| self.keep(borrowed)))
    }

    #[inline]
    fn keep(&mut self, borrowed: Borrowed) -> u32 {
        if let Some(index) = self.free.pop() {
            self.borrowed[index as usize] = Some(borrowed);
            return index;
        }
        self.borrowed.push(Some(borrowed));
        self.borrowed.len() as u32 - 1
    }

    /// A copy in place of the sample at `index`, if its publisher is one too many to outlive.
    #[cold]
    fn copied(&mut self, index: u32) -> Option<Arc<Copied>> {
        let held = self.borrowed.iter().flatten();
        let origins: HashSet<u128> = held.map(|sample| sample.origin().value()).collect();
        if origins.len() <= MAX_OUTLIVED {
            return None;
        }
        let copy = Copied::of(self.borrowed[index as usize].as_ref()?);
        self.give_back(index);
        Some(copy)
    }

    /// Takes back a sample of `len` bytes.
    fn drop_later(&mut self, index: u32, len: usize) {
        if len > COPY_MAX {
            self.give_back(index);
            return;
        }
        if self.spent.len() == MAX_SPENT {
            self.settle();
        }
        self.spent.push(index);
    }

    /// Returns all that were dropped.
    #[cold]
    fn settle(&mut self) {
        while let Some(index) = self.spent.pop() {
            self.give_back(index);
        }
    }

    fn give_back(&mut self, index: u32) {
        let place = &mut self.borrowed[index as usize];
        if place.is_some() {
            *place = None;
            self.free.push(index);
        }
    }
}

/// What becomes of a sample.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    Take,
    Drop,
}

/// A payload in the writer's shared memory, read in place. The writer cannot reuse the memory until
/// this is dropped; at most 64 samples of one writer can be held by one reader.
///
/// `I` keeps the reader's inlet: a count of it, or a reference where that is at hand.
pub struct ShmSample<I: Deref<Target = ShmInlet> = Arc<ShmInlet>> {
    meta: *const WireMeta,
    data: *const u8,
    len: usize,
    hold: Hold,
    inlet: I,
}

/// A sample without what keeps its inlet; not to be dropped before it has one, and to be kept only
/// where the inlet is kept, too.
#[must_use]
pub(crate) struct Taken {
    meta: *const WireMeta,
    data: *const u8,
    len: usize,
    hold: Hold,
}

// SAFETY: as for `ShmSample`: whoever keeps one keeps the inlet.
unsafe impl Send for Taken {}
// SAFETY: as above; shared access only reads the header.
unsafe impl Sync for Taken {}

impl Taken {
    /// Its header.
    pub(crate) fn meta(&self) -> &WireMeta {
        // SAFETY: as for `data` in `deref` of `ShmSample`: the inlet is kept with it.
        unsafe { &*self.meta }
    }

    /// The sample that was taken from `inlet`.
    #[inline(always)]
    pub(crate) fn through<I: Deref<Target = ShmInlet>>(self, inlet: I) -> ShmSample<I> {
        let Self { meta, data, len, hold } = self;
        ShmSample { meta, data, len, hold, inlet }
    }
}

/// What keeps the bytes of a sample.
enum Hold {
    /// The inlet, at this index.
    Loan(u32),
    /// The sample itself. Not a `Box`, which may not be pointed into while it moves.
    Copy(#[expect(dead_code, reason = "keeps the memory")] Arc<Copied>),
    /// Another sample.
    Moved,
}

struct Copied {
    meta: WireMeta,
    body: Heap,
}

impl Copied {
    fn of(sample: &Borrowed) -> Arc<Self> {
        let bytes = Cell::bytes(sample.payload());
        let mut body = Heap::default();
        body.reserve(bytes.len());
        body.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
        Arc::new(Self { meta: *sample.user_header(), body })
    }
}

// SAFETY: `meta` and `data` point into memory that `hold` or the inlet keeps mapped and unchanged
// until this is dropped; whatever else is shared is behind the inlet's lock.
unsafe impl<I: Deref<Target = ShmInlet> + Send> Send for ShmSample<I> {}
// SAFETY: shared access only reads the payload and the header.
unsafe impl<I: Deref<Target = ShmInlet> + Sync> Sync for ShmSample<I> {}

impl<I: Deref<Target = ShmInlet>> Drop for ShmSample<I> {
    #[inline]
    fn drop(&mut self) {
        match &self.hold {
            Hold::Loan(index) => self.inlet.port.lock().drop_later(*index, self.len),
            Hold::Copy(_) | Hold::Moved => (),
        }
    }
}

impl<I: Deref<Target = ShmInlet>> ShmSample<I> {
    /// Who wrote it, when, and which instance it belongs to.
    #[inline]
    pub fn meta(&self) -> SampleMeta {
        // SAFETY: as for `data` in `deref`.
        unsafe { &*self.meta }.read()
    }

    /// When it was written, ns since the Unix epoch.
    #[inline]
    pub fn source_time(&self) -> i64 {
        // SAFETY: as for `data` in `deref`.
        unsafe { &*self.meta }.source_time
    }

    /// Whether it may be delivered whatever the time: no history, no lifespan.
    #[inline]
    pub fn is_ordinary(&self) -> bool {
        // SAFETY: as for `data` in `deref`.
        unsafe { &*self.meta }.is_ordinary()
    }

    /// Whether it carries data, not the end of an instance.
    #[inline]
    pub fn is_alive(&self) -> bool {
        // SAFETY: as for `data` in `deref`.
        unsafe { &*self.meta }.is_alive()
    }

    /// The payload as [`Bytes`]: without a copy if it is large and not too many are held already.
    pub fn into_bytes(mut self) -> Bytes {
        let inlet = self.inlet.me.upgrade();
        match (&self.hold, inlet) {
            (Hold::Loan(index), Some(inlet))
                if self.len > COPY_MAX && inlet.kept.load(Ordering::Relaxed) < KEEP_MAX =>
            {
                inlet.kept.fetch_add(1, Ordering::Relaxed);
                let (meta, data, len, hold) = (self.meta, self.data, self.len, Hold::Loan(*index));
                self.hold = Hold::Moved;
                Bytes::from_owner(Kept(ShmSample { meta, data, len, hold, inlet }))
            }
            _ => Bytes::copy_from_slice(&self),
        }
    }
}

impl<I: Deref<Target = ShmInlet>> Deref for ShmSample<I> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: the inlet keeps the sample these bytes are of until `self` is dropped, and no writer
        // touches them until then; or they are our own.
        unsafe { std::slice::from_raw_parts(self.data, self.len) }
    }
}

impl<I: Deref<Target = ShmInlet>> std::fmt::Debug for ShmSample<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShmSample")
            .field("meta", &self.meta())
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// A sample on loan through [`Bytes`], counted.
struct Kept(ShmSample);

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.inlet.kept.fetch_sub(1, Ordering::Relaxed);
    }
}

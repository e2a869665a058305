//! One iceoryx2 publisher of a writer: the chunks it preallocates and how they grow.

use std::mem::MaybeUninit;
use std::sync::Arc;

use iceoryx2::port::backpressure_strategy::BackpressureStrategy;
use iceoryx2::port::publisher::PublisherCreateError;
use iceoryx2::port::{LoanError, SendError};
use iceoryx2::prelude::AllocationStrategy;
use iceoryx2::sample_mut_uninit::SampleMutUninit;
use tidewire_transport::{EndpointSpec, SampleMeta};

use crate::error::ShmError;
use crate::presence::Lane;
use crate::pressure::Pressure;
use crate::service::{
    Factory, Ipc, MAX_BORROWED, MAX_BUFFER, MAX_LOANS, MAX_PUBLISHERS, Publisher,
};
use crate::wire::{ALIGN, Cell, PAD, WireMeta};

/// A chunk of shared memory being filled.
type Chunk = SampleMutUninit<Ipc, [MaybeUninit<Cell>], WireMeta>;

/// Enough for one full reader, what it holds, and as much again for others that differ.
const MAX_CHUNKS: usize = 2 * (MAX_BUFFER + MAX_BORROWED);
/// A stopped BEST_EFFORT reader holds up to 64 samples of a large type; the rest must still flow.
const MIN_BEST_EFFORT: usize = 128;
const MIN_RELIABLE: usize = 32;
/// Chunk size in bytes where the spec gives no hint.
const DEFAULT_LEN: usize = 512;
/// A BEST_EFFORT writer whose chunks are all held gets more, up to this much address space.
const MAX_SEGMENT: usize = 2 << 30;

/// Longest sample whose chunk is taken ahead: longer ones gain less from it than from finding the
/// chunk that was just read in the cache.
const AHEAD_MAX: usize = 4096;

/// A publisher on one lane, and the chunk being filled for it.
pub(crate) struct Outlet {
    /// The chunk of the next sample and its length, pad included. Taken ahead of the loan where
    /// samples have one length, so that the loan costs nothing. Before its publisher, for the drop.
    draft: Option<(usize, Chunk)>,
    /// Length of the last sample sent.
    last_len: usize,
    publisher: Publisher,
    factory: Arc<Factory>,
    topic: String,
    pub(crate) lane: Lane,
    pressure: Pressure,
    capacity: usize,
    chunks: usize,
    /// The domain's generation since this publisher can be mapped.
    pub(crate) generation: u64,
    /// Samples sent.
    pub(crate) sent: u64,
    /// Whether it follows another, and the number of the first live sample sent since.
    succeeds: bool,
    first: u64,
    /// Every RELIABLE reader there was at the last look has mapped it.
    pub(crate) mapped: bool,
    /// A reader that has not mapped it was waited for in vain; once is enough.
    pub(crate) waited: bool,
    /// The last loan timed out for want of chunks: do not wait again until one succeeds.
    starved: bool,
}

// SAFETY: publisher and chunk count their references to the same state without atomics. Both lie
// in here, neither is ever handed out, and every call needs the outlet by value or `&mut`, so one
// thread at a time touches that state.
unsafe impl Send for Outlet {}

/// What a loan came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loaned {
    Ready,
    /// No chunk is free: make the outlet larger and try again.
    Full,
}

/// What a send came to.
pub(crate) struct Sent {
    pub(crate) readers: usize,
    pub(crate) timed_out: usize,
    /// Whether a reader was full.
    pub(crate) pressed: bool,
}

/// Chunk length for the first publisher of a writer.
pub(crate) fn first_len(spec: &EndpointSpec) -> usize {
    let payload = spec.plain_size.map(|body| body + 4).or(spec.max_payload).unwrap_or(DEFAULT_LEN);
    (payload + PAD).next_multiple_of(ALIGN)
}

impl Outlet {
    /// Makes a publisher for samples of up to `len` bytes, pad included.
    pub(crate) fn open(
        factory: Arc<Factory>,
        spec: &EndpointSpec,
        lane: Lane,
        len: usize,
        budget: usize,
        pressure: Pressure,
    ) -> Result<Self, ShmError> {
        let least = if lane.is_reliable() { MIN_RELIABLE } else { MIN_BEST_EFFORT };
        let chunks = (budget / len).clamp(least, MAX_CHUNKS);
        Self::with_chunks(factory, &spec.topic, lane, len, chunks, pressure)
    }

    fn with_chunks(
        factory: Arc<Factory>,
        topic: &str,
        lane: Lane,
        len: usize,
        chunks: usize,
        pressure: Pressure,
    ) -> Result<Self, ShmError> {
        check_room(topic, len)?;
        let handler = pressure.clone();
        let mut builder = factory
            .publisher_builder()
            .initial_max_slice_len(Cell::count(len))
            // Growing is ours (see `Writer`): iceoryx2's costs a table of 255 segments per connection.
            .allocation_strategy(AllocationStrategy::Static)
            .max_loaned_samples(MAX_LOANS)
            .override_sample_preallocation(move |worst| chunks.min(worst))
            .backpressure_strategy(BackpressureStrategy::DiscardData);
        if lane.is_reliable() {
            builder = builder.set_backpressure_handler(move |info| handler.decide(info));
        }
        let publisher = builder.create().map_err(|error| match error {
            PublisherCreateError::ExceedsMaxSupportedPublishers => ShmError::Limit {
                what: "the writers",
                of: topic.to_owned(),
                limit: MAX_PUBLISHERS,
                instead: "topics",
            },
            PublisherCreateError::UnableToCreateDataSegment => {
                ShmError::NoMemory { topic: topic.to_owned(), bytes: len * chunks }
            }
            _ => ShmError::Backend {
                action: format!("making a writer of `{topic}`"),
                detail: format!("{error:?}"),
            },
        })?;
        Ok(Self {
            draft: None,
            last_len: 0,
            publisher,
            factory,
            topic: topic.to_owned(),
            lane,
            pressure,
            capacity: len,
            chunks,
            generation: u64::MAX,
            sent: 0,
            succeeds: false,
            first: 0,
            mapped: false,
            waited: false,
            starved: false,
        })
    }

    /// A successor with room for `len` bytes per sample.
    #[expect(clippy::result_large_err, reason = "a failure hands the outlet back")]
    pub(crate) fn larger(
        self,
        len: usize,
        budget: usize,
    ) -> Result<(Self, Self), (Self, ShmError)> {
        let len = len.next_power_of_two().max(4 * self.capacity);
        let least = if self.lane.is_reliable() { MIN_RELIABLE } else { MIN_BEST_EFFORT };
        let chunks = (budget / len).clamp(least, MAX_CHUNKS);
        self.succeed(len, chunks)
    }

    /// A successor with more chunks, if there may be more.
    #[expect(clippy::result_large_err, reason = "a failure hands the outlet back")]
    pub(crate) fn deeper(self) -> Result<(Self, Self), (Self, ShmError)> {
        let chunks = 4 * self.chunks;
        if chunks * self.capacity > MAX_SEGMENT {
            let bytes = chunks * self.capacity;
            let topic = self.topic.clone();
            return Err((self, ShmError::NoMemory { topic, bytes }));
        }
        let len = self.capacity;
        self.succeed(len, chunks)
    }

    /// Returns the successor first, then the old one to linger.
    #[expect(clippy::result_large_err, reason = "a failure hands the outlet back")]
    fn succeed(mut self, len: usize, chunks: usize) -> Result<(Self, Self), (Self, ShmError)> {
        self.draft = None;
        let factory = self.factory.clone();
        let pressure = self.pressure.clone();
        match Self::with_chunks(factory, &self.topic, self.lane, len, chunks, pressure) {
            Ok(next) => Ok((Self { succeeds: true, ..next }, self)),
            Err(error) => Err((self, error)),
        }
    }

    /// Whether a sample of `len` bytes, pad included, fits.
    pub(crate) fn fits(&self, len: usize) -> bool {
        len <= self.capacity
    }

    /// Whether a chunk of `len` bytes, pad included, was taken ahead.
    #[inline]
    pub(crate) fn is_ready(&self, len: usize) -> bool {
        matches!(&self.draft, Some((ready, _)) if *ready == len)
    }

    /// Has a free chunk of `len` bytes, pad included, ready to be filled. On the RELIABLE lane it
    /// waits for one as long as the writer may block.
    pub(crate) fn loan(&mut self, len: usize) -> Result<Loaned, ShmError> {
        if self.is_ready(len) {
            return Ok(Loaned::Ready);
        }
        self.draft = None;
        match self.publisher.loan_slice_uninit(Cell::count(len)) {
            Ok(chunk) => Ok(self.drafted(len, chunk)),
            Err(error) => self.loan_late(len, error),
        }
    }

    fn drafted(&mut self, len: usize, chunk: Chunk) -> Loaned {
        self.starved = false;
        self.draft = Some((len, chunk));
        Loaned::Ready
    }

    #[cold]
    fn loan_late(&mut self, len: usize, mut error: LoanError) -> Result<Loaned, ShmError> {
        loop {
            match error {
                LoanError::OutOfMemory if !self.lane.is_reliable() => {
                    return Ok(Loaned::Full);
                }
                LoanError::OutOfMemory => {
                    if self.starved || self.pressure.is_over() {
                        self.starved = true;
                        return Err(ShmError::WriteTimeout {
                            topic: self.topic.clone(),
                            waited: self.pressure.limit(),
                            readers: 1,
                        });
                    }
                    self.pressure.ring();
                    std::thread::sleep(std::time::Duration::from_micros(100));
                }
                error => {
                    return Err(ShmError::Backend {
                        action: format!("loaning {len} bytes on `{}`", self.topic),
                        detail: format!("{error:?}"),
                    });
                }
            }
            error = match self.publisher.loan_slice_uninit(Cell::count(len)) {
                Ok(chunk) => return Ok(self.drafted(len, chunk)),
                Err(error) => error,
            };
        }
    }

    /// The bytes of the chunk that was loaned, pad included.
    pub(crate) fn bytes(&self) -> &[u8] {
        let Some((len, chunk)) = &self.draft else { return &[] };
        let cells = chunk.payload();
        // SAFETY: shared memory comes zeroed from the kernel and holds plain bytes ever after; `len`
        // bytes were loaned.
        unsafe { std::slice::from_raw_parts(cells.as_ptr().cast(), *len) }
    }

    /// The bytes of the chunk that was loaned, pad included, to be written.
    #[inline]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let Some((len, chunk)) = &mut self.draft else { return &mut [] };
        let cells = chunk.payload_mut();
        // SAFETY: as in `bytes`; the chunk is ours alone until it is sent.
        unsafe { std::slice::from_raw_parts_mut(cells.as_mut_ptr().cast(), *len) }
    }

    /// Sends the chunk that was loaned to every reader of the lane.
    pub(crate) fn send(&mut self, meta: &SampleMeta) -> Result<Sent, ShmError> {
        let Some((len, mut chunk)) = self.draft.take() else {
            return Ok(Sent { readers: 0, timed_out: 0, pressed: false });
        };
        if self.succeeds && self.first == 0 && !meta.is_history() {
            self.first = meta.sequence;
        }
        chunk.user_header_mut().fill(meta, len, self.first);
        self.sent += 1;
        self.last_len = len;
        // SAFETY: shared memory comes zeroed from the kernel and holds plain bytes ever after, so
        // every byte of it is initialised.
        let sample = unsafe { chunk.assume_init() };
        let sent = sample.send();
        let (timed_out, pressed) = self.pressure.settle();
        match sent {
            Ok(readers) => Ok(Sent { readers, timed_out, pressed }),
            Err(SendError::UnableToDeliver) => Ok(Sent { readers: 0, timed_out, pressed }),
            Err(error) => Err(ShmError::Backend {
                action: format!("sending on `{}`", self.topic),
                detail: format!("{error:?}"),
            }),
        }
    }

    /// Takes the next chunk ahead, if the next sample is likely to be as long as the last two were.
    pub(crate) fn prepare(&mut self, len: usize) {
        if len <= AHEAD_MAX && self.last_len == len && self.draft.is_none() {
            self.draft =
                self.publisher.loan_slice_uninit(Cell::count(len)).ok().map(|chunk| (len, chunk));
        }
    }
}

/// Fails early where the next samples could not be backed: touching a page of a full tmpfs kills the
/// process (SIGBUS).
fn check_room(topic: &str, len: usize) -> Result<(), ShmError> {
    let Ok(stat) = rustix::fs::statvfs("/dev/shm") else { return Ok(()) };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let needed = (8 * len + (1 << 20)) as u64;
    if stat.f_blocks > 0 && free < needed {
        return Err(ShmError::NoMemory { topic: topic.to_owned(), bytes: needed as usize });
    }
    Ok(())
}

//! Taking samples off the queue, and saying that none is left.

use iceoryx2::port::ReceiveError;
use tidewire_idl::Guid;

use super::ShmReader;
use crate::error::ShmError;
use crate::order::is_early;
use crate::routes::{find_writer, judge};
use crate::sample::{Pick, Taken};
use crate::service::MAX_BORROWED;

/// Looks in vain after which a reader says once more that it has taken everything: the epoch it says
/// it with wraps.
const SAY_AGAIN: u32 = 1 << 20;

impl ShmReader {
    #[inline(always)]
    pub(super) fn next(&mut self) -> Result<Option<Taken>, Box<ShmError>> {
        let generation = self.inlet.shared().control.generation();
        // Something may have changed: a writer may have come with memory to map, or wait to hear that
        // we have taken all it sent.
        let mut news = (generation != self.settled).then(|| self.epoch());
        loop {
            let received = self.receive()?;
            if news.is_some() && generation != self.attached {
                self.attach(generation);
            }
            if received.is_some() {
                self.took = true;
                return Ok(received);
            }
            if let Some(epoch) = news {
                self.settle(generation, epoch);
                return Ok(None);
            }
            self.idle = self.idle.wrapping_add(1);
            if !self.took && !self.idle.is_multiple_of(SAY_AGAIN) {
                return Ok(None);
            }
            // Say that there is nothing left, which takes a second look.
            news = Some(self.epoch());
        }
    }

    /// Read before looking: a sample sent after this moves the epoch past it.
    fn epoch(&self) -> u32 {
        self.inlet.shared().own.wake().epoch()
    }

    /// The publishers of `generation` are mapped.
    #[cold]
    fn attach(&mut self, generation: u64) {
        self.attached = generation;
        if let Some(slot) = &self.slot {
            slot.slot().set_attached(generation);
        }
    }

    /// There was nothing left to take in `epoch`.
    #[cold]
    fn settle(&mut self, generation: u64, epoch: u32) {
        self.took = false;
        self.settled = generation;
        if let Some(slot) = &self.slot {
            slot.slot().set_drained(epoch);
        }
        if self.crowd.is(self.judged.len()) {
            self.forget();
        }
    }

    /// Everything has been taken: writers that are gone will not be heard of again.
    fn forget(&mut self) {
        let peers = &self.inlet.shared().peers;
        self.judged.retain(|writer, _| find_writer(peers, self.topic, *writer).is_some());
        self.gaps.retain(|writer| self.judged.contains_key(writer));
        self.past.retain(|writer| self.judged.contains_key(writer));
        self.sources.retain(|source| self.judged.keys().any(|writer| writer.prefix() == *source));
        self.crowd.left(self.judged.len());
    }

    /// Writers that are remembered.
    #[doc(hidden)]
    pub fn remembered(&self) -> usize {
        self.judged.len().max(self.gaps.writers()).max(self.sources.len())
    }

    #[inline(always)]
    fn receive(&mut self) -> Result<Option<Taken>, Box<ShmError>> {
        if self.order.is_empty() {
            let (received, early) = self.receive_any().map_err(|error| self.explain(error))?;
            match received {
                Some(sample) if early => self.order.put_aside(sample),
                received => return Ok(received),
            }
        }
        self.receive_in_order()
    }

    /// While samples wait for earlier ones of their writers.
    #[cold]
    fn receive_in_order(&mut self) -> Result<Option<Taken>, Box<ShmError>> {
        loop {
            if let Some(sample) = self.order.pop() {
                let meta = sample.meta();
                self.lost += self.past.live(&mut self.gaps, Guid(meta.writer), meta.sequence);
                return Ok(Some(sample));
            }
            match self.receive_any() {
                Ok((Some(sample), true)) => self.order.put_aside(sample),
                Ok((Some(sample), false)) => {
                    self.order.follow(Guid(sample.meta().writer), &self.gaps);
                    return Ok(Some(sample));
                }
                Ok((None, _)) if self.order.is_empty() => return Ok(None),
                // Nothing else can be taken, or nothing else can be held.
                Ok((None, _)) => self.order.release(),
                Err(ReceiveError::ExceedsMaxBorrows) if !self.order.is_empty() => {
                    self.order.release();
                }
                Err(error) => return Err(self.explain(error)),
            }
        }
    }

    /// The next sample of whichever publisher, and whether it is too early: then it is not counted yet.
    #[inline(always)]
    fn receive_any(&mut self) -> Result<(Option<Taken>, bool), ReceiveError> {
        let Self { spec, topic, inlet: own, gaps, lost, sources, judged, last_source, .. } = self;
        let mut early = false;
        let past = &mut self.past;
        let received = own.receive(|meta| {
            let Some(meta) = meta else {
                *lost += 1;
                return Pick::Drop;
            };
            // The usual case first: the next sample of the same writer.
            if meta.is_live() && gaps.follows(Guid(meta.writer), meta.sequence) {
                return Pick::Take;
            }
            let (meta, since) = (meta.read(), meta.since());
            let matches = *judged.entry(meta.writer).or_insert_with(|| {
                // One that is gone already has left nothing to judge it by.
                judge(&own.shared().peers, *topic, meta.writer, &spec.qos).unwrap_or(true)
            });
            if !matches {
                return Pick::Drop;
            }
            let source = meta.writer.prefix();
            if *last_source != Some(source) {
                *last_source = Some(source);
                if sources.insert(source) {
                    own.shared().peers.remember(&source);
                }
            }
            if meta.is_history() {
                *lost += past.history(gaps, &meta);
            } else {
                early = is_early(since, gaps.last(meta.writer));
                if !early {
                    *lost += past.live(gaps, meta.writer, meta.sequence);
                }
            }
            Pick::Take
        })?;
        Ok((received, early))
    }

    #[cold]
    fn explain(&self, error: ReceiveError) -> Box<ShmError> {
        Box::new(match error {
            ReceiveError::ExceedsMaxBorrows => {
                ShmError::TooManyBorrowed { topic: self.spec.topic.clone(), limit: MAX_BORROWED }
            }
            error => ShmError::Backend {
                action: format!("taking from `{}`", self.spec.topic),
                detail: format!("{error:?}"),
            },
        })
    }
}

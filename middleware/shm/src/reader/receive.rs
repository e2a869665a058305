//! Taking samples off the queue, and saying that none is left.

use iceoryx2::port::ReceiveError;
use tidewire_idl::Guid;
use tidewire_transport::Arrival;

use super::ShmReader;
use crate::error::ShmError;
use crate::routes::judge;
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
    }

    #[inline(always)]
    fn receive(&mut self) -> Result<Option<Taken>, Box<ShmError>> {
        let Self { spec, topic, inlet: own, gaps, lost, sources, judged, last_source, .. } = self;
        let received = own.receive(|meta| {
            let Some(meta) = meta else {
                *lost += 1;
                return Pick::Drop;
            };
            // The usual case first: the next sample of the same writer.
            if meta.flags == 0 && gaps.follows(Guid(meta.writer), meta.sequence) {
                return Pick::Take;
            }
            let meta = meta.read();
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
            // Repetitions for late joiners have numbers from before; they say nothing about losses.
            if !meta.is_history()
                && let Arrival::New { missed } = gaps.observe(meta.writer, meta.sequence)
            {
                *lost += missed;
            }
            Pick::Take
        });
        received.map_err(|error| self.explain(error))
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

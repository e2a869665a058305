//! What a cached reader keeps: samples by instance, with the states of DDS 1.4, 2.2.2.5.1.
//!
//! It stands behind `take`, which knows nothing of it: whoever reads, waits or watches first moves what
//! has come into the [`Store`].

mod instance;
mod kinds;
mod select;
mod store;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tidewire_idl::{Guid, InstanceState, KeyHash, KeyReader};
use tidewire_qos::Qos;
use tidewire_transport::now_ns;

use super::core::ReaderCore;
use super::filter::Change;
use super::take::Payload;
use crate::error::ReadError;
use crate::status::{RejectedReason, SampleRejected};

use instance::Fresh;
pub use kinds::{
    CachedSample, InstanceStateKind, SampleStateKind, SampleStates, States, ViewStateKind,
};
use select::Place;
pub(crate) use select::{Query, Shown, Which};
use store::Store;

/// Samples that are moved into the cache at a time: a writer that never stops must not keep a reader
/// from what is there.
const BATCH: usize = 4096;

pub(crate) struct Cache {
    inner: Mutex<Inner>,
    keys: Option<KeyReader>,
    /// What the policies kept back and the instances must know of.
    aside: Mutex<Vec<Change>>,
    /// Whether something came since the last read or take (DATA_AVAILABLE).
    news: AtomicBool,
    /// Whether what has no room waits for it.
    reliable: bool,
}

struct Inner {
    store: Store,
    /// RELIABLE: a sample that waits for room, and all that come after it wait for it.
    waiting: Option<Fresh>,
    rejected: SampleRejected,
}

impl Cache {
    /// `keys` reads the keys of a keyed topic.
    pub fn new(qos: &Qos, keys: Option<KeyReader>) -> Self {
        Self {
            inner: Mutex::new(Inner {
                store: Store::new(qos),
                waiting: None,
                rejected: SampleRejected::default(),
            }),
            keys,
            aside: Mutex::default(),
            news: AtomicBool::new(false),
            reliable: qos.reliability.is_reliable(),
        }
    }

    /// What `query` asks for, each as `decode` makes of it; read from now on, or gone if `take`.
    ///
    /// # Errors
    /// Those of `decode`: the sample is dropped, and nothing else has changed.
    pub fn get<R>(
        &self,
        reader: &ReaderCore,
        query: &Query<'_>,
        take: bool,
        mut decode: impl FnMut(&Shown) -> Result<R, ReadError>,
    ) -> Result<Vec<R>, ReadError> {
        let mut inner = self.up_to_date(reader)?;
        if let Which::One(handle) = query.which
            && !inner.store.instances.contains_key(&handle)
        {
            return Err(ReadError::Instance { topic: reader.spec.topic.clone(), handle });
        }
        self.news.store(false, Ordering::Release);
        let shown = inner.store.choose(query);
        let mut made = Vec::with_capacity(shown.len());
        for sample in &shown {
            match decode(sample) {
                Ok(value) => made.push(value),
                Err(error) => {
                    let Place { handle, order } = sample.place;
                    inner.store.remove_broken(handle, order, self.keys.is_some());
                    return Err(error);
                }
            }
        }
        if take {
            inner.store.take_out(&shown);
        } else {
            inner.store.mark(&shown);
        }
        Ok(made)
    }

    /// Whether there is anything of what `query` asks for.
    pub fn has(&self, reader: &ReaderCore, query: &Query<'_>) -> bool {
        // What cannot be taken is told to whoever reads.
        self.up_to_date(reader).is_ok_and(|inner| inner.store.has(query))
    }

    /// Whether something came since it was last read.
    pub fn is_news(&self, reader: &ReaderCore) -> bool {
        // What cannot be taken is told to whoever reads.
        drop(self.up_to_date(reader));
        self.news.load(Ordering::Acquire)
    }

    /// Whether the instance is known.
    pub fn knows(&self, reader: &ReaderCore, handle: KeyHash) -> Result<bool, ReadError> {
        Ok(self.up_to_date(reader)?.store.instances.contains_key(&handle))
    }

    /// The serialised key of an instance.
    pub fn key(&self, reader: &ReaderCore, handle: KeyHash) -> Result<Option<Bytes>, ReadError> {
        let inner = self.up_to_date(reader)?;
        Ok(inner.store.instances.get(&handle).and_then(|instance| instance.key.clone()))
    }

    /// Follows what happens while nobody reads.
    pub fn watch(&self, reader: &ReaderCore, now: i64) {
        // Whoever has it does the same. What cannot be taken is told to whoever reads.
        if let Some(mut inner) = self.inner.try_lock() {
            let _ = self.fill(&mut inner, reader, now);
        }
    }

    pub fn read_rejected(&self, reader: &ReaderCore) -> SampleRejected {
        drop(self.up_to_date(reader));
        let mut inner = self.inner.lock();
        let rejected = inner.rejected;
        inner.rejected.total_change = 0;
        rejected
    }

    pub fn is_rejected_new(&self, reader: &ReaderCore) -> bool {
        drop(self.up_to_date(reader));
        self.inner.lock().rejected.total_change != 0
    }

    fn up_to_date(&self, reader: &ReaderCore) -> Result<MutexGuard<'_, Inner>, ReadError> {
        let mut inner = self.inner.lock();
        self.fill(&mut inner, reader, now_ns())?;
        Ok(inner)
    }

    /// Moves in what has come, then sees whose writers are gone.
    fn fill(&self, inner: &mut Inner, reader: &ReaderCore, now: i64) -> Result<(), ReadError> {
        let (mut came, rejected) = (false, inner.rejected.total);
        let mut all = self.drain(inner, reader, now, &mut came)?;
        reader.look();
        let writers = inner.store.writers();
        let gone: Vec<Guid> = writers.filter(|w| !reader.is_writing(w)).copied().collect();
        let (mut ended, mut held) = (false, false);
        if !gone.is_empty() {
            // What they wrote before they went comes first, be it on its way through the backend.
            let arrived = reader.pump();
            all = self.drain(inner, reader, now, &mut came)? && arrived;
            // And what a filter by time holds of theirs.
            gone.iter().for_each(|writer| held |= all && reader.incoming.judge.hasten(writer));
            all = all && (!held || self.drain(inner, reader, now, &mut came)?);
            if all {
                gone.iter().for_each(|writer| ended |= inner.store.lose(writer, now));
            }
        }
        let purged = inner.store.purge(now);
        if came || ended {
            self.news.store(true, Ordering::Release);
        }
        // Others wait for what this thread has noticed. Samples themselves have woken them, unless there
        // were too many for one turn.
        if ended || held || purged || inner.rejected.total != rejected || (came && !all) {
            reader.core.wake.wake();
        }
        Ok(())
    }

    /// Says in `came` whether anything came; gives whether that was all there is.
    fn drain(
        &self,
        inner: &mut Inner,
        reader: &ReaderCore,
        now: i64,
        came: &mut bool,
    ) -> Result<bool, ReadError> {
        for _ in 0..BATCH {
            let waited = inner.waiting.take();
            let again = waited.is_some();
            let fresh = match waited {
                Some(fresh) => Some(fresh),
                None => reader.take_fresh()?,
            };
            // What was kept back on the way to it comes before it.
            for change in self.aside.lock().drain(..) {
                inner.store.note(&change, now);
            }
            let Some(fresh) = fresh else { return Ok(true) };
            match inner.store.room(&fresh) {
                Ok(()) => {
                    *came = true;
                    inner.store.insert(fresh, now, |fresh| self.key_of(fresh));
                }
                Err(reason) => {
                    if !again {
                        inner.reject(reason, fresh.info.key);
                    }
                    // Instances do not go by taking: who waits for one may wait for ever.
                    if self.reliable && reason != RejectedReason::ByInstancesLimit {
                        inner.waiting = Some(fresh);
                        return Ok(false);
                    }
                }
            }
        }
        Ok(false)
    }

    fn key_of(&self, fresh: &Fresh) -> Option<Bytes> {
        match fresh.info.state {
            InstanceState::Alive => {
                self.keys.as_ref()?.key_payload(&fresh.payload).ok().map(Bytes::from)
            }
            // A key that was sent as a hash only is no key.
            _ => self.keys.as_ref()?.key_hash_of_key(&fresh.payload).ok().map(|_| {
                // Not a slice of what the transport lent: it lives as long as the instance.
                Bytes::copy_from_slice(&fresh.payload)
            }),
        }
    }
}

impl Inner {
    fn reject(&mut self, reason: RejectedReason, instance: KeyHash) {
        self.rejected.total += 1;
        self.rejected.total_change += 1;
        self.rejected.last_reason = reason;
        self.rejected.last_instance = instance;
    }
}

impl ReaderCore {
    /// A change that is not delivered: whoever wrote it is one of the instance's writers all the same.
    #[cold]
    pub(super) fn set_aside(&self, change: &Change) {
        if let Some(cache) = self.cache.get() {
            cache.aside.lock().push(*change);
        }
    }

    /// The next change, to be kept.
    fn take_fresh(&self) -> Result<Option<Fresh>, ReadError> {
        let taken = self.take_as(
            |sample, reception_time, last| {
                let meta = sample.meta();
                let info = self.info_at(&meta, reception_time, last);
                let (expires, disposes) = (meta.expires, meta.disposes());
                Fresh { info, payload: Payload::Shm(sample).into_bytes(), expires, disposes }
            },
            |arrived, last| {
                let point = self.point(last, &arrived.sample.writer.prefix());
                let info = arrived.info(point);
                let (expires, disposes) = (arrived.expires, arrived.disposes);
                Fresh { info, payload: arrived.sample.payload, expires, disposes }
            },
        );
        taken.map_err(|error| *error)
    }

    /// Whether a writer may still write what this reader gets. Not yet matched is not gone: its first
    /// samples may come before the news of it.
    fn is_writing(&self, writer: &Guid) -> bool {
        if self.statuses.is_matched(writer) {
            return true;
        }
        if self.statuses.was_matched(writer) || self.core.is_local(&writer.prefix()) {
            return false;
        }
        let known = |dds: &crate::backend::DdsParticipant| {
            dds.with_discovered(|known| known.writers.contains_key(writer))
        };
        self.core.dds.as_ref().is_some_and(known) || self.core.own_writer(writer).is_some()
    }
}

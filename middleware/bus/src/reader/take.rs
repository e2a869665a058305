//! Taking: which transport has the next sample, and whether it is delivered.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tidewire_idl::SampleInfo;
use tidewire_shm::{ShmError, ShmInlet, ShmReader, ShmSample};
use tidewire_transport::buffer;
use tidewire_transport::dds::DdsSample;
use tidewire_transport::{Prefix, SampleMeta, now_ns};

use super::arrived::{Arrived, Standing};
use super::core::{ReaderCore, State};
use super::filter::Change;
use super::judge::Judged;
use super::track::Tracks;
use super::watch::PARKED;
use crate::backend::DdsReader;
use crate::error::ReadError;
use crate::participant::LastPoint;

/// A sample that is taken this soon after it was written, in ns, has not waited: to look for newer ones
/// that displace it would cost every reader that keeps up.
const PROMPT: i64 = 100_000;

/// A sample on shared memory.
pub(super) type Shm<'reader> = ShmSample<&'reader ShmInlet>;

/// A sample on shared memory, when we saw it, and what it was judged by.
pub(super) type Found<'reader> = (Shm<'reader>, i64, Judged<'reader>);

/// A payload where it lies.
pub(crate) enum Payload<'reader> {
    Shm(Shm<'reader>),
    Dds(Bytes),
}

impl Deref for Payload<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Shm(sample) => sample,
            Self::Dds(bytes) => bytes,
        }
    }
}

impl Payload<'_> {
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Shm(sample) => sample.into_bytes(),
            Self::Dds(bytes) => bytes,
        }
    }
}

impl ReaderCore {
    /// The next change, from either transport.
    pub fn take(&self) -> Result<Option<(SampleInfo, Payload<'_>)>, ReadError> {
        let taken = self.take_as(
            |sample, reception_time, last| {
                let mut meta = sample.meta();
                meta.key = self.incoming.instance(&meta, &sample);
                (self.info_at(&meta, reception_time, last), Payload::Shm(sample))
            },
            |arrived, last| {
                let point = self.point(last, &arrived.sample.writer.prefix());
                (arrived.info(point), Payload::Dds(arrived.sample.payload))
            },
        );
        taken.map_err(|error| *error)
    }

    /// The next change, as `shm` or `dds` make of it; whichever transport has one, in turns.
    #[inline(always)]
    pub fn take_as<'reader, R>(
        &'reader self,
        shm: impl FnOnce(Shm<'reader>, i64, &mut LastPoint) -> R,
        dds: impl FnOnce(Arrived, &mut LastPoint) -> R,
    ) -> Result<Option<R>, Fault> {
        let mut state = self.state.lock();
        if self.behind.load(Ordering::Relaxed) {
            return self.take_newest(&mut state, dds);
        }
        state.dds_first = !state.dds_first;
        if state.dds_first
            && self.incoming.waits()
            && let Some(arrived) = self.take_dds()
        {
            return Ok(Some(self.arrived(arrived, &mut state, dds)));
        }
        if let Some((sample, time, judged)) = self.take_shm(&mut state)? {
            if self.is_behind(&sample, time, &judged) {
                self.park(&sample, time, judged);
                return self.take_newest(&mut state, dds);
            }
            drop(judged);
            // Under the lock of `state`.
            self.received.step();
            return Ok(Some(shm(sample, time, &mut state.point)));
        }
        if !self.incoming.waits() {
            if self.fetches.load(Ordering::Relaxed) {
                drop(state);
                self.poll_dds();
                state = self.state.lock();
            } else if !self.incoming.judge.holds() {
                return self.nothing();
            }
        }
        match self.take_dds().or_else(|| self.take_due()) {
            Some(arrived) => Ok(Some(self.arrived(arrived, &mut state, dds))),
            None => self.nothing(),
        }
    }

    /// Whether a sample on shared memory is to go behind those that wait: newer ones may displace it under
    /// KEEP_LAST, what was judged before it comes first, and so does the last sample of an instance that
    /// ends.
    #[inline]
    fn is_behind(&self, sample: &Shm<'_>, time: i64, judged: &Judged<'_>) -> bool {
        let has_waited = || time.saturating_sub(sample.source_time()) > PROMPT;
        (self.keeps_last && (has_waited() || (judged.is_some() && self.incoming.waits())))
            || (self.incoming.judge.holds() && !sample.is_alive())
    }

    /// Under KEEP_LAST, when samples have waited: the newest of each instance displace older ones in
    /// the queue of what came over DDS, and all are taken from there.
    #[cold]
    fn take_newest<R>(
        &self,
        state: &mut State,
        dds: impl FnOnce(Arrived, &mut LastPoint) -> R,
    ) -> Result<Option<R>, Fault> {
        if self.align(state)? {
            return self.nothing();
        }
        // Of what displaces nothing a few: beyond them its writers wait, as elsewhere.
        let most = if self.keeps_last { usize::MAX } else { PARKED };
        self.park_up_to(most, state)?;
        let taken = self.take_dds().or_else(|| self.take_due());
        self.catch_up();
        match taken {
            Some(arrived) => Ok(Some(self.arrived(arrived, state, dds))),
            None => self.nothing(),
        }
    }

    /// Until so many wait.
    pub(super) fn park_up_to(&self, most: usize, state: &mut State) -> Result<(), Fault> {
        while self.incoming.waiting() < most
            && let Some((sample, time, judged)) = self.take_shm(state)?
        {
            self.park(&sample, time, judged);
        }
        Ok(())
    }

    pub(super) fn park(&self, sample: &Shm<'_>, reception_time: i64, judged: Judged<'_>) {
        let mut arrived = self.copied(&sample.meta(), sample, reception_time);
        if self.incoming.judges_later() {
            arrived.standing = Standing::Unjudged;
        }
        self.incoming.park(arrived);
        drop(judged);
    }

    /// A sample on shared memory that has passed, in memory of our own.
    fn copied(&self, meta: &SampleMeta, payload: &[u8], reception_time: i64) -> Arrived {
        let SampleMeta { writer, sequence, source_time, state, expires, .. } = *meta;
        let key = self.incoming.instance(meta, payload);
        let payload = buffer::copied(payload);
        let sample = DdsSample { writer, sequence, source_time, key, state, payload };
        let (standing, disposes) = (Standing::Passed, meta.disposes());
        Arrived { sample, reception_time, expires, standing, disposes }
    }

    /// There is no sample; or the DDS side has stopped.
    #[inline]
    fn nothing<R>(&self) -> Result<Option<R>, Fault> {
        match self.core.check() {
            Ok(()) => Ok(None),
            Err(error) => Err(Box::new(error.into())),
        }
    }

    #[cold]
    fn arrived<R>(
        &self,
        arrived: Arrived,
        state: &mut State,
        dds: impl FnOnce(Arrived, &mut LastPoint) -> R,
    ) -> R {
        self.idle.store(0, Ordering::Relaxed);
        self.received.step();
        dds(arrived, &mut state.point)
    }

    /// Looks for samples off the wire itself if somebody polls: the receive thread would have to be
    /// scheduled first. Whoever waits to be woken finds them in the queue.
    fn poll_dds(&self) {
        if self.idle.fetch_add(1, Ordering::Relaxed) > 0
            && let Some(dds) = &self.dds
        {
            dds.pump();
        }
    }

    /// Has what came off the wire put into the queue. Whether all that has arrived can be taken now.
    pub(super) fn pump(&self) -> bool {
        self.dds.as_ref().is_none_or(DdsReader::pump_all)
    }

    /// The next sample on shared memory and when we saw it.
    #[inline(always)]
    pub(super) fn take_shm(&self, state: &mut State) -> Result<Option<Found<'_>>, Fault> {
        let (Some(inlet), State { shm: Some(shm), tracks, .. }) = (&self.inlet, state) else {
            return Ok(None);
        };
        let guarded = self.timed || self.durable || self.incoming.keeps_back();
        while let Some(sample) = shm.take_from(inlet).map_err(|error| fault(*error))? {
            let now = now_ns();
            if !guarded && sample.is_ordinary() {
                return Ok(Some((sample, now, None)));
            }
            if let Some(judged) = self.judge((shm, tracks), &sample.meta(), &sample, now) {
                return Ok(Some((sample, now, judged)));
            }
        }
        if tracks.are_crowded() {
            tracks.forget(|writer| shm.is_there(writer));
        }
        Ok(None)
    }

    /// Whether a sample on shared memory is delivered at `now`.
    fn judge(
        &self,
        (shm, tracks): (&ShmReader, &mut Tracks),
        meta: &SampleMeta,
        payload: &[u8],
        now: i64,
    ) -> Option<Judged<'_>> {
        let new = match self.durable {
            true => tracks.is_new(meta, || shm.generation()),
            false => !meta.is_history(),
        };
        if !new
            || self.incoming.is_blocked(&meta.writer)
            || !self.incoming.pass_content(meta.state, payload)
        {
            return None;
        }
        let mut change = Change::of(meta);
        change.key = self.incoming.instance(meta, payload);
        if !self.incoming.hear(&change, payload) {
            return None;
        }
        self.incoming.renew(&change, true, meta.source_time, now);
        if self.incoming.judges_later() {
            return Some(None);
        }
        let copy = || self.copied(meta, payload, now);
        let judged = self.incoming.judge(&change, now, &self.core, copy);
        if judged.is_none() {
            self.incoming.unhear(&change.key);
            self.set_aside(&change);
        }
        judged
    }

    fn take_dds(&self) -> Option<Arrived> {
        while let Some(arrived) = self.incoming.pop() {
            let change = arrived.change();
            let passes = match arrived.standing {
                Standing::KeptBack => false,
                Standing::Unjudged if !self.incoming.judge.is_open() => {
                    let copy = || arrived.clone();
                    self.incoming.judge(&change, now_ns(), &self.core, copy).is_some()
                }
                _ => {
                    arrived.expires == 0 || !tidewire_transport::is_over(arrived.expires, now_ns())
                }
            };
            if !passes {
                self.set_aside(&change);
                continue;
            }
            return Some(match self.incoming.judge.holds() && arrived.is_end() {
                true => self.last_or(arrived),
                false => arrived,
            });
        }
        None
    }

    /// The last sample before the end of an instance, which goes back until it is taken; or that.
    #[cold]
    fn last_or(&self, mut end: Arrived) -> Arrived {
        let last = self.incoming.judge.release(&end);
        match last.filter(|last| !tidewire_transport::is_over(last.expires, now_ns())) {
            Some(last) => {
                end.standing = Standing::Passed;
                self.incoming.put_back(end);
                self.behind.store(true, Ordering::Relaxed);
                self.incoming.hear_again(&last.sample.key);
                last
            }
            None => end,
        }
    }

    /// A sample that came too soon and was the last. Only where nothing else is left to be taken: that
    /// might be newer.
    fn take_due(&self) -> Option<Arrived> {
        if !self.incoming.judge.holds() {
            return None;
        }
        let now = now_ns();
        while let Some(arrived) = self.incoming.judge.due(now, || self.incoming.waits()) {
            if !tidewire_transport::is_over(arrived.expires, now) {
                self.incoming.hear_again(&arrived.sample.key);
                return Some(arrived);
            }
        }
        None
    }

    /// What is told of a sample on shared memory.
    pub fn info_of(&self, meta: &SampleMeta, reception_time: i64) -> SampleInfo {
        info_of(meta, reception_time, self.core.point(&meta.writer.prefix()))
    }

    /// As [`info_of`](Self::info_of), where the point of the last sample is at hand.
    pub(super) fn info_at(
        &self,
        meta: &SampleMeta,
        reception_time: i64,
        last: &mut LastPoint,
    ) -> SampleInfo {
        info_of(meta, reception_time, self.point(last, &meta.writer.prefix()))
    }

    pub(super) fn point(&self, last: &mut LastPoint, prefix: &Prefix) -> Arc<str> {
        last.of(&self.core.points, prefix, || self.core.point(prefix))
    }
}

/// An error that is moved as one word.
pub(super) type Fault = Box<ReadError>;

#[cold]
fn fault(error: ShmError) -> Fault {
    Box::new(ReadError::Shm(error))
}

/// What a reader tells of a sample on shared memory.
fn info_of(meta: &SampleMeta, reception_time: i64, point: Arc<str>) -> SampleInfo {
    SampleInfo {
        source_time: meta.source_time,
        reception_time,
        writer: meta.writer,
        sequence: meta.sequence,
        key: meta.key,
        state: meta.state,
        point,
    }
}

//! What typed and raw readers share: both transports, each sample once.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tidewire_dds::DdsReader;
use tidewire_idl::{Guid, SampleInfo, TypeDescriptor};
use tidewire_qos::policy::Durability;
use tidewire_shm::{ShmReader, ShmSample};
use tidewire_transport::{Counter, EndpointSpec};

use super::filter::TimeFilter;
use super::incoming::Incoming;
use super::track::Tracks;
use crate::error::{BusError, ReadError};
use crate::keys::Keys;
use crate::participant::{Core, OwnEndpoint};
use crate::support::{self, Role};
use crate::time::now_ns;

pub(crate) struct ReaderCore {
    pub spec: EndpointSpec,
    guid: Guid,
    pub core: Arc<Core>,
    incoming: Arc<Incoming>,
    state: Mutex<State>,
    received: Counter,
    dds: Option<DdsReader>,
}

struct State {
    shm: Option<ShmReader>,
    tracks: Tracks,
    filter: Option<TimeFilter>,
    /// Which transport to ask first next time, so that neither starves the other.
    dds_first: bool,
}

/// A payload where it lies.
pub(crate) enum Payload {
    Shm(ShmSample),
    Dds(Bytes),
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Shm(sample) => sample,
            Self::Dds(bytes) => bytes,
        }
    }
}

impl Payload {
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Shm(sample) => sample.into_bytes(),
            Self::Dds(bytes) => bytes,
        }
    }
}

impl ReaderCore {
    pub fn new(
        core: &Arc<Core>,
        spec: EndpointSpec,
        ty: Option<&TypeDescriptor>,
    ) -> Result<Arc<Self>, BusError> {
        support::check(&spec.topic, &spec.qos, Role::Reader)?;
        let keys = Keys::of(ty.filter(|_| spec.keyed));
        let incoming = Arc::new(Incoming::new(core, keys, spec.keyed, &spec.qos));
        // Shared memory first: a writer that then hears of the DDS reader finds it there already.
        let (shm, dds) = match (&core.shm, &core.dds) {
            (None, Some(dds)) => (None, Some(dds.reader(&spec, incoming.clone())?)),
            (Some(shm), None) => (Some(shm.reader(&spec, core.own_guid(&spec, false))?), None),
            (Some(shm), Some(dds)) => {
                let shared = shm.reader(&spec, core.own_guid(&spec, false))?;
                (Some(shared), Some(dds.reader(&spec, incoming.clone())?))
            }
            (None, None) => (None, None),
        };
        let guid = match &dds {
            Some(dds) => dds.guid(),
            None => core.own_guid(&spec, false),
        };
        let reader = Arc::new(Self {
            guid,
            core: core.clone(),
            incoming,
            state: Mutex::new(State {
                shm,
                tracks: Tracks::default(),
                filter: TimeFilter::new(spec.qos.time_based_filter),
                dds_first: false,
            }),
            received: Counter::default(),
            dds,
            spec,
        });
        core.register(OwnEndpoint::Reader(Arc::downgrade(&reader)));
        Ok(reader)
    }

    pub fn guid(&self) -> Guid {
        self.guid
    }

    /// Its policies and that writer's do not fit.
    pub fn block(&self, writer: Guid) {
        self.incoming.block(writer);
    }

    /// The next change, from either transport.
    pub fn take(&self) -> Result<Option<(SampleInfo, Payload)>, ReadError> {
        let mut state = self.state.lock();
        state.dds_first = !state.dds_first;
        let found = if state.dds_first {
            match self.take_dds(&mut state) {
                Some(found) => Some(found),
                None => self.take_shm(&mut state)?,
            }
        } else {
            match self.take_shm(&mut state)? {
                Some(found) => Some(found),
                None => self.take_dds(&mut state),
            }
        };
        match found {
            Some(found) => {
                self.received.add(1);
                Ok(Some(found))
            }
            None => {
                self.core.check()?;
                Ok(None)
            }
        }
    }

    fn take_shm(&self, state: &mut State) -> Result<Option<(SampleInfo, Payload)>, ReadError> {
        let durable = self.spec.qos.durability > Durability::Volatile;
        let State { shm: Some(shm), tracks, filter, .. } = state else {
            return Ok(None);
        };
        while let Some(sample) = shm.take()? {
            let meta = *sample.meta();
            if meta.is_history() && !durable {
                continue;
            }
            if (durable && !tracks.is_new(&meta)) || self.incoming.is_blocked(&meta.writer) {
                continue;
            }
            let info = SampleInfo {
                source_time: meta.source_time,
                reception_time: now_ns(),
                writer: meta.writer,
                sequence: meta.sequence,
                key: meta.key,
                state: meta.state,
                point: self.core.point(&meta.writer.prefix()),
            };
            if filter.as_mut().is_none_or(|filter| filter.pass(&info)) {
                return Ok(Some((info, Payload::Shm(sample))));
            }
        }
        Ok(None)
    }

    fn take_dds(&self, state: &mut State) -> Option<(SampleInfo, Payload)> {
        while let Some(arrived) = self.incoming.pop() {
            let sample = arrived.sample;
            let info = SampleInfo {
                source_time: sample.source_time,
                reception_time: arrived.reception_time,
                writer: sample.writer,
                sequence: sample.sequence,
                key: sample.key,
                state: sample.state,
                point: self.core.point(&sample.writer.prefix()),
            };
            if state.filter.as_mut().is_none_or(|filter| filter.pass(&info)) {
                return Some((info, Payload::Dds(sample.payload)));
            }
        }
        None
    }

    /// `attempt` until it gives something or `timeout` has passed.
    pub fn until<R>(
        &self,
        timeout: Duration,
        mut attempt: impl FnMut() -> Result<Option<R>, ReadError>,
    ) -> Result<Option<R>, ReadError> {
        let deadline = Instant::now() + timeout;
        loop {
            let epoch = self.core.wake.epoch();
            if let Some(found) = attempt()? {
                return Ok(Some(found));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.core.wake.wait_since(epoch, left);
        }
    }

    /// `attempt` until it gives something, without blocking the thread.
    pub async fn until_async<R>(
        &self,
        mut attempt: impl FnMut() -> Result<Option<R>, ReadError>,
    ) -> Result<R, ReadError> {
        let notify = self.core.notify().map_err(tidewire_dds::DdsError::Io)?;
        loop {
            let notified = notify.notified();
            tokio::pin!(notified);
            // Listening before looking: what comes in between is not missed.
            notified.as_mut().enable();
            if let Some(found) = attempt()? {
                return Ok(found);
            }
            notified.await;
        }
    }

    pub fn received(&self) -> u64 {
        self.received.get()
    }

    pub fn lost(&self) -> u64 {
        let shared = self.state.lock().shm.as_ref().map_or(0, ShmReader::lost);
        shared + self.incoming.lost()
    }

    pub fn matched_writers(&self) -> usize {
        let shared = self.state.lock().shm.as_ref().map_or(0, ShmReader::matched);
        let remote = self.dds.as_ref().map_or(0, |dds| {
            dds.matched().iter().filter(|writer| !self.core.is_local(&writer.prefix())).count()
        });
        shared + remote
    }

    /// Samples dropped because their writer uses another type on this topic.
    pub fn foreign(&self) -> u64 {
        self.dds.as_ref().map_or(0, DdsReader::foreign)
    }

    pub fn wait_for_writers(&self, count: usize, timeout: Duration) -> Result<(), BusError> {
        let deadline = Instant::now() + timeout;
        loop {
            let epoch = self.core.wake.epoch();
            if self.matched_writers() >= count {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(BusError::NobodyThere {
                    what: "writer",
                    topic: self.spec.topic.clone(),
                    waited: timeout,
                    domain: self.core.domain,
                });
            }
            self.core.wake.wait_since(epoch, left.min(Duration::from_millis(5)));
        }
    }
}

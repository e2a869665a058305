//! Writers: payloads onto the wire as they are.

mod backlog;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cyclors::{
    DDS_RETCODE_TIMEOUT, DDSI_STATUSINFO_DISPOSE, DDSI_STATUSINFO_UNREGISTER, dds_entity_t,
    ddsi_sertype,
};
use parking_lot::Mutex;
use tidewire_idl::{Guid, KeyHash};
use tidewire_qos::{DataRepresentation, Durability};
use tidewire_transport::dds::{DdsError, DdsWriteError, check_payload};
use tidewire_transport::{Counter, EndpointSpec};

use crate::batch::Batch;
use crate::callback;
use crate::endpoint::{Endpoint, Listener};
use crate::participant::Owner;
use crate::serdata::Serdata;
use crate::sys::{check, reason};
use crate::{qos, security, sertype};
use backlog::{Backlog, Late};
pub(crate) use backlog::{Share, Window};

/// Largest time RTPS can say, 2106 (RTPS 2.5, 9.3.2.1), in ns since the Unix epoch.
const MAX_TIME: i64 = (u32::MAX as i64 - 1) * 1_000_000_000;

/// A writer on the wire; dropping it leaves the topic.
pub struct DdsWriter {
    inner: Arc<Inner>,
}

struct Inner {
    endpoint: Endpoint,
    /// The topic's, which lives as long as the endpoint.
    ty: *const ddsi_sertype,
    topic: String,
    keyed: bool,
    /// Whether Cyclone must know one instance from another: for history and deadlines.
    told_apart: bool,
    announced: DataRepresentation,
    /// The number of the last change. Cyclone counts too, from 1, but does not tell: writing one at a
    /// time keeps both the same.
    sequence: Mutex<u64>,
    written: Counter,
    /// If samples may wait for others.
    batch: Option<Arc<Batch>>,
    /// What is under way, if RELIABLE.
    window: Option<Arc<Window>>,
    backlog: Backlog,
}

// SAFETY: `ty` is only read, by Cyclone, which shares it between threads itself.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

/// The entities of a writer and its topic, and the topic's type.
fn create(
    owner: &Owner,
    spec: &EndpointSpec,
    listener: &Listener,
) -> Result<(dds_entity_t, dds_entity_t, *const ddsi_sertype), String> {
    let policies = qos::writer(&spec.qos)?;
    let (topic, ty) = sertype::topic(owner.entity, spec)?;
    // SAFETY: everything is valid; the listener's argument lives as long as the endpoint.
    let created = unsafe {
        let (policies, calls) = (policies.as_ptr(), listener.as_ptr());
        let created = check(cyclors::dds_create_writer(owner.entity, topic, policies, calls));
        if created.is_err() {
            cyclors::dds_delete(topic);
        }
        created
    };
    Ok((created?, topic, ty))
}

impl DdsWriter {
    pub(crate) fn new(owner: &Arc<Owner>, spec: &EndpointSpec) -> Result<Self, DdsError> {
        let listener = Listener::of_writer(&owner.shared);
        let (entity, topic, ty) = security::listening(|| create(owner, spec, &listener))
            .map_err(|refusal| security::refused(spec, true, &refusal))?;
        owner.shared.anchor.of_writer(entity);
        let qos = &spec.qos;
        let inner = Inner {
            endpoint: Endpoint::new(owner, entity, topic, listener, spec, true)?,
            ty,
            topic: spec.topic.clone(),
            keyed: spec.keyed,
            told_apart: qos.durability > Durability::Volatile || !qos.deadline.is_infinite(),
            announced: spec.qos.representations()[0],
            sequence: Mutex::new(0),
            written: Counter::default(),
            // SAFETY: of the topic made above; closed before the endpoint, which holds the domain, goes.
            batch: Batch::budget(qos).map(|budget| unsafe { Batch::new(entity, ty, budget) }),
            window: qos.reliability.is_reliable().then(Arc::default),
            backlog: Backlog::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Its GUID.
    pub fn guid(&self) -> Guid {
        self.inner.endpoint.guid
    }

    /// Readers matched now.
    pub fn matched(&self) -> Vec<Guid> {
        self.inner.endpoint.matched()
    }

    /// Samples handed to RTPS so far, disposes included.
    pub fn written(&self) -> u64 {
        self.inner.written.get()
    }

    /// Writes `payload`, header included, as written at `source_time` (ns since the Unix epoch), and
    /// returns its RTPS sequence number. Waits up to `max_blocking_time` if RELIABLE; in a listener, where
    /// nothing must wait, the sample itself waits until there is room, and the number is 0. A payload that is
    /// no multiple of four bytes is padded, as RTPS pads it anyway, and its header says by how many.
    pub fn write(
        &self,
        payload: Bytes,
        key: KeyHash,
        source_time: i64,
    ) -> Result<u64, DdsWriteError> {
        check_payload(&payload, self.inner.announced)?;
        self.send(Late { payload, key, status: 0, time: source_time })
    }

    /// Disposes the instance whose serialised key, header included, is `key_payload`.
    pub fn dispose(
        &self,
        key_payload: Bytes,
        key: KeyHash,
        source_time: i64,
    ) -> Result<(), DdsWriteError> {
        self.retire(key_payload, key, DDSI_STATUSINFO_DISPOSE, source_time)
    }

    /// Says that this writer writes the instance no more (DDS 1.4, 2.2.2.4.2.7), and disposes it too if
    /// `dispose`, as `autodispose_unregistered_instances` asks.
    pub fn unregister(
        &self,
        key_payload: Bytes,
        key: KeyHash,
        source_time: i64,
        dispose: bool,
    ) -> Result<(), DdsWriteError> {
        let status = if dispose { DDSI_STATUSINFO_DISPOSE } else { 0 };
        self.retire(key_payload, key, status | DDSI_STATUSINFO_UNREGISTER, source_time)
    }

    /// Says that the writer is alive, for MANUAL liveliness (DDS 1.4, 2.2.3.11); so does every write.
    pub fn assert_liveliness(&self) -> Result<(), DdsWriteError> {
        // SAFETY: the writer is ours.
        check(unsafe { cyclors::dds_assert_liveliness(self.inner.endpoint.entity) })
            .map(drop)
            .map_err(DdsWriteError::Backend)
    }

    /// Waits until every matched RELIABLE reader has acknowledged everything written.
    pub fn wait_for_acknowledgments(&self, timeout: Duration) -> bool {
        let until = Instant::now() + timeout;
        while !self.inner.backlog.is_empty() {
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        if let Some(batch) = &self.inner.batch {
            batch.flush();
        }
        let left = until.saturating_duration_since(Instant::now()).as_nanos();
        let left = i64::try_from(left).unwrap_or(i64::MAX);
        // SAFETY: the writer is ours.
        unsafe { cyclors::dds_wait_for_acks(self.inner.endpoint.entity, left) >= 0 }
    }

    fn retire(
        &self,
        key_payload: Bytes,
        key: KeyHash,
        status: u32,
        source_time: i64,
    ) -> Result<(), DdsWriteError> {
        check_payload(&key_payload, self.inner.announced)?;
        if !self.inner.keyed {
            return Err(DdsWriteError::NoKey(self.inner.topic.clone()));
        }
        self.send(Late { payload: key_payload, key, status, time: source_time }).map(drop)
    }

    fn send(&self, change: Late) -> Result<u64, DdsWriteError> {
        let inner = &self.inner;
        let shared = &inner.endpoint.owner.shared;
        if shared.secured
            && let Some(reason) = shared.failed.get()
        {
            return Err(DdsWriteError::Backend(reason.clone()));
        }
        if callback::is_inside() {
            return self.send_inside(change);
        }
        let mut sequence = inner.sequence.lock();
        // What listeners have written comes first.
        while let Some(late) = inner.backlog.oldest() {
            inner.write(&mut sequence, late)?;
            inner.backlog.written();
        }
        inner.write(&mut sequence, change)
    }

    /// On a thread of Cyclone's, which must not wait.
    fn send_inside(&self, change: Late) -> Result<u64, DdsWriteError> {
        let inner = &self.inner;
        let has_room = |w: &Arc<Window>| w.has_room(change.payload.len());
        if let Some(mut sequence) = inner.sequence.try_lock()
            && inner.backlog.is_empty()
            && inner.window.as_ref().is_none_or(has_room)
        {
            return inner.write(&mut sequence, change);
        }
        match inner.backlog.push(change) {
            None => Err(DdsWriteError::Timeout),
            Some(first) => {
                if first {
                    let inner = inner.clone();
                    let thread = std::thread::Builder::new().name("tidewire-late".into());
                    thread.spawn(move || drain(&inner)).map_err(|error| {
                        DdsWriteError::Backend(format!("no thread to write later: {error}"))
                    })?;
                }
                // Its number is not known yet.
                Ok(0)
            }
        }
    }
}

/// Writes what waits, until nothing does.
fn drain(inner: &Arc<Inner>) {
    while !inner.backlog.is_done() {
        let mut sequence = inner.sequence.lock();
        let Some(late) = inner.backlog.oldest() else { continue };
        match inner.write(&mut sequence, late) {
            // The reader may come back, as long as there is somebody to write for.
            Err(DdsWriteError::Timeout) if Arc::strong_count(inner) > 1 => continue,
            Err(error) => {
                tracing::warn!(topic = inner.topic, %error, "a listener's sample was not written");
            }
            Ok(_) => {}
        }
        inner.backlog.written();
    }
}

impl Inner {
    /// Writes one change, waiting for room if there is none.
    fn write(&self, sequence: &mut u64, change: Late) -> Result<u64, DdsWriteError> {
        let Late { payload, key, status, time } = change;
        let key = if self.keyed { key } else { KeyHash::default() };
        let time = time.clamp(0, MAX_TIME);
        let next = *sequence + 1;
        let share = self.window.as_ref().map(|window| Share::new(window, payload.len()));
        // SAFETY: the type lives as long as the writer, whose samples Cyclone drops before it; the
        // sample is handed over, whatever the result.
        let result = unsafe {
            let key = (key, self.told_apart);
            let serdata = Serdata::write(self.ty, payload, key, status, time, next, share);
            match &self.batch {
                Some(batch) => batch.write(serdata, &self.endpoint.owner.shared),
                None => cyclors::dds_forwardcdr(self.endpoint.entity, serdata),
            }
        };
        match result {
            0.. => {
                *sequence = next;
                self.written.add(1);
                Ok(next)
            }
            DDS_RETCODE_TIMEOUT => Err(DdsWriteError::Timeout),
            error => Err(DdsWriteError::Backend(reason(error))),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(batch) = &self.batch {
            batch.close();
        }
    }
}

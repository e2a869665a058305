//! What typed and raw writers share: numbering, both transports, history for late joiners.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tidewire_idl::{Encoding, Endian, Guid, InstanceState, KeyHash, Representation};
use tidewire_qos::Qos;
use tidewire_qos::policy::{DataRepresentation, Durability, LivelinessKind};
use tidewire_shm::{ShmWriter, pulse_now};
use tidewire_transport::{Counter, EndpointSpec, HISTORY, Prefix, SampleMeta, now_ns};

use super::history::History;
use crate::backend::DdsWriter;
use crate::deadline::{DeadlineMissed, Deadlines};
use crate::error::{BusError, WriteError};
use crate::liveliness::Lease;
use crate::participant::{Core, OwnEndpoint};
use crate::support::{self, Role};

pub(crate) struct WriterCore {
    pub spec: EndpointSpec,
    pub guid: Guid,
    pub(super) core: Arc<Core>,
    pub(super) dds: Option<DdsWriter>,
    /// Whether a sample must go onto the wire: a matched reader elsewhere, or durability.
    wire: AtomicBool,
    written: Counter,
    /// How long samples live, in ns; `None` for ever.
    lifespan: Option<i64>,
    encoding: Encoding,
    /// How long it is alive without being asserted; `None` for ever.
    pub(super) lease: Option<Arc<Lease>>,
    pub(super) state: Mutex<State>,
}

/// What one write at a time may touch.
pub(crate) struct State {
    pub shm: Option<ShmWriter>,
    pub sequence: u64,
    /// Reused by every write: no allocation once it has grown to the type's size.
    pub buffer: Vec<u8>,
    /// The last key and its hash: most writers write one instance over and over.
    pub key: (Vec<u8>, KeyHash),
    history: Option<History>,
    deadlines: Option<Deadlines>,
    /// Whether a write matters to a policy of time: a deadline, or a lease that it renews.
    timed: bool,
    /// How many readers on shared memory have had the history, and whose.
    served: (usize, Vec<Prefix>),
}

impl WriterCore {
    pub fn new(core: &Arc<Core>, spec: EndpointSpec) -> Result<Arc<Self>, BusError> {
        support::check(&spec.topic, &spec.qos, Role::Writer, core.ways())?;
        let dds = match &core.dds {
            Some(dds) => Some(dds.writer(&spec)?),
            None => None,
        };
        let guid = match &dds {
            Some(dds) => dds.guid(),
            None => core.own_guid(&spec, true),
        };
        let shm = match &core.shm {
            Some(shm) => Some(shm.writer(&spec, guid)?),
            None => None,
        };
        let durable = spec.qos.durability > Durability::Volatile;
        let serves = durable && shm.is_some();
        let lease = Lease::new(spec.qos.liveliness).map(Arc::new);
        let manual = |lease: &Arc<Lease>| lease.kind != LivelinessKind::Automatic;
        let writer = Arc::new(Self {
            guid,
            core: core.clone(),
            wire: AtomicBool::new(durable && dds.is_some()),
            dds,
            written: Counter::default(),
            lifespan: spec.qos.lifespan.nanos().and_then(|nanos| i64::try_from(nanos).ok()),
            encoding: encoding(&spec.qos),
            state: Mutex::new(State {
                history: serves.then(|| History::new(&spec.qos)),
                deadlines: Deadlines::new(spec.qos.deadline),
                timed: !spec.qos.deadline.is_infinite() || lease.as_ref().is_some_and(manual),
                shm,
                sequence: 0,
                buffer: Vec::new(),
                key: Default::default(),
                served: Default::default(),
            }),
            lease,
            spec,
        });
        core.register(OwnEndpoint::Writer(Arc::downgrade(&writer)));
        // A reader may have matched before the writer was registered.
        writer.rematch();
        if serves {
            core.start_history()?;
        }
        if !writer.spec.qos.deadline.is_infinite() {
            core.start_watch()?;
        }
        if let Some(lease) = &writer.lease {
            core.start_pulse(lease)?;
        }
        Ok(writer)
    }

    /// Discovery has news: decide anew whether DDS must carry samples.
    pub fn rematch(&self) {
        let Some(dds) = &self.dds else { return };
        let durable = self.spec.qos.durability > Durability::Volatile;
        let wire = durable || dds.matched().iter().any(|r| !self.core.is_local(&r.prefix()));
        self.wire.store(wire, Ordering::Release);
    }

    /// Sends one change, both ways. `payload` is the sample, or the serialised key.
    pub fn send(
        &self,
        state: &mut State,
        change: InstanceState,
        key: KeyHash,
        source_time: i64,
        payload: &[u8],
    ) -> Result<(), WriteError> {
        let meta = self.next(state, change, key, source_time);
        self.serve(state);
        let shared = match &mut state.shm {
            Some(shm) => shm.send(&meta, payload).map_err(|e| WriteError::shm(&self.spec.topic, e)),
            None => Ok(Default::default()),
        };
        let wired = self.send_wire(&meta, || Bytes::copy_from_slice(payload));
        if let Some(history) = &mut state.history {
            history.keep(meta, Bytes::copy_from_slice(payload));
        }
        shared?;
        wired?;
        self.written.step();
        Ok(())
    }

    /// The header of the next change.
    #[inline]
    pub(super) fn next(
        &self,
        state: &mut State,
        change: InstanceState,
        key: KeyHash,
        source_time: i64,
    ) -> SampleMeta {
        state.sequence += 1;
        if state.timed {
            self.renew(state, change, key);
        }
        SampleMeta {
            expires: self.lifespan.map_or(0, |nanos| source_time.saturating_add(nanos)),
            writer: self.guid,
            sequence: state.sequence,
            source_time,
            key,
            state: change,
            ..SampleMeta::default()
        }
    }

    /// Policies of time: the instance has its sample, and the writer is alive.
    #[cold]
    fn renew(&self, state: &mut State, change: InstanceState, key: KeyHash) {
        if let Some(deadlines) = &mut state.deadlines {
            let now = now_ns();
            match change {
                InstanceState::Alive => deadlines.renew(key, now, now),
                InstanceState::Disposed | InstanceState::Unregistered => deadlines.end(&key),
            }
        }
        if let Some(lease) = &self.lease {
            let now = pulse_now();
            self.renew_lease(lease, now);
            if let Some(shm) = &state.shm {
                shm.assert_alive(now);
            }
        }
    }

    /// Onto the wire, if anyone there needs it.
    pub(super) fn send_wire(
        &self,
        meta: &SampleMeta,
        payload: impl FnOnce() -> Bytes,
    ) -> Result<(), WriteError> {
        let Some(dds) = &self.dds else { return Ok(()) };
        if !self.needs_wire() {
            return Ok(());
        }
        let sent = match meta.state {
            InstanceState::Alive => dds.write(payload(), meta.key, meta.source_time).map(drop),
            InstanceState::Disposed => dds.dispose(payload(), meta.key, meta.source_time),
            InstanceState::Unregistered => {
                let lifecycle = &self.spec.qos.writer_data_lifecycle;
                let dispose = lifecycle.autodispose_unregistered_instances;
                dds.unregister(payload(), meta.key, meta.source_time, dispose)
            }
        };
        sent.map_err(|error| WriteError::dds(&self.spec.topic, error))
    }

    #[inline]
    pub(super) fn needs_wire(&self) -> bool {
        self.wire.load(Ordering::Acquire)
    }

    #[inline]
    pub(super) fn keeps_history(state: &State) -> bool {
        state.history.is_some()
    }

    pub(super) fn keep(&self, state: &mut State, meta: SampleMeta, payload: Bytes) {
        if let Some(history) = &mut state.history {
            history.keep(meta, payload);
        }
    }

    /// How typed samples are encoded.
    #[inline]
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Whether a plain value's memory is its body.
    #[inline]
    pub(super) fn plain(&self) -> bool {
        self.encoding.representation == Representation::Xcdr1 && cfg!(target_endian = "little")
    }

    /// Counts a change; `state` is locked.
    #[inline]
    pub(super) fn count(&self) {
        self.written.step();
    }

    /// Sends history to readers on shared memory that have come since: also when nobody writes.
    pub fn serve_late_joiners(&self) {
        // A writer in the middle of a write serves them itself, and must not hold up the others.
        if self.spec.qos.durability > Durability::Volatile
            && let Some(mut state) = self.state.try_lock()
        {
            self.serve(&mut state);
        }
    }

    #[inline]
    pub(super) fn serve(&self, state: &mut State) {
        if state.history.is_some() {
            self.serve_history(state);
        }
    }

    fn serve_history(&self, state: &mut State) {
        let State { shm: Some(shm), history: Some(history), served, .. } = state else {
            return;
        };
        let (readers, owners) = (shm.matched(), shm.reader_participants());
        // A count alone would miss one reader that replaced another. Readers that have had the
        // history drop it by its sequence numbers.
        if readers > served.0 || owners.iter().any(|owner| !served.1.contains(owner)) {
            let now = now_ns();
            for (meta, payload) in history.in_order().filter(|(meta, _)| !meta.is_expired(now)) {
                let meta = SampleMeta { flags: meta.flags | HISTORY, ..meta };
                if let Err(error) = shm.send(&meta, &payload) {
                    tracing::warn!(
                        topic = self.spec.topic, %error,
                        "a late joiner did not get the whole history"
                    );
                    break;
                }
            }
        }
        *served = (readers, owners);
    }

    /// Deadlines that passed without a write.
    pub fn deadline_missed(&self) -> DeadlineMissed {
        self.state.lock().deadlines.as_ref().map_or_else(Default::default, Deadlines::missed)
    }

    /// Looks after the deadlines; says whether one was missed.
    pub fn watch(&self, now: i64) -> bool {
        // A write that waits for a reader renews what it is about when it is done.
        let Some(mut state) = self.state.try_lock() else { return false };
        state.deadlines.as_mut().is_some_and(|deadlines| deadlines.check(now))
    }

    /// Readers matched: on this host by shared memory, elsewhere by DDS.
    pub fn matched_readers(&self) -> usize {
        let shared = self.state.lock().shm.as_ref().map_or(0, ShmWriter::matched);
        let remote = self.dds.as_ref().map_or(0, |dds| {
            dds.matched().iter().filter(|reader| !self.core.is_local(&reader.prefix())).count()
        });
        shared + remote
    }

    pub fn wait_for_readers(&self, count: usize, timeout: Duration) -> Result<(), BusError> {
        let deadline = Instant::now() + timeout;
        loop {
            let epoch = self.core.wake.epoch();
            self.rematch();
            if self.matched_readers() >= count {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(BusError::NobodyThere {
                    what: "reader",
                    topic: self.spec.topic.clone(),
                    waited: timeout,
                    domain: self.core.domain,
                });
            }
            // Shared memory does not wake writers when a reader comes.
            self.core.wake.wait_since(epoch, left.min(Duration::from_millis(5)));
        }
    }

    pub fn written(&self) -> u64 {
        self.written.get()
    }

    pub fn dds_data_written(&self) -> u64 {
        self.dds.as_ref().map_or(0, DdsWriter::written)
    }

    /// Waits until every matched RELIABLE reader elsewhere has acknowledged everything.
    pub fn wait_for_acknowledgments(&self, timeout: Duration) -> bool {
        !self.needs_wire()
            || self.dds.as_ref().is_none_or(|dds| dds.wait_for_acknowledgments(timeout))
    }
}

/// How typed samples are encoded: as the QoS announces.
fn encoding(qos: &Qos) -> Encoding {
    let representation = match qos.representations()[0] {
        DataRepresentation::Xcdr2 => Representation::Xcdr2,
        _ => Representation::Xcdr1,
    };
    Encoding { representation, endian: Endian::Little }
}

//! What typed and raw writers share: numbering, both transports, history for late joiners.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tidewire_idl::{Encoding, Endian, Guid, InstanceState, KeyHash, Representation};
use tidewire_qos::Qos;
use tidewire_qos::policy::{DataRepresentation, Durability, LivelinessKind, Reliability};
use tidewire_shm::{ReaderId, ShmError, ShmWriter, pulse_now};
use tidewire_transport::buffer::{self, LEAD};
use tidewire_transport::{
    Counter, DISPOSES, EndpointSpec, HISTORY, HISTORY_START, SampleMeta, now_ns,
};

use super::history::History;
use super::registered::{Instances, Registered};
use crate::backend::DdsWriter;
use crate::deadline::Deadlines;
use crate::durable;
use crate::error::{BusError, WriteError};
use crate::liveliness::Lease;
use crate::participant::{Core, OwnEndpoint, OwnWriter};
use crate::status::Statuses;
use crate::support::{self, Role};

/// Bytes from which on a payload is not copied for DDS.
const HANDED_OVER: usize = 4096;

pub(crate) struct WriterCore {
    pub spec: EndpointSpec,
    pub guid: Guid,
    pub core: Arc<Core>,
    pub(super) dds: Option<DdsWriter>,
    /// Whether a sample must go onto the wire: a matched reader elsewhere, or durability.
    wire: AtomicBool,
    /// Held while that is decided: what was found out earlier must not be written down later.
    deciding: Mutex<()>,
    written: Counter,
    /// How long samples live, in ns; `None` for ever.
    lifespan: Option<i64>,
    encoding: Encoding,
    /// How long it is alive without being asserted; `None` for ever.
    pub(super) lease: Option<Arc<Lease>>,
    /// `max_blocking_time`, or an hour.
    patience: Duration,
    pub(super) state: Mutex<State>,
    pub statuses: Box<Statuses>,
    pub(super) registered: Registered,
    /// Those it has, if there is a limit. Not in `state`, which a loan holds.
    instances: Option<Mutex<Instances>>,
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
    pub(super) deadlines: Option<Deadlines>,
    /// Whether a write matters to a policy of time: a deadline, or a lease that it renews.
    timed: bool,
    served: Served,
}

/// The readers on shared memory that have had the history.
#[derive(Default)]
struct Served {
    readers: Vec<ReaderId>,
    /// The generation of the domain in which they were looked up.
    generation: Option<u64>,
    /// The same, for live samples: [`SampleMeta::looked`].
    looked: u32,
}

impl WriterCore {
    pub fn new(core: &Arc<Core>, spec: EndpointSpec) -> Result<Arc<Self>, BusError> {
        support::check(&spec.topic, &spec.qos, Role::Writer, core.ways())?;
        durable::check(core, &spec, "a writer")?;
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
            deciding: Mutex::default(),
            dds,
            written: Counter::default(),
            lifespan: spec.qos.lifespan.nanos().and_then(|nanos| i64::try_from(nanos).ok()),
            encoding: encoding(&spec.qos),
            patience: patience(&spec.qos),
            state: Mutex::new(State {
                history: serves.then(|| History::new(&spec.qos)),
                deadlines: Deadlines::new(spec.qos.deadline),
                timed: !spec.qos.deadline.is_infinite() || lease.as_ref().is_some_and(manual),
                shm,
                sequence: 0,
                buffer: Vec::new(),
                key: Default::default(),
                served: Served::default(),
            }),
            statuses: Statuses::new(),
            registered: Registered::default(),
            instances: Instances::new(&spec).map(Mutex::new),
            lease,
            spec,
        });
        let known = OwnWriter {
            guid: writer.guid,
            lifespan: writer.lifespan,
            strength: writer.spec.qos.ownership_strength,
        };
        core.register(OwnEndpoint::Writer(Arc::downgrade(&writer), known));
        // A reader may have matched before the writer was registered.
        writer.rematch();
        writer.statuses.review(core, &writer.spec, true);
        if serves {
            core.start_history()?;
        }
        if writer.is_timed() {
            core.start_watch()?;
        }
        if let Some(lease) = &writer.lease {
            core.start_pulse(lease)?;
        }
        Ok(writer)
    }

    /// Discovery has news: decide anew whether DDS must carry samples.
    pub fn rematch(&self) {
        if self.dds.is_some() {
            self.matched_over_dds();
            self.statuses.tell();
        }
        self.look();
    }

    /// The readers that DDS has matched. From here on samples go onto the wire if one of them is
    /// elsewhere: whoever is told of a reader may rely on that, though discovery's own call of
    /// [`rematch`](Self::rematch) is still to come.
    pub(super) fn matched_over_dds(&self) -> Vec<Guid> {
        let Some(dds) = &self.dds else { return Vec::new() };
        let _alone = self.deciding.lock();
        let matched = dds.matched();
        let durable = self.spec.qos.durability > Durability::Volatile;
        let wire = durable || matched.iter().any(|r| !self.core.is_local(&r.prefix()));
        self.wire.store(wire, Ordering::Release);
        matched
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
        let owned = || buffer::copied(payload);
        self.send_as(state, (change, key, source_time), payload, owned)
    }

    /// Sends one sample out of `buffer`, where it follows the lead, both ways. DDS is given the buffer itself
    /// where a copy would cost more than a new one, which is made by `another`.
    pub fn send_buffer(
        &self,
        state: &mut State,
        key: KeyHash,
        source_time: i64,
        mut buffer: Vec<u8>,
        another: impl FnOnce(usize) -> Vec<u8>,
    ) -> Result<(), WriteError> {
        let change = (InstanceState::Alive, key, source_time);
        let sent;
        if buffer.len() >= HANDED_OVER && self.needs_wire() {
            let payload = buffer::freeze(buffer);
            sent = self.send_as(state, change, &payload, || payload.clone());
            buffer = another(payload.len());
        } else {
            let payload = &buffer[LEAD..];
            sent = self.send_as(state, change, payload, || buffer::copied(payload));
        }
        state.buffer = buffer;
        sent
    }

    fn send_as(
        &self,
        state: &mut State,
        (change, key, source_time): (InstanceState, KeyHash, i64),
        payload: &[u8],
        owned: impl Fn() -> Bytes,
    ) -> Result<(), WriteError> {
        let admitted = self.admit(change, key)?;
        self.serve(state);
        let meta = self.next(state, change, key, source_time);
        let shared = match &mut state.shm {
            Some(shm) => shm.send(&meta, payload).map_err(|e| WriteError::shm(&self.spec.topic, e)),
            None => Ok(Default::default()),
        };
        let wired = self.send_wire(&meta, &owned);
        if let Some(history) = &mut state.history {
            history.keep(meta, owned());
        }
        // Who came while it was sent has not taken it: it comes again, with the rest.
        self.serve(state);
        let sent = shared.map(drop).and(wired);
        self.admitted(change, key, admitted, &sent);
        sent?;
        self.written.step();
        Ok(())
    }

    /// An instance that is new needs room under `max_instances`. Says whether it is and has some.
    #[inline]
    pub(super) fn admit(&self, change: InstanceState, key: KeyHash) -> Result<bool, WriteError> {
        let Some(instances) = &self.instances else { return Ok(false) };
        let mut instances = instances.lock();
        instances.admit(change, key).ok_or_else(|| WriteError::Instances {
            topic: self.spec.topic.clone(),
            limit: instances.limit,
        })
    }

    /// How it went with a change of an instance that was admitted, which may have been `new`.
    #[inline]
    pub(super) fn admitted(
        &self,
        change: InstanceState,
        key: KeyHash,
        new: bool,
        sent: &Result<(), WriteError>,
    ) {
        let Some(instances) = &self.instances else { return };
        let leaves = match sent {
            Ok(()) => change == InstanceState::Unregistered,
            // Somebody has it.
            Err(WriteError::Timeout { .. }) => false,
            Err(_) => new,
        };
        if leaves {
            instances.lock().leave(&key);
        }
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
            flags: state.served.looked
                | if change == InstanceState::Unregistered { self.unregister_flags() } else { 0 },
        }
    }

    fn unregister_flags(&self) -> u32 {
        let lifecycle = &self.spec.qos.writer_data_lifecycle;
        if lifecycle.autodispose_unregistered_instances { DISPOSES } else { 0 }
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
        // Before looking: who comes meanwhile is found in a later one.
        let generation = shm.generation();
        if served.generation == Some(generation) {
            return;
        }
        let readers = shm.readers();
        // Readers that have had the history drop it by its sequence numbers.
        if readers.iter().any(|reader| !served.readers.contains(reader)) {
            let (now, start) = (now_ns(), Instant::now());
            let mut flags = HISTORY | HISTORY_START;
            for (meta, payload) in history.in_order().filter(|(meta, _)| !meta.is_expired(now)) {
                let meta = SampleMeta { flags: meta.flags | flags, ..meta };
                if let Err(error) = shm.send(&meta, &payload) {
                    // A reader that is stopped misses what the newcomer gets; it is waited for once.
                    // If nobody got it, the next is the first.
                    let other = matches!(error, ShmError::WriteTimeout { .. });
                    if other && start.elapsed() <= 2 * self.patience {
                        continue;
                    }
                    tracing::warn!(
                        topic = self.spec.topic, %error,
                        "a late joiner did not get the whole history"
                    );
                    break;
                }
                flags = HISTORY;
            }
        }
        let looked = SampleMeta::looked(generation);
        *served = Served { readers, generation: Some(generation), looked };
    }

    /// Readers matched: on this host by shared memory, elsewhere by DDS.
    pub fn matched_readers(&self) -> usize {
        let shared = self.state.lock().shm.as_ref().map_or(0, ShmWriter::matched);
        let matched = self.matched_over_dds();
        let remote = matched.iter().filter(|reader| !self.core.is_local(&reader.prefix()));
        shared + remote.count()
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
            self.core.wait_since(epoch, left.min(Duration::from_millis(5)));
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

/// How long a write may wait.
fn patience(qos: &Qos) -> Duration {
    const LONG: Duration = Duration::from_secs(3600);
    match qos.reliability {
        Reliability::Reliable { max_blocking_time } => {
            max_blocking_time.to_std().map_or(LONG, |time| time.min(LONG))
        }
        Reliability::BestEffort => Duration::ZERO,
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

//! Writers: payloads onto the wire as they are, with flow control.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use rustdds::{GUID, WriteOptionsBuilder, no_key, with_key};
use tidewire_idl::{Guid, KeyHash};
use tidewire_qos::Qos;
use tidewire_qos::policy::{DataRepresentation, Reliability};
use tidewire_transport::dds::{DdsWriteError, check_payload};
use tidewire_transport::{Counter, now_ns};

use crate::inner::Inner;
use crate::key::RawKey;
use crate::payload::{RawAdapter, RawData};
use crate::poll::Command;
use crate::time::to_rtps;

/// Longest wait for a new reader's first acknowledgment.
const GREETING: Duration = Duration::from_millis(250);

/// Longest wait for Cyclone DDS to take up with a writer: RustDDS sends a first HEARTBEAT within a
/// second, and may have to repeat it.
const INTRODUCTION: Duration = Duration::from_secs(3);

/// How long after its last sample a RELIABLE writer stays: its readers' threads may have to wait for a
/// processor.
const LINGER: Duration = Duration::from_millis(250);

/// Vendor ids (RTPS 2.5, 9.3.1.3).
const FAST_DDS: [u8; 2] = [1, 0x0f];
const CYCLONE_DDS: [u8; 2] = [1, 0x10];

pub(crate) enum Port {
    Keyed(with_key::DataWriter<RawData, RawAdapter>),
    Unkeyed(no_key::DataWriter<RawData, RawAdapter>),
}

/// A writer on the wire; dropping it leaves the topic.
pub struct DdsWriter {
    pub(crate) port: Arc<Port>,
    pub(crate) guid: Guid,
    pub(crate) topic: String,
    pub(crate) announced: DataRepresentation,
    pub(crate) participant: Arc<Inner>,
    pub(crate) written: Counter,
    /// When the last sample was, ns since the Unix epoch.
    pub(crate) last: AtomicI64,
    pub(crate) greeted: Greeted,
}

/// Which readers have acknowledged a first sample; `None` if BEST_EFFORT.
pub(crate) struct Greeted {
    /// How long to wait for one that has not.
    pub patience: Option<Duration>,
    /// The participant's count of matches when we last looked.
    epoch: AtomicU64,
    readers: Mutex<BTreeSet<Guid>>,
    /// How long to wait for readers on Cyclone DDS before the first sample.
    introduction: Option<Duration>,
    /// Whether that is done.
    introduced: AtomicBool,
    /// The instance of the last sample, and whether somebody was told that it matters.
    last: Mutex<(KeyHash, bool)>,
}

impl Greeted {
    pub fn new(qos: &Qos) -> Self {
        let at_most = |limit: Duration| match qos.reliability {
            Reliability::Reliable { max_blocking_time } => {
                Some(max_blocking_time.to_std().map_or(limit, |time| time.min(limit)))
            }
            Reliability::BestEffort => None,
        };
        Self {
            patience: at_most(GREETING),
            introduction: at_most(INTRODUCTION),
            epoch: AtomicU64::new(0),
            readers: Mutex::default(),
            introduced: AtomicBool::new(false),
            last: Mutex::default(),
        }
    }
}

impl DdsWriter {
    /// Its GUID.
    pub fn guid(&self) -> Guid {
        self.guid
    }

    /// Readers matched now.
    pub fn matched(&self) -> Vec<Guid> {
        self.participant.discovered.lock().matched(&self.guid)
    }

    /// Samples handed to RTPS so far, disposes included.
    pub fn written(&self) -> u64 {
        self.written.get()
    }

    /// Writes `payload`, header included, as written at `source_time` (ns since the Unix epoch), and
    /// returns its RTPS sequence number. Waits up to `max_blocking_time` if RELIABLE.
    pub fn write(
        &self,
        payload: Bytes,
        key: KeyHash,
        source_time: i64,
    ) -> Result<u64, DdsWriteError> {
        check_payload(&payload, self.announced)?;
        self.introduce();
        if matches!(*self.port, Port::Keyed(_)) {
            self.greeted.last.lock().0 = key;
        }
        let options = WriteOptionsBuilder::new().source_timestamp(to_rtps(source_time)).build();
        let data = RawData { payload, key };
        let id = match &*self.port {
            Port::Keyed(writer) => writer.write_with_options(data, options),
            Port::Unkeyed(writer) => writer.write_with_options(data, options),
        }
        .map_err(|error| translate(error.forget_data()))?;
        self.written.add(1);
        self.last.store(now_ns(), Ordering::Relaxed);
        self.greet();
        Ok(i64::from(id.sequence_number) as u64)
    }

    /// Disposes the instance whose serialised key, header included, is `key_payload`.
    pub fn dispose(
        &self,
        key_payload: Bytes,
        key: KeyHash,
        source_time: i64,
    ) -> Result<(), DdsWriteError> {
        check_payload(&key_payload, self.announced)?;
        let Port::Keyed(writer) = &*self.port else {
            return Err(DdsWriteError::NoKey(self.topic.clone()));
        };
        self.warn_of_dispose(key);
        writer
            .dispose(&RawKey { hash: key, payload: key_payload }, Some(to_rtps(source_time)))
            .map_err(translate)?;
        self.written.add(1);
        self.last.store(now_ns(), Ordering::Relaxed);
        self.greet();
        Ok(())
    }

    /// Before the first sample of all: waits until readers on Cyclone DDS have taken up with us.
    ///
    /// They take samples only after a first HEARTBEAT, and what that covers for history. RustDDS sends
    /// none before there is a sample, but for one that may come before the reader knows the writer. So
    /// there is one first: meant for nobody, which all others are told by a GAP.
    fn introduce(&self) {
        let Some(patience) = self.greeted.introduction else { return };
        if self.greeted.introduced.load(Ordering::Acquire) {
            return;
        }
        if self.written.get() == 0 {
            if self.matched().is_empty() {
                return;
            }
            if self.greeted.introduced.swap(true, Ordering::AcqRel) || !self.serves(CYCLONE_DDS) {
                return;
            }
            let options = WriteOptionsBuilder::new().to_single_reader(GUID::GUID_UNKNOWN).build();
            let data =
                RawData { payload: Bytes::from_static(&[0, 1, 0, 0]), key: KeyHash::default() };
            let written = match &*self.port {
                Port::Keyed(writer) => writer.write_with_options(data, options).is_ok(),
                Port::Unkeyed(writer) => writer.write_with_options(data, options).is_ok(),
            };
            if !written || !self.wait_for_acknowledgments(patience) {
                tracing::debug!(topic = self.topic, "a Cyclone DDS reader has not answered yet");
            }
        }
        self.greeted.introduced.store(true, Ordering::Release);
    }

    /// Whether a matched reader is on this vendor's DDS.
    fn serves(&self, vendor: [u8; 2]) -> bool {
        let discovered = self.participant.discovered.lock();
        let of = |reader: &Guid| discovered.participants.get(&reader.prefix());
        discovered.matched(&self.guid).iter().filter_map(of).any(|them| them.vendor == vendor)
    }

    /// RustDDS sends the key of a dispose, but no key hash, and Fast DDS 2.9 looks at nothing else: it
    /// takes the instance it heard of last for the one that is gone.
    fn warn_of_dispose(&self, key: KeyHash) {
        let mut last = self.greeted.last.lock();
        if last.0 != key && !last.1 && self.serves(FAST_DDS) {
            last.1 = true;
            tracing::warn!(
                topic = self.topic,
                "a Fast DDS reader will take this dispose for one of the instance written last: \
                 write a sample of an instance right before its dispose"
            );
        }
    }

    /// After the first sample a new reader can get: waits until it has acknowledged it.
    ///
    /// RustDDS sends a HEARTBEAT when it matches a reader, often before the reader knows the writer,
    /// and then none until there is data. A VOLATILE Cyclone DDS reader takes everything up to the
    /// last number of the first HEARTBEAT it understands for history that it did not ask for; in a
    /// burst that number is far ahead of the samples. With one sample under way it is just that one.
    fn greet(&self) {
        let Some(patience) = self.greeted.patience else { return };
        let epoch = self.participant.matches.load(Ordering::Acquire);
        if self.greeted.epoch.swap(epoch, Ordering::AcqRel) == epoch {
            return;
        }
        let matched: BTreeSet<Guid> = self.matched().into_iter().collect();
        let mut readers = self.greeted.readers.lock();
        let news = !matched.is_subset(&readers);
        *readers = matched;
        drop(readers);
        if news && !self.wait_for_acknowledgments(patience) {
            tracing::debug!(
                topic = self.topic,
                "a new reader has not acknowledged its first sample"
            );
        }
    }

    /// Waits until every matched RELIABLE reader has acknowledged everything written.
    pub fn wait_for_acknowledgments(&self, timeout: Duration) -> bool {
        match &*self.port {
            Port::Keyed(writer) => writer.wait_for_acknowledgments(timeout),
            Port::Unkeyed(writer) => writer.wait_for_acknowledgments(timeout),
        }
        .unwrap_or(false)
    }
}

impl Drop for DdsWriter {
    /// It leaves later if its last sample was just now: a reader on RustDDS forgets what its program has
    /// not taken yet of a writer that leaves, acknowledged or not.
    fn drop(&mut self) {
        let heard = !self.matched().is_empty();
        self.participant.discovered.lock().matches.remove(&self.guid);
        let age = now_ns().saturating_sub(self.last.load(Ordering::Relaxed));
        let left = LINGER.saturating_sub(Duration::from_nanos(age.max(0) as u64));
        if heard && self.greeted.patience.is_some() && !left.is_zero() {
            let due = Instant::now() + left;
            self.participant.command(Command::Retire(due, self.port.clone()));
        }
    }
}

fn translate(error: rustdds::dds::WriteError<()>) -> DdsWriteError {
    match error {
        rustdds::dds::WriteError::WouldBlock { .. } => DdsWriteError::Timeout,
        other => DdsWriteError::Backend(other.to_string()),
    }
}

//! Readers: where the receive thread puts what arrives.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard};
use rustdds::with_key::Sample;
use rustdds::{ReadCondition, no_key, with_key};
use tidewire_idl::{Guid, InstanceState, KeyHash};
use tidewire_transport::dds::{DdsSample, Discovered, Sink};
use tidewire_transport::{Counter, Prefix};

use crate::cache::Room;
use crate::discovery::guid;
use crate::participant::Inner;
use crate::payload::{RawAdapter, RawData, with_sink};
use crate::poll::Command;
use crate::time::from_rtps;

/// A reader on the wire; dropping it leaves the topic.
pub struct DdsReader {
    pub(crate) guid: Guid,
    pub(crate) token: usize,
    pub(crate) participant: Arc<Inner>,
    pub(crate) foreign: Arc<Counter>,
    /// The receive thread's: it ends with the participant, whatever of the user's readers is left.
    pub(crate) inbox: Weak<Inbox>,
}

impl DdsReader {
    /// Its GUID.
    pub fn guid(&self) -> Guid {
        self.guid
    }

    /// Writers matched now.
    pub fn matched(&self) -> Vec<Guid> {
        self.participant.discovered.lock().matched(&self.guid)
    }

    /// Moves what has arrived to the sink on the caller's thread: whoever polls need not wait for the
    /// receive thread to be scheduled. Nothing happens if that is at it already. Whether all that has
    /// arrived is with the sink now.
    pub fn pump(&self) -> bool {
        let Some(inbox) = self.inbox.upgrade() else { return false };
        loop {
            let Some(mut entry) = inbox.entry.try_lock() else { return false };
            let waited = !entry.parked.is_empty();
            if !waited {
                inbox.missed.store(false, Ordering::Relaxed);
                let run = || entry.drain(&self.participant.discovered, Some(self.guid.prefix()));
                if catch_unwind(AssertUnwindSafe(run)).is_err() {
                    let _ =
                        self.participant.failed.set("a reader panicked inside RustDDS".to_owned());
                    return false;
                }
            }
            let parked = !entry.parked.is_empty();
            drop(entry);
            let missed = inbox.was_missed();
            if parked && (missed || !waited) {
                self.participant.command(Command::Drain(self.token));
            }
            if parked || !missed {
                return !parked;
            }
        }
    }

    /// Samples dropped because their writer announced another type on the same topic name.
    pub fn foreign(&self) -> u64 {
        self.foreign.get()
    }
}

impl Drop for DdsReader {
    fn drop(&mut self) {
        self.participant.command(Command::Remove(self.token));
    }
}

pub(crate) enum Port {
    Keyed(with_key::DataReader<RawData, RawAdapter>),
    Unkeyed(no_key::SimpleDataReader<RawData, RawAdapter>),
}

impl Port {
    pub fn source(&mut self) -> &mut dyn mio::event::Source {
        match self {
            Self::Keyed(reader) => reader,
            Self::Unkeyed(reader) => reader,
        }
    }
}

/// A reader as the receive thread and pollers share it.
pub(crate) struct Inbox {
    entry: Mutex<Entry>,
    /// Whether the receive thread came while a poller was at it, which looks again then.
    missed: AtomicBool,
}

impl Inbox {
    pub fn new(entry: Entry) -> Self {
        Self { entry: Mutex::new(entry), missed: AtomicBool::new(false) }
    }

    /// Before anybody else has it.
    pub fn lock(&self) -> MutexGuard<'_, Entry> {
        self.entry.lock()
    }

    /// Something has arrived: it goes to the sink now, or a poller that is at it takes it there.
    ///
    /// If the receive thread waited for the lock instead, pollers would have to hand it over, and could do
    /// nothing until that thread has a processor: milliseconds, where pollers keep all of them busy.
    pub fn arrived(&self, discovered: &Mutex<Discovered>) {
        self.missed.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if let Some(mut entry) = self.entry.try_lock() {
            self.missed.store(false, Ordering::Relaxed);
            entry.drain(discovered, None);
        }
    }

    /// What a poller has left is for the receive thread alone.
    pub fn drain(&self, discovered: &Mutex<Discovered>) {
        let mut entry = self.entry.lock();
        self.missed.store(false, Ordering::Relaxed);
        entry.drain(discovered, None);
    }

    /// Forgets what is known of writers.
    pub fn forget(&self, discovered: &Mutex<Discovered>, stale: impl Fn(&Guid, bool) -> bool) {
        self.entry.lock().same_type.retain(|writer, same| !stale(writer, *same));
        if self.was_missed() {
            self.arrived(discovered);
        }
    }

    /// To be asked by whoever has given the lock back. Only who holds it says no again, before it looks:
    /// who finds it taken leaves the answer to that one.
    fn was_missed(&self) -> bool {
        fence(Ordering::SeqCst);
        self.missed.load(Ordering::Relaxed)
    }
}

/// What they share.
pub(crate) struct Entry {
    pub port: Port,
    pub sink: Arc<dyn Sink>,
    pub topic: String,
    pub type_name: String,
    /// Samples the receive cache holds now, and how to make it hold more.
    pub room: Room,
    pub grow: Box<dyn Fn(i32) + Send>,
    pub foreign: Arc<Counter>,
    /// Whether a writer's type is ours: RustDDS matches by topic name alone.
    pub same_type: HashMap<Guid, bool>,
    /// Samples a poller found of a writer that the receive thread has not heard of yet, and all after
    /// them. The receive thread hears of writers first.
    pub parked: Vec<DdsSample>,
}

impl Entry {
    /// Moves everything that has arrived to the sink. A poller of participant `poller` leaves what only
    /// the receive thread can judge.
    pub fn drain(&mut self, discovered: &Mutex<Discovered>, poller: Option<Prefix>) {
        let mut batch = std::mem::take(&mut self.parked);
        let parked = batch.len();
        let Self { port, sink, topic, .. } = self;
        with_sink(sink, || match port {
            Port::Keyed(reader) => take_keyed(reader, &mut batch, topic),
            Port::Unkeyed(reader) => take_unkeyed(reader, &mut batch, topic),
        });
        if batch.is_empty() {
            return;
        }
        let waited = batch.len() - parked;
        let largest = batch.iter().map(|sample| sample.payload.len()).max().unwrap_or(0);
        for sample in batch {
            if !self.parked.is_empty()
                || poller.is_some_and(|own| !self.is_known(&sample.writer, own, discovered))
            {
                self.parked.push(sample);
                continue;
            }
            if self.is_ours(&sample.writer, discovered) {
                self.sink.deliver(sample);
            } else {
                self.foreign.add(1);
            }
        }
        self.sink.flush();
        if let Some(room) = self.room.grown(waited, largest) {
            (self.grow)(room);
        }
    }

    fn is_known(&self, writer: &Guid, own: Prefix, discovered: &Mutex<Discovered>) -> bool {
        self.same_type.contains_key(writer)
            || writer.prefix() == own
            || discovered.lock().writer_type(writer).is_some()
    }

    fn is_ours(&mut self, writer: &Guid, discovered: &Mutex<Discovered>) -> bool {
        if let Some(same) = self.same_type.get(writer) {
            return *same;
        }
        let discovered = discovered.lock();
        // A writer of this very participant is not in the table; the bus has made it with a type.
        let Some(theirs) = discovered.writer_type(writer) else {
            return true;
        };
        let same = theirs == self.type_name;
        if !same {
            tracing::warn!(
                topic = self.topic, ours = self.type_name, theirs, %writer,
                "a writer uses another type on this topic: its samples are dropped"
            );
        }
        self.same_type.insert(*writer, same);
        same
    }
}

fn take_keyed(
    reader: &mut with_key::DataReader<RawData, RawAdapter>,
    batch: &mut Vec<DdsSample>,
    topic: &str,
) {
    loop {
        match reader.take(usize::MAX, ReadCondition::any()) {
            Ok(samples) => {
                batch.extend(samples.into_iter().map(|sample| {
                    let info = sample.sample_info();
                    let id = info.sample_identity();
                    let source_time = info.source_timestamp().map_or(0, from_rtps);
                    let (key, state, payload) = match sample.into_value() {
                        Sample::Value(data) => (data.key, InstanceState::Alive, data.payload),
                        Sample::Dispose(key) => (key.hash, InstanceState::Disposed, key.payload),
                    };
                    DdsSample {
                        writer: guid(id.writer_guid),
                        sequence: i64::from(id.sequence_number) as u64,
                        source_time,
                        key,
                        state,
                        payload,
                    }
                }));
                return;
            }
            Err(error) => {
                tracing::warn!(topic, %error, "a sample that cannot be read was dropped");
                if fatal(&error) {
                    return;
                }
            }
        }
    }
}

fn take_unkeyed(
    reader: &no_key::SimpleDataReader<RawData, RawAdapter>,
    batch: &mut Vec<DdsSample>,
    topic: &str,
) {
    reader.drain_read_notifications();
    loop {
        match reader.try_take_one() {
            Ok(Some(change)) => batch.push(DdsSample {
                writer: guid(change.writer_guid),
                sequence: i64::from(change.sequence_number) as u64,
                source_time: change.source_timestamp().map_or(0, from_rtps),
                key: KeyHash::default(),
                state: InstanceState::Alive,
                payload: change.sample.payload,
            }),
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(topic, %error, "a sample that cannot be read was dropped");
                if fatal(&error) {
                    return;
                }
            }
        }
    }
}

/// Errors after which asking again gives the same one.
fn fatal(error: &rustdds::dds::ReadError) -> bool {
    !matches!(error, rustdds::dds::ReadError::Deserialization { .. })
}

//! Readers, and how their samples are taken off RustDDS.

use std::sync::{Arc, Weak};
use std::task::Waker;

use rustdds::with_key::Sample;
use rustdds::{ReadCondition, Timestamp, no_key, with_key};
use tidewire_idl::{Guid, InstanceState, KeyHash};
use tidewire_transport::Counter;
use tidewire_transport::dds::DdsSample;

use crate::discovery::guid;
use crate::inbox::Inbox;
use crate::participant::Inner;
use crate::payload::{RawAdapter, RawData};
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
    /// receive thread to be scheduled. Nothing happens if another thread is at it already. Whether all
    /// that has arrived is with the sink now.
    pub fn pump(&self) -> bool {
        self.inbox.upgrade().is_some_and(|inbox| inbox.poll(&self.participant, self.guid.prefix()))
    }

    /// As [`pump`](Self::pump), with a look for what nobody was told of.
    pub fn pump_all(&self) -> bool {
        if let Some(inbox) = self.inbox.upgrade() {
            inbox.bell.suspect();
        }
        self.pump()
    }

    /// Says whether the sink calls somebody when it is flushed, who expects to be called on the receive
    /// thread: it is told of what arrives from now on. Who polls all the same takes samples there.
    pub fn set_called(&self, called: bool) {
        if let Some(inbox) = self.inbox.upgrade() {
            inbox.bell.set_called(called);
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

/// A bell is hung up so many times before notifications are drained that nobody waits for: RustDDS writes a
/// byte into a socket for each, which has room for some 270.
const QUIET: u32 = 64;

pub(crate) enum Port {
    Keyed(with_key::DataReader<RawData, RawAdapter>),
    /// And how often a bell was hung up.
    Unkeyed(no_key::SimpleDataReader<RawData, RawAdapter>, u32),
}

impl Port {
    /// Whether RustDDS can be given a waker: it keeps that of keyed readers to itself.
    pub fn has_bell(&self) -> bool {
        matches!(self, Self::Unkeyed(..))
    }

    /// To be polled for, where there is no bell.
    pub fn source(&mut self) -> Option<&mut dyn mio::event::Source> {
        match self {
            Self::Keyed(reader) => Some(reader),
            Self::Unkeyed(..) => None,
        }
    }

    /// Takes everything that has arrived, and has `bell` called once at the next arrival.
    pub fn take(&mut self, batch: &mut Vec<DdsSample>, topic: &str, bell: Option<&Waker>) {
        match self {
            Self::Keyed(reader) => take_keyed(reader, batch, topic),
            Self::Unkeyed(reader, times) => {
                // First what is there: RustDDS may be calling the bell still, and would be waited for.
                take_unkeyed(reader, batch, topic, Timestamp::ZERO);
                if bell.is_some() {
                    if *times % QUIET == 0 {
                        reader.drain_read_notifications();
                    }
                    *times = times.wrapping_add(1);
                    reader.set_waker(bell.cloned());
                }
                // Then what came meanwhile. It also ends at a dispose, which a topic without key has no use for.
                take_unkeyed(reader, batch, topic, Timestamp::ZERO);
            }
        }
    }

    /// As [`take`](Self::take) for a VOLATILE reader just made, without what came before `made`: all readers
    /// of a topic in a participant share what RustDDS keeps of it.
    pub fn take_new(&mut self, batch: &mut Vec<DdsSample>, topic: &str, made: Timestamp) {
        match self {
            Self::Keyed(reader) => {
                // It does not tell when they came; nobody has had the time to hear of it.
                take_keyed(reader, batch, topic);
                batch.clear();
            }
            Self::Unkeyed(reader, _) => take_unkeyed(reader, batch, topic, made),
        }
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
    since: Timestamp,
) {
    loop {
        match reader.try_take_one() {
            Ok(None) => return,
            Ok(Some(change)) if change.receive_instant < since => {}
            Ok(Some(change)) => batch.push(DdsSample {
                writer: guid(change.writer_guid),
                sequence: i64::from(change.sequence_number) as u64,
                source_time: change.source_timestamp().map_or(0, from_rtps),
                key: KeyHash::default(),
                state: InstanceState::Alive,
                payload: change.sample.payload,
            }),
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

//! Readers, and how their samples are taken off RustDDS.

use std::sync::{Arc, Weak};
use std::task::Waker;

use rustdds::{Timestamp, no_key};
use tidewire_idl::{Guid, InstanceState, KeyHash};
use tidewire_transport::Counter;
use tidewire_transport::dds::DdsSample;

use crate::discovery::guid;
use crate::inbox::Inbox;
use crate::inner::Inner;
use crate::keyed::KeyedReader;
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
            // What rang before that thread was to be told.
            self.participant.command(Command::Arrived(self.token));
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

/// How often it is tried at a time to hang up the bell of a keyed reader, which takes that nothing arrives.
const ATTEMPTS: u32 = 4;

pub(crate) enum Port {
    Keyed(KeyedReader),
    /// And how often a bell was hung up.
    Unkeyed(Box<no_key::SimpleDataReader<RawData, RawAdapter>>, u32),
}

impl Port {
    /// Takes everything that has arrived, and has `bell`, if given, called once at the next arrival.
    ///
    /// First what is there, then the bell: RustDDS may be calling it still, and would be waited for. Then
    /// what came meanwhile. Whether the bell is hung up: not where samples arrive as fast as they are taken.
    pub fn take(&mut self, batch: &mut Vec<DdsSample>, topic: &str, bell: Option<&Waker>) -> bool {
        match self {
            Self::Keyed(reader) => {
                reader.take(batch, topic);
                let Some(bell) = bell else { return false };
                for _ in 0..ATTEMPTS {
                    if reader.hang_up(bell, batch, topic) {
                        return true;
                    }
                    reader.take(batch, topic);
                }
                false
            }
            Self::Unkeyed(reader, times) => {
                take_unkeyed(reader, batch, topic, Timestamp::ZERO);
                let Some(bell) = bell else { return false };
                if *times % QUIET == 0 {
                    reader.drain_read_notifications();
                }
                *times = times.wrapping_add(1);
                reader.set_waker(Some(bell.clone()));
                // It also ends at a dispose, which a topic without key has no use for.
                take_unkeyed(reader, batch, topic, Timestamp::ZERO);
                true
            }
        }
    }

    /// As [`take`](Self::take) without a bell, for a VOLATILE reader just made, and without what came before
    /// `made`: all readers of a topic in a participant share what RustDDS keeps of it.
    pub fn take_new(&mut self, batch: &mut Vec<DdsSample>, topic: &str, made: Timestamp) {
        match self {
            Self::Keyed(reader) => {
                // It does not tell when they came: what was written later did.
                reader.take(batch, topic);
                batch.retain(|sample| sample.source_time >= from_rtps(made));
            }
            Self::Unkeyed(reader, _) => take_unkeyed(reader, batch, topic, made),
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
pub(crate) fn fatal(error: &rustdds::dds::ReadError) -> bool {
    !matches!(error, rustdds::dds::ReadError::Deserialization { .. })
}

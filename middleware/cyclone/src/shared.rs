//! What calls from Cyclone may touch: what is known of the domain, and the way to the event thread.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crossbeam_channel::Sender;
use cyclors::dds_entity_t;
use parking_lot::{Mutex, RwLock};
use tidewire_idl::Guid;
use tidewire_transport::Prefix;
use tidewire_transport::dds::{DdsEvent, DdsStatus, Discovered};

use crate::anchor::Anchor;
use crate::batch::Batch;
use crate::endpoint::Own;
use crate::matches::Matches;
use crate::types::TypeInfo;

type Observer = Box<dyn Fn(&DdsEvent) + Send + Sync>;

/// News for the event thread, which alone calls observers.
pub(crate) enum Note {
    Event(Box<DdsEvent>),
    /// See whom this endpoint matches now, and whom it cannot.
    Review(dds_entity_t),
    /// A status of this endpoint; of a writer with this instance handle, if it tells of one.
    Status(dds_entity_t, DdsStatus, u64),
    /// Send what waits in this writer, then.
    Flush(Instant, Arc<Batch>),
    Stop,
}

/// Holds no entity, so that whoever drops it last need not delete one.
pub(crate) struct Shared {
    pub prefix: Prefix,
    pub discovered: Mutex<Discovered>,
    pub observers: RwLock<Vec<Observer>>,
    pub failed: OnceLock<String>,
    /// Under DDS Security, where a participant may come to an end by itself.
    pub secured: bool,
    /// Our endpoints.
    pub own: Mutex<HashMap<dds_entity_t, Own>>,
    /// Whom they are matched with.
    pub matches: Matches,
    /// What others' endpoints have announced of their types.
    pub types: Mutex<HashMap<Guid, TypeInfo>>,
    pub notes: Sender<Note>,
    pub anchor: Anchor,
}

impl Shared {
    pub fn new(prefix: Prefix, secured: bool, notes: Sender<Note>) -> Self {
        Self {
            prefix,
            discovered: Mutex::default(),
            observers: RwLock::default(),
            failed: OnceLock::new(),
            secured,
            own: Mutex::default(),
            matches: Matches::default(),
            types: Mutex::default(),
            notes,
            anchor: Anchor::default(),
        }
    }

    pub fn note(&self, note: Note) {
        // After the thread has ended there is nobody left to tell.
        let _ = self.notes.send(note);
    }

    /// Notes what discovery has told, at once, and has observers told on the event thread.
    pub fn discover(&self, event: DdsEvent) {
        if self.discovered.lock().apply(&event) {
            self.note(Note::Event(Box::new(event)));
        }
    }

    pub fn fail(&self, reason: &str) {
        if self.failed.set(reason.to_owned()).is_ok() {
            tracing::error!(reason, "the DDS backend has stopped");
        }
    }
}

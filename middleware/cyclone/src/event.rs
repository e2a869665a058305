//! The event thread: calls observers, which may do what calls from Cyclone must not.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use cyclors::{dds_entity_t, dds_instance_handle_t};
use tidewire_idl::Guid;
use tidewire_transport::dds::{DdsEvent, DdsStatus};

use crate::batch::Due;
use crate::shared::{Note, Shared};
use crate::sys::{guid_of_entity, guid_shown};

/// Joined when the participant goes.
pub(crate) struct EventThread {
    shared: Arc<Shared>,
    handle: Option<JoinHandle<()>>,
}

impl EventThread {
    pub fn spawn(shared: Arc<Shared>, notes: Receiver<Note>) -> Result<Self, std::io::Error> {
        let of_thread = shared.clone();
        let handle = std::thread::Builder::new()
            .name("tidewire-dds".into())
            .spawn(move || run(&of_thread, &notes))?;
        Ok(Self { shared, handle: Some(handle) })
    }
}

impl Drop for EventThread {
    fn drop(&mut self) {
        self.shared.note(Note::Stop);
        if let Some(handle) = self.handle.take()
            && handle.thread().id() != std::thread::current().id()
        {
            let _ = handle.join();
        }
    }
}

fn run(shared: &Shared, notes: &Receiver<Note>) {
    let mut due = Due::default();
    loop {
        let note = match due.next() {
            Some(at) => notes.recv_deadline(at),
            None => notes.recv().map_err(RecvTimeoutError::from),
        };
        due.flush();
        let note = match note {
            Ok(note) => note,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        match note {
            Note::Flush(at, batch) => due.add(at, batch),
            Note::Event(event) => tell(shared, &event),
            Note::Review(entity) => review(shared, entity),
            Note::Status(entity, status, writer) => {
                let Some(local) = guid_of_entity(entity) else { continue };
                let status = match status {
                    DdsStatus::LivelinessChanged { is_alive, alive, not_alive, .. } => {
                        let writer = guid_of_remote(entity, false, writer);
                        DdsStatus::LivelinessChanged { writer, is_alive, alive, not_alive }
                    }
                    other => other,
                };
                tell(shared, &DdsEvent::Status { local, status });
            }
            Note::Stop => return,
        }
    }
}

fn tell(shared: &Shared, event: &DdsEvent) {
    for observer in shared.observers.read().iter() {
        observer(event);
    }
}

/// Compares whom `entity` is matched with to what we have told, and looks whom its policies keep away.
fn review(shared: &Shared, entity: dds_entity_t) {
    let Some((local, writer)) = shared.own.lock().get(&entity).map(|own| (own.guid, own.writer))
    else {
        return;
    };
    let now = matched(entity, writer);
    let before: BTreeSet<Guid> = shared.discovered.lock().matched(&local).into_iter().collect();
    let came = now.difference(&before).map(|remote| DdsEvent::Matched { local, remote: *remote });
    let went = before.difference(&now).map(|remote| DdsEvent::Unmatched { local, remote: *remote });
    let mut events: Vec<DdsEvent> = came.chain(went).collect();
    {
        let mut own = shared.own.lock();
        let Some(own) = own.get_mut(&entity) else { return };
        let mut discovered = shared.discovered.lock();
        events.retain(|event| discovered.apply(event));
        events.extend(own.incompatible(&discovered));
    }
    for event in events {
        tell(shared, &event);
    }
}

/// The endpoints `entity` is matched with.
fn matched(entity: dds_entity_t, writer: bool) -> BTreeSet<Guid> {
    let mut handles: Vec<dds_instance_handle_t> = vec![0; 16];
    loop {
        // SAFETY: `handles` has room for as many as it says; an entity that is gone gives an error.
        let count = unsafe {
            let (at, room) = (handles.as_mut_ptr(), handles.len());
            if writer {
                cyclors::dds_get_matched_subscriptions(entity, at, room)
            } else {
                cyclors::dds_get_matched_publications(entity, at, room)
            }
        };
        let count = usize::try_from(count).unwrap_or(0);
        if count > handles.len() {
            handles.resize(count, 0);
            continue;
        }
        handles.truncate(count);
        return handles.iter().filter_map(|at| guid_of_remote(entity, writer, *at)).collect();
    }
}

/// The GUID of the endpoint that `entity` knows by `handle`.
fn guid_of_remote(
    entity: dds_entity_t,
    writer: bool,
    handle: dds_instance_handle_t,
) -> Option<Guid> {
    // SAFETY: unknown handles give null; what is given is ours to free.
    unsafe {
        let endpoint = if writer {
            cyclors::dds_get_matched_subscription_data(entity, handle)
        } else {
            cyclors::dds_get_matched_publication_data(entity, handle)
        };
        let guid = guid_shown(&endpoint.as_ref()?.key);
        cyclors::dds_builtintopic_free_endpoint(endpoint);
        Some(guid)
    }
}

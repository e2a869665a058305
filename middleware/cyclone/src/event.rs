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
                        let writer = guid_of_writer(entity, writer);
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
    let Some(local) = shared.own.lock().get(&entity).map(|own| own.guid) else { return };
    let now = shared.matches.of(entity);
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

/// The GUID of the writer that our `reader` knows by `handle`.
fn guid_of_writer(reader: dds_entity_t, handle: dds_instance_handle_t) -> Option<Guid> {
    // SAFETY: unknown handles give null; what is given is ours to free.
    unsafe {
        let writer = cyclors::dds_get_matched_publication_data(reader, handle);
        let guid = guid_shown(&writer.as_ref()?.key);
        cyclors::dds_builtintopic_free_endpoint(writer);
        Some(guid)
    }
}
